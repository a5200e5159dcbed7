"""The facts of a run, and its rows in the database."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from posture_cam.history.database import as_ms
from posture_cam.ids import Stance, State
from posture_cam.runlog import FaultStretch, Hold, Slot, Span, Spoken


@dataclass(slots=True)
class RunFacts:
    """The facts of a whole run; times are seconds since 1970 in UTC.

    Attributes:
        content: Identifies a recording, so that it is stored only once; None for live runs.
        ended: How the run ended; None while it goes on.
    """

    start_utc_s: float
    zone: str
    source: str = ""
    is_analysis: bool = False
    profile: str | None = None
    neutral: str | None = None
    model: str = ""
    estimator: str | None = None
    version: str = ""
    views: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    content: str | None = None
    end_s: float = 0.0
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run in the database; `saved_ms` distinguishes it from a later run that got the same number."""

    number: int
    saved_ms: int


@dataclass(slots=True)
class RunUpdate:
    """Rows to be written in one transaction; times are seconds from the start of the run.

    Attributes:
        firsts: For each kind of part, the number of the first part in this update; earlier parts stay.
    """

    spans: Sequence[Span] = ()
    slots: Sequence[Slot] = ()
    faults: Sequence[FaultStretch] = ()
    holds: Sequence[Hold] = ()
    breaks: Sequence[Hold] = ()
    spoken: Sequence[Spoken] = ()
    firsts: dict[str, int] = field(default_factory=dict)


def insert_run(connection: sqlite3.Connection, facts: RunFacts) -> KeptRun:
    """Insert a new run, inside a transaction of the caller."""
    saved_ms = as_ms(datetime.now(UTC).timestamp())
    cursor = connection.execute(
        "INSERT INTO runs (kind, start_ms, end_ms, zone, source, version, process, saved_ms, content)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            "analysis" if facts.is_analysis else "monitor",
            as_ms(facts.start_utc_s),
            as_ms(facts.start_utc_s + facts.end_s),
            facts.zone,
            facts.source,
            facts.version,
            os.getpid(),
            saved_ms,
            facts.content,
        ),
    )
    assert cursor.lastrowid is not None
    return KeptRun(cursor.lastrowid, saved_ms)


def write_run(connection: sqlite3.Connection, run: int, facts: RunFacts, update: RunUpdate) -> None:
    """Write the new rows of a run, inside a transaction of the caller."""
    execute, many = connection.execute, connection.executemany

    def at(seconds: float) -> int:
        return as_ms(facts.start_utc_s + seconds)

    execute(
        "UPDATE runs SET end_ms = ?, source = ?, profile = ?, neutral = ?, model = ?, estimator = ?,"
        " views = ?, notes = ?, ended = ? WHERE id = ?",
        (
            at(facts.end_s),
            facts.source,
            facts.profile,
            facts.neutral,
            facts.model,
            facts.estimator,
            json.dumps({view: round(seconds, 3) for view, seconds in facts.views.items()}),
            json.dumps(facts.notes, ensure_ascii=False),
            facts.ended,
            run,
        ),
    )
    rows: dict[str, list[tuple[Any, ...]]] = {
        "episodes": [
            (at(one.start_s), at(one.end_s), one.state.value, one.reason and one.reason.value, one.worst)
            for one in update.spans
        ],
        "faults": [(one.measure.value, at(one.start_s), at(one.end_s), one.worst) for one in update.faults],
        "holds": [(at(one.start_s), at(one.end_s)) for one in update.holds],
        "breaks": [(at(one.start_s), at(one.end_s)) for one in update.breaks],
    }
    for table, content in rows.items():
        first = update.firsts.get(table, 0)
        execute(f"DELETE FROM {table} WHERE run_id = ? AND number >= ?", (run, first))
        if content:
            marks = ", ".join("?" * (2 + len(content[0])))
            many(
                f"INSERT INTO {table} VALUES ({marks})",
                [(run, first + number, *row) for number, row in enumerate(content)],
            )
    if update.slots:
        _write_minutes(connection, run, at, update.slots)
    many(
        "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                run,
                update.firsts.get("alerts", 0) + number,
                at(one.time_s),
                one.kind.value,
                one.measure and one.measure.value,
                one.held_s,
                one.message,
                one.tip_id,
                None if one.answered_s is None else at(one.answered_s),
            )
            for number, one in enumerate(update.spoken)
        ],
    )


def _write_minutes(
    connection: sqlite3.Connection, run: int, at: Callable[[float], int], slots: Sequence[Slot]
) -> None:
    first_ms = at(slots[0].start_s)
    for table in ("minutes", "minute_measures"):
        connection.execute(f"DELETE FROM {table} WHERE run_id = ? AND start_ms >= ?", (run, first_ms))
    connection.executemany(
        "INSERT INTO minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                run,
                at(slot.start_s),
                *(slot.seconds_by_state.get(state, 0.0) for state in State),
                slot.score_sum,
                slot.score_s,
                slot.changes,
                *(slot.seconds_by_stance.get(stance, 0.0) for stance in Stance),
                slot.stance_changes,
            )
            for slot in slots
        ],
    )
    ids = _measure_ids(connection, {measure.value for slot in slots for measure in slot.measures})
    connection.executemany(
        "INSERT INTO minute_measures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                run,
                at(slot.start_s),
                ids[measure.value],
                portion.seconds,
                portion.mean,
                portion.min,
                portion.max,
                portion.error,
                portion.fault_s,
                portion.worst,
            )
            for slot in slots
            for measure, portion in slot.measures.items()
        ],
    )


def _measure_ids(connection: sqlite3.Connection, names: Iterable[str]) -> dict[str, int]:
    connection.executemany(
        "INSERT OR IGNORE INTO measures (name) VALUES (?)", [(name,) for name in sorted(names)]
    )
    return dict(connection.execute("SELECT name, id FROM measures"))
