"""Noticing that a neutral posture no longer fits where the person sits: chair moved, camera nudged."""

from __future__ import annotations

from collections import deque

import numpy as np

from posture_cam.records import Assessment, Features, Neutral, State
from posture_cam.settings import DriftSettings

# Moments kept at most; older ones are thinned out by time, not by number.
_EVERY_S = 1.0
# Share of the window that has to be sat well for its median to mean anything.
_GOOD_FOR = 0.5


class DriftWatch:
    """Compares where a person sits well with where they sat at calibration.

    Only moments judged good count: somebody who slouches is elsewhere too, but that is not drift.
    """

    def __init__(self, neutral: Neutral, settings: DriftSettings) -> None:
        self._settings = settings
        self._then = neutral.centre
        self._view = neutral.view
        self._is_personal = neutral.is_personal
        self._moments: deque[tuple[float, float, float, float]] = deque()
        self.since_s: float | None = None

    def update(self, features: Features, assessment: Assessment) -> bool:
        """Take one moment; True at the moment the drift is noticed, once.

        `since_s` then tells when the window that showed it began.
        """
        if self.since_s is not None or not self._is_personal or features.view != self._view:
            return False
        now, now_s = features.values, features.timestamp_s
        wanted = ("shoulder_width_ratio", "shoulder_y_ratio", "shoulder_x_ratio")
        if assessment.state != State.GOOD or not all(name in now and name in self._then for name in wanted):
            return False
        if self._moments and now_s - self._moments[-1][0] < _EVERY_S:
            return False
        size, y, x = (now[name] for name in wanted)
        self._moments.append((now_s, size, x, y))
        while now_s - self._moments[0][0] > self._settings.window_s:
            self._moments.popleft()
        spans_s = now_s - self._moments[0][0]
        if spans_s < 0.9 * self._settings.window_s or len(self._moments) * _EVERY_S < _GOOD_FOR * spans_s:
            return False
        _, sizes, xs, ys = np.array(self._moments).T
        scale = self._scale()
        growth = 100.0 * (np.median(sizes) / self._then["shoulder_width_ratio"] - 1.0)
        shift_x = np.median(xs) - self._then["shoulder_x_ratio"]
        shift_y = np.median(ys) - self._then["shoulder_y_ratio"]
        shift = 100.0 * float(np.hypot(shift_x, shift_y)) / scale
        is_size = not self._view.is_side and abs(growth) > self._settings.size_percent
        if is_size or shift > self._settings.shift_percent:
            self.since_s = self._moments[0][0]
            return True
        return False

    def _scale(self) -> float:
        """Shoulder width, or from the side the trunk's length, in picture heights."""
        if self._view.is_side:
            return self._then.get("trunk_length_ratio", 0.3)
        return self._then["shoulder_width_ratio"]
