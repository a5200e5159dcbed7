"""A personal plan of some weeks: its exercises, their frequency, and the progress.

The article's figures: 4 to 6 weeks, 2 to 3 sessions a week; many notice a change after 2 to 3 weeks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from posture_cam.care.checkins import SEVERE_PAIN, CheckIn, Place
from posture_cam.care.exercises import (
    Aim,
    Exercise,
    exercise_for,
    exercise_title,
    known_exercises,
    load_exercises,
)
from posture_cam.care.permission import Permission
from posture_cam.errors import UsageError
from posture_cam.ids import Measure

WEEKS, PER_WEEK = (4, 6), (2, 3)
# Chosen, as the times in the article are whole weeks.
CHANGE_AFTER_DAYS = 14
# Exercises in a session, and the number of worst faults that are a reason for an exercise.
_IN_SESSION, _FOR_FAULTS = 5, 2
_WITH_REASON = 2
_AIMS_IN_TURN = (Aim.STRENGTH, Aim.MOBILITY, Aim.POSTURE, Aim.PAIN, Aim.PREVENTION)
# A session counts with this share of its exercises on one day.
_DONE_SHARE = 0.6
# Share of each dose in the first and second week's worth of sessions, and from then on.
_DOSE_BY_WEEK = (0.5, 0.75, 1.0)
_FOR_PLACE = {
    Place.NECK: ("neck-side-stretch", "chin-tuck"),
    Place.SHOULDERS: ("shoulder-shrug", "shoulder-blade-squeeze"),
    Place.UPPER_BACK: ("thoracic-extension", "shoulder-blade-squeeze"),
    Place.LOWER_BACK: ("standing-back-extension", "side-bend"),
}


@dataclass(frozen=True, slots=True)
class Programme:
    """A plan that somebody has begun.

    Attributes:
        start: Its first day.
        weeks: Number of weeks.
        per_week: Sessions a week.
        sessions: The exercises of each session by name; the sessions repeat in turn.
        reasons: The reasons for these exercises, in sentences.
        stopped: The day it was stopped, if it was.
    """

    start: date
    weeks: int
    per_week: int
    sessions: tuple[tuple[str, ...], ...]
    reasons: tuple[str, ...] = ()
    stopped: date | None = None

    @property
    def end(self) -> date:
        """The first day after the programme."""
        return self.start + timedelta(weeks=self.weeks)

    @property
    def session_count(self) -> int:
        """Total number of sessions."""
        return self.weeks * self.per_week


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a programme has got.

    Attributes:
        done: Days with a session.
        due: Sessions that should be done by now.
        next_day: When the next session is due; None after the last one.
        next_names: Its exercises.
        today_names: The exercises of today's session if one was done today, else of the next.
        dose_share: The share of each dose to do now; it grows with the sessions done.
        week: The current week, from 1.
    """

    done: tuple[date, ...]
    due: int
    next_day: date | None
    next_names: tuple[str, ...]
    today_names: tuple[str, ...]
    dose_share: float
    week: int


def plan(
    faults: Mapping[Measure, float],
    check_ins: Sequence[CheckIn],
    labels: Mapping[Measure, str],
    *,
    start: date,
    weeks: int = WEEKS[1],
    per_week: int = PER_WEEK[1],
) -> Programme:
    """A plan from a person's own worst faults and check-ins.

    Args:
        faults: Seconds outside the good range in the last weeks, by measure.
        check_ins: Check-ins in order of time.
        labels: Names of the faults, for the reasons.
        start: The first day.
        weeks: 4 to 6.
        per_week: 2 or 3 sessions.

    Raises:
        UsageError: Weeks or sessions lie outside the article's range.
    """
    for value, (least, most), what in ((weeks, WEEKS, "weeks"), (per_week, PER_WEEK, "sessions a week")):
        if not least <= value <= most:
            raise UsageError(
                f"A programme has {least} to {most} {what}.", "These are the figures of the article."
            )
    last = check_ins[-1] if check_ins else None
    is_gentle = last is not None and last.pain >= SEVERE_PAIN
    permission = Permission(is_severe=is_gentle)  # red flags postpone a plan but do not change its exercises
    allowed = [one for one in load_exercises() if permission.allows(one)]
    reasons: dict[str, str] = {}
    for fault in sorted(faults, key=lambda name: -faults[name])[:_FOR_FAULTS]:
        label = labels.get(fault) or fault.rsplit("_", 1)[0].replace("_", " ")
        words = f"{label} was among what was off for longest."
        if (exercise := exercise_for(fault)) is not None:
            reasons.setdefault(exercise.name, words)
    for place in last.places if last is not None and last.pain else ():
        for name in _FOR_PLACE.get(place, ()):
            reasons.setdefault(name, f"you told of pain in the {place.replace('-', ' ')}.")
    allowed_names = [one.name for one in allowed]
    first = [name for name in reasons if name in allowed_names]
    sessions = _sessions(first, allowed, per_week)
    told = [f"{exercise_title(name)}: {reasons[name]}" for name in first]
    if is_gentle:
        told.append("Your pain is severe, so there are only gentle exercises for now.")
    return Programme(start, weeks, per_week, sessions, tuple(told))


def _sessions(
    first: Sequence[str], allowed: Sequence[Exercise], per_week: int
) -> tuple[tuple[str, ...], ...]:
    """The sessions of a week: exercises with a reason in turn, then one of each aim."""
    by_aim: defaultdict[Aim, list[str]] = defaultdict(list)
    for exercise in allowed:
        if exercise.name not in first:
            by_aim[exercise.aim].append(exercise.name)
    each = min(len(first), max(_WITH_REASON, -(-len(first) // per_week)))
    found = []
    for number in range(per_week):
        names = [first[(number * each + place) % len(first)] for place in range(each)]
        for aim in _AIMS_IN_TURN:
            if len(names) < _IN_SESSION and by_aim[aim]:
                names.append(by_aim[aim][number % len(by_aim[aim])])
        found.append(tuple(names))
    return tuple(found)


def progress(programme: Programme, done: Mapping[date, Mapping[str, int]], today: date) -> Progress:
    """How far a programme has got.

    Args:
        programme: The programme.
        done: Repetitions by day and exercise.
        today: The current day.
    """
    sessions: list[date] = []
    for day in sorted(done):
        if not programme.start <= day < programme.end or len(sessions) >= programme.session_count:
            continue
        this_week = [
            one for one in sessions if (one - programme.start).days // 7 == (day - programme.start).days // 7
        ]
        names = programme.sessions[len(sessions) % len(programme.sessions)]
        if len(this_week) < programme.per_week and _is_session(
            names, done[day], _dose_share(programme, sessions)
        ):
            sessions.append(day)
    days_in = (min(today, programme.end - timedelta(days=1)) - programme.start).days
    due_days = _due_days(programme)
    is_over = len(sessions) >= programme.session_count or today >= programme.end
    next_day = None
    if not is_over:
        next_day = max(due_days[len(sessions)], today)
        if sessions:  # a day of rest between two sessions
            next_day = max(next_day, sessions[-1] + timedelta(days=2))
    next_names = () if is_over else programme.sessions[len(sessions) % len(programme.sessions)]
    was_today = bool(sessions) and sessions[-1] == today
    return Progress(
        tuple(sessions),
        sum(day <= today for day in due_days),
        next_day,
        next_names,
        programme.sessions[(len(sessions) - 1) % len(programme.sessions)] if was_today else next_names,
        _dose_share(programme, sessions),
        max(days_in, 0) // 7 + 1,
    )


def _dose_share(programme: Programme, sessions: Sequence[date]) -> float:
    """The share of each dose; it grows with the number of sessions done, not with the calendar."""
    return _DOSE_BY_WEEK[min(len(sessions) // programme.per_week, len(_DOSE_BY_WEEK) - 1)]


def _is_session(names: Sequence[str], done: Mapping[str, int], share: float) -> bool:
    """Whether enough of a session was done: half of the dose of most of its exercises."""
    known = known_exercises(names)
    enough = [one for one in known if 2 * done.get(one.name, 0) >= one.with_share(share).total]
    return bool(known) and len(enough) >= _DONE_SHARE * len(known)


def _due_days(programme: Programme) -> list[date]:
    """When each session is due, spread over the week with days of rest between."""
    return [
        programme.start + timedelta(days=7 * week + number * 7 // programme.per_week)
        for week in range(programme.weeks)
        for number in range(programme.per_week)
    ]


def change_in_pain(programme: Programme, check_ins: Sequence[tuple[date, int]], today: date) -> str:
    """The change of pain since the start; empty in the first two weeks, or without check-ins."""
    if (today - programme.start).days < CHANGE_AFTER_DAYS:
        return ""
    week = timedelta(days=7)
    before = [pain for day, pain in check_ins if programme.start - week <= day < programme.start + week]
    now = [pain for day, pain in check_ins if today - week < day <= today]
    if not before or not now:
        return ""
    then_mean, now_mean = sum(before) / len(before), sum(now) / len(now)
    return f"Pain: {then_mean:.1f} of 10 around the start, {now_mean:.1f} of 10 in the last seven days."
