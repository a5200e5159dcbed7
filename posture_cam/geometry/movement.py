"""How far a movement of an exercise goes, relative to the person's own rest posture.

Amounts have their own scale.  On rendered people the reading is .8 of the true angle for a turned head, .6
to .7 for a head tipped to the side, and .9 for a bent or leaning trunk.
"""

from __future__ import annotations

import numpy as np

from posture_cam.geometry.estimator import Estimator
from posture_cam.geometry.points import EARS, ELBOWS, SHOULDERS
from posture_cam.geometry.view import shoulder_yaw_deg
from posture_cam.ids import Landmark, Measure, Movement
from posture_cam.records import FloatArray, Pose
from posture_cam.settings import Settings

# Bending the neck, shrugging and twisting also tip the shoulders a little; beyond this it is a side bend.
_SHOULDERS_MAY_TIP_DEG = 3.0
_SIDE_BEND_ABOVE_DEG = 7.0
_NEEDED = [Landmark.NOSE, *EARS, *SHOULDERS]
# Shoulders narrower than this share of the body's scale mean a view from the side.
_LEAST_FRONTAL_SHARE = 0.5


class MovementMeter:
    """Measures one movement of one person, pose by pose.

    Args:
        movement: The movement.
        rest: The rest posture, seen by the same camera.
        estimator: Estimates the changes of inclination and of the head's turn.
        settings: For the gates.
    """

    def __init__(self, movement: Movement, rest: Pose, estimator: Estimator, settings: Settings) -> None:
        self._movement, self._rest, self._estimates = movement, rest, estimator.against(rest)
        self._gates, self._front_below_deg = settings.gates, settings.view.front_below_deg
        self._rest_px = _px(rest)
        self._width_px = float(np.linalg.norm(self._between(self._rest_px)))
        neck_px = self._rest_px[list(EARS)].mean(0) - self._rest_px[list(SHOULDERS)].mean(0)
        self._is_frontal = self._width_px > _LEAST_FRONTAL_SHARE * np.hypot(
            self._width_px, float(np.linalg.norm(neck_px))
        )

    def amount(self, pose: Pose) -> float | None:
        """How far the movement goes in this pose: degrees, or percent of the shoulder width at rest.

        Returns:
            None if it cannot be measured: not seen well enough, or from a view that does not show it.
        """
        if np.minimum(pose.visibility, pose.presence)[_NEEDED].min() < self._gates.min_seen:
            return None
        match self._movement:
            case Movement.SHOULDER_RISE:
                if not self._is_frontal:
                    return None
                return 0.0 if self._bends_aside(pose) else self._shoulder_rise_percent(_px(pose))
            case Movement.SIDE_BEND:
                return self._tilt_deg(pose, SHOULDERS) if self._is_frontal else None
            case Movement.NECK_SIDE_BEND:
                return self._neck_side_bend_deg(pose)
            case Movement.HEAD_TURN:
                return self._estimated(pose, Measure.HEAD_YAW_CHANGE)
            case Movement.LEANING_BACK:
                return -self._estimated(pose, Measure.TRUNK_INCLINATION_CHANGE)
            case Movement.DRAWING_BACK:
                if abs(shoulder_yaw_deg(self._rest)) < self._front_below_deg:
                    return None
                return -self._estimated(pose, Measure.NECK_INCLINATION_CHANGE) + self._estimated(
                    pose, Measure.TRUNK_INCLINATION_CHANGE
                )
            case Movement.TRUNK_TURN:
                if self._is_frontal and self._bends_aside(pose):
                    return 0.0
                return shoulder_yaw_deg(pose) - shoulder_yaw_deg(self._rest)
            case Movement.RISING:
                return self._percent(
                    self._height(self._rest_px, SHOULDERS) - self._height(_px(pose), SHOULDERS)
                )
            case Movement.ARM_RAISE:
                xy_px = _px(pose)
                rises = xy_px[list(SHOULDERS), 1] - xy_px[list(ELBOWS), 1]
                return self._percent(max(float(rises.min()), 0.0))  # hanging arms count as rest, however low

    def _shoulder_rise_percent(self, xy_px: FloatArray) -> float:
        """The smaller of two rises: that of the shoulders, and that of the shoulders relative to the ears.

        Nodding brings the ears down and sitting up brings both up; neither is a shrug.
        """
        shoulders_up = self._height(self._rest_px, SHOULDERS) - self._height(xy_px, SHOULDERS)
        ears_up = self._height(self._rest_px, EARS) - self._height(xy_px, EARS)
        return self._percent(min(shoulders_up, shoulders_up - ears_up))

    def _neck_side_bend_deg(self, pose: Pose) -> float | None:
        turned_deg = self._estimated(pose, Measure.HEAD_YAW_CHANGE)
        if not self._is_frontal or abs(turned_deg) > self._gates.turned_away_deg:
            return None
        if self._bends_aside(pose):
            return 0.0
        shoulders_deg = self._tilt_deg(pose, SHOULDERS)
        along_deg = float(np.clip(shoulders_deg, -_SHOULDERS_MAY_TIP_DEG, _SHOULDERS_MAY_TIP_DEG))
        return self._tilt_deg(pose, EARS) - (shoulders_deg - along_deg)

    def _bends_aside(self, pose: Pose) -> bool:
        """Whether this is a side bend, which must not be mistaken for another movement."""
        return abs(self._tilt_deg(pose, SHOULDERS)) > _SIDE_BEND_ABOVE_DEG

    def _tilt_deg(self, pose: Pose, pair: tuple[Landmark, Landmark]) -> float:
        """How much a line from right to left has tipped since rest, positive if the left end is lower."""
        return _slope_deg(_px(pose), pair) - _slope_deg(self._rest_px, pair)

    def _estimated(self, pose: Pose, name: Measure) -> float:
        return self._estimates.of(pose).values[name]

    def _percent(self, length_px: float) -> float:
        return 100.0 * length_px / max(self._width_px, 1.0)

    @staticmethod
    def _between(xy_px: FloatArray) -> FloatArray:
        return np.asarray(xy_px[SHOULDERS[0]] - xy_px[SHOULDERS[1]])

    @staticmethod
    def _height(xy_px: FloatArray, pair: tuple[Landmark, Landmark]) -> float:
        return float(xy_px[list(pair), 1].mean())


def _px(pose: Pose) -> FloatArray:
    return np.asarray(pose.landmarks[:, :2] * pose.image_size_wh, np.float64)


def _slope_deg(xy_px: FloatArray, pair: tuple[Landmark, Landmark]) -> float:
    left_right = xy_px[pair[0]] - xy_px[pair[1]]
    return float((np.degrees(np.arctan2(left_right[1], left_right[0])) + 90.0) % 180.0 - 90.0)
