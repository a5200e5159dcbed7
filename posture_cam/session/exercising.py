"""An exercise from start to end: in front of the camera, in a recording, or by the clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from posture_cam.care.exercises import CoachMoment, Exercise, ExerciseDone
from posture_cam.errors import NothingJudged, SourceError, UsageError
from posture_cam.pose import open_estimator
from posture_cam.pose.pose_log import PoseLog
from posture_cam.records import Frame, Pose
from posture_cam.session.coach import Coach
from posture_cam.session.neutrals import load_estimator
from posture_cam.session.poses import Listener, is_recorded
from posture_cam.settings import Settings, load_settings

Show = Callable[[CoachMoment, float, Frame | None], bool]
"""Called with what there is to show, the time, and the picture; False ends the exercise."""

# MediaPipe smooths over several looks, so looking begins this long before the stretch.
_LEAD_IN_S = 1.0
_LET_GO_S = 3.0
_TICK_S = 0.2
_SHOWN_DONE_S = 2.0


@dataclass(frozen=True, slots=True)
class ExerciseRequest:
    """Which exercise, and where it is seen.

    Attributes:
        exercise: The exercise.
        camera: A camera's number or a stream's address; used where `recording` is None.
        recording: A video, or recorded poses.
        at_s: The stretch of the recording, start and end in seconds.
        model: full, lite, heavy, or a path.
    """

    exercise: Exercise
    camera: int | str = 0
    recording: Path | None = None
    at_s: tuple[float, float] | None = None
    model: str = "full"


def count_recording(request: ExerciseRequest, show: Show, listener: Listener | None = None) -> ExerciseDone:
    """Count an exercise in a recording.

    Raises:
        UsageError: The camera cannot count this exercise.
        SourceError: The recording cannot be read, or ends before the stretch.
        NothingJudged: The person is not seen at rest, or the camera's position does not show the movement.
        ModelError: A model is missing, wrong, or cannot be fetched.
    """
    exercise, path = request.exercise, request.recording
    assert path is not None
    if exercise.movement is None:
        raise UsageError(
            f"A camera cannot count {exercise.name}.",
            f"It is said and timed: posture-cam exercise {exercise.name}",
        )
    settings, listener = load_settings(), listener or Listener()
    coach = Coach(exercise, settings, load_estimator())
    start_s, end_s = request.at_s or (0.0, math.inf)
    last_s = 0.0
    with ExitStack() as stack:
        for now_s, pose, frame in _looks(path, request, settings, listener, stack):
            last_s = now_s
            if now_s > end_s or listener.should_stop():
                break
            if now_s >= start_s and not show(coach.see(now_s, pose), now_s, frame):
                break
    if last_s < start_s and not listener.should_stop():
        raise SourceError(
            f"The recording lasts {last_s:.0f} s; {start_s:g} s is beyond its end.",
            "Choose a stretch inside the recording.",
        )
    if coach.can_see is None and not listener.should_stop():
        what = "Nobody was seen at rest" if coach.was_seen else "Nobody was seen"
        raise NothingJudged(
            f"{what}, so there is nothing to measure from.",
            f"Begin with {settings.exercise.rest_s:g} s or more of rest, head and shoulders in the picture, "
            "or name a stretch: --at 0:35-1:06",
        )
    if coach.can_see is False:
        raise NothingJudged(
            f"From where this camera stands, {exercise.name} cannot be seen.",
            "Record it from the side." if not exercise.is_seen_from_front else "Record it from the front.",
        )
    return coach.done()


def guide_camera(
    request: ExerciseRequest, show: Show, listener: Listener | None = None
) -> ExerciseDone | None:
    """Guide a person in front of the camera until the dose is done, or `show` or the listener ends it.

    Returns:
        The result; None if the camera's position does not show the movement, so that it has to be timed.

    Raises:
        SourceError: The camera or the stream cannot be opened, or has gone.
        ModelError: A model is missing, wrong, or cannot be fetched.
    """
    from posture_cam.source import CameraGone

    settings, listener = load_settings(), listener or Listener()
    coach = Coach(request.exercise, settings, load_estimator())
    whole_since_s: float | None = None
    with ExitStack() as stack:
        try:
            for now_s, pose, frame in _camera_looks(request, settings, listener, stack):
                moment = coach.see(now_s, pose)
                if not show(moment, now_s, frame) or listener.should_stop():
                    break
                if coach.can_see is False:
                    return None
                if moment.is_whole and whole_since_s is None:
                    whole_since_s = now_s
                if whole_since_s is not None and now_s - whole_since_s >= _SHOWN_DONE_S:
                    break
        except CameraGone as error:
            done = coach.done()
            if not done.repetitions:
                raise
            return replace(done, trouble=error.message)
    return coach.done()


def guide_by_clock(
    exercise: Exercise, show: Show, clock: Callable[[], float], wait: Callable[[float], None]
) -> ExerciseDone:
    """Guide a person by the clock through an exercise that the camera cannot count.

    Args:
        exercise: The exercise.
        show: Shows a moment; False ends the exercise.
        clock: Returns the time in seconds.
        wait: Waits for a number of seconds.
    """
    began_s = clock()
    done = 0
    holds: list[float] = []
    sides = ("left", "right") if exercise.sides else ("",)
    for number in range(exercise.repetitions):
        for side in sides:
            for words, lasts_s, is_hold in (
                (exercise.steps[min(1, len(exercise.steps) - 1)], _LET_GO_S, False),
                ("Hold", exercise.hold_s, True),
                (exercise.steps[-1], _LET_GO_S, False),
            ):
                since_s = clock()
                while (gone_s := clock() - since_s) < lasts_s:
                    told = f"{words}: {math.ceil(lasts_s - gone_s)} s" if is_hold else words
                    share = gone_s / lasts_s if is_hold else 0.0
                    moment = CoachMoment(
                        told, number, exercise.repetitions, side, share, gone_s * is_hold, None, True, False
                    )
                    if not show(moment, clock() - began_s, None):
                        return _timed(exercise, done, holds, clock() - began_s)
                    wait(_TICK_S)
            done += 1
            holds.append(exercise.hold_s)
            reached = CoachMoment("", number + 1, exercise.repetitions, side, 0.0, 0.0, side, True, False)
            if not show(reached, clock() - began_s, None):
                return _timed(exercise, done, holds, clock() - began_s)
    show(
        CoachMoment("Done.", exercise.repetitions, exercise.repetitions, "", 1.0, 0.0, None, True, True),
        clock() - began_s,
        None,
    )
    return _timed(exercise, done, holds, clock() - began_s)


def _timed(exercise: Exercise, done: int, holds: list[float], duration_s: float) -> ExerciseDone:
    left = (done + 1) // 2 if exercise.sides else None
    return ExerciseDone(
        name=exercise.name,
        repetitions=done,
        left=left,
        right=None if left is None else done - left,
        holds_s=tuple(holds),
        refused=0,
        duration_s=round(duration_s, 1),
        is_seen=False,
        is_whole=done >= exercise.total,
    )


def _looks(
    path: Path, request: ExerciseRequest, settings: Settings, listener: Listener, stack: ExitStack
) -> Iterator[tuple[float, Pose | None, Frame | None]]:
    """Time, pose and picture of each look at a recording, from a little before the stretch."""
    if is_recorded(path):
        yield from ((one.timestamp_s, one.pose, None) for one in PoseLog(path).samples())
        return
    # Slow to import, and not needed for recorded poses.
    from posture_cam.source import VideoFile, read_ahead

    source = stack.enter_context(VideoFile(path, settings.exercise.rate_hz))
    landmarker = stack.enter_context(open_estimator(request.model, settings, progress=listener.download))
    start_s, end_s = request.at_s or (0.0, math.inf)
    total_s = min(end_s, source.info.duration_s or math.inf)
    for frame in stack.enter_context(read_ahead(source.frames())):
        now_s = frame.timestamp_s
        listener.progress("Looking", now_s, total_s if math.isfinite(total_s) else None)
        pose = landmarker.estimate(frame) if now_s >= start_s - _LEAD_IN_S else None
        yield now_s, pose, frame


def _camera_looks(
    request: ExerciseRequest, settings: Settings, listener: Listener, stack: ExitStack
) -> Iterator[tuple[float, Pose | None, Frame | None]]:
    from posture_cam.source import open_device, paced

    camera = stack.enter_context(open_device(request.camera))
    landmarker = stack.enter_context(open_estimator(request.model, settings, progress=listener.download))
    for frame in paced(camera, settings.exercise.rate_hz):
        yield frame.timestamp_s, landmarker.estimate(frame), frame
