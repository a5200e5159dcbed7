"""Filters for measures, calm at rest and quick in motion, with the same result at any sampling rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import expm1, pi
from types import MappingProxyType

from posture_cam.ids import Measure
from posture_cam.records import Measures
from posture_cam.settings import FilterSettings

_MINUS_TURN = -2.0 * pi


class AdaptiveFilter:
    """A low-pass filter whose cut-off rises with the distance of the values from its output.

    After Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012, with two changes that make it independent of
    the sampling rate: each step goes as far as a filter in continuous time would, and the filter is opened by
    its lag, not by the speed of the last step, which rises with the rate.
    """

    def __init__(self, settings: FilterSettings) -> None:
        self._reset_gap_s = settings.reset_gap_s
        self._min_cutoff_hz = settings.min_cutoff_hz
        self._cutoff_hz_per_lag, self._lag_cutoff_hz = settings.cutoff_hz_per_lag, settings.lag_cutoff_hz
        self._time_s: float | None = None
        self._value = 0.0
        self._lag = 0.0

    def smooth(self, timestamp_s: float, value: float) -> float:
        """The filtered value; restarts after a gap."""
        if self._time_s is None or timestamp_s - self._time_s > self._reset_gap_s:
            self._value, self._lag = value, 0.0
        elif (step_s := timestamp_s - self._time_s) > 0:
            lag, by = value - self._value, _MINUS_TURN * step_s
            # In one step a first-order low-pass covers 1 - exp of the distance to a constant value.
            self._lag -= expm1(by * self._lag_cutoff_hz) * (lag - self._lag)
            cutoff_hz = self._min_cutoff_hz + self._cutoff_hz_per_lag * abs(self._lag)
            self._value -= expm1(by * cutoff_hz) * lag
        self._time_s = timestamp_s
        return self._value


class Smoother:
    """A filter for each measure; restarts when the view changes."""

    def __init__(self, settings: FilterSettings) -> None:
        self._settings = settings
        self._filters: dict[Measure, AdaptiveFilter] = {}
        self._of_errors: dict[Measure, AdaptiveFilter] = {}
        self._view: str | None = None

    def smooth(self, measures: Measures) -> Measures:
        """The same measures and their errors, filtered."""
        if measures.view != self._view:
            self._filters.clear()
            self._of_errors.clear()
            self._view = measures.view

        def smoothed(
            filters: dict[Measure, AdaptiveFilter], values: Mapping[Measure, float]
        ) -> Mapping[Measure, float]:
            now_s, found = measures.timestamp_s, {}
            for name, value in values.items():
                one = filters.get(name)
                if one is None:
                    one = filters[name] = AdaptiveFilter(self._settings)
                found[name] = one.smooth(now_s, value)
            return MappingProxyType(found)

        return replace(
            measures,
            values=smoothed(self._filters, measures.values),
            errors=smoothed(self._of_errors, measures.errors),
        )
