"""Deletes stored entries, inside a transaction of the caller."""

from __future__ import annotations

import sqlite3
from datetime import date

from posture_cam.history.database import as_ms
from posture_cam.history.days import day_bounds_s, zone_of

_TABLES_OF_PARTS = ("episodes", "faults", "holds", "breaks")
# Tables of independent entries, and the column with their time.
_TABLES_OF_CARE = {"exercises": "start_ms", "check_ins": "time_ms"}


def delete_all(connection: sqlite3.Connection) -> int:
    """Delete everything; return how many entries there were."""
    count = connection.execute("DELETE FROM runs").rowcount
    for table in (*_TABLES_OF_CARE, "programmes"):
        count += connection.execute(f"DELETE FROM {table}").rowcount
    return int(count)


def delete_before(connection: sqlite3.Connection, day: date, *, keeps_open: bool = False) -> int:
    """Delete everything before a day, in the zone of each entry; a run that began before it is cut.

    Args:
        connection: The database.
        day: The first day that stays.
        keeps_open: Leave exercises of a running programme, and red flags nobody has looked at.

    Returns:
        How many entries were deleted or cut.
    """
    touched = 0
    rows = connection.execute("SELECT id, start_ms, end_ms, zone FROM runs").fetchall()
    for run, start_ms, end_ms, zone in rows:
        edge_ms = as_ms(day_bounds_s(day, zone_of(zone))[0])
        if start_ms >= edge_ms:
            continue
        touched += 1
        if end_ms <= edge_ms:
            connection.execute("DELETE FROM runs WHERE id = ?", (run,))
            continue
        for table in _TABLES_OF_PARTS:
            connection.execute(f"DELETE FROM {table} WHERE run_id = ? AND end_ms <= ?", (run, edge_ms))
            connection.execute(
                f"UPDATE {table} SET start_ms = max(start_ms, ?) WHERE run_id = ?", (edge_ms, run)
            )
        for table in ("minutes", "minute_measures"):
            connection.execute(f"DELETE FROM {table} WHERE run_id = ? AND start_ms < ?", (run, edge_ms))
        connection.execute("DELETE FROM alerts WHERE run_id = ? AND time_ms < ?", (run, edge_ms))
        connection.execute("UPDATE runs SET start_ms = ? WHERE id = ?", (edge_ms, run))
    return touched + _delete_care_before(connection, day, keeps_open=keeps_open)


def _delete_care_before(connection: sqlite3.Connection, day: date, *, keeps_open: bool) -> int:
    touched = 0
    execute = connection.execute
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
