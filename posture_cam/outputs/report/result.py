"""Reading back the result of an analysis, for a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from posture_cam.errors import SourceError
from posture_cam.files import read_bounded
from posture_cam.history.old_words import OLD_REASON_IDS
from posture_cam.ids import AlertKind, Measure, NeutralOrigin, Reason, Stance, State, View
from posture_cam.kinds import Part, Seconds, Value, Words, what_is_wrong
from posture_cam.outputs.files.keeping import words_of_neutral
from posture_cam.runlog import (
    FaultStretch,
    FaultTotal,
    Hold,
    Portion,
    Run,
    Sitting,
    Slot,
    Span,
    Spoken,
    Totals,
    totals,
)
from posture_cam.words import words_of

_MOST_BYTES = 200_000_000
_HINT = "Name the file that --json wrote."


class _Source(Part):
    name: Words
    width_px: int
    height_px: int
    content: Words | None = None
    turned_deg: Literal[0, 90, 180, 270] = 0


class _Neutral(Part):
    origin: NeutralOrigin | None = None
    is_personal: bool
    created_at: Words | None
    view: View
    start_s: Seconds | None
    end_s: Seconds | None


class _Summary(Part):
    duration_s: Seconds
    good_s: Seconds
    fair_s: Seconds
    poor_s: Seconds
    away_s: Seconds
    unjudged_s: Seconds
    score: Annotated[int, Field(ge=0, le=100)] | None
    longest_hold: Hold | None
    unjudged_s_by_reason: Annotated[dict[str, Seconds], Field(default_factory=dict)]  # by words, up to 0.1.0
    unjudged_s_by_reason_id: dict[Reason, Seconds] | None = None
    seconds_by_view: dict[View, Seconds]
    seconds_by_stance: Annotated[dict[Stance, Seconds], Field(default_factory=dict)]
    stance_changes: Annotated[int, Field(ge=0)] = 0

    @property
    def reasons(self) -> dict[Reason, float]:
        """The unjudged time by reason."""
        if self.unjudged_s_by_reason_id is not None:
            return self.unjudged_s_by_reason_id
        return {
            Reason.kept(OLD_REASON_IDS.get(words, words)): seconds
            for words, seconds in self.unjudged_s_by_reason.items()
        }


class _Fault(Part):
    measure: Measure
    total_s: Seconds
    worst: Value
    longest: tuple[Hold, ...]


class _Alert(Part):
    timestamp_s: Seconds
    kind: AlertKind
    measure: Measure | None
    held_s: Seconds
    message: Words
    tip_id: Words


class _Slot(Part):
    start_s: Seconds
    judged_s: Seconds
    posture_changes: Annotated[int, Field(ge=0, le=1_000_000)]
    measures: dict[Measure, Portion]


class _Course(Part):
    slot_s: Seconds
    slots: tuple[_Slot, ...]


class _Result(Part):
    """The part of a result that a report needs; docs/formats.md describes all of it."""

    kind: Literal["posture_cam analysis"]
    schema_version: Literal[1]
    version: Words
    partial: bool
    source: _Source
    model: Words
    estimator: Words | None
    neutral: _Neutral | None
    summary: _Summary
    episodes: tuple[Span, ...]
    faults: tuple[_Fault, ...]
    alerts: tuple[_Alert, ...]
    breaks: tuple[Hold, ...] = ()
    notes: tuple[Words, ...] = ()
    course: _Course | None = None
    holds: tuple[Hold, ...] | None = None


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The recording of a result.

    Attributes:
        sums: Its totals.
        neutral_s: The stretch of the recording that served as neutral, if there was one.
        size_wh: The size of its pictures.
        content: Identifies the recording, if the result does.
        turns: Quarter turns anticlockwise by which the recording was turned.
        notes: Sentences about what the file lacks.
    """

    sitting: Sitting
    sums: Totals
    neutral_s: tuple[float, float] | None
    notes: tuple[str, ...]
    size_wh: tuple[int, int]
    content: Words | None
    turns: int = 0


def read_result(path: Path) -> ReadResult:
    """Read what `posture-cam analyze --json` wrote.

    Raises:
        SourceError: The file is no result of an analysis, or cannot be read.
    """
    try:
        result = _Result.model_validate_json(read_bounded(path, _MOST_BYTES, SourceError, _HINT))
    except ValidationError as error:
        raise SourceError(
            f"{path} is no result of posture-cam analyze --json ({what_is_wrong(error).lower()}).",
            "Make it with: posture-cam analyze VIDEO --json FILE",
        ) from error
    notes: tuple[str, ...] = ()
    if result.course is None:
        notes = ("The result comes from an older posture_cam and holds no course over time; analyse again.",)
    neutral, neutral_s = result.neutral, None
    if neutral is not None and neutral.origin is not None and (words := words_of(neutral.origin)):
        notes = (words, *notes)
    if neutral is not None and not neutral.created_at and neutral.is_personal and neutral.start_s is not None:
        neutral_s = neutral.start_s, neutral.end_s or neutral.start_s
    source = result.source
    size_wh = source.width_px, source.height_px
    return ReadResult(
        _sitting(result), _totals(result), neutral_s, notes, size_wh, source.content, source.turned_deg // 90
    )


def _sitting(result: _Result) -> Sitting:
    summary = result.summary
    holds = result.holds
    if holds is None:
        holds = (summary.longest_hold,) if summary.longest_hold is not None else ()
    neutral = result.neutral
    slots: tuple[Slot, ...] = ()
    if (course := result.course) is not None:
        slots = tuple(
            Slot(
                one.start_s,
                one.start_s + course.slot_s,
                {State.GOOD: one.judged_s},  # the division into states is in the spans
                0.0,
                0.0,
                one.posture_changes,
                one.measures,
            )
            for one in course.slots
        )
    run = Run(
        number=0,
        start_s=0.0,
        end_s=summary.duration_s,
        source=result.source.name,
        is_analysis=True,
        how_it_ended="interrupted" if result.partial else "",
        neutral=None
        if neutral is None
        else words_of_neutral(
            neutral.created_at or "",
            neutral.view,
            neutral.start_s,
            neutral.end_s,
            is_personal=neutral.is_personal,
        ),
        views=summary.seconds_by_view,
        model=result.model,
        estimator=result.estimator,
        version=result.version,
        notes=result.notes,
    )
    return Sitting(
        name=result.source.name,
        day=None,
        origin_s=None,
        zone=UTC,
        length_s=summary.duration_s,
        runs=(run,),
        spans=result.episodes,
        slots=slots,
        faults=tuple(
            FaultStretch(fault.measure, one.start_s, one.end_s, _worst(slots, fault, one))
            for fault in result.faults
            for one in fault.longest
        ),
        holds=holds,
        breaks=result.breaks,
        spoken=_spoken(result),
    )


def _worst(slots: tuple[Slot, ...], fault: _Fault, stretch: Hold) -> float:
    """The value furthest from neutral in one stretch, on the side of the whole fault."""
    found = [
        slot.measures[fault.measure].max if fault.worst > 0 else slot.measures[fault.measure].min
        for slot in slots
        if fault.measure in slot.measures and slot.start_s < stretch.end_s and slot.end_s > stretch.start_s
    ]
    return (max(found) if fault.worst > 0 else min(found)) if found else fault.worst


def _spoken(result: _Result) -> tuple[Spoken, ...]:
    return tuple(
        Spoken(one.timestamp_s, one.kind, one.measure, one.held_s, one.message, one.tip_id, is_live=False)
        for one in result.alerts
    )


def _totals(result: _Result) -> Totals:
    summary = result.summary
    hold = summary.longest_hold
    return Totals(
        seconds_by_state={
            State.GOOD: summary.good_s,
            State.FAIR: summary.fair_s,
            State.POOR: summary.poor_s,
            State.AWAY: summary.away_s,
            State.UNJUDGED: summary.unjudged_s,
        },
        unjudged_s_by_reason=summary.reasons,
        score=summary.score,
        changes=sum(one.posture_changes for one in result.course.slots) if result.course else 0,
        breaks=len(result.breaks),
        faults=tuple(FaultTotal(one.measure, one.total_s, one.worst) for one in result.faults),
        longest_hold_s=None if hold is None else hold.seconds,
        spoken=_spoken(result),
        off_s=totals([_sitting(result)]).off_s,
    )
