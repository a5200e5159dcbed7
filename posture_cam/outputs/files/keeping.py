"""Storing a run in the history, while it happens or when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from posture_cam import __version__
from posture_cam.errors import HistoryError
from posture_cam.history import KeptRun, RunFacts, RunGone, RunUpdate, Writer, zone_name
from posture_cam.ids import View
from posture_cam.paths import history_path
from posture_cam.records import Alert, Neutral, Observation, Piece, SessionSummary, SourceInfo
from posture_cam.runlog import LEAST_FAULT_S, Course, RunLog, Spoken
from posture_cam.settings import Settings
from posture_cam.words import clock, words_of

SLOT_S = 60.0
_ENTRIES = ("episodes", "faults", "holds", "breaks")


@dataclass(frozen=True, slots=True)
class KeptAs:
    """How an analysis was stored.

    Attributes:
        start: The time of day at its start.
        replaced: The day under which the same recording was stored before, or None.
        trouble: Why it could not be stored, or None.
    """

    start: datetime
    replaced: date | None = None
    trouble: HistoryError | None = None


class _Kept:
    """The base of both keepers: writes the new entries of a run's log."""

    log: RunLog
    _minutes: Course

    def __init__(self, facts: RunFacts) -> None:
        self.facts = facts
        # How many entries of each list are written, and how many of these are no longer in the database.
        self._written = dict.fromkeys((*_ENTRIES, "minutes"), 0)
        self._lost = dict.fromkeys(_ENTRIES, 0)
        self._spoken: list[Spoken] = []
        self._open: dict[tuple[float, str], int] = {}
        self._changed_from: int | None = None

    def begin(self, log: RunLog, source: SourceInfo, model: str, estimator: str | None) -> None:
        """Start before the first observation; final entries will appear in the log."""
        self.log, self._minutes = log, log.course(SLOT_S, self.facts.start_utc_s)
        self.facts.source, self.facts.model, self.facts.estimator = source.name, model, estimator

    def adopt(self, neutral: Neutral | None, profile: str | None) -> None:
        """Compare with this neutral posture from now on, stored as `profile` if given."""
        self.facts.profile = profile
        self.facts.neutral = None if neutral is None else neutral_words(neutral)

    def note(self, observation: Observation) -> None:
        """Record the alert of an observation, or the correction that answers an earlier one."""
        if (alert := observation.alert) is not None:
            self._open[_key(alert)] = len(self._spoken)
            self._touch(len(self._spoken))
            measure, tip = alert.measure, alert.tip.id
            self._spoken.append(
                Spoken(alert.timestamp_s, alert.kind, measure, alert.held_s, alert.message, tip)
            )
        if (answered := observation.corrected) is not None:
            number = self._open.pop(_key(answered), None)
            if number is not None:
                since_s = max(observation.assessment.since_s, answered.timestamp_s)
                self._spoken[number] = replace(self._spoken[number], answered_s=since_s)
                self._touch(number)

    def _touch(self, number: int) -> None:
        self._changed_from = number if self._changed_from is None else min(self._changed_from, number)

    def _update(self, tail: RunLog | None = None) -> RunUpdate:
        """The entries since the last update, and those of `tail`, which may still change."""
        self.facts.views = {view.value: seconds for view, seconds in self.log.sums.seconds_by_view.items()}
        spoken_from = len(self._spoken) if self._changed_from is None else self._changed_from
        closed, written = _lists(self.log, self._minutes), self._written
        if tail is None:
            new = {name: closed[name][written[name] :] for name in closed}
        else:
            ahead = _lists(tail, tail.courses[self.log.courses.index(self._minutes)])
            new = {name: [*closed[name][written[name] :], *ahead[name]] for name in closed}
        return RunUpdate(
            spans=new["episodes"],
            slots=new["minutes"],
            faults=new["faults"],
            holds=new["holds"],
            breaks=new["breaks"],
            spoken=self._spoken[spoken_from:],
            firsts={
                **{name: written[name] - self._lost[name] for name in _ENTRIES},
                "alerts": spoken_from,
            },
        )

    def _has_written(self) -> None:
        self._written = {name: len(entries) for name, entries in _lists(self.log, self._minutes).items()}
        self._changed_from = None


def _lists(log: RunLog, minutes: Course) -> dict[str, list[Any]]:
    """The entries of a log that are stored, by table."""
    return {
        "episodes": log.spans,
        "faults": [one for one in log.faults if one.seconds >= LEAST_FAULT_S],
        "holds": log.holds,
        "breaks": log.breaks,
        "minutes": minutes.slots,
    }


class LiveHistory(_Kept):
    """Stores a live run while it goes on; a failure to write is reported once, and writing is tried again.

    Args:
        started_at: The time of day at timestamp 0.
        profile: The name of the neutral posture, if it is stored.
        settings: All settings.
        say: Takes a sentence for the user.
        path: The database; None for the user's own.
    """

    def __init__(
        self,
        started_at: datetime,
        profile: str | None,
        settings: Settings,
        say: Callable[[str], None],
        path: Path | None = None,
    ) -> None:
        facts = RunFacts(started_at.timestamp(), zone_name(started_at), profile=profile, version=__version__)
        super().__init__(facts)
        self._settings, self._say, self._path = settings.history, say, path
        self._writer: Writer | None = None
        self._run: KeptRun | None = None
        self._due_s = 0.0
        self._is_failing = self._has_said_so = self._has_said_again = False

    def open(self, keep_days: int) -> int:
        """Open the history now, so that problems are reported at the start.

        Args:
            keep_days: Delete older days; 0 keeps everything.

        Returns:
            How many runs were deleted, or shortened.
        """
        is_first = not (self._path or history_path()).exists()
        try:
            self._writer = self._opened()
            if is_first:
                self._say(
                    "The numbers of your runs are kept on this machine, never a picture: posture-cam history "
                    "shows them, --no-history leaves them out."
                )
            return self._writer.delete_older(keep_days) if keep_days else 0
        except HistoryError as error:
            self._fail(error)
            return 0

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to write."""
        return now_s >= self._due_s

    def flush(self, now_s: float, tail: Iterable[Piece]) -> None:
        """Write the final entries, and `tail`, which may still change."""
        self._due_s = now_s + self._settings.flush_s
        self.facts.end_s = max(now_s, 0.0)
        try:
            self._write(self.log.preview(tail))
        except HistoryError as error:
            self._due_s = now_s + self._settings.flush_s
            self._fail(error)

    def finish(self, summary: SessionSummary) -> None:
        """Write the rest; the run is over."""
        self.facts.end_s = summary.duration_s
        self.facts.ended = "cut off" if summary.partial else "done"
        self.facts.notes = list(summary.notes)
        try:
            self._write()
        except HistoryError as error:
            self._fail(error)
            self._say("So this run, or its end, is not in the history.")
        self.close()

    def close(self) -> None:
        """Close the history."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _opened(self) -> Writer:
        return Writer(self._path, busy_s=self._settings.busy_s)

    def _write(self, tail: RunLog | None = None) -> None:
        if self._writer is None:
            self._writer = self._opened()
        try:
            if self._run is None:
                self._run = self._writer.begin(self.facts)
            self._writer.write(self._run, self.facts, self._update(tail))
        except RunGone:
            self._say("What was kept of this run has been deleted; it is kept anew from here.")
            self._lost = {name: self._written[name] for name in _ENTRIES}
            self._changed_from = len(self._spoken)
            self._run = self._writer.begin(self.facts)
            self._writer.write(self._run, self.facts, self._update(tail))
        self._has_written()
        if self._is_failing:
            self._is_failing = False
            if not self._has_said_again:
                self._has_said_again = True
                self._say("The history is kept again; nothing is missing.")

    def _fail(self, error: HistoryError) -> None:
        self.close()
        self._is_failing = True
        if not self._has_said_so:  # once a run, however often writing fails
            self._has_said_so = True
            self._say(f"{error.message} {error.hint} Watching goes on; keeping it is tried again.")


class KeptAnalysis(_Kept):
    """Stores a whole analysis once it is done.

    Args:
        content: Identifies the recording, so that the same one is recognised.
        recorded_at: The time of day at its start.
        profile: The name of the neutral posture, if it is a stored one.
        path: The database; None for the user's own.
    """

    def __init__(
        self,
        content: str,
        recorded_at: datetime,
        profile: str | None,
        path: Path | None = None,
    ) -> None:
        facts = RunFacts(
            recorded_at.timestamp(),
            zone_name(recorded_at),
            is_analysis=True,
            profile=profile,
            version=__version__,
            content=content,
        )
        super().__init__(facts)
        self._recorded_at, self._path = recorded_at.astimezone(), path
        self.kept_as: KeptAs | None = None

    def is_due(self, now_s: float) -> bool:
        """Never before the end."""
        return False

    def flush(self, now_s: float, tail: Iterable[Piece]) -> None:
        """Nothing is written before the end."""

    def finish(self, summary: SessionSummary) -> None:
        """Write the analysis, or note in `kept_as` why that was not possible."""
        self.facts.end_s = summary.duration_s
        self.facts.ended = "interrupted" if summary.partial else "done"
        self.facts.notes = list(summary.notes)
        if summary.neutral_origin is not None and (words := words_of(summary.neutral_origin)):
            self.facts.notes.append(words)
        replaced, trouble = None, None
        try:
            with Writer(self._path, is_exclusive=False) as writer:
                replaced = writer.save(self.facts, self._update())
        except HistoryError as error:
            trouble = error
        self.kept_as = KeptAs(self._recorded_at, replaced, trouble)


def neutral_words(neutral: Neutral) -> str:
    """The neutral posture in a few words."""
    return words_of_neutral(
        neutral.created_at, neutral.view, neutral.start_s, neutral.end_s, is_personal=neutral.is_personal
    )


def words_of_neutral(
    created_at: str, view: View, start_s: float | None, end_s: float | None, *, is_personal: bool
) -> str:
    """The same from its parts; stored profiles also name the day they were made."""
    if not is_personal:
        return "the average upright sitter"
    if created_at:
        return f"own neutral posture of {created_at[:10]}, from {words_of(view)}"
    if start_s is not None and end_s is not None:
        return f"own posture at {clock(start_s)} to {clock(end_s)} of the run, from {words_of(view)}"
    return f"own neutral posture, from {words_of(view)}"


def _key(alert: Alert) -> tuple[float, str]:
    return alert.timestamp_s, alert.message
