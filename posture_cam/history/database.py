"""The database itself: opening it for reading or writing, its one writer, and its error messages."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from posture_cam.errors import HistoryError
from posture_cam.history.days import zone_of
from posture_cam.history.schema import APPLICATION_ID, MIGRATIONS, migrate, version
from posture_cam.paths import history_path
from posture_cam.plain import clean

TAKE_ALONG = "posture-cam history export FILE.json takes along what can be read."
_CANNOT_WRITE = "Is the disk full, or the folder read-only or not yours?"


def erase(path: Path | None = None) -> None:
    """Delete the whole database, for cases where it is damaged or the disk is too full to delete rows.

    Raises:
        HistoryError: Another process is writing, or the files cannot be deleted.
    """
    path = path or history_path()
    with telling(path), locked(path):
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


@contextmanager
def reading(path: Path | None = None) -> Iterator[sqlite3.Connection | None]:
    """A snapshot of the database for reading; None if there is no database yet.

    Raises:
        HistoryError: It is damaged, or cannot be read.
    """
    path = path or history_path()
    with telling(path):
        is_there = path.exists() and path.stat().st_size > 0
    if not is_there:
        yield None
        return
    with telling(path):
        connection = read_only(path)
        try:
            check_ours(connection, path)
            if version(connection) >= len(MIGRATIONS):
                migrate(connection)  # raises for a newer database
            else:
                bring_up_to_date(path)
            connection.execute("BEGIN")
        except BaseException:
            connection.close()
            raise
    try:
        yield connection
    except sqlite3.Error:
        with telling(path):
            raise
    finally:
        connection.close()


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot write."""
    uri = path.absolute().as_uri()
    try:
        connection = sqlite3.connect(f"{uri}?mode=ro", uri=True, isolation_level=None, timeout=5.0)
        version(connection)
    except sqlite3.OperationalError:
        if path.with_name(f"{path.name}-wal").exists():
            raise
        # In a folder that cannot be written to, readers cannot make the files that they share.
        connection = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, isolation_level=None)
        version(connection)
    connection.text_factory = _text
    return connection


def bring_up_to_date(path: Path) -> None:
    """Apply the missing steps to an older database.

    Raises:
        HistoryError: Another process is writing.
    """
    why = "The history has to be brought up to date first, and"
    with locked(path, why), opened(path, 5.0) as connection:
        migrate(connection)


@contextmanager
def opened(path: Path, busy_s: float) -> Iterator[sqlite3.Connection]:
    """Open the database for writing; create it, readable by its owner only, if it is missing."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None)
    with closing(connection):
        check_ours(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # one write in five seconds can afford safety
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        yield connection


def _text(content: bytes) -> str:
    """Text from the database, without characters that control a terminal."""
    return clean(content.decode("utf-8", "replace"))


def check_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that another program made.

    Raises:
        HistoryError: Another program made it.
    """
    if version(connection) == 0:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        is_ours = tables == 0
    else:
        is_ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    if not is_ours:
        raise HistoryError(f"{path} is not a history of posture_cam.", "Move it away.")


@contextmanager
def locked(path: Path, why: str = "") -> Iterator[None]:
    """Be the only writer while the block runs.

    Raises:
        HistoryError: Another process is writing.
    """
    from filelock import FileLock, Timeout  # slow to import, and not needed for reading

    lock = FileLock(path.with_suffix(".lock"), mode=0o600, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        who = _who_writes(path)
        words = f"{why} {who} is writing it." if why else f"The history is being written by {who}."
        raise HistoryError(words, "End that one first.") from None
    try:
        yield
    finally:
        lock.release()


def _who_writes(path: Path) -> str:
    with suppress(sqlite3.Error, OSError), closing(read_only(path)) as connection:
        row = connection.execute(
            "SELECT process, start_ms, zone FROM runs WHERE ended IS NULL ORDER BY id DESC LIMIT 1"
        ).fetchone()
        if row is not None:
            since = datetime.fromtimestamp(row[1] / 1000, UTC).astimezone(zone_of(row[2]))
            return f"another posture-cam (process {row[0]}, since {since:%H:%M})"
    return "another posture-cam"


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn errors of SQLite and of the system into a sentence.

    Raises:
        HistoryError: Something failed inside the block.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        words = str(error)
        hint = _CANNOT_WRITE
        if "locked" in words or "busy" in words:
            hint = "Another program holds it; close that one."
        raise HistoryError(f"The history {path} cannot be used ({words}).", hint) from error
    except sqlite3.DatabaseError as error:
        raise HistoryError(
            f"The history {path} is damaged ({error}).",
            f"{TAKE_ALONG} Then move it away; a new one is begun.",
        ) from error
    except OSError as error:
        raise HistoryError(
            f"The history {path} cannot be used ({error.strerror or error}).",
            _CANNOT_WRITE,
        ) from error


def as_ms(utc_s: float) -> int:
    """A time as it is stored: whole milliseconds."""
    return round(utc_s * 1000)
