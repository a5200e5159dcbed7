"""Features relative to a neutral posture: the measures that are judged and shown.

The learned estimator gives the changes of inclination and the drops from every view.  Without it, or without
a neutral posture of the person's own, formulas give what they can: neck, trunk and sinking from the side, the
neck from three quarters, and from the front the head's drop and approach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from posture_cam.geometry.estimator import Estimate
from posture_cam.geometry.points import SHOULDERS
from posture_cam.ids import Feature, Measure, Reason, View
from posture_cam.records import Features, Measures, Neutral, Pose
from posture_cam.settings import Gates, Settings

# How much MediaPipe's side view reads above (neck) and below (trunk) the true angle: its ear and shoulder
# landmarks are not tragus and acromion.  Varies by about 5 deg between people (docs/decisions.md).
NECK_BIAS_DEG, TRUNK_BIAS_DEG = 12.5, -5.0
# The average upright sitter, as read with that bias: true neck 6 deg, true trunk -0.5 deg.
AVERAGE_NECK_IMAGE_DEG, AVERAGE_TRUNK_IMAGE_DEG = 18.5, -5.5
# Craniovertebral angle from raw neck inclination, fitted on rendered people (residual 5 deg).
CVA_AT_ZERO_DEG, CVA_PER_DEG = 80.0, -1.15
# Shoulders to hips of an adult; 47 cm with a spread of 6 cm among the rendered people.
TRUNK_LENGTH_CM = 47.0
# Nose below ears in face heights, per degree of head pitch (rendered people; r about .5).
NOSE_DROP_PER_PITCH_DEG = 0.013
PUPIL_DISTANCE_CM = 6.3
# From the side, 99 of 100 changes in the training of the estimator lie within these angles.
_TRAINED_BACK_DEG = 18.0
_TRAINED_FORWARD_DEG = {Measure.NECK_INCLINATION_CHANGE: 40.0, Measure.TRUNK_INCLINATION_CHANGE: 22.0}
_LEAD_WITHIN_DEG = 10.0  # chosen
# Nine in ten changes of the raw angles, beyond 20 deg, are this near to the true ones on rendered people.
_FORMULA_ERROR_DEG = 13.0
# The distance by the eyes reads 8 % too long on rendered people.
DISTANCE_READS_TOO_LONG_BY = 1.08

AVERAGE = "average"


def average_neutral(view: View) -> Neutral:
    """The average upright sitter, used if no neutral of the person is known.

    It is judged by from the side only; from the front people differ more than a slouch changes them.
    """
    centre = {
        Feature.NECK_PROFILE: AVERAGE_NECK_IMAGE_DEG,
        Feature.TRUNK_PROFILE: AVERAGE_TRUNK_IMAGE_DEG,
        Feature.SHOULDER_TILT: 0.0,
        Feature.HEAD_TILT: 0.0,
        Feature.LATERAL_LEAN: 0.0,
        Feature.HEAD_YAW: 0.0,
    }
    return Neutral("", AVERAGE, view, centre, {}, 0, is_personal=False)


def compare(
    features: Features, neutral: Neutral, settings: Settings, estimate: Estimate | None = None
) -> Measures:
    """The measures of a moment relative to a neutral posture.

    Args:
        features: The features of the pose.
        neutral: The person's neutral posture, or `average_neutral`.
        settings: For the gates and the camera.
        estimate: The estimate for these features relative to the neutral posture's own pose: the changes of
            inclination and the drops from any view.  With None, formulas are used.

    Returns:
        All measurable values; `reason` explains a lack of sagittal measures.  Whether estimates are certain
        is decided over time (assessment/certainty.py).
    """
    if features.reason is not None:
        return Measures(features.timestamp_s, features.view, MappingProxyType({}), 0.0, features.reason)
    view = neutral.view if _is_the_view(features, neutral, settings) else features.view
    is_comparable = neutral.view == view
    if not neutral.is_personal:  # of profile alone
        is_comparable = neutral.view.is_side and view.is_side
    errors: dict[Measure, float] = {}
    can_estimate = neutral.is_personal and (is_comparable or _is_nearly_the_view(features, neutral, settings))
    if estimate is not None and can_estimate:
        values, errors, reason = _by_estimator(features, view, neutral, estimate, settings)
    else:
        values, reason = _by_formulas(features, view, neutral, settings, is_comparable=is_comparable)
    if Measure.TRUNK_INCLINATION_CHANGE in values:
        values[Measure.LEANING_BACK] = max(-values[Measure.TRUNK_INCLINATION_CHANGE], 0.0)
    if neutral.carried_error_deg:
        for name in (Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE):
            if name in errors:
                errors[name] += neutral.carried_error_deg
    if Measure.TRUNK_INCLINATION_CHANGE in errors:
        errors[Measure.LEANING_BACK] = errors[Measure.TRUNK_INCLINATION_CHANGE]
    return Measures(
        timestamp_s=features.timestamp_s,
        view=view,
        values=MappingProxyType(values),
        confidence=features.confidence,
        reason=reason,
        errors=MappingProxyType(errors),
    )


def _by_estimator(
    features: Features, view: View, neutral: Neutral, estimate: Estimate, settings: Settings
) -> tuple[dict[Measure, float], dict[Measure, float], Reason | None]:
    """Measures, the errors of estimated measures, and the reason for a lack of sagittal measures."""
    now, then, gates = features.values, neutral.centre, settings.gates
    values: dict[Measure, float] = {}
    reason: Reason | None = None
    if view.is_side:
        values |= _raw_side(now)
    elif view == View.FRONT == neutral.view:
        values |= _distance(now, settings) | _lateral(now, then)
        found, _ = _front(now, neutral, values, gates)
        values |= {name: found[name] for name in (Measure.HEAD_DROP, Measure.APPROACH) if name in found}
    values |= {name: estimate.values[name] for name in _GATES}
    errors = {name: estimate.errors[name] for name in _GATES}
    if abs(estimate.values[Measure.HEAD_YAW_CHANGE]) > gates.turned_away_deg:
        for name in (Measure.HEAD_TILT_CHANGE, Measure.VIEWING_DISTANCE, Measure.HEAD_DROP):
            values.pop(name, None)
        reason = Reason.LOOKING_AWAY
    elif features.pose is not None and _shoulders_are_out(features.pose, gates):
        reason = Reason.SHOULDERS_OUT
    else:
        values |= estimate.values
        errors |= estimate.errors
        if view.is_side and view == neutral.view:
            _let_formulas_lead(values, errors, now, then)
        if _glances_down(estimate, gates):
            reason = Reason.LOOKING_DOWN
    if view.is_side and {Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE} <= values.keys():
        values[Measure.NECK_FLEXION_CHANGE] = (
            values[Measure.NECK_INCLINATION_CHANGE] - values[Measure.TRUNK_INCLINATION_CHANGE]
        )
    return values, errors, reason


def _let_formulas_lead(
    values: dict[Measure, float],
    errors: dict[Measure, float],
    now: Mapping[Feature, float],
    then: Mapping[Feature, float],
) -> None:
    """From the side, beyond the angles of the training, replace estimates, which hardly grow there."""
    for name, change_deg in _changes(now, then, _NECK | _TRUNK).items():
        trained_deg = _TRAINED_BACK_DEG if change_deg < 0 else _TRAINED_FORWARD_DEG[name]
        share = min(max((abs(change_deg) - trained_deg) / _LEAD_WITHIN_DEG, 0.0), 1.0)
        values[name] += share * (change_deg - values[name])
        errors[name] += share * (_FORMULA_ERROR_DEG - errors[name])


def _is_nearly_the_view(features: Features, neutral: Neutral, settings: Settings) -> bool:
    """Whether a person has turned only slightly from the neutral view, across the border between two."""
    return _turned_deg(features, neutral) <= settings.gates.nearly_same_view_deg


def _is_the_view(features: Features, neutral: Neutral, settings: Settings) -> bool:
    """Whether a person is seen from the neutral view still: whoever leans sideways seems to turn."""
    return (
        neutral.is_personal
        and not (neutral.view.is_side or features.view.is_side)
        and _turned_deg(features, neutral) <= settings.gates.same_view_deg
    )


def _turned_deg(features: Features, neutral: Neutral) -> float:
    """How far the shoulders have turned since the neutral posture; infinite if that is not known."""
    now, then = features.values.get(Feature.SHOULDER_YAW), neutral.centre.get(Feature.SHOULDER_YAW)
    return math.inf if now is None or then is None else abs(now - then)


_GATES = (Measure.HEAD_PITCH_CHANGE, Measure.HEAD_YAW_CHANGE)


def _glances_down(estimate: Estimate, gates: Gates) -> bool:
    """Whether the head is pitched down while neck and trunk stay: towards the keyboard, not into a slouch."""
    neck, trunk, pitch = (
        estimate.values[name]
        for name in (
            Measure.NECK_INCLINATION_CHANGE,
            Measure.TRUNK_INCLINATION_CHANGE,
            Measure.HEAD_PITCH_CHANGE,
        )
    )
    return (
        pitch > gates.glance_down_deg
        and neck < gates.glance_max_neck_deg
        and trunk < gates.glance_max_trunk_deg
    )


def _shoulders_are_out(pose: Pose, gates: Gates) -> bool:
    width, height = pose.image_size_wh
    most_y = gates.shoulders_out_share
    most_x = most_y * height / width
    return any(
        x < -most_x or x > 1.0 + most_x or y < -most_y or y > 1.0 + most_y
        for x, y in (pose.landmarks[point, :2].tolist() for point in SHOULDERS)
    )


def _by_formulas(
    features: Features, view: View, neutral: Neutral, settings: Settings, *, is_comparable: bool
) -> tuple[dict[Measure, float], Reason | None]:
    now = features.values
    # Level is level without a neutral posture.
    then = neutral.centre if is_comparable or (view == View.FRONT and not neutral.is_personal) else {}
    values: dict[Measure, float] = {}
    reason: Reason | None = None
    if not is_comparable:
        reason = Reason.OTHER_VIEW if neutral.is_personal else Reason.NO_NEUTRAL
    if view != View.FRONT:
        values |= _side(now, then) if view.is_side else _changes(now, then, _NECK)
        if neutral.is_personal and view.is_side:
            values |= _sinking(now, then)
        if Measure.NECK_INCLINATION_CHANGE not in values and reason is None:
            reason = Reason.NOT_MEASURABLE
    else:
        values |= _distance(now, settings)
        values |= _lateral(now, then)
        if neutral.is_personal and is_comparable:
            sagittal, reason = _front(now, neutral, values, settings.gates)
            values |= sagittal
        elif reason is None:
            reason = Reason.NO_NEUTRAL
        if reason == Reason.LOOKING_AWAY:
            for name in (Measure.HEAD_TILT_CHANGE, Measure.VIEWING_DISTANCE):
                values.pop(name, None)
    return values, reason


def _changes(
    now: Mapping[Feature, float], then: Mapping[Feature, float], pairs: Mapping[Measure, Feature]
) -> dict[Measure, float]:
    return {name: now[key] - then[key] for name, key in pairs.items() if key in now and key in then}


_NECK = {Measure.NECK_INCLINATION_CHANGE: Feature.NECK_PROFILE}
_TRUNK = {Measure.TRUNK_INCLINATION_CHANGE: Feature.TRUNK_PROFILE}


def _raw_side(now: Mapping[Feature, float]) -> dict[Measure, float]:
    values = {Measure.NECK_INCLINATION: now[Feature.NECK_PROFILE] - NECK_BIAS_DEG}
    angle_deg = CVA_AT_ZERO_DEG + CVA_PER_DEG * now[Feature.NECK_PROFILE]
    if 0.0 < angle_deg < 90.0:  # the formula holds no further
        values[Measure.CRANIOVERTEBRAL_ANGLE] = angle_deg
    if Feature.TRUNK_PROFILE in now:
        values[Measure.TRUNK_INCLINATION] = now[Feature.TRUNK_PROFILE] - TRUNK_BIAS_DEG
    return values


def _side(now: Mapping[Feature, float], then: Mapping[Feature, float]) -> dict[Measure, float]:
    values = _raw_side(now)
    values |= _changes(now, then, _NECK | _TRUNK)
    if Measure.NECK_INCLINATION_CHANGE in values and Measure.TRUNK_INCLINATION_CHANGE in values:
        values[Measure.NECK_FLEXION_CHANGE] = (
            values[Measure.NECK_INCLINATION_CHANGE] - values[Measure.TRUNK_INCLINATION_CHANGE]
        )
    return values


def _sinking(now: Mapping[Feature, float], then: Mapping[Feature, float]) -> dict[Measure, float]:
    if Feature.TRUNK_LENGTH not in then:
        return {}
    drop = (now[Feature.SHOULDER_Y] - then[Feature.SHOULDER_Y]) / then[Feature.TRUNK_LENGTH]
    return {Measure.SINKING: drop * TRUNK_LENGTH_CM}


def _lateral(now: Mapping[Feature, float], then: Mapping[Feature, float]) -> dict[Measure, float]:
    return _changes(
        now,
        then,
        {
            Measure.SHOULDER_TILT_CHANGE: Feature.SHOULDER_TILT,
            Measure.HEAD_TILT_CHANGE: Feature.HEAD_TILT,
            Measure.LATERAL_LEAN_CHANGE: Feature.LATERAL_LEAN,
            Measure.HEAD_YAW_CHANGE: Feature.HEAD_YAW,
        },
    )


def _front(
    now: Mapping[Feature, float],
    neutral: Neutral,
    values: Mapping[Measure, float],
    gates: Gates,
) -> tuple[dict[Measure, float], Reason | None]:
    """Sagittal measures from the front, or the reason why there are none."""
    then = neutral.centre
    found: dict[Measure, float] = {}
    if Feature.SHOULDER_WIDTH not in then or not (
        Feature.EAR_SHOULDER in then and Feature.EAR_SHOULDER in now
    ):
        return found, Reason.NOT_MEASURABLE
    approach = 100.0 * (now[Feature.SHOULDER_WIDTH] / then[Feature.SHOULDER_WIDTH] - 1.0)
    if Feature.NOSE_BELOW_EARS in now and Feature.NOSE_BELOW_EARS in then:
        found[Measure.HEAD_PITCH_CHANGE] = (
            now[Feature.NOSE_BELOW_EARS] - then[Feature.NOSE_BELOW_EARS]
        ) / NOSE_DROP_PER_PITCH_DEG
    if abs(values.get(Measure.HEAD_YAW_CHANGE, 0.0)) > gates.look_away_deg:
        return found, Reason.LOOKING_AWAY
    if (
        found.get(Measure.HEAD_PITCH_CHANGE, 0.0) > gates.look_down_deg
        and approach < gates.look_down_max_approach_percent
    ):
        return found, Reason.LOOKING_DOWN
    found[Measure.APPROACH] = approach
    # Seen from below, a head that moves forward rises in the picture: its drop then means nothing.
    is_low = neutral.context.get(Feature.CAMERA_ELEVATION, 0.0) < gates.camera_low_below_deg
    if not is_low:
        drop = now[Feature.EAR_SHOULDER] / then[Feature.EAR_SHOULDER] - 1.0
        found[Measure.HEAD_DROP] = 100.0 * drop * math.copysign(1.0, then[Feature.EAR_SHOULDER])
    return found, None


def _distance(now: Mapping[Feature, float], settings: Settings) -> dict[Measure, float]:
    """Viewing distance, only if the field of view is known and the head faces ahead."""
    fov_deg = settings.camera.horizontal_fov_deg
    if (
        fov_deg <= 0
        or Feature.EYE_DISTANCE_BY_WIDTH not in now
        or abs(now.get(Feature.HEAD_YAW, 90.0)) > 20.0
    ):
        return {}
    focal_by_width = 0.5 / math.tan(math.radians(fov_deg) / 2)
    eyes = now[Feature.EYE_DISTANCE_BY_WIDTH] / math.cos(math.radians(now[Feature.HEAD_YAW]))
    return {Measure.VIEWING_DISTANCE: focal_by_width * PUPIL_DISTANCE_CM / eyes / DISTANCE_READS_TOO_LONG_BY}
