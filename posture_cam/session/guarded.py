"""An output that may fail without ending the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from posture_cam.ids import Command
from posture_cam.protocols import LiveSink
from posture_cam.records import Frame, Neutral, Observation, Order, SessionSummary, SourceEvent

T = TypeVar("T")


class Guarded:
    """Passes everything on to an output until the output fails; then reports the failure once and stops.

    The failure of an essential output (`is_essential`) ends the run.

    Args:
        sink: The output, our own or a caller's.
        lost: Called with a sentence about the failure.
    """

    def __init__(self, sink: LiveSink, lost: Callable[[str], None]) -> None:
        self._sink, self._lost = sink, lost
        self._has_failed = False

    def write(self, observation: Observation) -> None:
        """Take the newest observation."""
        self._passed(lambda: self._sink.write(observation), None)

    def tell(self, event: SourceEvent) -> None:
        """Take something that happened to the source."""
        self._passed(lambda: self._sink.tell(event), None)

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        """Take a sentence about the run itself."""
        self._passed(lambda: self._sink.say(words, share, frame), None)

    def adopt(self, neutral: Neutral) -> None:
        """Use another neutral posture for comparison from now on."""
        self._passed(lambda: self._sink.adopt(neutral), None)

    def commands(self) -> tuple[Command | Order, ...]:
        """The user's commands since the last call."""
        return self._passed(self._sink.commands, ())

    def finish(self, summary: SessionSummary) -> None:
        """Take the summary."""
        self._passed(lambda: self._sink.finish(summary), None)

    def _passed(self, call: Callable[[], T], otherwise: T) -> T:
        if self._has_failed:
            return otherwise
        try:
            return call()
        except Exception as error:  # window systems and callers' code may raise anything
            if getattr(self._sink, "is_essential", False):
                raise
            self._fail(error)
        return otherwise

    def _fail(self, error: Exception) -> None:
        self._has_failed = True
        what = type(self._sink).__name__
        words = " ".join(str(error).split()) or type(error).__name__
        self._lost(f"The output {what} has failed and is left out from now on: {words}")
