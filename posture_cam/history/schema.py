"""The tables of the history, as a list of steps that each database goes through once.

`user_version` of a database is the number of steps it has gone through.  Add new steps at the end; never
change a released step.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from posture_cam.errors import HistoryError
from posture_cam.history.old_words import OLD_REASON_IDS

APPLICATION_ID = 0x706F7374  # "post", which identifies the file as ours

Step = Callable[[sqlite3.Connection], None]
MIGRATIONS: list[Step] = []


def _step(function: Step) -> Step:
    MIGRATIONS.append(function)
    return function


def migrate(connection: sqlite3.Connection, steps: list[Step] | None = None) -> int:
    """Bring a database up to date; each step is done completely or not at all.

    Returns:
        How many steps were done.

    Raises:
        HistoryError: A newer posture_cam made the database.
        sqlite3.Error: The database cannot be written.
    """
    steps = MIGRATIONS if steps is None else steps
    done = version(connection)
    if done > len(steps):
        raise HistoryError(
            "The history was written by a newer posture_cam.", "Bring posture_cam up to date to read it."
        )
    for number in range(done, len(steps)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version(connection) == number:  # else another process was faster
                steps[number](connection)
                connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return len(steps) - done


def version(connection: sqlite3.Connection) -> int:
    """How many steps the database has gone through."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@_step
def runs_episodes_minutes(connection: sqlite3.Connection) -> None:
    """Tables of runs and of what was seen in them."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for statement in (
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL CHECK (kind IN ('monitor', 'analysis')),
            start_ms INTEGER NOT NULL,
            end_ms INTEGER NOT NULL,
            zone TEXT NOT NULL,
            source TEXT NOT NULL,
            profile TEXT,
            neutral TEXT,
            model TEXT NOT NULL DEFAULT '',
            estimator TEXT,
            version TEXT NOT NULL,
            views TEXT NOT NULL DEFAULT '{}',
            notes TEXT NOT NULL DEFAULT '[]',
            ended TEXT CHECK (ended IN ('done', 'interrupted', 'cut off')),
            process INTEGER,
            saved_ms INTEGER NOT NULL,
            content TEXT
        )""",
        "CREATE INDEX runs_by_time ON runs (start_ms, end_ms)",
        """CREATE TABLE episodes (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            start_ms INTEGER NOT NULL,
            end_ms INTEGER NOT NULL,
            state TEXT NOT NULL,
            reason TEXT,
            worst TEXT,
            PRIMARY KEY (run_id, number)
        ) WITHOUT ROWID""",
        """CREATE TABLE minutes (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            start_ms INTEGER NOT NULL,
            good_s REAL NOT NULL,
            fair_s REAL NOT NULL,
            poor_s REAL NOT NULL,
            away_s REAL NOT NULL,
            unjudged_s REAL NOT NULL,
            score_sum REAL NOT NULL,
            score_s REAL NOT NULL,
            changes INTEGER NOT NULL,
            PRIMARY KEY (run_id, start_ms)
        ) WITHOUT ROWID""",
        "CREATE TABLE measures (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        """CREATE TABLE minute_measures (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            start_ms INTEGER NOT NULL,
            measure_id INTEGER NOT NULL REFERENCES measures (id),
            seconds REAL NOT NULL,
            mean REAL NOT NULL,
            min REAL NOT NULL,
            max REAL NOT NULL,
            error REAL,
            fault_s REAL NOT NULL,
            worst REAL,
            PRIMARY KEY (run_id, start_ms, measure_id)
        ) WITHOUT ROWID""",
        """CREATE TABLE alerts (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            time_ms INTEGER NOT NULL,
            kind TEXT NOT NULL,
            measure TEXT,
            held_s REAL NOT NULL,
            message TEXT NOT NULL,
            tip_id TEXT NOT NULL,
            answered_ms INTEGER,
            PRIMARY KEY (run_id, number)
        ) WITHOUT ROWID""",
        """CREATE TABLE breaks (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            start_ms INTEGER NOT NULL,
            end_ms INTEGER NOT NULL,
            PRIMARY KEY (run_id, number)
        ) WITHOUT ROWID""",
    ):
        connection.execute(statement)


@_step
def stretches_and_holds(connection: sqlite3.Connection) -> None:
    """Tables of when a measure was outside its good range, and how long a posture was held."""
    for statement in (
        """CREATE TABLE faults (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            measure TEXT NOT NULL,
            start_ms INTEGER NOT NULL,
            end_ms INTEGER NOT NULL,
            worst REAL NOT NULL,
            PRIMARY KEY (run_id, number)
        ) WITHOUT ROWID""",
        """CREATE TABLE holds (
            run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            start_ms INTEGER NOT NULL,
            end_ms INTEGER NOT NULL,
            PRIMARY KEY (run_id, number)
        ) WITHOUT ROWID""",
    ):
        connection.execute(statement)


@_step
def exercises_check_ins_programmes(connection: sqlite3.Connection) -> None:
    """Tables of exercises, check-ins and programmes."""
    for statement in (
        """CREATE TABLE exercises (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            start_ms INTEGER NOT NULL,
            end_ms INTEGER NOT NULL,
            zone TEXT NOT NULL,
            name TEXT NOT NULL,
            repetitions INTEGER NOT NULL,
            left_count INTEGER,
            right_count INTEGER,
            holds TEXT NOT NULL DEFAULT '[]',
            refused INTEGER NOT NULL DEFAULT 0,
            is_seen INTEGER NOT NULL,
            is_whole INTEGER NOT NULL,
            reason TEXT NOT NULL CHECK (reason IN ('own', 'break', 'programme'))
        )""",
        """CREATE TABLE check_ins (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            time_ms INTEGER NOT NULL,
            zone TEXT NOT NULL,
            pain INTEGER NOT NULL CHECK (pain BETWEEN 0 AND 10),
            places TEXT NOT NULL DEFAULT '[]',
            radiates INTEGER,
            since_days INTEGER,
            returns INTEGER,
            difficult TEXT NOT NULL DEFAULT '[]',
            flags TEXT NOT NULL DEFAULT '[]',
            wants_alternative INTEGER,
            is_cleared INTEGER NOT NULL DEFAULT 0,
            note TEXT NOT NULL DEFAULT ''
        )""",
        """CREATE TABLE programmes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            start_day TEXT NOT NULL,
            weeks INTEGER NOT NULL,
            per_week INTEGER NOT NULL,
            sessions TEXT NOT NULL,
            reasons TEXT NOT NULL DEFAULT '[]',
            stopped_day TEXT
        )""",
    ):
        connection.execute(statement)


@_step
def reasons_by_id(connection: sqlite3.Connection) -> None:
    """Replace the sentences of reasons by ids, as the wording may change."""
    connection.executemany(
        "UPDATE episodes SET reason = ? WHERE reason = ?",
        [(reason, words) for words, reason in OLD_REASON_IDS.items()],
    )


@_step
def leaning_back(connection: sqlite3.Connection) -> None:
    """Make leaning back a measure of its own; it was kept as a trunk inclination below 0."""
    back, trunk = "leaning_back_deg", "trunk_inclination_change_deg"
    connection.execute("INSERT OR IGNORE INTO measures (name) VALUES (?)", (back,))
    connection.execute(
        "UPDATE faults SET measure = ?, worst = -worst WHERE measure = ? AND worst < 0", (back, trunk)
    )
    connection.execute(
        "INSERT OR IGNORE INTO minute_measures (run_id, start_ms, measure_id, seconds, mean, min, max, error,"
        " fault_s, worst) SELECT run_id, start_ms, (SELECT id FROM measures WHERE name = ?), seconds,"
        " max(-mean, 0), max(-max, 0), max(-min, 0), error, fault_s, -worst FROM minute_measures"
        " WHERE worst < 0 AND measure_id = (SELECT id FROM measures WHERE name = ?)",
        (back, trunk),
    )
    connection.execute(
        "UPDATE minute_measures SET fault_s = 0, worst = NULL"
        " WHERE worst < 0 AND measure_id = (SELECT id FROM measures WHERE name = ?)",
        (trunk,),
    )


@_step
def stances(connection: sqlite3.Connection) -> None:
    """Time sitting and standing in each minute, and how often it changed."""
    for column in ("sitting_s REAL", "standing_s REAL", "stance_changes INTEGER"):
        connection.execute(f"ALTER TABLE minutes ADD COLUMN {column} NOT NULL DEFAULT 0")
