"""When the model looks: `Looking` decides live, `SparingLooks` in recordings; replace the rules here."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from posture_cam.pose.person import UPPER_BODY, shift_of
from posture_cam.records import Frame, Pose
from posture_cam.settings import Settings
from posture_cam.source.motion import Box, changed_share, small_grey
from posture_cam.source.video import Glimpse

# Frame times deviate slightly from the grid by which frames are taken.
_BESIDE_S = 1e-3
# Chosen: the most pixels held at a time, 21 pictures in full HD or 5 in 4K, where stretches get shorter.
_MOST_PIXELS = 21 * 1920 * 1080
# Chosen: two minutes of a person who takes a new posture every four seconds.
_LOOKS_REMEMBERED = 30
# Chosen: phones space key pictures by a little more than a second; two of them make a stride.
_LONGEST_BY_KEYS = 1.25
_EVERYWHERE: Box = (0.0, 0.0, 1.0, 1.0)


class _Remembered(NamedTuple):
    """An earlier look of a live run.

    Attributes:
        small: The picture, as made by `small_grey`.
        pose: The pose found in it; None for nobody.
    """

    small: NDArray[np.uint8]
    pose: Pose | None


class Known(NamedTuple):
    """What an earlier look says of a picture.

    Attributes:
        pose: The pose found then; None for nobody.
        is_same: The same look holds for the picture before.
    """

    pose: Pose | None
    is_same: bool


class Looking:
    """Decides which pictures of a live run the model looks at: those that resemble none of the last looks.

    Args:
        settings: When pictures are alike.
        look_every_s: The model looks at least this often.
    """

    def __init__(self, settings: Settings, look_every_s: float) -> None:
        self._settings, self._look_every_s = settings, look_every_s
        self._small: NDArray[np.uint8] | None = None
        self._looked_s = -math.inf
        # The look that holds is the first.
        self._looks: deque[_Remembered] = deque(maxlen=_LOOKS_REMEMBERED)

    def known(self, frame: Frame) -> Known | None:
        """What is known of a picture without looking at it; None if the model has to look."""
        self._small = small_grey(frame.image_bgr)
        if frame.timestamp_s - self._looked_s + _BESIDE_S >= self._look_every_s:
            return None
        for place, look in enumerate(self._looks):
            if self._is_like(self._small, look.small, look.pose):
                del self._looks[place]
                self._looks.appendleft(look)
                return Known(look.pose, is_same=place == 0)
        return None

    def _is_like(self, small: NDArray[np.uint8], then: NDArray[np.uint8], pose: Pose | None) -> bool:
        motion = self._settings.motion
        if pose is None:  # whoever comes may be small
            return changed_share(small, then, motion, _EVERYWHERE) < motion.nobody_share
        box = _box_around([pose], self._settings.motion.around)
        return changed_share(small, then, motion, box) < motion.same_share

    def looked(self, pose: Pose | None, timestamp_s: float) -> None:
        """Remember what the model has seen in the last picture."""
        assert self._small is not None
        self._looks.appendleft(_Remembered(self._small, pose))
        self._looked_s = timestamp_s


class Seen(NamedTuple):
    """A picture of a recording, and the pose that holds for it.

    Attributes:
        pose: The pose found there, else that of the last look before; None for nobody.
        is_looked: Whether the model has looked at this very picture.
        is_damaged: The picture was due for a look, but cannot be made.
    """

    glimpse: Glimpse
    pose: Pose | None
    is_looked: bool = False
    is_damaged: bool = False


class SparingLooks:
    """Looks at a recording where postures change.

    The model looks every few seconds; between two looks in the middle, then in the middle of the halves and
    so on: until neighbouring looks see the same posture and every picture between them resembles that of one
    of them, or until they are close in time.

    Args:
        settings: How far apart looks may be, and when postures and pictures are alike.
        size_wh: The size of a picture.
        estimate: Looks at a frame.
    """

    def __init__(
        self, settings: Settings, size_wh: tuple[int, int], estimate: Callable[[Frame], Pose | None]
    ) -> None:
        self._settings, self._estimate = settings, estimate
        self._most = max(_MOST_PIXELS // max(size_wh[0] * size_wh[1], 1), 1)

    def look(self, glimpses: Iterable[Glimpse]) -> Iterator[Seen]:
        """All pictures in order of time, each with the pose that holds for it."""
        before: list[Seen] = []
        for pictures in self._stretches(glimpses):
            stretch = _Stretch(before, pictures, self._settings, self._estimate)
            yield from stretch.look()
            before = stretch.last_looks

    def _stretches(self, glimpses: Iterable[Glimpse]) -> Iterator[list[Glimpse]]:
        """The first picture, then the pictures up to each look that is due, the last within a stride.

        Among pictures that wait to be decoded, a look is due at the key picture nearest to a stride.
        """
        stride_s = self._settings.sparing.stride_s

        start_s = -math.inf
        pictures: list[Glimpse] = []
        for glimpse in glimpses:
            waits = pictures and (glimpse.is_undecoded or pictures[-1].is_undecoded)
            most_s = _LONGEST_BY_KEYS * stride_s if waits else stride_s
            is_beyond = glimpse.timestamp_s - start_s - _BESIDE_S > most_s
            if pictures and (is_beyond or len(pictures) == self._most):
                decoded = [place for place, one in enumerate(pictures, 1) if not one.is_undecoded]
                due_s = start_s + stride_s
                end = min(
                    decoded or [len(pictures)], key=lambda place: abs(pictures[place - 1].timestamp_s - due_s)
                )
                yield pictures[:end]
                start_s, pictures = pictures[end - 1].timestamp_s, pictures[end:]
            pictures.append(glimpse)
        if pictures:
            yield pictures


class _Stretch:
    """A few seconds of a recording.

    Args:
        before: The last two looks before, as far as there are any.
        pictures: The pictures since those looks; the last is due for a look.
        settings: See `SparingLooks`.
        estimate: Looks at a frame.
    """

    def __init__(
        self,
        before: Sequence[Seen],
        pictures: Sequence[Glimpse],
        settings: Settings,
        estimate: Callable[[Frame], Pose | None],
    ) -> None:
        self._sparing, self._motion, self._estimate = settings.sparing, settings.motion, estimate
        self._pictures = [*(seen.glimpse for seen in before), *pictures]
        self._poses = {place: seen.pose for place, seen in enumerate(before)}  # by place
        self._damaged: set[int] = set()

    @property
    def last_looks(self) -> list[Seen]:
        """The last two pictures looked at, as far as there are any."""
        places = sorted(self._poses)[-2:]
        return [Seen(self._pictures[place], self._poses[place], is_looked=True) for place in places]

    def look(self) -> list[Seen]:
        """Look where needed; returns the pictures."""
        own = range(len(self._poses), len(self._pictures))
        first = own.start - 1 if self._poses else next(filter(self._look_at, own), None)
        if first is not None:
            self._look_up_to(first, own.stop - 1)
        seen = []
        pose = self._poses.get(own.start - 1)
        for place in own:
            pose = self._poses.get(place, pose)
            seen.append(Seen(self._pictures[place], pose, place in self._poses, place in self._damaged))
        return seen

    def _look_up_to(self, first: int, last: int) -> int:
        """Look at a picture, and before it in the middle if it differs from the first; return the last place.

        In order of time, because MediaPipe searches for a person where it found them last.
        """
        if not self._are_close(first, last) and not self._resembles_one(last, [first]):
            middle = self._look_up_to(first, self._by_distance_from_middle(first, last)[0])
            if middle > first:  # else all pictures up to the middle are damaged
                return self._look_up_to(middle, last)
        # A damaged picture is replaced by one before it.
        place = next(filter(self._look_at, range(last, first, -1)), first)
        self._look_between(first, place)
        return place

    def _look_at(self, place: int) -> bool:
        """Look at a picture, unless that was done; False if it is damaged."""
        if place in self._poses or place in self._damaged:
            return place in self._poses
        frame = self._pictures[place].frame()
        if frame is None:
            self._damaged.add(place)
            return False
        self._poses[place] = self._estimate(frame)
        return True

    def _look_between(self, first: int, last: int) -> None:
        """Look between two looks where that may show something new."""
        if self._are_close(first, last) or self._shows_nothing_new(first, last):
            return
        middle = next(filter(self._look_at, self._by_distance_from_middle(first, last)), None)
        if middle is not None:
            self._look_between(first, middle)
            self._look_between(middle, last)

    def _are_close(self, first: int, last: int) -> bool:
        first_s, last_s = (self._pictures[place].timestamp_s for place in (first, last))
        return last - first < 2 or last_s - first_s < self._sparing.close_s

    def _by_distance_from_middle(self, first: int, last: int) -> list[int]:
        """The places between two others, those nearest to the middle of their times first."""
        middle_s = (self._pictures[first].timestamp_s + self._pictures[last].timestamp_s) / 2
        places = range(first + 1, last)
        return sorted(places, key=lambda place: abs(self._pictures[place].timestamp_s - middle_s))

    def _shows_nothing_new(self, first: int, last: int) -> bool:
        """Whether two looks see the same posture, and each picture between resembles one of theirs."""
        # A movement that has brought somebody nearly to the end goes on for a moment.
        before = max((place for place in self._poses if place < first), default=first)
        if not (self._is_same_posture(before, first) and self._is_same_posture(first, last)):
            return False
        return all(self._resembles_one(place, [first, last]) for place in self._telling(first, last))

    def _telling(self, first: int, last: int) -> list[int]:
        """The places between two others, without pictures between two key pictures that are close together.

        Whatever lasts longer than the time between two key pictures shows in them.
        """
        decoded = [place for place in range(first, last + 1) if not self._pictures[place].is_undecoded]
        start, end = (decoded[0], decoded[-1]) if decoded else (last, first)
        between = range(first + 1, last)
        return [place for place in between if place in decoded or not start < place < end]

    def _is_same_posture(self, first: int, last: int) -> bool:
        start, end = self._poses[first], self._poses[last]
        if start is None or end is None:
            return start is end
        return shift_of(start, end) <= self._sparing.same_scales

    def _resembles_one(self, place: int, looked: Sequence[int]) -> bool:
        """Whether head and shoulders have hardly changed since one of some pictures looked at."""
        box = _box_around(
            [pose for one in looked if (pose := self._poses[one]) is not None], self._motion.around
        )
        small = self._pictures[place].small
        if small is None:
            return False
        return any(
            changed_share(small, then, self._motion, box) < self._sparing.changed_share
            for one in looked
            if (then := self._pictures[one].small) is not None
        )


def _box_around(poses: Sequence[Pose], margin: float) -> Box:
    """The box around head and shoulders in some poses; without a pose, the whole picture."""
    if not poses:
        return _EVERYWHERE
    points = np.concatenate([pose.landmarks[UPPER_BODY, :2] for pose in poses])
    low, high = points.min(axis=0), points.max(axis=0)
    around = margin * float((high - low).max())
    return float(low[0]) - around, float(low[1]) - around, float(high[0]) + around, float(high[1]) + around
