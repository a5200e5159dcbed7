"""The protocols between the stages; each is a context manager."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, Self

from posture_cam.ids import Command
from posture_cam.records import (
    Frame,
    Neutral,
    Observation,
    Order,
    Piece,
    Pose,
    SessionSummary,
    SourceEvent,
    SourceInfo,
)
from posture_cam.runlog import RunLog


class _Closing(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class PoseEstimator(_Closing, Protocol):
    """A pose model, which finds the person in pictures; opened by `pose.open_estimator`.

    Attributes:
        landmark_names: The landmark at each position of its poses.
    """

    landmark_names: tuple[str, ...]

    @property
    def model(self) -> str:
        """Name and checksum of the model."""

    @property
    def running_mode(self) -> str:
        """The running mode: MediaPipe's VIDEO or IMAGE."""

    def estimate(self, frame: Frame) -> Pose | None:
        """The pose of the person at the desk, or None if nobody is seen; frames come in order of time.

        Raises:
            ModelError: The model failed on the picture.
        """

    def another(self) -> PoseEstimator:
        """A second estimator of the same model for another part of a recording, on any thread."""


class LiveVideoSource(_Closing, Protocol):
    """The source of a live run's pictures; see source/live.py."""

    @property
    def info(self) -> SourceInfo:
        """The properties of the source."""

    @property
    def now_s(self) -> float:
        """The time on the source's clock."""

    def take(self, due_s: float, timeout_s: float) -> Frame | SourceEvent | None:
        """The next event, or the first picture from `due_s` on; None if the time runs out first."""

    def pause(self) -> None:
        """Release the camera."""

    def resume(self) -> None:
        """Open the camera again."""


class Sink(_Closing, Protocol):
    """An output of results.

    Leaving the context stores what was written (whole files only); leaving it by an error discards it.
    """

    def write(self, observation: Observation) -> None:
        """Take one observation; they come in order of time."""

    def finish(self, summary: SessionSummary) -> None:
        """Take the summary, after the last observation."""


class LiveSink(_Closing, Protocol):
    """An output of a live run, as it happens.

    No output may stop the run: a failed delivery is reported once and then ignored.
    """

    def write(self, observation: Observation) -> None:
        """Take the latest judgement."""

    def tell(self, event: SourceEvent) -> None:
        """Take an event of the source."""

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        """Take a sentence about the run itself; `share` is how much of a calibration is done."""

    def adopt(self, neutral: Neutral) -> None:
        """Take the neutral posture that is compared with from now on."""

    def commands(self) -> tuple[Command | Order, ...]:
        """The user's commands since the last call."""

    def finish(self, summary: SessionSummary) -> None:
        """Take the summary, after the last observation."""


class Keeper(Protocol):
    """Stores a run.

    It may not stop the run: a failure to store is reported once and then ignored.
    """

    def begin(self, log: RunLog, source: SourceInfo, model: str, estimator: str | None) -> None:
        """Called before the first observation; the log will hold what is final."""

    def adopt(self, neutral: Neutral | None, profile: str | None) -> None:
        """Take the neutral posture that is compared with from now on, and the name it is stored under."""

    def note(self, observation: Observation) -> None:
        """Take a moment as it is seen, to record alerts and what followed them."""

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to write."""

    def flush(self, now_s: float, tail: Iterable[Piece]) -> None:
        """Write what is final, and `tail`, which may still change."""

    def finish(self, summary: SessionSummary) -> None:
        """Write the rest; the run is over."""
