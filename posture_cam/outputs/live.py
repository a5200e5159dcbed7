"""The base of all outputs of a live run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from posture_cam.closing import Closing
from posture_cam.ids import Command
from posture_cam.records import Frame, Neutral, Observation, Order, SessionSummary, SourceEvent


class LiveOutput(Closing):
    """An output that does nothing; subclasses override the methods they need.

    Attributes:
        is_essential: Whether the run would be pointless without it.
    """

    is_essential = False

    def write(self, observation: Observation) -> None:
        """Take the latest observation."""

    def tell(self, event: SourceEvent) -> None:
        """Take an event of the source."""

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        """Take a sentence about the run itself."""

    def adopt(self, neutral: Neutral) -> None:
        """Compare with another neutral posture from now on."""

    def commands(self) -> tuple[Command | Order, ...]:
        """The user's commands since the last call."""
        return ()

    def finish(self, summary: SessionSummary) -> None:
        """Take the summary."""


def local_time(started_at: datetime, timestamp_s: float) -> datetime:
    """The time of day at a timestamp, in the local time zone."""
    return (started_at + timedelta(seconds=timestamp_s)).astimezone()


def once(say: Callable[[str], None]) -> Callable[[str], None]:
    """`say`, for the first sentence only: a failing output reports it once and goes on trying."""
    said: list[str] = []

    def say_first(words: str) -> None:
        if not said:
            said.append(words)
            say(words)

    return say_first
