"""Quantities of a single pose that need no neutral posture.

Everything is measured in pixels (so that the aspect ratio is right) with y pointing down.  Lengths are
divided by the picture's height or by another length of the same person.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from posture_cam.geometry.orientation import Orientation
from posture_cam.geometry.points import CORE, EARS, EYES, HIPS, MOUTH, SHOULDERS
from posture_cam.geometry.view import BEHIND_ABOVE_DEG, ViewTracker, facing_sign, shoulder_yaw_deg
from posture_cam.ids import Feature, Landmark, Reason, View
from posture_cam.records import Features, Look, Pose, Sample
from posture_cam.settings import Gates, Settings

_NEEDED = np.array(CORE)
_Point = tuple[float, float]

# Nose before the middle of the ears, by the distance between the ears; gives head yaw from its tangent.
# Fitted on rendered people: slope .97, mean error 7 deg.
NOSE_DEPTH_BY_EAR_DISTANCE = 0.62
# How far the camera is above (+) or below (-) the eyes, from how far the nose lies below the ears in eye
# distances: measured on rendered people looking at a screen, within 8 to 10 deg.
ELEVATION_ZERO, ELEVATION_PER_DEG = 0.29, 0.015
# Ears to shoulders by shoulders to hips, for a trunk whose hips are not seen; chosen.
_NECK_BY_TRUNK = 0.4
# Shoulders by the distance of the ears: at least 1.38 in 999 of 1,000 rendered pictures, and 1.56 in public
# recordings.
_LEAST_SHOULDERS_BY_HEAD = 1.3
# Once large enough, a person may be this much smaller; chosen.
_KEPT_AT = 0.85
AZIMUTH_AT_ZERO_DEG, AZIMUTH_PER_YAW = 18.0, 0.626


class FeatureExtractor:
    """Turns poses into features; remembers the view between poses.

    Args:
        settings: For gates and views.
        view: The initial view, if known.
    """

    def __init__(self, settings: Settings, view: View | None = None) -> None:
        self._gates, self._front_below_deg = settings.gates, settings.view.front_below_deg
        self._views = ViewTracker(settings.view, view)
        self._orientation = Orientation(was_upright=view is not None)
        self._view = view or View.FRONT
        self._confidence: float | None = None  # of the last pose, which may be reused
        self._measured: tuple[View, Mapping[Feature, float] | None] = View.FRONT, None
        self._was_large = False

    def look(self, sample: Sample) -> Look:
        """A sample with its features."""
        return Look(sample, self.extract(sample.timestamp_s, sample.pose, is_held=sample.is_held))

    def extract(self, timestamp_s: float, pose: Pose | None, *, is_held: bool = False) -> Features:
        """The features of a pose; if it cannot be used, a reason and no values.

        Args:
            timestamp_s: The time of the pose.
            pose: The pose, or None for nobody.
            is_held: The pose is the last one, unchanged.
        """
        if pose is None:
            return self._nothing(timestamp_s, Reason.NOBODY)
        if not is_held:
            self._confidence = self._confidence_in(pose)
            self._measured = self._view, None
            if self._confidence is not None and not self._orientation.was_upright:
                self._orientation.note(pose)
        if self._confidence is None:
            return self._nothing(timestamp_s, Reason.HEAD_HIDDEN)
        if self._orientation.lies:
            return self._nothing(timestamp_s, Reason.ON_ITS_SIDE)
        self._view = self._views.classify(pose, is_held=is_held)
        view, values = self._measured
        if values is None or view != self._view:
            values = _measure(pose, self._view, self._gates, _KEPT_AT if self._was_large else 1.0)
            self._measured = self._view, values
            self._was_large = values is not None
        if values is None:
            return self._nothing(timestamp_s, Reason.TOO_SMALL)
        return Features(timestamp_s, self._view, values, self._confidence, pose=pose)

    def _confidence_in(self, pose: Pose) -> float | None:
        """How well head and shoulders are seen; None if too badly, if guessed, or from behind."""
        needed = np.minimum(pose.visibility, pose.presence)[_NEEDED].tolist()
        turn_deg = abs(shoulder_yaw_deg(pose))
        if not min(needed) >= self._gates.min_seen or turn_deg > BEHIND_ABOVE_DEG:
            return None
        if turn_deg < self._front_below_deg and _are_narrow(pose):
            return None
        return float(sum(needed) / len(needed))

    def _nothing(self, timestamp_s: float, reason: Reason) -> Features:
        return Features(timestamp_s, self._view, {}, 0.0, reason)


def _are_narrow(pose: Pose) -> bool:
    """Whether shoulders seen from the front are too narrow for the head: then they are guessed."""
    (left, right), (left_ear, right_ear) = (
        (pose.landmarks[list(pair), :2] * pose.image_size_wh).tolist() for pair in (SHOULDERS, EARS)
    )
    return math.dist(left, right) < _LEAST_SHOULDERS_BY_HEAD * math.dist(left_ear, right_ear)


def _measure(pose: Pose, view: View, gates: Gates, kept_at: float) -> Mapping[Feature, float] | None:
    """The features of a pose; None for a person smaller than this share of the least sizes."""
    width_px, height_px = pose.image_size_wh
    # Plain numbers: numpy takes several times as long for so few values.
    xy = [(x * width_px, y * height_px) for x, y in pose.landmarks[:, :2].tolist()]
    seen = np.minimum(pose.visibility, pose.presence).tolist()

    def middle(pair: tuple[Landmark, Landmark]) -> _Point:
        (first_x, first_y), (second_x, second_y) = xy[pair[0]], xy[pair[1]]
        return (first_x + second_x) / 2, (first_y + second_y) / 2

    def gap(pair: tuple[Landmark, Landmark]) -> float:
        return math.dist(xy[pair[0]], xy[pair[1]])

    def are_seen(points: Iterable[Landmark]) -> bool:
        return all(seen[point] >= gates.min_seen for point in points)

    ears, shoulders = middle(EARS), middle(SHOULDERS)
    nose = xy[Landmark.NOSE]
    width = gap(SHOULDERS)
    hips_seen = are_seen(HIPS)
    hips = middle(HIPS)
    trunk_length = math.dist(shoulders, hips)
    yaw_deg = shoulder_yaw_deg(pose)

    values = {
        Feature.SHOULDER_YAW: yaw_deg,
        Feature.SHOULDER_WIDTH: width / height_px,
        Feature.SHOULDER_X: shoulders[0] / height_px,
        Feature.SHOULDER_Y: shoulders[1] / height_px,
        Feature.EAR_Y: ears[1] / height_px,
    }
    if hips_seen:
        values[Feature.TRUNK_LENGTH] = trunk_length / height_px

    if view != View.FRONT:
        sign = facing_sign(pose)
        neck_deg = _inclination_deg(shoulders, ears, sign)
        values[Feature.NECK_PROFILE] = neck_deg if view.is_side else in_profile_deg(neck_deg, yaw_deg)
    neck_length = math.dist(ears, shoulders)
    trunk_px = trunk_length if hips_seen else neck_length / _NECK_BY_TRUNK
    is_large = view != View.FRONT and trunk_px >= kept_at * gates.min_trunk_length_px
    if not view.is_side:
        is_large = is_large or width >= kept_at * gates.min_shoulder_width_px
    if not is_large:
        return None
    if view.is_side:
        if hips_seen:
            values[Feature.TRUNK_PROFILE] = _inclination_deg(hips, shoulders, sign)
        return values

    if width > 1.0:
        values[Feature.EAR_SHOULDER] = (shoulders[1] - ears[1]) / width
    values[Feature.SHOULDER_TILT] = _slope_deg(xy[Landmark.RIGHT_SHOULDER], xy[Landmark.LEFT_SHOULDER])
    ear_distance = gap(EARS)
    if ear_distance > 1.0:
        values[Feature.HEAD_TILT] = _slope_deg(xy[Landmark.RIGHT_EAR], xy[Landmark.LEFT_EAR])
        values[Feature.HEAD_YAW] = math.degrees(
            math.atan((nose[0] - ears[0]) / (NOSE_DEPTH_BY_EAR_DISTANCE * ear_distance))
        )
    if hips_seen:
        values[Feature.LATERAL_LEAN] = _inclination_deg(hips, shoulders, 1.0)
    if are_seen((*EYES, *MOUTH)):
        eye_distance = gap(EYES)
        face = math.dist(middle(EYES), middle(MOUTH))
        if min(face, eye_distance) > 1.0:
            values[Feature.FACE_HEIGHT] = face / height_px
            values[Feature.EYE_DISTANCE_BY_WIDTH] = eye_distance / width_px
            values[Feature.NOSE_BELOW_EARS] = (nose[1] - ears[1]) / face
            # Holds while the head is level: read it off a neutral posture.
            below = (nose[1] - ears[1]) / eye_distance
            values[Feature.CAMERA_ELEVATION] = (below - ELEVATION_ZERO) / ELEVATION_PER_DEG
    return values


def in_profile_deg(image_deg: float, yaw_deg: float) -> float:
    """Convert an inclination seen from three quarters to the inclination in profile.

    Parallel projection: the forward part of a line appears scaled by the sine of the camera's azimuth, which
    world landmarks underestimate (fitted on rendered people: r .81).  The change against a neutral is then
    within 3.9 deg of the true one on average, slope 1.02 (docs/decisions.md).
    """
    azimuth_deg = min(AZIMUTH_AT_ZERO_DEG + AZIMUTH_PER_YAW * abs(yaw_deg), 90.0)
    forward = math.tan(math.radians(image_deg)) / math.sin(math.radians(azimuth_deg))
    return math.degrees(math.atan(forward))


def _inclination_deg(low: _Point, high: _Point, sign: float) -> float:
    """Angle of a line against vertical, positive towards `sign` along x; y points down."""
    return math.degrees(math.atan2(sign * (high[0] - low[0]), low[1] - high[1]))


def _slope_deg(right: _Point, left: _Point) -> float:
    """Angle of a line against horizontal, positive where the person's left end is lower.

    Seen from the front the left side is on the right of the picture; folded into -90 to 90 deg.
    """
    angle = math.degrees(math.atan2(left[1] - right[1], left[0] - right[0]))
    return (angle + 90.0) % 180.0 - 90.0
