"""Counting repetitions and holds of an exercise from the amount of its movement.

States with hysteresis: a repetition counts once the movement reaches `full`; the next one can begin only
after the person has come back below half of that.  A movement that turns back before `full` is refused.
Works on timestamps alone, at any sampling rate.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from posture_cam.assessment.steadiness import median_pose
from posture_cam.ids import HEAD_AND_SHOULDERS
from posture_cam.records import FloatArray, Pose
from posture_cam.settings import ExerciseSettings

_WATCHED = list(HEAD_AND_SHOULDERS)


class Phase(StrEnum):
    """The stages of a repetition."""

    REST = "rest"
    MOVING = "moving"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Repetition:
    """A repetition that counted.

    Attributes:
        time_s: When the movement reached its full extent.
        hold_s: How long it stayed there.
    """

    time_s: float
    hold_s: float


# Ears or shoulders further apart than this share of the body's scale mean a view from the front.
_FRONTAL_FROM_SHARE = 0.25
# Share of a repetition's extent: above it the movement was held, below it was on its way.
_OWN_HOLD_SHARE = 0.85


@dataclass(slots=True)
class SideCounter:
    """Counts the repetitions to one side, or of a movement without sides.

    Attributes:
        full: The amount from which a repetition counts.
        attempt: The amount from which a movement is worth refusing.
        phase: The stage of the repetition.
        repetitions: The counted repetitions that are over.
        refused: The number of movements that turned back before they were full.
        hold_s: How long the present repetition has been held.
    """

    full: float
    attempt: float
    settings: ExerciseSettings
    phase: Phase = Phase.REST
    repetitions: list[Repetition] = field(default_factory=list)
    refused: int = 0
    _since_s: float = 0.0
    _full_since_s: float = 0.0
    _held_until_s: float = 0.0
    _seen: list[tuple[float, float]] = field(default_factory=list)
    _must_return: bool = False

    @property
    def count(self) -> int:
        """Repetitions so far, including the one that is held now."""
        return len(self.repetitions) + (self.phase == Phase.FULL)

    @property
    def hold_s(self) -> float:
        """How long the present repetition has been held."""
        return self._held_until_s - self._full_since_s if self.phase == Phase.FULL else 0.0

    def take(self, now_s: float, amount: float) -> bool:
        """Take one amount; returns whether it reached a repetition."""
        if self.phase == Phase.FULL:
            self._seen.append((now_s, amount))
            if amount >= self.settings.held_above_share * self.full:
                self._held_until_s = now_s
            if amount < self.settings.back_below_share * self.full:
                self.end()
            return False
        if self._must_return and amount >= self.settings.back_below_share * self.full:
            return False
        self._must_return = False
        if amount >= self.full:
            self.phase, self._full_since_s, self._held_until_s = Phase.FULL, now_s, now_s
            self._seen = [(now_s, amount)]
            return True
        if amount >= self.attempt:
            if self.phase == Phase.REST:
                self.phase, self._since_s = Phase.MOVING, now_s
        elif self.phase == Phase.MOVING and amount < self.settings.gone_below_share * self.attempt:
            self.refused += now_s - self._since_s >= self.settings.least_attempt_s
            self.phase = Phase.REST
        return False

    def end(self) -> None:
        """End the present repetition, which counts."""
        self._must_return = False
        if self.phase == Phase.FULL:
            self.repetitions.append(Repetition(self._full_since_s, self._own_hold_s()))
        self.phase = Phase.REST

    def lose_sight(self) -> None:
        """End the repetition; the next one counts only after the person has come back."""
        was_away = self.phase != Phase.REST or self._must_return
        self.end()
        self._must_return = was_away

    def _own_hold_s(self) -> float:
        """How long it stayed near its own extent, which is known only in hindsight."""
        level = _OWN_HOLD_SHARE * float(np.quantile([amount for _, amount in self._seen], 0.9))
        held = [time_s for time_s, amount in self._seen if amount >= level]
        return held[-1] - held[0]


class RepetitionCounter:
    """Counts an exercise, separately for each side if it has two.

    Args:
        full: The amount from which a repetition counts.
        attempt: The amount from which a movement is worth refusing.
        has_sides: Whether negative amounts are the other side.
        settings: For the hysteresis.

    Attributes:
        left: The left side, or the whole of a movement without sides.
        right: The right side; None without sides.
        amount: The last amount, corrected for drift.
    """

    def __init__(self, full: float, attempt: float, *, has_sides: bool, settings: ExerciseSettings) -> None:
        self._settings = settings
        self.left = SideCounter(full, attempt, settings)
        self.right = SideCounter(full, attempt, settings) if has_sides else None
        self._recent: deque[float] = deque(maxlen=3)
        self._drift = 0.0
        self._last_s: float | None = None
        self.amount = 0.0

    @property
    def sides(self) -> tuple[SideCounter, ...]:
        """The sides to count: one or two."""
        return (self.left,) if self.right is None else (self.left, self.right)

    @property
    def count(self) -> int:
        """Repetitions in all."""
        return sum(side.count for side in self.sides)

    @property
    def phase(self) -> Phase:
        """The phase of the side that moves."""
        phases = [side.phase for side in self.sides]
        return next((phase for phase in (Phase.FULL, Phase.MOVING) if phase in phases), Phase.REST)

    def take(self, now_s: float, amount: float | None) -> SideCounter | None:
        """Take the amount at one time; returns the side that reached a repetition by it, or None.

        Args:
            now_s: The time.
            amount: The amount, or None if it could not be measured.
        """
        step_s = 0.0 if self._last_s is None else now_s - self._last_s
        if step_s > self._settings.max_gap_s:
            for side in self.sides:
                side.lose_sight()
            self._recent.clear()
            step_s = 0.0
        if amount is None:
            return None
        self._last_s = now_s
        self._recent.append(amount)
        amount = sorted(self._recent)[len(self._recent) // 2] - self._drift  # ignores a single outlier
        if self.phase == Phase.REST:
            # People settle a little differently between repetitions; that counts as rest, too.
            share = step_s / (step_s + self._settings.drift_within_s)
            limit = self._settings.most_drift_share * self.left.full
            drift = self._drift + share * amount
            amount -= min(max(drift, -limit), limit) - self._drift
            self._drift = min(max(drift, -limit), limit)
        self.amount = amount
        reached = self.left if self.left.take(now_s, amount) else None
        if self.right is not None and self.right.take(now_s, -amount):
            reached = self.right
        return reached

    def finish(self) -> None:
        """End the exercise; the present repetition counts."""
        for side in self.sides:
            side.end()


class RestFinder:
    """Finds the posture at rest that an exercise begins from: the first calm moments.

    Head and shoulders have to be about level and the face about ahead, as a held bend or turn is calm, too.
    Who does not sit level or calm is asked for less as time goes by, down to half.

    Args:
        settings: How calm and how level.
        min_seen: The least visibility of head and shoulders.

    Attributes:
        pose: The rest posture, once it is found.
        was_seen: Whether anybody was seen well at all.
    """

    def __init__(self, settings: ExerciseSettings, min_seen: float) -> None:
        self._settings, self._min_seen = settings, min_seen
        self._poses: deque[Pose] = deque()
        self._since_s: float | None = None
        self.pose: Pose | None = None
        self.was_seen = False

    def find(self, pose: Pose | None) -> float:
        """Take the next pose; returns the share of the calm time reached, 0 to 1."""
        if self.pose is not None:
            return 1.0
        if pose is None or np.minimum(pose.visibility, pose.presence)[_WATCHED].min() < self._min_seen:
            self._poses.clear()
            return 0.0
        self.was_seen = True
        self._since_s = pose.timestamp_s if self._since_s is None else self._since_s
        waited = min((pose.timestamp_s - self._since_s) / self._settings.patience_s, 1.0)
        if not self._is_level(pose, 1.0 + waited):
            self._poses.clear()
            return 0.0
        self._poses.append(pose)
        while len(self._poses) > 2 and not self._is_calm(1.0 + waited):
            self._poses.popleft()
        calm_s = pose.timestamp_s - self._poses[0].timestamp_s
        if calm_s >= self._settings.rest_s - 1e-6:
            self.pose = median_pose(list(self._poses))
        return min(calm_s / self._settings.rest_s, 1.0)

    def _is_level(self, pose: Pose, leniency: float) -> bool:
        xy_px = pose.landmarks[_WATCHED, :2] * pose.image_size_wh
        nose, ears, shoulders = xy_px[0], xy_px[1:3], xy_px[3:5]
        least_px = _FRONTAL_FROM_SHARE * _scale_px(ears, shoulders)
        steepest = np.tan(np.radians(leniency * self._settings.level_deg))
        is_frontal = []
        for left, right in (ears, shoulders):
            across, along = np.abs(left - right)
            is_frontal.append(across > least_px)
            if across > least_px and along > steepest * across:
                return False
        ears_frontal, shoulders_frontal = is_frontal
        if not ears_frontal:
            return not shoulders_frontal  # in profile; else the head is turned
        # Without leniency: a head that is turned for long is still no rest to count turns from.
        most_px = self._settings.nose_aside_share * abs(ears[0, 0] - ears[1, 0])
        return bool(abs(nose[0] - ears[:, 0].mean()) < most_px)

    def _is_calm(self, leniency: float) -> bool:
        last = self._poses[-1].landmarks[_WATCHED, :2] * self._poses[-1].image_size_wh
        seen = np.stack([pose.landmarks[_WATCHED, :2] * pose.image_size_wh for pose in self._poses])
        most_px = leniency * self._settings.calm_percent / 100.0 * _scale_px(last[1:3], last[3:5])
        return float(np.ptp(seen, axis=0).max()) < most_px


def _scale_px(ears: FloatArray, shoulders: FloatArray) -> float:
    neck = float(np.linalg.norm(ears.mean(0) - shoulders.mean(0)))
    return float(np.hypot(np.linalg.norm(shoulders[0] - shoulders[1]), neck))
