"""Silences native libraries: MediaPipe and FFmpeg write to stderr, bypassing Python."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


class ForgivingStream(io.TextIOWrapper):
    """A stream for messages; a failed write does not end the work."""

    def write(self, text: str, /) -> int:
        """Take text."""
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Write it out."""
        with suppress(OSError, ValueError):
            super().flush()

    @classmethod
    def to(cls, descriptor: int, encoding: str | None, *, closes: bool) -> ForgivingStream:
        """A stream that writes to a file descriptor, line by line."""
        raw = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=closes))
        return cls(raw, encoding=encoding, errors="replace", line_buffering=True)


@contextmanager
def quiet(*, verbose: bool = False) -> Iterator[None]:
    """Discard what native libraries write to stderr; Python's own output still comes through.

    Calls may overlap on several threads: the last one to leave restores everything.  The effect covers the
    whole process.

    Args:
        verbose: Let them write all the same.
    """
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)  # imported by mediapipe; reports on its cache
    if verbose:
        yield
        return
    _silence.enter()
    try:
        yield
    finally:
        _silence.leave()


class _Silence:
    """The target of file descriptor 2 while native libraries are silenced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._kept: int | None = None
        self._before: TextIO | None = None

    def enter(self) -> None:
        with self._lock:
            self._count += 1
            if self._count > 1:
                return
            try:
                kept = os.dup(2)
            except OSError:  # there is no stderr
                return
            self._kept = kept
            if _is_real_stderr():  # Python's output keeps its target
                sys.stderr.flush()
                self._before = sys.stderr
                sys.stderr = ForgivingStream.to(os.dup(kept), sys.stderr.encoding, closes=True)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)

    def leave(self) -> None:
        with self._lock:
            self._count -= 1
            if self._count or self._kept is None:
                return
            if self._before is not None:
                with suppress(OSError, ValueError):
                    sys.stderr.close()
                sys.stderr, self._before = self._before, None
            os.dup2(self._kept, 2)
            os.close(self._kept)
            self._kept = None


_silence = _Silence()


def _is_real_stderr() -> bool:
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        return False
