"""Settings, the table of measures, and the folders that posture_cam uses.

Defaults live in data/settings.toml, limits and words for measures in data/measures.toml.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from posture_cam.errors import SettingsError
from posture_cam.records import Measure, View


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sampling(_Frozen):
    """How often to look."""

    rate_hz: float
    max_gap_s: float


class PoseSettings(_Frozen):
    """How to find a person."""

    min_confidence: float
    max_side_px: int
    census_every_s: float
    max_people: int


class ViewSettings(_Frozen):
    """How to tell front from side."""

    front_below_deg: float
    side_above_deg: float
    hysteresis_deg: float
    settle_s: float


class Gates(_Frozen):
    """When a pose is good enough to be measured."""

    min_seen: float
    min_shoulder_width_px: float
    min_trunk_length_px: float
    look_away_deg: float
    look_down_deg: float
    look_down_max_approach_percent: float
    camera_low_below_deg: float
    turned_away_deg: float
    nearly_same_view_deg: float
    glance_down_deg: float
    glance_max_neck_deg: float
    glance_max_trunk_deg: float
    shoulders_out_share: float


class CameraSettings(_Frozen):
    """What is known of the camera."""

    horizontal_fov_deg: float


class FilterSettings(_Frozen):
    """The filter on measures."""

    min_cutoff_hz: float
    cutoff_hz_per_lag: float
    lag_cutoff_hz: float
    reset_gap_s: float


class StateSettings(_Frozen):
    """When a state changes."""

    window_s: float
    onset_s: float
    first_s: float
    release: float
    away_after_s: float
    hold_s: float
    dropout_s: float
    error_share: float


class NeutralSettings(_Frozen):
    """What can serve as a neutral posture."""

    min_s: float
    max_s: float
    alike_s: float
    min_samples: int
    steady_deg: float
    steady_percent: float
    max_yaw_deg: float


class CalibrationSettings(_Frozen):
    """How a neutral posture is taken."""

    min_s: float
    min_samples: int
    countdown_s: float
    give_up_after_s: float
    dark_below: float
    max_shoulder_width_share: float
    min_shoulder_width_share: float


class DriftSettings(_Frozen):
    """When a neutral posture no longer fits where the person sits."""

    window_s: float
    size_percent: float
    shift_percent: float


class StillnessSettings(_Frozen):
    """Which change ends a posture."""

    change_deg: float
    change_percent: float
    change_cm: float


class LiveSettings(_Frozen):
    """When a live source is in trouble, and how often it is tried again."""

    first_word_s: float
    stalled_after_s: float
    asleep_after_s: float
    black_below: float
    black_after_s: float
    frozen_after_s: float
    retry_s: float
    retry_max_s: float
    users_every_s: float


class MotionSettings(_Frozen):
    """When nothing moves."""

    level: float
    noise_factor: float
    cells: int
    look_every_s: float


class SparingSettings(_Frozen):
    """When the pose of the last look still stands in a recording; what counts as movement is `motion`'s."""

    moving_s: float
    still_s: float
    clock_factor: float
    jump_scales: float


class PartsSettings(_Frozen):
    """Parts of a recording that are looked at by themselves."""

    least_s: float
    usual_s: float
    at_once: int
    lead_in_s: float


class BackgroundSettings(_Frozen):
    """When the camera has moved."""

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


class PaceSettings(_Frozen):
    """Looks a second of a monitor."""

    usual_hz: float
    building_hz: float
    away_hz: float
    eco_usual_hz: float
    eco_building_hz: float
    eco_away_hz: float


class AlertSettings(_Frozen):
    """When to speak."""

    poor_after_s: float
    fair_after_s: float
    cooldown_s: float
    cooldown_max_s: float
    ignored_factor: float
    corrected_after_s: float
    max_per_hour: int
    break_after_s: float
    break_away_s: float
    snooze_s: float
    quiet_hours: tuple[str, ...]


class TrustSettings(_Frozen):
    """When a neutral posture has shown that it fits."""

    fits_after_s: float
    aspect_off_by: float


class HistorySettings(_Frozen):
    """How a run is kept."""

    flush_s: float
    retry_s: float
    busy_s: float


class ExerciseSettings(_Frozen):
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


class Settings(_Frozen):
    """Every setting; the meaning of each stands beside its default in data/settings.toml."""

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
    stillness: StillnessSettings
    live: LiveSettings
    motion: MotionSettings
    sparing: SparingSettings
    parts: PartsSettings
    background: BackgroundSettings
    pace: PaceSettings
    alerts: AlertSettings
    trust: TrustSettings
    history: HistorySettings
    exercise: ExerciseSettings


class EstimatedLimits(_Frozen):
    """Limits of a measure where the learned estimator gives it, on the estimate's own scale."""

    good: float
    poor: float
    single_good: float
    single_poor: float
    good_low: float | None = None
    poor_low: float | None = None


class MeasureInfo(_Frozen):
    """What is known of a measure; data/measures.toml explains each field."""

    label: str
    unit: str
    signed: bool = False
    title: str = ""
    views: tuple[View, ...]
    reference: str
    brief: str = ""
    shown: tuple[Literal["headline", "chart", "course", "hold"], ...] = ()
    fault: str = ""
    fault_low: str = ""
    group: str | None = None
    group_low_camera: str | None = None
    good: float | None = None
    poor: float | None = None
    good_low: float | None = None
    poor_low: float | None = None
    two_sided: bool = False
    lower_is_worse: bool = False
    formula_only: bool = False
    estimated: EstimatedLimits | None = None

    def is_off(self, value: float) -> bool:
        """Whether a value lies outside the good range of a measure that is judged."""
        if self.group is None or self.good is None or self.poor is None:
            return False
        if self.lower_is_worse:
            return value < self.good
        is_low = self.good_low is not None and value < self.good_low
        return is_low or (abs(value) if self.two_sided else value) > self.good

    def fault_of(self, value: float) -> str:
        """The words for a value outside the good range."""
        is_low = self.fault_low and not self.lower_is_worse and value < 0
        return self.fault_low if is_low else self.fault


GROUP_WEIGHTS = {"sagittal": 1.0, "lateral": 0.6, "distance": 0.4}


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
        SettingsError: The file is damaged, or a value in it is not one.
    """
    try:
        return Settings.model_validate(read_data("settings.toml"))
    except ValidationError as error:
        raise SettingsError(f"data/settings.toml is wrong: {error}", "Install posture_cam again.") from error


class MeasureTable(dict[Measure, MeasureInfo]):
    """The table of measures; one that this version does not know is shown by its id, and not judged."""

    def __missing__(self, name: Measure) -> MeasureInfo:
        """What is said of a measure that was kept by another version."""
        unit = name.rpartition("_")[2]
        signed = "change" in name
        return MeasureInfo(
            label=name.value, fault=name.value, unit=unit, signed=signed, views=(), reference=""
        )


def shown_in(where: str) -> tuple[Measure, ...]:
    """The measures that are shown somewhere, in the table's order (column `shown`)."""
    return tuple(name for name, info in load_measures().items() if where in info.shown)


Limits = Literal["formulas", "estimated", "single"]
"""By formulas; by the learned estimator over time; by the learned estimator from a single picture."""


@cache
def load_measures(limits: Limits = "formulas") -> MeasureTable:
    """The table of measures, in its order.

    Args:
        limits: Whose; with the learned estimator, what it replaces is not judged.

    Raises:
        SettingsError: The file is damaged, or a value in it is not one.
    """
    if limits != "formulas":
        return MeasureTable({name: _as_estimated(info, limits) for name, info in load_measures().items()})
    try:
        tables = read_data("measures.toml")
        return MeasureTable(
            {Measure(name): MeasureInfo.model_validate(table) for name, table in tables.items()}
        )
    except ValueError as error:  # pydantic's ValidationError is one too
        raise SettingsError(f"data/measures.toml is wrong: {error}", "Install posture_cam again.") from error


def _as_estimated(info: MeasureInfo, limits: Limits) -> MeasureInfo:
    changes: dict[str, object] = {}
    if (own := info.estimated) is not None:
        good, poor = (own.good, own.poor) if limits == "estimated" else (own.single_good, own.single_poor)
        changes = {"good": good, "poor": poor, "good_low": own.good_low, "poor_low": own.poor_low}
    if info.formula_only:
        changes |= {"group": None, "group_low_camera": None}
    return info.model_copy(update=changes)


def bundled_model(name: str) -> Path:
    """Where a file of models/ lies: inside an installed package, or in the repository."""
    package = Path(__file__).resolve().parent
    installed = package / "_models" / name
    return installed if installed.is_file() else package.parent / "models" / name


def profiles_dir() -> Path:
    """Where calibrated neutral postures are kept."""
    return platformdirs.user_data_path("posture_cam", appauthor=False) / "profiles"


def history_path() -> Path:
    """The database of all that was kept."""
    return platformdirs.user_data_path("posture_cam", appauthor=False) / "history.db"


def models_cache_dir() -> Path:
    """Where downloaded models are kept."""
    return platformdirs.user_cache_path("posture_cam", appauthor=False) / "models"
