"""The first half of an analysis: from a recording to its looks, which stay in memory."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture_cam.errors import NeutralError, SourceError
from posture_cam.files import content_of, naming, written_whole
from posture_cam.geometry import FeatureExtractor, Orientation
from posture_cam.ids import LANDMARK_COUNT
from posture_cam.kinds import MOST_SECONDS
from posture_cam.pose import open_estimator
from posture_cam.pose.between import poses_filled_in
from posture_cam.pose.pose_log import (
    POSES_SUFFIX,
    PoseLog,
    PoseLogEnd,
    PoseLogHeader,
    PoseLogWriter,
    Rounding,
)
from posture_cam.records import Frame, Look, Pose, Sample, SourceInfo
from posture_cam.session.parts import Outcome, Parts, goals_s, starts_s
from posture_cam.settings import Settings

if TYPE_CHECKING:
    from posture_cam.source import Glimpse, VideoFile

# A recording shorter than this share of the container's duration was cut off.
_CUT_OFF_BELOW = 0.9
_CUT_OFF_BY_S = 2.0


@dataclass(slots=True)
class Listener:
    """Callbacks with which a caller follows the work; each is optional.

    Attributes:
        progress: Called with the name of the pass, the seconds done and the total seconds.
        download: Called while a model is fetched, with its name, bytes done and total bytes.
        should_stop: Asked between samples; True ends the work and keeps the results so far.
    """

    progress: Callable[[str, float, float | None], None] = lambda _pass, _done, _total: None
    download: Callable[[str, int, int], None] | None = None
    should_stop: Callable[[], bool] = lambda: False


class Looks:
    """The samples of a recording in order of time, with features; can be iterated over repeatedly.

    Features, and poses between two looks, are made anew each time: that takes as long as storing and loading
    them, and less memory.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._samples: list[Sample] = []

    def append(self, sample: Sample) -> None:
        """Add the next sample."""
        self._samples.append(sample)

    def __iter__(self) -> Iterator[Look]:
        """All samples, in order."""
        extractor = FeatureExtractor(self._settings)
        return map(extractor.look, poses_filled_in(self._samples, self._settings.sparing))

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._samples)


@dataclass(slots=True)
class Poses:
    """The looks of a whole recording, and what is known of it.

    Attributes:
        header: What was known before the first look.
        looks: In order of time.
        turns: Quarter turns anticlockwise by which the recording was turned, as it lay on its side.
    """

    header: PoseLogHeader
    looks: Looks
    end_s: float
    partial: bool
    notes: list[str] = field(default_factory=list)
    turns: int = 0


def is_recorded(path: Path) -> bool:
    """Whether a path names recorded poses rather than a video."""
    return path.suffix.lower() == POSES_SUFFIX


def recorded_poses(path: Path, settings: Settings) -> Poses:
    """The looks from a file of recorded poses.

    Raises:
        SourceError: The poses cannot be read, or there are none.
    """
    log, looks = PoseLog(path), Looks(settings)
    for sample in log.samples():
        looks.append(sample)
    if not looks:
        raise SourceError(f"{path} holds no samples.", "Make it again from the video with --poses.")
    assert log.end is not None
    return Poses(log.header, looks, log.end.end_s, log.end.partial, list(log.end.notes))


def given_poses(poses: Iterable[Pose], settings: Settings, name: str) -> Poses:
    """The looks of poses from another source, in order of time.

    Raises:
        SourceError: There are none, their time does not advance, or one is not a pose of the documented form.
    """
    rounding, looks = Rounding(), Looks(settings)
    size_wh, last_s = (0, 0), -math.inf
    for number, pose in enumerate(poses):
        _check_pose(number, pose)
        if pose.timestamp_s <= last_s:
            raise SourceError(
                f"The time of pose {number} ({pose.timestamp_s:g} s) does not advance.",
                "Give the poses in order of time.",
            )
        size_wh, last_s = pose.image_size_wh, pose.timestamp_s
        looks.append(rounding.round(Sample(number, pose.timestamp_s, pose)))
    if not looks:
        raise SourceError("There are no poses to judge.", "Give a pose for each moment.")
    source = SourceInfo(name, *size_wh, frame_rate=None, duration_s=None)
    header = PoseLogHeader(source, "own poses", "given", None)
    return Poses(header, looks, _end_s(last_s, source, settings.sampling.rate_hz), partial=False)


def _check_pose(number: int, pose: object) -> None:
    shapes = None
    if isinstance(pose, Pose):
        arrays = (pose.landmarks, pose.visibility, pose.presence)
        shapes = [getattr(one, "shape", None) for one in arrays]
    if not isinstance(pose, Pose) or shapes != [(LANDMARK_COUNT, 3), (LANDMARK_COUNT,), (LANDMARK_COUNT,)]:
        raise SourceError(
            f"Pose {number} is not a Pose with {LANDMARK_COUNT} landmarks.",
            "Give posture_cam.Pose records, and leave out moments in which nobody is seen.",
        )
    if not 0.0 <= pose.timestamp_s <= MOST_SECONDS:
        raise SourceError(
            f"The time of pose {number} ({pose.timestamp_s:g} s) lies outside of a recording.",
            "Count the time in seconds from the beginning of the recording.",
        )


def estimated_poses(
    path: Path,
    settings: Settings,
    listener: Listener,
    stack: ExitStack,
    *,
    rate_hz: float | None,
    model: str,
    is_sparing: bool = False,
    target: Path | None = None,
    stretch_s: tuple[float, float] | None = None,
    until_s: float | None = None,
    processors: int | None = None,
    is_hardware: bool = False,
) -> Poses:
    """Look at a video; a video that lies on its side is turned.

    Args:
        path: The video.
        settings: How to find a person.
        listener: Follows the work.
        stack: Owns what is open until the poses are no longer needed.
        rate_hz: Samples a second; None takes every frame.
        is_sparing: Look mainly where something has moved, not at each sample.
        model: full, lite, heavy, or a path.
        target: A file for the poses, or None.
        stretch_s: A requested stretch, which must not lie beyond the end.
        until_s: The time after which the video is left out.
        processors: How many parts of a long recording to process at once; results do not depend on it.  None
            uses all processors.
        is_hardware: Decode by the graphics card where it gives the same pictures.

    Raises:
        SourceError: The video cannot be read.
        NeutralError: The stretch lies beyond its end.
        ModelError: The model is missing, wrong, or cannot be fetched.
        OutputError: The poses cannot be written.
    """
    options: dict[str, Any] = {
        "rate_hz": rate_hz,
        "model": model,
        "is_sparing": is_sparing,
        "target": target,
        "stretch_s": stretch_s,
        "until_s": until_s,
        "processors": processors,
        "is_hardware": is_hardware,
    }
    with ExitStack() as first:
        poses = _estimated(path, settings, listener, first, **options)
        if not poses.turns or (poses.partial and listener.should_stop()):
            stack.enter_context(first.pop_all())
            return poses
    turned = _estimated(path, settings, listener, stack, turns=poses.turns, **options)
    turned.notes.append(f"The recording lies on its side; it was turned by {_TURN_WORDS[poses.turns]}.")
    turned.turns = poses.turns
    return turned


_TURN_WORDS = {1: "90° against the clock", 2: "180°", 3: "90° with the clock"}


def _estimated(
    path: Path,
    settings: Settings,
    listener: Listener,
    stack: ExitStack,
    *,
    rate_hz: float | None,
    model: str,
    is_sparing: bool,
    target: Path | None,
    stretch_s: tuple[float, float] | None,
    until_s: float | None,
    processors: int | None,
    is_hardware: bool,
    turns: int = 0,
) -> Poses:
    """One pass over a video; it ends early and returns the turn if the video has to be turned first."""
    # Slow to import, and not needed for recorded poses.
    from posture_cam.source import VideoFile

    def opened(start_s: float, stack: ExitStack) -> VideoFile:
        # One thread decodes, which leaves the other processors to the model.
        between_s = settings.sparing.stride_s if is_sparing else None
        return stack.enter_context(
            VideoFile(
                path,
                rate_hz,
                threads=1,
                is_sparse=is_sparing,
                most_between_keys_s=between_s,
                start_s=start_s,
                turns=turns,
                is_hardware=is_hardware,
            )
        )

    first = stack.enter_context(ExitStack())  # resources of the first part
    source = opened(0.0, first)
    check_stretch(stretch_s, source.info.duration_s)
    starts = [0.0]
    if is_sparing and until_s is None:
        duration_s = source.info.duration_s
        found = source.starts(goals_s(duration_s, settings.parts))
        starts = starts_s(found, duration_s, settings.parts)
    estimator = first.enter_context(
        open_estimator(model, settings, is_sparse=is_sparing, progress=listener.download)
    )

    def begin(start_s: float, stack: ExitStack) -> tuple[VideoFile, Iterator[Outcome]]:
        if start_s:
            own, estimate = opened(start_s, stack), stack.enter_context(estimator.another()).estimate
        else:
            stack.enter_context(first.pop_all())
            own, estimate = source, estimator.estimate
        return own, stack.enter_context(closing(_looks(own, estimate, settings, is_sparing=is_sparing)))

    parts = Parts(starts, begin, settings.parts, processors or processor_count(), until_s)
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat()
    content = content_of(path)
    header = PoseLogHeader(source.info, estimator.model, estimator.running_mode, rate_hz, content, written_at)
    partial = False
    last_s = 0.0
    rounding, looks = Rounding(), Looks(settings)
    orientation, has_to_turn = Orientation(), 0
    with ExitStack() as writing, closing(parts.outcomes()) as outcomes:
        writer = None if target is None else _writer(target, header, writing)
        for outcome in outcomes:
            if outcome is not None:
                last_s = outcome.time_s
                if outcome.sample is not None:
                    sample = rounding.round(outcome.sample)
                    looks.append(sample)
                    if writer is not None:
                        writer.write(sample)
                    if sample.pose is not None and not sample.is_reused and not turns:
                        orientation.note(sample.pose)
                        has_to_turn = orientation.turns
            if has_to_turn:
                partial = True
                break
            if until_s is not None and last_s > until_s:
                partial = True
                break
            if not partial:
                listener.progress("Looking", parts.done_s, until_s or source.info.duration_s)
                if listener.should_stop():
                    partial = True
                    parts.leave()
        if not looks and not partial:
            raise source.undecodable()
        end_s = _end_s(parts.end_s if not partial else last_s, source.info, rate_hz)
        notes = _source_notes(source.info, end_s, parts.clock_repairs, partial=partial)
        if writer is not None:
            writer.finish(PoseLogEnd(end_s, partial, tuple(notes)))
    return Poses(header, looks, end_s, partial, notes, has_to_turn)


def _writer(target: Path, header: PoseLogHeader, stack: ExitStack) -> PoseLogWriter:
    temporary = stack.enter_context(written_whole(target))
    stack.enter_context(naming(target))
    return PoseLogWriter(stack.enter_context(temporary.open("w", encoding="utf-8")), header)


def _looks(
    source: VideoFile, estimate: Callable[[Frame], Pose | None], settings: Settings, *, is_sparing: bool
) -> Generator[Outcome]:
    """Look at a recording from its current position."""
    from posture_cam.session.looking import Seen, SparingLooks
    from posture_cam.source import read_ahead

    def look_at_all(glimpses: Iterable[Glimpse]) -> Iterator[Seen]:
        for glimpse in glimpses:
            frame = glimpse.frame()
            pose = None if frame is None else estimate(frame)
            yield Seen(glimpse, pose, is_looked=frame is not None, is_damaged=frame is None)

    size_wh = source.info.width_px, source.info.height_px
    look = SparingLooks(settings, size_wh, estimate).look if is_sparing else look_at_all
    with read_ahead(source.glimpses()) as glimpses:
        for glimpse, pose, is_looked, is_damaged in look(glimpses):
            sample = None
            if not is_damaged:
                sample = Sample(
                    glimpse.index, glimpse.timestamp_s, pose, is_reused=not is_looked, has_moved=not is_looked
                )
            yield Outcome(glimpse.timestamp_s, sample, glimpse.clock_repairs)


def processor_count() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_stretch(stretch_s: tuple[float, float] | None, duration_s: float | None) -> None:
    """Refuse a stretch that lies beyond the end of a recording.

    Raises:
        NeutralError: The stretch lies beyond the end.
    """
    if stretch_s is not None and duration_s is not None and stretch_s[0] >= duration_s:
        raise NeutralError(
            f"The recording lasts {duration_s:.0f} s; {stretch_s[0]:g} s is beyond its end.",
            "Choose a stretch inside the recording.",
        )


def _end_s(last_s: float, info: SourceInfo, rate_hz: float | None) -> float:
    """The end of a recording: the last picture lasts as long as the others."""
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
