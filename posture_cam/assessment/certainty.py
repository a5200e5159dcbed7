"""Which estimates are sure enough to be told.

Asked of smoothed estimates: a single one near its limit would be sure and unsure by turns, as the noise of
the picture has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from types import MappingProxyType

from posture_cam.measures import MeasureInfo
from posture_cam.records import Measure, Measures, Reason, View

_NEEDED = {Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE}
# What was said stands until an interval this much narrower would not say it either.
_KEPT_BY = 0.2
_Limits = Mapping[Measure, tuple[float, float]]


class _Said:
    """Of which estimates something was said lately."""

    def __init__(self, reset_gap_s: float) -> None:
        self._reset_gap_s = reset_gap_s
        self._said_s: dict[Measure, float] = {}

    def lately(self, now_s: float) -> Set[Measure]:
        return {name for name, said_s in self._said_s.items() if now_s - said_s <= self._reset_gap_s}

    def note(self, now_s: float, said: Set[Measure], measured: Iterable[Measure]) -> None:
        """What is not measured for a moment stands as it was."""
        for name in measured:
            if name in said:
                self._said_s[name] = now_s
            else:
                self._said_s.pop(name, None)


class Certainty:
    """Tells which estimates of a run are sure, in order of time; near a limit it keeps to what it said.

    Args:
        table: The limits of estimates over time.
        reset_gap_s: What was said longer ago does not count.
    """

    def __init__(self, table: Mapping[Measure, MeasureInfo], reset_gap_s: float) -> None:
        self._limits, self._reset_gap_s = _limits(table), reset_gap_s
        self._view: View | None = None

    def told(self, measures: Measures) -> Measures:
        """The measures without the estimates that cannot be told, as the function `told` has it."""
        if measures.view != self._view:
            self._view = measures.view
            self._sure, self._beyond = _Said(self._reset_gap_s), _Said(self._reset_gap_s)
        now_s = measures.timestamp_s
        sure, beyond = _claims(measures, self._limits, self._sure.lately(now_s), self._beyond.lately(now_s))
        self._sure.note(now_s, sure, measures.errors)
        self._beyond.note(now_s, beyond, measures.errors)
        return _without_unsure(measures, self._limits, sure, beyond)


def told(measures: Measures, table: Mapping[Measure, MeasureInfo]) -> Measures:
    """The measures without the estimates that cannot be told; `reason` says so where none is left.

    All that are sure are told, unless neck or trunk is unsure.  Then only what is surely beyond its limit
    speaks; nothing is called good on what is left.

    Args:
        measures: Of one moment, or smoothed.
        table: The limits of estimates over time.
    """
    limits = _limits(table)
    return _without_unsure(measures, limits, *_claims(measures, limits))


def _limits(table: Mapping[Measure, MeasureInfo]) -> _Limits:
    return {
        name: (info.good, info.poor)
        for name, info in table.items()
        if info.good is not None and info.poor is not None
    }


def _claims(
    measures: Measures,
    limits: _Limits,
    was_sure: Set[Measure] = frozenset(),
    was_beyond: Set[Measure] = frozenset(),
) -> tuple[set[Measure], set[Measure]]:
    """Which are sure, their interval not holding both no change and poor, and which surely beyond good."""
    sure, beyond = set(), set()
    for name, error in measures.errors.items():
        value = measures.values.get(name)
        if value is None or name not in limits:
            continue
        good, poor = limits[name]
        kept = (1.0 - _KEPT_BY) * error
        of_sure = kept if name in was_sure else error
        if value - of_sure > 0 or value + of_sure < poor:
            sure.add(name)
        if value - (kept if name in was_beyond else error) > good:
            beyond.add(name)
    return sure, beyond


def _without_unsure(
    measures: Measures, limits: _Limits, sure: set[Measure], beyond: set[Measure]
) -> Measures:
    limited = {name for name in measures.errors if name in limits and name in measures.values}
    if not sure.issuperset(limited & _NEEDED) and not sure & beyond:
        sure = set()
    gone = limited - sure
    if not gone:
        return measures
    if gone & _NEEDED:
        gone.add(Measure.NECK_FLEXION_CHANGE)
    return replace(
        measures,
        values=MappingProxyType({name: one for name, one in measures.values.items() if name not in gone}),
        errors=MappingProxyType({name: one for name, one in measures.errors.items() if name not in gone}),
        reason=measures.reason if sure else Reason.UNSURE,
    )
