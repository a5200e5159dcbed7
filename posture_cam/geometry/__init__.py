"""From landmarks to measures in degrees, per cent and centimetres."""

from posture_cam.geometry.features import FeatureExtractor
from posture_cam.geometry.measures import average_neutral, compare

__all__ = ["FeatureExtractor", "average_neutral", "compare"]
