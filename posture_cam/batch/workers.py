"""Processes for work that may crash: each does one task at a time, and a crash loses only that task."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, ParamSpec, TypeVar

from posture_cam.errors import SourceError
from posture_cam.session.parts import share_memory

P = ParamSpec("P")
T = TypeVar("T")
# After this time a process that hangs in native code is killed.
_ENDS_WITHIN_S = 5.0


class Workers(Executor):
    """An executor of `count` processes that outlives the crash of any of them.

    A task whose process crashed fails with a SourceError; the next task gets a new process.

    Args:
        count: How many processes.
        should_stop: Whether the work is being stopped: a process that ends then has not crashed.
    """

    def __init__(self, count: int, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._should_stop = should_stop
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._own = threading.local()
        self._lock = threading.Lock()
        self._pools: list[ProcessPoolExecutor] = []
        self._is_over = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function in one of the processes; it must be importable there."""
        return self._threads.submit(self._run, fn, args, kwargs)

    def _run(self, fn: Callable[..., T], arguments: Any, options: Any) -> T:
        pool: ProcessPoolExecutor | None = getattr(self._own, "pool", None)
        try:
            if pool is None:
                pool = self._own.pool = self._new_pool()
            return pool.submit(_in_process, fn, arguments, options).result()
        except BrokenProcessPool:
            self._own.pool = None
            if self._is_over or self._should_stop():  # ended by us, or by a Ctrl-C, which reaches all
                raise CancelledError from None
            raise SourceError(
                "Reading it crashed the program that reads it.", "The file is probably damaged."
            ) from None

    def _new_pool(self) -> ProcessPoolExecutor:
        pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _prepare)
        with self._lock:
            self._pools.append(pool)
            if self._is_over:
                pool.shutdown(wait=False)
        return pool

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes; with `cancel_futures` at once, whatever they are doing."""
        with self._lock:
            self._is_over = cancel_futures
            pools = list(self._pools)
        self._threads.shutdown(wait=wait and not cancel_futures, cancel_futures=cancel_futures)
        if cancel_futures:
            _end(multiprocessing.active_children())
        for pool in pools:
            pool.shutdown(wait=wait)


@contextmanager
def here(count: int, should_stop: Callable[[], bool]) -> Iterator[Executor]:
    """Processes on this machine; leaving the block waits for them, or ends them after a stop."""
    workers = Workers(count, should_stop)
    try:
        yield workers
    finally:
        workers.shutdown(cancel_futures=should_stop())


def _end(processes: Sequence[multiprocessing.process.BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    end_s = time.monotonic() + _ENDS_WITHIN_S
    for process in processes:
        process.join(max(end_s - time.monotonic(), 0.0))
        if process.is_alive():
            process.kill()


class _Ended(BaseException):
    """The process was asked to end."""


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    """Leave by an exception, so that half-written files are deleted on the way out."""
    raise _Ended


def _in_process(fn: Callable[..., T], arguments: Any, options: Any) -> T:
    try:
        return fn(*arguments, **options)
    except _Ended:
        os._exit(1)  # the pool would return the exception and wait for more work


# Time to delete half-written files.
_GRACE_S = 5.0


def _prepare() -> None:
    """Leave Ctrl-C to the parent process, end when it ends, and silence native libraries."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_with, args=(parent,), name="parent", daemon=True).start()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    share_memory()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    """End when the parent process ends: nobody is left to receive results."""
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
    # An exception between two tasks is taken for a result by the pool, which then waits for ever.
    time.sleep(_GRACE_S)
    os._exit(1)
