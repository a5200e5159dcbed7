"""Makes one clean time axis from whatever timestamps a container reports."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

# Used where a container reports none; the rate of most webcams.
ASSUMED_FRAME_RATE = 30.0
# A step back or a stretch of frames without progress longer than this is a broken clock, not jitter.
TOLERANCE_S = 1.0


def sane_frame_rate(frame_rate: float) -> float | None:
    """The frame rate, or None where a container reports nonsense (0, NaN, a time base of 90,000, 0.05)."""
    return frame_rate if math.isfinite(frame_rate) and 0.1 <= frame_rate <= 1000 else None


@dataclass(slots=True)
class Timeline:
    """Turns reported timestamps into ones that start at 0 and strictly increase.

    Variable frame rates pass through unchanged.  Frames whose time stands still or steps back a little
    (reordered frames) are left out.  A clock that is broken for longer (stands still, starts again, jumps
    beyond the end of the recording) is bridged with the nominal frame rate.

    Attributes:
        frame_rate: The container's frame rate, or None.
        duration_s: The container's duration, or None; times far beyond it are rejected.
        repaired: How often the clock had to be bridged.
        last_s: The latest time given out.
    """

    frame_rate: float | None
    duration_s: float | None
    repaired: int = 0
    _offset_s: float | None = None
    last_s: float = field(default=-math.inf)
    _stuck: int = 0
    _stands_still: bool = False

    def place(self, reported_s: float) -> float | None:
        """The time of the next frame in seconds from the first; None if the frame is to be left out."""
        period_s = 1.0 / (self.frame_rate or ASSUMED_FRAME_RATE)
        if self._offset_s is None:
            if not math.isfinite(reported_s):
                reported_s = 0.0
            self._offset_s = -reported_s
            self.last_s = 0.0
            return 0.0
        time_s = reported_s + self._offset_s
        if math.isfinite(time_s) and time_s > self.last_s and not self._is_beyond_end(time_s):
            self._stuck = 0
            self.last_s = time_s
            return time_s
        self._stuck += 1
        is_jitter = math.isfinite(time_s) and -TOLERANCE_S < time_s - self.last_s <= 0
        if is_jitter and not self._stands_still and self._stuck * period_s <= TOLERANCE_S:
            return None
        self._stands_still = self._stands_still or is_jitter
        bridged_s = self.last_s + self._stuck * period_s
        if math.isfinite(reported_s):
            self._offset_s = bridged_s - reported_s
        self.repaired += 1
        self._stuck = 0
        self.last_s = bridged_s
        return bridged_s

    def _is_beyond_end(self, time_s: float) -> bool:
        return self.duration_s is not None and time_s > 1.5 * self.duration_s + 10.0
