"""Whether a person holds still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from posture_cam.ids import Feature, View
from posture_cam.records import Features, FloatArray, Pose
from posture_cam.settings import NeutralSettings

# Features over time: one value for each moment, NaN where it was not measured.
Columns = Mapping[Feature, FloatArray]

# Landmarks tremble from look to look.  A person is steady if means stay within the ranges of the settings,
# and single moments within this multiple of them.
_TREMBLING = 2.0
_CALMED_OVER_S = 1.0
# Times are sums of steps that are not exact in binary.
_SAME_TIME_S = 1e-6

# The features that show steadiness in each view, a required one first.  Each has the feature whose median its
# range is a share of, or None for a range in degrees.
_SIDE = (
    (Feature.NECK_PROFILE, None),
    (Feature.TRUNK_PROFILE, None),
    (Feature.SHOULDER_Y, Feature.TRUNK_LENGTH),
)
_THREE_QUARTER = (
    (Feature.NECK_PROFILE, None),
    (Feature.EAR_Y, Feature.SHOULDER_WIDTH),
    (Feature.FACE_HEIGHT, Feature.FACE_HEIGHT),
)
_FRONT = (
    (Feature.EAR_SHOULDER, Feature.EAR_SHOULDER),
    (Feature.SHOULDER_WIDTH, Feature.SHOULDER_WIDTH),
    (Feature.FACE_HEIGHT, Feature.FACE_HEIGHT),
    (Feature.SHOULDER_Y, Feature.SHOULDER_WIDTH),
    (Feature.SHOULDER_TILT, None),
    (Feature.HEAD_TILT, None),
)


def columns_of(features: Sequence[Features]) -> dict[Feature, FloatArray]:
    """All features of the given moments, NaN where a feature was not measured."""
    return {
        name: np.array([moment.values.get(name, np.nan) for moment in features], dtype=np.float64)
        for name in Feature
    }


def calmed(times: FloatArray, values: FloatArray) -> FloatArray:
    """The mean of the measured values within half a second before and after each moment.

    Args:
        times: Of the moments in seconds, rising.
        values: Of a feature, NaN where it was not measured; NaN stays NaN.
    """
    is_known = ~np.isnan(values)
    sums = np.concatenate(([0.0], np.cumsum(np.where(is_known, values, 0.0))))
    counts = np.concatenate(([0], np.cumsum(is_known)))
    first = np.searchsorted(times, times - _CALMED_OVER_S / 2 - _SAME_TIME_S)
    end = np.searchsorted(times, times + _CALMED_OVER_S / 2 + _SAME_TIME_S, side="right")
    means = (sums[end] - sums[first]) / np.maximum(counts[end] - counts[first], 1)
    return np.where(is_known, means, np.nan)


def is_steady(raw: Columns, calm: Columns, view: View, settings: NeutralSettings, slack: float = 1.0) -> bool:
    """Whether a posture is held: angles, sizes and places stay within the settings' ranges.

    Either each moment does, or the means of a second do and each moment stays close.  Means include half a
    second from outside a stretch, so single moments say more about a short stretch.

    Args:
        raw: All features, one value for each moment.
        calm: Their means (`calmed`).
        view: The view of all moments; it decides which features count.
        settings: The ranges.
        slack: A factor on them.
    """
    if _stays_within(raw, view, settings, slack):
        return True
    return _stays_within(calm, view, settings, slack) and _stays_within(
        raw, view, settings, slack * _TREMBLING
    )


def _stays_within(columns: Columns, view: View, settings: NeutralSettings, slack: float) -> bool:
    watched = _SIDE if view.is_side else _THREE_QUARTER if view == View.THREE_QUARTER else _FRONT
    if np.isnan(columns[watched[0][0]]).any():
        return False
    for name, unit in watched:
        middle, spread = _middle_and_range(columns[name])
        most = slack * settings.steady_deg
        if unit is not None:
            scale = abs(middle if unit == name else middle_of(columns[unit]))
            most = slack * settings.steady_percent / 100.0 * scale
        if spread > most:  # without measurements it counts as steady
            return False
    return True


def middle_of(values: FloatArray) -> float:
    """Median of the measured values; NaN (never true in a comparison) if there are none."""
    return quantile_of(values, 0.5)


def quantile_of(values: FloatArray, share: float) -> float:
    """The value below which a share of the measured values lies, linear between two; NaN if none."""
    return _quantile(_known(values), share)


def _middle_and_range(values: FloatArray) -> tuple[float, float]:
    """Median, and 5th to 95th percentile range, of the measured values; NaN if there are none."""
    known = _known(values)
    return _quantile(known, 0.5), _quantile(known, 0.95) - _quantile(known, 0.05)


def _known(values: FloatArray) -> FloatArray:
    known = values[~np.isnan(values)]
    known.sort()
    return known


def _quantile(ordered: FloatArray, share: float) -> float:
    """Linear between values, as numpy's quantile, which takes ten times as long on a handful of them."""
    if not ordered.size:
        return float("nan")
    place = share * (ordered.size - 1)
    low = int(place)
    high = min(low + 1, ordered.size - 1)
    return float(ordered[low] + (place - low) * (ordered[high] - ordered[low]))


def median_pose(poses: Sequence[Pose]) -> Pose | None:
    """The median of each landmark over poses in pictures of one size, at the time of the last pose."""
    if not poses:
        return None

    def median(values: Sequence[FloatArray]) -> FloatArray:
        return np.asarray(np.median(np.stack(values), axis=0))

    worlds = [pose.world_landmarks for pose in poses if pose.world_landmarks is not None]
    return Pose(
        timestamp_s=poses[-1].timestamp_s,
        landmarks=median([pose.landmarks for pose in poses]),
        world_landmarks=median(worlds) if len(worlds) == len(poses) else None,
        visibility=median([pose.visibility for pose in poses]),
        presence=median([pose.presence for pose in poses]),
        image_size_wh=poses[-1].image_size_wh,
    )
