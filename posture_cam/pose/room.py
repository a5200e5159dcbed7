"""Whether the camera has moved: how the picture around the person has shifted.

A moved camera shifts everything; a moved person, or a moved chair, leaves the room where it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.ids import Doubt, Landmark
from posture_cam.records import FloatArray, Pose
from posture_cam.settings import BackgroundSettings

# Chosen, except the ratio of the best match to the next, which is near that of Lowe, IJCV 60(2), 2004.
_WIDTH = 480
_FEATURES = 600
_MATCH_RATIO = 0.75
_INLIER_WITHIN_PX = 3.0
_SEEN_FROM = 0.5
_EARS = (Landmark.LEFT_EAR, Landmark.RIGHT_EAR)
_SHOULDERS = (Landmark.LEFT_SHOULDER, Landmark.RIGHT_SHOULDER)
_LIMBS = (
    *range(Landmark.LEFT_ELBOW, Landmark.RIGHT_WRIST + 1),
    *range(Landmark.LEFT_HIP, Landmark.RIGHT_HIP + 3),
)
# A head is about as high as the neck seems long; if the neck is foreshortened, these factors are used.
_HEAD_BY_EARS, _HEAD_BY_SHOULDERS = 1.1, 0.35
_EDGE_WIDTH = 160
_EDGE_SOFTNESS = 40.0
# The largest shift tried, as a share of the picture; and the share of the edges that must still be seen.
_REACH = 0.25
_LEAST_ENERGY = 0.4
# The room is back if it is nearer than this share of the smallest shift that counts.
_BACK_WITHIN = 0.5


# Chosen: more than the noise of a sensor.
_COLOURED_BY, _COLOURED_SHARE = 17, 0.01


@dataclass(frozen=True, slots=True)
class Shift:
    """How the room in the picture differs from when it was first seen.

    Attributes:
        percent: How far the middle of the picture has moved, in percent of its width.
        scale_percent: How much larger the room has become.
        roll_deg: How far it has turned.
        squeeze_percent: How much wider it has become relative to its height.
    """

    percent: float
    scale_percent: float
    roll_deg: float
    squeeze_percent: float = 0.0


class BackgroundWatch:
    """Compares the room with how it was first seen.

    Matched points (ORB; Rublee 2011) give shift, turn and scale.  If a plain wall has too few of them, edges
    (normalised correlation under masks; Padfield 2012) give the shift alone.

    Attributes:
        doubt: The change of the room, or None.
        is_another: The last look showed nothing of the room as it was.
    """

    def __init__(self, settings: BackgroundSettings) -> None:
        self._settings = settings
        self._orb = cv2.ORB.create(nfeatures=_FEATURES, fastThreshold=10)
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
        self._home: _Room | None = None
        self._here: _Room | None = None
        self._looked_s = -math.inf
        self._agreeing = 0
        self._seen: Doubt | None = None
        self.doubt: Doubt | None = None
        self.is_another = False

    def is_due(self, timestamp_s: float) -> bool:
        """Whether it is time for another look."""
        return timestamp_s - self._looked_s >= self._settings.every_s

    def restart(self) -> None:
        """Take the next look at the room as the reference."""
        self._home = self._here = self.doubt = self._seen = None
        self.is_another = False
        self._agreeing, self._looked_s = 0, -math.inf

    def compare(self, image_bgr: NDArray[np.uint8], pose: Pose | None, timestamp_s: float) -> bool:
        """Look at the room; True if it has moved since the last report, or is back.

        A change counts once a few looks in a row agree.
        """
        self._looked_s = timestamp_s
        now = self._look(image_bgr, pose)
        if self._begins_with(now) or self._home is None or self._here is None:
            return False
        from_here = self._between(self._here, now)
        self.is_another = from_here is None
        if from_here is None:
            return False
        from_home = from_here if self.doubt is None else self._between(self._home, now)
        is_back = self.doubt is not None and from_home is not None and self._size(from_home) < _BACK_WITHIN
        if not is_back and self._size(from_here) <= 1.0:
            self._agreeing = 0
            return False
        seen = None if is_back else self._doubt_of(from_here)
        self._agreeing, self._seen = self._agreeing + 1 if seen == self._seen else 1, seen
        if self._agreeing < self._settings.looks:
            return False
        self._agreeing, self.doubt = 0, seen
        self._here = self._home if is_back else now
        return True

    def shift(self, image_bgr: NDArray[np.uint8], pose: Pose | None) -> Shift | None:
        """The shift of the room since it was first seen; None where it cannot be measured."""
        now = self._look(image_bgr, pose)
        if self._begins_with(now) or self._home is None:
            return None
        return self._between(self._home, now)

    def _begins_with(self, now: _Room) -> bool:
        """Take this look as the reference if there is none yet, or if the pictures' shape has changed."""
        if self._home is not None and self._home.edges.shape == now.edges.shape:
            return False
        self.restart()
        self._home = self._here = now
        return True

    def _size(self, shift: Shift) -> float:
        """The size of a shift; 1 is the smallest that counts."""
        settings = self._settings
        return max(
            shift.percent / settings.shift_percent,
            abs(shift.scale_percent) / settings.scale_percent,
            abs(shift.roll_deg) / settings.roll_deg,
            abs(shift.squeeze_percent) / settings.squeeze_percent,
        )

    def _doubt_of(self, shift: Shift) -> Doubt:
        is_squeezed = abs(shift.squeeze_percent) > self._settings.squeeze_percent
        return Doubt.PICTURE_CHANGED if is_squeezed else Doubt.CAMERA_MOVED

    def _look(self, image_bgr: NDArray[np.uint8], pose: Pose | None) -> _Room:
        scale = _WIDTH / image_bgr.shape[1]
        small = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.uint8, copy=False)
        room = room_mask(grey.shape, pose)
        keypoints, descriptors = self._orb.detectAndCompute(grey, room)
        return _Room(
            np.array([keypoint.pt for keypoint in keypoints], np.float32).reshape(-1, 2),
            np.zeros((0, 32), np.uint8) if descriptors is None else descriptors.astype(np.uint8),
            *_edges(grey, room),
        )

    def _between(self, then: _Room, now: _Room) -> Shift | None:
        return self._by_points(then, now) or self._by_edges(then, now)

    def _by_points(self, then: _Room, now: _Room) -> Shift | None:
        least = self._settings.least_points
        if min(len(then.points), len(now.points)) < least:
            return None
        pairs = self._matcher.knnMatch(then.descriptors, now.descriptors, k=2)
        good = [
            pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _MATCH_RATIO * pair[1].distance
        ]
        if len(good) < least:
            return None
        pairs_xy = (
            then.points[[match.queryIdx for match in good]],
            now.points[[match.trainIdx for match in good]],
        )
        # A squeezed picture fits no turn and scale; only then is more freedom allowed, as it also fits noise.
        for estimate in (cv2.estimateAffinePartial2D, cv2.estimateAffine2D):
            matrix, inliers = estimate(*pairs_xy, method=cv2.RANSAC, ransacReprojThreshold=_INLIER_WITHIN_PX)
            if matrix is None or inliers is None or not np.isfinite(matrix).all():
                continue
            count = int(inliers.sum())
            if count >= max(least, self._settings.least_share * len(good)):
                return _shift_of(np.asarray(matrix, np.float64), then.edges.shape)
        return None

    def _by_edges(self, then: _Room, now: _Room) -> Shift | None:
        likeness, energy = _correlation(then, now)
        height, width = then.edges.shape
        reach = (round(_REACH * height), round(_REACH * width))
        # Centred on zero shift, which is in the corner of a transform.
        likeness, energy = (
            np.roll(one, reach, axis=(0, 1))[: 2 * reach[0] + 1, : 2 * reach[1] + 1]
            for one in (likeness, energy)
        )
        likeness = np.where(energy >= _LEAST_ENERGY * energy[reach], likeness, -1.0)
        best = np.unravel_index(int(np.argmax(likeness)), likeness.shape)
        here, there = float(likeness[reach]), float(likeness[best])
        if energy[reach] <= 0 or there < self._settings.least_likeness:
            return None
        if there - here < self._settings.clearly_better:
            # Along a single edge all shifts look alike: as long as zero shift explains it, zero is taken.
            return Shift(0.0, 0.0, 0.0)
        moved = float(np.hypot(best[0] - reach[0], best[1] - reach[1]))
        return Shift(100.0 * moved / width, 0.0, 0.0)


def _shift_of(matrix: FloatArray, edges_shape: tuple[int, ...]) -> Shift:
    """The effect of an affine map on the middle of the picture, and on lengths across and down."""
    middle = np.array((_WIDTH / 2, _WIDTH / 2 * edges_shape[0] / edges_shape[1]))
    moved = matrix[:, :2] @ middle + matrix[:, 2] - middle
    across, down = math.hypot(*matrix[:, 0]), math.hypot(*matrix[:, 1])
    return Shift(
        percent=100.0 * float(np.hypot(*moved)) / _WIDTH,
        scale_percent=100.0 * (math.sqrt(across * down) - 1.0),
        roll_deg=math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])),
        squeeze_percent=100.0 * (across / down - 1.0) if down > 0 else 0.0,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Room:
    """The room at one time; edges as complex numbers, x + iy, 0 under the person."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    edges: NDArray[np.complex128]
    mask: FloatArray


def _edges(grey: NDArray[np.uint8], room: NDArray[np.uint8]) -> tuple[NDArray[np.complex128], FloatArray]:
    size = (_EDGE_WIDTH, round(grey.shape[0] * _EDGE_WIDTH / grey.shape[1]))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    mask = (cv2.resize(room, size, interpolation=cv2.INTER_AREA) > 250).astype(np.float64)
    mask[:2] = mask[-2:] = 0.0
    mask[:, :2] = mask[:, -2:] = 0.0
    edges = cv2.Sobel(small, cv2.CV_64F, 1, 0) + 1j * cv2.Sobel(small, cv2.CV_64F, 0, 1)
    edges /= np.abs(edges) + _EDGE_SOFTNESS  # a strong edge counts no more than a clear one
    # An edge of the mask does not belong to the room.
    mask = np.asarray(cv2.erode(mask, np.ones((3, 3))), dtype=np.float64)
    return np.asarray(edges * mask, dtype=np.complex128), mask


def _correlation(then: _Room, now: _Room) -> tuple[FloatArray, FloatArray]:
    """Likeness (-1 to 1) of two looks for each shift, and how much of the first contributes to it."""
    shape = [2 * size for size in then.edges.shape]

    def transform(values: NDArray[np.complex128] | FloatArray) -> NDArray[np.complex128]:
        return np.fft.fft2(values, shape)

    def joined(first: NDArray[np.complex128] | FloatArray, second: Any) -> FloatArray:
        return np.real(np.fft.ifft2(np.conj(transform(first)) * transform(second)))

    of_then = np.maximum(joined(np.abs(then.edges) ** 2, now.mask), 0.0)
    of_now = np.maximum(joined(then.mask, np.abs(now.edges) ** 2), 0.0)
    scale = np.sqrt(of_then * of_now)
    return joined(then.edges, now.edges) / np.maximum(scale, 1e-6), np.minimum(of_then, of_now)


def has_colour(image_bgr: NDArray[np.uint8]) -> bool:
    """Whether a picture shows any colour, as an infrared camera's does not.

    A hundredth of its pixels differ by a fifteenth of the range between blue, green and red.
    """
    some = image_bgr[::8, ::8].astype(np.int16)
    return bool((np.ptp(some, axis=-1) > _COLOURED_BY).mean() > _COLOURED_SHARE)


def room_mask(shape: tuple[int, ...], pose: Pose | None) -> NDArray[np.uint8]:
    """Where the room is visible: everything except head and hair, and the area below shoulders and arms."""
    height, width = shape[:2]
    mask = np.full((height, width), 255, np.uint8)
    if pose is None:
        return mask
    xy = pose.landmarks[:, :2] * (width, height)
    seen = np.minimum(pose.visibility, pose.presence) >= _SEEN_FROM
    ears, shoulders = (xy[list(pair)].mean(axis=0) for pair in (_EARS, _SHOULDERS))
    across = float(np.hypot(*(xy[_SHOULDERS[0]] - xy[_SHOULDERS[1]])))
    head = max(
        float(np.hypot(*(ears - shoulders))),
        _HEAD_BY_EARS * float(np.hypot(*(xy[_EARS[0]] - xy[_EARS[1]]))),
        _HEAD_BY_SHOULDERS * across,
    )
    middle = np.clip(ears - (0.0, 0.25 * head), -4 * width, 4 * width)
    cv2.circle(mask, (round(float(middle[0])), round(float(middle[1]))), round(head), 0, -1)
    body = [*_SHOULDERS, *(point for point in _LIMBS if seen[point])]
    aside = max(0.25 * across, 0.55 * head)
    left, right = xy[body, 0].min() - aside, xy[body, 0].max() + aside
    top = xy[body, 1].min() - 0.4 * head
    rows = slice(max(0, round(float(top))), height)
    mask[rows, max(0, round(float(left))) : max(0, round(float(right)))] = 0
    return mask
