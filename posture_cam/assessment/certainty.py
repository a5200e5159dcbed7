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


def told(measures: Measures, table: Mapping[Measure, MeasureInfo]) -> Measures:
    """The measures without the estimates that cannot be told; `reason` says so where none is left.

    All that are sure are told, unless neck or trunk is unsure.  Then only what is surely beyond its limit
    speaks; nothing is called good on what is left.

    Args:
        measures: Smoothed.
        table: The limits of estimates over time.
    """
    limits = {
        name: (info.good, info.poor)
        for name in measures.errors
        if name in measures.values and (info := table[name]).good is not None and info.poor is not None
    }
    low = {name: measures.values[name] - measures.errors[name] for name in limits}
    high = {name: measures.values[name] + measures.errors[name] for name in limits}
    # Sure is an interval that does not hold both no change at all and poor.
    sure = {name for name, (_, poor) in limits.items() if low[name] > 0 or high[name] < poor}
    if not sure.issuperset(limits.keys() & _NEEDED) and not any(low[name] > limits[name][0] for name in sure):
        sure = set()
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
