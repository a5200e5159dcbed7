"""Where the model looks at a recording, against postures whose truth is known."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from posture_cam.pose.person import shift_of
from posture_cam.records import Frame, Pose
from posture_cam.session.looking import Looking, Seen, SparingLooks
from posture_cam.settings import load_settings
from posture_cam.source import Glimpse, small_grey
from tests.builders import SIZE_WH, side_pose

SETTINGS = load_settings()
SPARING = SETTINGS.sparing
RATE_HZ = 5.0
NOISE = np.random.default_rng(3)
# Neck inclinations of postures that differ clearly; None is nobody.
POSTURES: list[float | None] = [0.0, 12.0, 30.0, 50.0, None]


class Sitting:
    """A recording of which every posture is known.

    Args:
        postures: By sample: neck inclination, or None for nobody.
        fidgets: Something beside the person changes in every picture.
        damaged: Samples whose pictures cannot be made.
        keys_every: Samples from key picture to key picture; those between are decoded on demand.
    """

    def __init__(
        self,
        postures: list[float | None],
        *,
        fidgets: bool = False,
        damaged: frozenset[int] = frozenset(),
        keys_every: int = 1,
    ) -> None:
        self.postures, self.damaged = postures, damaged
        self.fidgets, self.keys_every = fidgets, keys_every
        self.last_key = (len(postures) - 1) // keys_every * keys_every
        self.decoded: set[int] = set()
        self.looked_at: list[float] = []

    def pose(self, number: int) -> Pose | None:
        """The true pose of a sample."""
        neck_deg = self.postures[number]
        return None if neck_deg is None else side_pose(number / RATE_HZ, neck_deg=neck_deg)

    def image(self, number: int) -> NDArray[np.uint8]:
        """A picture that shows the posture of a sample."""
        image = np.full((SIZE_WH[1] // 4, SIZE_WH[0] // 4, 3), 60.0)
        pose = self.pose(number)
        if pose is not None:
            for x, y in pose.landmarks[:13, :2]:
                column, row = round(x * image.shape[1]), round(y * image.shape[0])
                image[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4] = 170.0
        if self.fidgets:
            image[-30:, :40] += NOISE.uniform(-50, 50)
        return np.clip(image + NOISE.normal(0, 4, image.shape), 0, 255).astype(np.uint8)

    def _picture(self, number: int) -> NDArray[np.uint8] | None:
        self.decoded.add(number)
        return None if number in self.damaged else np.zeros((*SIZE_WH[::-1], 3), np.uint8)

    def _estimate(self, frame: Frame) -> Pose | None:
        self.looked_at.append(frame.timestamp_s)
        return self.pose(frame.index)

    def glimpse(self, number: int, timestamp_s: float | None = None) -> Glimpse:
        """A picture, undecoded where it lies between two key pictures."""
        at_s = number / RATE_HZ if timestamp_s is None else timestamp_s
        if number % self.keys_every == 0 or number > self.last_key:
            return Glimpse(number, at_s, small_grey(self.image(number)), partial(self._picture, number))
        return Glimpse(number, at_s, partial(self._decoded, number), partial(self._picture, number))

    def _decoded(self, number: int) -> NDArray[np.uint8] | None:
        self.decoded.add(number)
        return None if number in self.damaged else small_grey(self.image(number))

    def seen(self) -> list[Seen]:
        """All pictures as the rule has them looked at."""
        glimpses = [self.glimpse(number) for number in range(len(self.postures))]
        seen = list(SparingLooks(SETTINGS, SIZE_WH, self._estimate).look(glimpses))
        assert [one.glimpse for one in seen] == glimpses
        assert len(set(self.looked_at)) == len(self.looked_at)
        return seen


def places(seen: list[Seen]) -> list[int]:
    return [number for number, one in enumerate(seen) if one.is_looked]


def test_whoever_sits_still_is_looked_at_every_two_seconds_whatever_moves_beside() -> None:
    assert places(Sitting([10.0] * 61).seen()) == list(range(0, 61, 10))
    assert places(Sitting([10.0] * 61, fidgets=True).seen()) == list(range(0, 61, 10))
    assert places(Sitting([None] * 61).seen()) == list(range(0, 61, 10))


def test_a_recording_ends_with_a_look_and_may_hold_a_single_picture() -> None:
    assert places(Sitting([10.0] * 25).seen()) == [0, 10, 20, 24]
    assert places(Sitting([10.0]).seen()) == [0]
    assert Sitting([]).seen() == []


def test_a_moment_of_another_posture_between_two_like_looks_is_seen_by_its_pictures() -> None:
    sitting = Sitting([*[0.0] * 22, *[40.0] * 6, *[0.0] * 33])
    seen = sitting.seen()
    assert any(22 <= place < 28 for place in places(seen))
    assert len(places(seen)) < 14


def test_between_two_key_pictures_that_are_alike_nothing_is_decoded() -> None:
    sitting = Sitting([*[0.0] * 43, *[40.0] * 38], keys_every=5)
    looked = places(sitting.seen())
    assert sitting.decoded - set(range(0, 81, 5)) <= {41, 42, 43, 44, 46, 47, 48, 49}
    assert looked[0] == 0
    assert {40, 45} <= set(looked)


# At five samples a second; events of two seconds and more.
HISTORIES = st.lists(st.tuples(st.sampled_from(POSTURES), st.integers(10, 60)), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(HISTORIES, st.integers(1, 10))
def test_every_posture_of_two_seconds_is_seen_and_its_changes_are_placed(
    history: list[tuple[float | None, int]], keys_every: int
) -> None:
    postures = [posture for posture, count in history for _ in range(count)]
    sitting = Sitting(postures, keys_every=keys_every)
    seen = sitting.seen()
    changes_s = [
        number / RATE_HZ
        for number, (before, now) in enumerate(pairwise(sitting.postures), 1)
        if before != now
    ]
    for number, one in enumerate(seen):
        time_s = number / RATE_HZ
        true = sitting.pose(number)
        is_right = (one.pose is None) == (true is None) and (
            one.pose is None or true is None or bool((one.pose.landmarks == true.landmarks).all())
        )
        # Right everywhere but next to a change, where the pose of the look before holds for a moment.
        assert is_right or any(0 <= time_s - change_s < SPARING.close_s for change_s in changes_s)
    # The cost grows with changes: a look each stride, and some to place each change.
    stride_s = min(range(keys_every, 13, keys_every), key=lambda count: abs(count - 10)) / RATE_HZ
    most = len(seen) / RATE_HZ / min(stride_s, SPARING.stride_s) + 2 + 6 * len(changes_s)
    assert len(sitting.looked_at) <= most


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.sets(st.integers(0, 200)), st.integers(1, 10))
def test_a_damaged_picture_costs_a_look_nearby(
    history: list[tuple[float | None, int]], damaged: set[int], keys_every: int
) -> None:
    postures = [posture for posture, count in history for _ in range(count)]
    sitting = Sitting(postures, damaged=frozenset(damaged), keys_every=keys_every)
    seen = sitting.seen()
    for number, one in enumerate(seen):
        assert not (one.is_looked and number in damaged)
        assert not one.is_damaged or number in damaged
    readable = [number for number in range(len(postures)) if number not in damaged]
    assert bool(places(seen)) == bool(readable)
    # Looks are as close as readable pictures allow.
    for before, after in pairwise(places(seen)):
        between = [number for number in readable if before < number < after]
        assert not between or after - before <= 2 * SPARING.stride_s * RATE_HZ


def test_a_row_of_damaged_pictures_at_a_change_of_posture_is_passed_over() -> None:
    for first in range(1, 12):
        sitting = Sitting([*[0.0] * 4, *[50.0] * 20], damaged=frozenset(range(first, first + 9)))
        assert places(sitting.seen())[-1] == 23


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.02, 0.9), min_size=1, max_size=60))
def test_no_two_looks_are_further_apart_than_a_stride_or_the_pictures(steps_s: list[float]) -> None:
    sitting = Sitting([10.0] * len(steps_s))
    times_s = np.cumsum(steps_s).tolist()
    glimpses = [sitting.glimpse(number, at) for number, at in enumerate(times_s)]
    seen = list(SparingLooks(SETTINGS, SIZE_WH, lambda frame: sitting.pose(frame.index)).look(glimpses))
    looked_s = [one.glimpse.timestamp_s for one in seen if one.is_looked]
    assert max(np.diff(looked_s), default=0.0) <= SPARING.stride_s + 0.001


def test_larger_pictures_are_held_for_a_shorter_time() -> None:
    sitting = Sitting([10.0] * 41)
    looks = SparingLooks(SETTINGS, (3840, 2160), sitting._estimate)
    glimpses = [sitting.glimpse(number) for number in range(len(sitting.postures))]
    assert places(list(looks.look(glimpses))) == [0, 5, 10, 15, 20, 25, 30, 35, 40]


def watched(sitting: Sitting) -> list[tuple[Pose | None, bool]]:
    """A live run: the pose of each sample, and whether the model looked at it."""
    looking = Looking(SETTINGS, SETTINGS.motion.look_every_s)
    found = []
    for number in range(len(sitting.postures)):
        known = looking.known(Frame(number, number / RATE_HZ, sitting.image(number)))
        pose = sitting.pose(number) if known is None else known.pose
        if known is None:
            looking.looked(pose, number / RATE_HZ)
        found.append((pose, known is None))
    return found


def test_live_postures_that_come_back_are_known() -> None:
    there_and_back: list[float | None] = [*[0.0] * 5, *[30.0] * 5]
    looked = [is_looked for _, is_looked in watched(Sitting(there_and_back * 10, fidgets=True))]
    assert [number for number, is_looked in enumerate(looked) if is_looked] == [0, 5, 30, 55, 80]


def test_live_a_known_posture_is_known_to_be_another_than_before() -> None:
    sitting = Sitting([0.0, 0.0, 40.0, 0.0, 0.0, 40.0])
    looking = Looking(SETTINGS, SETTINGS.motion.look_every_s)
    is_same: list[bool | None] = []
    for number in range(len(sitting.postures)):
        known = looking.known(Frame(number, number / RATE_HZ, sitting.image(number)))
        is_same.append(None if known is None else known.is_same)
        if known is None:
            looking.looked(sitting.pose(number), number / RATE_HZ)
    assert is_same == [None, True, None, False, True, False]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(0.0, 60.0)), st.integers(1, 12)), max_size=12))
def test_live_whatever_happens_a_known_posture_is_nearly_the_true_one(
    history: list[tuple[float | None, int]],
) -> None:
    sitting = Sitting([posture for posture, count in history for _ in range(count)])
    for number, (pose, _) in enumerate(watched(sitting)):
        true = sitting.pose(number)
        assert (pose is None) == (true is None)
        if pose is not None and true is not None:
            assert shift_of(true, pose) < 0.1
