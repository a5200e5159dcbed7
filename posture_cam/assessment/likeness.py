"""Whether stretches of a recording show the same posture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from posture_cam.assessment.steadiness import WATCHED, middle_of
from posture_cam.records import FloatArray, View

_ROWS_FOR_TIME_KEPT = 2000
# What counts as the same posture: half the good limits.
_SAME_POSTURE = {
    "neck_profile_deg": 5.0,
    "trunk_profile_deg": 5.0,
    "ear_shoulder_ratio": 0.04,
    "shoulder_width_ratio": 0.05,
    "shoulder_tilt_deg": 1.5,
}
# What counts as alike, so that it is taken too: narrower, as the median of all of it is the neutral posture.
# From the side only angles and places, which vary with nothing but posture.
_ALIKE_DEG = {
    "neck_profile_deg": 3.0,
    "trunk_profile_deg": 3.0,
    "shoulder_tilt_deg": 1.5,
    "head_tilt_deg": 4.0,
    "head_yaw_deg": 10.0,
}
_ALIKE_FRONT_DEG = ("shoulder_tilt_deg", "head_tilt_deg", "head_yaw_deg")
_ALIKE_SHARES = {"ear_shoulder_ratio": 0.03, "shoulder_width_ratio": 0.03, "face_height_ratio": 0.05}
_ALIKE_PLACE = 0.05


def share_of_time_kept(columns: Mapping[str, FloatArray], stretch: slice, view: View) -> float:
    """Share of the recording spent in the posture of a stretch."""
    count = len(columns["shoulder_y_ratio"])
    step = -(-count // _ROWS_FOR_TIME_KEPT)
    same = np.ones(len(range(0, count, step)), dtype=bool)
    for name, most in _SAME_POSTURE.items():
        if name.endswith("profile_deg") == (view == View.FRONT):
            continue
        if name in ("ear_shoulder_ratio", "shoulder_width_ratio", "shoulder_tilt_deg") and view != View.FRONT:
            continue
        middle = middle_of(columns[name][stretch])
        scale = abs(middle) if name.endswith("ratio") else 1.0
        away = np.abs(columns[name][::step] - middle) > most * scale
        same &= ~away
    return max(np.count_nonzero(same) / same.size, 1.0 / count)


def are_alike(middles: FloatArray, one: FloatArray, view: View) -> NDArray[np.bool_]:
    """Which of some stretches show the same posture in the same place as one; by their middles.

    What is not measured does not tell them apart.
    """
    return np.asarray(~(np.abs(middles - one) > _alike_limits(one, view)).any(axis=1))


def middles_of(columns: Mapping[str, FloatArray], stretch: slice) -> FloatArray:
    """Of the watched features, in their order."""
    return np.array([middle_of(columns[name][stretch]) for name in WATCHED])


def _alike_limits(middles: FloatArray, view: View) -> FloatArray:
    """How far middles may lie from these to be alike; infinite for what does not count in a view."""
    of = dict(zip(WATCHED, middles.tolist(), strict=True))
    is_front = view == View.FRONT
    limits = {name: most for name, most in _ALIKE_DEG.items() if is_front == (name in _ALIKE_FRONT_DEG)}
    scale = of["trunk_length_ratio" if view.is_side else "shoulder_width_ratio"]
    limits |= dict.fromkeys(("shoulder_y_ratio", "ear_y_ratio"), _ALIKE_PLACE * scale)
    if not view.is_side:
        limits |= {name: most * abs(of[name]) for name, most in _ALIKE_SHARES.items()}
    return np.array([limits.get(name, np.inf) for name in WATCHED])
