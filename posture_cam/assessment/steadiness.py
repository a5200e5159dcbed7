"""Whether somebody holds still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posture_cam.records import Features, FloatArray, View
from posture_cam.settings import NeutralSettings

# The features that steadiness and uprightness are told by.
WATCHED = (
    "neck_profile_deg",
    "trunk_profile_deg",
    "shoulder_y_ratio",
    "ear_y_ratio",
    "trunk_length_ratio",
    "ear_shoulder_ratio",
    "shoulder_width_ratio",
    "face_height_ratio",
    "shoulder_tilt_deg",
    "head_tilt_deg",
    "head_yaw_deg",
    "camera_elevation_deg",
)


def columns_of(features: Sequence[Features]) -> dict[str, FloatArray]:
    """The watched features of some moments, NaN where one was not measured."""
    return {
        name: np.array([moment.values.get(name, np.nan) for moment in features], dtype=np.float64)
        for name in WATCHED
    }


def is_steady(
    columns: Mapping[str, FloatArray], view: View, settings: NeutralSettings, slack: float = 1.0
) -> bool:
    """Whether a posture is held: angles, sizes and places stay within the settings' ranges.

    Args:
        columns: Of `WATCHED`, one value for each moment.
        view: Of all moments; it decides what can be told.
        settings: The ranges.
        slack: A factor on them.
    """
    ranges: tuple[tuple[FloatArray, float], ...]
    degrees = slack * settings.steady_deg
    share = slack * settings.steady_percent / 100.0
    face, width = columns["face_height_ratio"], columns["shoulder_width_ratio"]
    if view.is_side:
        needed = columns["neck_profile_deg"]
        sunk = columns["shoulder_y_ratio"] / middle_of(columns["trunk_length_ratio"])
        ranges = ((needed, degrees), (columns["trunk_profile_deg"], degrees), (sunk, share))
    elif view == View.THREE_QUARTER:
        needed = columns["neck_profile_deg"]
        ranges = (
            (needed, degrees),
            (columns["ear_y_ratio"] / middle_of(width), share),
            (face / middle_of(face), share),
        )
    else:
        needed = columns["ear_shoulder_ratio"]
        ranges = (
            (needed / abs(middle_of(needed)), share),
            (width / middle_of(width), share),
            (face / middle_of(face), share),
            (columns["shoulder_y_ratio"] / middle_of(width), share),
            (columns["shoulder_tilt_deg"], degrees),
            (columns["head_tilt_deg"], degrees),
        )
    return not np.isnan(needed).any() and all(range_of(values) <= most for values, most in ranges)


def middle_of(values: FloatArray) -> float:
    """Median of what was measured; NaN (never true in a comparison) where nothing was."""
    return _quantile(_known(values), 0.5)


def range_of(values: FloatArray) -> float:
    """From the 5th to the 95th percentile of what was measured; 0 where nothing was."""
    known = _known(values)
    return _quantile(known, 0.95) - _quantile(known, 0.05) if known.size else 0.0


def _known(values: FloatArray) -> FloatArray:
    known = values[~np.isnan(values)]
    known.sort()
    return known


def _quantile(ordered: FloatArray, share: float) -> float:
    """Linear between values, as numpy's; that one takes ten times as long on a handful of them."""
    if not ordered.size:
        return float("nan")
    place = share * (ordered.size - 1)
    low = int(place)
    high = min(low + 1, ordered.size - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))
