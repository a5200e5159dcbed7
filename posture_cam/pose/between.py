"""Poses of a recording in hindsight: calmer at the looks, and made up between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from posture_cam.pose.person import shift_of
from posture_cam.records import FloatArray, Pose, Sample
from posture_cam.settings import SparingSettings

# Looks before and after that help to calm a pose.
_NEIGHBOURS = 2


def poses_filled_in(samples: Iterable[Sample], sparing: SparingSettings) -> Iterator[Sample]:
    """The same samples; the pose of a look is calmed by similar looks around it.

    Where the posture was changing, poses lie between those of the looks around them.  Without a pose on both
    sides, the pose of the last look holds.
    """
    start: Sample | None = None
    changing: list[Sample] = []
    for sample in _calmed(list(samples), sparing):
        if sample.has_moved and start is not None:
            changing.append(sample)
            continue
        yield from _filled_in(start, changing, None if sample.is_reused else sample)
        changing.clear()
        start = sample
        yield sample
    yield from _filled_in(start, changing, None)


def _calmed(samples: Sequence[Sample], sparing: SparingSettings) -> Iterator[Sample]:
    looks = [sample.pose for sample in samples if not sample.is_reused]
    number, pose = -1, None
    for sample in samples:
        if not sample.is_reused:
            number += 1
            pose = _calm_pose(looks, number, sparing)
        if sample.pose is None or pose is None or pose is looks[number]:
            yield sample
        else:
            yield replace(sample, pose=replace(pose, timestamp_s=sample.timestamp_s))


def _calm_pose(looks: Sequence[Pose | None], number: int, sparing: SparingSettings) -> Pose | None:
    """The mean of a pose and the poses around it, as far as they are alike."""
    pose = looks[number]
    if pose is None:
        return None
    poses, weights = [pose], [1.0]
    earlier, later = (
        looks[max(number - _NEIGHBOURS, 0) : number],
        looks[number + 1 : number + 1 + _NEIGHBOURS],
    )
    for others in (reversed(earlier), later):
        for other in others:
            if other is None or not (weight := _weight(pose, other, sparing)):
                break
            poses.append(other)
            weights.append(weight)
    if len(poses) == 1:
        return pose

    def mean(arrays: Sequence[FloatArray]) -> FloatArray:
        return np.average(arrays, axis=0, weights=weights).astype(arrays[0].dtype)

    world = [other.world_landmarks for other in poses if other.world_landmarks is not None]
    return replace(
        pose,
        landmarks=mean([other.landmarks for other in poses]),
        world_landmarks=mean(world) if len(world) == len(poses) else pose.world_landmarks,
    )


def _weight(pose: Pose, other: Pose, sparing: SparingSettings) -> float:
    """How much a pose counts beside another, 0 to 1: less with time, and less with difference."""
    time_share = abs(other.timestamp_s - pose.timestamp_s) / (2 * sparing.stride_s)
    if time_share >= 1 or other.image_size_wh != pose.image_size_wh:
        return 0.0
    return (1 - time_share) * max(1 - (shift_of(pose, other) / sparing.same_scales) ** 2, 0.0)


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
