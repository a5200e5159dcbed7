"""Reads the history: days as sittings, days and weeks as figures."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from posture_cam.care.programme import Programme
from posture_cam.errors import HistoryError
from posture_cam.history import activities
from posture_cam.history.activities import KeptCheckIn, KeptExercise
from posture_cam.history.database import TAKE_ALONG, reading
from posture_cam.history.days import day_at, day_bounds_s, zone_of
from posture_cam.ids import AlertKind, Measure, Reason, Stance, State, View
from posture_cam.paths import history_path
from posture_cam.runlog import FaultStretch, Hold, Portion, Run, Sitting, Slot, Span, Spoken

_MARGIN = timedelta(days=2)  # no two zones are further apart
# A live run writes every few seconds; after this long without a write it is over, even if a process has its
# number.
_WRITES_WITHIN_S = 300.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one day, or of seven days named by their first day."""

    day: date
    good_s: float
    judged_s: float
    score: float | None


def _telling(method: Callable[P, T]) -> Callable[P, T]:
    """Report impossible values in the database as damage."""

    @wraps(method)
    def told(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return method(*arguments, **options)
        except (ValueError, OverflowError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # a lock or a disk error is not damage
            raise HistoryError(
                f"The history is damaged: it holds impossible values ({error}).",
                f"{TAKE_ALONG} Then posture-cam history delete --all begins a new one.",
            ) from error

    return told


class History:
    """A snapshot of everything stored.

    Use `History.opened()`, which also works if nothing was stored yet.
    """

    def __init__(self, connection: sqlite3.Connection | None, path: Path) -> None:
        self._connection, self._path = connection, path

    @classmethod
    @contextmanager
    def opened(cls, path: Path | None = None) -> Iterator[History]:
        """Open the history for reading; a running monitor may go on writing.

        Raises:
            HistoryError: It is damaged, or cannot be read.
        """
        path = path or history_path()
        with reading(path) as connection:
            yield cls(connection, path)

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return [] if self._connection is None else self._connection.execute(query, values).fetchall()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored."""
        tables = ("runs", "exercises", "check_ins", "programmes")
        return not any(self._rows(f"SELECT 1 FROM {table} LIMIT 1") for table in tables)

    @_telling
    def exercises(self, first: date = date.min, last: date = date.max) -> list[KeptExercise]:
        """Exercises from `first` to `last`, in order of time."""
        return activities.exercises(self._rows, first, last)

    @_telling
    def check_ins(self, first: date = date.min, last: date = date.max) -> list[KeptCheckIn]:
        """Check-ins from `first` to `last`, in order of time."""
        return activities.check_ins(self._rows, first, last)

    @_telling
    def programme(self) -> Programme | None:
        """The programme begun last, even if it was stopped or is over."""
        return activities.programme(self._rows)

    def has_run(self, number: int) -> bool:
        """Whether there is a run with that number."""
        return bool(self._rows("SELECT 1 FROM runs WHERE id = ?", number))

    @_telling
    def days(self) -> list[date]:
        """Every day with a stored run, in order."""
        found: set[date] = set()
        for start_ms, end_ms, zone_words in self._rows("SELECT start_ms, end_ms, zone FROM runs"):
            zone = zone_of(zone_words)
            day, last = day_at(start_ms / 1000, zone), day_at(max(end_ms - 1, start_ms) / 1000, zone)
            while day <= last:
                found.add(day)
                day += timedelta(days=1)
        return sorted(found)

    @_telling
    def days_of_any(self) -> list[date]:
        """Every day with any stored entry: runs, exercises, check-ins, programmes."""
        programme = self.programme()
        return sorted(
            {
                *self.days(),
                *(one.day for one in self.exercises()),
                *(one.day for one in self.check_ins()),
                *([programme.start] if programme is not None else []),
            }
        )

    @_telling
    def days_saved_since(self, utc_s: float) -> list[date]:
        """The days of the recordings saved since a time."""
        rows = self._rows(
            "SELECT start_ms, zone FROM runs WHERE kind = 'analysis' AND saved_ms >= ?", round(utc_s * 1000)
        )
        return sorted({day_at(start_ms / 1000, zone_of(zone)) for start_ms, zone in rows})

    def change_mark(self) -> str:
        """A mark that changes whenever something was written."""
        rows = self._rows(
            "SELECT count(*), max(id), max(end_ms), max(saved_ms), total(end_ms),"
            " (SELECT group_concat(quote(id) || quote(repetitions)) FROM exercises),"
            " (SELECT group_concat(quote(id) || quote(pain) || quote(places) || quote(radiates)"
            " || quote(flags) || quote(is_cleared) || quote(note)) FROM check_ins) FROM runs"
        )
        return "-".join(str(one) for one in rows[0]) if rows else ""

    @_telling
    def sitting(self, day: date) -> Sitting | None:
        """The sitting of a day, or None if nothing is stored for it."""
        found = self.sittings(day, day)
        return found[0] if found else None

    @_telling
    def sittings(self, first: date, last: date) -> list[Sitting]:
        """The stored sittings of the days from `first` to `last`, in order."""
        rows = self._rows(
            "SELECT id, kind, start_ms, end_ms, zone, source, profile, neutral, model, estimator, version,"
            " views, notes, ended, process FROM runs WHERE end_ms >= ? AND start_ms <= ?"
            " ORDER BY start_ms, id",
            *(_utc_ms(one) for one in (first - _MARGIN, last + _MARGIN)),
        )
        by_day: defaultdict[date, list[Sitting]] = defaultdict(list)
        for row in rows:
            for one in self._sittings_of_run(row, first, last):
                assert one.day is not None
                by_day[one.day].append(one)
        return [_joined(by_day[day]) for day in sorted(by_day)]

    @_telling
    def figures(self) -> list[Figures]:
        """The figures of every stored day, in order."""
        judged = self._by_day(date.min, date.max)
        return [judged.get(day) or Figures(day, 0.0, 0.0, None) for day in self.days()]

    @_telling
    def figures_between(self, first: date, last: date) -> list[Figures]:
        """The figures of the days from `first` to `last` with judged time, in order."""
        return sorted(self._by_day(first, last).values(), key=lambda one: one.day)

    @_telling
    def weeks_before(self, day: date, count: int) -> list[Figures]:
        """The figures of the last `count` periods of seven days before `day` with judged time, in order."""
        days = self._by_day(day - timedelta(weeks=count), day - timedelta(days=1))
        weeks: defaultdict[date, list[Figures]] = defaultdict(list)
        for one in days.values():
            weeks[day - timedelta(weeks=((day - one.day).days - 1) // 7 + 1)].append(one)
        found = []
        for start, parts in sorted(weeks.items()):
            judged_s = sum(one.judged_s for one in parts)
            score_s = sum(one.judged_s for one in parts if one.score is not None)
            score_sum = sum((one.score or 0.0) * one.judged_s for one in parts)
            if judged_s > 0:
                score = score_sum / score_s if score_s > 0 else None
                found.append(Figures(start, sum(one.good_s for one in parts), judged_s, score))
        return found

    def _by_day(self, first: date, last: date) -> dict[date, Figures]:
        bounds = (
            _utc_ms(first - _MARGIN) if first > date.min + _MARGIN else 0,
            _utc_ms(last + _MARGIN) if last < date.max - _MARGIN else 1 << 62,
        )
        rows = self._rows(
            "SELECT r.zone, m.start_ms, m.good_s, m.fair_s + m.poor_s, m.score_sum, m.score_s"
            " FROM minutes m JOIN runs r ON r.id = m.run_id WHERE m.start_ms BETWEEN ? AND ?",
            *bounds,
        )
        sums: defaultdict[date, list[float]] = defaultdict(lambda: [0.0] * 4)
        zones = {name: zone_of(name) for name in {row[0] for row in rows}}
        for zone, start_ms, *values in rows:
            total = sums[day_at(start_ms / 1000, zones[zone])]
            for place, value in enumerate(values):
                total[place] += value
        return {
            day: Figures(day, good_s, good_s + bad_s, score_sum / score_s if score_s > 0 else None)
            for day, (good_s, bad_s, score_sum, score_s) in sums.items()
            if first <= day <= last
        }

    def _sittings_of_run(self, row: tuple[Any, ...], first: date, last: date) -> Iterator[Sitting]:
        number, kind, start_ms, end_ms, zone_words = row[:5]
        zone = zone_of(zone_words)
        day = max(first, day_at(start_ms / 1000, zone))
        while day <= min(last, day_at(max(end_ms - 1, start_ms) / 1000, zone)):
            bounds_s = day_bounds_s(day, zone)
            left_ms, right_ms = (round(one * 1000) for one in bounds_s)
            parts = _Parts(self._rows, number, left_ms, right_ms, end_ms, is_live=kind != "analysis")
            run = Run(
                number=number,
                start_s=(max(start_ms, left_ms) - left_ms) / 1000,
                end_s=(min(end_ms, right_ms) - left_ms) / 1000,
                source=row[5],
                is_analysis=kind == "analysis",
                how_it_ended=_ended(row[13], row[14], end_ms),
                profile=row[6],
                neutral=row[7],
                model=row[8],
                estimator=row[9],
                version=row[10],
                views={View.kept(name): seconds for name, seconds in json.loads(row[11]).items()},
                notes=tuple(json.loads(row[12])),
            )
            yield Sitting(
                name=f"{day:%A} {day.day} {day:%B %Y}",
                day=day,
                origin_s=bounds_s[0],
                zone=zone,
                length_s=bounds_s[1] - bounds_s[0],
                runs=(run,),
                spans=parts.spans(),
                slots=parts.slots(),
                faults=parts.faults(),
                holds=parts.times("holds"),
                breaks=parts.times("breaks"),
                spoken=parts.spoken(),
            )
            day += timedelta(days=1)


def _ended(ended: str | None, process: int | None, end_ms: int) -> str:
    """How a run ended; a run without an end is still going only if its process exists and writes."""
    if ended is not None:
        return "" if ended == "done" else ended
    import psutil  # slow to import, and rarely needed

    is_fresh = time.time() - end_ms / 1000 < _WRITES_WITHIN_S
    return "running" if is_fresh and process is not None and psutil.pid_exists(process) else "cut off"


class _Parts:
    """The parts of one run within one day, with times from the day's start."""

    def __init__(
        self, rows: Any, run: int, left_ms: int, right_ms: int, end_ms: int, *, is_live: bool
    ) -> None:
        self._rows, self._run, self._is_live = rows, run, is_live
        self._left_ms, self._right_ms, self._end_ms = left_ms, right_ms, end_ms

    def _at(self, time_ms: int) -> float:
        return (min(max(time_ms, self._left_ms), self._right_ms) - self._left_ms) / 1000

    def _of(self, table: str, columns: str, order: str = "number") -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._rows(
            f"SELECT {columns} FROM {table} WHERE run_id = ? AND end_ms > ? AND start_ms < ?"
            f" ORDER BY {order}",
            self._run,
            self._left_ms,
            self._right_ms,
        )
        return found

    def spans(self) -> tuple[Span, ...]:
        return tuple(
            Span(
                self._at(start_ms),
                self._at(end_ms),
                State.kept(state),
                Reason.kept(reason) if reason else None,
                Measure.kept(worst) if worst else None,
            )
            for start_ms, end_ms, state, reason, worst in self._of(
                "episodes", "start_ms, end_ms, state, reason, worst"
            )
        )

    def faults(self) -> tuple[FaultStretch, ...]:
        return tuple(
            FaultStretch(Measure.kept(measure), self._at(start_ms), self._at(end_ms), worst)
            for measure, start_ms, end_ms, worst in self._of("faults", "measure, start_ms, end_ms, worst")
        )

    def times(self, table: str) -> tuple[Hold, ...]:
        """Whole entries of a table, each on the day it begins, so that one across midnight counts once."""
        return tuple(
            Hold(self._at(start_ms), (end_ms - self._left_ms) / 1000)
            for start_ms, end_ms in self._of(table, "start_ms, end_ms")
            if start_ms >= self._left_ms
        )

    def slots(self) -> tuple[Slot, ...]:
        measures: defaultdict[int, dict[Measure, Portion]] = defaultdict(dict)
        bounds = (self._run, self._left_ms, self._right_ms)
        for start_ms, name, *values in self._rows(
            "SELECT m.start_ms, n.name, m.seconds, m.mean, m.min, m.max, m.error, m.fault_s, m.worst"
            " FROM minute_measures m JOIN measures n ON n.id = m.measure_id"
            " WHERE m.run_id = ? AND m.start_ms >= ? AND m.start_ms < ?",
            *bounds,
        ):
            measures[start_ms][Measure.kept(name)] = Portion(*values)
        return tuple(
            Slot(
                start_s=(start_ms - self._left_ms) / 1000,
                end_s=(start_ms - self._left_ms) / 1000 + 60.0,
                seconds_by_state=dict(zip(State, seconds, strict=True)),
                score_sum=score_sum,
                score_s=score_s,
                changes=changes,
                measures=measures[start_ms],
                run=self._run,
                seconds_by_stance={
                    stance: held_s
                    for stance, held_s in zip(Stance, (sitting_s, standing_s), strict=True)
                    if held_s
                },
                stance_changes=stance_changes,
            )
            for (
                start_ms,
                *seconds,
                score_sum,
                score_s,
                changes,
                sitting_s,
                standing_s,
                stance_changes,
            ) in self._rows(
                "SELECT start_ms, good_s, fair_s, poor_s, away_s, unjudged_s, score_sum, score_s, changes,"
                " sitting_s, standing_s, stance_changes"
                " FROM minutes WHERE run_id = ? AND start_ms >= ? AND start_ms < ? ORDER BY start_ms",
                *bounds,
            )
        )

    def spoken(self) -> tuple[Spoken, ...]:
        return tuple(
            Spoken(
                self._at(time_ms),
                AlertKind.kept(kind),
                Measure.kept(measure) if measure else None,
                held_s,
                message,
                tip_id,
                None if answered_ms is None else (answered_ms - self._left_ms) / 1000,
                (self._end_ms - time_ms) / 1000,
                self._is_live,
            )
            for time_ms, kind, measure, held_s, message, tip_id, answered_ms in self._rows(
                "SELECT time_ms, kind, measure, held_s, message, tip_id, answered_ms FROM alerts"
                " WHERE run_id = ? AND time_ms >= ? AND time_ms < ? ORDER BY time_ms",
                self._run,
                self._left_ms,
                self._right_ms,
            )
        )


def _joined(parts: list[Sitting]) -> Sitting:
    """The runs of one day as one sitting; in the rare case of several zones it spans the day in each."""
    if len(parts) == 1:
        return parts[0]
    origin_s = min(one.origin_s or 0.0 for one in parts)
    moved = [_moved(one, (one.origin_s or 0.0) - origin_s) for one in parts]
    return replace(
        parts[-1],
        origin_s=origin_s,
        length_s=max((one.origin_s or 0.0) + one.length_s for one in parts) - origin_s,
        runs=tuple(run for one in moved for run in one.runs),
        spans=tuple(span for one in moved for span in one.spans),
        slots=tuple(slot for one in moved for slot in one.slots),
        faults=tuple(fault for one in moved for fault in one.faults),
        holds=tuple(hold for one in moved for hold in one.holds),
        breaks=tuple(away for one in moved for away in one.breaks),
        spoken=tuple(said for one in moved for said in one.spoken),
    )


def _moved(sitting: Sitting, by_s: float) -> Sitting:
    if by_s == 0.0:
        return sitting

    def later(one: Any) -> Any:
        return replace(one, start_s=one.start_s + by_s, end_s=one.end_s + by_s)

    return replace(
        sitting,
        runs=tuple(map(later, sitting.runs)),
        spans=tuple(map(later, sitting.spans)),
        slots=tuple(map(later, sitting.slots)),
        faults=tuple(map(later, sitting.faults)),
        holds=tuple(map(later, sitting.holds)),
        breaks=tuple(map(later, sitting.breaks)),
        spoken=tuple(
            replace(
                one,
                time_s=one.time_s + by_s,
                answered_s=None if one.answered_s is None else one.answered_s + by_s,
            )
            for one in sitting.spoken
        ),
    )


def _utc_ms(day: date) -> int:
    return round(day_bounds_s(day, zone_of("UTC+00:00"))[0] * 1000)
