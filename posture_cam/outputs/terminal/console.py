"""Words printed on the terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from posture_cam.care.exercises import Exercise
from posture_cam.ids import JUDGED_STATES, Measure, Reason, State
from posture_cam.measures import load_measures
from posture_cam.outputs.terminal.styles import STATE_STYLES
from posture_cam.plain import clean
from posture_cam.profiles import all_of
from posture_cam.records import FaultTime, Neutral, SessionSummary, Tip
from posture_cam.words import (
    clock,
    count_words,
    duration_words,
    sentence,
    stance_words,
    value_words,
    words_of,
)

_BAR_CELLS = 24
_ALERTS_SHOWN = 5
_FAULTS_SHOWN = 5


def print_summary(summary: SessionSummary, console: Console) -> None:
    """Print everything that a person wants to know about a recording, on one screen."""
    seen = ", ".join(words_of(view) for view, seconds in summary.views.items() if seconds >= 1.0)
    console.print(
        Text.assemble(
            (clean(summary.source.name), "bold"),
            f"  {clock(summary.duration_s)}" + (f", seen from {seen}" if seen else ""),
            ("  (interrupted: only this far)" if summary.partial else "", "yellow"),
        )
    )
    _print_states(summary, console)
    if summary.neutral is not None and summary.judged_s > 0:
        console.print(
            _neutral_words(summary.neutral, summary.profile, is_live=summary.is_live),
            style="bright_black",
            highlight=False,
        )
        if summary.neutral_origin is not None and (words := words_of(summary.neutral_origin)):
            console.print(words, style="yellow", highlight=False)
    if summary.longest_hold is not None:
        start_s, end_s = summary.longest_hold
        console.print(
            f"\nLongest hold in one posture: [bold]{duration_words(end_s - start_s)}[/bold] "
            f"({clock(start_s)} to {clock(end_s)})",
            highlight=False,
        )
    if words := stance_words(summary.seconds_by_stance, summary.stance_changes):
        console.print(f"\n{words}", highlight=False)
    if summary.faults:
        _print_faults(summary.faults[:_FAULTS_SHOWN], console)
    if summary.breaks:
        shown = ", ".join(f"{clock(start)} to {clock(end)}" for start, end in summary.breaks[:_ALERTS_SHOWN])
        more = (
            f" and {len(summary.breaks) - _ALERTS_SHOWN} more" if len(summary.breaks) > _ALERTS_SHOWN else ""
        )
        console.print(f"\nAway from the chair: {shown}{more}", highlight=False)
    if summary.alerts:
        _print_alerts(summary, console)
    if summary.judged_s > 0:
        console.print("\n[bold]Worth trying[/bold]")
        print_tips(summary.tips, console)
    print_unjudged(summary.unjudged_s_by_reason, console)
    for note in summary.notes:
        console.print(f"Note: {escape(note)}", style="yellow", highlight=False)
    is_own = summary.neutral is not None and summary.neutral.is_personal
    compared = " in comparison with your own neutral posture;" if is_own else ""
    console.print(f"\nMeasured by a camera,{compared} no medical finding.", style="bright_black")


def print_calibrated(name: str, neutral: Neutral, console: Console, *, replaced: bool) -> None:
    """Print the stored neutral posture, and how to use it."""
    facts = [f"seen from {words_of(neutral.view)}"]
    if neutral.start_s is not None and neutral.end_s is not None:
        facts.append(f"{neutral.end_s - neutral.start_s:.0f} s at {clock(neutral.start_s)}")
    facts.append(count_words(neutral.sample_count, "look"))
    done = "[bold]{}[/bold] replaced" if replaced else "[bold]{}[/bold] stored"
    console.print(
        f"{done.format(escape(name))}: your neutral posture, {', '.join(facts)}.",
        highlight=False,
    )
    if neutral.slouch:
        console.print(f"Your own slouch: {_slouch_words(neutral)}.", highlight=False)
    console.print(
        f"Use it with: posture-cam analyze VIDEO --profile {escape(name)}",
        style="bright_black",
        highlight=False,
    )


def print_profiles(stored: Mapping[str, Neutral], console: Console) -> None:
    """A line for each stored neutral posture."""
    if not stored:
        console.print("No profile is stored yet. posture-cam calibrate makes one.")
        return
    table = Table.grid(padding=(0, 2))
    for name, profile in stored.items():
        for number, neutral in enumerate(all_of(profile)):
            width, height = neutral.image_size_wh
            slouch = "with own slouch" if neutral.slouch else ""
            table.add_row(
                Text("" if number else name, style="bold"),
                neutral.created_at[:10],
                Text(f"{neutral.source}, from {words_of(neutral.view)}"),
                f"{width} x {height}",
                words_of(neutral.stance) if profile.others else "",
                slouch,
            )
    console.print(table, highlight=False)


def print_profile(
    name: str, neutral: Neutral, path: Path, console: Console, limits: Sequence[str] = ()
) -> None:
    """Print everything that a person may want to know about one profile, and its own limits in sentences."""
    width, height = neutral.image_size_wh
    rows = {
        "Made": f"{neutral.created_at} by posture_cam {neutral.version}",
        "From": f"{neutral.source}, {width} x {height} pixels, seen from {words_of(neutral.view)}",
        "Model": f"{neutral.model}, {neutral.running_mode} mode",
        "Looks": f"{neutral.sample_count}",
        "Own slouch": _slouch_words(neutral) or "not taken",
        "Neutrals": "\n".join(_known_words(neutral)),
        "Corrections": _correction_words(neutral) or "none",
        "File": str(path),
    }
    console.print(Text(name, style="bold"))
    table = Table.grid(padding=(0, 2))
    for what, words in rows.items():
        table.add_row(f"  {what}", Text(words))
    console.print(table, highlight=False)
    for words in limits:
        console.print(f"  {words}", highlight=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2), title_justify="left")
    for column, justify in (("  Feature", "left"), ("centre", "right"), ("spread", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for feature in sorted({**neutral.centre, **neutral.context}):
        centre = neutral.centre.get(feature, neutral.context.get(feature, 0.0))
        spread = neutral.spread.get(feature)
        table.add_row(f"  {feature}", f"{centre:.3f}", "" if spread is None else f"{spread:.3f}")
    console.print(table, highlight=False)


def _known_words(neutral: Neutral) -> list[str]:
    """The neutral postures of a profile, numbered; what else is shown belongs to the first."""
    return [
        f"{number}  {words_of(one.stance)}, {one.created_at[:10]}, {one.source}, from {words_of(one.view)}"
        + ("" if one.displays is None else f", {count_words(one.displays, 'display')}")
        for number, one in enumerate(all_of(neutral), 1)
    ]


def _correction_words(neutral: Neutral) -> str:
    return "\n".join(
        f"{one.made_at[:16].replace('T', ' ')}  {words_of(one.label)}" for one in neutral.corrections
    )


def _slouch_words(neutral: Neutral) -> str:
    info = load_measures("estimated")
    return ", ".join(
        f"{info[Measure(name)].label.split(',')[0].lower()} {value_words(Measure(name), value)}"
        for name, value in neutral.slouch.items()
        if info[Measure(name)].group == "sagittal"
    )


def print_tips(tips: tuple[Tip, ...], console: Console) -> None:
    """Print tips, each with the section of the article that it rests on."""
    for tip in tips:
        text = Text.assemble("• ", tip.text, (f"  [article: {tip.section}]", "bright_black"))
        console.print(Padding(text, (0, 0, 0, 2), expand=False), highlight=False)


def _print_states(summary: SessionSummary, console: Console) -> None:
    if summary.score is not None:
        console.print(f"\nScore [bold]{summary.score}[/bold] of 100 while judged", highlight=False)
    else:
        console.print("\nNo score: nothing could be judged")
    table = Table.grid(padding=(0, 2))
    table.add_column(min_width=_BAR_CELLS // 2)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    for state in State:
        seconds = summary.seconds_by_state.get(state, 0.0)
        if seconds <= 0 and state not in JUDGED_STATES:
            continue
        share = seconds / summary.duration_s if summary.duration_s > 0 else 0.0
        bar = "█" * round(share * _BAR_CELLS) or ("▏" if seconds > 0 else "")
        table.add_row(
            Text(f"  {words_of(state)}", style=STATE_STYLES[state]),
            Text(bar, style=STATE_STYLES[state]),
            clock(seconds),
            f"{share:.0%}".replace("%", " %"),
        )
    console.print(table, highlight=False)


def _neutral_words(neutral: Neutral, profile: str | None, *, is_live: bool) -> str:
    if not neutral.is_personal:
        return (
            "Compared with the average upright sitter, as no upright stretch of your own was found; "
            "people differ from it by about 5°."
        )
    if profile is not None:
        made = f", made on {neutral.created_at[:10]}" if neutral.created_at else ""
        return f"Compared with the neutral posture of the profile {escape(profile)}{made}."
    if neutral.start_s is None or neutral.end_s is None:
        return "Compared with your own neutral posture."
    if is_live:
        return f"Compared with your posture at {clock(neutral.start_s)} to {clock(neutral.end_s)}."
    alike = f" and {neutral.alike_s:.0f} s like it" if neutral.alike_s >= 1.0 else ""
    return (
        f"Compared with your posture at {clock(neutral.start_s)} to {clock(neutral.end_s)}{alike}, taken as "
        "neutral (--neutral START-END chooses another)."
    )


def _print_faults(faults: tuple[FaultTime, ...], console: Console) -> None:
    console.print("\n[bold]What was off[/bold]")
    table = Table.grid(padding=(0, 2))
    info = load_measures()
    for fault in faults:
        when = ", ".join(f"{clock(start)} to {clock(end)}" for start, end in fault.stretches)
        words = sentence(info[fault.measure].fault)
        worst = value_words(fault.measure, fault.worst)
        table.add_row(f"  {words}", duration_words(fault.total_s), f"up to {worst}", when)
    console.print(table, highlight=False)


def _print_alerts(summary: SessionSummary, console: Console) -> None:
    words = "Spoken up" if summary.is_live else "A live monitor would have spoken up"
    console.print(f"\n[bold]{words}[/bold]")
    for alert in summary.alerts[:_ALERTS_SHOWN]:
        console.print(f"  {clock(alert.timestamp_s)}  {alert.message}", highlight=False)
    if len(summary.alerts) > _ALERTS_SHOWN:
        console.print(f"  and {len(summary.alerts) - _ALERTS_SHOWN} times more", highlight=False)


def print_unjudged(seconds_by_reason: Mapping[Reason, float], console: Console) -> None:
    """The time that could not be judged, by reason."""
    reasons = sorted(seconds_by_reason.items(), key=lambda item: -item[1])
    shown = [f"{words_of(one)} ({duration_words(seconds)})" for one, seconds in reasons if seconds >= 0.5]
    if shown:
        console.print(f"\nNot judged: {'; '.join(shown)}.", highlight=False)


def print_cameras(cameras: Sequence[tuple[int, str, tuple[int, int] | None, str]], console: Console) -> None:
    """Print a line for each camera: number, name, and size or fault."""
    if not cameras:
        console.print("No camera was found. Is one plugged in? On Linux you need to be in the group video.")
        return
    table = Table.grid(padding=(0, 2))
    for number, name, size_wh, trouble in cameras:
        table.add_row(str(number), Text(name), Text(f"{size_wh[0]} x {size_wh[1]}" if size_wh else trouble))
    console.print(table, highlight=False)


def as_toml(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Settings of two levels as TOML."""
    parts = []
    for section, table in tables.items():
        lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]
        parts.append("\n".join([f"[{section}]", *lines]))
    return "\n\n".join(parts)


def print_exercises(exercises: Sequence[Exercise], console: Console) -> None:
    """Print the exercises, their aims, and which the camera counts."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("Exercise", no_wrap=True)  # users have to type it
    is_wide, is_medium = console.width >= 100, console.width >= 72
    for title in ("For",) * is_wide + ("Dose",) + ("Counted by camera",) * is_medium:
        table.add_column(title)
    for exercise in exercises:
        cells = (words_of(exercise.aim),) * is_wide + (exercise.dose,) + (_counted(exercise),) * is_medium
        table.add_row(exercise.name, *cells)
    console.print(table)
    console.print(
        f"\nDoses: {exercises[0].dose_source}. {exercises[0].stop}", highlight=False, soft_wrap=True
    )


def _counted(exercise: Exercise) -> str:
    if exercise.movement is None:
        return "no: timed"
    return "yes" if exercise.is_seen_from_front else "from the side"
