"""Exercises, check-ins and programmes in the history."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from posture_cam.care.checkins import CheckIn
from posture_cam.care.exercises import ExerciseDone
from posture_cam.care.programme import Programme
from posture_cam.errors import HistoryError
from posture_cam.history.database import as_ms
from posture_cam.history.days import day_at, zone_name, zone_of
from posture_cam.history.writing import Writer
from posture_cam.kinds import what_is_wrong

_Record = TypeVar("_Record", ExerciseDone, CheckIn, Programme)
Rows = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class KeptExercise:
    """An exercise that was done.

    Attributes:
        day: The local day on which it was done.
        time: The local time of day.
        done: The result.
        reason: Why it was done: "own", "break" or "programme".
        number: The number by which it is corrected or deleted.
    """

    day: date
    time: str
    done: ExerciseDone
    reason: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class KeptCheckIn:
    """A check-in, its local day and time, and the number by which it is corrected."""

    day: date
    time: str
    check_in: CheckIn
    number: int = 0


def keep_exercise(
    done: ExerciseDone, began_utc_s: float, reason: str = "own", path: Path | None = None
) -> None:
    """Store an exercise.

    Args:
        done: The result.
        began_utc_s: When it began, in seconds since 1970 in UTC.
        reason: "own", "break" or "programme".
        path: The database; None for the user's own.

    Raises:
        HistoryError: The history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        writer.insert(
            "exercises",
            {
                "start_ms": as_ms(began_utc_s),
                "end_ms": as_ms(began_utc_s + done.duration_s),
                "zone": zone_name(),
                "name": done.name,
                "repetitions": done.repetitions,
                "left_count": done.left,
                "right_count": done.right,
                "holds": json.dumps(done.holds_s),
                "refused": done.refused,
                "is_seen": done.is_seen,
                "is_whole": done.is_whole,
                "reason": reason,
            },
        )


def keep_check_in(check_in: CheckIn, path: Path | None = None) -> None:
    """Store a check-in.

    Raises:
        HistoryError: The history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        writer.insert("check_ins", {"zone": zone_name(), **_row_of(check_in)})


def correct_check_in(number: int, check_in: CheckIn, path: Path | None = None) -> None:
    """Replace a stored check-in.

    Raises:
        HistoryError: There is no check-in with that number, or the history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        if not writer.update("check_ins", number, _row_of(check_in)):
            raise HistoryError(f"There is no check-in {number}.", _ENTRIES)


def correct_exercise(number: int, done: ExerciseDone, path: Path | None = None) -> None:
    """Correct the counts of a stored exercise.

    Raises:
        HistoryError: There is no exercise with that number, or the history cannot be written.
    """
    counts = {"repetitions": done.repetitions, "left_count": done.left, "right_count": done.right}
    with Writer(path, is_exclusive=False) as writer:
        if not writer.update("exercises", number, counts):
            raise HistoryError(f"There is no exercise {number}.", _ENTRIES)


_ENTRIES = "posture-cam history entries tells their numbers."


def _row_of(check_in: CheckIn) -> dict[str, Any]:
    return {
        "time_ms": as_ms(check_in.time_utc_s),
        "pain": check_in.pain,
        "places": json.dumps(check_in.places),
        "radiates": check_in.radiates,
        "since_days": check_in.since_days,
        "returns": check_in.returns,
        "difficult": json.dumps(check_in.difficult),
        "flags": json.dumps(check_in.flags),
        "wants_alternative": check_in.wants_alternative,
        "is_cleared": check_in.is_cleared,
        "note": check_in.note,
    }


def keep_programme(programme: Programme, path: Path | None = None) -> None:
    """Store a programme; one that is still running ends with it.

    Raises:
        HistoryError: The history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        writer.begin_programme(
            {
                "start_day": programme.start.isoformat(),
                "weeks": programme.weeks,
                "per_week": programme.per_week,
                "sessions": json.dumps(programme.sessions),
                "reasons": json.dumps(programme.reasons, ensure_ascii=False),
            }
        )


def stop_programme(day: date, path: Path | None = None) -> None:
    """End the running programme.

    Raises:
        HistoryError: The history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        writer.stop_programmes(day)


def exercises(rows: Rows, first: date, last: date) -> list[KeptExercise]:
    """The entries of some days, in order of time."""
    found = []
    for start_ms, zone, reason, number, *values in rows(
        "SELECT start_ms, zone, reason, id, name, repetitions, left_count, right_count, holds, refused,"
        " (end_ms - start_ms) / 1000.0, is_seen, is_whole FROM exercises ORDER BY start_ms, id"
    ):
        day, clock = _day_and_time(start_ms, zone)
        if first <= day <= last:
            found.append(KeptExercise(day, clock, _record(ExerciseDone, values), reason, number))
    return found


def check_ins(rows: Rows, first: date, last: date) -> list[KeptCheckIn]:
    """The entries of some days, in order of time."""
    found = []
    for time_ms, zone, number, *values in rows(
        "SELECT time_ms, zone, id, time_ms / 1000.0, pain, places, radiates, since_days, returns, difficult,"
        " flags, wants_alternative, is_cleared, note FROM check_ins ORDER BY time_ms, id"
    ):
        day, clock = _day_and_time(time_ms, zone)
        if first <= day <= last:
            found.append(KeptCheckIn(day, clock, _record(CheckIn, values), number))
    return found


_LISTS = ("holds_s", "places", "difficult", "flags", "sessions", "reasons")  # stored as JSON
_ADAPTERS: dict[type, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind) for kind in (ExerciseDone, CheckIn, Programme)
}


def _record(kind: type[_Record], values: Sequence[Any]) -> _Record:
    """A record made from the columns of a row, in the order of its fields."""
    names = [one.name for one in fields(kind)]
    content = {
        name: json.loads(value) if name in _LISTS else value
        for name, value in zip(names, values, strict=False)
        if value is not None
    }
    try:
        record: _Record = _ADAPTERS[kind].validate_python(content)
    except ValidationError as error:
        raise ValueError(what_is_wrong(error)) from error
    return record


def _day_and_time(time_ms: int, zone_words: str) -> tuple[date, str]:
    zone = zone_of(zone_words)
    moment = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone)
    return day_at(time_ms / 1000, zone), f"{moment:%H:%M}"


def programme(rows: Rows) -> Programme | None:
    """The programme begun last, even if it was stopped or is over; None if there was none."""
    found = rows(
        "SELECT start_day, weeks, per_week, sessions, reasons, stopped_day FROM programmes"
        " ORDER BY id DESC LIMIT 1"
    )
    if not found:
        return None
    return _record(Programme, found[0])
