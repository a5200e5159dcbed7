"""What people did for their back, and how it was with them: tables and a chart of a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TypedDict

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from posture_cam.checkins import besides_words
from posture_cam.exercises import exercise_title
from posture_cam.history import Figures, History, KeptCheckIn, KeptExercise
from posture_cam.outputs.report.content import Rows
from posture_cam.outputs.report.drawing import FONT_PT, Chart, bare, drawn, name_axis, panels
from posture_cam.outputs.report.svg import INK, NECK, STATE_INKS
from posture_cam.records import State

_SHOWN = 12
_PAIN_DAYS = 28
_REASONS = {"own": "own wish", "break": "offered in a break", "programme": "programme"}


class Care(TypedDict):
    """What a report tells of exercises and check-ins; see `Report`."""

    exercises: tuple[KeptExercise, ...]
    check_ins: tuple[KeptCheckIn, ...]
    lately: tuple[KeptCheckIn, ...]
    figures: tuple[Figures, ...]
    last_day: date


def care_of(kept: History, first: date, last: date) -> Care:
    """Exercises of some days, and check-ins and figures of the weeks up to the last of them."""
    since = last - timedelta(days=_PAIN_DAYS - 1)
    return Care(
        exercises=tuple(kept.exercises(first, last)),
        check_ins=tuple(kept.check_ins(first, last)),
        lately=tuple(kept.check_ins(since, last)),
        figures=tuple(kept.figures_between(since, last)),
        last_day=last,
    )


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
                _REASONS.get(one.reason, one.reason),
            )
        )
    heads = ("When", "Exercise", "Repetitions", "Held, mean", "Half movements", "Counted by", "Why")
    caption = "Exercises" + (f", the last {_SHOWN} of {len(exercises)}" if len(exercises) > _SHOWN else "")
    return Rows(caption, heads, tuple(rows))


def check_ins_table(check_ins: Sequence[KeptCheckIn]) -> Rows:
    """Check-ins, the latest first."""
    rows = []
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
                besides_words(one) or "–",
                one.note or "–",
            )
        )
    heads = ("When", "Pain", "Where", "Into a leg", "Since", "Difficult", "Besides", "In their own words")
    caption = "Check-ins (numeric rating scale: 0 none, 10 the worst imaginable)"
    caption += f", the last {_SHOWN} of {len(check_ins)}" if len(check_ins) > _SHOWN else ""
    return Rows(caption, heads, tuple(rows))


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
