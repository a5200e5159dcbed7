"""What a run adds up to on the way, in parts that can be kept: spans, slots, stretches of faults, holds."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from posture_cam.records import JUDGED_STATES, Measure, Observation, Piece, State
from posture_cam.sittings import FaultStretch, Hold, Portion, Slot, Span

# Stretches of a fault that are closer than this are one.
_JOINED_WITHIN_S = 2.0
# Shorter ones are in the slots all the same.
_LEAST_FAULT_S = 10.0
_LEAST_HOLD_S = 60.0


@dataclass(slots=True)
class Entries:
    """What is closed: nothing changes it any more."""

    spans: list[Span] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    faults: list[FaultStretch] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    breaks: list[Hold] = field(default_factory=list)


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
    values: defaultdict[Measure, _Values] = field(default_factory=lambda: defaultdict(_Values))


class Ledger:
    """Takes a run piece by piece, in order of time.

    Args:
        slot_s: How long a slot is.
        origin_s: Slots begin at whole multiples of `slot_s` after this time before the run's start.
        break_away_s: Away for so long is a break.
        max_gap_s: Holds and changes of posture are not followed over longer gaps.

    Attributes:
        entries: What is closed and was not taken out yet.
    """

    def __init__(self, slot_s: float, origin_s: float, break_away_s: float, max_gap_s: float) -> None:
        self._slot_s, self._shift_s = slot_s, origin_s % slot_s
        self._break_away_s, self._max_gap_s = break_away_s, max_gap_s
        self.entries = Entries()
        self._span: Span | None = None
        self._blame: defaultdict[Measure, float] = defaultdict(float)
        self._slot: _OpenSlot | None = None
        self._faults: dict[Measure, FaultStretch] = {}
        self._hold: Hold | None = None

    def add(self, piece: Piece) -> None:
        """Take the next piece."""
        if piece.end_s <= piece.start_s:
            return
        self._extend_span(piece)
        observation = piece.observation
        if observation is None:
            return
        is_change = self._follow_hold(piece, observation)
        self._fill_slots(piece, observation, is_change=is_change)
        if piece.state in (State.FAIR, State.POOR):
            for finding in observation.assessment.findings:
                self._blame[finding.measure] += finding.penalty * (piece.end_s - piece.start_s)
                self._extend_fault(finding.measure, finding.value, piece)
        for measure, stretch in list(self._faults.items()):
            if piece.end_s - stretch.end_s > _JOINED_WITHIN_S:
                self._close_fault(measure)

    def taken(self) -> Entries:
        """What is closed since the last call."""
        taken, self.entries = self.entries, Entries()
        return taken

    def as_if_ended(self, tail: Iterable[Piece] = ()) -> Entries:
        """What is open, as it would be closed after `tail`; nothing is changed here."""
        kept, self.entries = self.entries, Entries()
        twin = copy.deepcopy(self)
        self.entries = kept
        for piece in tail:
            twin.add(piece)
        twin.close()
        return twin.entries

    def close(self) -> None:
        """The run is over."""
        self._close_span()
        self._close_slot()
        self._close_hold()
        for measure in list(self._faults):
            self._close_fault(measure)

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
        self.entries.spans.append(span)
        if span.state == State.AWAY and span.seconds >= self._break_away_s:
            self.entries.breaks.append(Hold(span.start_s, span.end_s))

    def _follow_hold(self, piece: Piece, observation: Observation) -> bool:
        """Follow the posture held; whether it has just changed."""
        still_min = observation.measures.values.get(Measure.STILLNESS)
        if still_min is None or piece.state not in JUDGED_STATES:
            return False
        since_s = max(piece.start_s - 60.0 * still_min, 0.0)
        hold = self._hold
        if hold is not None and since_s <= hold.start_s + 1e-3:
            self._hold = replace(hold, end_s=piece.end_s)
            return False
        self._close_hold()
        self._hold = Hold(since_s, piece.end_s)
        return hold is not None and piece.start_s - hold.end_s <= self._max_gap_s

    def _close_hold(self) -> None:
        if self._hold is not None and self._hold.seconds >= _LEAST_HOLD_S:
            self.entries.holds.append(self._hold)
        self._hold = None

    def _fill_slots(self, piece: Piece, observation: Observation, *, is_change: bool) -> None:
        start_s = piece.start_s
        while start_s < piece.end_s - 1e-9:
            number = (start_s + self._shift_s + 1e-9) // self._slot_s
            slot_start_s = number * self._slot_s - self._shift_s
            end_s = min(piece.end_s, slot_start_s + self._slot_s)
            if self._slot is None or abs(self._slot.start_s - slot_start_s) > 1e-6:
                self._close_slot()
                self._slot = _OpenSlot(slot_start_s)
            self._fill(self._slot, piece, observation, end_s - start_s)
            if is_change:
                self._slot.changes, is_change = self._slot.changes + 1, False
            start_s = end_s

    @staticmethod
    def _fill(slot: _OpenSlot, piece: Piece, observation: Observation, held_s: float) -> None:
        slot.seconds_by_state[piece.state] += held_s
        assessment, measures = observation.assessment, observation.measures
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

    def _close_slot(self) -> None:
        if self._slot is None:
            return
        slot, self._slot = self._slot, None
        self.entries.slots.append(
            Slot(
                start_s=slot.start_s,
                end_s=slot.start_s + self._slot_s,
                seconds_by_state=dict(slot.seconds_by_state),
                score_sum=slot.score_sum,
                score_s=slot.score_s,
                changes=slot.changes,
                measures={measure: values.portion() for measure, values in slot.values.items()},
            )
        )

    def _extend_fault(self, measure: Measure, value: float, piece: Piece) -> None:
        stretch = self._faults.get(measure)
        if stretch is not None and piece.start_s - stretch.end_s <= _JOINED_WITHIN_S:
            worst = max(stretch.worst, value, key=abs)
            self._faults[measure] = replace(stretch, end_s=piece.end_s, worst=worst)
            return
        self._close_fault(measure)
        self._faults[measure] = FaultStretch(measure, piece.start_s, piece.end_s, value)

    def _close_fault(self, measure: Measure) -> None:
        stretch = self._faults.pop(measure, None)
        if stretch is not None and stretch.seconds >= _LEAST_FAULT_S:
            self.entries.faults.append(stretch)
