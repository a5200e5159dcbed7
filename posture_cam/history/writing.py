"""Writes the history, and deletes from it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from posture_cam.closing import Closing
from posture_cam.errors import HistoryError
from posture_cam.files import make_folder
from posture_cam.history import deleting
from posture_cam.history.database import bring_up_to_date, locked, opened, telling
from posture_cam.history.days import day_at, today, zone_of
from posture_cam.history.runs import KeptRun, RunFacts, RunUpdate, insert_run, write_run
from posture_cam.history.schema import MIGRATIONS, migrate, version
from posture_cam.ids import JUDGED_STATES
from posture_cam.paths import history_path

# Chosen: a reader may block it for some seconds.
_WIPED_WITHIN_TRIES = 10


class RunGone(HistoryError):  # noqa: N818
    """The run being written is no longer in the database."""


class Writer(Closing):
    """Writes to the history; creates it, private to the user, if it is missing.

    Args:
        path: The database.
        busy_s: How long to wait for another program that holds it.
        is_exclusive: For a live run or a deletion: only one of these runs at a time.

    Attributes:
        is_wiped: Whether deleted rows are also off the disk.

    Raises:
        HistoryError: Another process is writing, or the database is damaged, or cannot be written.
    """

    def __init__(self, path: Path | None = None, *, busy_s: float = 5.0, is_exclusive: bool = True) -> None:
        self._path = path or history_path()
        self._stack = ExitStack()
        self.is_wiped = True
        with ExitStack() as stack, telling(self._path):
            make_folder(self._path.parent)
            if is_exclusive:
                stack.enter_context(locked(self._path))
            self._connection = stack.enter_context(opened(self._path, busy_s))
            if version(self._connection) in range(1, len(MIGRATIONS)) and not is_exclusive:
                bring_up_to_date(self._path)
            migrate(self._connection)
            if is_exclusive:  # their processes have ended
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._connection.execute("UPDATE runs SET ended = 'cut off' WHERE ended IS NULL")
            self._stack = stack.pop_all()

    def begin(self, facts: RunFacts) -> KeptRun:
        """Insert a new run."""
        with self._transaction():
            return insert_run(self._connection, facts)

    def write(self, run: KeptRun, facts: RunFacts, update: RunUpdate) -> None:
        """Write the new rows of a run, completely or not at all.

        Raises:
            RunGone: The run is gone: it was deleted, or the database was replaced.
            HistoryError: It cannot be written.
        """
        with self._transaction():
            row = self._connection.execute(
                "SELECT saved_ms FROM runs WHERE id = ? AND process = ?", (run.number, os.getpid())
            ).fetchone()
            if row != (run.saved_ms,):
                raise RunGone("This run has been taken out of the history.")
            write_run(self._connection, run.number, facts, update)

    def save(self, facts: RunFacts, update: RunUpdate) -> date | None:
        """Write a whole run at once, in place of an earlier run of the same content.

        Returns:
            The day of the replaced run, or None if there was none.

        Raises:
            HistoryError: It cannot be written, or holds less than the stored run of this content.
        """
        with self._transaction():
            earlier = self._connection.execute(
                "SELECT start_ms, zone, ended FROM runs WHERE content = ?", (facts.content,)
            ).fetchone()
            judged = any(span.state in JUDGED_STATES for span in update.spans)
            if earlier is not None and earlier[2] == "done" and not (judged and facts.ended == "done"):
                day = day_at(earlier[0] / 1000, zone_of(earlier[1]))
                what = "interrupted analysis" if judged else "analysis, in which nothing could be judged,"
                raise HistoryError(
                    f"The whole recording is in the history already, under {day}; this {what} does not take "
                    "its place.",
                    "Analyse it again to the end.",
                )
            self._connection.execute("DELETE FROM runs WHERE content = ?", (facts.content,))
            write_run(self._connection, insert_run(self._connection, facts).number, facts, update)
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

    def update(self, table: str, number: int, values: Mapping[str, Any]) -> bool:
        """Change one row of a table; return whether it existed.

        Raises:
            HistoryError: It cannot be written.
        """
        changes = ", ".join(f"{name} = ?" for name in values)
        with self._transaction():
            done = self._connection.execute(
                f"UPDATE {table} SET {changes} WHERE id = ?", (*values.values(), number)
            )
        return bool(done.rowcount)

    def delete_entry(self, table: str, number: int) -> bool:
        """Delete one row of a table; return whether it existed.

        Raises:
            HistoryError: It cannot be written.
        """
        with self._transaction():
            count = self._connection.execute(f"DELETE FROM {table} WHERE id = ?", (number,)).rowcount
        self._wipe()
        return bool(count)

    def begin_programme(self, values: Mapping[str, Any]) -> None:
        """Add a programme, and end the running one.

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
        """End the running programmes.

        Raises:
            HistoryError: It cannot be written.
        """
        with self._transaction():
            self._connection.execute(
                "UPDATE programmes SET stopped_day = ? WHERE stopped_day IS NULL", (day.isoformat(),)
            )

    def delete_older(self, days: int) -> int:
        """Delete entries older than a number of days; return how many were deleted or cut."""
        return self.delete_before(today() - timedelta(days=days), keeps_open=True)

    def delete_all(self) -> int:
        """Delete everything, wipe it off the disk, and return how many entries there were."""
        with self._transaction():
            count = deleting.delete_all(self._connection)
        self._wipe()
        return count

    def delete_run(self, run: int) -> bool:
        """Delete one run; return whether it existed."""
        with self._transaction():
            count = self._connection.execute("DELETE FROM runs WHERE id = ?", (run,)).rowcount
        self._wipe()
        return bool(count)

    def delete_before(self, day: date, *, keeps_open: bool = False) -> int:
        """Delete everything before a day, in the zone of each entry.

        Args:
            day: The first day that stays.
            keeps_open: Leave exercises of a running programme, and red flags nobody has looked at.

        Returns:
            How many entries were deleted or cut.
        """
        with self._transaction():
            touched = deleting.delete_before(self._connection, day, keeps_open=keeps_open)
        if touched:
            self._wipe()
        return touched

    def close(self) -> None:
        """Close the database."""
        with suppress(sqlite3.Error):
            self._stack.close()

    def _wipe(self) -> None:
        """Wipe deleted rows off the disk; `is_wiped` is False while a reader blocks it."""
        with telling(self._path):
            with suppress(sqlite3.OperationalError):  # it needs space, and the disk may be full
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
                with suppress(sqlite3.Error):  # some failures roll back by themselves
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise
