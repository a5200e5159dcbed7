"""The content of a report as plain values; the template only arranges it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from posture_cam.care.permission import Permission
from posture_cam.history import Figures, KeptCheckIn, KeptExercise
from posture_cam.ids import JUDGED_STATES, AlertKind, Measure, Reason, State
from posture_cam.measures import MeasureInfo
from posture_cam.outputs.report.charts import ENOUGH_SLOTS, Shown, chosen_for_charts
from posture_cam.runlog import ANSWERED_WITHIN_S, Sitting, Totals, hold_words, limits_of, statistic, totals
from posture_cam.words import (
    count_words,
    duration_words,
    durations_words,
    error_words,
    sentence,
    unit_words,
    value_words,
    words_for,
    words_of,
)

_WEEKS_COMPARED = 4
_LEAST_WEEK_S = 3600.0
_STRETCHES_SHOWN = 6
_HOLDS_SHOWN = 5
_FAULTS_SHOWN = 6
_A_BREAK_FOLLOWED_S = 600.0
# The times of shorter stretches are shown to the second.
_FINE_BELOW_S = 120.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a recording with what was measured drawn on it; `jpeg` is the file's content."""

    jpeg: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class Report:
    """All the data of a report.

    Attributes:
        sittings: The days in order, or one recording.
        sums: Their totals.
        made_on: The day of the report.
        weeks: Past weeks of the same person, before the first of the days.
        person: Whose report it is, in their own words; or empty.
        pictures: Pictures of the worst stretches, if asked for.
        notes: Sentences about what could not be done.
        exercises: The exercises done on these days.
        check_ins: The check-ins of these days.
        lately: Check-ins of the four weeks up to the last of these days.
        figures: The figures of the same weeks.
        last_day: The last of these days, whether or not anything is stored for it.
        permission: What the person may be offered, according to all check-ins up to that day.
        each: The totals of each of several recordings.
    """

    sittings: tuple[Sitting, ...]
    sums: Totals
    made_on: date
    weeks: tuple[Figures, ...] = ()
    person: str = ""
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    exercises: tuple[KeptExercise, ...] = ()
    check_ins: tuple[KeptCheckIn, ...] = ()
    lately: tuple[KeptCheckIn, ...] = ()
    figures: tuple[Figures, ...] = ()
    last_day: date | None = None
    permission: Permission = field(default_factory=Permission)
    each: tuple[Totals, ...] = ()

    def sums_of(self, number: int) -> Totals:
        """The totals of a sitting; results of recordings bring their own."""
        if len(self.sittings) == 1:
            return self.sums
        return self.each[number] if self.each else totals([self.sittings[number]])

    @property
    def is_recording(self) -> bool:
        """Whether the report is about recordings rather than days."""
        return self.sittings[0].origin_s is None

    @property
    def title(self) -> str:
        """The days, or the recording, in words."""
        first, last = self.sittings[0], self.sittings[-1]
        if first is not last and self.is_recording:
            return count_words(len(self.sittings), "recording")
        if first is last or first.day is None or last.day is None:
            return first.name
        if (first.day.year, first.day.month) == (last.day.year, last.day.month):
            return f"{first.day.day} to {last.day.day} {last.day:%B %Y}"
        start = f"{first.day.day} {first.day:%B}" + (
            "" if first.day.year == last.day.year else f" {first.day:%Y}"
        )
        return f"{start} to {last.day.day} {last.day:%B %Y}"


@dataclass(frozen=True, slots=True)
class Card:
    """A figure of the headline, explained by `words`."""

    label: str
    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: caption, column heads, rows of cells, and the text below each row."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    below: tuple[str, ...] = ()


def cards(report: Report) -> list[Card]:
    """The headline."""
    sums = report.sums
    share = sums.good_share
    good_s = sums.seconds_by_state.get(State.GOOD, 0.0)
    changes, breaks = sums.per_hour(sums.changes), sums.per_hour(sums.breaks)
    found = [
        Card(
            "In good posture",
            long_words(good_s),
            "nothing could be judged"
            if share is None
            else f"{percent(share)} of {long_words(sums.judged_s)} judged",
        ),
        Card(
            "Score",
            "–" if sums.score is None else f"{sums.score:.0f} of 100",
            "nothing could be judged" if sums.score is None else trend_words(report),
        ),
        Card(
            "Posture changes",
            _rate(changes),
            "moving often matters more than one perfect posture"
            if changes is not None
            else "too little was judged to tell how often",
        ),
    ]
    if not report.is_recording:
        found.append(Card("Breaks", _rate(breaks), "a minute or more away from the chair"))
    found.append(Card("Longest hold", hold_words(sums), "in one posture"))
    return found


def trend_words(report: Report) -> str:
    """The score against the user's own past weeks."""
    if report.is_recording:
        return "mean over the judged time"
    if report.sums.judged_s < _LEAST_WEEK_S:
        return "less than an hour was judged: too little to compare with other weeks"
    mean = past_score(report.weeks)
    if mean is None or report.sums.score is None:
        return "no earlier weeks are kept to compare with"
    change = round(report.sums.score) - round(mean)
    if change == 0:
        return f"as in your weeks before ({mean:.0f})"
    points = count_words(abs(change), "point")
    if change > 0:
        return f"{points} above your weeks before ({mean:.0f})"
    return f"{points} below your weeks before ({mean:.0f})"


def is_comparable(report: Report) -> bool:
    """Whether enough was judged for a comparison with past weeks."""
    is_enough = report.sums.judged_s >= _LEAST_WEEK_S and report.sums.score is not None
    return is_enough and not report.is_recording


def past_score(weeks: Sequence[Figures]) -> float | None:
    """The mean score of the last weeks in which enough was judged."""
    told = [week for week in weeks if week.score is not None and week.judged_s >= _LEAST_WEEK_S]
    told = told[-_WEEKS_COMPARED:]
    judged_s = sum(week.judged_s for week in told)
    return sum((week.score or 0.0) * week.judged_s for week in told) / judged_s if told else None


def states_table(report: Report) -> Rows:
    """Seconds by state, for each day or for the recording."""
    names = [sentence(words_for("state_in_report", state)) for state in State]
    heads = ("Recording" if report.is_recording else "Day", *names, "Score")
    rows = []
    for number, sitting in enumerate(report.sittings):
        sums = report.sums_of(number)
        score = "–" if sums.score is None else f"{sums.score:.0f}"
        name = f"{sitting.day:%a} {sitting.day.day} {sitting.day:%b}" if sitting.day else sitting.name
        rows.append((name, *_times_of(sums), score))
    if len(report.sittings) > 1:
        score = "–" if report.sums.score is None else f"{report.sums.score:.0f}"
        rows.append(("All", *_times_of(report.sums), score))
    return Rows("Time in each state", heads, tuple(rows))


def measures_table(report: Report) -> Rows:
    """The measures with their distribution and uncertainty."""
    slots = [slot for sitting in report.sittings for slot in sitting.slots]
    is_short = len(slots) < ENOUGH_SLOTS
    rows = []
    for measure, info in limits_of(report.sittings).items():
        found = statistic(slots, measure)
        if found is None or measure == Measure.STILLNESS or info.group is None:
            continue
        error = "not known" if found.error is None else error_words(measure, found.error)
        rows.append(
            (
                info.label.split(",")[0],
                value_words(measure, found.mean),
                value_words(measure, found.min if is_short else found.p5),
                value_words(measure, found.max if is_short else found.p95),
                error,
                _limit_words(measure, info),
            )
        )
    return Rows(
        "Changes from neutral: mean, and the lowest and highest value"
        if is_short
        else "Changes from neutral; by means, nine tenths of the time lay between low and high",
        (
            "Measure",
            "Mean",
            "Lowest" if is_short else "Low",
            "Highest" if is_short else "High",
            "90 % sure within",
            "Good up to / poor from",
        ),
        tuple(rows),
    )


def rhythm_of(report: Report) -> tuple[list[str], list[float | None], list[float | None]]:
    """Posture changes and breaks an hour: by hour for one day, else by day."""
    labels: list[str] = []
    changes: list[float | None] = []
    breaks: list[float | None] = []
    if len(report.sittings) > 1:
        for number, sitting in enumerate(report.sittings):
            sums = report.sums_of(number)
            labels.append(f"{sitting.day:%d %b}" if sitting.day is not None else sitting.name)
            changes.append(sums.per_hour(sums.changes))
            breaks.append(sums.per_hour(sums.breaks))
        return labels, changes, breaks
    sitting = report.sittings[0]
    hours = sorted({int(slot.start_s // 3600) for slot in sitting.slots})
    for hour in hours:
        inside = [slot for slot in sitting.slots if int(slot.start_s // 3600) == hour]
        judged_s = sum(slot.seconds_by_state.get(state, 0.0) for slot in inside for state in JUDGED_STATES)
        count = sum(1 for away in sitting.breaks if int(away.start_s // 3600) == hour)
        is_enough = judged_s >= 600.0
        labels.append(sitting.time_at(hour * 3600.0))
        changes.append(sum(slot.changes for slot in inside) / judged_s * 3600 if is_enough else None)
        breaks.append(count / judged_s * 3600 if is_enough else None)
    return labels, changes, breaks


def rhythm_table(report: Report) -> Rows:
    """The same as a table."""
    labels, changes, breaks = rhythm_of(report)
    rows = tuple(
        (label, "–" if change is None else f"{change:.1f}", "–" if away is None else f"{away:.1f}")
        for label, change, away in zip(labels, changes, breaks, strict=True)
    )
    first = "Recording" if report.is_recording else "Day" if len(report.sittings) > 1 else "From"
    return Rows("Per judged hour", (first, "Posture changes", "Breaks"), rows)


def holds_table(report: Report) -> Rows:
    """The longest times in one posture."""
    found = [(hold, sitting) for sitting in report.sittings for hold in sitting.holds]
    found.sort(key=lambda one: -one[0].seconds)
    rows = tuple(
        (when(sitting, hold.start_s, hold.end_s, report), duration_words(hold.seconds))
        for hold, sitting in found[:_HOLDS_SHOWN]
    )
    return Rows("Longest times in one posture", ("When", "How long"), rows)


def stretches_table(report: Report) -> Rows:
    """The longest stretches outside the good range."""
    info = limits_of(report.sittings)
    found = [(fault, sitting) for sitting in report.sittings for fault in sitting.faults]
    found.sort(key=lambda one: -one[0].seconds)
    rows = tuple(
        (
            when(sitting, fault.start_s, fault.end_s, report),
            duration_words(fault.seconds),
            sentence(info[fault.measure].fault),
            value_words(fault.measure, fault.worst),
        )
        for fault, sitting in found[:_STRETCHES_SHOWN]
    )
    return Rows("Longest stretches outside the good range", ("When", "How long", "What", "Up to"), rows)


def faults_table(report: Report) -> Rows:
    """The table of faults."""
    info = limits_of(report.sittings)
    judged_s = report.sums.judged_s
    rows = tuple(
        (
            sentence(info[fault.measure].fault),
            duration_words(fault.seconds),
            percent(fault.seconds / judged_s) if judged_s > 0 else "–",
            value_words(fault.measure, fault.worst),
        )
        for fault in report.sums.faults[:_FAULTS_SHOWN]
    )
    return Rows("What was off", ("What", "How long", "Of the judged time", "Up to"), rows)


def alerts_table(report: Report) -> Rows:
    """Alerts by subject, and whether they helped."""
    info = limits_of(report.sittings)
    groups: dict[str, list[bool | None]] = {}
    for sitting in report.sittings:
        for one in sitting.spoken:
            if not one.is_live and not report.is_recording:
                continue
            if one.kind == AlertKind.BREAK:
                followed = any(
                    0 <= away.start_s - one.time_s <= _A_BREAK_FOLLOWED_S for away in sitting.breaks
                )
                is_told = followed or one.watched_s >= _A_BREAK_FOLLOWED_S
                groups.setdefault("Time for a break", []).append(followed if is_told else None)
            elif one.kind == AlertKind.CHANGE:
                until_s = one.time_s + _A_BREAK_FOLLOWED_S
                followed = any(
                    slot.stance_changes and one.time_s < slot.end_s and slot.start_s <= until_s
                    for slot in sitting.slots
                )
                is_told = followed or one.watched_s >= _A_BREAK_FOLLOWED_S
                groups.setdefault(words_of(one.kind), []).append(followed if is_told else None)
            else:
                name = "Camera moved" if one.measure is None else sentence(info[one.measure].fault)
                groups.setdefault(name, []).append(one.was_answered)
    rows = []
    for name, helped in groups.items():
        told = [one for one in helped if one is not None]
        words = "cannot be told" if not told or report.is_recording else f"{sum(told)} of {len(told)}"
        rows.append((name, str(len(helped)), words))
    within = f"Answered within {ANSWERED_WITHIN_S:.0f} s (breaks: {_A_BREAK_FOLLOWED_S / 60:.0f} min)"
    return Rows("Alerts and what followed", ("About", "Alerts", within), tuple(rows))


def alert_words(report: Report) -> str:
    """Whether alerts helped, in a sentence."""
    if report.is_recording:
        count = len(report.sums.spoken)
        if not count:
            return "A live monitor would have kept quiet."
        where = "this recording" if len(report.sittings) == 1 else "these recordings"
        return f"A live monitor would have spoken up {_times(count)} in {where}."
    faults = [one for one in report.sums.spoken if one.is_about_posture]
    if not faults:
        return "No posture was worth an alert."
    helped, told = report.sums.answered
    if not told:
        return f"The monitor spoke up {_times(len(faults))}; the runs ended too soon to tell what followed."
    return (
        f"The monitor spoke up {_times(len(faults))} about posture. After {helped} of {told} you sat well "
        f"again, or got up, within {ANSWERED_WITHIN_S:.0f} seconds."
    )


def unseen_table(report: Report) -> Rows:
    """The time that could not be judged, by reason."""
    reasons = sorted(report.sums.unjudged_s_by_reason.items(), key=lambda item: -item[1])
    rows = tuple((_reason(reason), duration_words(seconds)) for reason, seconds in reasons if seconds >= 0.5)
    return Rows("Not judged", ("Why", "How long"), rows)


def runs_table(report: Report) -> Rows:
    """How the sittings were measured, one row for each set-up."""
    found: dict[tuple[str, ...], float] = {}
    for sitting in report.sittings:
        for run in sitting.runs:
            seen = sorted(run.views, key=lambda view: -run.views[view])
            views = ", ".join(words_of(view) for view in seen if run.views[view] >= 1.0)
            profile = f" (profile {run.profile})" if run.profile else ""
            key = (
                run.source,
                "recording" if run.is_analysis else "live",
                views or "–",
                (run.neutral or "none") + profile,
                run.model,
                run.estimator or "none: formulas",
                run.version,
            )
            found[key] = found.get(key, 0.0) + run.end_s - run.start_s
    rows = tuple((*key[:4], duration_words(seconds), *key[4:]) for key, seconds in found.items())
    heads = (
        "Source",
        "Kind",
        "Seen from",
        "Compared with",
        "How long",
        "Pose model",
        "Estimator",
        "posture_cam",
    )
    return Rows("Sources", heads, rows)


def notes_of(report: Report) -> list[str]:
    """Every note of the runs, once."""
    found = [note for sitting in report.sittings for run in sitting.runs for note in run.notes]
    return list(dict.fromkeys([*found, *report.notes]))


def shown_of(report: Report) -> list[Shown]:
    """The measures that charts show."""
    return chosen_for_charts(report.sittings, limits_of(report.sittings))


def when(sitting: Sitting, start_s: float, end_s: float, report: Report) -> str:
    """A stretch of time in words, with the day if there are several."""
    is_fine = end_s - start_s < _FINE_BELOW_S
    times = f"{sitting.time_at(start_s, is_fine=is_fine)} to {sitting.time_at(end_s, is_fine=is_fine)}"
    if len(report.sittings) == 1:
        return times
    if sitting.day is None:
        return f"{sitting.name}, {times}"
    return f"{sitting.day:%a} {sitting.day.day} {sitting.day:%b}, {times}"


def long_words(seconds: float) -> str:
    """A duration, in whole hours if it is long."""
    return f"{seconds / 3600:.0f} h" if seconds >= 360_000 else duration_words(seconds)


def percent(share: float) -> str:
    """A share as people write it."""
    return f"{100 * share:.0f} %"


def _limit_words(measure: Measure, info: MeasureInfo) -> str:
    if info.good is None or info.poor is None:
        return "–"
    sign = "±" if info.two_sided else ""
    unit = unit_words(info)
    unit = unit if unit == "°" else f" {unit}"
    words = f"{sign}{info.good:g} / {sign}{info.poor:g}{unit}"
    return words.replace("-", "−")


def _rate(per_hour: float | None) -> str:
    return "–" if per_hour is None else f"{per_hour:.1f} / h"


def _times_of(sums: Totals) -> list[str]:
    return durations_words([sums.seconds_by_state.get(state, 0.0) for state in State])


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _reason(reason: Reason) -> str:
    return sentence(words_of(reason))
