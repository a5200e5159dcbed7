"""Whether the camera has moved: how the picture around the person has shifted.

A moved camera shifts everything; a moved person, or a moved chair, leaves the room where it was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.records import Pose
from posture_cam.settings import BackgroundSettings

_WIDTH = 480
_FEATURES = 600
_MATCH_RATIO = 0.75
_INLIER_WITHIN_PX = 3.0


@dataclass(frozen=True, slots=True)
class Shift:
    """How the room differs in the picture from when it was first seen.

    Attributes:
        percent: Of the picture's width, how far its middle has moved.
        scale_percent: How much larger the room has become.
        roll_deg: How far it has turned.
    """

    percent: float
    scale_percent: float
    roll_deg: float


class BackgroundWatch:
    """Finds points of the room again (ORB; Rublee 2011) and fits one shift, turn and scale to them."""

    def __init__(self, settings: BackgroundSettings) -> None:
        self._settings = settings
        self._orb = cv2.ORB.create(nfeatures=_FEATURES, fastThreshold=10)
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
        self._points: NDArray[np.float32] | None = None
        self._descriptors: NDArray[np.uint8] | None = None
        self._looked_s = -math.inf
        self._agreeing = 0
        self.has_moved = False

    def is_due(self, timestamp_s: float) -> bool:
        """Whether it is time for another look."""
        return timestamp_s - self._looked_s >= self._settings.every_s

    def restart(self) -> None:
        """Take the room as it is seen next for where it belongs."""
        self._points = self._descriptors = None
        self._agreeing, self.has_moved, self._looked_s = 0, False, -math.inf

    def update(self, image_bgr: NDArray[np.uint8], pose: Pose | None, timestamp_s: float) -> bool:
        """Look at the room; True if it now counts as moved where it did not, or the other way round.

        A change counts once a few looks running agree.
        """
        self._looked_s = timestamp_s
        shift = self.shift(image_bgr, pose)
        if shift is None:
            return False
        settings = self._settings
        size = max(
            shift.percent / settings.shift_percent,
            abs(shift.scale_percent) / settings.scale_percent,
            abs(shift.roll_deg) / settings.roll_deg,
        )
        disagrees = size < 0.5 if self.has_moved else size > 1.0
        self._agreeing = self._agreeing + 1 if disagrees else 0
        if self._agreeing < settings.looks:
            return False
        self._agreeing, self.has_moved = 0, not self.has_moved
        return True

    def shift(self, image_bgr: NDArray[np.uint8], pose: Pose | None) -> Shift | None:
        """How the room has shifted since it was first seen; None where it cannot be told."""
        scale = _WIDTH / image_bgr.shape[1]
        small = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        keypoints, descriptors = self._orb.detectAndCompute(grey, _room(grey.shape, pose))
        if descriptors is None or len(keypoints) < self._settings.least_points:
            return None
        points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
        if self._points is None or self._descriptors is None:
            self._points, self._descriptors = points, descriptors.astype(np.uint8)
            return None
        pairs = self._matcher.knnMatch(self._descriptors, descriptors, k=2)
        good = [
            pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _MATCH_RATIO * pair[1].distance
        ]
        if len(good) < self._settings.least_points:
            return None
        then = self._points[[match.queryIdx for match in good]]
        now = points[[match.trainIdx for match in good]]
        matrix, inliers = cv2.estimateAffinePartial2D(
            then, now, method=cv2.RANSAC, ransacReprojThreshold=_INLIER_WITHIN_PX
        )
        if matrix is None or inliers is None or not np.isfinite(matrix).all():
            return None
        count = int(inliers.sum())
        if count < self._settings.least_points or count < self._settings.least_share * len(good):
            return None
        middle = np.array((grey.shape[1] / 2, grey.shape[0] / 2))
        moved = matrix[:, :2] @ middle + matrix[:, 2] - middle
        return Shift(
            percent=100.0 * float(np.hypot(*moved)) / _WIDTH,
            scale_percent=100.0 * (math.hypot(matrix[0, 0], matrix[1, 0]) - 1.0),
            roll_deg=math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])),
        )


def _room(shape: tuple[int, ...], pose: Pose | None) -> NDArray[np.uint8]:
    """Where the room is seen: all but a wide box about the person, down to the lower edge."""
    height, width = shape[:2]
    mask = np.full((height, width), 255, np.uint8)
    if pose is not None:
        seen = np.minimum(pose.visibility, pose.presence)[:25] >= 0.5
        points = pose.landmarks[:25, :2][seen]
        if len(points):
            (left, top), (right, _) = points.min(axis=0), points.max(axis=0)
            aside, above = 0.15 * (right - left) + 0.03, 0.25 * (points[:, 1].max() - top) + 0.03
            columns = slice(max(0, round((left - aside) * width)), max(0, round((right + aside) * width)))
            mask[max(0, round((top - above) * height)) :, columns] = 0
    return mask
