"""Measures in, judgement out: smoothing, score and state joined."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

from posture_cam.assessment.scoring import score, state_of
from posture_cam.assessment.smoothing import Smoother
from posture_cam.assessment.state import StateMachine
from posture_cam.assessment.stillness import Stillness
from posture_cam.records import Assessment, Measure, Measures, Neutral, Reason, State
from posture_cam.settings import Settings, load_measures


class Judge:
    """Judges a run of measures against one neutral posture, in order of time."""

    def __init__(self, neutral: Neutral, settings: Settings) -> None:
        elevation_deg = neutral.context.get("camera_elevation_deg", 0.0)
        self._camera_is_low = elevation_deg < settings.gates.camera_low_below_deg
        self._release = settings.state.release
        self._table = load_measures()
        self._smoother = Smoother(settings.filter)
        self._states = StateMachine(settings.state, settings.sampling.max_gap_s)
        self._stillness = Stillness(settings.stillness, settings.sampling.max_gap_s)

    def update(self, measures: Measures) -> tuple[Measures, Assessment]:
        """The measures as judged (smoothed, with stillness) and the judgement."""
        smooth = self._smoother.update(measures)
        still_s = self._stillness.update(smooth)
        if still_s is not None:
            smooth = replace(
                smooth, values=MappingProxyType({**smooth.values, Measure.STILLNESS: still_s / 60.0})
            )
        now_s = smooth.timestamp_s
        scored = score(smooth.values, self._table, camera_is_low=self._camera_is_low)
        reason = smooth.reason
        if scored.score is None:
            reason = reason or Reason.NOT_MEASURABLE
            state, since_s = self._states.pause(now_s, reason)
        else:
            reason = None
            leave = score(smooth.values, self._table, camera_is_low=self._camera_is_low, scale=self._release)
            assert leave.score is not None
            state, since_s = self._states.judge(now_s, state_of(scored.score), state_of(leave.score))
            if state == State.UNJUDGED:
                reason = Reason.SETTLING
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
