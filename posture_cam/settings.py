"""Every setting; defaults live in data/settings.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from posture_cam.errors import SettingsError


class Frozen(BaseModel):
    """A table of a data file; a name that it does not know is a mistake in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sampling(Frozen):
    """How often to look."""

    rate_hz: float
    max_gap_s: float


class PoseSettings(Frozen):
    """How to find a person."""

    min_confidence: float
    max_side_px: int
    census_every_s: float
    max_people: int


class ViewSettings(Frozen):
    """How to distinguish front from side."""

    front_below_deg: float
    side_above_deg: float
    hysteresis_deg: float
    settle_s: float


class Gates(Frozen):
    """When a pose is good enough to measure."""

    min_seen: float
    min_shoulder_width_px: float
    min_trunk_length_px: float
    look_away_deg: float
    look_down_deg: float
    look_down_max_approach_percent: float
    camera_low_below_deg: float
    turned_away_deg: float
    same_view_deg: float
    nearly_same_view_deg: float
    glance_down_deg: float
    glance_max_neck_deg: float
    glance_max_trunk_deg: float
    shoulders_out_share: float


class CameraSettings(Frozen):
    """Properties of the camera."""

    horizontal_fov_deg: float


class FilterSettings(Frozen):
    """The filter on measures."""

    min_cutoff_hz: float
    cutoff_hz_per_lag: float
    lag_cutoff_hz: float
    reset_gap_s: float


class StateSettings(Frozen):
    """When a state changes."""

    window_s: float
    onset_s: float
    first_s: float
    release: float
    away_after_s: float
    hold_s: float
    dropout_s: float
    error_share: float


class NeutralSettings(Frozen):
    """Requirements of a neutral posture."""

    min_s: float
    max_s: float
    alike_s: float
    min_samples: int
    steady_deg: float
    steady_percent: float
    max_yaw_deg: float


class CalibrationSettings(Frozen):
    """How a neutral posture is taken."""

    min_s: float
    min_samples: int
    countdown_s: float
    give_up_after_s: float
    dark_below: float
    max_shoulder_width_share: float
    min_shoulder_width_share: float


class DriftSettings(Frozen):
    """When a neutral posture no longer fits where the person sits."""

    window_s: float
    size_percent: float
    shift_percent: float


class ChoosingSettings(Frozen):
    """Which of several neutral postures of a profile a person is compared with."""

    near_shoulders: float
    nearer_share: float
    after_s: float


class StillnessSettings(Frozen):
    """How large a change ends a posture."""

    change_deg: float
    change_percent: float
    change_cm: float


class LiveSettings(Frozen):
    """When a live source is in trouble, and how often to try again."""

    first_word_s: float
    stalled_after_s: float
    asleep_after_s: float
    black_below: float
    black_after_s: float
    frozen_after_s: float
    retry_s: float
    retry_max_s: float
    users_every_s: float


class MotionSettings(Frozen):
    """When two pictures are alike."""

    level: float
    noise_factor: float
    around: float
    same_share: float
    nobody_share: float
    look_every_s: float


class SparingSettings(Frozen):
    """Where the model looks at a recording; `motion` defines what counts as a changed cell."""

    stride_s: float
    close_s: float
    same_scales: float
    again_scales: float
    changed_share: float
    clock_factor: float


class SeatSettings(Frozen):
    """How judged values follow a seat that changes slowly."""

    follow: bool
    within_s: float
    most_share: float
    told_share: float


SENSITIVITIES = ("relaxed", "normal", "strict")
"""How early a fault counts, from late to early."""


class SensitivitySettings(Frozen):
    """How early faults count: a factor on the limits, for all and for single measures."""

    relaxed: float
    strict: float
    level: Literal["relaxed", "normal", "strict"]
    by_fault: Mapping[str, Literal["relaxed", "normal", "strict"]]

    def factor_of(self, measure: str) -> float:
        """The factor on the limits of a measure."""
        level = self.by_fault.get(measure, self.level)
        return {"relaxed": self.relaxed, "normal": 1.0, "strict": self.strict}[level]


class PartsSettings(Frozen):
    """Parts of a recording that are processed separately."""

    least_s: float
    usual_s: float
    at_once: int
    lead_in_s: float


class BackgroundSettings(Frozen):
    """When the camera has moved."""

    keep: bool
    every_s: float
    looks: int
    shift_percent: float
    scale_percent: float
    roll_deg: float
    squeeze_percent: float
    least_points: int
    least_share: float
    least_likeness: float
    clearly_better: float


class PaceSettings(Frozen):
    """Looks a second of a monitor."""

    usual_hz: float
    still_hz: float
    eco_usual_hz: float
    eco_still_hz: float


class AlertSettings(Frozen):
    """When to speak."""

    poor_after_s: float
    fair_after_s: float
    cooldown_s: float
    cooldown_max_s: float
    ignored_factor: float
    corrected_after_s: float
    max_per_hour: int
    change_after_s: float
    break_after_s: float
    break_away_s: float
    snooze_s: float
    quiet_hours: tuple[str, ...]


class TrustSettings(Frozen):
    """When a neutral posture has shown that it fits."""

    fits_after_s: float
    aspect_off_by: float


class HistorySettings(Frozen):
    """How a run is stored."""

    flush_s: float
    busy_s: float


class ExerciseSettings(Frozen):
    """How repetitions of exercises are counted."""

    rate_hz: float
    rest_s: float
    calm_percent: float
    level_deg: float
    nose_aside_share: float
    patience_s: float
    back_below_share: float
    held_above_share: float
    gone_below_share: float
    least_attempt_s: float
    drift_within_s: float
    most_drift_share: float
    max_gap_s: float
    unseen_s: float


class Settings(Frozen):
    """Every setting; data/settings.toml explains each one beside its default."""

    sampling: Sampling
    pose: PoseSettings
    view: ViewSettings
    gates: Gates
    camera: CameraSettings
    filter: FilterSettings
    state: StateSettings
    neutral: NeutralSettings
    calibration: CalibrationSettings
    drift: DriftSettings
    choosing: ChoosingSettings
    stillness: StillnessSettings
    live: LiveSettings
    motion: MotionSettings
    sparing: SparingSettings
    parts: PartsSettings
    sensitivity: SensitivitySettings
    seat: SeatSettings
    background: BackgroundSettings
    pace: PaceSettings
    alerts: AlertSettings
    trust: TrustSettings
    history: HistorySettings
    exercise: ExerciseSettings


def read_data(name: str) -> dict[str, Any]:
    """A TOML file of posture_cam/data.

    Raises:
        SettingsError: The file is damaged.
    """
    try:
        return tomllib.loads(resources.files("posture_cam").joinpath("data", name).read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"data/{name} is damaged: {error}.", "Install posture_cam again.") from error


@cache
def load_settings() -> Settings:
    """The settings in force.

    Raises:
        SettingsError: The file is damaged, or holds an invalid value.
    """
    try:
        return Settings.model_validate(read_data("settings.toml"))
    except ValidationError as error:
        raise SettingsError(f"data/settings.toml is wrong: {error}", "Install posture_cam again.") from error
