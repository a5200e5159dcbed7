"""How upright a person sits at each moment of a recording, relative to the rest of it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from posture_cam.assessment.steadiness import Columns, middle_of, quantile_of
from posture_cam.ids import Feature, View
from posture_cam.records import FloatArray

# Raw angles in profile.  Upright sitters read 13 to 18 (neck) and -2 to -6 deg (trunk) on average, with a
# spread of 6 deg between people.  A person below these angles is not more upright, but reclines.
_UPRIGHT_NECK_DEG, _UPRIGHT_TRUNK_DEG = 14.0, -6.0
_RECLINED_NECK_COUNTS, _RECLINED_TRUNK_COUNTS = 0.5, 1.0
# One unit of cost: the good limit of each measure.
_DEG_PER_UNIT, _TRUNK_LENGTHS_PER_UNIT = 10.0, 3.0 / 47.0
# The highest shoulders of a recording may be shrugged.
_SINKING_UNITS_THAT_MEAN_NOTHING, _MOST_SINKING_UNITS = 1.0, 2.0
# No upright sitter reads more than this (2.5 spreads above the mean), or less: upright sitters of public
# recordings read neck -4 to 31 deg and trunk -20 to 4 deg, those who lie back neck -38 and trunk -50 deg.
_UPRIGHT_NECK_RANGE_DEG, _UPRIGHT_TRUNK_RANGE_DEG = (-12.0, 31.5), (-22.0, 12.0)
# Front view: good limits of head drop and approach, and of the tilts.
_DROP_PER_UNIT, _GROWTH_PER_UNIT = 0.08, 0.16
# Sitting a little further back is not a better posture.
_GROWTH_THAT_MEANS_NOTHING = 0.12
_SHOULDER_TILT_PER_UNIT_DEG, _HEAD_TILT_PER_UNIT_DEG = 6.0, 10.0
# Many people sit a little askew.
_TILT_COUNTS = 0.25
# A camera that is not level tilts head and shoulders by the same angle; chosen: by no more than this.
_CAMERA_ROLL_AT_MOST_DEG = 6.0
# Level people of public recordings are within 2.5 (shoulders) and 7 deg (head), those who lean or tilt the
# head read 14 deg and more.
_LEVEL_SHOULDERS_DEG, _LEVEL_HEAD_DEG = 6.0, 10.0


def costs_of(columns: Columns, view: View, camera_low_below_deg: float) -> FloatArray:
    """The distance of each moment from upright, in good limits.

    Args:
        columns: All features, one value for each moment.
        view: The view of all moments.
        camera_low_below_deg: Below this elevation the camera counts as below the eyes.
    """
    return _front_costs(columns, camera_low_below_deg) if view == View.FRONT else _profile_costs(columns)


def _profile_costs(columns: Columns) -> FloatArray:
    neck = _beyond(columns[Feature.NECK_PROFILE], _UPRIGHT_NECK_DEG, _RECLINED_NECK_COUNTS)
    trunk = _beyond(columns[Feature.TRUNK_PROFILE], _UPRIGHT_TRUNK_DEG, _RECLINED_TRUNK_COUNTS)
    y = columns[Feature.SHOULDER_Y]
    sunk = (y - quantile_of(y, 0.1)) / middle_of(columns[Feature.TRUNK_LENGTH]) / _TRUNK_LENGTHS_PER_UNIT
    sunk = np.clip(np.nan_to_num(sunk) - _SINKING_UNITS_THAT_MEAN_NOTHING, 0.0, _MOST_SINKING_UNITS)
    return np.asarray((neck + np.nan_to_num(trunk)) / _DEG_PER_UNIT + sunk)


def _beyond(angles_deg: FloatArray, upright_deg: float, reclined_counts: float) -> FloatArray:
    excess = angles_deg - upright_deg
    return np.where(excess > 0, excess, -reclined_counts * excess)


def _front_costs(columns: Columns, camera_low_below_deg: float) -> FloatArray:
    ratio, width = columns[Feature.EAR_SHOULDER], columns[Feature.SHOULDER_WIDTH]
    tallest = quantile_of(ratio, 0.9)
    drop = (tallest - ratio) / max(abs(tallest), 1e-6) / _DROP_PER_UNIT
    near = np.fmax(_growth(width), _growth(columns[Feature.FACE_HEIGHT])) - _GROWTH_THAT_MEANS_NOTHING
    if middle_of(columns[Feature.CAMERA_ELEVATION]) < camera_low_below_deg:
        # Seen from below, a head that moves forward does not drop in the picture.
        drop = np.zeros_like(drop)
    shoulders_deg, head_deg = _tilts_of(columns)
    yaw = columns[Feature.HEAD_YAW] - middle_of(columns[Feature.HEAD_YAW])
    tilt = np.abs(shoulders_deg) / _SHOULDER_TILT_PER_UNIT_DEG + np.abs(head_deg) / _HEAD_TILT_PER_UNIT_DEG
    return np.asarray(
        np.maximum(np.maximum(drop, near / _GROWTH_PER_UNIT), 0.0)
        + _TILT_COUNTS * np.nan_to_num(tilt)
        + np.nan_to_num(np.abs(yaw) / 90.0)
    )


def _growth(sizes: FloatArray) -> FloatArray:
    """The growth relative to the smallest sizes of the recording."""
    least = quantile_of(sizes, 0.1)
    return np.zeros_like(sizes) if math.isnan(least) else sizes / least - 1.0


def is_plausible(columns: Columns, stretch: slice, view: View) -> bool:
    """Whether an upright person can look as in a stretch: not bent, not lying back; from the front, level."""
    if view == View.FRONT:
        return not np.median(is_tilted({name: column[stretch] for name, column in columns.items()})) > 0.5
    neck, trunk = (
        middle_of(columns[name][stretch]) for name in (Feature.NECK_PROFILE, Feature.TRUNK_PROFILE)
    )
    return not (_is_beyond(neck, _UPRIGHT_NECK_RANGE_DEG) or _is_beyond(trunk, _UPRIGHT_TRUNK_RANGE_DEG))


def is_tilted(columns: Columns) -> NDArray[np.bool_]:
    """At which moments head or shoulders are further from level than those of upright people."""
    shoulders_deg, head_deg = _tilts_of(columns)
    return (np.abs(shoulders_deg) > _LEVEL_SHOULDERS_DEG) | (np.abs(head_deg) > _LEVEL_HEAD_DEG)


def _tilts_of(columns: Columns) -> tuple[FloatArray, FloatArray]:
    """Tilt of shoulders and head against a level camera, or one that is rolled as both of them are."""
    shoulders_deg, head_deg = columns[Feature.SHOULDER_TILT], columns[Feature.HEAD_TILT]
    least = np.minimum(np.abs(shoulders_deg), np.abs(head_deg))
    common = np.where(shoulders_deg * head_deg > 0, np.copysign(least, head_deg), 0.0)
    roll_deg = np.clip(common, -_CAMERA_ROLL_AT_MOST_DEG, _CAMERA_ROLL_AT_MOST_DEG)
    return shoulders_deg - roll_deg, head_deg - roll_deg


def _is_beyond(value: float, limits: tuple[float, float]) -> bool:
    return not math.isnan(value) and not limits[0] <= value <= limits[1]
