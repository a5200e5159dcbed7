"""Corrects states in hindsight: a live run detects a change late; the record says when it happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from posture_cam.ids import Reason, State
from posture_cam.records import Observation
from posture_cam.settings import Settings


class Hindsight:
    """Corrects states in hindsight, and determines how long each moment counts for.

    A live run needs some seconds to see that a state has changed, or that the chair is empty; the record says
    since when.  Alerts are not changed: they stay at the time at which a live run would have spoken.
    """

    def __init__(self, settings: Settings) -> None:
        self._max_gap_s = settings.sampling.max_gap_s
        state = settings.state
        self._horizon_s = max(state.window_s + state.away_after_s, state.onset_s) + 2 * self._max_gap_s
        self._pending: deque[Observation] = deque()
        self._cut_s: float | None = None

    def push(self, observation: Observation) -> Iterator[Observation]:
        """Take one observation; yields those that can no longer change."""
        now_s = observation.assessment.timestamp_s
        if not self._pending:
            self._cut_s = None
        else:
            last = self._pending[-1]
            held_s = self._held_s(last, now_s)
            self._pending[-1] = replace(last, held_s=held_s, frame=None)
            self._rewrite(observation)
        self._pending.append(observation)
        while self._pending[0].assessment.timestamp_s < now_s - self._horizon_s:
            yield self._pending.popleft()

    def pending(self, now_s: float) -> Iterator[Observation]:
        """The observations that are not final yet, in their present form."""
        if self._pending:
            yield from list(self._pending)[:-1]
            last = self._pending[-1]
            until_s = now_s if self._cut_s is None else min(now_s, self._cut_s)
            yield replace(last, held_s=self._standing_s(last, until_s), frame=None)

    def cut(self, time_s: float) -> None:
        """Note that nothing was seen from this time until the next observation."""
        self._cut_s = time_s if self._cut_s is None else min(self._cut_s, time_s)

    def _held_s(self, last: Observation, until_s: float) -> float:
        """How long an observation counts for."""
        if self._cut_s is not None:
            until_s, self._cut_s = min(until_s, self._cut_s), None
        return self._standing_s(last, until_s)

    def _standing_s(self, last: Observation, until_s: float) -> float:
        return min(max(until_s - last.assessment.timestamp_s, 0.0), self._max_gap_s)

    def finish(self, end_s: float, end: tuple[State, float] | None = None) -> Iterator[Observation]:
        """Yield the rest; the last observation lasts until the end of the recording.

        Args:
            end_s: The time of that end.
            end: The state at the end, and since when; None if the last reported state stands.
        """
        if self._pending:
            last = self._pending[-1]
            if end is not None:
                state, since_s = end
                last = replace(last, assessment=replace(last.assessment, state=state, since_s=since_s))
                self._rewrite(last)
            self._pending[-1] = replace(last, held_s=self._held_s(last, end_s), frame=None)
        while self._pending:
            yield self._pending.popleft()

    def _rewrite(self, observation: Observation) -> None:
        """Carry a state back to where it began."""
        new = observation.assessment
        for index in range(len(self._pending) - 1, -1, -1):
            old = self._pending[index].assessment
            if old.timestamp_s < new.since_s:
                break
            if old.state != new.state:
                # A moment that is now known to belong to a state is no longer waiting to be judged.
                reason: Reason | None = None if old.reason == Reason.SETTLING else old.reason
                if new.state == State.UNJUDGED:
                    reason = reason or new.reason
                settled = replace(old, state=new.state, since_s=new.since_s, reason=reason)
                self._pending[index] = replace(self._pending[index], assessment=settled)
