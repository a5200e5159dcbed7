"""Whether stretches of a recording show the same posture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posture_cam.assessment.steadiness import Columns, middle_of
from posture_cam.ids import Feature, View
from posture_cam.records import FloatArray

# Moments compared with each other at most, spread evenly; chosen, so that hours take as long as minutes.
_ROWS_FOR_TIME_KEPT = 2000
# What counts as the same posture: half the good limits.
_SAME_POSTURE = {
    Feature.NECK_PROFILE: 5.0,
    Feature.TRUNK_PROFILE: 5.0,
    Feature.EAR_SHOULDER: 0.04,
    Feature.SHOULDER_WIDTH: 0.05,
    Feature.SHOULDER_TILT: 1.5,
}
# What counts as alike, and is therefore taken too: narrower, as the median of all is the neutral posture.
# From the side only angles and places count, because they vary with nothing but posture.
_ALIKE_DEG = {
    Feature.NECK_PROFILE: 3.0,
    Feature.TRUNK_PROFILE: 3.0,
    Feature.SHOULDER_TILT: 1.5,
    Feature.HEAD_TILT: 4.0,
    Feature.HEAD_YAW: 10.0,
}
_ALIKE_FRONT_DEG = (Feature.SHOULDER_TILT, Feature.HEAD_TILT, Feature.HEAD_YAW)
_ALIKE_SHARES = {Feature.EAR_SHOULDER: 0.03, Feature.SHOULDER_WIDTH: 0.03, Feature.FACE_HEIGHT: 0.05}
_ALIKE_PLACE = 0.05


def share_of_time_kept(columns: Columns, stretch: slice, view: View) -> float:
    """Share of the recording spent in the posture of a stretch."""
    count = len(columns[Feature.SHOULDER_Y])
    step = -(-count // _ROWS_FOR_TIME_KEPT)
    same = np.ones(len(range(0, count, step)), dtype=bool)
    for name, most in _SAME_POSTURE.items():
        if name.endswith("profile_deg") == (view == View.FRONT):
            continue
        if (
            name in (Feature.EAR_SHOULDER, Feature.SHOULDER_WIDTH, Feature.SHOULDER_TILT)
            and view != View.FRONT
        ):
            continue
        middle = middle_of(columns[name][stretch])
        scale = abs(middle) if name.endswith("ratio") else 1.0
        away = np.abs(columns[name][::step] - middle) > most * scale
        same &= ~away
    return max(np.count_nonzero(same) / same.size, 1.0 / count)


def are_alike(middles: FloatArray, one: FloatArray, view: View) -> NDArray[np.bool_]:
    """Which stretches show the same posture in the same place as a given stretch, by their middles.

    Features that were not measured do not count.
    """
    return np.asarray(~(np.abs(middles - one) > _alike_limits(one, view)).any(axis=1))


def middles_of(columns: Columns, stretch: slice) -> FloatArray:
    """The middles of all features, in their order."""
    return np.array([middle_of(columns[name][stretch]) for name in Feature])


def _alike_limits(middles: FloatArray, view: View) -> FloatArray:
    """How far middles may differ from these and be alike; infinite for features that a view ignores."""
    of = dict(zip(Feature, middles.tolist(), strict=True))
    is_front = view == View.FRONT
    limits = {name: most for name, most in _ALIKE_DEG.items() if is_front == (name in _ALIKE_FRONT_DEG)}
    scale = of[Feature.TRUNK_LENGTH if view.is_side else Feature.SHOULDER_WIDTH]
    limits |= dict.fromkeys((Feature.SHOULDER_Y, Feature.EAR_Y), _ALIKE_PLACE * scale)
    if not view.is_side:
        limits |= {name: most * abs(of[name]) for name, most in _ALIKE_SHARES.items()}
    return np.array([limits.get(name, np.inf) for name in Feature])
