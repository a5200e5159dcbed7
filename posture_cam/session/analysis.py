"""Analysing a recording.

An analysis takes two passes.  The first looks at the recording, or reads recorded poses; the second judges
the looks, once the neutral posture is known.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from posture_cam.alerts import AlertPolicy
from posture_cam.errors import NeutralError, NothingJudged, UsageError
from posture_cam.files import check_writable, content_of
from posture_cam.ids import NeutralOrigin, Reason, State
from posture_cam.outputs.files.tables import CsvResult, JsonResult
from posture_cam.pose.pose_log import POSES_SUFFIX
from posture_cam.profiles import load_profile
from posture_cam.protocols import Sink
from posture_cam.records import Frame, Neutral, Observation, Pose, SessionSummary
from posture_cam.runlog import RunLog
from posture_cam.session.neutrals import (
    first_minute,
    found_neutral,
    load_estimator,
    misfits,
    moments_of,
    nearest,
    neutral_from,
)
from posture_cam.session.pipeline import Pipeline
from posture_cam.session.poses import (
    Listener,
    Poses,
    check_stretch,
    estimated_poses,
    given_poses,
    is_recorded,
    recorded_poses,
)
from posture_cam.settings import Settings, load_settings
from posture_cam.words import words_of

if TYPE_CHECKING:
    from posture_cam.outputs.files.keeping import KeptAnalysis, KeptAs

# Older file dates come from clocks that were never set.
_FILES_SINCE = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """A request: the recording, how to analyse it, and where the results go.

    Attributes:
        path: A video, or poses recorded by an earlier analysis (`.jsonl`).
        rate_hz: Looks a second; None takes samples at the rate of the settings, and looks at those in which
            something has moved since the last look.
        every_frame: Look at every frame instead.
        neutral_s: The stretch to take as neutral posture, start and end in seconds.
        profile: The name of a stored neutral posture.
        model: full, lite, heavy, or the path of a model.
        estimator: Use the learned angle estimator instead of formulas.
        json: A file, or an open text stream, or None.
        csv, video, poses: Files, or None.
        save: Keep the result in the history.
        recorded_at: When the recording began, with the zone; None takes it from the file's date.
        processors: How many parts of a long recording to process at once; results do not depend on it.  None
            uses all processors.
        hardware: Decode by the graphics card where it gives the same pictures.
    """

    path: Path
    rate_hz: float | None = None
    every_frame: bool = False
    neutral_s: tuple[float, float] | None = None
    profile: str | None = None
    model: str = "full"
    estimator: bool = True
    json: Path | TextIO | None = None
    csv: Path | None = None
    video: Path | None = None
    poses: Path | None = None
    save: bool = False
    recorded_at: datetime | None = None
    processors: int | None = None
    hardware: bool = False

    @property
    def is_recorded(self) -> bool:
        """Whether the source is recorded poses rather than a video."""
        return is_recorded(self.path)


def analyze(
    request: AnalysisRequest,
    listener: Listener | None = None,
    *,
    kept: Callable[[KeptAs], None] | None = None,
    seen: Callable[[Observation], None] | None = None,
) -> SessionSummary:
    """Analyse a recording and write the results asked for.

    Args:
        request: The request.
        listener: Follows the work.
        seen: Called with each observation in order of time, as known in hindsight.
        kept: Called with how the result was stored in the history, or why it could not be stored; a failure
            to store it then raises no error.

    Returns:
        The summary; `partial` if the listener stopped the analysis.

    Raises:
        UsageError: Options that do not go together.
        SourceError: The recording cannot be read.
        NothingJudged: It was read, but nothing in it could be judged; results are written nevertheless.
        ModelError: The pose model is missing, wrong, or cannot be fetched.
        NeutralError: No such profile, or the person is not seen in the stretch asked for.
        OutputError: A result cannot be written.
        HistoryError: It cannot be stored in the history; results are written nevertheless.
    """
    listener = listener or Listener()
    settings = load_settings()
    _check_request(request)
    profile = load_profile(request.profile) if request.profile is not None else None
    with ExitStack() as stack:
        if request.is_recorded:
            poses = recorded_poses(request.path, settings)
        else:
            poses = estimated_poses(
                request.path,
                settings,
                listener,
                stack,
                rate_hz=None if request.every_frame else request.rate_hz or settings.sampling.rate_hz,
                is_sparing=request.rate_hz is None and not request.every_frame,
                model=request.model,
                target=request.poses,
                stretch_s=request.neutral_s,
                processors=request.processors,
                is_hardware=request.hardware,
            )
        neutral = _neutral(request, profile, poses, settings)
        keeper = _keeper(request, poses) if request.save else None
        summary = _judge(request, poses, neutral, settings, listener, keeper, seen)
        if keeper is not None and (kept_as := keeper.kept_as) is not None:
            if kept is not None:
                kept(kept_as)
            elif kept_as.trouble is not None:
                raise kept_as.trouble
    if not summary.judged_s and not summary.partial:
        raise _nothing_judged(summary)
    return summary


def judge_poses(
    poses: Iterable[Pose], request: AnalysisRequest, *, seen: Callable[[Observation], None] | None = None
) -> SessionSummary:
    """Judge poses from another source as if they had been recorded.

    Args:
        poses: Poses in order of time.
        request: Only its neutral posture, profile and estimator are used, and its path as the name.
        seen: Called with each observation in order of time, as known in hindsight.

    Raises:
        SourceError: There are no poses, their time does not advance, or they are not of the documented form.
        UsageError: The stretch is too short, or a profile is named as well.
        NothingJudged: Nothing in them could be judged.
        NeutralError: No such profile, or the person is not seen in the stretch asked for.
    """
    settings = load_settings()
    _check_neutral(request)
    profile = load_profile(request.profile) if request.profile is not None else None
    given = given_poses(poses, settings, request.path.name)
    neutral = _neutral(request, profile, given, settings)
    summary = _judge(request, given, neutral, settings, Listener(), None, seen)
    if not summary.judged_s:
        raise _nothing_judged(summary)
    return summary


def _check_neutral(request: AnalysisRequest) -> None:
    if request.neutral_s is None:
        return
    if request.profile is not None:
        raise UsageError("--neutral and --profile exclude each other.", "Choose one of them.")
    shortest_s = load_settings().neutral.min_s
    if not request.neutral_s[1] - request.neutral_s[0] >= shortest_s:
        raise UsageError(
            f"--neutral is too short; a neutral posture needs {shortest_s:g} s or more.",
            "Name the whole time that you sat still: 0:05-0:12",
        )


def _check_request(request: AnalysisRequest) -> None:
    if request.rate_hz is not None and not 0 < request.rate_hz <= 240:
        raise UsageError("--rate must be above 0 and at most 240 samples a second.", "The usual rate is 5.")
    if request.rate_hz is not None and request.every_frame:
        raise UsageError("--rate and --every-frame exclude each other.", "Choose one of them.")
    _check_neutral(request)
    if request.is_recorded:
        needs_video = {
            "--rate": request.rate_hz is not None,
            "--every-frame": request.every_frame,
            "--video": request.video is not None,
            "--poses": request.poses is not None,
            "--model": request.model != "full",
            "--hardware": request.hardware,
        }
        for option, is_given in needs_video.items():
            if is_given:
                raise UsageError(
                    f"{option} needs the video; {request.path.name} holds poses only.",
                    "Analyse the video instead.",
                )
    if request.recorded_at is not None and not request.save:
        raise UsageError("--recorded-at goes with --save.", "Add --save, or leave it out.")
    if request.save:
        from posture_cam.history import Writer

        with Writer(is_exclusive=False):
            pass  # report obstacles before the work, not after it
    taken: list[str] = []
    for target in (request.json, request.csv, request.video, request.poses):
        if isinstance(target, Path):
            place = os.path.realpath(target)
            if place in taken:
                raise UsageError(f"{target} is named for two results.", "Give each its own file.")
            taken.append(place)
            check_writable(target, never=(request.path, Path(request.model)))
    if request.video is not None and request.video.suffix.lower() != ".mp4":
        raise UsageError(
            f"{request.video} is not an MP4.", "Give the annotated video a name that ends in .mp4."
        )
    if request.poses is not None and request.poses.suffix.lower() != POSES_SUFFIX:
        raise UsageError(
            f"{request.poses} would not be known as poses again.", "Give it a name that ends in .poses.jsonl."
        )


def _neutral(
    request: AnalysisRequest,
    profile: Neutral | None,
    poses: Poses,
    settings: Settings,
) -> Neutral | None:
    """The neutral posture to compare with: requested, stored or found; None if there is none."""
    if profile is not None:
        profile = nearest(profile, poses)
        poses.notes += misfits(profile, poses.header, first_minute(poses), settings)
        if profile.slouch and not request.estimator:
            poses.notes.append("Your own slouch is used only with the angle estimator; here it was not.")
        return profile
    if request.neutral_s is not None:
        check_stretch(request.neutral_s, poses.end_s)
        neutral = neutral_from(moments_of(poses, request.neutral_s), poses.header, settings)
        if neutral is None:
            start_s, end_s = request.neutral_s
            raise NeutralError(
                f"From {start_s:g} s to {end_s:g} s the person is not seen well enough to serve as neutral.",
                f"The recording lasts {poses.end_s:.0f} s; choose a stretch of at least "
                f"{settings.neutral.min_s:g} s with head and shoulders in the picture.",
            )
        return neutral
    return found_neutral(poses, settings)


def _origin(request: AnalysisRequest, neutral: Neutral | None) -> NeutralOrigin | None:
    if neutral is None:
        return None
    if request.profile is not None:
        return NeutralOrigin.PROFILE
    if request.neutral_s is not None:
        return NeutralOrigin.GIVEN
    return NeutralOrigin.FOUND if neutral.is_personal else NeutralOrigin.AVERAGE


def _judge(
    request: AnalysisRequest,
    poses: Poses,
    neutral: Neutral | None,
    settings: Settings,
    listener: Listener,
    keeper: KeptAnalysis | None,
    seen: Callable[[Observation], None] | None,
) -> SessionSummary:
    """The second pass: judge the poses and hand the results to the outputs."""
    header = poses.header
    estimator = load_estimator() if request.estimator else None
    judging = Pipeline(
        neutral,
        settings,
        estimator,
        AlertPolicy(settings.alerts),
        keeper,
        is_fresh=request.profile is None,
        origin=_origin(request, neutral),
        profile=request.profile,
    )
    judging.begin(header.source, header.model)
    judging.notes += poses.notes
    end_s, partial, is_first = poses.end_s, poses.partial, True
    was_stopped = listener.should_stop()  # the first pass was stopped; what it found is still judged
    with ExitStack() as stack:
        sinks = _sinks(request, poses, neutral, judging.log, stack)

        def settle(observations: Iterable[Observation]) -> None:
            for observation in observations:
                for sink in sinks:
                    sink.write(observation)
                if seen is not None:
                    seen(observation)
                listener.progress("Writing", observation.assessment.timestamp_s, poses.end_s)

        for moment in judging.measure(poses.looks):
            if not is_first and not was_stopped and listener.should_stop():
                end_s, partial = moment.sample.timestamp_s, True
                break
            is_first = False
            settle(judging.judge(moment).settled)
        settle(judging.finish(end_s))
        summary = judging.summary(header.source, header.model, partial=partial)
        for sink in sinks:
            sink.finish(summary)
    if keeper is not None:
        keeper.finish(summary)
    return summary


def _keeper(request: AnalysisRequest, poses: Poses) -> KeptAnalysis:
    """The keeper of the result.

    Raises:
        UsageError: It is not known when the recording was made.
    """
    header, recorded_at = poses.header, request.recorded_at
    if recorded_at is None:  # a file's date is usually the end of the recording
        if header.written_at is None:
            raise UsageError(
                f"{request.path.name} does not tell when the recording was made.",
                'Add it: --recorded-at "2026-11-20 09:30"',
            )
        try:
            written_at = datetime.fromisoformat(header.written_at).astimezone(UTC)
        except ValueError:
            written_at = datetime.min.replace(tzinfo=UTC)
        now = datetime.now(UTC)
        if not _FILES_SINCE <= written_at <= now:
            written_at = now  # a clock that was wrong
        recorded_at = written_at - timedelta(seconds=poses.end_s)
    from posture_cam.outputs.files.keeping import KeptAnalysis  # slow to import, and rarely needed

    content = header.content or content_of(request.path)
    return KeptAnalysis(content, recorded_at, request.profile)


def _sinks(
    request: AnalysisRequest, poses: Poses, neutral: Neutral | None, log: RunLog, stack: ExitStack
) -> list[Sink]:
    header, turns = poses.header, poses.turns
    sinks: list[Sink] = []
    if request.csv is not None:
        sinks.append(stack.enter_context(CsvResult(request.csv)))
    if request.video is not None:
        from posture_cam.outputs.files.video import AnnotatedVideo

        frames = _frames_again(request.path, stack, turns)
        sinks.append(stack.enter_context(AnnotatedVideo(request.video, header.source, frames, neutral)))
    if request.json is not None:
        sinks.append(stack.enter_context(JsonResult(request.json, log, poses.end_s, header.content, turns)))
    return sinks


def _frames_again(path: Path, stack: ExitStack, turns: int) -> Iterator[Frame]:
    from posture_cam.source import VideoFile

    return stack.enter_context(VideoFile(path, turns=turns)).frames()


def _nothing_judged(summary: SessionSummary) -> NothingJudged:
    reasons = summary.unjudged_s_by_reason
    main = max(reasons, key=lambda reason: reasons[reason]) if reasons else None
    if summary.seconds_by_state.get(State.AWAY, 0.0) > summary.duration_s / 2:
        main = Reason.NOBODY
    hints = {
        Reason.NOBODY: "Head and shoulders should fill a good part of the picture.",
        Reason.NO_NEUTRAL: "Sit upright and still for three seconds, or name a stretch: --neutral 0:05-0:12",
        Reason.OTHER_VIEW: "Calibrate from where this camera stands, or leave --profile out.",
        Reason.SETTLING: "Record for at least ten seconds.",
        Reason.TOO_SMALL: "Bring the camera closer.",
        Reason.ON_ITS_SIDE: "Analyse the video itself: it is turned then.",
    }
    least_s = load_settings().neutral.min_s
    if main == Reason.NO_NEUTRAL and summary.duration_s < least_s:
        return NothingJudged(
            f"{summary.source.name} lasts {summary.duration_s:.1f} s; a neutral posture takes {least_s:g} s.",
            "Record for longer, or compare with a stored posture: --profile NAME",
        )
    what = words_of(main) if main is not None else "too short"
    hint = (
        hints.get(main, "Turn the camera so that head and shoulders are seen.")
        if main
        else "Record for longer."
    )
    return NothingJudged(f"Nothing in {summary.source.name} could be judged: {what}.", hint)
