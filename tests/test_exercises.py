"""Exercises: counts on a clip with known truth, counting on built amounts, and the table of exercises."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pytest

from posture_cam.assessment import Phase, RepetitionCounter, RestFinder
from posture_cam.care.exercises import (
    Aim,
    CoachMoment,
    Exercise,
    ExerciseDone,
    exercise_called,
    load_exercises,
)
from posture_cam.care.tips import tips_for
from posture_cam.errors import NothingJudged
from posture_cam.geometry import MovementMeter
from posture_cam.geometry.points import MIRRORED
from posture_cam.ids import AlertKind, Landmark, Measure, Movement
from posture_cam.pose.pose_log import PoseLog
from posture_cam.records import Alert, Pose, Sample
from posture_cam.session.coach import Coach
from posture_cam.session.exercising import ExerciseRequest, count_recording, guide_by_clock, guide_camera
from posture_cam.session.neutrals import load_estimator
from posture_cam.session.offers import OfferWatch
from posture_cam.settings import load_settings
from tests.builders import Film, front_pose, write_video
from tests.conftest import ROOT, SAMPLES, Made
from tests.running import run
from tests.streams import jpegs_of, serving
from tests.test_session import recorded

CLIP = SAMPLES / "exercises-front.mp4"
SETTINGS = load_settings()
FIVE = ("shoulder_shrug", "side_bend", "head_turn", "neck_side_stretch", "thoracic_extension")


def truth() -> dict[str, tuple[float, float, int, int]]:
    """For each exercise in the clip: start, end, repetitions and half movements."""
    with CLIP.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        labels = [(float(row["t"]), row["label"]) for row in csv.DictReader(file)]
    found = {}
    for name in FIVE:
        own = [(time_s, label) for time_s, label in labels if re.fullmatch(rf"{name}(_partial)?:\d+", label)]
        counts = {label for _, label in own}
        partial = sum("_partial" in label for label in counts)
        start_s, end_s = own[0][0] - 3.5, own[-1][0] + 2.5
        found[name.replace("_", "-")] = (max(start_s, 0.0), end_s, len(counts) - partial, partial)
    return found


@pytest.fixture(scope="session")
def clip_poses(made_once: Made) -> list[Sample]:
    """Every pose of the clip, at the rate of an exercise; the model runs once."""
    from contextlib import ExitStack

    from posture_cam.session.poses import Listener, estimated_poses

    def make(target: Path) -> None:
        rate_hz = SETTINGS.exercise.rate_hz
        with ExitStack() as stack:
            estimated_poses(CLIP, SETTINGS, Listener(), stack, rate_hz=rate_hz, model="full", target=target)

    return list(PoseLog(made_once("exercises.poses.jsonl", make)).samples())


def count(name: str, samples: list[Sample], start_s: float, end_s: float) -> ExerciseDone:
    coach = Coach(exercise_called(name), SETTINGS, load_estimator())
    for sample in samples:
        if start_s <= sample.timestamp_s <= end_s:
            coach.see(sample.timestamp_s, sample.pose)
    return coach.done()


def retimed(samples: list[Sample], factor: float) -> list[Sample]:
    return [
        Sample(
            one.index,
            factor * one.timestamp_s,
            None if one.pose is None else replace(one.pose, timestamp_s=factor * one.timestamp_s),
        )
        for one in samples
    ]


def mirrored(pose: Pose) -> Pose:
    assert pose.world_landmarks is not None
    landmarks, world = pose.landmarks[MIRRORED].copy(), pose.world_landmarks[MIRRORED].copy()
    landmarks[:, 0] = 1.0 - landmarks[:, 0]
    world[:, 0] *= -1.0
    return replace(
        pose,
        landmarks=landmarks,
        world_landmarks=world,
        visibility=pose.visibility[MIRRORED],
        presence=pose.presence[MIRRORED],
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", [name.replace("_", "-") for name in FIVE])
def test_repetitions_of_the_clip_are_counted_and_half_movements_are_not(
    name: str, clip_poses: list[Sample]
) -> None:
    start_s, end_s, repetitions, partial = truth()[name]
    done = count(name, clip_poses, start_s, end_s)
    assert done.repetitions == repetitions
    assert done.refused == partial
    if exercise_called(name).sides:
        assert done.left == done.right == repetitions / 2
    else:
        assert done.left is None
        assert done.right is None


@pytest.mark.slow
def test_holds_are_as_long_as_they_were(clip_poses: list[Sample]) -> None:
    with CLIP.with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        labels = [row["label"] for row in csv.DictReader(file)]
    lengths = [len(list(run)) / 10 for label, run in groupby(labels) if label.startswith("neck_side_stretch")]
    start_s, end_s, *_ = truth()["neck-side-stretch"]
    assert count("neck-side-stretch", clip_poses, start_s, end_s).holds_s == pytest.approx(lengths, abs=0.8)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.6, 1.7])
def test_tempo_changes_no_count(factor: float, clip_poses: list[Sample]) -> None:
    for name, (start_s, end_s, repetitions, _) in truth().items():
        done = count(name, retimed(clip_poses, factor), factor * start_s, factor * end_s)
        assert done.repetitions == repetitions, name


@pytest.mark.slow
def test_half_as_many_looks_change_no_count(clip_poses: list[Sample]) -> None:
    for name, (start_s, end_s, repetitions, _) in truth().items():
        assert count(name, clip_poses[::2], start_s, end_s).repetitions == repetitions, name


@pytest.mark.slow
def test_a_mirror_swaps_the_sides(clip_poses: list[Sample]) -> None:
    start_s, *_ = truth()["head-turn"]
    cut = start_s + 6.0  # one to the left, and not yet one to the right
    seen = [replace(one, pose=mirrored(one.pose)) if one.pose is not None else one for one in clip_poses]
    as_is, swapped = count("head-turn", clip_poses, start_s, cut), count("head-turn", seen, start_s, cut)
    assert (as_is.left, as_is.right) == (1, 0)
    assert (swapped.left, swapped.right) == (0, 1)


def test_sitting_at_a_desk_is_no_exercise(sample_poses: Callable[[str], Path]) -> None:
    samples = list(PoseLog(sample_poses("desk-monitor")).samples())
    for name in ("shoulder-shrug", "side-bend", "neck-side-stretch", "seated-twist", "stand-up"):
        assert count(name, samples, 0.0, 1e9).repetitions <= 1, name


@pytest.mark.slow
@pytest.mark.parametrize("start_s", [38.0, 39.0, 39.6])
def test_a_held_bend_is_no_rest(start_s: float, clip_poses: list[Sample]) -> None:
    _, end_s, repetitions, _ = truth()["side-bend"]
    done = count("side-bend", clip_poses, start_s, end_s)
    assert done.right == repetitions / 2
    assert done.left in (repetitions / 2 - 1, repetitions / 2)  # the first had begun


@pytest.mark.slow
def test_rest_taken_at_the_top_of_a_movement_is_taken_anew(clip_poses: list[Sample]) -> None:
    _, end_s, repetitions, _ = truth()["thoracic-extension"]
    assert count("thoracic-extension", clip_poses, 114.4, end_s).repetitions == repetitions - 1


@pytest.mark.slow
def test_side_bends_are_nothing_else(clip_poses: list[Sample]) -> None:
    start_s, end_s, *_ = truth()["side-bend"]
    for name in ("neck-side-stretch", "shoulder-shrug", "seated-twist", "head-turn"):
        assert count(name, clip_poses, start_s, end_s).repetitions == 0, name


@pytest.mark.slow
def test_the_dose_once_done_stays_done(clip_poses: list[Sample]) -> None:
    start_s, end_s, *_ = truth()["side-bend"]
    coach = Coach(exercise_called("side-bend").with_share(0.5), SETTINGS, load_estimator())
    whole = []
    for sample in clip_poses:
        if start_s <= sample.timestamp_s <= end_s:
            whole.append(coach.see(sample.timestamp_s, sample.pose).is_whole)
    assert [is_whole for is_whole, _ in groupby(whole)] == [False, True]


@pytest.mark.slow
def test_the_command_ends_with_the_counts(clip_poses: list[Sample], tmp_path: Path) -> None:
    start_s, end_s, repetitions, _ = truth()["side-bend"]
    done = run("exercise", "side-bend", "--source", CLIP, "--at", f"{start_s:.1f}-{end_s:.1f}", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["side"] for line in lines[:-1]] == ["left", "right"] * 3
    assert list(lines[-1]) == ["exercise", "repetitions", "left", "right", "holds_s", "refused"]
    assert lines[-1]["exercise"] == "side-bend"
    assert (lines[-1]["repetitions"], lines[-1]["left"], lines[-1]["right"]) == (repetitions, 3, 3)
    assert len(lines[-1]["holds_s"]) == repetitions
    assert run("history", "--json").stdout.count('"side-bend"') == 0  # nothing of a recording is stored


# The counting, on amounts.


def swings(
    *peaks: float, hold_s: float = 1.0, move_s: float = 0.8, rest_s: float = 1.0, rate_hz: float = 10.0
) -> Iterator[tuple[float, float]]:
    """Times and amounts: from rest to each peak, held, and back; eased in and out."""
    now_s = 0.0

    def part(seconds: float, value: Callable[[float], float]) -> Iterator[tuple[float, float]]:
        nonlocal now_s
        for step in range(round(seconds * rate_hz)):
            yield now_s, value(step / max(round(seconds * rate_hz), 1))
            now_s += 1 / rate_hz

    for peak in peaks:
        yield from part(rest_s, lambda _: 0.0)
        yield from part(move_s, lambda share, p=peak: p * (1 - np.cos(np.pi * share)) / 2)  # type: ignore[misc]
        yield from part(hold_s, lambda _, p=peak: p)  # type: ignore[misc]
        yield from part(move_s, lambda share, p=peak: p * (1 + np.cos(np.pi * share)) / 2)  # type: ignore[misc]
    yield from part(rest_s, lambda _: 0.0)


def counted(moves: Iterator[tuple[float, float | None]], *, has_sides: bool = False) -> RepetitionCounter:
    counter = RepetitionCounter(10.0, 4.0, has_sides=has_sides, settings=SETTINGS.exercise)
    for now_s, amount in moves:
        counter.take(now_s, amount)
    counter.finish()
    return counter


def test_full_movements_count_and_half_ones_are_refused() -> None:
    counter = counted(swings(14.0, 6.0, 12.0, 7.0, 7.0, 15.0))
    assert counter.count == 3
    assert counter.left.refused == 3


def test_sides_are_counted_apart() -> None:
    counter = counted(swings(14.0, -14.0, -13.0, -6.0, 14.0, -12.0), has_sides=True)
    assert counter.right is not None
    assert (counter.left.count, counter.right.count) == (2, 3)
    assert (counter.left.refused, counter.right.refused) == (0, 1)


def test_trembling_at_the_limit_is_one_repetition() -> None:
    tremble = [10.5, 9.5, 10.4, 9.3, 10.6, 9.6] * 5
    moves = [0.0] * 20 + tremble + [0.0] * 20
    assert counted((0.1 * step, amount) for step, amount in enumerate(moves)).count == 1


def test_one_wild_look_is_none() -> None:
    moves = [0.0] * 20 + [25.0] + [0.0] * 20
    counter = counted((0.1 * step, amount) for step, amount in enumerate(moves))
    assert (counter.count, counter.left.refused) == (0, 0)


def test_a_hold_is_the_time_near_the_extent_of_the_movement() -> None:
    counter = counted(swings(14.0, 14.0, hold_s=5.0))
    assert [one.hold_s for one in counter.left.repetitions] == pytest.approx([5.0, 5.0], abs=0.6)


def test_settling_elsewhere_between_repetitions_is_rest() -> None:
    drift = [(now_s, amount + 0.1 * now_s) for now_s, amount in swings(*[14.0] * 8, rest_s=2.0)]
    counter = counted(iter(drift))
    assert (counter.count, counter.left.refused) == (8, 0)


def test_what_goes_on_at_the_end_counts() -> None:
    moves = [(now_s, amount) for now_s, amount in swings(14.0) if now_s < 2.5]
    counter = counted(iter(moves))
    assert counter.count == 1


def test_a_long_time_unseen_ends_a_hold_and_adds_nothing_to_it() -> None:
    seen = list(swings(14.0, 14.0))
    moves = [(now_s + (30.0 if now_s > 2.4 else 0.0), amount) for now_s, amount in seen]
    counter = counted(iter(moves))
    assert max(one.hold_s for one in counter.left.repetitions) < 2.0


def test_a_hold_that_was_out_of_sight_for_a_while_is_one_repetition() -> None:
    amounts = [0.0] * 20 + [13.0] * 50 + [None] * 30 + [13.0] * 50 + [0.0] * 20 + [13.0] * 10
    counter = counted((0.1 * step, amount) for step, amount in enumerate(amounts))
    assert counter.count == 2


def test_the_phase_tells_where_somebody_is() -> None:
    counter = RepetitionCounter(10.0, 4.0, has_sides=False, settings=SETTINGS.exercise)
    phases = []
    for now_s, amount in swings(14.0):
        counter.take(now_s, amount)
        phases.append(counter.phase)
    assert [phase for phase, _ in groupby(phases)] == [Phase.REST, Phase.MOVING, Phase.FULL, Phase.REST]


# The rest posture and the amounts, on built poses.


def test_rest_is_the_first_calm_moment() -> None:
    finder = RestFinder(SETTINGS.exercise, SETTINGS.gates.min_seen)
    for step in range(10):
        assert finder.find(front_pose(0.1 * step, ratio=0.4 + 0.05 * step)) < 1.0
    for step in range(10, 30):
        finder.find(front_pose(0.1 * step, ratio=0.6))
    assert finder.pose is not None
    assert finder.pose.timestamp_s < 2.8
    calm = front_pose(0.0, ratio=0.6)
    assert np.allclose(finder.pose.landmarks, calm.landmarks, atol=0.01)


def test_a_turned_head_is_no_rest_however_long_it_is_held() -> None:
    finder = RestFinder(SETTINGS.exercise, SETTINGS.gates.min_seen)
    aside, far_aside = front_pose(yaw_deg=50.0), front_pose(yaw_deg=60.0)
    ears = far_aside.landmarks.copy()
    middle = ears[[Landmark.LEFT_EAR, Landmark.RIGHT_EAR], 0].mean()
    ears[Landmark.LEFT_EAR, 0], ears[Landmark.RIGHT_EAR, 0] = middle + 0.01, middle - 0.01
    for pose in (aside, replace(far_aside, landmarks=ears)):
        for step in range(200):
            assert finder.find(replace(pose, timestamp_s=0.1 * step)) < 1.0
    assert finder.pose is None


def test_who_is_hardly_seen_is_not_at_rest_yet() -> None:
    finder = RestFinder(SETTINGS.exercise, SETTINGS.gates.min_seen)
    for step in range(30):
        seen = 0.2 if step < 20 else 0.9
        finder.find(replace(front_pose(0.1 * step), visibility=np.full(33, seen)))
        assert (finder.pose is None) == (step < 20 + 10 * SETTINGS.exercise.rest_s), step


def moved(pose: Pose, pair: tuple[Landmark, Landmark], up_px: float) -> Pose:
    landmarks = pose.landmarks.copy()
    landmarks[list(pair), 1] -= up_px / pose.image_size_wh[1]
    return replace(pose, landmarks=landmarks)


def test_a_shrug_is_shoulders_up_and_closer_to_the_ears() -> None:
    rest = front_pose(0.0)
    meter = MovementMeter(Movement.SHOULDER_RISE, rest, load_estimator(), SETTINGS)
    shoulders = (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER)
    ears = (Landmark.LEFT_EAR, Landmark.RIGHT_EAR)
    width_px = abs(np.diff(rest.landmarks[list(shoulders), 0])[0]) * rest.image_size_wh[0]
    shrug = moved(rest, shoulders, 0.08 * width_px)
    assert meter.amount(shrug) == pytest.approx(8.0, abs=0.1)
    assert meter.amount(moved(shrug, ears, 0.08 * width_px)) == pytest.approx(0.0, abs=0.1)  # sits up
    assert meter.amount(moved(rest, ears, -0.08 * width_px)) == pytest.approx(0.0, abs=0.1)  # nods


def test_what_a_view_does_not_show_is_not_measured() -> None:
    rest = front_pose(0.0)
    assert MovementMeter(Movement.DRAWING_BACK, rest, load_estimator(), SETTINGS).amount(rest) is None
    hidden = replace(rest, visibility=np.zeros(33))
    assert MovementMeter(Movement.SHOULDER_RISE, rest, load_estimator(), SETTINGS).amount(hidden) is None


# The table.


def test_the_table_has_what_the_article_asks_for() -> None:
    exercises = load_exercises()
    assert len(exercises) >= 10
    assert {exercise.aim for exercise in exercises} == set(Aim)
    names = {exercise.name for exercise in exercises}
    assert {
        "shoulder-shrug",
        "side-bend",
        "head-turn",
        "neck-side-stretch",
        "thoracic-extension",
        "chin-tuck",
        "shoulder-blade-squeeze",
        "seated-twist",
        "stand-up",
        "standing-back-extension",
    } <= names
    article = (ROOT / "docs" / "article.md").read_text("utf-8")
    for exercise in exercises:
        assert exercise.source in article, exercise.name
        assert len(exercise.steps) >= 2
        assert set(exercise.best_for) <= set(exercise.faults)
        assert exercise.stop.startswith("Stop if")


def test_an_exercise_is_found_by_its_name_however_it_is_written() -> None:
    assert exercise_called("Side Bend") is exercise_called("side_bend") is exercise_called("side-bend")


# Without a camera, and on the side.


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


def test_an_exercise_by_the_clock_takes_as_long_as_its_dose() -> None:
    exercise, clock = exercise_called("belly-brace"), Clock()
    shown: list[CoachMoment] = []

    def show(moment: CoachMoment, _now_s: float, _frame: object) -> bool:
        shown.append(moment)
        return True

    done = guide_by_clock(exercise, show, lambda: clock.now_s, clock.wait)
    assert (done.repetitions, done.is_seen, done.is_whole) == (5, False, True)
    assert done.holds_s == (10.0,) * 5
    assert 50.0 <= done.duration_s <= 5 * (10.0 + 2 * 3.5)
    assert any(moment.words == "Hold: 10 s" for moment in shown)


def test_who_stops_early_keeps_what_was_done() -> None:
    exercise, clock = exercise_called("seated-march"), Clock()
    done = guide_by_clock(exercise, lambda _m, now_s, _f: now_s < 25.0, lambda: clock.now_s, clock.wait)
    assert 0 < done.repetitions < exercise.total
    assert done.left is not None
    assert done.right is not None
    assert done.left + done.right == done.repetitions
    assert not done.is_whole


def offer(name: str, now_s: float) -> Alert:
    tip = tips_for("stillness")[0]
    return Alert(now_s, None, 1800.0, "In the chair for 30 min.", tip, AlertKind.BREAK, name)


@pytest.mark.slow
def test_an_exercise_that_a_break_offered_is_seen_when_it_is_done(clip_poses: list[Sample]) -> None:
    start_s, end_s, repetitions, _ = truth()["side-bend"]
    watch = OfferWatch(SETTINGS, load_estimator())
    taken: list[tuple[ExerciseDone, float]] = []
    for sample in clip_poses:
        if start_s <= sample.timestamp_s <= end_s + 30.0:
            alert = (
                offer("side-bend", sample.timestamp_s)
                if not taken and sample.timestamp_s < start_s + 0.15
                else None
            )
            found = watch.follow(sample.timestamp_s, sample.pose, alert)
            taken += [found] if found is not None else []
    ((done, began_s),) = taken
    assert (done.name, done.repetitions) == ("side-bend", repetitions)
    assert start_s < began_s < start_s + 6.0
    assert began_s + done.duration_s < end_s


@pytest.mark.slow
def test_an_offer_that_is_not_taken_is_told_of_nothing(clip_poses: list[Sample]) -> None:
    watch = OfferWatch(SETTINGS, load_estimator())
    start_s, end_s, *_ = truth()["head-turn"]
    found = [
        watch.follow(one.timestamp_s, one.pose, offer("side-bend", one.timestamp_s) if number == 0 else None)
        for number, one in enumerate(one for one in clip_poses if start_s <= one.timestamp_s <= end_s)
    ]
    assert not any(found)


def test_nobody_at_rest_is_said(tmp_path: Path) -> None:
    poses = recorded(tmp_path / "nobody.poses.jsonl", Film().nobody(5.0))
    with pytest.raises(NothingJudged, match="Nobody was seen"):
        count_recording(ExerciseRequest(exercise_called("side-bend"), recording=poses), lambda *_: True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("juggling",), 2, "There is no exercise 'juggling'."),
        (("side-bend", "--at", "0:01-0:02"), 2, "--at names a stretch of a recording."),
        (("side-bend", "--source", "missing.mp4"), 1, "does not exist"),
        (("belly-brace", "--source", CLIP), 2, "A camera cannot count belly-brace."),
        (("side-bend", "--source", CLIP, "--at", "5:00-6:00"), 1, "is beyond its end"),
        (("side-bend", "--source", CLIP, "--camera", "0"), 2, "--source does not go with"),
        (("--json",), 2, "Which exercise?"),
        (("side-bend", "--no-camera", "--camera", "0"), 2, "--no-camera does not go with"),
    ],
)
def test_wrong_input_ends_with_a_sentence(arguments: tuple[str | Path, ...], code: int, words: str) -> None:
    done = run("exercise", *arguments)
    assert done.returncode == code
    assert words in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_exercises_are_listed_without_a_name() -> None:
    done = run("exercise")
    assert done.returncode == 0
    for exercise in load_exercises():
        assert exercise.name in done.stdout


def test_fault_names_are_measures() -> None:
    assert all(isinstance(fault, Measure) for exercise in load_exercises() for fault in exercise.faults)


def test_attempt_lies_below_full() -> None:
    entry = exercise_called("side-bend").model_dump() | {"attempt": 20.0}
    with pytest.raises(ValueError, match="attempt must lie below full"):
        Exercise.model_validate(entry)


# Live.


@pytest.mark.slow
def test_a_live_exercise_ends_by_itself_when_the_dose_is_done() -> None:
    exercise = exercise_called("side-bend").with_share(0.25)
    words: list[str] = []

    def show(moment: CoachMoment, _now_s: float, _frame: object) -> bool:
        words.append(moment.words)
        return True

    with serving(jpegs_of(CLIP, 36.0, 280)) as served:
        done = guide_camera(ExerciseRequest(exercise, served.url), show)
    assert done is not None
    assert (done.right, done.is_whole, done.trouble) == (1, True, "")
    assert done.left in (1, 2)  # the clip goes on bending while "Done." is shown
    assert words[-1] == "Done."


def test_a_stream_that_ends_keeps_what_was_counted_and_is_said() -> None:
    with serving(jpegs_of(CLIP, 36.0, 280)) as served:

        def show(moment: CoachMoment, _now_s: float, _frame: object) -> bool:
            served.is_cut = served.is_cut or moment.reached is not None
            return True

        done = guide_camera(ExerciseRequest(exercise_called("side-bend"), served.url), show)
    assert done is not None
    assert done.repetitions == 1
    assert done.trouble
    assert not done.is_whole


@pytest.mark.slow
def test_the_monitor_offers_an_exercise_in_a_break_and_keeps_that_it_was_done(tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    capture = cv2.VideoCapture(str(CLIP))
    images = []
    while (read := capture.read())[0]:
        images.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    capture.release()
    # At rest, side bends (the shoulders tip, which is a fault while sitting), a break, then shrugs.
    write_video(film, [*images[:60], *images[350:660], *images[:360]])
    done = run(
        *("monitor", "--source", film, "--headless", "--json", "--no-notify", "--break-after-min", "0.6")
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    ((offered, message),) = [(one["exercise"], one["message"]) for one in lines if one.get("kind") == "break"]
    assert offered == "shoulder-shrug"
    assert "shoulder shrug, 8 times" in message
    ((kept,),) = [json.loads(run("history", "--json").stdout)["exercises"]]
    assert (kept["exercise"], kept["reason"]) == ("shoulder-shrug", "break")
    assert kept["repetitions"] == 5
