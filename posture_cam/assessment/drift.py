"""Detecting that a neutral posture no longer fits the person's place: chair moved, camera nudged."""

from __future__ import annotations

from collections import deque

import numpy as np

from posture_cam.ids import Feature
from posture_cam.records import Features, Neutral
from posture_cam.settings import DriftSettings

# Moments kept at most; older ones are thinned out by time, not by number.
_EVERY_S = 1.0
# Share of the window in which the person has to be seen, and share of a shift that may vary within it.
_SEEN_FOR, _STEADY_WITHIN = 0.5, 0.5


class DriftWatch:
    """Compares where a person has been sitting for minutes with where they sat at calibration.

    A shift that stays steady for the whole window is either a moved chair or camera, or a posture held for
    very long.  Landmarks alone cannot distinguish the two, so the message is a question.

    Attributes:
        since_s: When the drift began, once it was noticed.
    """

    def __init__(self, neutral: Neutral, settings: DriftSettings) -> None:
        self._settings = settings
        self._then = neutral.centre
        self._view = neutral.view
        self._is_personal = neutral.is_personal
        self._moments: deque[tuple[float, float, float, float]] = deque()
        self.since_s: float | None = None

    def follow(self, features: Features) -> bool:
        """Take one moment; returns True once, at the moment the drift is noticed."""
        if self.since_s is not None or not self._is_personal or features.view != self._view:
            return False
        now, now_s = features.values, features.timestamp_s
        wanted = (Feature.SHOULDER_WIDTH, Feature.SHOULDER_Y, Feature.SHOULDER_X)
        if not all(name in now and name in self._then for name in wanted):
            return False
        if self._moments and now_s - self._moments[-1][0] < _EVERY_S:
            return False
        size, y, x = (now[name] for name in wanted)
        self._moments.append((now_s, size, x, y))
        while now_s - self._moments[0][0] > self._settings.window_s:
            self._moments.popleft()
        spans_s = now_s - self._moments[0][0]
        if spans_s < 0.9 * self._settings.window_s or len(self._moments) * _EVERY_S < _SEEN_FOR * spans_s:
            return False
        times, sizes, xs, ys = np.array(self._moments).T
        growth = 100.0 * (sizes / self._then[Feature.SHOULDER_WIDTH] - 1.0)
        aside = 100.0 * (xs - self._then[Feature.SHOULDER_X]) / self._scale()
        down = 100.0 * (ys - self._then[Feature.SHOULDER_Y]) / self._scale()
        for changes, limit in (
            ((growth,), self._settings.size_percent),
            ((aside, down), self._settings.shift_percent),
        ):
            if self._view.is_side and changes[0] is growth:
                continue
            away = float(np.hypot.reduce([np.median(change) for change in changes]))
            ranges = [np.subtract(*np.percentile(change, (90, 10))) for change in changes]
            if away > limit and max(ranges) < _STEADY_WITHIN * away:
                self.since_s = float(times[np.argmax(np.hypot.reduce(changes) > limit)])
                return True
        return False

    def _scale(self) -> float:
        """Shoulder width or, from the side, trunk length, in picture heights."""
        if self._view.is_side:
            return self._then.get(Feature.TRUNK_LENGTH, 0.3)
        return self._then[Feature.SHOULDER_WIDTH]
