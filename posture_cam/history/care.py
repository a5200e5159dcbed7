"""Exercises, check-ins and programmes in the history."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from posture_cam.checkins import CheckIn, Difficulty, Place
from posture_cam.errors import HistoryError
from posture_cam.exercises import ExerciseDone
from posture_cam.history.database import as_ms
from posture_cam.history.days import day_at, zone_name, zone_of
from posture_cam.history.writing import Writer
from posture_cam.programme import Programme
from posture_cam.records import kept_id

Rows = Callable[..., list[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class KeptExercise:
    """An exercise that was done.

    Attributes:
        day: The day of it, where it was done.
        time: The time of day, as the clock on the wall told it.
        done: What came of it.
        reason: Why: "own", "break" or "programme".
        number: By which it is corrected or deleted.
    """

    day: date
    time: str
    done: ExerciseDone
    reason: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class KeptCheckIn:
    """A check-in, day and time of it where it was made, and the number by which it is corrected."""

    day: date
    time: str
    check_in: CheckIn
    number: int = 0


def keep_exercise(
    done: ExerciseDone, began_utc_s: float, reason: str = "own", path: Path | None = None
) -> None:
    """Keep an exercise.

    Args:
        done: What came of it.
        began_utc_s: When it began, seconds since 1970 in UTC.
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
    """Keep a check-in.

    Raises:
        HistoryError: The history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        writer.insert("check_ins", {"zone": zone_name(), **_row_of(check_in)})


def correct_check_in(number: int, check_in: CheckIn, path: Path | None = None) -> None:
    """Put a check-in in the place of a kept one.

    Raises:
        HistoryError: There is none of that number, or the history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        if not writer.update("check_ins", number, _row_of(check_in)):
            raise HistoryError(f"There is no check-in {number}.", _ENTRIES)


def correct_exercise(number: int, done: ExerciseDone, path: Path | None = None) -> None:
    """Correct the counts of a kept exercise.

    Raises:
        HistoryError: There is none of that number, or the history cannot be written.
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
    """Keep a programme; one that still goes on ends with it.

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
    """End the programme that goes on.

    Raises:
        HistoryError: The history cannot be written.
    """
    with Writer(path, is_exclusive=False) as writer:
        writer.stop_programmes(day)


def exercises(rows: Rows, first: date, last: date) -> list[KeptExercise]:
    """Those of some days, in order of time."""
    found = []
    for (
        start_ms,
        zone_words,
        name,
        repetitions,
        left,
        right,
        holds,
        refused,
        seconds,
        seen,
        whole,
        reason,
        number,
    ) in rows(
        "SELECT start_ms, zone, name, repetitions, left_count, right_count, holds, refused,"
        " (end_ms - start_ms) / 1000.0, is_seen, is_whole, reason, id FROM exercises ORDER BY start_ms, id"
    ):
        zone = zone_of(zone_words)
        day = day_at(start_ms / 1000, zone)
        if first <= day <= last:
            moment = datetime.fromtimestamp(start_ms / 1000, UTC).astimezone(zone)
            done = ExerciseDone(
                name,
                repetitions,
                left,
                right,
                tuple(json.loads(holds)),
                refused,
                seconds,
                bool(seen),
                bool(whole),
            )
            found.append(KeptExercise(day, f"{moment:%H:%M}", done, reason, number))
    return found


def check_ins(rows: Rows, first: date, last: date) -> list[KeptCheckIn]:
    """Those of some days, in order of time."""
    found = []
    for (
        time_ms,
        zone,
        pain,
        places,
        radiates,
        since,
        returns,
        difficult,
        flags,
        alternative,
        cleared,
        note,
        number,
    ) in rows(
        "SELECT time_ms, zone, pain, places, radiates, since_days, returns, difficult, flags,"
        " wants_alternative, is_cleared, note, id FROM check_ins ORDER BY time_ms, id"
    ):
        day = day_at(time_ms / 1000, zone_of(zone))
        if first <= day <= last:
            one = CheckIn(
                time_ms / 1000,
                pain,
                tuple(kept_id(Place, place) for place in json.loads(places)),
                _truth(radiates),
                since,
                _truth(returns),
                tuple(kept_id(Difficulty, name) for name in json.loads(difficult)),
                tuple(json.loads(flags)),
                _truth(alternative),
                bool(cleared),
                note,
            )
            moment = datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(zone_of(zone))
            found.append(KeptCheckIn(day, f"{moment:%H:%M}", one, number))
    return found


def programme(rows: Rows) -> Programme | None:
    """The one begun last, also where it was stopped or is over; None where there was none."""
    found = rows(
        "SELECT start_day, weeks, per_week, sessions, reasons, stopped_day FROM programmes"
        " ORDER BY id DESC LIMIT 1"
    )
    if not found:
        return None
    start, weeks, per_week, sessions, reasons, stopped = found[0]
    return Programme(
        date.fromisoformat(start),
        weeks,
        per_week,
        tuple(tuple(names) for names in json.loads(sessions)),
        tuple(json.loads(reasons)),
        None if stopped is None else date.fromisoformat(stopped),
    )


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)
