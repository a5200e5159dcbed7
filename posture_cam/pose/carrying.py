"""The neutral posture follows the camera: how it has turned, by the room, and poses in the new picture.

For a camera that only turns and zooms, the picture changes by a homography that does not depend on depth
(Hartley and Zisserman, Multiple View Geometry, 2004, section 8.4), so a pose can be carried over exactly.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.pose.room import room_mask
from posture_cam.records import FloatArray, Pose, RoomPoints

# Measured on six real rooms: with 50 matches of which 40 % agree, 32 of 36 turns were found, none wrongly.
_WIDTH, _FEATURES, _MATCH_RATIO = 640, 800, 0.8
_LEAST_MATCHES, _LEAST_SHARE = 50, 0.4
_INLIER_WITHIN_PX = 3.0
_ENOUGH_LIGHT = cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8))
# Focal lengths in picture widths; webcams have 0.8 to 1.1 (48 to 64 deg).  Small turns hardly tell it.
_FOCALS, _USUAL_FOCAL, _PRIOR = (0.6, 0.7, 0.8, 0.9, 1.0, 1.15, 1.35), 0.9, 0.02
_STEPS = 8
# Turns and zooms beyond these are no nudge; chosen.
_MOST_DEG, _MOST_ZOOM = 25.0, 1.25
# The turn has to explain the points this well, as a share of the picture's height.  Measured: turns leave
# 0.002 to 0.0034, a picture squeezed by 4 % leaves 0.0057.
_MOST_OFF = 0.0045
_FRACTIONS = 65535


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """How a camera has turned and zoomed.

    Attributes:
        rotation: (3, 3), from directions before to directions now; x right, y down, z ahead.
        zoom: Focal length now by focal length before.
        focal: Before, in picture heights.
        off: Root mean square of what it leaves unexplained of the points, in picture heights.
    """

    rotation: FloatArray
    zoom: float
    focal: float
    off: float

    @property
    def angle_deg(self) -> float:
        """How far the camera has turned."""
        return math.degrees(math.acos(min(max((float(np.trace(self.rotation)) - 1.0) / 2.0, -1.0), 1.0)))

    @property
    def error_deg(self) -> float:
        """How uncertain it leaves angles: what it does not explain, and a focal length a tenth off."""
        return math.degrees(math.atan(self.off / self.focal)) + 0.1 * self.angle_deg

    def carry(self, pose: Pose) -> Pose:
        """The pose as the turned camera sees it."""
        width, height = pose.image_size_wh
        aspect = width / height
        xy = np.stack([(pose.landmarks[:, 0] - 0.5) * aspect, pose.landmarks[:, 1] - 0.5], axis=-1)
        moved = _projected(xy, self.rotation, self.focal, self.zoom)
        landmarks = pose.landmarks.astype(np.float64)
        landmarks[:, 0], landmarks[:, 1] = moved[:, 0] / aspect + 0.5, moved[:, 1] + 0.5
        landmarks[:, 2] *= self.zoom
        world = pose.world_landmarks
        return replace(
            pose,
            landmarks=landmarks,
            world_landmarks=None if world is None else world @ self.rotation.T,
        )


def room_points(image_bgr: NDArray[np.uint8], pose: Pose | None) -> RoomPoints:
    """Points of the room away from the person."""
    height, width = image_bgr.shape[:2]
    small = cv2.resize(
        image_bgr, (_WIDTH, max(round(height * _WIDTH / width), 1)), interpolation=cv2.INTER_AREA
    )
    grey = _ENOUGH_LIGHT.apply(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
    orb = cv2.ORB.create(nfeatures=_FEATURES, fastThreshold=10)
    found, descriptors = orb.detectAndCompute(grey, room_mask(grey.shape, pose))
    shares = np.array([one.pt for one in found], np.float64).reshape(-1, 2) / (grey.shape[1], grey.shape[0])
    return RoomPoints(
        points=_text((shares * _FRACTIONS).round().astype("<u2")),
        descriptors=_text(
            np.zeros((0, 32), np.uint8) if descriptors is None else descriptors.astype(np.uint8)
        ),
        image_size_wh=(width, height),
    )


def turn_between(then: RoomPoints, now: RoomPoints) -> Turn | None:
    """How the camera has turned from one look at the room to another; None if that is not certain.

    A camera that was moved to another place, another room, too few points and another shape of picture are
    not certain.
    """
    aspect = then.image_size_wh[0] / then.image_size_wh[1]
    if abs(now.image_size_wh[0] / now.image_size_wh[1] / aspect - 1) > 0.01:
        return None
    (before, described), (after, described_now) = (_read(one) for one in (then, now))
    if min(len(before), len(after)) < _LEAST_MATCHES:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(described, described_now, k=2)
    good = [one[0] for one in pairs if len(one) == 2 and one[0].distance < _MATCH_RATIO * one[1].distance]
    if len(good) < _LEAST_MATCHES:
        return None
    first = _in_heights(before[[one.queryIdx for one in good]], aspect)
    second = _in_heights(after[[one.trainIdx for one in good]], aspect)
    within = _INLIER_WITHIN_PX / (_WIDTH / aspect)
    inliers: Any = cv2.findHomography(first, second, cv2.USAC_MAGSAC, within)[1]
    if inliers is None:
        return None
    agree = inliers.ravel().astype(bool)
    if agree.sum() < _LEAST_SHARE * len(good):
        return None
    try:
        turn = _fitted(first[agree], second[agree], aspect)
    except (OverflowError, np.linalg.LinAlgError):  # nothing like a turn
        return None
    is_nudge = turn.angle_deg < _MOST_DEG and 1 / _MOST_ZOOM < turn.zoom < _MOST_ZOOM
    return turn if is_nudge and turn.off < _MOST_OFF else None


def is_mirrored(then: RoomPoints, image_bgr: NDArray[np.uint8], pose: Pose | None) -> bool:
    """Whether the room is found in the mirror image of a picture."""
    if pose is not None:
        landmarks = pose.landmarks.copy()
        landmarks[:, 0] = 1.0 - landmarks[:, 0]
        pose = replace(pose, landmarks=landmarks)
    return turn_between(then, room_points(np.ascontiguousarray(image_bgr[:, ::-1]), pose)) is not None


def _fitted(first: FloatArray, second: FloatArray, aspect: float) -> Turn:
    """The turn and zoom that explain the movement of some points best."""
    best: tuple[float, Turn] | None = None
    for focal_w in _FOCALS:
        focal = focal_w * aspect
        amount = np.zeros(4)  # turn about x, y and z, and the logarithm of the zoom

        def off(amount: FloatArray, focal: float = focal) -> FloatArray:
            rotation = cv2.Rodrigues(amount[:3])[0]
            return (_projected(first, np.asarray(rotation), focal, math.exp(amount[3])) - second).ravel()

        for _ in range(_STEPS):  # Gauss-Newton
            here = off(amount)
            slopes = np.stack([(off(amount + step) - here) / 1e-5 for step in 1e-5 * np.eye(4)], axis=1)
            amount = amount - np.linalg.lstsq(slopes, here, rcond=None)[0]
        left = float(np.sqrt(2 * (off(amount) ** 2).mean()))
        turn = Turn(np.asarray(cv2.Rodrigues(amount[:3])[0]), math.exp(amount[3]), focal, left)
        cost = left * (1 + _PRIOR * math.log(focal_w / _USUAL_FOCAL) ** 2) + 1e-4 * abs(
            math.log(focal_w / _USUAL_FOCAL)
        )
        if best is None or cost < best[0]:
            best = cost, turn
    assert best is not None
    return best[1]


def _projected(xy: FloatArray, rotation: FloatArray, focal: float, zoom: float) -> FloatArray:
    """Points (n, 2) in picture heights from the middle, as the turned camera sees them."""
    rays = np.concatenate([xy / focal, np.ones((len(xy), 1))], axis=1) @ rotation.T
    return np.asarray(focal * zoom * rays[:, :2] / rays[:, 2:])


def _in_heights(shares: FloatArray, aspect: float) -> FloatArray:
    return np.stack([(shares[:, 0] - 0.5) * aspect, shares[:, 1] - 0.5], axis=-1)


def _text(values: NDArray[np.generic]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")


def _read(room: RoomPoints) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Points as shares of the picture, and their descriptors."""
    points = np.frombuffer(base64.b64decode(room.points), "<u2").reshape(-1, 2) / _FRACTIONS
    return points, np.frombuffer(base64.b64decode(room.descriptors), np.uint8).reshape(-1, 32)
