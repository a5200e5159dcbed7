"""From landmarks to measures in degrees, per cent and centimetres."""

from posture_cam.geometry.estimator import AngleEstimator, Estimate, Estimates, Estimator
from posture_cam.geometry.features import FeatureExtractor
from posture_cam.geometry.measures import average_neutral, compare
from posture_cam.geometry.movement import MovementMeter
from posture_cam.geometry.orientation import Orientation

__all__ = [
    "AngleEstimator",
    "Estimate",
    "Estimates",
    "Estimator",
    "FeatureExtractor",
    "MovementMeter",
    "Orientation",
    "average_neutral",
    "compare",
]
