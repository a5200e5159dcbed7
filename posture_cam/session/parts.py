"""Processes a long recording in several parts at once.

Each part but the first begins at a key picture, a lead-in before its own time, without knowledge of earlier
pictures; the results of the lead-in are discarded.  The division into parts depends only on the recording, so
one processor gets the same results as many.
"""

from __future__ import annotations

import ctypes
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import replace
from threading import Event
from typing import NamedTuple, Protocol

from posture_cam.errors import PostureCamError
from posture_cam.records import Sample
from posture_cam.settings import PartsSettings

_ARENA_MAX = -8  # as <malloc.h> of glibc calls it
# Chosen: how often to look whether a part has ended.
_LOOK_ROUND_S = 0.05
# Outcomes whose pictures are compared with those of a lead-in.
_COMPARED = 200
# When memory is given back, in seconds of the recording: loading and first using a model leaves much memory
# behind.  Giving it back takes 5 ms.
_GIVE_BACK_FIRST_S, _GIVE_BACK_EVERY_S = 1.0, 30.0


class Outcome(NamedTuple):
    """The outcome of a picture.

    Attributes:
        sample: None where the picture is damaged.
        clock_repairs: How often the recording's clock had been bridged by then.
    """

    time_s: float
    sample: Sample | None
    clock_repairs: int = 0


class Positioned(Protocol):
    """A source that knows how far it has been read."""

    @property
    def position_s(self) -> float:
        """The time of the last picture."""

    @property
    def clock_repairs(self) -> int:
        """How often the recording's clock was bridged."""


Begin = Callable[[float, ExitStack], tuple[Positioned, Iterator[Outcome]]]


def goals_s(duration_s: float | None, settings: PartsSettings) -> list[float]:
    """The best start times for the second and all further parts; empty for a short recording.

    The number of parts is even, so that two processors finish at the same time.
    """
    if duration_s is None or duration_s < 2 * settings.least_s:
        return []
    count = 2 * math.ceil(duration_s / (2 * settings.usual_s))
    return [duration_s * number / count for number in range(1, count)]


def starts_s(found_s: Sequence[float], duration_s: float | None, settings: PartsSettings) -> list[float]:
    """Where parts begin: at 0, and at those of the key pictures found that are far enough apart."""
    starts = [0.0]
    least_s = settings.least_s / 2
    for time_s in found_s:
        if time_s - starts[-1] >= least_s and time_s <= (duration_s or math.inf) - least_s:
            starts.append(time_s)
    return starts


def share_memory() -> None:
    """Let all threads take memory from one arena; Linux's C library would give each thread its own.

    Memory freed by one part then serves the next one, in pieces of just the right size.  Call this before
    models are loaded; it takes no time.  It affects the whole process, which must therefore be our own: the
    command line calls it, the library does not.
    """
    with suppress(OSError, TypeError, AttributeError):  # elsewhere there is none, or none of that name
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


class _Part:
    """A part of a recording, processed up to a given time.

    Args:
        start_s: Where it begins.
        own_s: The time from which its outcomes count.
        until_s: The time from which those of the next part count.
        begin: See `Parts`.

    Attributes:
        outcomes: Outcomes that count and have not been taken out yet.
        lead_in: The outcomes before `own_s`.
        position_s: How far it has got.
        is_over: Whether it has reached the end of the recording.
        end_s: The time of the last picture of all, once it is over.
        clock_repairs: How often the recording's clock was bridged so far.
    """

    def __init__(self, start_s: float, own_s: float, until_s: float, begin: Begin) -> None:
        self.start_s = self.position_s = start_s
        self.own_s, self.until_s = own_s, until_s
        self.outcomes: deque[Outcome] = deque()
        self.lead_in: list[Outcome] = []
        self.is_over = False
        self.end_s, self.clock_repairs = 0.0, 0
        self._begin, self._stack = begin, ExitStack()
        self._source: Positioned | None = None
        self._all_outcomes: Iterator[Outcome] = iter(())
        self._work: Future[None] | None = None
        self._gives_back_s = start_s + _GIVE_BACK_FIRST_S

    @property
    def has_begun(self) -> bool:
        return self._work is not None

    @property
    def is_busy(self) -> bool:
        return self._work is not None and not self._work.done()

    @property
    def failure(self) -> BaseException | None:
        """The failure that ended it early; None without one, or while the part is busy."""
        return self._work.exception() if self._work is not None and self._work.done() else None

    def go_on(self, pool: ThreadPoolExecutor, is_left: Event) -> None:
        """Continue up to where the next part counts; an error is stored as its failure."""
        self._work = pool.submit(self._look_on, is_left)

    def _look_on(self, is_left: Event) -> None:
        if is_left.is_set():
            return
        if self._source is None:
            self._source, self._all_outcomes = self._begin(self.start_s, self._stack)
            _give_back_memory()
        while self.position_s <= self.until_s and not is_left.is_set():
            outcome = next(self._all_outcomes, None)
            if outcome is None:
                self.is_over = True
                self.end_s, self.clock_repairs = self._source.position_s, self._source.clock_repairs
                return
            self.clock_repairs = outcome.clock_repairs
            if outcome.time_s < self.own_s:
                self.lead_in.append(outcome)
            else:
                self.outcomes.append(outcome)
            self.position_s = outcome.time_s
            if self.position_s >= self._gives_back_s:
                self._gives_back_s = self.position_s + _GIVE_BACK_EVERY_S
                _give_back_memory()

    def wait(self) -> None:
        """Wait for a moment, or until the part is no longer busy."""
        if self._work is not None:
            wait([self._work], timeout=_LOOK_ROUND_S)

    def close(self) -> None:
        """Release the recording and the model; must not be called while the part is busy."""
        self._stack.close()
        if self._work is None:  # never begun, or closed already
            return
        # No reference may stay: a decoder holds many pictures, and a failure holds its stack frames.
        self._source, self._all_outcomes, self._work = None, iter(()), None
        self.outcomes.clear()
        _give_back_memory()


def _give_back_memory() -> None:
    """Make Linux's C library give back freed memory, which it keeps in pieces too small for a part."""
    with suppress(OSError, TypeError, AttributeError):  # elsewhere there is none, or none of that name
        ctypes.CDLL(None).malloc_trim(0)


class Parts:
    """All parts of a recording.

    Args:
        starts_s: Where the parts begin; the first at 0.
        begin: Opens the recording for one part, on any thread, and looks at it picture by picture.  Resources
            to be closed after the part go on the stack.
        settings: The length of the lead-in, and the limit of parts processed at once.
        processors: The number of parts to process at once, up to that limit.
        until_s: The time after which little is needed; None goes to the end.
    """

    def __init__(
        self,
        starts_s: Sequence[float],
        begin: Begin,
        settings: PartsSettings,
        processors: int,
        until_s: float | None = None,
    ) -> None:
        own_s = [start_s + settings.lead_in_s if start_s else 0.0 for start_s in starts_s]
        ends_s = [*own_s[1:], math.inf if until_s is None else until_s]
        self._parts = deque(_Part(*times, begin) for times in zip(starts_s, own_s, ends_s, strict=True))
        self._processors = min(processors, len(self._parts), settings.at_once)
        self._is_left = Event()
        self._done_s = 0.0

    @property
    def done_s(self) -> float:
        """Seconds of the recording processed so far, in all parts together; never decreases."""
        first, *others = self._parts
        ahead_s = sum(max(min(part.position_s, part.until_s) - part.own_s, 0.0) for part in others)
        self._done_s = max(self._done_s, first.position_s + ahead_s)
        return self._done_s

    @property
    def end_s(self) -> float:
        """The time of the last picture of all, once there is nothing left."""
        return self._parts[0].end_s

    @property
    def clock_repairs(self) -> int:
        """How often the recording's clock was bridged so far."""
        return self._parts[0].clock_repairs

    def leave(self) -> None:
        """Look at no more pictures; outcomes without a gap from the beginning are still given out."""
        self._is_left.set()

    def outcomes(self) -> Generator[Outcome | None]:
        """The outcomes of the pictures in order; None while nothing is new.

        Closing the generator ends the work.

        Raises:
            PostureCamError: The failure of a part whose outcomes are needed.
        """
        with ExitStack() as stack:
            for part in self._parts:
                stack.callback(part.close)
            pool = stack.enter_context(ThreadPoolExecutor(self._processors, thread_name_prefix="part"))
            stack.callback(self._is_left.set)
            yield from self._one_after_the_other(pool)

    def _one_after_the_other(self, pool: ThreadPoolExecutor) -> Iterator[Outcome | None]:
        shift, is_seam = 0, False  # added to picture numbers; before the first outcome of a later part
        given: deque[Outcome] = deque(maxlen=_COMPARED)
        while True:
            part = self._parts[0]
            self._keep_going(pool)
            is_busy = part.is_busy  # checked before its outcomes are taken
            is_last = len(self._parts) == 1 or part.is_over  # the recording ends in it
            while part.outcomes and (is_last or part.outcomes[0].time_s < part.until_s):
                outcome = _placed(part.outcomes.popleft(), shift, is_new=is_seam)
                is_seam = is_seam and outcome.sample is None
                given.append(outcome)
                yield outcome
            if is_busy:
                yield None
                part.wait()
                continue
            if part.failure is not None:
                raise part.failure
            if part.is_over or len(self._parts) == 1 or self._is_left.is_set():
                return
            following = self._parts[1]
            while not following.outcomes and (following.is_busy or not following.has_begun):
                self._keep_going(pool)
                yield None
                following.wait()
            if following.failure is not None and not isinstance(following.failure, PostureCamError):
                raise following.failure
            has_times = following.outcomes and not following.outcomes[0].clock_repairs
            if has_times and not part.clock_repairs:
                shift, is_seam = _shift(given, following.lead_in), True
                self._parts.popleft().close()
                continue
            # The next part cannot be read from its start, or its times are wrong: this part does its work.
            while following.is_busy:
                yield None
                following.wait()
            part.until_s = following.until_s
            del self._parts[1]
            following.close()
            part.go_on(pool, self._is_left)

    def _keep_going(self, pool: ThreadPoolExecutor) -> None:
        """Begin as many parts as there are processors, and one more only if the current part waits for it.

        Each part holds a model until it is closed, even while it waits for the next part.
        """
        begun = sum(part.has_begun for part in self._parts)
        for number, part in enumerate(self._parts):
            if part.has_begun:
                continue
            is_awaited = number == 1 and not self._parts[0].is_busy
            if begun >= self._processors and not is_awaited:
                return
            part.go_on(pool, self._is_left)
            begun += 1


def _shift(given: Sequence[Outcome], lead_in: Sequence[Outcome]) -> int:
    """The offset of a later part's picture numbers, from a picture that the previous part has seen, too."""
    number_at = {one.time_s: one.sample.index for one in given if one.sample is not None}
    for one in lead_in:
        if one.sample is not None and one.time_s in number_at:
            return number_at[one.time_s] - one.sample.index
    return max(number_at.values(), default=0)


def _placed(outcome: Outcome, shift: int, *, is_new: bool) -> Outcome:
    """An outcome with its number in the whole recording; the first of a later part counts as a new look."""
    sample = outcome.sample
    if sample is None or not (shift or is_new):
        return outcome
    sample = replace(sample, index=sample.index + shift)
    if is_new:
        sample = replace(sample, is_reused=False, has_moved=False)
    return outcome._replace(sample=sample)
