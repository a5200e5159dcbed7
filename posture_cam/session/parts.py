"""A long recording, looked at in several parts at once.

Each part but the first begins at a key picture, a lead-in before its own time, knowing nothing of what was
before; what it sees in the lead-in is thrown away.  Parts depend on the recording alone: one processor finds
the same as many.
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
# When memory is given back, in seconds of the recording: a model leaves much behind while it is loaded and
# first used.  Giving back takes 5 ms.
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
    """A source that knows how far it was read."""

    @property
    def position_s(self) -> float:
        """The time of the last picture."""

    @property
    def clock_repairs(self) -> int:
        """How often the recording's clock was bridged."""


Begin = Callable[[float, ExitStack], tuple[Positioned, Iterator[Outcome]]]


def goals_s(duration_s: float | None, settings: PartsSettings) -> list[float]:
    """Where the second and all further parts of a recording would best begin; none where it is short.

    An even number of parts, so that two processors are done at one time.
    """
    if duration_s is None or duration_s < 2 * settings.least_s:
        return []
    count = 2 * math.ceil(duration_s / (2 * settings.usual_s))
    return [duration_s * number / count for number in range(1, count)]


def starts_s(found_s: Sequence[float], duration_s: float | None, settings: PartsSettings) -> list[float]:
    """Where parts begin: at 0, and of the key pictures found at those that are far enough from each other."""
    starts = [0.0]
    least_s = settings.least_s / 2
    for time_s in found_s:
        if time_s - starts[-1] >= least_s and time_s <= (duration_s or math.inf) - least_s:
            starts.append(time_s)
    return starts


def share_memory() -> None:
    """Have all threads take memory from one place, where Linux's C library would give each its own.

    What one part has freed serves the next one then, in pieces of just the right size.  To be called before
    models are loaded; it takes no time.  It holds for the whole process, which must therefore be our own: the
    command line calls this, the library does not.
    """
    with suppress(OSError, TypeError, AttributeError):  # elsewhere there is none, or none of that name
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


class _Part:
    """A part, looked at as far as is asked for.

    Args:
        start_s: Where it begins.
        own_s: From where on it counts.
        until_s: Where the next one counts.
        begin: See `Parts`.

    Attributes:
        outcomes: What it saw and counts, as far as it was not taken out.
        lead_in: The outcomes before that.
        position_s: How far it has come.
        is_over: It has come to the end of the recording.
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
        """The failure that ended it early; None while it is busy."""
        return self._work.exception() if self._work is not None and self._work.done() else None

    def go_on(self, pool: ThreadPoolExecutor, is_left: Event) -> None:
        """Look on, up to where the next part counts; what goes wrong is kept as its failure."""
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
        """For a moment, or until it is no longer busy."""
        if self._work is not None:
            wait([self._work], timeout=_LOOK_ROUND_S)

    def close(self) -> None:
        """Release the recording and the model; not while it is busy."""
        self._stack.close()
        if self._work is None:  # never begun, or closed already
            return
        # Nothing of it may stay: a decoder holds many pictures, and a failure holds where it was raised.
        self._source, self._all_outcomes, self._work = None, iter(()), None
        self.outcomes.clear()
        _give_back_memory()


def _give_back_memory() -> None:
    """Have the C library of Linux give back what was freed, which it keeps in pieces too small for a part."""
    with suppress(OSError, TypeError, AttributeError):  # elsewhere there is none, or none of that name
        ctypes.CDLL(None).malloc_trim(0)


class Parts:
    """All parts of a recording.

    Args:
        starts_s: Where they begin; the first at 0.
        begin: Opens the recording for one of them, on whatever thread, and looks at it picture by picture.
            What is to be closed after it goes on the stack.
        settings: How long the lead-in is, and how many parts are looked at at once at most.
        processors: So many parts are looked at at once, up to that limit.
        until_s: Nothing much after this is needed; None goes to the end.
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
        """How many seconds of the recording were looked at, in all parts together; never less than before."""
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
        """Look at no more pictures; what was looked at from the beginning on is still given out."""
        self._is_left.set()

    def outcomes(self) -> Generator[Outcome | None]:
        """The outcomes of the pictures in order; None while nothing is new.

        Closing it ends the work.

        Raises:
            PostureCamError: What the part that is needed failed with.
        """
        with ExitStack() as stack:
            for part in self._parts:
                stack.callback(part.close)
            pool = stack.enter_context(ThreadPoolExecutor(self._processors, thread_name_prefix="part"))
            stack.callback(self._is_left.set)
            yield from self._one_after_the_other(pool)

    def _one_after_the_other(self, pool: ThreadPoolExecutor) -> Iterator[Outcome | None]:
        shift, is_seam = 0, False  # of its count of pictures; before the first outcome of a later part
        given: deque[Outcome] = deque(maxlen=_COMPARED)
        while True:
            part = self._parts[0]
            self._keep_going(pool)
            is_busy = part.is_busy  # before what it has seen is taken
            while part.outcomes and (len(self._parts) == 1 or part.outcomes[0].time_s < part.until_s):
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
            # It cannot be read from there, or its times are not those of the recording: this part goes on.
            while following.is_busy:
                yield None
                following.wait()
            part.until_s = following.until_s
            del self._parts[1]
            following.close()
            part.go_on(pool, self._is_left)

    def _keep_going(self, pool: ThreadPoolExecutor) -> None:
        """Begin as many parts as there are processors, and one more only where the current one waits for it.

        Each holds a model until it is closed, also while it waits for the next one.
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
    """What a later part's numbers of pictures lack, by a picture that the part before has seen, too."""
    number_at = {one.time_s: one.sample.index for one in given if one.sample is not None}
    for one in lead_in:
        if one.sample is not None and one.time_s in number_at:
            return number_at[one.time_s] - one.sample.index
    return max(number_at.values(), default=0)


def _placed(outcome: Outcome, shift: int, *, is_new: bool) -> Outcome:
    """An outcome with the recording's own number; the first of a part is a look of its own."""
    sample = outcome.sample
    if sample is None or not (shift or is_new):
        return outcome
    sample = replace(sample, index=sample.index + shift)
    if is_new:
        sample = replace(sample, is_reused=False, has_moved=False)
    return outcome._replace(sample=sample)
