"""Writing runs into the history, and deleting them."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from posture_cam.errors import HistoryError
from posture_cam.history.database import as_ms, bring_up_to_date, locked, opened, telling
from posture_cam.history.days import day_at, day_bounds_s, today, zone_of
from posture_cam.history.schema import MIGRATIONS, migrate, version
from posture_cam.records import JUDGED_STATES, State
from posture_cam.settings import history_path
from posture_cam.sittings import FaultStretch, Hold, Slot, Span, Spoken

_WIPED_WITHIN_TRIES = 10
_TABLES_OF_PARTS = ("episodes", "faults", "holds", "breaks")
# What stands for itself, and the column with its time.
_TABLES_OF_CARE = {"exercises": "start_ms", "check_ins": "time_ms"}


@dataclass(slots=True)
class RunFacts:
    """What is known of a run as a whole; times are seconds since 1970 in UTC.

    Attributes:
        content: Tells one recording from another, so that it is kept once; None for live runs.
        ended: None while it goes on.
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
    """A run in the database; `saved_ms` tells it from another one that has come by its number."""

    number: int
    saved_ms: int


@dataclass(slots=True)
class Batch:
    """What is to be written at once; times are seconds from the start of the run.

    Attributes:
        firsts: For each kind of part the number of its first one here; older ones stand.
    """

    spans: Sequence[Span] = ()
    slots: Sequence[Slot] = ()
    faults: Sequence[FaultStretch] = ()
    holds: Sequence[Hold] = ()
    breaks: Sequence[Hold] = ()
    spoken: Sequence[Spoken] = ()
    firsts: dict[str, int] = field(default_factory=dict)


class RunGone(HistoryError):  # noqa: N818
    """The run that is being written is not in the database any more."""


class Writer:
    """Writes to the history; private to the user, made where it is missing.

    Args:
        path: The database.
        busy_s: How long to wait for another program that holds it.
        is_exclusive: A live run, or a deletion: only one of these at a time.

    Attributes:
        is_wiped: What was deleted is off the disk.

    Raises:
        HistoryError: Another one is writing, or the database is damaged, or cannot be written.
    """

    def __init__(self, path: Path | None = None, *, busy_s: float = 5.0, is_exclusive: bool = True) -> None:
        self._path = path or history_path()
        self._stack = ExitStack()
        self._measure_ids: dict[str, int] = {}
        self.is_wiped = True
        with ExitStack() as stack, telling(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if is_exclusive:
                stack.enter_context(locked(self._path))
            self._connection = stack.enter_context(opened(self._path, busy_s))
            if version(self._connection) in range(1, len(MIGRATIONS)) and not is_exclusive:
                bring_up_to_date(self._path)
            migrate(self._connection)
            if is_exclusive:  # whoever left these has gone
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._connection.execute("UPDATE runs SET ended = 'cut off' WHERE ended IS NULL")
            self._stack = stack.pop_all()

    def begin(self, facts: RunFacts) -> KeptRun:
        """Make room for a run."""
        with self._transaction():
            return self._insert(facts)

    def write(self, run: KeptRun, facts: RunFacts, batch: Batch) -> None:
        """Write what is new of a run, whole or not at all.

        Raises:
            RunGone: It is not there any more: deleted, or the database is another one.
            HistoryError: It cannot be written.
        """
        with self._transaction():
            row = self._connection.execute(
                "SELECT saved_ms FROM runs WHERE id = ? AND process = ?", (run.number, os.getpid())
            ).fetchone()
            if row != (run.saved_ms,):
                raise RunGone("This run has been taken out of the history.")
            self._write(run.number, facts, batch)

    def save(self, facts: RunFacts, batch: Batch) -> date | None:
        """Write a whole run at once; an earlier one of the same content goes.

        Returns:
            The day of that one, where there was one.

        Raises:
            HistoryError: It cannot be written, or tells less than what is kept of this content.
        """
        with self._transaction():
            earlier = self._connection.execute(
                "SELECT start_ms, zone, ended FROM runs WHERE content = ?", (facts.content,)
            ).fetchone()
            judged = any(span.state in JUDGED_STATES for span in batch.spans)
            if earlier is not None and earlier[2] == "done" and not (judged and facts.ended == "done"):
                day = day_at(earlier[0] / 1000, zone_of(earlier[1]))
                what = "interrupted analysis" if judged else "analysis, in which nothing could be judged,"
                raise HistoryError(
                    f"The whole recording is in the history already, under {day}; this {what} does not take "
                    "its place.",
                    "Analyse it again to the end.",
                )
            self._connection.execute("DELETE FROM runs WHERE content = ?", (facts.content,))
            self._write(self._insert(facts).number, facts, batch)
        return None if earlier is None else day_at(earlier[0] / 1000, zone_of(earlier[1]))

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Add one row to a table.

        Raises:
            HistoryError: It cannot be written.
        """
        marks = ", ".join("?" * len(values))
        with self._transaction():
            self._connection.execute(
                f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
            )

    def begin_programme(self, values: Mapping[str, Any]) -> None:
        """Add a programme, and end the one that goes on.

        Raises:
            HistoryError: It cannot be written.
        """
        marks = ", ".join("?" * len(values))
        with self._transaction():
            self._connection.execute(
                "UPDATE programmes SET stopped_day = ? WHERE stopped_day IS NULL", (values["start_day"],)
            )
            self._connection.execute(
                f"INSERT INTO programmes ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
            )

    def stop_programmes(self, day: date) -> None:
        """End the programmes that go on.

        Raises:
            HistoryError: It cannot be written.
        """
        with self._transaction():
            self._connection.execute(
                "UPDATE programmes SET stopped_day = ? WHERE stopped_day IS NULL", (day.isoformat(),)
            )

    def delete_older(self, days: int) -> int:
        """Delete what is older than so many days; how many runs were touched."""
        return self.delete_before(today() - timedelta(days=days), keeps_open=True)

    def delete_all(self) -> int:
        """Delete everything that is kept, and wipe the room it took; how many rows of it there were."""
        with self._transaction():
            count = self._connection.execute("DELETE FROM runs").rowcount
            for table in (*_TABLES_OF_CARE, "programmes"):
                count += self._connection.execute(f"DELETE FROM {table}").rowcount
        self._wipe()
        return int(count)

    def delete_run(self, run: int) -> bool:
        """Delete one run; whether there was one."""
        with self._transaction():
            count = self._connection.execute("DELETE FROM runs WHERE id = ?", (run,)).rowcount
        self._wipe()
        return bool(count)

    def delete_before(self, day: date, *, keeps_open: bool = False) -> int:
        """Delete everything before a day, in the zone of each entry.

        Args:
            day: The first day that stays.
            keeps_open: Leave exercises of a programme that goes on, and red flags nobody has looked at.

        Returns:
            How many entries were touched.
        """
        touched = 0
        with self._transaction():
            rows = self._connection.execute("SELECT id, start_ms, end_ms, zone FROM runs").fetchall()
            for run, start_ms, end_ms, zone in rows:
                edge_ms = as_ms(day_bounds_s(day, zone_of(zone))[0])
                if start_ms >= edge_ms:
                    continue
                touched += 1
                if end_ms <= edge_ms:
                    self._connection.execute("DELETE FROM runs WHERE id = ?", (run,))
                    continue
                for table in _TABLES_OF_PARTS:
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE run_id = ? AND end_ms <= ?", (run, edge_ms)
                    )
                    self._connection.execute(
                        f"UPDATE {table} SET start_ms = max(start_ms, ?) WHERE run_id = ?", (edge_ms, run)
                    )
                for table in ("minutes", "minute_measures"):
                    self._connection.execute(
                        f"DELETE FROM {table} WHERE run_id = ? AND start_ms < ?", (run, edge_ms)
                    )
                self._connection.execute(
                    "DELETE FROM alerts WHERE run_id = ? AND time_ms < ?", (run, edge_ms)
                )
                self._connection.execute("UPDATE runs SET start_ms = ? WHERE id = ?", (edge_ms, run))
            touched += self._delete_care_before(day, keeps_open=keeps_open)
        if touched:
            self._wipe()
        return touched

    def _delete_care_before(self, day: date, *, keeps_open: bool) -> int:
        touched = 0
        execute = self._connection.execute
        is_over = "stopped_day IS NOT NULL OR date(start_day, (weeks * 7) || ' days') <= ?"
        (since,) = execute(
            f"SELECT min(start_day) FROM programmes WHERE NOT ({is_over})", (day.isoformat(),)
        ).fetchone()
        for table, column in _TABLES_OF_CARE.items():
            edge = day
            if keeps_open and table == "exercises" and since is not None:
                edge = min(day, date.fromisoformat(since))
            stays = ""
            if keeps_open and table == "check_ins":
                stays = (
                    " AND (flags = '[]' OR EXISTS (SELECT 1 FROM check_ins AS later"
                    " WHERE later.is_cleared AND later.id > check_ins.id))"
                )
            for (zone,) in execute(f"SELECT DISTINCT zone FROM {table}").fetchall():
                edge_ms = as_ms(day_bounds_s(edge, zone_of(zone))[0])
                touched += execute(
                    f"DELETE FROM {table} WHERE zone = ? AND {column} < ?{stays}", (zone, edge_ms)
                ).rowcount
        touched += execute(
            "DELETE FROM programmes WHERE stopped_day < ? OR date(start_day, (weeks * 7) || ' days') <= ?",
            (day.isoformat(), day.isoformat()),
        ).rowcount
        return touched

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        with suppress(sqlite3.Error):
            self._stack.close()

    def _wipe(self) -> None:
        """Take deleted rows off the disk; `is_wiped` tells whether a reader is still in the way."""
        with telling(self._path):
            with suppress(sqlite3.OperationalError):  # it needs room, which there may be none of
                self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA busy_timeout = 100")
            for _ in range(_WIPED_WITHIN_TRIES):
                is_busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                self.is_wiped = not is_busy
                if self.is_wiped:
                    break
                time.sleep(0.2)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with telling(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # some failures have rolled back already
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise

    def _insert(self, facts: RunFacts) -> KeptRun:
        saved_ms = as_ms(datetime.now(UTC).timestamp())
        cursor = self._connection.execute(
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

    def _write(self, run: int, facts: RunFacts, batch: Batch) -> None:
        execute, many = self._connection.execute, self._connection.executemany

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
                for one in batch.spans
            ],
            "faults": [
                (one.measure.value, at(one.start_s), at(one.end_s), one.worst) for one in batch.faults
            ],
            "holds": [(at(one.start_s), at(one.end_s)) for one in batch.holds],
            "breaks": [(at(one.start_s), at(one.end_s)) for one in batch.breaks],
        }
        for table, content in rows.items():
            first = batch.firsts.get(table, 0)
            execute(f"DELETE FROM {table} WHERE run_id = ? AND number >= ?", (run, first))
            if content:
                marks = ", ".join("?" * (2 + len(content[0])))
                many(
                    f"INSERT INTO {table} VALUES ({marks})",
                    [(run, first + number, *row) for number, row in enumerate(content)],
                )
        if batch.slots:
            self._write_minutes(run, at, batch.slots)
        many(
            "INSERT OR REPLACE INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    run,
                    batch.firsts.get("alerts", 0) + number,
                    at(one.time_s),
                    one.kind.value,
                    one.measure and one.measure.value,
                    one.held_s,
                    one.message,
                    one.tip_id,
                    None if one.answered_s is None else at(one.answered_s),
                )
                for number, one in enumerate(batch.spoken)
            ],
        )

    def _write_minutes(self, run: int, at: Any, slots: Sequence[Slot]) -> None:
        first_ms = at(slots[0].start_s)
        for table in ("minutes", "minute_measures"):
            self._connection.execute(
                f"DELETE FROM {table} WHERE run_id = ? AND start_ms >= ?", (run, first_ms)
            )
        self._connection.executemany(
            "INSERT INTO minutes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    run,
                    at(slot.start_s),
                    *(slot.seconds_by_state.get(state, 0.0) for state in State),
                    slot.score_sum,
                    slot.score_s,
                    slot.changes,
                )
                for slot in slots
            ],
        )
        self._connection.executemany(
            "INSERT INTO minute_measures VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    run,
                    at(slot.start_s),
                    self._measure_id(measure.value),
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

    def _measure_id(self, name: str) -> int:
        if name not in self._measure_ids:
            self._connection.execute("INSERT OR IGNORE INTO measures (name) VALUES (?)", (name,))
            row = self._connection.execute("SELECT id FROM measures WHERE name = ?", (name,)).fetchone()
            self._measure_ids[name] = int(row[0])
        return self._measure_ids[name]
