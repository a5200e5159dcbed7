"""The rules of other tools, restated in a few lines each, to be measured on the same landmarks.

Each rule takes poses and the neutral posture of the same person, and returns a score that is above 1 where
the tool's own limit is passed.  The sources were read, not copied.  Anything that a tool adds to its rule
(dwell, smoothing) is left out for all of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from posture_cam.geometry.points import EARS, HIPS, SHOULDERS, Points
from posture_cam.ids import Landmark
from posture_cam.records import FloatArray

Rule = Callable[[Points, Points], FloatArray]


def _middle(values: FloatArray, pair: tuple[Landmark, Landmark]) -> FloatArray:
    return np.asarray((values[..., pair[0], :] + values[..., pair[1], :]) / 2)


def _gap(points: Points, pair: tuple[Landmark, Landmark]) -> FloatArray:
    return np.asarray(np.linalg.norm(points.xy[..., pair[0], :] - points.xy[..., pair[1], :], axis=-1))


def _lean_deg(line: FloatArray) -> FloatArray:
    """Angle against vertical, whatever the side; y points down."""
    return np.degrees(np.arctan2(np.abs(line[..., 0]), -line[..., 1]))


def _ratio(points: Points) -> FloatArray:
    height = _middle(points.xy, SHOULDERS)[..., 1] - _middle(points.xy, EARS)[..., 1]
    return np.asarray(height / _gap(points, SHOULDERS))


def ear_shoulder_ratio(now: Points, neutral: Points) -> FloatArray:
    """Height of the ears over the shoulders by shoulder width: the field's usual feature; limit 8 % lower."""
    before = _ratio(neutral)
    return (before - _ratio(now)) / np.abs(before) / 0.08


def nose_and_face(now: Points, neutral: Points) -> FloatArray:
    """Dorso's rule: the nose lower than calibrated (3 % of the picture), or the face 5 % wider."""
    nose = now.xy[..., Landmark.NOSE, 1] - neutral.xy[..., Landmark.NOSE, 1]
    face = _gap(now, EARS) / _gap(neutral, EARS) - 1.0
    return np.asarray(np.maximum(nose / 0.03, face / 0.05))


def raw_side_angles(now: Points, neutral: Points) -> FloatArray:
    """LearnOpenCV's rule: neck 40 deg or torso 10 deg against vertical, one side, without calibration."""
    ear, shoulder, hip = (
        now.xy[..., point, :] for point in (Landmark.LEFT_EAR, Landmark.LEFT_SHOULDER, Landmark.LEFT_HIP)
    )
    torso = np.where(now.has[..., 3] > 0, _lean_deg(shoulder - hip) / 10.0, 0.0)
    return np.asarray(np.maximum(_lean_deg(ear - shoulder) / 40.0, torso))


def weighted_score(now: Points, neutral: Points) -> FloatArray:
    """The idea of BatesPosture: seven terms of picture and depth, weighed together against a baseline."""

    def terms(points: Points) -> list[FloatArray]:
        width = _gap(points, SHOULDERS)
        ears, shoulders = _middle(points.xy, EARS), _middle(points.xy, SHOULDERS)
        nose = points.xy[..., Landmark.NOSE, :]
        depth = points.depth
        line = points.xy[..., SHOULDERS[0], :] - points.xy[..., SHOULDERS[1], :]
        ear_line = points.xy[..., EARS[0], :] - points.xy[..., EARS[1], :]
        forward = (depth[..., SHOULDERS[0]] + depth[..., SHOULDERS[1]]) / 2 - depth[..., Landmark.NOSE]
        return [
            (shoulders[..., 1] - nose[..., 1]) / width,
            -forward / width,
            -np.abs(ears[..., 0] - shoulders[..., 0]) / width,
            -np.abs(np.degrees(np.arctan2(line[..., 1], np.abs(line[..., 0])))) / 45.0,
            -np.abs(np.degrees(np.arctan2(ear_line[..., 1], np.abs(ear_line[..., 0])))) / 45.0,
            _ratio(points),
            -np.log(width),
        ]

    weights = (0.25, 0.2, 0.1, 0.1, 0.05, 0.2, 0.1)
    fallen = zip(weights, terms(neutral), terms(now), strict=True)
    return np.asarray(sum(weight * (before - after) for weight, before, after in fallen)) / 0.08


def world_angles(now: Points, neutral: Points) -> FloatArray:
    """Neck and trunk angles from MediaPipe's world landmarks against the neutral posture; 12 and 10 deg."""

    def angles(points: Points) -> tuple[FloatArray, FloatArray]:
        ears, shoulders, hips = (_middle(points.world, pair) for pair in (EARS, SHOULDERS, HIPS))
        up, back = ears - shoulders, shoulders - hips
        return (
            np.degrees(np.arctan2(-up[..., 2], -up[..., 1])),
            np.degrees(np.arctan2(-back[..., 2], -back[..., 1])),
        )

    (neck, trunk), (neck_before, trunk_before) = angles(now), angles(neutral)
    score = np.maximum((neck - neck_before) / 12.0, (trunk - trunk_before) / 10.0)
    return np.where((now.has[..., 5] > 0) & (neutral.has[..., 5] > 0), score, np.nan)


RULES: dict[str, Rule] = {
    "ear-shoulder ratio": ear_shoulder_ratio,
    "nose height and face width (Dorso)": nose_and_face,
    "raw neck and torso angles (LearnOpenCV)": raw_side_angles,
    "weighted score (idea of BatesPosture)": weighted_score,
    "world-landmark angles": world_angles,
}
