"""How long a posture was held without a change above noise."""

from __future__ import annotations

from posture_cam.ids import Measure
from posture_cam.measures import shown_in
from posture_cam.records import Measures
from posture_cam.settings import StillnessSettings


class Stillness:
    """Tracks the present posture; it ends when any watched measure moves away from its value."""

    def __init__(self, settings: StillnessSettings, max_gap_s: float) -> None:
        self._limit = {
            "deg": settings.change_deg,
            "percent": settings.change_percent,
            "cm": settings.change_cm,
        }
        self._watched = shown_in("hold")
        self._max_gap_s = max_gap_s
        self._anchor: dict[Measure, float] = {}
        self._since_s: float | None = None
        self._last_s = 0.0

    def follow(self, measures: Measures) -> float | None:
        """Seconds since the posture last changed; None without measures."""
        now_s = measures.timestamp_s
        values = {name: measures.values[name] for name in self._watched if name in measures.values}
        if not values:
            return None
        has_gap = self._since_s is None or now_s - self._last_s > self._max_gap_s
        self._last_s = now_s
        changed = any(
            abs(value - self._anchor[name]) > self._limit[name.rsplit("_", 1)[1]]
            for name, value in values.items()
            if name in self._anchor
        )
        if has_gap or changed:
            self._anchor, self._since_s = values, now_s
        else:
            self._anchor = values | self._anchor
        assert self._since_s is not None
        return now_s - self._since_s
