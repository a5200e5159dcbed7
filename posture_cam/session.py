"""The only place that knows the order of the stages.

An analysis looks at a recording twice.  The first pass finds the poses and keeps them as recorded poses;
the second judges these, once it is known which posture is neutral.  Judging recorded poses again is
therefore the very same way, without the first pass.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from posture_cam import __version__
from posture_cam.alerts import AlertPolicy
from posture_cam.assessment import Judge, NeutralFinder, Record, Settler, build_neutral, take_stretch
from posture_cam.errors import NeutralError, NothingJudged, SourceError, UsageError
from posture_cam.files import check_writable, naming, written_whole
from posture_cam.geometry import FeatureExtractor, average_neutral, compare
from posture_cam.outputs.tables import CsvResult, JsonResult
from posture_cam.pose.recorded import PoseLog, PoseLogEnd, PoseLogHeader, PoseLogWriter
from posture_cam.profiles import load_profile
from posture_cam.records import (
    Alert,
    Features,
    FloatArray,
    Frame,
    Neutral,
    Observation,
    Pose,
    Reason,
    Sample,
    SessionSummary,
    Sink,
    SourceInfo,
    State,
    View,
)
from posture_cam.settings import Settings, load_settings
from posture_cam.tips import tips_for_faults

POSES_SUFFIX = ".jsonl"
# A recording that ends this much before its container says was cut off.
_CUT_OFF_BELOW = 0.9
_CUT_OFF_BY_S = 2.0


@dataclass(frozen=True, slots=True)
class Analysis:
    """What to analyse, how, and where results go.

    Attributes:
        path: A video, or poses recorded by an earlier analysis (`.jsonl`).
        rate_hz: Samples a second; None takes the setting.
        every_frame: Look at every frame instead.
        neutral_s: The stretch to take as neutral posture, start and end in seconds.
        profile: The name of a stored neutral posture.
        model: full, lite, heavy, or the path of a model.
        json: A file, or an open text stream, or None.
        csv, video, poses: Files, or None.
    """

    path: Path
    rate_hz: float | None = None
    every_frame: bool = False
    neutral_s: tuple[float, float] | None = None
    profile: str | None = None
    model: str = "full"
    json: Path | TextIO | None = None
    csv: Path | None = None
    video: Path | None = None
    poses: Path | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether the source is recorded poses rather than a video."""
        return self.path.suffix.lower() == POSES_SUFFIX


@dataclass(slots=True)
class Listener:
    """How a caller follows an analysis; every part may be left out.

    Attributes:
        progress: Called with the name of the pass, the seconds done and the seconds in all.
        download: Called while a model is fetched: its name, bytes done, bytes in all.
        should_stop: Asked between samples; True ends the analysis and keeps what is done.
    """

    progress: Callable[[str, float, float | None], None] = lambda _pass, _done, _total: None
    download: Callable[[str, int, int], None] | None = None
    should_stop: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class _Poses:
    """Poses of a whole recording, and what is known of it."""

    log: PoseLog
    end_s: float
    partial: bool
    notes: list[str] = field(default_factory=list)


def analyze(request: Analysis, listener: Listener | None = None) -> SessionSummary:
    """Analyse a recording and write the results asked for.

    Returns:
        The summary; `partial` where the listener stopped it.

    Raises:
        UsageError: Options that do not go together.
        SourceError: The recording cannot be read.
        NothingJudged: It was read, but nothing in it could be judged; results are written all the same.
        ModelError: The pose model is missing, wrong, or cannot be fetched.
        NeutralError: No such profile, or the person is not seen in the stretch asked for.
        OutputError: A result cannot be written.
    """
    listener = listener or Listener()
    settings = load_settings()
    _check_request(request)
    profile = load_profile(request.profile) if request.profile else None
    with ExitStack() as stack:
        poses = _recorded(request) if request.is_recorded else _estimated(request, settings, listener, stack)
        neutral = _neutral(request, profile, poses, settings)
        summary = _judge(request, poses, neutral, settings, listener)
    if not summary.judged_s and not summary.partial:
        raise _nothing_judged(summary)
    return summary


def _check_request(request: Analysis) -> None:
    if request.rate_hz is not None and not 0 < request.rate_hz <= 240:
        raise UsageError("--rate must be above 0 and at most 240 samples a second.", "The usual rate is 5.")
    if request.rate_hz is not None and request.every_frame:
        raise UsageError("--rate and --every-frame exclude each other.", "Choose one of them.")
    if request.neutral_s is not None and request.profile is not None:
        raise UsageError("--neutral and --profile exclude each other.", "Choose one of them.")
    if request.is_recorded:
        needs_video = {
            "--rate": request.rate_hz is not None,
            "--every-frame": request.every_frame,
            "--video": request.video is not None,
            "--poses": request.poses is not None,
            "--model": request.model != "full",
        }
        for option, is_given in needs_video.items():
            if is_given:
                raise UsageError(
                    f"{option} needs the video; {request.path.name} holds poses only.",
                    "Analyse the video instead.",
                )
    taken: list[Path] = []
    for target in (request.json, request.csv, request.video, request.poses):
        if isinstance(target, Path):
            if target.resolve() in taken:
                raise UsageError(f"{target} is named for two results.", "Give each its own file.")
            taken.append(target.resolve())
            check_writable(target, never=(request.path,))
    if request.video is not None and request.video.suffix.lower() != ".mp4":
        raise UsageError(
            f"{request.video} is not an MP4.", "Give the annotated video a name that ends in .mp4."
        )
    if request.poses is not None and request.poses.suffix.lower() != POSES_SUFFIX:
        raise UsageError(
            f"{request.poses} would not be known as poses again.", "Give it a name that ends in .poses.jsonl."
        )


def _recorded(request: Analysis) -> _Poses:
    log = PoseLog(request.path)
    count = 0
    for _ in log.samples():
        count += 1
    if not count:
        raise SourceError(f"{request.path} holds no samples.", "Make it again from the video with --poses.")
    assert log.end is not None
    return _Poses(log, log.end.end_s, log.end.partial, list(log.end.notes))


def _estimated(request: Analysis, settings: Settings, listener: Listener, stack: ExitStack) -> _Poses:
    """The first pass: find the poses and keep them."""
    # Slow to import, and not needed for recorded poses.
    from posture_cam.pose.model_store import find_model
    from posture_cam.source import VideoFile

    rate_hz = None if request.every_frame else request.rate_hz or settings.sampling.rate_hz
    source = stack.enter_context(VideoFile(request.path, rate_hz))
    told_s = source.info.duration_s
    if request.neutral_s is not None and told_s is not None and request.neutral_s[0] >= told_s:
        raise NeutralError(
            f"The recording lasts {told_s:.0f} s; {request.neutral_s[0]:g} s is beyond its end.",
            "Choose a stretch inside the recording.",
        )
    model = find_model(request.model, listener.download)

    from posture_cam.pose.landmarker import RUNNING_MODE, PoseLandmarker

    estimator = stack.enter_context(PoseLandmarker(model, settings.pose))
    if request.poses is not None:
        target = request.poses
    else:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="posture_cam-"))
        target = Path(folder) / "poses.jsonl"
    header = PoseLogHeader(source.info, estimator.model, RUNNING_MODE, rate_hz)
    partial = False
    with (
        written_whole(target) as temporary,
        naming(target),
        temporary.open("w", encoding="utf-8") as file,
    ):
        writer = PoseLogWriter(file, header)
        last_s = 0.0
        for frame in source.frames():
            last_s = frame.timestamp_s
            writer.write(Sample(frame.index, last_s, estimator.estimate(frame)))
            listener.progress("Looking", last_s, source.info.duration_s)
            if listener.should_stop():
                partial = True
                break
        end_s = _end_s(source.position_s if not partial else last_s, source.info, rate_hz)
        notes = _source_notes(source.info, end_s, source.clock_repairs, partial=partial)
        writer.finish(PoseLogEnd(end_s, partial, tuple(notes)))
    return _Poses(PoseLog(target), end_s, partial, notes)


def _end_s(last_s: float, info: SourceInfo, rate_hz: float | None) -> float:
    """The last picture stands for as long as one of its kind does."""
    return last_s + 1.0 / (info.frame_rate or rate_hz or 30.0)


def _source_notes(info: SourceInfo, end_s: float, clock_repairs: int, *, partial: bool) -> list[str]:
    notes = []
    told_s = info.duration_s
    if not partial and told_s and end_s < _CUT_OFF_BELOW * told_s and end_s < told_s - _CUT_OFF_BY_S:
        notes.append(f"The recording should last {told_s:.0f} s, but only {end_s:.0f} s of it could be read.")
    if clock_repairs:
        notes.append(
            "The recording's clock stands still or jumps; times are counted from its frame rate there."
        )
    return notes


def _neutral(request: Analysis, profile: Neutral | None, poses: _Poses, settings: Settings) -> Neutral | None:
    """The posture to compare with: asked for, stored, or found; None where there is none."""
    if profile is not None:
        poses.notes += _misfits(profile, poses)
        return profile
    if request.neutral_s is not None:
        neutral = _taken(poses, request.neutral_s, None, settings)
        if neutral is None:
            start_s, end_s = request.neutral_s
            raise NeutralError(
                f"From {start_s:g} s to {end_s:g} s the person is not seen well enough to serve as neutral.",
                f"The recording lasts {poses.end_s:.0f} s; choose a stretch of at least "
                f"{settings.neutral.min_s:g} s with head and shoulders in the picture.",
            )
        return neutral
    finder = NeutralFinder(settings)
    extractor = FeatureExtractor(settings)
    for sample in poses.log.samples():
        finder.add(extractor.extract(sample.timestamp_s, sample.pose))
    stretch = finder.find()
    if stretch is not None and stretch.is_plausible:
        found = _taken(poses, (stretch.start_s, stretch.end_s), stretch.view, settings)
        if found is not None:
            return found
    view = finder.main_view
    return average_neutral(view) if view not in (None, View.FRONT) else None


def _taken(
    poses: _Poses, stretch_s: tuple[float, float], view: View | None, settings: Settings
) -> Neutral | None:
    """The neutral posture out of a stretch of the recording."""
    extractor = FeatureExtractor(settings)
    features: list[Features] = []
    poses_by_time: dict[float, Pose] = {}
    for sample in poses.log.samples():
        moment = extractor.extract(sample.timestamp_s, sample.pose)
        if sample.timestamp_s > stretch_s[1]:
            break
        if sample.timestamp_s >= stretch_s[0] and sample.pose is not None:
            features.append(moment)
            poses_by_time[sample.timestamp_s] = sample.pose
    usable = take_stretch(features, view)
    header = poses.log.header
    if len(usable) < settings.neutral.min_samples:
        return None
    landmarks_xy: list[FloatArray] = [poses_by_time[moment.timestamp_s].landmarks[:, :2] for moment in usable]
    return build_neutral(
        usable,
        created_at="",
        source=header.source.name,
        model=header.model,
        running_mode=header.running_mode,
        image_size_wh=(header.source.width_px, header.source.height_px),
        version=__version__,
        landmarks_xy=landmarks_xy,
    )


def _misfits(profile: Neutral, poses: _Poses) -> list[str]:
    """Where a stored neutral posture does not fit the recording."""
    header = poses.log.header
    size_wh = (header.source.width_px, header.source.height_px)
    pairs = {
        "model": (profile.model, header.model),
        "running mode of MediaPipe": (profile.running_mode, header.running_mode),
        "size of picture": (profile.image_size_wh, size_wh),
    }
    return [
        f"The profile was made with another {what}; results may be off. Calibrate again for this setup."
        for what, (then, now) in pairs.items()
        if then != now
    ]


def _judge(
    request: Analysis, poses: _Poses, neutral: Neutral | None, settings: Settings, listener: Listener
) -> SessionSummary:
    """The second pass: judge the poses and hand the results to the outputs."""
    header = poses.log.header
    compared_with = neutral or average_neutral(View.FRONT)
    extractor, judge = FeatureExtractor(settings), Judge(compared_with, settings)
    policy, settler, record = AlertPolicy(settings.alerts), Settler(settings), Record()
    alerts: list[Alert] = []
    count = 0
    end_s, partial = poses.end_s, poses.partial
    was_stopped = listener.should_stop()  # in the first pass; what it found is still judged
    with ExitStack() as stack:
        sinks = _sinks(request, header.source, neutral, stack)

        def settle(observations: Iterator[Observation]) -> None:
            for observation in observations:
                record.add(observation)
                for sink in sinks:
                    sink.write(observation)
                listener.progress("Writing", observation.assessment.timestamp_s, poses.end_s)

        for sample in poses.log.samples():
            if count and not was_stopped and listener.should_stop():
                end_s, partial = sample.timestamp_s, True
                break
            features = extractor.extract(sample.timestamp_s, sample.pose)
            measures, assessment = judge.update(compare(features, compared_with, settings))
            alert = policy.update(assessment)
            if alert is not None:
                alerts.append(alert)
            count += 1
            settle(settler.push(Observation(sample, measures, assessment, 0.0, alert)))
        settle(settler.finish(end_s))
        record.finish(end_s)
        faults = record.faults
        summary = SessionSummary(
            source=header.source,
            neutral=neutral,
            duration_s=record.duration_s,
            seconds_by_state=dict(record.seconds_by_state),
            score=record.score,
            episodes=record.episodes,
            alerts=tuple(alerts),
            statistics=record.statistics,
            faults=faults,
            unjudged_s_by_reason=dict(record.unjudged_s_by_reason),
            longest_hold=record.longest_hold,
            tips=tips_for_faults({fault.measure: fault.total_s for fault in faults}),
            views=dict(record.seconds_by_view),
            model=header.model,
            sample_count=count,
            notes=tuple(poses.notes),
            partial=partial,
        )
        for sink in sinks:
            sink.finish(summary)
    return summary


def _sinks(request: Analysis, source: SourceInfo, neutral: Neutral | None, stack: ExitStack) -> list[Sink]:
    sinks: list[Sink] = []
    if request.csv is not None:
        sinks.append(stack.enter_context(CsvResult(request.csv)))
    if request.video is not None:
        from posture_cam.outputs.video import AnnotatedVideo

        frames = _frames_again(request.path, stack)
        sinks.append(stack.enter_context(AnnotatedVideo(request.video, source, frames, neutral)))
    if request.json is not None:
        sinks.append(stack.enter_context(JsonResult(request.json)))
    return sinks


def _frames_again(path: Path, stack: ExitStack) -> Iterator[Frame]:
    from posture_cam.source import VideoFile

    return stack.enter_context(VideoFile(path)).frames()


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
    }
    what = main.value if main is not None else "too short"
    hint = (
        hints.get(main, "Turn the camera so that head and shoulders are seen.")
        if main
        else "Record for longer."
    )
    return NothingJudged(f"Nothing in {summary.source.name} could be judged: {what}.", hint)
