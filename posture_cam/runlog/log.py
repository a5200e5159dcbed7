"""The log of one run: the only source for everything that is said, shown or stored of it later."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

from posture_cam.ids import JUDGED_STATES, Measure, Reason, Stance, State
from posture_cam.records import Episode, FaultTime, Observation, Piece, Statistic
from posture_cam.runlog.entries import FaultStretch, Hold, Portion, Slot, Span
from posture_cam.runlog.sums import Series, Sums
from posture_cam.settings import Settings

# Stretches of a fault that are closer than this are one.
_JOINED_WITHIN_S = 2.0
# Shorter ones still count in the sums and the slots.
LEAST_FAULT_S, LEAST_HOLD_S = 10.0, 60.0
_STRETCHES_REPORTED = 3
UNSEEN = (Reason.NOBODY, Reason.HEAD_HIDDEN, Reason.TOO_SMALL)


@dataclass(slots=True)
class _Values:
    seconds: float = 0.0
    value_sum: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")
    error_sum: float = 0.0
    error_s: float = 0.0
    fault_s: float = 0.0
    worst: float | None = None

    def portion(self) -> Portion:
        error = self.error_sum / self.error_s if self.error_s > 0 else None
        mean = min(max(self.value_sum / self.seconds, self.least), self.most)
        return Portion(self.seconds, mean, self.least, self.most, error, self.fault_s, self.worst)


@dataclass(slots=True)
class _OpenSlot:
    start_s: float
    seconds_by_state: defaultdict[State, float] = field(default_factory=lambda: defaultdict(float))
    score_sum: float = 0.0
    score_s: float = 0.0
    changes: int = 0
    seconds_by_stance: defaultdict[Stance, float] = field(default_factory=lambda: defaultdict(float))
    stance_changes: int = 0
    values: defaultdict[Measure, _Values] = field(default_factory=lambda: defaultdict(_Values))


class Course:
    """A run over time, in slots of one length.

    Args:
        slot_s: The length of a slot.
        origin_s: Slots begin at whole multiples of `slot_s` after this time before the run's start.

    Attributes:
        slots: The closed slots, of time that was seen.
    """

    def __init__(self, slot_s: float, origin_s: float = 0.0) -> None:
        self.slot_s, self._shift_s = slot_s, origin_s % slot_s
        self.slots: list[Slot] = []
        self._slot: _OpenSlot | None = None

    def add(
        self, piece: Piece, observation: Observation, *, is_change: bool, is_stance_change: bool = False
    ) -> None:
        """Add a piece of time; the last two say whether posture and stance have changed at its start."""
        start_s = piece.start_s
        while start_s < piece.end_s - 1e-9:
            number = (start_s + self._shift_s + 1e-9) // self.slot_s
            slot_start_s = number * self.slot_s - self._shift_s
            end_s = min(piece.end_s, slot_start_s + self.slot_s)
            if self._slot is None or abs(self._slot.start_s - slot_start_s) > 1e-6:
                self.close()
                self._slot = _OpenSlot(slot_start_s)
            _fill(self._slot, piece, observation, end_s - start_s)
            if is_change:
                self._slot.changes, is_change = self._slot.changes + 1, False
            if is_stance_change:
                self._slot.stance_changes, is_stance_change = self._slot.stance_changes + 1, False
            start_s = end_s

    def close(self) -> None:
        """Close the slot that is open."""
        slot, self._slot = self._slot, None
        if slot is not None:
            self.slots.append(
                Slot(
                    start_s=slot.start_s,
                    end_s=slot.start_s + self.slot_s,
                    seconds_by_state=dict(slot.seconds_by_state),
                    score_sum=slot.score_sum,
                    score_s=slot.score_s,
                    changes=slot.changes,
                    measures={measure: values.portion() for measure, values in slot.values.items()},
                    seconds_by_stance=dict(slot.seconds_by_stance),
                    stance_changes=slot.stance_changes,
                )
            )

    def preview(self) -> Course:
        """A copy without closed slots, which can be continued."""
        twin = copy.copy(self)
        twin.slots, twin._slot = [], copy.deepcopy(self._slot)
        return twin


def _fill(slot: _OpenSlot, piece: Piece, observation: Observation, held_s: float) -> None:
    slot.seconds_by_state[piece.state] += held_s
    assessment, measures = observation.assessment, observation.measures
    if observation.stance is not None and measures.reason not in UNSEEN:
        slot.seconds_by_stance[observation.stance] += held_s
    if piece.state not in JUDGED_STATES:
        return
    if assessment.score is not None:
        slot.score_sum += assessment.score * held_s
        slot.score_s += held_s
    for measure, value in measures.values.items():
        values = slot.values[measure]
        values.seconds += held_s
        values.value_sum += value * held_s
        values.least, values.most = min(values.least, value), max(values.most, value)
        if measure in measures.errors:
            values.error_sum += measures.errors[measure] * held_s
            values.error_s += held_s
    if piece.state in (State.FAIR, State.POOR):
        for finding in assessment.findings:
            values = slot.values[finding.measure]
            if values.seconds <= 0:
                continue
            values.fault_s += held_s
            values.worst = max(values.worst or 0.0, finding.value, key=abs)


class RunLog:
    """Takes what is final of a run, in order of time.

    Args:
        settings: When an absence is a break, and which gaps end holds and changes of posture.

    Attributes:
        spans, faults, holds, breaks: Closed entries, which no longer change.
        courses: The run over time, in slots of the requested lengths.
        sums: All sums.
        longest_hold: The longest of all holds, including those too short to be listed.
        end_s: The time up to which the run is known.
    """

    def __init__(self, settings: Settings) -> None:
        self._break_away_s = settings.alerts.break_away_s
        self._max_gap_s = settings.sampling.max_gap_s
        self.spans: list[Span] = []
        self.faults: list[FaultStretch] = []
        self.holds: list[Hold] = []
        self.breaks: list[Hold] = []
        self.courses: list[Course] = []
        self.sums = Sums()
        self.longest_hold: Hold | None = None
        self.end_s = 0.0
        self._series: dict[Measure, Series] = {}
        self._last_score: int | None = None
        self._stance: Stance | None = None
        self._known_gaps: list[tuple[float, float, Reason]] = []
        self._span: Span | None = None
        self._blame: defaultdict[Measure, float] = defaultdict(float)
        self._open_faults: dict[Measure, FaultStretch] = {}
        self._hold: Hold | None = None

    def course(self, slot_s: float, origin_s: float = 0.0) -> Course:
        """Have the run cut into slots; to be called before anything is added."""
        self.courses.append(Course(slot_s, origin_s))
        return self.courses[-1]

    def explain(self, start_s: float, end_s: float, reason: Reason) -> None:
        """Give the reason for a gap in the observations; to be called before the next one is added."""
        if end_s > start_s:
            self._known_gaps.append((start_s, end_s, reason))

    def add(self, observation: Observation) -> None:
        """Take one settled observation, and the gap before it."""
        for piece in self.pieces([observation]):
            self.take(piece)

    def finish(self, end_s: float) -> None:
        """End the run at this time, and close what is open."""
        for piece in self.gaps(self.end_s, end_s):
            self.take(piece)
        self.close()

    def pieces(self, observations: Iterable[Observation]) -> Iterator[Piece]:
        """Observations in order of time, and the gaps before and between them; adds nothing."""
        end_s = self.end_s
        for observation in observations:
            assessment = observation.assessment
            yield from self.gaps(end_s, assessment.timestamp_s)
            end_s = assessment.timestamp_s + observation.held_s
            reason = None
            if assessment.state == State.UNJUDGED:
                reason = assessment.reason or Reason.NOT_MEASURABLE
            yield Piece(assessment.timestamp_s, end_s, assessment.state, reason, observation)

    def gaps(self, start_s: float, end_s: float) -> Iterator[Piece]:
        """The time between two observations, cut where its known reason changes."""
        if end_s - start_s <= 1e-6:
            return
        known = [gap for gap in self._known_gaps if gap[0] < end_s and gap[1] > start_s]
        edges = sorted(
            {start_s, end_s, *(edge for gap in known for edge in gap[:2] if start_s < edge < end_s)}
        )
        for left, right in pairwise(edges):
            reasons = [reason for first, last, reason in known if first <= left and last >= right]
            yield Piece(left, right, State.UNJUDGED, reasons[0] if reasons else Reason.GAP)

    def take(self, piece: Piece) -> None:
        """Take the next piece of time."""
        self._add_up(piece)
        self.end_s = max(self.end_s, piece.end_s)
        if piece.end_s <= piece.start_s:
            return
        self._extend_span(piece)
        observation = piece.observation
        if observation is None:
            self._known_gaps = [gap for gap in self._known_gaps if gap[1] > piece.end_s]
            return
        is_change = self._follow_hold(piece, observation)
        self.sums.changes += is_change
        has_risen = self._follow_stance(observation)
        self.sums.stance_changes += has_risen
        for course in self.courses:
            course.add(piece, observation, is_change=is_change, is_stance_change=has_risen)
        if piece.state in (State.FAIR, State.POOR):
            for finding in observation.assessment.findings:
                self._blame[finding.measure] += finding.penalty * (piece.end_s - piece.start_s)
                self._extend_fault(finding.measure, finding.value, piece)
        for measure, stretch in list(self._open_faults.items()):
            if piece.end_s - stretch.end_s > _JOINED_WITHIN_S:
                self._close_fault(measure)

    def preview(self, tail: Iterable[Piece]) -> RunLog:
        """A separate log with the open entries, closed as if the run had ended after `tail`."""
        twin = copy.copy(self)
        twin.spans, twin.faults, twin.holds, twin.breaks = [], [], [], []
        twin.sums, twin._series = Sums(), {}
        twin.courses = [course.preview() for course in self.courses]
        twin._blame, twin._open_faults = self._blame.copy(), self._open_faults.copy()
        for piece in tail:
            twin.take(piece)
        twin.close()
        return twin

    def close(self) -> None:
        """Close what is open."""
        self._close_span()
        self._close_hold()
        for course in self.courses:
            course.close()
        for measure in list(self._open_faults):
            self._close_fault(measure)

    @property
    def score(self) -> int | None:
        """Mean score of the judged time."""
        mean = self.sums.score
        return self._last_score if mean is None else round(mean)

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """Stretches of one state, in order, without gaps between them."""
        found: list[Episode] = []
        for span in self.spans:
            if found and found[-1].state == span.state:  # unjudged, with another reason
                found[-1] = replace(found[-1], end_s=span.end_s)
            else:
                found.append(Episode(span.start_s, span.end_s, span.state, span.worst))
        return tuple(found)

    @property
    def statistics(self) -> dict[Measure, Statistic]:
        """Statistics of every measure, over the judged time in which it was measured."""
        return {name: self._series[name].statistic() for name in Measure if name in self._series}

    @property
    def fault_times(self) -> tuple[FaultTime, ...]:
        """Measures outside their good range during fair and poor time, the longest first."""
        return tuple(
            FaultTime(name, total_s, self.sums.worst[name], self._longest_stretches(name))
            for name, total_s in self.sums.fault_s.most_common()
            if total_s > 0
        )

    def _longest_stretches(self, name: Measure) -> tuple[tuple[float, float], ...]:
        stretches = [one for one in self.faults if one.measure == name]
        longest = sorted(stretches, key=lambda one: -one.seconds)[:_STRETCHES_REPORTED]
        return tuple(sorted((one.start_s, one.end_s) for one in longest))

    def _add_up(self, piece: Piece) -> None:
        held_s, observation, sums = piece.end_s - piece.start_s, piece.observation, self.sums
        sums.add_time(piece.state, held_s, piece.reason)
        if observation is None:
            return
        measures, assessment = observation.measures, observation.assessment
        if measures.reason not in UNSEEN:
            sums.seconds_by_view[measures.view] += held_s  # type: ignore[assignment]
            if observation.stance is not None:
                sums.seconds_by_stance[observation.stance] += held_s  # type: ignore[assignment]
        if piece.state not in JUDGED_STATES:
            return
        for name, value in measures.values.items():
            self._series.setdefault(name, Series()).add(value, held_s, measures.errors.get(name))
        for finding in assessment.findings:
            sums.off_s[finding.measure] += held_s  # type: ignore[assignment]
            if piece.state != State.GOOD:
                sums.add_fault(finding.measure, held_s, finding.value)
        if assessment.score is not None:
            sums.add_score(assessment.score, held_s)
            self._last_score = assessment.score

    def _extend_span(self, piece: Piece) -> None:
        span = self._span
        if span is not None and (span.state, span.reason) == (piece.state, piece.reason):
            self._span = replace(span, end_s=piece.end_s)
            return
        self._close_span()
        self._span = Span(piece.start_s, piece.end_s, piece.state, piece.reason)

    def _close_span(self) -> None:
        if self._span is None:
            return
        worst = max(self._blame, key=self._blame.__getitem__) if self._blame else None
        span, self._span = replace(self._span, worst=worst), None
        self._blame.clear()
        self.spans.append(span)
        if span.state == State.AWAY and span.seconds >= self._break_away_s:
            self.breaks.append(Hold(span.start_s, span.end_s))
            self.sums.breaks += 1

    def _follow_stance(self, observation: Observation) -> bool:
        """Whether the person has stood up or sat down since the last moment in which they were seen."""
        stance = observation.stance
        if stance is None or observation.measures.reason in UNSEEN:
            return False
        before, self._stance = self._stance, stance
        return before is not None and before != stance

    def _follow_hold(self, piece: Piece, observation: Observation) -> bool:
        """Follow the present posture; returns whether it has just changed."""
        still_min = observation.measures.values.get(Measure.STILLNESS)
        if still_min is None or piece.state not in JUDGED_STATES:
            return False
        since_s = max(piece.start_s - 60.0 * still_min, 0.0)
        hold, is_change = self._hold, False
        if hold is not None and since_s <= hold.start_s + 1e-3:
            self._hold = replace(hold, end_s=piece.end_s)
        else:
            self._close_hold()
            self._hold = Hold(since_s, piece.end_s)
            is_change = hold is not None and piece.start_s - hold.end_s <= self._max_gap_s
        longest = self.longest_hold
        if longest is None or self._hold.seconds > longest.seconds + 1e-6:
            self.longest_hold = self._hold
            self.sums.add_hold(self._hold.seconds)
        return is_change

    def _close_hold(self) -> None:
        if self._hold is not None and self._hold.seconds >= LEAST_HOLD_S:
            self.holds.append(self._hold)
        self._hold = None

    def _extend_fault(self, measure: Measure, value: float, piece: Piece) -> None:
        stretch = self._open_faults.get(measure)
        if stretch is not None and piece.start_s - stretch.end_s <= _JOINED_WITHIN_S:
            worst = max(stretch.worst, value, key=abs)
            self._open_faults[measure] = replace(stretch, end_s=piece.end_s, worst=worst)
            return
        self._close_fault(measure)
        self._open_faults[measure] = FaultStretch(measure, piece.start_s, piece.end_s, value)

    def _close_fault(self, measure: Measure) -> None:
        stretch = self._open_faults.pop(measure, None)
        if stretch is not None:
            self.faults.append(stretch)
