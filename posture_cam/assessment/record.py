"""The record of a run: states set right in hindsight, episodes, statistics."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from posture_cam.records import (
    Episode,
    FaultTime,
    Finding,
    Measure,
    Observation,
    Piece,
    Reason,
    State,
    Statistic,
    View,
)
from posture_cam.settings import Settings

# Stretches of a fault that are closer than this are one.
_JOINED_WITHIN_S = 2.0
_STRETCHES_KEPT = 3
# A single moment stands for no time, and still has a value.
_LEAST_WEIGHT_S = 1e-9


class Settler:
    """Sets states right in hindsight and knows for how long each moment stands.

    A live run can say only after some seconds that a state has changed, or that the chair is empty; the
    record says since when.  Alerts are not touched: they come when a live run would have spoken.
    """

    def __init__(self, settings: Settings) -> None:
        self._max_gap_s = settings.sampling.max_gap_s
        state = settings.state
        self._horizon_s = max(state.window_s + state.away_after_s, state.onset_s) + 2 * self._max_gap_s
        self._pending: deque[Observation] = deque()
        self._cut_s: float | None = None

    def push(self, observation: Observation) -> Iterator[Observation]:
        """Take one observation; gives those that nothing can change any more."""
        now_s = observation.assessment.timestamp_s
        if not self._pending:
            self._cut_s = None
        else:
            last = self._pending[-1]
            held_s = self._held_s(last, now_s)
            self._pending[-1] = replace(last, held_s=held_s, frame=None)
            self._rewrite(observation)
        self._pending.append(observation)
        while self._pending[0].assessment.timestamp_s < now_s - self._horizon_s:
            yield self._pending.popleft()

    def pending(self, now_s: float) -> Iterator[Observation]:
        """What is not final yet, as it looks by now."""
        if self._pending:
            yield from list(self._pending)[:-1]
            last = self._pending[-1]
            until_s = now_s if self._cut_s is None else min(now_s, self._cut_s)
            yield replace(last, held_s=self._standing_s(last, until_s), frame=None)

    def cut(self, time_s: float) -> None:
        """Nothing was seen from this time on until the next observation."""
        self._cut_s = time_s if self._cut_s is None else min(self._cut_s, time_s)

    def _held_s(self, last: Observation, until_s: float) -> float:
        """For how long an observation stands."""
        if self._cut_s is not None:
            until_s, self._cut_s = min(until_s, self._cut_s), None
        return self._standing_s(last, until_s)

    def _standing_s(self, last: Observation, until_s: float) -> float:
        return min(max(until_s - last.assessment.timestamp_s, 0.0), self._max_gap_s)

    def finish(self, end_s: float, end: tuple[State, float] | None = None) -> Iterator[Observation]:
        """The rest; the last observation stands until the end of the recording.

        Args:
            end_s: When that is.
            end: The state at the end, and since when; None where it is as told.
        """
        if self._pending:
            last = self._pending[-1]
            if end is not None:
                state, since_s = end
                last = replace(last, assessment=replace(last.assessment, state=state, since_s=since_s))
                self._rewrite(last)
            self._pending[-1] = replace(last, held_s=self._held_s(last, end_s), frame=None)
        while self._pending:
            yield self._pending.popleft()

    def _rewrite(self, observation: Observation) -> None:
        """Carry a state back to where it began."""
        new = observation.assessment
        for index in range(len(self._pending) - 1, -1, -1):
            old = self._pending[index].assessment
            if old.timestamp_s < new.since_s:
                break
            if old.state != new.state:
                # A moment that is now known to belong to a state is not waiting to be judged any more.
                reason: Reason | None = None if old.reason == Reason.SETTLING else old.reason
                if new.state == State.UNJUDGED:
                    reason = reason or new.reason
                settled = replace(old, state=new.state, since_s=new.since_s, reason=reason)
                self._pending[index] = replace(self._pending[index], assessment=settled)


# Values are kept as counts of time in steps this fine, so that a day takes no more room than an hour.
_STEPS_PER_UNIT = 100


@dataclass(slots=True)
class _Series:
    seconds_by_step: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    least: float = math.inf
    most: float = -math.inf
    weighted_sum: float = 0.0
    weight_s: float = 0.0
    error_sum: float = 0.0
    error_weight_s: float = 0.0

    def add(self, value: float, held_s: float) -> None:
        if value < self.least:
            self.least = value
        if value > self.most:
            self.most = value
        held_s = max(held_s, _LEAST_WEIGHT_S)
        self.seconds_by_step[round(value * _STEPS_PER_UNIT)] += held_s
        self.weighted_sum += value * held_s
        self.weight_s += held_s

    def add_error(self, error: float, held_s: float) -> None:
        self.error_sum += error * held_s
        self.error_weight_s += held_s

    def statistic(self) -> Statistic:
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


class Record:
    """Adds settled observations up to what is said of the whole run.

    Attributes:
        seconds_by_state: How long each state lasted; adds up to the end of the run.
        unjudged_s_by_reason: What the unjudged time was lost to.
        seconds_by_view: How long the person was seen from where.
        longest_hold: Start and end of the longest time in one posture, or None.
        judged_count: Observations with a state of good, fair or poor.
        off_s: How long each measure was outside its good range in judged time, good time included.
    """

    def __init__(self) -> None:
        self.seconds_by_state: defaultdict[State, float] = defaultdict(float)
        self.unjudged_s_by_reason: defaultdict[Reason, float] = defaultdict(float)
        self.seconds_by_view: defaultdict[View, float] = defaultdict(float)
        self.longest_hold: tuple[float, float] | None = None
        self.judged_count = 0
        self._score_sum = self._score_weight_s = 0.0
        self._last_score: int | None = None
        self._series: dict[Measure, _Series] = {}
        self._episodes: list[Episode] = []
        self._blame: defaultdict[Measure, float] = defaultdict(float)
        self._stretches: dict[Measure, list[tuple[float, float]]] = {}
        self._fault_s: defaultdict[Measure, float] = defaultdict(float)
        self._worst: dict[Measure, Finding] = {}
        self.off_s: defaultdict[Measure, float] = defaultdict(float)
        self._known_gaps: list[tuple[float, float, Reason]] = []
        self._end_s = 0.0

    def explain(self, start_s: float, end_s: float, reason: Reason) -> None:
        """Why there are no observations in a stretch of time; said before the next one is added."""
        if end_s > start_s:
            self._known_gaps.append((start_s, end_s, reason))

    def pieces(self, observations: Iterable[Observation]) -> Iterator[Piece]:
        """Observations in order of time, and the gaps before and between them; nothing is added."""
        end_s = self._end_s
        for observation in observations:
            assessment = observation.assessment
            yield from self.gaps(end_s, assessment.timestamp_s)
            end_s = assessment.timestamp_s + observation.held_s
            reason = None
            if assessment.state == State.UNJUDGED:
                reason = assessment.reason or Reason.NOT_MEASURABLE
            yield Piece(assessment.timestamp_s, end_s, assessment.state, reason, observation)

    def add(self, observation: Observation) -> tuple[Piece, ...]:
        """Take one settled observation, in order of time; gives what that adds to the record."""
        added = tuple(self.pieces((observation,)))
        assessment, held_s = observation.assessment, observation.held_s
        start_s = assessment.timestamp_s
        end_s = start_s + held_s
        self._fill_gap(start_s)
        self.seconds_by_state[assessment.state] += held_s
        if assessment.state == State.UNJUDGED:
            self.unjudged_s_by_reason[assessment.reason or Reason.NOT_MEASURABLE] += held_s
        if observation.measures.reason not in (Reason.NOBODY, Reason.HEAD_HIDDEN, Reason.TOO_SMALL):
            self.seconds_by_view[observation.measures.view] += held_s
        if assessment.is_judged:
            self._add_judged(observation)
        self._extend_episode(assessment.state, start_s, end_s)
        if assessment.state in (State.FAIR, State.POOR):
            for finding in assessment.findings:
                self._blame[finding.measure] += finding.penalty * held_s
                self._fault_s[finding.measure] += held_s
                self._extend_stretch(finding.measure, start_s, end_s)
                worst = self._worst.get(finding.measure)
                if worst is None or abs(finding.value) > abs(worst.value):
                    self._worst[finding.measure] = finding
        self._end_s = end_s
        return added

    def _add_judged(self, observation: Observation) -> None:
        """What only counts where it was judged."""
        measures, assessment, held_s = observation.measures, observation.assessment, observation.held_s
        for name, value in measures.values.items():
            series = self._series.setdefault(name, _Series())
            series.add(value, held_s)
            if name in measures.errors:
                series.add_error(measures.errors[name], held_s)
        for finding in assessment.findings:
            self.off_s[finding.measure] += held_s
        self._note_hold(observation)
        self.judged_count += 1
        if assessment.score is not None:
            self._score_sum += assessment.score * held_s
            self._score_weight_s += held_s
            self._last_score = assessment.score

    def finish(self, end_s: float) -> tuple[Piece, ...]:
        """Close the record at the end of the recording; gives the gap before it."""
        added = tuple(self.gaps(self._end_s, end_s))
        self._fill_gap(end_s)
        self._close_episode()
        return added

    @property
    def duration_s(self) -> float:
        """From the start to the end of the record."""
        return self._end_s

    @property
    def score(self) -> int | None:
        """Mean score of the judged time."""
        if self._score_weight_s > 0:
            return round(self._score_sum / self._score_weight_s)
        return self._last_score

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Stretches of one state, in order, without gaps between them."""
        return tuple(self._episodes)

    @property
    def statistics(self) -> dict[Measure, Statistic]:
        """Of every measure, over the judged time in which it was measured."""
        return {name: self._series[name].statistic() for name in Measure if name in self._series}

    @property
    def faults(self) -> tuple[FaultTime, ...]:
        """Measures outside their good range during fair and poor time, the longest first."""
        return tuple(
            FaultTime(name, total_s, self._worst[name].value, self._longest_stretches(name))
            for name, total_s in sorted(self._fault_s.items(), key=lambda item: -item[1])
            if total_s > 0
        )

    def _longest_stretches(self, name: Measure) -> tuple[tuple[float, float], ...]:
        by_length = sorted(self._stretches[name], key=lambda stretch: stretch[0] - stretch[1])
        return tuple(sorted(by_length[:_STRETCHES_KEPT]))

    def gaps(self, start_s: float, end_s: float) -> Iterator[Piece]:
        """The time between two observations, cut where what is known of it changes."""
        if end_s - start_s <= 1e-6:
            return
        known = [gap for gap in self._known_gaps if gap[0] < end_s and gap[1] > start_s]
        edges = sorted(
            {start_s, end_s, *(edge for gap in known for edge in gap[:2] if start_s < edge < end_s)}
        )
        for left, right in pairwise(edges):
            reasons = [reason for first, last, reason in known if first <= left and last >= right]
            yield Piece(left, right, State.UNJUDGED, reasons[0] if reasons else Reason.GAP)

    def _fill_gap(self, until_s: float) -> None:
        if until_s - self._end_s <= 1e-6:
            return
        for gap in self.gaps(self._end_s, until_s):
            assert gap.reason is not None
            self.seconds_by_state[State.UNJUDGED] += gap.end_s - gap.start_s
            self.unjudged_s_by_reason[gap.reason] += gap.end_s - gap.start_s
        self._known_gaps = [gap for gap in self._known_gaps if gap[1] > until_s]
        self._extend_episode(State.UNJUDGED, self._end_s, until_s)
        self._end_s = until_s

    def _note_hold(self, observation: Observation) -> None:
        still_min = observation.measures.values.get(Measure.STILLNESS)
        if still_min is None:
            return
        now_s = observation.assessment.timestamp_s
        start_s, end_s = now_s - 60.0 * still_min, now_s + observation.held_s
        best = self.longest_hold
        if best is None or end_s - start_s > best[1] - best[0] + 1e-6 or math.isclose(start_s, best[0]):
            self.longest_hold = (start_s, end_s)

    def _extend_episode(self, state: State, start_s: float, end_s: float) -> None:
        if self._episodes and self._episodes[-1].state == state:
            self._episodes[-1] = Episode(self._episodes[-1].start_s, end_s, state)
            return
        self._close_episode()
        self._episodes.append(Episode(start_s, end_s, state))

    def _close_episode(self) -> None:
        if self._episodes and self._blame:
            self._episodes[-1] = replace(
                self._episodes[-1], worst=max(self._blame, key=self._blame.__getitem__)
            )
        self._blame.clear()

    def _extend_stretch(self, name: Measure, start_s: float, end_s: float) -> None:
        stretches = self._stretches.setdefault(name, [])
        if stretches and start_s - stretches[-1][1] <= _JOINED_WITHIN_S:
            stretches[-1] = (stretches[-1][0], end_s)
        else:
            stretches.append((start_s, end_s))
            if len(stretches) > _STRETCHES_KEPT + 1:  # the shortest of all but the last, which may still grow
                stretches.remove(min(stretches[:-1], key=lambda stretch: stretch[1] - stretch[0]))
