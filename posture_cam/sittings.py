"""What is kept of a run and shown later: a sitting is one day's, or one recording's, time at the desk.

Times are seconds from the sitting's origin: the start of the day, or of the recording.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo

from posture_cam.records import JUDGED_STATES, AlertKind, Measure, Reason, State, Statistic, Tip, View
from posture_cam.settings import MeasureInfo, load_measures
from posture_cam.tips import tips_for_faults
from posture_cam.words import clock, duration_words

# Sitting well, or leaving the chair, counts as an answer to an alert within this time.
ANSWERED_WITHIN_S = 60.0
# In less judged time than this no hold is no surprise; in more it may also be that none were kept.
_SHORT_S = 600.0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one state; unjudged ones have one reason throughout."""

    start_s: float
    end_s: float
    state: State
    reason: Reason | None = None
    worst: Measure | None = None

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Portion:
    """A measure within one slot.

    Attributes:
        seconds: How long it was measured.
        error: Mean half width of the 90 % interval, where it has one.
        fault_s: How long it was outside its good range in fair or poor time.
        worst: The value furthest from neutral then.
    """

    seconds: float
    mean: float
    min: float
    max: float
    error: float | None = None
    fault_s: float = 0.0
    worst: float | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A minute of a run, or as much of a recording as its length suggests; only what was seen of it.

    Attributes:
        score_sum: Score times seconds, over `score_s` seconds that had one.
        changes: How often the posture changed.
        run: The number of its run.
    """

    start_s: float
    end_s: float
    seconds_by_state: Mapping[State, float]
    score_sum: float
    score_s: float
    changes: int
    measures: Mapping[Measure, Portion]
    run: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """A time in one posture, or outside the chair."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class FaultStretch:
    """A stretch outside a measure's good range, and the value furthest from neutral in it."""

    measure: Measure
    start_s: float
    end_s: float
    worst: float

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Spoken:
    """An alert and what followed.

    Attributes:
        answered_s: When the user began to sit well, or left the chair; None where that did not happen.
        watched_s: How long was watched after it.
        is_live: It was said; else it would have been, in the analysis of a recording.
    """

    time_s: float
    kind: AlertKind
    measure: Measure | None
    held_s: float
    message: str
    tip_id: str
    answered_s: float | None = None
    watched_s: float = 0.0
    is_live: bool = True

    @property
    def is_about_posture(self) -> bool:
        """Whether sitting well answers it: breaks and a moved camera are something else."""
        return self.kind != AlertKind.BREAK and self.measure is not None

    @property
    def was_answered(self) -> bool | None:
        """Whether it was answered within a minute; None where that cannot be told."""
        if not self.is_about_posture:
            return None
        if self.answered_s is not None:
            return self.answered_s - self.time_s <= ANSWERED_WITHIN_S
        return False if self.watched_s >= ANSWERED_WITHIN_S else None


@dataclass(frozen=True, slots=True)
class Run:
    """Where a sitting's numbers come from.

    Attributes:
        start_s, end_s: Its part of the sitting.
        is_analysis: A recording; else a live run.
        how_it_ended: Empty: as it should; else `interrupted`, `cut off` or `running`.
        neutral: What was compared with, in words.
        views: Seconds seen from where.
    """

    number: int
    start_s: float
    end_s: float
    source: str
    is_analysis: bool
    how_it_ended: str = ""
    profile: str | None = None
    neutral: str | None = None
    views: Mapping[View, float] = field(default_factory=dict)
    model: str = ""
    estimator: str | None = None
    version: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sitting:
    """One day, or one recording.

    Attributes:
        name: What to call it: the date, or the recording's name.
        day: The date, or None for a recording without one.
        origin_s: Seconds since 1970 in UTC of the origin, or None where times count from a recording's start.
        zone: Of the place, for the time of day.
        length_s: Of the day (23 or 25 h when summer time begins or ends), or of the recording.
    """

    name: str
    day: date | None
    origin_s: float | None
    zone: tzinfo
    length_s: float
    runs: tuple[Run, ...] = ()
    spans: tuple[Span, ...] = ()
    slots: tuple[Slot, ...] = ()
    faults: tuple[FaultStretch, ...] = ()
    holds: tuple[Hold, ...] = ()
    breaks: tuple[Hold, ...] = ()
    spoken: tuple[Spoken, ...] = ()

    def time_at(self, seconds: float, *, is_fine: bool = False) -> str:
        """The time of day (with seconds, where fine), or the time in the recording, as people read it."""
        if self.origin_s is None:
            return clock(seconds)
        moment = self.moment(seconds)
        return f"{moment:%H:%M:%S}" if is_fine else f"{moment:%H:%M}"

    def moment(self, seconds: float) -> datetime:
        """The moment in the zone of the place; only for sittings that have a time of day."""
        return datetime.fromtimestamp((self.origin_s or 0.0) + seconds, UTC).astimezone(self.zone)


@dataclass(frozen=True, slots=True)
class FaultTotal:
    """How long a measure was outside its good range in all, and its worst value."""

    measure: Measure
    seconds: float
    worst: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What sittings add up to.

    Attributes:
        off_s: How long the mean of each measure was outside its good range, by slots, good time included.
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
        """So often per judged hour; None for less than ten minutes, which tell no rate."""
        return count / (self.judged_s / 3600.0) if self.judged_s >= 600.0 else None

    @property
    def answered(self) -> tuple[int, int]:
        """Alerts of faults that were answered in time, and those of which it can be told."""
        known = [one.was_answered for one in self.spoken if one.was_answered is not None]
        return sum(known), len(known)

    def tips(self, allows: Callable[[Tip], bool] = lambda _tip: True) -> tuple[Tip, ...]:
        """For the longest faults, else for what was off in good time; only those that the person may get."""
        faults = {fault.measure: fault.seconds for fault in self.faults}
        return tips_for_faults(faults or self.off_s, allows=allows)


def hold_words(sums: Totals) -> str:
    """The longest time in one posture; shorter ones than a minute are not kept."""
    if sums.longest_hold_s is not None:
        return duration_words(sums.longest_hold_s)
    return "under 1 min" if 0 < sums.judged_s < _SHORT_S else "–"


def totals(sittings: Iterable[Sitting]) -> Totals:
    """Everything added up."""
    by_state: defaultdict[State, float] = defaultdict(float)
    by_reason: defaultdict[Reason, float] = defaultdict(float)
    fault_s: defaultdict[Measure, float] = defaultdict(float)
    worst: dict[Measure, float] = {}
    score_sum = score_s = 0.0
    changes = breaks = 0
    longest_hold_s: float | None = None
    spoken: list[Spoken] = []
    off_s: Counter[Measure] = Counter()
    for sitting in sittings:
        limits = limits_of([sitting])
        for span in sitting.spans:
            by_state[span.state] += span.seconds
            if span.state == State.UNJUDGED:
                by_reason[span.reason or Reason.NOT_MEASURABLE] += span.seconds
        for slot in sitting.slots:
            score_sum, score_s = score_sum + slot.score_sum, score_s + slot.score_s
            changes += slot.changes
            for measure, portion in slot.measures.items():
                if limits[measure].is_off(portion.mean):
                    off_s[measure] += portion.seconds  # type: ignore[assignment]
                if portion.fault_s > 0 and portion.worst is not None:
                    fault_s[measure] += portion.fault_s
                    worst[measure] = max(worst.get(measure, 0.0), portion.worst, key=abs)
        breaks += len(sitting.breaks)
        spoken += (one for one in sitting.spoken if one.is_live)  # a recording answers to nobody
        if sitting.holds:
            longest_hold_s = max(longest_hold_s or 0.0, *(hold.seconds for hold in sitting.holds))
    ordered = sorted(fault_s, key=lambda measure: -fault_s[measure])
    return Totals(
        seconds_by_state=dict(by_state),
        unjudged_s_by_reason=dict(by_reason),
        score=score_sum / score_s if score_s > 0 else None,
        changes=changes,
        breaks=breaks,
        faults=tuple(FaultTotal(measure, fault_s[measure], worst[measure]) for measure in ordered),
        longest_hold_s=longest_hold_s,
        spoken=tuple(spoken),
        off_s=off_s,
    )


def limits_of(sittings: Sequence[Sitting]) -> dict[Measure, MeasureInfo]:
    """The limits that sittings were judged by."""
    by_estimator = any(run.estimator for sitting in sittings for run in sitting.runs)
    return load_measures("estimated" if by_estimator else "formulas")


def joined(parts: Sequence[Totals]) -> Totals:
    """Several totals as one; the score is that of all judged time."""
    by_state: Counter[State] = Counter()
    by_reason: Counter[Reason] = Counter()
    fault_s: Counter[Measure] = Counter()
    worst: dict[Measure, float] = {}
    off_s: Counter[Measure] = Counter()
    for one in parts:
        off_s.update(one.off_s)
        by_state.update(one.seconds_by_state)
        by_reason.update(one.unjudged_s_by_reason)
        for fault in one.faults:
            fault_s[fault.measure] += fault.seconds  # type: ignore[assignment]
            worst[fault.measure] = max(worst.get(fault.measure, 0.0), fault.worst, key=abs)
    scored = [one for one in parts if one.score is not None and one.judged_s > 0]
    judged_s = sum(one.judged_s for one in scored)
    holds = [one.longest_hold_s for one in parts if one.longest_hold_s is not None]
    return Totals(
        seconds_by_state=dict(by_state),
        unjudged_s_by_reason=dict(by_reason),
        score=sum((one.score or 0.0) * one.judged_s for one in scored) / judged_s if judged_s > 0 else None,
        changes=sum(one.changes for one in parts),
        breaks=sum(one.breaks for one in parts),
        faults=tuple(
            FaultTotal(measure, seconds, worst[measure]) for measure, seconds in fault_s.most_common()
        ),
        longest_hold_s=max(holds, default=None),
        spoken=tuple(one for part in parts for one in part.spoken),
        off_s=off_s,
    )


def statistic(slots: Iterable[Slot], measure: Measure) -> Statistic | None:
    """How a measure was distributed over slots, by their means and the time they were measured."""
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
