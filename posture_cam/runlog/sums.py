"""The running sum: all sums of a run, of days or of a batch are formed here."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from posture_cam.ids import JUDGED_STATES, Measure, Reason, Stance, State, View
from posture_cam.records import Statistic

# Values are stored as counts of time in steps this fine, so that a day takes no more memory than an hour.
_STEPS_PER_UNIT = 100
# A single moment has no duration, but still has a value.
_LEAST_WEIGHT_S = 1e-9


@dataclass(slots=True)
class Series:
    """How a measure was distributed over time."""

    seconds_by_step: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    least: float = math.inf
    most: float = -math.inf
    weighted_sum: float = 0.0
    weight_s: float = 0.0
    error_sum: float = 0.0
    error_weight_s: float = 0.0

    def add(self, value: float, held_s: float, error: float | None = None) -> None:
        """Add a value with its duration, and with half the width of its 90 % interval if it has one."""
        if value < self.least:
            self.least = value
        if value > self.most:
            self.most = value
        weight_s = max(held_s, _LEAST_WEIGHT_S)
        self.seconds_by_step[round(value * _STEPS_PER_UNIT)] += weight_s
        self.weighted_sum += value * weight_s
        self.weight_s += weight_s
        if error is not None:
            self.error_sum += error * held_s
            self.error_weight_s += held_s

    def statistic(self) -> Statistic:
        """The summary of the distribution."""
        steps = sorted(self.seconds_by_step)
        shares = np.cumsum([self.seconds_by_step[step] for step in steps]) / self.weight_s
        p5, p95 = (
            float(
                np.clip(
                    steps[int(np.searchsorted(shares, share - 1e-9))] / _STEPS_PER_UNIT, self.least, self.most
                )
            )
            for share in (0.05, 0.95)
        )
        mean = min(max(self.weighted_sum / self.weight_s, self.least), self.most)
        error = self.error_sum / self.error_weight_s if self.error_weight_s > 0 else None
        return Statistic(mean, self.least, p5, p95, self.most, error)


@dataclass(slots=True)
class Sums:
    """The sums so far.

    Attributes:
        fault_s, worst: For each measure, the time outside its good range in fair or poor time, and the value
            furthest from neutral in that time.
        off_s: For each measure, the time outside its good range in judged time, good time included.
        longest_hold_s: The longest time in one posture, or None.
    """

    seconds_by_state: Counter[State] = field(default_factory=Counter)
    unjudged_s_by_reason: Counter[Reason] = field(default_factory=Counter)
    seconds_by_view: Counter[View] = field(default_factory=Counter)
    seconds_by_stance: Counter[Stance] = field(default_factory=Counter)
    stance_changes: int = 0
    score_sum: float = 0.0
    score_s: float = 0.0
    changes: int = 0
    breaks: int = 0
    fault_s: Counter[Measure] = field(default_factory=Counter)
    worst: dict[Measure, float] = field(default_factory=dict)
    off_s: Counter[Measure] = field(default_factory=Counter)
    longest_hold_s: float | None = None

    def add_time(self, state: State, seconds: float, reason: Reason | None = None) -> None:
        """Add time in a state; unjudged time has a reason."""
        self.seconds_by_state[state] += seconds  # type: ignore[assignment]
        if state == State.UNJUDGED:
            self.unjudged_s_by_reason[reason or Reason.NOT_MEASURABLE] += seconds  # type: ignore[assignment]

    def add_score(self, score: float, seconds: float) -> None:
        """Add a score with its duration."""
        self.score_sum += score * seconds
        self.score_s += seconds

    def add_fault(self, measure: Measure, seconds: float, worst: float) -> None:
        """Add time outside a measure's good range, and the value furthest from neutral in it."""
        self.fault_s[measure] += seconds  # type: ignore[assignment]
        self.worst[measure] = max(self.worst.get(measure, 0.0), worst, key=abs)

    def add_hold(self, seconds: float) -> None:
        """Add a time in one posture."""
        self.longest_hold_s = max(self.longest_hold_s or 0.0, seconds)

    @property
    def judged_s(self) -> float:
        """Seconds that could be judged."""
        return sum(self.seconds_by_state.get(state, 0.0) for state in JUDGED_STATES)

    @property
    def score(self) -> float | None:
        """Mean of the scores weighted by time; None if there are none."""
        return self.score_sum / self.score_s if self.score_s > 0 else None
