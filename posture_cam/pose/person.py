"""Which of several people is the person at the desk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posture_cam.ids import HEAD_AND_SHOULDERS, Landmark
from posture_cam.records import FloatArray, Pose

# Measured in sizes of the person (see `Figure.size`).
SAME_PERSON_WITHIN = 0.6
SAME_SIZE_WITHIN = 1.6
# Rendered people from three quarters: up to 1.5, and 2.1 in a blurred picture.
COUNTED_TOO_SMALL_BY = 2.5
# Somebody must be this much larger to be taken for the person at the desk instead,
CHALLENGER_FACTOR = 1.3
# and stay so for this long.
CHALLENGER_STAYS_S = 4.0
# Somebody smaller than this share of the person followed so far is a passer-by.
PASSER_BY_BELOW = 0.5
FORGOTTEN_AFTER_S = 5.0
# A small person who stays for this long, with nobody else there, is the person at the desk after all.
SMALL_ONE_STAYS_S = 10.0
# How slowly the usual size adapts: a passer-by, however near, must not set it.
USUAL_SIZE_WITHIN_S = 10.0
UPPER_BODY = slice(0, 13)
_HIPS = (Landmark.LEFT_HIP, Landmark.RIGHT_HIP)


@dataclass(frozen=True, slots=True)
class Figure:
    """The place of a person, in fractions of the picture's height, and whether shoulders are seen there."""

    centre_x: float
    centre_y: float
    size: float
    has_shoulders: bool = True

    @classmethod
    def of(
        cls, landmarks: FloatArray, image_size_wh: tuple[int, int], *, has_shoulders: bool = True
    ) -> Figure:
        """The figure of a pose: middle and diagonal of head and shoulders.

        Args:
            landmarks: (33, 2 or more), fractions of width and height.
            image_size_wh: The size of the picture, for its aspect ratio.
            has_shoulders: Whether shoulders are seen.
        """
        aspect = image_size_wh[0] / image_size_wh[1]
        points = landmarks[UPPER_BODY, :2] * (aspect, 1.0)
        low, high = points.min(axis=0), points.max(axis=0)
        middle = (low + high) / 2
        return cls(float(middle[0]), float(middle[1]), float(np.hypot(*(high - low))), has_shoulders)

    def is_same(self, other: Figure) -> bool:
        """Whether two figures can be one person a moment apart."""
        reach = SAME_PERSON_WITHIN * max(self.size, other.size)
        is_near = np.hypot(self.centre_x - other.centre_x, self.centre_y - other.centre_y) < reach
        return bool(is_near) and (1 / SAME_SIZE_WITHIN < self.size / max(other.size, 1e-6) < SAME_SIZE_WITHIN)


def index_of_tracked(tracked: Figure, counted: list[Figure]) -> int | None:
    """The index of the tracked person among the people counted; None if the tracker follows none of them.

    A count sees each person once.  It may read a person bent over at half the size that the tracker has
    settled on, but never larger.
    """

    def distance(index: int) -> float:
        one = counted[index]
        return float(np.hypot(one.centre_x - tracked.centre_x, one.centre_y - tracked.centre_y))

    def can_be(index: int) -> bool:
        if counted[index].has_shoulders and not tracked.has_shoulders:
            return False  # somebody behind an empty chair that is tracked
        size = counted[index].size
        is_near = distance(index) < SAME_PERSON_WITHIN * max(size, tracked.size)
        return is_near and 1 / SAME_SIZE_WITHIN < tracked.size / max(size, 1e-6) < COUNTED_TOO_SMALL_BY

    return min(filter(can_be, range(len(counted))), key=distance, default=None)


class PersonFollower:
    """Follows one person: the largest at first, then the same person while others pass.

    It works on figures and timestamps only.  Looks may go back in time, between two earlier ones.
    """

    def __init__(self) -> None:
        self._followed: Figure | None = None
        self._seen_s = 0.0
        self._usual_size = 0.0
        self._challenged_since_s: float | None = None
        self._small_since_s: float | None = None

    def is_expected(self, figure: Figure, timestamp_s: float) -> bool:
        """Whether a tracked figure is the person followed so far."""
        return (
            self._followed is not None
            and abs(timestamp_s - self._seen_s) < FORGOTTEN_AFTER_S
            and figure.is_same(self._followed)
        )

    def is_challenged(self) -> bool:
        """Whether somebody larger was seen at the last look."""
        return self._challenged_since_s is not None

    def choose(self, figures: list[Figure], timestamp_s: float) -> int | None:
        """The index of the person to follow among all seen, or None if nobody is at the desk."""
        figures_by_size = sorted(range(len(figures)), key=lambda index: -figures[index].size)
        candidates = [i for i in figures_by_size if figures[i].size >= PASSER_BY_BELOW * self._usual_size]
        if not candidates:
            return self._small_one(figures_by_size, timestamp_s)
        self._small_since_s = None
        largest = candidates[0]
        known = self._followed
        if known is None or abs(timestamp_s - self._seen_s) >= FORGOTTEN_AFTER_S:
            self._challenged_since_s = None
            return largest
        same = [i for i in candidates if figures[i].is_same(known)]
        if not same:
            # The person left, or moved faster than we look, or was hidden; somebody as large is there.
            least = min(known.size, self._usual_size) / SAME_SIZE_WITHIN
            return largest if figures[largest].size > least else None
        here = min(
            same,
            key=lambda i: np.hypot(
                figures[i].centre_x - known.centre_x, figures[i].centre_y - known.centre_y
            ),
        )
        if largest == here or figures[largest].size < CHALLENGER_FACTOR * figures[here].size:
            self._challenged_since_s = None
            return here
        if self._challenged_since_s is None or timestamp_s < self._challenged_since_s:
            self._challenged_since_s = timestamp_s
        if timestamp_s - self._challenged_since_s < CHALLENGER_STAYS_S:
            return here
        self._challenged_since_s = None
        return largest

    def follow(self, figure: Figure, timestamp_s: float) -> None:
        """Note where the person is now."""
        if self._followed is None or not self._usual_size:
            self._usual_size = figure.size
        share = min(max(timestamp_s - self._seen_s, 0.0), 1.0) / USUAL_SIZE_WITHIN_S
        self._usual_size += share * (figure.size - self._usual_size)
        self._followed, self._seen_s = figure, timestamp_s

    def _small_one(self, figures_by_size: list[int], timestamp_s: float) -> int | None:
        """A person as small as a passer-by: followed only after staying for a while."""
        if not figures_by_size:
            self._small_since_s = None
            return None
        if self._small_since_s is None or timestamp_s < self._small_since_s:
            self._small_since_s = timestamp_s
        if timestamp_s - self._small_since_s < SMALL_ONE_STAYS_S:
            return None
        self._small_since_s = None
        self._usual_size = 0.0  # starts again with this person
        return figures_by_size[0]


def shift_of(before: Pose, now: Pose) -> float:
    """How far head and shoulders have moved in the picture, at most, in body scales.

    A body scale combines the width of the shoulders and the height of the neck, so that it is nearly the same
    from every side.
    """
    points = zip(_pixels(before, HEAD_AND_SHOULDERS), _pixels(now, HEAD_AND_SHOULDERS), strict=True)
    most = max(max(abs(x - then_x), abs(y - then_y)) for (then_x, then_y), (x, y) in points)
    return _in_body_scales(most, now)


def crop_shift_of(before: Pose, now: Pose) -> float:
    """How far the middle of the hips, seen or not, has moved: MediaPipe crops the next picture around it."""
    (x1, y1), (x2, y2) = _pixels(before, _HIPS)
    (x3, y3), (x4, y4) = _pixels(now, _HIPS)
    return _in_body_scales(math.hypot(x3 + x4 - x1 - x2, y3 + y4 - y1 - y2) / 2, now)


def _pixels(pose: Pose, landmarks: Sequence[Landmark]) -> list[tuple[float, float]]:
    # Plain numbers: numpy would take several times as long for so few values.
    width, height = pose.image_size_wh
    return [(x * width, y * height) for x, y in pose.landmarks[list(landmarks), :2].tolist()]


def _in_body_scales(length_px: float, pose: Pose) -> float:
    _, left_ear, right_ear, left, right = _pixels(pose, HEAD_AND_SHOULDERS)
    shoulders = max(abs(left[axis] - right[axis]) for axis in (0, 1))
    neck_x, neck_y = (left_ear[axis] + right_ear[axis] - left[axis] - right[axis] for axis in (0, 1))
    scale_px = math.hypot(shoulders, neck_x / 2, neck_y / 2)
    return length_px / scale_px if scale_px > 0 else math.inf
