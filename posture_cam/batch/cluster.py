"""Workers on other machines: a dask scheduler behind the same executor that processes here have."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any

from posture_cam import __version__
from posture_cam.errors import OutputError, SourceError, UsageError

# Chosen: a running scheduler answers in a fraction of this time; workers may start after the batch.
_ANSWERS_WITHIN_S = 5
_ADDRESS = re.compile(r"(tcp|tls|ws|wss)://[^\s/]+:\d+/?")
_WORKERS_WITHIN_S = 30
_LOOK_EVERY_S = 0.5


@contextmanager
def cluster(
    address: str,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    say: Callable[[str], None] = lambda _words: None,
) -> Iterator[Executor]:
    """The workers of a scheduler, as an executor.

    Leaving the block cancels work that has not begun.  A worker that dies costs nothing: dask gives its
    recording to another worker.

    Args:
        address: The scheduler's address, such as `tcp://10.0.0.5:8786`.
        should_stop: Asked while waiting for a worker.
        say: Called with a sentence about what is being waited for.

    Raises:
        UsageError: The address is not that of a scheduler.
        OutputError: The extra `cluster` is not installed.
        SourceError: No scheduler or no worker answers, or a worker has another version of posture_cam.
    """
    if not _ADDRESS.fullmatch(address):
        raise UsageError(
            f"{address!r} is no address of a scheduler.", "Write tcp://HOST:PORT, as it printed it."
        )
    try:
        from distributed import Client
    except ImportError as error:
        raise OutputError("dask is not installed.", "pip install 'dask[distributed]'") from error
    _silence_dask()
    try:
        client: Any = _connected(Client, address)
    except (OSError, ValueError, TimeoutError) as error:
        raise SourceError(
            f"No scheduler answers at {address}.", "Start one with: dask scheduler. Then dask worker ADDRESS."
        ) from error
    try:
        end_s = time.monotonic() + _WORKERS_WITHIN_S
        while not client.scheduler_info()["workers"]:
            if should_stop():
                raise KeyboardInterrupt
            if time.monotonic() > end_s:
                raise SourceError(
                    f"No worker has joined the scheduler at {address}.", f"Start some: dask worker {address}"
                )
            say(f"Waiting for a worker to join the scheduler at {address}.")
            time.sleep(_LOOK_EVERY_S)
        _check_versions(client)
        executor: Executor = client.get_executor(pure=False)
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)
    finally:
        client.close()


def _silence_dask() -> None:
    """Silence dask's loggers, which write pages about a lost connection; a sentence of our own reports it."""
    for name in ("asyncio", "tornado", "distributed", *logging.Logger.manager.loggerDict):
        if name.split(".")[0] in ("asyncio", "tornado", "distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _connected(make: Callable[..., Any], address: str) -> Any:
    """A client, or TimeoutError: the program that listens there may not be a scheduler, and never answer."""
    found: Future[Any] = Future()

    def connect() -> None:
        try:
            found.set_result(make(address, timeout=_ANSWERS_WITHIN_S, set_as_default=False))
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=connect, name="scheduler", daemon=True).start()
    return found.result(2 * _ANSWERS_WITHIN_S)


def version_here() -> str:
    """The version of posture_cam; each worker is asked for its own."""
    return __version__


def _check_versions(client: Any) -> None:
    try:
        found = client.run(version_here)
    except ImportError as error:
        raise SourceError(
            "A worker cannot import posture_cam.",
            "Install the same posture_cam there, with its extra `cluster`.",
        ) from error
    others = {worker: version for worker, version in found.items() if version != __version__}
    if others:
        worker, version = next(iter(others.items()))
        raise SourceError(
            f"The worker {worker} has posture_cam {version}; here it is {__version__}.",
            "Install the same version everywhere.",
        )
