"""Which estimates are sure enough to be told.

Asked of smoothed estimates: a single one near its limit would be sure and unsure by turns, as the noise of
the picture has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from posture_cam.records import Measure, Measures, Reason
from posture_cam.settings import MeasureInfo

_NEEDED = {Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE}


# What was told stays told until an interval this much narrower is unsure too.
_KEPT_BY = 0.2


class Certainty:
    """Tells which estimates of a run are sure, in order of time; near the limit it keeps to what it said."""

    def __init__(self, table: Mapping[Measure, MeasureInfo]) -> None:
        self._table = table
        self._sure: frozenset[Measure] = frozenset()

    def told(self, measures: Measures) -> Measures:
        """The measures without the estimates that cannot be told (`told`)."""
        self._sure = _sure(measures, self._table, self._sure)
        return _without_unsure(measures, self._table, self._sure)


def told(measures: Measures, table: Mapping[Measure, MeasureInfo]) -> Measures:
    """The measures without the estimates that cannot be told; `reason` says so where none is left.

    All that are sure are told, unless neck or trunk is unsure.  Then only what is surely beyond its limit
    speaks; nothing is called good on what is left.

    Args:
        measures: Of one moment, or smoothed.
        table: The limits of estimates over time.
    """
    return _without_unsure(measures, table, _sure(measures, table))


def _limits(measures: Measures, table: Mapping[Measure, MeasureInfo]) -> dict[Measure, tuple[float, float]]:
    return {
        name: (info.good, info.poor)
        for name in measures.errors
        if name in measures.values and (info := table[name]).good is not None and info.poor is not None
    }


def _sure(
    measures: Measures, table: Mapping[Measure, MeasureInfo], before: frozenset[Measure] = frozenset()
) -> frozenset[Measure]:
    """The estimates whose interval does not hold both no change at all and poor."""

    def is_sure(name: Measure, poor: float) -> bool:
        value, error = measures.values[name], measures.errors[name]
        if name in before:
            error *= 1.0 - _KEPT_BY
        return value - error > 0 or value + error < poor

    return frozenset(name for name, (_, poor) in _limits(measures, table).items() if is_sure(name, poor))


def _without_unsure(
    measures: Measures, table: Mapping[Measure, MeasureInfo], sure: frozenset[Measure]
) -> Measures:
    limits = _limits(measures, table)

    def is_beyond(name: Measure) -> bool:
        return measures.values[name] - measures.errors[name] > limits[name][0]

    if not sure.issuperset(limits.keys() & _NEEDED) and not any(map(is_beyond, sure)):
        sure = frozenset()
    gone = limits.keys() - sure
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
