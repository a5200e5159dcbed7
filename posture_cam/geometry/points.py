"""Landmarks as arrays, and the inputs of the angle estimator.

Works on numpy arrays and, for training, on any other library with numpy's interface (`xp`), so that the
estimator is trained on exactly the inputs that it gets in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from posture_cam.ids import HEAD_AND_SHOULDERS, LANDMARK_COUNT, Landmark
from posture_cam.records import Pose

Array = Any  # of numpy, or of the library given as `xp`

EYES = (Landmark.LEFT_EYE, Landmark.RIGHT_EYE)
EARS = (Landmark.LEFT_EAR, Landmark.RIGHT_EAR)
MOUTH = (Landmark.MOUTH_LEFT, Landmark.MOUTH_RIGHT)
SHOULDERS = (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER)
ELBOWS = (Landmark.LEFT_ELBOW, Landmark.RIGHT_ELBOW)
HIPS = (Landmark.LEFT_HIP, Landmark.RIGHT_HIP)
# Nose, ears and shoulders are needed; the rest may be missing, group by group.
CORE = HEAD_AND_SHOULDERS
USED = (*CORE, *EYES, *MOUTH, *ELBOWS, *HIPS)
GROUPS = ("eyes", "mouth", "elbows", "hips", "depth", "world", "visibility")
_GROUP_OF_POINT = ("",) * 5 + ("eyes",) * 2 + ("mouth",) * 2 + ("elbows",) * 2 + ("hips",) * 2

# MediaPipe's 33 landmarks seen in a mirror: left and right are swapped.
MIRRORED = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9]
    + [index + (1 if index % 2 else -1) for index in range(11, LANDMARK_COUNT)]
)
_DEG = 180.0 / np.pi
# Keeps logarithms and directions finite if two landmarks coincide.
_TINY = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Landmarks of any number of poses; `...` is the shape of the set.

    Attributes:
        xy: (..., 33, 2), from the middle of the picture in picture heights, y down.
        depth: (..., 33), MediaPipe's z in picture heights.
        world: (..., 33, 3), metres.
        visibility: (..., 33), 0 to 1.
        has: (..., 7), 1 where a group of `GROUPS` is known, else 0; unknown values are zero.
    """

    xy: Array
    depth: Array
    world: Array
    visibility: Array
    has: Array

    @classmethod
    def of(
        cls,
        landmarks: Array,
        world: Array,
        visibility: Array,
        size_wh: Array,
    ) -> Points:
        """Points from MediaPipe's own numbers; NaN means unknown.

        Args:
            landmarks: (..., 33, 3), fractions of the picture's width and height, z on x's scale.
            world: (..., 33, 3), metres.
            visibility: (..., 33).
            size_wh: (2,) or (..., 2), size of the picture; only the ratio matters.

        Returns:
            Points; NaN remains where a landmark of the core is unknown.
        """
        size = np.asarray(size_wh, dtype=np.float64)
        aspect = (size[..., 0] / size[..., 1])[..., None]
        x = (landmarks[..., 0] - 0.5) * aspect
        xy = np.stack([x, landmarks[..., 1] - 0.5], axis=-1)
        depth = landmarks[..., 2] * aspect
        used = list(USED)

        def known(values: Array, points: Sequence[int]) -> Array:
            part = values[..., list(points)]
            return np.isfinite(part).all(axis=-1)

        flat_xy, flat_world = xy.sum(axis=-1), world.sum(axis=-1)
        has = np.stack(
            [known(flat_xy, pair) for pair in (EYES, MOUTH, ELBOWS, HIPS)]
            + [known(depth, used), known(flat_world, used), known(visibility, (*ELBOWS, *HIPS))],
            axis=-1,
        )
        usable = known(flat_xy, CORE)[..., None]
        filled = np.where(usable[..., None], np.nan_to_num(xy), np.nan)
        return cls(filled, np.nan_to_num(depth), np.nan_to_num(world), np.nan_to_num(visibility), has * 1.0)

    @classmethod
    def of_pose(cls, pose: Pose) -> Points:
        """Points of one pose, with no leading shape."""
        return cls.of(pose.landmarks, _world_of(pose), pose.visibility, pose.image_size_wh)

    @classmethod
    def of_poses(cls, poses: Sequence[Pose]) -> Points:
        """Points of several poses, of shape (n,)."""
        return cls.of(
            np.stack([pose.landmarks for pose in poses]),
            np.stack([_world_of(pose) for pose in poses]),
            np.stack([pose.visibility for pose in poses]),
            np.array([pose.image_size_wh for pose in poses]),
        )

    def mirrored(self) -> Points:
        """The same people seen in a mirror."""
        return Points(
            self.xy[..., MIRRORED, :] * np.array((-1.0, 1.0)),
            self.depth[..., MIRRORED],
            self.world[..., MIRRORED, :] * np.array((-1.0, 1.0, 1.0)),
            self.visibility[..., MIRRORED],
            self.has,
        )


def _world_of(pose: Pose) -> Array:
    return np.full((LANDMARK_COUNT, 3), np.nan) if pose.world_landmarks is None else pose.world_landmarks


def inputs(now: Points, neutral: Points, xp: ModuleType = np) -> tuple[Array, Array]:
    """The inputs of the estimator: changes from the neutral posture, and the neutral posture as context.

    Lengths are measured in a body scale (shoulder width and neck length combined, which does not vanish in
    any view), in face heights, or in picture heights; logarithms of sizes make changes of distance additive.
    The 2-D side angles of neck and trunk are among the features.

    Args:
        now: Points of shape (...).
        neutral: Points of a compatible shape.
        xp: The array library.

    Returns:
        Inputs (..., n), and whether each is known (..., n), 0 or 1.
    """
    seen = _PointFeatures(now, xp)
    then = _PointFeatures(neutral, xp)
    columns: list[Array] = []
    known: list[Array] = []
    both = now.has * neutral.has
    slot = {name: index for index, name in enumerate(GROUPS)}

    flags: dict[str, Array] = {}

    def add(value: Array, needs: str) -> None:
        if needs not in flags:
            flag = xp.ones_like(both[..., 0])
            for name in needs.split():
                flag = flag * both[..., slot[name]]
            flags[needs] = flag
        flag = flags[needs]
        columns.append(value if value.shape == flag.shape else xp.broadcast_to(value, flag.shape))
        known.append(flag)

    for (value, needs), (before, _) in zip(seen.features(), then.features(), strict=True):
        add(value - before, needs)
        add(before, needs)
    for index, needs in enumerate(_GROUP_OF_POINT):
        for axis in (0, 1):
            add((seen.xy[..., index, axis] - then.xy[..., index, axis]) / then.scale, needs)
            add(then.xy[..., index, axis], needs)
            place, before = seen.place(index, axis), then.place(index, axis)
            add(place - before, needs)
            add(before, needs)
        add(seen.depth(index) - then.depth(index), f"{needs} depth")
        add(then.depth(index), f"{needs} depth")
        for axis in range(3):
            add(seen.world(index, axis) - then.world(index, axis), "world")
            add(then.world(index, axis), "world")
    for index in range(len(GROUPS)):
        columns.append(both[..., index])
        known.append(xp.ones_like(both[..., index]))
    return xp.stack(columns, axis=-1), xp.stack(known, axis=-1)


class _PointFeatures:
    """The features of one set of points."""

    def __init__(self, points: Points, xp: ModuleType) -> None:
        self._xp = xp
        self._points = points
        self.xy = points.xy[..., list(USED), :]
        self._ears, self._eyes, self._mouth = (self._middle(pair) for pair in (EARS, EYES, MOUTH))
        self._shoulders, self._hips = self._middle(SHOULDERS), self._middle(HIPS)
        self._width, self._neck = self._gap(SHOULDERS), self._length(self._ears - self._shoulders)
        self.scale = xp.sqrt(self._width**2 + self._neck**2)
        world = points.world
        self._world_shoulders = self._middle(SHOULDERS, world)

    def _middle(self, pair: tuple[Landmark, Landmark], values: Array = None) -> Array:
        of = self._points.xy if values is None else values
        return (of[..., pair[0], :] + of[..., pair[1], :]) / 2

    def _length(self, line: Array) -> Array:
        return self._xp.sqrt((line**2).sum(-1) + _TINY**2)

    def _gap(self, pair: tuple[Landmark, Landmark]) -> Array:
        return self._length(self._points.xy[..., pair[0], :] - self._points.xy[..., pair[1], :])

    def _angle(self, y: Array, x: Array) -> Array:
        return _DEG * self._xp.arctan2(y, x)

    def place(self, index: int, axis: int) -> Array:
        """A landmark relative to the middle of the shoulders, in body scales."""
        return (self.xy[..., index, axis] - self._shoulders[..., axis]) / self.scale

    def depth(self, index: int) -> Array:
        """A landmark's depth in body scales."""
        return self._points.depth[..., USED[index]] / self.scale

    def world(self, index: int, axis: int) -> Array:
        """A world landmark relative to the middle of the shoulders, in metres."""
        return self._points.world[..., USED[index], axis] - self._world_shoulders[..., axis]

    def features(self) -> Iterator[tuple[Array, str]]:
        """Each feature and the groups that it needs."""
        xp, points = self._xp, self._points
        nose = points.xy[..., Landmark.NOSE, :]
        ears, eyes, mouth, shoulders, hips = self._ears, self._eyes, self._mouth, self._shoulders, self._hips
        ear_gap, face = self._gap(EARS), self._length(eyes - mouth)
        # The direction the person faces, without a jump where the nose is between the ears.
        facing = xp.tanh(4.0 * (nose[..., 0] - ears[..., 0]) / self.scale * 4.0)
        for point, needs in ((ears, ""), (eyes, "eyes"), (nose, ""), (mouth, "mouth")):
            yield (shoulders[..., 1] - point[..., 1]) / self.scale, needs
        sizes = ((self.scale, ""), (self._width, ""), (ear_gap, ""), (self._neck, ""))
        for size, needs in (*sizes, (self._gap(EYES), "eyes"), (face, "eyes mouth")):
            yield 10.0 * xp.log(size + _TINY), needs
        yield 10.0 * xp.log(face / self.scale + _TINY), "eyes mouth"
        yield 10.0 * xp.log(self._width / self.scale + 10 * _TINY), ""
        for point, needs in ((nose, "eyes mouth"), (mouth, "eyes mouth"), (eyes, "eyes mouth")):
            yield (point[..., 1] - ears[..., 1]) / (face + _TINY), needs
        neck_deg = self._angle(ears[..., 0] - shoulders[..., 0], shoulders[..., 1] - ears[..., 1])
        trunk_deg = self._angle(shoulders[..., 0] - hips[..., 0], hips[..., 1] - shoulders[..., 1])
        yield facing * neck_deg, ""
        yield facing * trunk_deg, "hips"
        yield neck_deg, ""
        yield trunk_deg, "hips"
        yield facing, ""
        world = points.world
        up = self._middle(EARS, world) - self._world_shoulders
        back = self._world_shoulders - self._middle(HIPS, world)
        across = world[..., Landmark.LEFT_SHOULDER, :] - world[..., Landmark.RIGHT_SHOULDER, :]
        yield self._angle(-up[..., 2], -up[..., 1] + _TINY), "world"
        yield self._angle(-back[..., 2], -back[..., 1] + _TINY), "world"
        yield self._angle(across[..., 2], xp.abs(across[..., 0]) + _TINY), "world"
        yield (nose[..., 0] - ears[..., 0]) / (face + _TINY), "eyes mouth"
        yield (nose[..., 0] - ears[..., 0]) / (ear_gap + 0.05 * self.scale), ""
        yield (nose[..., 1] - ears[..., 1]) / self.scale, ""
        yield (ears[..., 0] - shoulders[..., 0]) / self.scale, ""
        yield (points.visibility[..., HIPS[0]] + points.visibility[..., HIPS[1]]) / 2, "visibility"
        yield (points.visibility[..., ELBOWS[0]] + points.visibility[..., ELBOWS[1]]) / 2, "visibility"
        line = points.xy[..., SHOULDERS[0], :] - points.xy[..., SHOULDERS[1], :]
        yield self._angle(line[..., 1], line[..., 0] + 0.3 * self.scale), ""
        line = points.xy[..., EARS[0], :] - points.xy[..., EARS[1], :]
        yield self._angle(line[..., 1], line[..., 0] + 0.1 * self.scale), ""
