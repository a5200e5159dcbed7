"""From measures to a judgement: joins smoothing, score and state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from posture_cam.assessment.certainty import Certainty
from posture_cam.assessment.scoring import Scored, is_sign, limited, own_scale, score, state_of, stretched
from posture_cam.assessment.seat import SlowSeat
from posture_cam.assessment.smoothing import Smoother
from posture_cam.assessment.state import StateMachine
from posture_cam.assessment.stillness import Stillness
from posture_cam.ids import Feature, Measure, Reason, State
from posture_cam.measures import MeasureInfo, load_measures
from posture_cam.records import Assessment, Measures, Neutral
from posture_cam.settings import SensitivitySettings, Settings


class Judge:
    """Judges a run of measures against one neutral posture, in order of time.

    Args:
        neutral: The neutral posture.
        settings: All settings.
        factors: Factors on the limits of estimates, learned from corrections.
    """

    def __init__(
        self, neutral: Neutral, settings: Settings, factors: Mapping[Measure, float] | None = None
    ) -> None:
        elevation_deg = neutral.context.get(Feature.CAMERA_ELEVATION, 0.0)
        self._camera_is_low = elevation_deg < settings.gates.camera_low_below_deg
        self._settings = settings.state
        self._own_scale = own_scale(neutral.slouch)
        self._estimated = load_measures("estimated")
        self.limit(factors or {}, settings.sensitivity)
        self._smoother = Smoother(settings.filter)
        self._certainty = Certainty(self._estimated, settings.filter.reset_gap_s)
        self._states = StateMachine(settings.state, settings.sampling.max_gap_s)
        self._stillness = Stillness(settings.stillness, settings.sampling.max_gap_s)
        self._max_gap_s = settings.sampling.max_gap_s
        self._seat = SlowSeat(self._estimated, settings.seat, settings.sampling.max_gap_s)
        self._glance_since_s: float | None = None
        self._last_s = -math.inf
        self._faulty: set[str] = set()

    def limit(self, factors: Mapping[Measure, float], sensitivity: SensitivitySettings) -> None:
        """Judge by other limits from now on."""
        dial = {name: sensitivity.factor_of(name) for name in self._estimated}
        own = {
            name: factors.get(name, 1.0) * (self._own_scale if is_sign(name, info) else 1.0) * dial[name]
            for name, info in self._estimated.items()
        }
        self._by_formulas = limited(load_measures(), dial)
        self._over_time = limited(self._estimated, own)

    def begin_anew(self) -> None:
        """Let the state follow from the next moments alone; else it outlasts the limits it began with."""
        self._states.begin_anew()
        self._faulty.clear()

    def judge(self, measures: Measures) -> tuple[Measures, Assessment]:
        """The measures as judged (smoothed, with stillness) and the judgement."""
        smooth = self._certainty.report(self._smoother.smooth(measures))
        still_s = self._stillness.follow(smooth)
        if still_s is not None:
            smooth = replace(
                smooth, values=MappingProxyType({**smooth.values, Measure.STILLNESS: still_s / 60.0})
            )
        now_s = smooth.timestamp_s
        if smooth.reason == Reason.NOBODY:
            self._faulty.clear()
        table, from_here = self._table(smooth), self._seat.from_here(smooth.values)
        judged = partial(
            score,
            smooth.values,
            table,
            corrected=stretched(from_here, smooth.errors, table, self._settings.error_share),
            camera_is_low=self._camera_is_low,
        )
        scored = judged()
        reason = smooth.reason
        is_glance, hides_fault = self._is_glance(smooth), self._hides_a_fault(scored)
        if scored.score is None or is_glance or hides_fault:
            reason = reason or (Reason.NOT_MEASURABLE if scored.score is None else Reason.FAULT_HIDDEN)
            state, since_s = self._states.pause(now_s, reason)
        else:
            reason = None
            leave = judged(scale=self._settings.release)
            assert leave.score is not None
            state, since_s = self._states.judge(now_s, state_of(scored.score), state_of(leave.score))
            if state == State.UNJUDGED:
                reason = Reason.UNSURE if self._states.is_unsure else Reason.SETTLING
            self._note_faults(scored, state)
            if smooth.errors:
                self._seat.follow(now_s, smooth.values, state)
        return smooth, Assessment(
            timestamp_s=now_s,
            state=state,
            since_s=since_s,
            score=scored.score,
            findings=scored.findings,
            coverage=scored.coverage,
            confidence=smooth.confidence,
            reason=reason,
        )

    @property
    def seat(self) -> Mapping[Measure, float]:
        """How far the reference for judging has slowly moved, by measure, where that is worth a word."""
        return self._seat.told

    def conclude(self) -> tuple[State, float] | None:
        """The state at the end and its start; None where the last reported state stands."""
        return self._states.conclude()

    def _hides_a_fault(self, scored: Scored) -> bool:
        """Whether a moment looks good only because what was bad can no longer be measured."""
        return (
            scored.score is not None
            and state_of(scored.score) == State.GOOD
            and not self._faulty <= set(scored.coverage)
        )

    def _note_faults(self, scored: Scored, state: State) -> None:
        """Remember the groups of measures that made the state bad, until they are measured again."""
        self._faulty -= set(scored.coverage)
        if state in (State.FAIR, State.POOR):
            self._faulty |= set(scored.faulty)

    def _table(self, measures: Measures) -> Mapping[Measure, MeasureInfo]:
        """The limits for judging these measures."""
        return self._over_time if measures.errors else self._by_formulas

    def _is_glance(self, measures: Measures) -> bool:
        """Whether this is a glance down that is too short to count; a longer one is judged."""
        now_s = measures.timestamp_s
        has_gap, self._last_s = now_s - self._last_s > self._max_gap_s, now_s
        if measures.reason != Reason.LOOKING_DOWN:
            self._glance_since_s = None
            return False
        if self._glance_since_s is None or has_gap:
            self._glance_since_s = now_s
        return now_s - self._glance_since_s <= self._settings.hold_s
