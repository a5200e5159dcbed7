"""The live run on a terminal: one line that changes, and alerts above it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from posture_cam.ids import JUDGED_STATES, AlertKind, Command
from posture_cam.measures import load_measures, shown_in
from posture_cam.outputs.keys import KEY_WORDS, KEYS, QUESTION_KEYS
from posture_cam.outputs.live import LiveOutput, local_time
from posture_cam.outputs.terminal.styles import STATE_STYLES
from posture_cam.records import Alert, Assessment, Frame, Measures, Observation, SourceEvent
from posture_cam.words import clock, duration_words, error_words, sentence, value_words, words_of

_BAR_CELLS = 20
# Without a line that changes, a new state is printed only once it has lasted this long.
_TOLD_AFTER_S = 3.0


class StatusLine(LiveOutput):
    """State, score and the worst fault in one line; without a terminal a line for each change.

    Args:
        console: The console for words, not data.
        started_at: The time of day at timestamp 0.
        quiet: Alerts only.
        keys: Returns the keys pressed since the last call.
    """

    def __init__(
        self,
        console: Console,
        started_at: datetime,
        *,
        quiet: bool = False,
        keys: Callable[[], str] = str,
    ) -> None:
        self._console, self._started_at, self._is_quiet, self._keys = console, started_at, quiet, keys
        self._live = Live(console=console, transient=True, auto_refresh=False)
        self._has_line = console.is_terminal and not quiet
        self._told: tuple[str, str] | None = None

    def write(self, observation: Observation) -> None:
        """Show the state; print an alert."""
        if observation.alert is not None:
            self._print(observation.alert.timestamp_s, alert_text(observation.alert))
        if self._is_quiet:
            return
        assessment = observation.assessment
        if observation.corrected is not None:
            self._print(assessment.timestamp_s, Text("Better, thank you.", "green"))
        if self._has_line:
            self._live.update(_line(observation.measures, assessment), refresh=True)
            return
        told = (assessment.state.value, assessment.reason.value if assessment.reason else "")
        lasted_s = assessment.timestamp_s - assessment.since_s
        if (self._told is None or told[0] != self._told[0]) and lasted_s >= _TOLD_AFTER_S:
            self._told = told
            self._print(assessment.timestamp_s, _line(observation.measures, assessment))

    def tell(self, event: SourceEvent) -> None:
        """Print the event in one line."""
        if not self._is_quiet:
            self._print(event.timestamp_s, Text(event.message, "yellow" if event.trouble else "green"))
            if self._has_line and event.trouble is not None and event.until_s is None:
                self._live.update(
                    Text(f"Not judged: {words_of(event.trouble)}", "bright_black"), refresh=True
                )

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        """Print a sentence, or show the progress of a calibration in the line."""
        if self._is_quiet and share is None:
            return
        if share is None:
            self._console.print(words, highlight=False, markup=False, soft_wrap=True)
        elif self._has_line:
            done = round(share * _BAR_CELLS)
            bar = "━" * done + "─" * (_BAR_CELLS - done)
            self._live.update(Text.assemble((bar, "green"), "  ", words), refresh=True)
        elif self._told != ("", words):
            self._told = ("", words)
            self._console.print(words, highlight=False, markup=False)

    def commands(self) -> tuple[Command, ...]:
        """Keys pressed on the terminal."""
        commands = tuple(KEYS[key] for key in self._keys() if key in KEYS)
        if Command.HELP in commands:
            self._console.print(KEY_WORDS, style="bright_black", highlight=False)
        return commands

    def _print(self, timestamp_s: float, words: Text) -> None:
        time = local_time(self._started_at, timestamp_s)
        self._console.print(
            Text.assemble((f"{time:%H:%M}  ", "bright_black"), words), highlight=False, soft_wrap=True
        )

    def __enter__(self) -> Self:
        if self._has_line:
            self._live.start()
        return self

    def close(self) -> None:
        """Close everything that is open."""
        if self._has_line:
            self._live.stop()


def alert_text(alert: Alert) -> Text:
    """An alert for a terminal."""
    style = {
        AlertKind.FAULT: "bold red",
        AlertKind.QUESTION: "bold yellow",
        AlertKind.BREAK: "bold cyan",
        AlertKind.CHANGE: "bold cyan",
    }
    words = Text.assemble((alert.message, style[alert.kind]))
    if alert.kind == AlertKind.QUESTION:
        words.append(f" {QUESTION_KEYS}", "bright_black")
    if alert.kind != AlertKind.QUESTION or alert.measure is not None:
        words.append(f" {alert.tip.text}")
    return words


def _line(measures: Measures, assessment: Assessment) -> Text:
    parts: list[str | tuple[str, str]] = [
        (f"● {sentence(words_of(assessment.state))}", STATE_STYLES[assessment.state])
    ]
    if assessment.score is not None and assessment.state in JUDGED_STATES:
        parts.append(f" {assessment.score} / 100")
    lasted_s = max(assessment.timestamp_s - assessment.since_s, 0.0)
    parts.append((f"  for {duration_words(lasted_s)}", "bright_black"))
    if assessment.findings:
        worst = assessment.findings[0]
        words = sentence(load_measures()[worst.measure].fault)
        parts.append(f"  {words} {value_words(worst.measure, worst.value)}")
    elif assessment.reason is not None:
        parts.append(f"  {sentence(words_of(assessment.reason))}")
    else:
        for name in shown_in("headline"):
            words = load_measures()[name].brief
            if name in measures.values:
                error = f" {error_words(name, measures.errors[name])}" if name in measures.errors else ""
                parts.append(f"  {words} {value_words(name, measures.values[name])}{error}")
    parts.append((f"  {clock(assessment.timestamp_s)}", "bright_black"))
    return Text.assemble(*parts)
