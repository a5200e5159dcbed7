"""Totals of sittings: of a day, a week, a recording, a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from posture_cam.care.tips import tips_for_faults
from posture_cam.ids import JUDGED_STATES, Measure, Reason, Stance, State
from posture_cam.measures import MeasureInfo, load_measures
from posture_cam.records import Statistic, Tip
from posture_cam.runlog.entries import Sitting, Slot, Spoken
from posture_cam.runlog.sums import Sums
from posture_cam.words import duration_words

# In less judged time than this, a missing hold means a short one; in more, holds may not have been stored.
_SHORT_S = 600.0


@dataclass(frozen=True, slots=True)
class FaultTotal:
    """The total time a measure was outside its good range, and its worst value."""

    measure: Measure
    seconds: float
    worst: float


@dataclass(frozen=True, slots=True)
class Totals:
    """The totals of some sittings.

    Attributes:
        off_s: How long the mean of each measure was outside its good range, by slots, good time included.
        seconds_by_stance: Time sitting and standing, where both were known.
    """

    seconds_by_state: Mapping[State, float]
    unjudged_s_by_reason: Mapping[Reason, float]
    score: float | None
    changes: int
    breaks: int
    faults: tuple[FaultTotal, ...]
    longest_hold_s: float | None
    spoken: tuple[Spoken, ...]
    off_s: Mapping[Measure, float] = field(default_factory=dict)
    seconds_by_stance: Mapping[Stance, float] = field(default_factory=dict)
    stance_changes: int = 0

    @property
    def judged_s(self) -> float:
        """Seconds that could be judged."""
        return sum(self.seconds_by_state.get(state, 0.0) for state in JUDGED_STATES)

    @property
    def good_share(self) -> float | None:
        """Good time as a share of the judged time."""
        if self.judged_s <= 0:
            return None
        return self.seconds_by_state.get(State.GOOD, 0.0) / self.judged_s

    def per_hour(self, count: int) -> float | None:
        """A count per judged hour; None for less than ten minutes, which are too few for a rate."""
        return count / (self.judged_s / 3600.0) if self.judged_s >= 600.0 else None

    @property
    def answered(self) -> tuple[int, int]:
        """The number of alerts answered in time, and the number of alerts whose answer is known."""
        known = [one.was_answered for one in self.spoken if one.was_answered is not None]
        return sum(known), len(known)

    def tips(self, allows: Callable[[Tip], bool] = lambda _tip: True) -> tuple[Tip, ...]:
        """Tips for the longest faults, else for measures off in good time; only tips the person may get."""
        faults = {fault.measure: fault.seconds for fault in self.faults}
        return tips_for_faults(faults or self.off_s, allows=allows)


def hold_words(sums: Totals) -> str:
    """The longest time in one posture; times below a minute are not stored."""
    if sums.longest_hold_s is not None:
        return duration_words(sums.longest_hold_s)
    return "under 1 min" if 0 < sums.judged_s < _SHORT_S else "–"


def totals(sittings: Iterable[Sitting]) -> Totals:
    """The totals of all sittings."""
    sums, spoken = Sums(), list[Spoken]()
    for sitting in sittings:
        limits = limits_of([sitting])
        for span in sitting.spans:
            sums.add_time(span.state, span.seconds, span.reason)
        for slot in sitting.slots:
            sums.score_sum, sums.score_s = sums.score_sum + slot.score_sum, sums.score_s + slot.score_s
            sums.changes += slot.changes
            sums.seconds_by_stance.update(slot.seconds_by_stance)
            sums.stance_changes += slot.stance_changes
            for measure, portion in slot.measures.items():
                if limits[measure].is_off(portion.mean):
                    sums.off_s[measure] += portion.seconds  # type: ignore[assignment]
                if portion.fault_s > 0 and portion.worst is not None:
                    sums.add_fault(measure, portion.fault_s, portion.worst)
        sums.breaks += len(sitting.breaks)
        spoken += (one for one in sitting.spoken if one.is_live)  # alerts of a recording reach nobody
        for hold in sitting.holds:
            sums.add_hold(hold.seconds)
    return _totals(sums, spoken)


def joined(parts: Sequence[Totals]) -> Totals:
    """Several totals as one; the score is that of all judged time."""
    sums = Sums()
    for one in parts:
        sums.seconds_by_state.update(one.seconds_by_state)
        sums.unjudged_s_by_reason.update(one.unjudged_s_by_reason)
        sums.off_s.update(one.off_s)
        if one.score is not None:
            sums.add_score(one.score, one.judged_s)
        sums.changes += one.changes
        sums.seconds_by_stance.update(one.seconds_by_stance)
        sums.stance_changes += one.stance_changes
        sums.breaks += one.breaks
        for fault in one.faults:
            sums.add_fault(fault.measure, fault.seconds, fault.worst)
        if one.longest_hold_s is not None:
            sums.add_hold(one.longest_hold_s)
    return _totals(sums, [one for part in parts for one in part.spoken])


def _totals(sums: Sums, spoken: Sequence[Spoken]) -> Totals:
    return Totals(
        seconds_by_state=dict(sums.seconds_by_state),
        unjudged_s_by_reason=dict(sums.unjudged_s_by_reason),
        score=sums.score,
        changes=sums.changes,
        breaks=sums.breaks,
        faults=tuple(
            FaultTotal(measure, seconds, sums.worst[measure])
            for measure, seconds in sums.fault_s.most_common()
        ),
        longest_hold_s=sums.longest_hold_s,
        spoken=tuple(spoken),
        off_s=dict(sums.off_s),
        seconds_by_stance=dict(sums.seconds_by_stance),
        stance_changes=sums.stance_changes,
    )


def limits_of(sittings: Sequence[Sitting]) -> dict[Measure, MeasureInfo]:
    """The limits by which sittings were judged."""
    by_estimator = any(run.estimator for sitting in sittings for run in sitting.runs)
    return load_measures("estimated" if by_estimator else "formulas")


def statistic(slots: Iterable[Slot], measure: Measure) -> Statistic | None:
    """How a measure was distributed over slots, from their means and measured times."""
    portions = sorted(
        (slot.measures[measure] for slot in slots if measure in slot.measures), key=lambda one: one.mean
    )
    seconds = sum(one.seconds for one in portions)
    if seconds <= 0:
        return None
    p5 = p95 = portions[0].mean
    seen_s = 0.0
    for one in portions:
        if seen_s < 0.05 * seconds:
            p5 = one.mean
        if seen_s < 0.95 * seconds:
            p95 = one.mean
        seen_s += one.seconds
    with_error = [one for one in portions if one.error is not None]
    error_s = sum(one.seconds for one in with_error)
    return Statistic(
        mean=sum(one.mean * one.seconds for one in portions) / seconds,
        min=min(one.min for one in portions),
        p5=p5,
        p95=p95,
        max=max(one.max for one in portions),
        error=sum((one.error or 0.0) * one.seconds for one in with_error) / error_s if error_s > 0 else None,
    )
