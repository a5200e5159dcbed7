"""States over time: calm, and the same at any sampling rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile

from posture_cam.ids import Reason, State
from posture_cam.settings import StateSettings

_LEVELS = (State.GOOD, State.FAIR, State.POOR)
# Times are sums of steps that are not exact in binary.
_SAME_TIME_S = 1e-6
_GLANCES = (Reason.LOOKING_AWAY, Reason.LOOKING_DOWN)
_KEPT = (*_GLANCES, Reason.FAULT_HIDDEN)  # while these last, a state is kept for longer


@dataclass(frozen=True, slots=True)
class _Vote:
    timestamp_s: float
    enter: int
    leave: int


def _would_stay_at(level: int, vote: _Vote) -> bool:
    return vote.leave >= level


def _is_at_most(level: int, vote: _Vote) -> bool:
    return vote.leave <= level


class StateMachine:
    """Turns the states of single moments into a calm state.

    The state gets worse when most of the last seconds lie beyond the limits, and better when most of them lie
    within the limits times the release factor.  In hindsight, a worse state starts where the posture first
    passed the limits for leaving it, at most some seconds earlier.  So a posture lasts equally long if played
    backwards, and noise decides whether a posture at a limit counts, not when it began.  A state ends when
    estimates are uncertain for most of a window.  It survives a glance away, and a moment in which the person
    is not found.  A longer absence counts from the moment at which the person was last seen well.
    """

    def __init__(self, settings: StateSettings, max_gap_s: float) -> None:
        self._settings = settings
        self._max_gap_s = max_gap_s
        self._votes: deque[_Vote] = deque()
        self._level: int | None = None
        self._state = State.UNJUDGED
        self._since_s = 0.0
        self._last_s: float | None = None
        self._pause: tuple[Reason, float] | None = None
        self._nobody_since_s: float | None = None
        self._doubts: deque[tuple[float, bool]] = deque()
        self.is_unsure = False

    def judge(self, timestamp_s: float, enter: State, leave: State) -> tuple[State, float]:
        """Take a moment that can be judged.

        Args:
            timestamp_s: Of the moment.
            enter: Its state by the limits for entering a state.
            leave: Its state by the limits for leaving a state, never better than `enter`.

        Returns:
            The state in force, and since when.
        """
        self._advance(timestamp_s)
        self._pause = self._nobody_since_s = None
        self._doubt(timestamp_s, is_unsure=False)
        self._votes.append(_Vote(timestamp_s, _LEVELS.index(enter), _LEVELS.index(leave)))
        while self._votes[0].timestamp_s <= timestamp_s - self._settings.onset_s:
            self._votes.popleft()
        if self.is_unsure and self._are_most_unsure():
            return self._state, self._since_s
        self.is_unsure = False
        window = self._window()
        if self._level is None:
            self._begin(window)
        else:
            self._change(window)
        return self._state, self._since_s

    def pause(self, timestamp_s: float, reason: Reason) -> tuple[State, float]:
        """Take a moment that cannot be judged, with the reason."""
        self._advance(timestamp_s)
        if reason != Reason.NOBODY:
            self._nobody_since_s = None
        elif self._nobody_since_s is None:
            self._nobody_since_s = timestamp_s
        if self._pause is None or self._pause[0] != reason:
            self._pause = (reason, self._start_of_pause(timestamp_s, reason))
        lasted_s = timestamp_s - self._pause[1]
        if reason == Reason.UNSURE:
            return self._pause_unsure(timestamp_s)
        if reason == Reason.NOBODY and self._is_away(timestamp_s, lasted_s):
            self._lose(State.AWAY, self._pause[1])
        elif self._state != State.AWAY or reason != Reason.NOBODY:
            keep_s = self._settings.hold_s if reason in _KEPT else self._settings.dropout_s
            if self._level is None or lasted_s > keep_s:
                self._lose(State.UNJUDGED, timestamp_s)
        return self._state, self._since_s

    def begin_anew(self) -> None:
        """Forget all moments so far; the next ones give the state."""
        self._level = None
        self._votes.clear()

    def conclude(self) -> tuple[State, float] | None:
        """The state at the end and its start; None if the state in force stands.

        No later moment can contradict, so the last moments count like the first: a change on which all of
        them agree stands, even if it is shorter than the majority of a window.
        """
        if self._level is None or not self._votes or self._votes[-1].timestamp_s != self._last_s:
            return None
        last: list[_Vote] = []
        for vote in self._window():
            last.append(vote)
            if self._last_s - vote.timestamp_s >= self._settings.first_s - _SAME_TIME_S:
                break
        else:
            return None
        worse, better = min(vote.enter for vote in last), max(vote.leave for vote in last)
        if worse > self._level:
            self._enter(worse, self._start_of(partial(_would_stay_at, worse)))
        elif better < self._level:
            self._enter(better, self._start_of(partial(_is_at_most, better)))
        else:
            return None
        return self._state, self._since_s

    def _is_away(self, timestamp_s: float, lasted_s: float) -> bool:
        """Requires more than a single look that finds nobody, however badly the person was seen before."""
        assert self._nobody_since_s is not None
        is_sure = timestamp_s - self._nobody_since_s >= self._settings.dropout_s
        return is_sure and lasted_s >= self._settings.away_after_s

    def _start_of_pause(self, timestamp_s: float, reason: Reason) -> float:
        """A glance may change direction; a person who is seen badly and then not at all was leaving."""
        if self._pause is None:
            return timestamp_s
        before, since_s = self._pause
        was_leaving = before == Reason.HEAD_HIDDEN and timestamp_s - since_s <= self._settings.away_after_s
        if (reason in _GLANCES and before in _GLANCES) or (reason == Reason.NOBODY and was_leaving):
            return since_s
        return timestamp_s

    def _pause_unsure(self, timestamp_s: float) -> tuple[State, float]:
        """Occasional uncertain estimates do not end a state; mostly uncertain ones do."""
        self._doubt(timestamp_s, is_unsure=True)
        is_full = timestamp_s - self._doubts[0][0] >= self._settings.window_s / 2
        if self._level is None or (is_full and self._are_most_unsure()):
            since_s = timestamp_s
            if self._level is not None:
                since_s = min(time_s for time_s, is_unsure in self._doubts if is_unsure)
            self.is_unsure = True
            self._lose(State.UNJUDGED, since_s)
        return self._state, self._since_s

    def _doubt(self, timestamp_s: float, *, is_unsure: bool) -> None:
        self._doubts.append((timestamp_s, is_unsure))
        while self._doubts[0][0] <= timestamp_s - self._settings.window_s:
            self._doubts.popleft()

    def _are_most_unsure(self) -> bool:
        return sum(is_unsure for _, is_unsure in self._doubts) > len(self._doubts) / 2

    def _advance(self, timestamp_s: float) -> None:
        if self._last_s is not None and timestamp_s - self._last_s > self._max_gap_s:
            self._pause = self._nobody_since_s = None
            self._doubts.clear()
            self._lose(State.UNJUDGED, timestamp_s)
        self._last_s = timestamp_s

    def _lose(self, state: State, since_s: float) -> None:
        if self._state != state:
            self._state, self._since_s = state, since_s
        self._level = None
        self._votes.clear()

    def _window(self) -> list[_Vote]:
        """The votes of the last seconds, latest first."""
        from_s = self._votes[-1].timestamp_s - self._settings.window_s
        window = []
        for vote in reversed(self._votes):
            if vote.timestamp_s <= from_s:
                break
            window.append(vote)
        return window

    def _begin(self, window: Sequence[_Vote]) -> None:
        """The first state, on which most of the first moments agree."""
        start_s = window[-1].timestamp_s
        if window[0].timestamp_s - start_s < self._settings.first_s:
            if self._state != State.UNJUDGED:
                self._state, self._since_s = State.UNJUDGED, start_s
            return
        levels = sorted(vote.enter for vote in window)
        self._enter(levels[len(levels) // 2], start_s)

    def _change(self, window: Sequence[_Vote]) -> None:
        """Change the state where most of the last moments agree on another."""
        assert self._level is not None
        if window[0].timestamp_s - window[-1].timestamp_s < self._settings.window_s / 2:
            return  # too short for a meaningful majority
        # The worst level that more than half reach, and the best level for which more than half would leave.
        worse = sorted(vote.enter for vote in window)[(len(window) - 1) // 2]
        better = sorted(vote.leave for vote in window)[len(window) // 2]
        if worse > self._level:
            self._enter(worse, self._start_of(partial(_would_stay_at, worse)))
        elif better < self._level:
            self._enter(better, self._start_of(partial(_is_at_most, better)))

    def _start_of(self, agrees: Callable[[_Vote], bool]) -> float:
        """The most likely time of a change: the start from which the votes in favour have the largest lead.

        It lies within the present state, and not before the oldest vote.
        """
        best_s, best, lead = self._votes[-1].timestamp_s, 0, 0
        for vote in takewhile(lambda vote: vote.timestamp_s >= self._since_s, reversed(self._votes)):
            lead += 1 if agrees(vote) else -1
            if lead > best:
                best_s, best = vote.timestamp_s, lead
        return best_s

    def _enter(self, level: int, since_s: float) -> None:
        self._level = level
        if self._state != _LEVELS[level]:
            self._state, self._since_s = _LEVELS[level], since_s
