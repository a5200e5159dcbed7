"""Recorded sitting sessions with their truth, on which the estimator is trained and judged.

The format (docs/accuracy.md describes it) is an NPZ with `image` and `world`, each (rows, 33, 5) of x, y, z,
visibility and presence, NaN where nothing was found or kept, and a .json.gz beside it with one entry per row.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from posture_cam.geometry.points import Points
from posture_cam.records import FloatArray

NEUTRAL = "neutral"
LEAST_NEUTRAL_ROWS = 2
_CM = 100.0


class Truth(NamedTuple):
    """A true quantity of a row, and how it changes in a mirror."""

    name: str
    of: Callable[[dict[str, Any]], float]
    mirrored_sign: int = 1


def _angle(name: str, mirrored_sign: int = 1) -> Truth:
    return Truth(name, lambda row: float(row["angles"][name]), mirrored_sign)


def _joint(part: str, axis: int, factor: float, mirrored_sign: int = 1) -> Truth:
    def of(row: dict[str, Any]) -> float:
        joints = row["joints_m"]
        return float(factor) * float(joints[f"left_{part}"][axis] + joints[f"right_{part}"][axis]) / 2

    return Truth(f"{part}_{'xyz'[axis]}_cm", of, mirrored_sign)


# First the estimator's outputs in their order, then the truths that are learned in addition.  x is to the
# person's left, y up, z forward.
TRUTHS = (
    _angle("neck_inclination"),
    _angle("trunk_inclination"),
    _joint("shoulder", 1, -_CM),
    _joint("ear", 1, -_CM),
    _angle("head_pitch"),
    _angle("head_yaw", -1),
    _joint("shoulder", 2, _CM),
    _joint("ear", 2, _CM),
    _joint("hip", 2, _CM),
    _joint("hip", 1, -_CM),
    _joint("shoulder", 0, _CM, -1),
    _joint("ear", 0, _CM, -1),
    _angle("head_roll", -1),
    _angle("shoulder_tilt", -1),
    _angle("lateral_lean", -1),
)


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Rows of sessions: landmarks as MediaPipe gave them, and the truth.

    Attributes:
        landmarks: (rows, 33, 3), world: (rows, 33, 3), visibility: (rows, 33); NaN where not known.
        size_wh: (rows, 2).
        focal: (rows,), focal length in picture heights.
        truth: (rows, truths), in the order of `TRUTHS`.
        below_eyes: (rows,), whether the camera stands below the point it looks at.
        session, label, view, recipe: (rows,), names.
    """

    landmarks: FloatArray
    world: FloatArray
    visibility: FloatArray
    size_wh: FloatArray
    focal: FloatArray
    truth: FloatArray
    below_eyes: NDArray[np.bool_]
    session: NDArray[np.str_]
    label: NDArray[np.str_]
    view: NDArray[np.str_]
    recipe: NDArray[np.str_]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Sessions from an NPZ and the .json.gz beside it."""
        with np.load(path, allow_pickle=False) as arrays:
            image, world = arrays["image"].astype(np.float64), arrays["world"].astype(np.float64)
        with gzip.open(path.with_suffix(".json.gz"), "rt", encoding="utf-8") as file:
            rows = json.load(file)
        if len(rows) != len(image):
            raise ValueError(f"{path}: {len(image)} rows of landmarks, {len(rows)} of truth")
        cameras = [row["camera"] for row in rows]
        fov = np.radians([camera["vfov"] for camera in cameras])
        return cls(
            landmarks=image[..., :3],
            world=world[..., :3],
            visibility=image[..., 3],
            size_wh=np.array([[row["width"], row["height"]] for row in rows], np.float64),
            focal=0.5 / np.tan(fov / 2),
            truth=np.array([[truth.of(row) for truth in TRUTHS] for row in rows]),
            below_eyes=np.array([camera["eye"][1] - camera["target"][1] < -0.02 for camera in cameras]),
            session=np.array([row["session"] for row in rows]),
            label=np.array([row["label"] for row in rows]),
            view=np.array([row["view"] for row in rows]),
            recipe=np.array([row.get("recipe", "all") for row in rows]),
        )

    def __len__(self) -> int:
        return len(self.session)

    def take(self, rows: NDArray[Any]) -> Self:
        """Some of the rows, by a mask or by their numbers."""
        return type(self)(*(getattr(self, name)[rows] for name in self.__slots__))

    @property
    def points(self) -> Points:
        """The landmarks as the estimator takes them."""
        return Points.of(self.landmarks, self.world, self.visibility, self.size_wh)

    def numbers(self) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
        """The names of the sessions in order of appearance, and the number of each row's session."""
        names, first, inverse = np.unique(self.session, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty(len(order), np.intp)
        rank[order] = np.arange(len(order))
        return names[order], rank[inverse]

    def folds(self, count: int) -> NDArray[np.intp]:
        """The fold of each row: whole sessions, dealt out at random, the same each time."""
        names, number = self.numbers()
        return (np.random.default_rng(0).permutation(len(names)) % count)[number]

    def fingerprints(self) -> NDArray[np.uint32]:
        """For each row a number that identifies its session, by name and truth."""
        names, number = self.numbers()
        neck = self.truth[:, 0]
        prints = [
            zlib.crc32(f"{name}{neck[number == index].tolist()}".encode()) for index, name in enumerate(names)
        ]
        return np.array(prints, np.uint32)[number]


@dataclass(frozen=True, slots=True, eq=False)
class Relative:
    """Rows compared with the neutral posture of their own session.

    Attributes:
        now, neutral: (rows,), the landmarks of each row and of its session's neutral posture.
        change: (rows, truths), the true change.
        usable: (rows,), where the person was found and the session has two neutral rows or more.
    """

    now: Points
    neutral: Points
    change: FloatArray
    usable: NDArray[np.bool_]

    @classmethod
    def of(cls, sessions: Sessions) -> Self:
        """Each session calibrated on the median of its neutral rows."""
        points = sessions.points
        found = np.isfinite(points.xy[:, 0, 0])
        _, number = sessions.numbers()
        usable = np.zeros(len(sessions), bool)
        change = np.full_like(sessions.truth, np.nan)
        found_rows = (points.xy, points.depth, points.world, points.visibility)
        xy, depth, world, visibility = (np.zeros_like(part) for part in found_rows)
        has = np.zeros_like(points.has)
        for index in range(number.max() + 1):
            rows = np.flatnonzero(number == index)
            neutral = rows[found[rows] & (sessions.label[rows] == NEUTRAL)]
            if len(neutral) < LEAST_NEUTRAL_ROWS:
                continue
            usable[rows] = found[rows]
            change[rows] = sessions.truth[rows] - np.median(sessions.truth[neutral], axis=0)
            for part, values in zip((xy, depth, world, visibility), found_rows, strict=True):
                part[rows] = np.median(values[neutral], axis=0)
            has[rows] = points.has[neutral].min(axis=0)
        return cls(points, Points(xy, depth, world, visibility, has), change, usable)
