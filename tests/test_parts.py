"""Parts of a long recording, looked at in parallel: together they give the result of a single pass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import speed

from posture_cam.errors import ModelError, SourceError
from posture_cam.pose.person import shift_of
from posture_cam.pose.pose_log import PoseLog
from posture_cam.records import Pose, Sample
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.parts import Outcome, Parts, goals_s, starts_s
from posture_cam.session.poses import Listener
from posture_cam.settings import PartsSettings, load_settings
from posture_cam.source import VideoFile
from tests.builders import front_pose, read_stripes, stripes, write_video
from tests.conftest import SAMPLES

SETTINGS = PartsSettings(least_s=20.0, usual_s=40.0, at_once=3, lead_in_s=2.0)
RATE_HZ = 5


@dataclass
class Whole:
    """A recording as seen by a pass from the beginning; its parts see it in their own way."""

    looks: list[Outcome]
    position_s: float = 0.0
    clock_repairs: int = 0

    def from_(self, start_s: float, seen: Callable[[Outcome], Outcome]) -> Iterator[Outcome]:
        mine = [look for look in self.looks if look.time_s >= start_s]
        first = self.looks.index(mine[0]) if mine else 0
        for look in mine:
            own = seen(look)
            if own.sample is not None:  # a part counts from its own beginning
                own = own._replace(sample=replace(own.sample, index=own.sample.index - first))
            yield own


def sitting(seconds: float, place_px: float = 0.0, *, reused: int = 2) -> Whole:
    """Somebody who sits, a little further right in each picture; the model looks at every second one."""
    looks = []
    for number in range(round(seconds * RATE_HZ)):
        pose = moved(front_pose(number / RATE_HZ), place_px + 0.01 * number)
        sample = Sample(number, number / RATE_HZ, pose, is_reused=number % reused > 0)
        looks.append(Outcome(number / RATE_HZ, sample))
    return Whole(looks, looks[-1].time_s)


def moved(pose: Pose, by_px: float) -> Pose:
    landmarks = pose.landmarks.copy()
    landmarks[:, 0] += by_px / pose.image_size_wh[0]
    return replace(pose, landmarks=landmarks)


def posed(look: Outcome, pose: Pose | None) -> Outcome:
    assert look.sample is not None
    return look._replace(sample=replace(look.sample, pose=pose))


def joined(
    whole: Whole,
    starts: Sequence[float],
    seen: Callable[[float, Outcome], Outcome] = lambda _start_s, look: look,
    *,
    processors: int = 2,
    opened: Callable[[float, ExitStack], None] = lambda _start_s, _stack: None,
) -> list[Outcome]:
    def begin(start_s: float, stack: ExitStack) -> tuple[Whole, Iterator[Outcome]]:
        opened(start_s, stack)
        return whole, whole.from_(start_s, lambda look: seen(start_s, look))

    parts = Parts(starts, begin, SETTINGS, processors)
    with closing(parts.outcomes()) as looks:
        found = [look for look in looks if look is not None]
    assert parts.end_s == whole.position_s
    return found


Told = tuple[float, int | None, bool, float | None, int]


def told(looks: Sequence[Outcome]) -> list[Told]:
    """Time, number, whether it repeats an earlier look, place of the nose, and repairs of the clock."""
    return [
        (
            look.time_s,
            look.sample.index if look.sample else None,
            bool(look.sample and look.sample.is_reused),
            float(look.sample.pose.landmarks[0, 0]) if look.sample and look.sample.pose else None,
            look.clock_repairs,
        )
        for look in looks
    ]


def noses(looks: Sequence[Outcome]) -> list[float]:
    return [nose for _, _, _, nose, _ in told(looks) if nose is not None]


@pytest.mark.parametrize("processors", [1, 2, 3, 8])
@pytest.mark.parametrize("starts", [[0.0], [0.0, 30.0], [0.0, 21.2, 39.2, 61.6, 90.8]])
def test_what_all_see_alike_comes_out_as_it_was(starts: list[float], processors: int) -> None:
    whole = sitting(120.0)
    assert told(joined(whole, starts, processors=processors)) == told(whole.looks)


@pytest.mark.parametrize("processors", [1, 2])
def test_what_a_part_sees_in_its_lead_in_is_not_taken(processors: int) -> None:
    whole = sitting(60.0)

    def seen(start_s: float, look: Outcome) -> Outcome:
        assert look.sample is not None
        assert look.sample.pose is not None
        is_new = start_s > 0 and look.time_s < start_s + SETTINGS.lead_in_s
        return posed(look, moved(look.sample.pose, 3.0)) if is_new else look

    assert told(joined(whole, [0.0, 30.0], seen, processors=processors)) == told(whole.looks)


def test_the_first_that_is_taken_of_a_part_is_a_look_of_its_own() -> None:
    """It may repeat a look in the lead-in, which is no longer known."""
    whole = sitting(60.0, reused=7)

    def seen(start_s: float, look: Outcome) -> Outcome:
        assert look.sample is not None
        assert look.sample.pose is not None
        return posed(look, moved(look.sample.pose, 0.5)) if start_s else look

    found = told(joined(whole, [0.0, 30.4], seen))
    assert [time_s for time_s, *_ in found] == [look.time_s for look in whole.looks]
    changed = [one for one, other in zip(found, told(whole.looks), strict=True) if one != other]
    time_s, _, is_reused, _, _ = changed[0]
    assert (time_s, is_reused) == (pytest.approx(32.4), False)
    assert changed[-1] == found[-1]
    assert sum(not is_reused for _, _, is_reused, _, _ in found) == 1 + sum(
        not is_reused for _, _, is_reused, _, _ in told(whole.looks)
    )


def test_a_part_that_fails_costs_only_time_and_the_first_one_everything() -> None:
    whole = sitting(120.0)

    def failing_at(places: Sequence[float]) -> Callable[[float, ExitStack], None]:
        def opened(start_s: float, _stack: ExitStack) -> None:
            if start_s in places:
                raise SourceError("for the test")

        return opened

    assert told(joined(whole, [0.0, 30.0, 60.0, 90.0], opened=failing_at([30.0, 90.0]))) == told(whole.looks)
    with pytest.raises(SourceError):
        joined(whole, [0.0, 30.0, 60.0], opened=failing_at([0.0]))


@pytest.mark.parametrize("slow_s", [0.0, 30.0])
def test_what_fails_beyond_a_joint_fails_whichever_part_is_done_first(slow_s: float) -> None:
    def seen(start_s: float, look: Outcome) -> Outcome:
        if start_s == slow_s:
            time.sleep(0.002)
        if start_s == 30.0 and look.time_s > 50.0:
            raise ModelError("for the test")
        return look

    with pytest.raises(ModelError):
        joined(sitting(120.0), [0.0, 30.0, 60.0], seen)


def test_a_bug_in_a_later_part_does_not_pass_for_a_slow_run() -> None:
    def opened(start_s: float, _stack: ExitStack) -> None:
        assert start_s < 60.0, "for the test"

    with pytest.raises(AssertionError):
        joined(sitting(120.0), [0.0, 30.0, 60.0], opened=opened)


def test_progress_never_goes_back_and_comes_to_the_end_whatever_becomes_of_parts() -> None:
    whole = sitting(120.0)

    def begin(start_s: float, _stack: ExitStack) -> tuple[Whole, Iterator[Outcome]]:
        if start_s == 30.0:
            raise SourceError("for the test")

        def seen(look: Outcome) -> Outcome:
            if start_s == 60.0 and look.time_s > 70.0:
                assert look.sample is not None
                return posed(look, None)
            return look if start_s != 90.0 else posed(look, None)

        return whole, whole.from_(start_s, seen)

    parts = Parts([0.0, 30.0, 60.0, 90.0], begin, SETTINGS, 2)
    with closing(parts.outcomes()) as looks:
        done_s = [parts.done_s for _ in looks]
    assert done_s == sorted(done_s)
    assert parts.done_s == pytest.approx(120.0, abs=1.0)


def test_nothing_much_is_looked_at_after_the_time_that_is_asked_for() -> None:
    whole, times_s = sitting(120.0), []

    def begin(_start_s: float, _stack: ExitStack) -> tuple[Whole, Iterator[Outcome]]:
        def seen(look: Outcome) -> Outcome:
            times_s.append(look.time_s)
            return look

        return whole, whole.from_(0.0, seen)

    with closing(Parts([0.0], begin, SETTINGS, 2, until_s=20.0).outcomes()) as looks:
        found = [look for look in looks if look is not None]
    assert found[-1].time_s == times_s[-1] == 20.2  # the first one after it shows that there is more


@pytest.mark.parametrize("slow_s", [0.0, 30.0, 60.0])
def test_where_parts_are_joined_does_not_depend_on_which_is_done_first(slow_s: float) -> None:
    whole = sitting(90.0)

    def seen(start_s: float, look: Outcome) -> Outcome:
        assert look.sample is not None
        assert look.sample.pose is not None
        if start_s == slow_s:
            time.sleep(0.002)
        return posed(look, moved(look.sample.pose, start_s / 100))

    found = joined(whole, [0.0, 30.0, 60.0], seen)
    shifts = [round(there - here, 5) for there, here in zip(noses(found), noses(whole.looks), strict=True)]
    assert [round(shifts.index(shift) / RATE_HZ, 1) for shift in sorted(set(shifts))] == [0.0, 32.0, 62.0]


def test_what_fails_on_the_way_is_met_on_the_way() -> None:
    whole = sitting(120.0)

    def seen(_start_s: float, look: Outcome) -> Outcome:
        if look.time_s > 70.0:
            raise ModelError("for the test")
        return look

    with pytest.raises(ModelError):
        joined(whole, [0.0, 30.0, 60.0], seen)


def test_where_the_clock_was_bridged_times_agree_by_chance_only() -> None:
    whole = sitting(120.0)
    whole.looks[50:] = [look._replace(clock_repairs=1) for look in whole.looks[50:]]

    def seen(start_s: float, look: Outcome) -> Outcome:
        assert look.sample is not None
        assert look.sample.pose is not None
        return posed(look, moved(look.sample.pose, 1.0))._replace(clock_repairs=0) if start_s else look

    assert told(joined(whole, [0.0, 30.0, 60.0], seen)) == told(whole.looks)


def test_damaged_pictures_stay_in_their_place() -> None:
    whole = sitting(80.0)
    for number in (3, 155, 156, 157, 158, 159, 390):
        whole.looks[number] = whole.looks[number]._replace(sample=None)
    assert told(joined(whole, [0.0, 30.0, 60.0])) == told(whole.looks)


def test_who_leaves_keeps_all_from_the_beginning_on_and_closes_everything() -> None:
    whole = sitting(120.0)
    is_open: list[float] = []
    held = threading.Event()

    def begin(start_s: float, stack: ExitStack) -> tuple[Whole, Iterator[Outcome]]:
        is_open.append(start_s)
        stack.callback(is_open.remove, start_s)

        def seen(look: Outcome) -> Outcome:
            if look.time_s > start_s + 10.0:
                held.wait(0.05)
            return look

        return whole, whole.from_(start_s, seen)

    before = threading.active_count()
    parts = Parts([0.0, 60.0], begin, SETTINGS, 2)
    found = []
    with closing(parts.outcomes()) as looks:
        for look in looks:
            if look is not None:
                found.append(look)
                if look.time_s == 5.0:
                    parts.leave()
    assert 5.0 <= found[-1].time_s < 62.0
    assert told(found) == told(whole.looks[: len(found)])
    assert not is_open
    assert threading.active_count() <= before


class SlowToAsk(Parts):
    """Parts whose current part is always done by the time that its progress is asked for."""

    def _keep_going(self, pool: ThreadPoolExecutor) -> None:
        super()._keep_going(pool)
        while self._parts[0].is_busy:
            time.sleep(0.001)


@pytest.mark.parametrize("processors", [1, 2, 3])
def test_no_part_is_passed_over_for_being_late(processors: int) -> None:
    whole, begun = sitting(120.0), []

    def begin(start_s: float, _stack: ExitStack) -> tuple[Whole, Iterator[Outcome]]:
        begun.append(start_s)
        return whole, whole.from_(start_s, lambda look: look)

    with closing(SlowToAsk([0.0, 30.0, 60.0, 90.0], begin, SETTINGS, processors).outcomes()) as looks:
        found = [look for look in looks if look is not None]
    assert sorted(begun) == [0.0, 30.0, 60.0, 90.0]
    assert told(found) == told(whole.looks)


@pytest.mark.parametrize("processors", [1, 2, 3, 5])
@pytest.mark.parametrize("slow_s", [0.0, 30.0, 90.0])
def test_no_more_parts_are_open_than_there_are_processors_or_two(slow_s: float, processors: int) -> None:
    whole, is_open, counts = sitting(150.0), set[float](), []

    def opened(start_s: float, stack: ExitStack) -> None:
        is_open.add(start_s)
        counts.append(len(is_open))
        stack.callback(is_open.remove, start_s)

    def seen(start_s: float, look: Outcome) -> Outcome:
        if start_s == slow_s:
            time.sleep(0.001)
        return look

    joined(whole, [0.0, 30.0, 60.0, 90.0, 120.0], seen, processors=processors, opened=opened)
    assert len(counts) == 5
    assert max(counts) == min(max(processors, 2), SETTINGS.at_once)  # one that is ending and the next one
    assert not is_open


@pytest.mark.parametrize(
    ("duration_s", "parts"), [(None, 1), (39.0, 1), (40.0, 2), (80.0, 2), (81.0, 4), (7200, 180)]
)
def test_a_recording_has_an_even_number_of_parts(duration_s: float | None, parts: int) -> None:
    goals = goals_s(duration_s, SETTINGS)
    assert len(goals) == parts - 1
    assert goals == sorted(goals)
    assert all(0 < goal_s < (duration_s or 0) for goal_s in goals)


def test_key_pictures_that_are_too_close_begin_no_part() -> None:
    assert starts_s([], 100.0, SETTINGS) == [0.0]
    assert starts_s([4.0, 30.0, 31.0, 60.0, 95.0], 100.0, SETTINGS) == [0.0, 30.0, 60.0]


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "libx264"), ("mkv", "libx264"), ("mov", "libx264"), ("mp4", "libx265")]
)
def test_reading_from_a_key_picture_gives_what_reading_from_the_beginning_does(
    tmp_path: Path, ending: str, codec: str
) -> None:
    pictures = (stripes(number % 256) for number in range(1000))
    path = write_video(tmp_path / f"a.{ending}", pictures, rate=30, codec=codec)
    with VideoFile(path, 5.0, is_sparse=True) as source:
        whole = [(one.index, one.timestamp_s, read_stripes(one.image_bgr)) for one in source.frames()]
        end_s = source.position_s
        starts = source.starts([12.0, 20.0, 30.0])
    assert starts
    assert all(any(goal_s - 9.0 <= start_s <= goal_s for goal_s in (12.0, 20.0, 30.0)) for start_s in starts)
    for start_s in starts:
        with VideoFile(path, 5.0, is_sparse=True, start_s=start_s) as source:
            frames = [(one.index, one.timestamp_s, read_stripes(one.image_bgr)) for one in source.frames()]
            assert source.position_s == end_s
        assert frames[0][1] == pytest.approx(start_s)
        later = {time_s: (index, shown) for index, time_s, shown in whole if time_s >= start_s}
        shared = [(index, *later[time_s], shown) for index, time_s, shown in frames if time_s in later]
        assert len(shared) >= len(later) - 1
        assert len({before - index for index, before, _, _ in shared}) == 1
        assert all(shown == before for _, _, before, shown in shared)


@pytest.mark.parametrize("ending", ["avi", "ts", "h264"])
def test_what_has_no_index_is_read_from_its_beginning(tmp_path: Path, ending: str) -> None:
    path = write_video(tmp_path / f"a.{ending}", (stripes(number % 256) for number in range(600)), rate=30)
    with VideoFile(path, 5.0, is_sparse=True) as source:
        assert source.starts([10.0]) == []


def test_a_recording_with_one_key_picture_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [stripes(3)] * 200, rate=30)
    with VideoFile(path, 5.0, is_sparse=True) as source:
        assert source.starts([3.0, 6.0]) == []


@pytest.mark.slow
def test_parts_find_the_same_on_one_processor_and_on_two_and_what_one_pass_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.mp4"
    speed.repeat(SAMPLES / "desk-side.mp4", path, 2)
    poses = {name: tmp_path / f"{name}.poses.jsonl" for name in ("one", "two", "whole")}
    one = analyze(AnalysisRequest(path, poses=poses["one"], processors=1))
    handles: dict[str, list[int]] = {"Looking": [], "Writing": []}

    def count_handles(work: str, _done_s: float, _end_s: float | None) -> None:
        handles[work].append(sum(Path(one.path) == path.resolve() for one in psutil.Process().open_files()))

    analyze(AnalysisRequest(path, poses=poses["two"], processors=2), Listener(progress=count_handles))
    assert 1 <= max(handles["Looking"]) <= 3  # a part while it is opened has two
    assert max(handles["Writing"]) == 0
    assert poses["one"].read_bytes() == poses["two"].read_bytes()

    settings = load_settings()
    undivided = settings.model_copy(update={"parts": settings.parts.model_copy(update={"least_s": 1e6})})
    monkeypatch.setattr("posture_cam.session.analysis.load_settings", lambda: undivided)
    whole = analyze(AnalysisRequest(path, poses=poses["whole"]))
    found, expected = (list(PoseLog(poses[name]).samples()) for name in ("one", "whole"))
    assert [(sample.index, sample.timestamp_s) for sample in found] == [
        (sample.index, sample.timestamp_s) for sample in expected
    ]
    shifts = [
        shift_of(a.pose, b.pose)
        for a, b in zip(found, expected, strict=True)
        if a.pose is not None and b.pose is not None and not a.is_reused and not b.is_reused
    ]
    assert len(shifts) > 100
    assert max(shifts[:60]) == 0.0
    assert sorted(shifts)[len(shifts) * 9 // 10] < 0.05
    for state, seconds in whole.seconds_by_state.items():
        assert one.seconds_by_state[state] == pytest.approx(seconds, abs=0.01 * whole.duration_s)


def test_a_recording_that_ends_where_a_part_would_begin_keeps_its_last_picture() -> None:
    whole = sitting(100.2)
    last_s = whole.looks[-1].time_s
    for later_s in (-1.0, 0.0, 1.0):
        starts = [0.0, 50.0, last_s - SETTINGS.lead_in_s + later_s]
        assert [look.time_s for look in joined(whole, starts)] == [look.time_s for look in whole.looks]
