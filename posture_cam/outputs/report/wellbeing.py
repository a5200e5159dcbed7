"""Exercises and check-ins in a report: tables and a chart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypedDict

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from posture_cam.care.checkins import advice, besides_words, red_flags
from posture_cam.care.exercises import exercise_title
from posture_cam.care.permission import Permission, permission_of
from posture_cam.history import Figures, History, KeptCheckIn, KeptExercise
from posture_cam.ids import State
from posture_cam.outputs.report.content import Rows
from posture_cam.outputs.report.drawing import FONT_PT, Chart, bare, drawn, name_axis, panels
from posture_cam.outputs.report.svg import INK, NECK, STATE_INKS
from posture_cam.words import sentence, words_for

_SHOWN = 12
_PAIN_DAYS = 28


class Care(TypedDict):
    """The part of a report about exercises and check-ins; see `Report`."""

    exercises: tuple[KeptExercise, ...]
    check_ins: tuple[KeptCheckIn, ...]
    lately: tuple[KeptCheckIn, ...]
    figures: tuple[Figures, ...]
    last_day: date
    permission: Permission


def care_of(kept: History, first: date, last: date) -> Care:
    """Exercises of some days, and check-ins and figures of the weeks up to the last of them."""
    since = last - timedelta(days=_PAIN_DAYS - 1)
    check_ins = [one.check_in for one in kept.check_ins(last=last)]
    return Care(
        exercises=tuple(kept.exercises(first, last)),
        check_ins=tuple(kept.check_ins(first, last)),
        lately=tuple(kept.check_ins(since, last)),
        figures=tuple(kept.figures_between(since, last)),
        last_day=last,
        permission=permission_of(check_ins, check_ins[-1].time_utc_s if check_ins else 0.0),
    )


def warnings_of(check_ins: Sequence[KeptCheckIn], permission: Permission) -> list[str]:
    """Warning signs of these days, and earlier ones still standing: their date, and what to do."""
    found = []
    for kept in check_ins:
        signs = [sign.question for sign in red_flags() if sign.name in kept.check_in.flags]
        found += [f"{kept.day:%a} {kept.day.day} {kept.day:%B}: {sign}" for sign in signs]
    if permission.flags:
        found.append(f"Nobody has looked at this yet, as far as check-ins tell. {advice(permission.flags)}")
    elif found:
        found.append("A later check-in says that somebody has looked at it.")
    return found


def exercises_table(exercises: Sequence[KeptExercise]) -> Rows:
    """The exercises done, the latest first."""
    rows = []
    for one in list(reversed(exercises))[:_SHOWN]:
        done = one.done
        times = str(done.repetitions)
        if done.left is not None:
            times += f" (left {done.left}, right {done.right})"
        held = f"{sum(done.holds_s) / len(done.holds_s):.1f} s" if done.holds_s else "–"
        rows.append(
            (
                f"{one.day:%a} {one.day.day} {one.day:%b}, {one.time}",
                exercise_title(done.name),
                times,
                held,
                str(done.refused) if done.is_seen else "–",
                "camera" if done.is_seen else "clock",
                words_for("occasion", one.reason),
            )
        )
    heads = ("When", "Exercise", "Repetitions", "Held, mean", "Half movements", "Counted by", "Why")
    caption = "Exercises" + (f", the last {_SHOWN} of {len(exercises)}" if len(exercises) > _SHOWN else "")
    return Rows(caption, heads, tuple(rows))


def check_ins_table(check_ins: Sequence[KeptCheckIn]) -> Rows:
    """Check-ins, the latest first, each with all further answers below it."""
    rows, below = [], []
    for kept in list(reversed(check_ins))[:_SHOWN]:
        one = kept.check_in
        rows.append(
            (
                f"{kept.day:%a} {kept.day.day} {kept.day:%b}",
                f"{one.pain} of 10",
                ", ".join(place.replace("-", " ") for place in one.places) or "–",
                {True: "yes", False: "no", None: "–"}[one.radiates],
                "–" if one.since_days is None else f"{one.since_days} d",
                ", ".join(one.difficult) or "–",
            )
        )
        besides = besides_words(one)
        words = [f"{sentence(besides)}."] if besides else []
        below.append(" ".join([*words, f"“{one.note}”"] if one.note else words))
    heads = ("When", "Pain", "Where", "Into a leg", "Since", "Difficult")
    caption = "Check-ins (numeric rating scale: 0 none, 10 the worst imaginable)"
    caption += f", the last {_SHOWN} of {len(check_ins)}" if len(check_ins) > _SHOWN else ""
    return Rows(caption, heads, tuple(rows), tuple(below))


def course_of_pain(
    check_ins: Sequence[KeptCheckIn], figures: Sequence[Figures], last: date, days: int = _PAIN_DAYS
) -> Chart | None:
    """Pain and good posture of the last weeks, day by day; None where there are no check-ins."""
    first = last - timedelta(days=days - 1)
    pains = [(kept.day, kept.check_in.pain) for kept in check_ins if first <= kept.day <= last]
    if not pains:
        return None
    shares = [
        (one.day, 100 * one.good_s / one.judged_s)
        for one in figures
        if first <= one.day <= last and one.judged_s > 0
    ]
    names = [f"{first + timedelta(days=number):%d %b}" for number in range(days)]

    def draw(width: float) -> Figure:
        figure, [upper, lower] = panels(width, [1.0, 1.0], shares_x=True)
        upper.plot(
            [(day - first).days for day, _ in pains],
            [pain for _, pain in pains],
            color=NECK,
            marker="o",
            markersize=4,
            linewidth=1.2,
        )
        upper.set_ylim(-0.5, 10.5)
        upper.set_yticks([0, 5, 10])
        upper.set_title("Pain, of 10", loc="left", fontsize=FONT_PT, color=INK)
        lower.bar(
            [(day - first).days for day, _ in shares],
            [share for _, share in shares],
            width=0.7,
            color=STATE_INKS[State.GOOD],
            linewidth=0,
        )
        lower.set_ylim(0, 100)
        lower.set_yticks([0, 50, 100])
        lower.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        lower.set_title("Good posture, of the judged time", loc="left", fontsize=FONT_PT, color=INK)
        for axes in (upper, lower):
            bare(axes, left=True)
        name_axis(lower, names, width)
        return figure

    words = ", ".join(f"{day:%d %b}: {pain}" for day, pain in pains)
    return drawn("pain", draw, "Pain beside good posture, day by day", f"Pain of 10: {words}.")
