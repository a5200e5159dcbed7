"""What a person reads on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from posture_cam.records import (
    JUDGED_STATES,
    FaultTime,
    Neutral,
    SessionSummary,
    State,
    Tip,
    View,
)
from posture_cam.settings import load_measures
from posture_cam.words import clock, duration_words, sentence, value_words

_STYLES = {
    State.GOOD: "green",
    State.FAIR: "yellow",
    State.POOR: "red",
    State.AWAY: "bright_black",
    State.UNJUDGED: "bright_black",
}
_BAR_CELLS = 24
_VIEW_WORDS = {
    View.FRONT: "the front",
    View.THREE_QUARTER: "three quarters",
    View.SIDE_LEFT: "the left side",
    View.SIDE_RIGHT: "the right side",
}
_ALERTS_SHOWN = 5
_FAULTS_SHOWN = 5


def print_summary(summary: SessionSummary, console: Console) -> None:
    """Everything about a recording that a person wants to know, on one screen."""
    seen = ", ".join(_VIEW_WORDS[view] for view, seconds in summary.views.items() if seconds >= 1.0)
    console.print(
        Text.assemble(
            (summary.source.name, "bold"),
            f"  {clock(summary.duration_s)}" + (f", seen from {seen}" if seen else ""),
            ("  (interrupted: only this far)" if summary.partial else "", "yellow"),
        )
    )
    _print_states(summary, console)
    if summary.neutral is not None and summary.judged_s > 0:
        console.print(_neutral_words(summary.neutral), style="bright_black", highlight=False)
    if summary.longest_hold is not None:
        start_s, end_s = summary.longest_hold
        console.print(
            f"\nLongest hold in one posture: [bold]{duration_words(end_s - start_s)}[/bold] "
            f"({clock(start_s)} to {clock(end_s)})",
            highlight=False,
        )
    if summary.faults:
        _print_faults(summary.faults[:_FAULTS_SHOWN], console)
    if summary.alerts:
        _print_alerts(summary, console)
    if summary.judged_s > 0:
        console.print("\n[bold]Worth trying[/bold]")
        print_tips(summary.tips, console)
    _print_unjudged(summary, console)
    for note in summary.notes:
        console.print(f"Note: {escape(note)}", style="yellow", highlight=False)
    console.print(
        "\nMeasured by a camera, in comparison with your own neutral posture; no medical finding.",
        style="bright_black",
    )


def print_tips(tips: tuple[Tip, ...], console: Console) -> None:
    """Tips with the article's section each rests on."""
    for tip in tips:
        text = Text.assemble("• ", tip.text, (f"  [{tip.section}]", "bright_black"))
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
            Text(f"  {state.value}", style=_STYLES[state]),
            Text(bar, style=_STYLES[state]),
            clock(seconds),
            f"{share:.0%}".replace("%", " %"),
        )
    console.print(table, highlight=False)


def _neutral_words(neutral: Neutral) -> str:
    if not neutral.is_personal:
        return (
            "Compared with the average upright sitter, as no upright stretch of your own was found; "
            "people differ from it by about 5°."
        )
    if neutral.start_s is None or neutral.end_s is None or neutral.created_at:
        return f"Compared with the neutral posture of the profile from {escape(neutral.source)}."
    return (
        f"Compared with your posture at {clock(neutral.start_s)} to {clock(neutral.end_s)}, taken as neutral "
        "(--neutral START-END chooses another)."
    )


def _print_faults(faults: tuple[FaultTime, ...], console: Console) -> None:
    console.print("\n[bold]What was off[/bold]")
    table = Table.grid(padding=(0, 2))
    info = load_measures()
    for fault in faults:
        when = ", ".join(f"{clock(start)} to {clock(end)}" for start, end in fault.stretches)
        words = sentence(info[fault.measure].fault_of(fault.worst))
        worst = value_words(fault.measure, fault.worst)
        table.add_row(f"  {words}", duration_words(fault.total_s), f"up to {worst}", when)
    console.print(table, highlight=False)


def _print_alerts(summary: SessionSummary, console: Console) -> None:
    console.print("\n[bold]A live monitor would have spoken up[/bold]")
    for alert in summary.alerts[:_ALERTS_SHOWN]:
        console.print(f"  {clock(alert.timestamp_s)}  {alert.message}", highlight=False)
    if len(summary.alerts) > _ALERTS_SHOWN:
        console.print(f"  and {len(summary.alerts) - _ALERTS_SHOWN} times more", highlight=False)


def _print_unjudged(summary: SessionSummary, console: Console) -> None:
    reasons = sorted(summary.unjudged_s_by_reason.items(), key=lambda item: -item[1])
    shown = [f"{reason.value} ({duration_words(seconds)})" for reason, seconds in reasons if seconds >= 0.5]
    if shown:
        console.print(f"\nNot judged: {'; '.join(shown)}.", highlight=False)
