"""A neutral posture in the picture of a camera that has turned."""

from __future__ import annotations

from dataclasses import replace

from posture_cam.geometry import FeatureExtractor
from posture_cam.pose.carrying import Turn
from posture_cam.records import Neutral
from posture_cam.settings import Settings
from posture_cam.words import words_for

# Smaller ones change angles by less than their errors; chosen.
_LEAST_DEG, _LEAST_ZOOM = 1.0, 0.03


def matters(turn: Turn) -> bool:
    """Whether a turn is worth carrying anything over."""
    return turn.angle_deg >= _LEAST_DEG or abs(turn.zoom - 1) >= _LEAST_ZOOM


def carried(neutral: Neutral, turn: Turn, settings: Settings) -> Neutral | None:
    """The neutral posture as the turned camera sees it; None if it is out of the picture there.

    Features are measured anew; their spread stays.  Intervals grow by what the turn leaves open.
    """
    if neutral.pose is None:
        return None
    pose = turn.carry(neutral.pose)
    features = FeatureExtractor(settings, neutral.view).extract(0.0, pose)
    if features.reason is not None or features.view != neutral.view:
        return None
    known = {name: value for name, value in features.values.items() if name in neutral.centre}
    context = {name: features.values.get(name, value) for name, value in neutral.context.items()}
    return replace(
        neutral,
        centre={**neutral.centre, **known},
        context=context,
        pose=pose,
        carried_error_deg=neutral.carried_error_deg + turn.error_deg,
    )


def words_of_turn(turn: Turn, *, is_since_calibration: bool) -> str:
    """What has happened, in a sentence."""
    key = "since_calibration" if is_since_calibration else "now"
    return words_for("carried", key).format(angle=f"{turn.angle_deg:.0f}°")
