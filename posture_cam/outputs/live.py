"""The base of all outputs of a live run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from posture_cam.closing import Closing
from posture_cam.records import Command, Frame, Neutral, Observation, SessionSummary, SourceEvent


class LiveOutput(Closing):
    """An output that does nothing: each of its kind overrides what it cares about.

    Attributes:
        is_essential: Without it the run would be for nothing.
    """

    is_essential = False

    def write(self, observation: Observation) -> None:
        """Take what was judged just now."""

    def tell(self, event: SourceEvent) -> None:
        """Take something that happened to the source."""

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        """Take a sentence about the run itself."""

    def adopt(self, neutral: Neutral) -> None:
        """Another neutral posture is compared with from now on."""

    def commands(self) -> tuple[Command, ...]:
        """The user's commands since the last call."""
        return ()

    def finish(self, summary: SessionSummary) -> None:
        """Take the summary."""


def local_time(started_at: datetime, timestamp_s: float) -> datetime:
    """The time of day at a timestamp, in the zone of the place."""
    return (started_at + timedelta(seconds=timestamp_s)).astimezone()


def once(say: Callable[[str], None]) -> Callable[[str], None]:
    """The same, for the first sentence only: an output that fails says so once and goes on trying."""
    said: list[str] = []

    def say_first(words: str) -> None:
        if not said:
            said.append(words)
            say(words)

    return say_first
