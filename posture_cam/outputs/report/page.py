"""Turning a report into a page."""

from __future__ import annotations

import base64
import unicodedata
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from posture_cam import __version__
from posture_cam.files import naming, written_whole
from posture_cam.ids import State
from posture_cam.outputs.report import charts, content, wellbeing
from posture_cam.outputs.report.content import Report
from posture_cam.outputs.report.drawing import Chart
from posture_cam.plain import clean
from posture_cam.words import words_for


@cache
def environment() -> Environment:
    """The templates of the pages; everything inserted into them is escaped."""
    made = Environment(
        loader=PackageLoader("posture_cam", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plain"] = plain
    made.filters["undirected"] = clean  # a title has no bdi to contain direction marks
    return made


def plain(text: str) -> str:
    """A name from outside, without control characters and lone surrogates, which no page can hold.

    Marks of writing direction stay, as names may need them; pages contain them with `bdi`.
    """
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in ("Cc", "Cs") else char for char in text
    )


def style() -> str:
    """The style sheet of all pages."""
    return resources.files("posture_cam").joinpath("pages", "style.css").read_text("utf-8")


def day_parts(report: Report) -> dict[str, Any]:
    """The content of the templates: headline, charts and tables."""
    labels, changes, breaks = content.rhythm_of(report)
    shown = content.shown_of(report)
    weeks = [week for week in report.weeks if week.score is not None]
    has_trend = bool(weeks) and content.is_comparable(report)
    return {
        "report": report,
        "has_sitting": report.is_recording or any(sitting.runs for sitting in report.sittings),
        "is_single": len(report.sittings) == 1,
        "states": _shares(report),
        "cards": content.cards(report),
        "timeline": _markup(charts.timeline(report.sittings)),
        "states_table": content.states_table(report),
        "course": _markup(charts.course(report.sittings, shown)),
        "shown": [one.info.label.removesuffix(", change from neutral").lower() for one in shown],
        "has_errors": any(
            portion.error is not None
            for sitting in report.sittings
            for slot in sitting.slots
            for portion in slot.measures.values()
        ),
        "measures_table": content.measures_table(report),
        "distribution": _markup(charts.distribution(report.sittings, shown)),
        "rhythm": _markup(charts.rhythm(labels, changes, breaks))
        if any(one is not None for one in (*changes, *breaks))
        else None,
        "rhythm_table": content.rhythm_table(report),
        "holds_table": content.holds_table(report),
        "faults_table": content.faults_table(report),
        "stretches_table": content.stretches_table(report),
        "pictures": [(_data_uri(one.jpeg), one.caption) for one in report.pictures],
        "trend": _markup(charts.trend(weeks, "now", report.sums.score or 0.0)) if has_trend else None,
        "weeks": weeks,
        "exercises_table": wellbeing.exercises_table(report.exercises),
        "check_ins_table": wellbeing.check_ins_table(report.check_ins),
        "warnings": wellbeing.warnings_of(report.check_ins, report.permission),
        "pain": None
        if report.last_day is None
        else _markup(wellbeing.course_of_pain(report.lately, report.figures, report.last_day)),
        "alerts_table": content.alerts_table(report),
        "alert_words": content.alert_words(report),
        "tips": report.sums.tips(report.permission.allows_tip) if report.sums.judged_s > 0 else (),
        "unseen_table": content.unseen_table(report),
        "runs_table": content.runs_table(report),
        "notes": content.notes_of(report),
        "version": __version__,
    }


def page_of(report: Report) -> str:
    """The whole page: one file that needs nothing else."""
    template = environment().get_template("report.html")
    return template.render(**day_parts(report), style=Markup(style()))


def write_report(report: Report, target: Path) -> None:
    """Write the page, whole or not at all, for its owner alone.

    Raises:
        OutputError: It cannot be written.
    """
    page = page_of(report)
    with written_whole(target, private=True) as temporary, naming(target):
        temporary.write_text(page, "utf-8")


def _shares(report: Report) -> list[dict[str, str]]:
    """The bar at the top: each state with its part of all the time."""
    seconds = report.sums.seconds_by_state
    total_s = sum(seconds.values()) or 1.0
    found: list[dict[str, str]] = []
    left = 0.0
    for state in State:
        share = seconds.get(state, 0.0) / total_s
        if share > 0:
            found.append(
                {
                    "state": state.value,
                    "left": f"{100 * left:.2f}",
                    "width": f"{100 * share:.2f}",
                    "words": f"{words_for('state_in_report', state)} {content.percent(share)}",
                }
            )
            left += share
    return found


def _markup(chart: Chart | None) -> Markup | None:
    return None if chart is None else Markup(chart.wide + chart.narrow)


def _data_uri(jpeg: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
