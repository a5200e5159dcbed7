"""Stored days as a table for people and as JSON and CSV for programs; an export of everything."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from posture_cam import __version__
from posture_cam.care.permission import Permission
from posture_cam.ids import JUDGED_STATES, Measure, Stance, State
from posture_cam.measures import load_measures
from posture_cam.outputs.files.tables import reason_as_json
from posture_cam.outputs.terminal.console import print_tips, print_unjudged
from posture_cam.outputs.terminal.styles import STATE_STYLES
from posture_cam.plain import clean
from posture_cam.runlog import ANSWERED_WITHIN_S, Run, Sitting, Spoken, Totals, hold_words, totals
from posture_cam.words import duration_words, sentence, stance_words, value_words, words_of

SCHEMA_VERSION = 1
CSV_HEADER = (
    "date",
    *(f"{state.value}_s" for state in State),
    "judged_s",
    "score",
    "posture_changes",
    "posture_changes_per_h",
    *(f"{stance.value}_s" for stance in Stance),
    "stance_changes",
    "breaks",
    "longest_hold_s",
    "alerts",
    "alerts_answered",
    "alerts_not_answered",
)
# The columns of the table that fit, by the least width of the terminal.
_COLUMNS = (
    (
        100,
        (
            "judged",
            "good",
            "fair",
            "poor",
            "score",
            "alerts",
            "answered",
            "breaks",
            "changes",
            "longest hold",
        ),
    ),
    (78, ("judged", "good", "fair", "poor", "score", "alerts", "breaks", "longest hold")),
    (0, ("judged", "good", "score", "alerts")),
)
_FAULTS_SHOWN = 4
_ALERTS_SHOWN = 6


def print_days(sittings: Sequence[Sitting], console: Console, permission: Permission | None = None) -> None:
    """Print a line for each day and one for the total; then the faults and what may help."""
    permission = permission or Permission()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bright_black")
    columns = next(names for width, names in _COLUMNS if console.width >= width)
    table.add_column("day", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for sitting in sittings:
        assert sitting.day is not None
        cells = _cells(totals([sitting]))
        table.add_row(f"{sitting.day:%a} {sitting.day.isoformat()}", *(cells[name] for name in columns))
    sums = totals(sittings)
    if len(sittings) > 1:
        cells = _cells(sums)
        table.add_row("all", *(cells[name] for name in columns), style="bold")
    console.print(table, highlight=False)
    if sums.spoken:
        console.print(
            f"An alert counts as answered where you sat well, or left, within {ANSWERED_WITHIN_S:.0f} s.",
            style="bright_black",
            highlight=False,
        )
    if len(sittings) == 1:
        _print_runs(sittings[0], console)
    _print_faults(sums, console)
    if len(sittings) == 1:
        _print_spoken(sittings[0], console)
    if sums.judged_s > 0:
        console.print("\n[bold]Worth trying[/bold]")
        print_tips(sums.tips(permission.allows_tip), console)
    if words := stance_words(sums.seconds_by_stance, sums.stance_changes):
        console.print(f"\n{words}", highlight=False)
    print_unjudged(sums.unjudged_s_by_reason, console)
    console.print(
        "\nMeasured by a camera, in comparison with the neutral posture of each run; no medical finding.",
        style="bright_black",
    )


def _cells(sums: Totals) -> dict[str, Text]:
    cells = {"judged": Text(duration_words(sums.judged_s))}
    for state in JUDGED_STATES:
        share = sums.seconds_by_state.get(state, 0.0) / sums.judged_s if sums.judged_s > 0 else None
        words = "–" if share is None else f"{100 * share:.0f} %"
        cells[state.value] = Text(words, style=STATE_STYLES[state])
    answered, told = sums.answered
    changes = sums.per_hour(sums.changes)
    return cells | {
        "score": Text("–" if sums.score is None else f"{sums.score:.0f}"),
        "alerts": Text(str(sum(one.is_about_posture for one in sums.spoken))),
        "answered": Text(f"{answered} of {told}" if told else "–"),
        "breaks": Text(str(sums.breaks)),
        "changes": Text("–" if changes is None else f"{changes:.0f} / h"),
        "longest hold": Text(hold_words(sums)),
    }


def _print_runs(sitting: Sitting, console: Console) -> None:
    console.print("\n[bold]Runs[/bold]")
    table = Table.grid(padding=(0, 2))
    for run in sitting.runs:
        times = f"  {sitting.time_at(run.start_s)} to {sitting.time_at(run.end_s)}"
        kind = "recording" if run.is_analysis else "live"
        if run.how_it_ended:
            kind += f" ({run.how_it_ended})"
        table.add_row(times, Text(clean(run.source)), kind, f"run {run.number}")
    console.print(table, highlight=False)


def _print_faults(sums: Totals, console: Console) -> None:
    if not sums.faults:
        return
    console.print("\n[bold]What was off[/bold]")
    info = load_measures()
    table = Table.grid(padding=(0, 2))
    for fault in sums.faults[:_FAULTS_SHOWN]:
        words = sentence(info[fault.measure].fault)
        worst = f"up to {value_words(fault.measure, fault.worst)}"
        table.add_row(f"  {words}", duration_words(fault.seconds), worst)
    console.print(table, highlight=False)


def _print_spoken(sitting: Sitting, console: Console) -> None:
    spoken = [one for one in sitting.spoken if one.is_live]
    if not spoken:
        return
    console.print("\n[bold]Alerts[/bold]")
    for one in spoken[:_ALERTS_SHOWN]:
        words = f"  {sitting.time_at(one.time_s)}  {clean(one.message)}  {_answer_words(one)}"
        console.print(words, highlight=False, markup=False)
    if len(spoken) > _ALERTS_SHOWN:
        console.print(f"  and {len(spoken) - _ALERTS_SHOWN} more", highlight=False)


def _answer_words(one: Spoken) -> str:
    """The outcome of an alert, in words."""
    if not one.is_about_posture:
        return ""
    if one.answered_s is not None:
        late = "" if one.was_answered else "late, "
        return f"answered {late}after {duration_words(one.answered_s - one.time_s)}"
    return "not answered" if one.was_answered is False else "the run ended too soon to tell"


def days_as_json(
    sittings: Sequence[Sitting],
    first: date,
    last: date,
    kept: Sequence[date],
    saved_today: Sequence[date] = (),
) -> dict[str, Any]:
    """Days for programs (docs/formats.md).

    Args:
        sittings: The days with stored data.
        first: The first day asked for.
        last: The last day asked for.
        kept: Every day with stored data.
        saved_today: The days of recordings that were saved today.
    """
    return {
        "kind": "posture_cam history",
        "schema_version": SCHEMA_VERSION,
        "version": __version__,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "total": _sums(totals(sittings)),
        "days": [
            {
                "date": sitting.day.isoformat() if sitting.day else None,
                **_sums(totals([sitting])),
                "runs": [_run(sitting, run) for run in sitting.runs],
                "alerts": [_spoken(sitting, one) for one in sitting.spoken],
            }
            for sitting in sittings
        ],
        "saved_today": [day.isoformat() for day in saved_today],
        "days_kept": len(kept),
        "last_day": kept[-1].isoformat() if kept else None,
    }


def write_days_csv(sittings: Iterable[Sitting], target: TextIO) -> None:
    """Write a row for each day; cells are empty where something could not be measured."""
    rows = csv.writer(target, lineterminator="\n")
    rows.writerow(CSV_HEADER)
    for sitting in sittings:
        sums = totals([sitting])
        changes_per_h = sums.per_hour(sums.changes)
        answered, told = sums.answered
        rows.writerow(
            [
                sitting.day,
                *(f"{sums.seconds_by_state.get(state, 0.0):.3f}" for state in State),
                f"{sums.judged_s:.3f}",
                "" if sums.score is None else round(sums.score),
                sums.changes,
                "" if changes_per_h is None else f"{changes_per_h:.1f}",
                *_stance_cells(sums.seconds_by_stance, sums.stance_changes),
                sums.breaks,
                "" if sums.longest_hold_s is None else f"{sums.longest_hold_s:.1f}",
                sum(one.is_about_posture for one in sums.spoken),
                answered,
                told - answered,
            ]
        )


def write_export_json(
    sittings: Iterable[Sitting], target: TextIO, care: Mapping[str, Any] | None = None
) -> None:
    """Write everything stored, day by day, as one JSON object, each day as soon as it is read.

    Args:
        sittings: The days.
        target: The target.
        care: Exercises and check-ins, as further members of the object.
    """
    head = {"kind": "posture_cam export", "schema_version": SCHEMA_VERSION, "version": __version__}
    target.write(json.dumps(head)[:-1] + ', "days": [')
    for number, sitting in enumerate(sittings):
        target.write(",\n" if number else "\n")
        json.dump(_everything(sitting), target, ensure_ascii=False, allow_nan=False)
    target.write("\n]")
    for key, value in (care or {}).items():
        target.write(f",\n{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}")
    target.write("}\n")


def export_header() -> list[str]:
    """The columns of an export as CSV."""
    return [
        "run",
        "start",
        *(f"{state.value}_s" for state in State),
        "score",
        "posture_changes",
        *(f"{stance.value}_s" for stance in Stance),
        "stance_changes",
        *(name.value for name in Measure),
    ]


def write_export_csv(sittings: Iterable[Sitting], target: TextIO) -> None:
    """Write a row for each stored minute: its start in local time, seconds by state, means of measures."""
    rows = csv.writer(target, lineterminator="\n")
    rows.writerow(export_header())
    for sitting in sittings:
        for slot in sitting.slots:
            means = [slot.measures[name].mean if name in slot.measures else None for name in Measure]
            rows.writerow(
                [
                    slot.run,
                    sitting.moment(slot.start_s).isoformat(),
                    *(f"{slot.seconds_by_state.get(state, 0.0):.3f}" for state in State),
                    f"{slot.score_sum / slot.score_s:.1f}" if slot.score_s > 0 else "",
                    slot.changes,
                    *_stance_cells(slot.seconds_by_stance, slot.stance_changes),
                    *("" if mean is None else f"{mean:.2f}" for mean in means),
                ]
            )


def _stance_cells(seconds: Mapping[Stance, float], changes: int) -> list[str]:
    """Cells that are empty where nobody knows whether the person sat or stood."""
    if not seconds:
        return ["", "", ""]
    return [*(f"{seconds.get(stance, 0.0):.3f}" for stance in Stance), str(changes)]


def _sums(sums: Totals) -> dict[str, Any]:
    changes_per_h, breaks_per_h = sums.per_hour(sums.changes), sums.per_hour(sums.breaks)
    answered, told = sums.answered
    table = load_measures()
    return {
        "judged_s": _seconds(sums.judged_s),
        **{f"{state.value}_s": _seconds(sums.seconds_by_state.get(state, 0.0)) for state in State},
        "score": None if sums.score is None else round(sums.score),
        "posture_changes": sums.changes,
        "posture_changes_per_h": None if changes_per_h is None else round(changes_per_h, 1),
        "seconds_by_stance": {one.value: _seconds(held_s) for one, held_s in sums.seconds_by_stance.items()},
        "stance_changes": sums.stance_changes,
        "breaks": sums.breaks,
        "breaks_per_h": None if breaks_per_h is None else round(breaks_per_h, 2),
        "longest_hold_s": None if sums.longest_hold_s is None else _seconds(sums.longest_hold_s),
        "alert_count": sum(one.is_about_posture for one in sums.spoken),
        "alerts_answered": answered,
        "alerts_not_answered": told - answered,
        "unjudged_s_by_reason": {
            words_of(reason): _seconds(seconds) for reason, seconds in sums.unjudged_s_by_reason.items()
        },
        "unjudged_s_by_reason_id": {
            reason.value: _seconds(seconds) for reason, seconds in sums.unjudged_s_by_reason.items()
        },
        "faults": [
            {
                "measure": fault.measure.value,
                "total_s": _seconds(fault.seconds),
                "worst": round(fault.worst, 2),
                "unit": table[fault.measure].unit,
            }
            for fault in sums.faults
        ],
    }


def _run(sitting: Sitting, run: Run) -> dict[str, Any]:
    return {
        "run": run.number,
        "kind": "analysis" if run.is_analysis else "monitor",
        "start": _moment(sitting, run.start_s),
        "end": _moment(sitting, run.end_s),
        "source": run.source,
        "profile": run.profile,
        "neutral": run.neutral,
        "model": run.model,
        "estimator": run.estimator,
        "version": run.version,
        "ended": run.how_it_ended or "done",
        "notes": list(run.notes),
    }


def _spoken(sitting: Sitting, one: Spoken) -> dict[str, Any]:
    return {
        "time": _moment(sitting, one.time_s),
        "kind": one.kind.value,
        "measure": one.measure.value if one.measure else None,
        "held_s": _seconds(one.held_s),
        "message": one.message,
        "is_live": one.is_live,
        "tip_id": one.tip_id,
        "answered_after_s": None if one.answered_s is None else _seconds(one.answered_s - one.time_s),
        "corrected_within_60_s": one.was_answered,
    }


def _everything(sitting: Sitting) -> dict[str, Any]:
    def stretch(one: Any) -> dict[str, Any]:
        return {"start": _moment(sitting, one.start_s), "end": _moment(sitting, one.end_s)}

    return {
        "date": sitting.day.isoformat() if sitting.day else None,
        "runs": [_run(sitting, run) for run in sitting.runs],
        "episodes": [
            stretch(span)
            | {
                "state": span.state.value,
                **reason_as_json(span.reason),
                "worst": span.worst.value if span.worst else None,
            }
            for span in sitting.spans
        ],
        "minutes": [
            {
                "run": slot.run,
                "start": _moment(sitting, slot.start_s),
                **{f"{state.value}_s": _seconds(slot.seconds_by_state.get(state, 0.0)) for state in State},
                "score": round(slot.score_sum / slot.score_s, 1) if slot.score_s > 0 else None,
                "posture_changes": slot.changes,
                "seconds_by_stance": {
                    one.value: _seconds(held_s) for one, held_s in slot.seconds_by_stance.items()
                },
                "stance_changes": slot.stance_changes,
                "measures": {
                    name.value: {
                        "seconds": _seconds(portion.seconds),
                        "mean": round(portion.mean, 2),
                        "min": round(portion.min, 2),
                        "max": round(portion.max, 2),
                        "error": None if portion.error is None else round(portion.error, 2),
                        "fault_s": _seconds(portion.fault_s),
                    }
                    for name, portion in slot.measures.items()
                },
            }
            for slot in sitting.slots
        ],
        "alerts": [_spoken(sitting, one) for one in sitting.spoken],
        "breaks": [stretch(one) for one in sitting.breaks],
        "holds": [stretch(one) for one in sitting.holds],
        "faults": [
            stretch(one) | {"measure": one.measure.value, "worst": round(one.worst, 2)}
            for one in sitting.faults
        ],
    }


def _moment(sitting: Sitting, seconds: float) -> str:
    return sitting.moment(seconds).isoformat(timespec="milliseconds")


def _seconds(seconds: float) -> float:
    return round(seconds, 3)
