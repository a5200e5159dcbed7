"""A long recording, looked at in several parts at once and put together as if it had been one.

Each part but the first begins anew at a key picture of the recording, knowing nothing of what was before.
The part before it goes on until both see the same person in the same picture; from there on the later one
is taken.  Where they do not agree, the earlier one goes on for as long as it takes, if need be to the end.
Parts, and where they are joined, depend on the recording alone: one processor finds the same as many.
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
from posture_cam.pose.person import Figure
from posture_cam.records import Pose, Sample
from posture_cam.settings import PartsSettings

# Beyond where it should have been joined, a part goes on by so much at a time.
_STEP_S = 1.0
_ARENA_MAX = -8  # as <malloc.h> of glibc calls it
_LOOK_ROUND_S = 0.05
# When memory is given back, in seconds of the recording: a model leaves much behind while it is loaded and
# first used.  Giving back takes 5 ms.
_GIVE_BACK_FIRST_S, _GIVE_BACK_EVERY_S = 1.0, 30.0


class Outcome(NamedTuple):
    """What a picture gave.

    Attributes:
        sample: None where the picture is damaged.
        clock_repairs: How often the recording's clock had been bridged by then.
    """

    time_s: float
    sample: Sample | None
    clock_repairs: int = 0


class Positioned(Protocol):
    """What tells how far a recording was read."""

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
        begin: See `Parts`.

    Attributes:
        start_s: Where it begins.
        looks: What it saw.
        position_s: How far it has come.
        is_over: It has come to the end of the recording.
        end_s: The time of the last picture of all, once it is over.
        clock_repairs: How often the recording's clock was bridged so far.
    """

    def __init__(self, start_s: float, begin: Begin) -> None:
        self.start_s = self.position_s = start_s
        self.looks: list[Outcome] = []
        self.is_over = False
        self.end_s, self.clock_repairs = 0.0, 0
        self._begin, self._stack = begin, ExitStack()
        self._source: Positioned | None = None
        self._all_looks: Iterator[Outcome] = iter(())
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
        """What ended it early; not to be asked while it is busy."""
        return self._work.exception() if self._work is not None else None

    def go_on(self, pool: ThreadPoolExecutor, until_s: float, is_left: Event) -> None:
        """Outcome on, up to a time or the end of the recording; what goes wrong is kept as its failure."""
        self._work = pool.submit(self._look_on, until_s, is_left)

    def _look_on(self, until_s: float, is_left: Event) -> None:
        if is_left.is_set():
            return
        if self._source is None:
            self._source, self._all_looks = self._begin(self.start_s, self._stack)
            _give_back_memory()
        while self.position_s <= until_s and not is_left.is_set():
            look = next(self._all_looks, None)
            if look is None:
                self.is_over = True
                self.end_s, self.clock_repairs = self._source.position_s, self._source.clock_repairs
                return
            self.looks.append(look)
            self.position_s, self.clock_repairs = look.time_s, look.clock_repairs
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
        self.looks, self._source, self._all_looks, self._work = [], None, iter(()), None
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
        settings: How they are joined.
        processors: So many parts are looked at at once, up to the limit of the settings.
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
        self._current, *later = self._parts = [_Part(start_s, begin) for start_s in starts_s]
        self._later = deque(later)
        self._settings = settings
        self._processors = min(processors, len(self._parts), settings.at_once)
        self._until_s = math.inf if until_s is None else until_s
        self._is_left = Event()
        self._done_s = 0.0

    @property
    def done_s(self) -> float:
        """How many seconds of the recording were looked at, in all parts together; never less than before."""
        parts = [self._current, *self._later]
        ends_s = [*(part.start_s for part in self._later), math.inf]
        ahead_s = (
            min(part.position_s, end_s) - part.start_s for part, end_s in zip(parts, ends_s, strict=True)
        )
        self._done_s = max(self._done_s, self._current.start_s + sum(ahead_s))
        return self._done_s

    @property
    def end_s(self) -> float:
        """The time of the last picture of all, once there is nothing left."""
        return self._current.end_s

    @property
    def clock_repairs(self) -> int:
        """How often the recording's clock was bridged so far."""
        return self._current.clock_repairs

    def leave(self) -> None:
        """Outcome at no more pictures; what was looked at from the beginning on is still given out."""
        self._is_left.set()

    def looks(self) -> Generator[Outcome | None]:
        """What the pictures gave, in their order; None where there is nothing new for a moment.

        Closing it ends the work.

        Raises:
            PostureCamError: What the part that is needed failed with.
        """
        with ExitStack() as stack:
            for part in self._parts:
                stack.callback(part.close)
            pool = stack.enter_context(ThreadPoolExecutor(self._processors, thread_name_prefix="part"))
            stack.callback(self._is_left.set)
            yield from self._joined(pool)

    def _joined(self, pool: ThreadPoolExecutor) -> Iterator[Outcome | None]:
        taken = shift = 0  # of the current part's looks, and of its count of pictures
        while True:
            self._keep_going(pool)
            current, following = self._current, self._later[0] if self._later else None
            is_busy = current.is_busy  # before what it has seen is taken
            sure_s = self._settled_s(following)
            while taken < len(current.looks) and current.looks[taken].time_s < sure_s:
                yield _counted(current.looks[taken], shift)
                taken += 1
            del current.looks[:taken]  # a part may be long
            taken = 0
            if is_busy:
                yield None
                current.wait()
                continue
            if current.failure is not None:
                raise current.failure
            if following is None or current.is_over:
                yield from (_counted(look, shift) for look in current.looks)
                return
            if current.position_s < sure_s:
                assert self._is_left.is_set()
                return
            if not following.has_begun:  # the current one was done only just now
                continue
            if following.is_busy and following.position_s <= current.position_s:
                yield None
                following.wait()
                continue
            joint = _joint(current.looks, following.looks)
            if joint is None and self._is_left.is_set():
                yield from (_counted(look, shift) for look in current.looks)
                return
            if joint is None and not following.is_busy and following.position_s < current.position_s:
                # It failed or ended, and both never agreed.
                if not isinstance(following.failure, PostureCamError | None):
                    raise following.failure
                self._later.popleft()
                following.close()
                current.go_on(pool, self._settled_s(self._later[0] if self._later else None), self._is_left)
                continue
            if joint is None:
                current.go_on(pool, current.position_s + _STEP_S, self._is_left)
                continue
            mine, theirs = joint
            yield from (_counted(look, shift) for look in current.looks[:mine])
            shift += _index(current.looks[mine]) - _index(following.looks[theirs])
            current.close()
            self._current, taken = self._later.popleft(), theirs

    def _keep_going(self, pool: ThreadPoolExecutor) -> None:
        """Begin as many parts as there are processors, and one more only where the current one waits for it.

        Each holds a model until it is closed, also while it waits for the next one.
        """
        chain = [self._current, *self._later]
        begun = sum(part.has_begun for part in chain)
        for number, part in enumerate(chain):
            if part.has_begun:
                continue
            is_awaited = number == 1 and not self._current.is_busy
            if begun >= self._processors and not is_awaited:
                return
            following = chain[number + 1] if number + 1 < len(chain) else None
            part.go_on(pool, self._settled_s(following), self._is_left)
            begun += 1

    def _settled_s(self, part: _Part | None) -> float:
        return self._until_s if part is None else part.start_s + self._settings.settle_s


def _joint(looks: Sequence[Outcome], later: Sequence[Outcome]) -> tuple[int, int] | None:
    """Where the later part may be taken: the first new look of it, at a picture in which both see one person.

    Args:
        looks: Of the part so far, where the later one may have settled.
        later: Of the part that follows.

    Returns:
        Positions in both of them.
    """
    places = {look.time_s: place for place, look in enumerate(looks)}
    for theirs in range(len(later)):
        look = later[theirs]
        mine = places.get(look.time_s)
        if mine is None or look.clock_repairs or looks[mine].clock_repairs:
            continue
        one, other = looks[mine].sample, look.sample
        if one is None or other is None or other.is_reused:
            continue
        if one.pose is not None and other.pose is not None and _is_same(one.pose, other.pose):
            return mine, theirs
    return None


def _is_same(one: Pose, other: Pose) -> bool:
    figures = (Figure.of(pose.landmarks, pose.image_size_wh) for pose in (one, other))
    return next(figures).is_same(next(figures))


def _index(look: Outcome) -> int:
    assert look.sample is not None
    return look.sample.index


def _counted(look: Outcome, shift: int) -> Outcome:
    if not shift or look.sample is None:
        return look
    return look._replace(sample=replace(look.sample, index=look.sample.index + shift))
