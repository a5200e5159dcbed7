"""Programmes based on the history: a person's plan, its progress, and what has changed."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from posture_cam.care.permission import Permission, permission_of
from posture_cam.care.programme import (
    CHANGE_AFTER_DAYS,
    Programme,
    Progress,
    change_in_pain,
    plan,
    progress,
)
from posture_cam.errors import HistoryError
from posture_cam.history import History, today
from posture_cam.ids import Measure
from posture_cam.measures import load_measures
from posture_cam.runlog import totals

# Chosen: plans consider the faults of two weeks.
_FAULT_DAYS = 14
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Standing:
    """A person's programme and progress.

    Attributes:
        programme: The programme begun last; None if there was none.
        progress: Its progress; None if no programme is running.
        changes: What has changed, in sentences; after two weeks at the earliest.
        done_today: Repetitions by exercise.
        permission: Which exercises may be offered.
    """

    programme: Programme | None
    progress: Progress | None
    changes: tuple[str, ...]
    done_today: Mapping[str, int]
    permission: Permission


def permission() -> Permission:
    """Which exercises may be offered to the person now, according to their check-ins.

    If the history cannot be read, only gentle exercises are allowed; the error is reported elsewhere.
    """
    try:
        with History.opened() as kept:
            return permission_of([one.check_in for one in kept.check_ins()], time.time())
    except HistoryError:
        return Permission(is_unknown=True)


def standing() -> Standing:
    """The person's programme and progress today.

    Raises:
        HistoryError: The history cannot be read.
    """
    day = today()
    with History.opened() as kept:
        check_ins = kept.check_ins()
        permission = permission_of([one.check_in for one in check_ins], time.time())
        programme = kept.programme()
        if programme is None or programme.stopped is not None or day >= programme.end + _WEEK:
            return Standing(programme, None, (), {}, permission)
        done: defaultdict[date, Counter[str]] = defaultdict(Counter)
        for one in kept.exercises(programme.start, day):
            done[one.day][one.done.name] += one.done.repetitions
        changes = [
            change_in_pain(programme, [(one.day, one.check_in.pain) for one in check_ins], day),
            _change_in_posture(kept, programme, day),
        ]
    told = tuple(words for words in changes if words)
    return Standing(programme, progress(programme, done, day), told, done[day], permission)


def proposal(weeks: int, per_week: int) -> Programme:
    """A plan from the faults of the last two weeks and the check-ins.

    Raises:
        UsageError: Weeks or sessions lie outside the article's range.
        HistoryError: The history cannot be read.
    """
    day = today()
    with History.opened() as kept:
        sums = totals(kept.sittings(day - timedelta(days=_FAULT_DAYS), day))
        check_ins = [one.check_in for one in kept.check_ins(day - timedelta(days=_FAULT_DAYS), day)]
    labels = {name: info.fault for name, info in load_measures("estimated").items()}
    faults: dict[Measure, float] = {fault.measure: fault.seconds for fault in sums.faults}
    return plan(faults, check_ins, labels, start=day, weeks=weeks, per_week=per_week)


def _change_in_posture(kept: History, programme: Programme, day: date) -> str:
    """The share of good posture in the first week compared with the last seven days, in a sentence."""
    if (day - programme.start).days < CHANGE_AFTER_DAYS:
        return ""
    then = totals(kept.sittings(programme.start, programme.start + _WEEK - timedelta(days=1))).good_share
    now = totals(kept.sittings(day - _WEEK + timedelta(days=1), day)).good_share
    if then is None or now is None:
        return ""
    return f"Good posture: {100 * then:.0f} % of the judged time in the first week, {100 * now:.0f} % now."
