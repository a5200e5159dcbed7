"""The entries of a run, stored and shown later; a sitting is the time at the desk of a day or a recording.

Times are seconds from the sitting's origin: the start of the day, or of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo

from posture_cam.ids import AlertKind, Measure, Reason, Stance, State, View
from posture_cam.kinds import Seconds, Value
from posture_cam.words import clock

# Sitting well, or leaving the chair, counts as an answer to an alert within this time.
ANSWERED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one state; an unjudged stretch has a single reason."""

    start_s: Seconds
    end_s: Seconds
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
        error: Mean half width of the 90 % interval, if it has one.
        fault_s: How long it was outside its good range in fair or poor time.
        worst: The value furthest from neutral during that time.
    """

    seconds: Seconds
    mean: Value
    min: Value
    max: Value
    error: Value | None = None
    fault_s: Seconds = 0.0
    worst: Value | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """A minute of a run, or a longer or shorter slot of a recording; it covers only the time that was seen.

    Attributes:
        score_sum: Score times seconds, over `score_s` seconds that had one.
        changes: How often the posture changed.
        run: The number of its run.
        seconds_by_stance: Time sitting and standing, where both are known to the profile.
        stance_changes: How often the person stood up or sat down.
    """

    start_s: float
    end_s: float
    seconds_by_state: Mapping[State, float]
    score_sum: float
    score_s: float
    changes: int
    measures: Mapping[Measure, Portion]
    run: int = 0
    seconds_by_stance: Mapping[Stance, float] = field(default_factory=dict)
    stance_changes: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """A time in one posture, or outside the chair."""

    start_s: Seconds
    end_s: Seconds

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
        answered_s: When the user began to sit well, or left the chair; None if that did not happen.
        watched_s: How long the user was observed afterwards.
        is_live: Whether it was really given; otherwise it would have been, by the analysis of a recording.
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
        """Whether sitting well answers it; not so for breaks and a moved camera."""
        return self.kind != AlertKind.BREAK and self.measure is not None

    @property
    def was_answered(self) -> bool | None:
        """Whether it was answered within a minute; None if the run ended too early to know."""
        if not self.is_about_posture:
            return None
        if self.answered_s is not None:
            return self.answered_s - self.time_s <= ANSWERED_WITHIN_S
        return False if self.watched_s >= ANSWERED_WITHIN_S else None


@dataclass(frozen=True, slots=True)
class Run:
    """The origin of a sitting's numbers.

    Attributes:
        start_s, end_s: Its part of the sitting.
        is_analysis: Whether it is a recording; otherwise a live run.
        how_it_ended: Empty for a normal end; else `interrupted`, `cut off` or `running`.
        neutral: The neutral posture used, in words.
        views: Seconds in each view.
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
    """The time at the desk of a day, or of a recording.

    Attributes:
        name: The title: the date, or the recording's name.
        day: The date, or None for a recording without one.
        origin_s: Seconds since 1970 in UTC of the origin, or None if times count from a recording's start.
        zone: The time zone of the place, for the time of day.
        length_s: The length of the day (23 or 25 h when summer time begins or ends), or of the recording.
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
        """The moment in local time; only for sittings that have a time of day."""
        return datetime.fromtimestamp((self.origin_s or 0.0) + seconds, UTC).astimezone(self.zone)
