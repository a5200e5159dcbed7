"""The clock of live sources."""

from __future__ import annotations

import sys
import time


def steady_clock() -> float:
    """Seconds on a clock that cannot be set and that runs on while the computer sleeps."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    elif sys.platform == "darwin":  # noqa: RET505 - mypy reads it as one choice
        return time.clock_gettime(time.CLOCK_MONOTONIC)  # time.monotonic() stops during sleep there
    else:
        return time.monotonic()
