"""Poses between two looks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from posture_cam.records import FloatArray, Pose, Sample


def poses_filled_in(samples: Iterable[Sample]) -> Iterator[Sample]:
    """The same samples; where the posture was changing, with poses between those of the looks around them.

    Without a pose on both sides, the pose of the last look holds.
    """
    start: Sample | None = None
    changing: list[Sample] = []
    for sample in samples:
        if sample.has_moved and start is not None:
            changing.append(sample)
            continue
        yield from _filled_in(start, changing, None if sample.is_reused else sample)
        changing.clear()
        start = sample
        yield sample
    yield from _filled_in(start, changing, None)


def _filled_in(start: Sample | None, changing: Sequence[Sample], end: Sample | None) -> Iterator[Sample]:
    first, last = (None if one is None else one.pose for one in (start, end))
    for sample in changing:
        if first is None or last is None or first.image_size_wh != last.image_size_wh:
            yield replace(sample, has_moved=False)
        else:
            pose = pose_between(first, last, sample.timestamp_s)
            yield Sample(sample.index, sample.timestamp_s, pose, is_reused=True, has_moved=True)


def pose_between(start: Pose, end: Pose, timestamp_s: float) -> Pose:
    """The pose at a time between two others, if all landmarks move evenly."""
    share = (timestamp_s - start.timestamp_s) / (end.timestamp_s - start.timestamp_s)

    def between(first: FloatArray, last: FloatArray) -> FloatArray:
        return first + share * (last - first)

    world, last_world = start.world_landmarks, end.world_landmarks
    return Pose(
        timestamp_s=timestamp_s,
        landmarks=between(start.landmarks, end.landmarks),
        world_landmarks=None if world is None or last_world is None else between(world, last_world),
        visibility=between(start.visibility, end.visibility),
        presence=between(start.presence, end.presence),
        image_size_wh=start.image_size_wh,
    )
