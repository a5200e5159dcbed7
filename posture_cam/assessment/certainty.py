"""Which estimates are certain enough to be reported.

Smoothed estimates are tested: near a limit, single estimates alternate between certain and uncertain,
depending on the noise of the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from types import MappingProxyType

from posture_cam.ids import Measure, Reason, View
from posture_cam.measures import MeasureInfo
from posture_cam.records import Measures

_NEEDED = {Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE}
# A statement stands as long as an interval narrower by this share would still support it.
_KEPT_BY = 0.2
_Limits = Mapping[Measure, tuple[float, float]]


class _Said:
    """The estimates about which a statement was made lately."""

    def __init__(self, reset_gap_s: float) -> None:
        self._reset_gap_s = reset_gap_s
        self._said_s: dict[Measure, float] = {}

    def lately(self, now_s: float) -> Set[Measure]:
        return {name for name, said_s in self._said_s.items() if now_s - said_s <= self._reset_gap_s}

    def note(self, now_s: float, said: Set[Measure], measured: Iterable[Measure]) -> None:
        """Record the statements of a moment; a missing estimate keeps its earlier statement."""
        for name in measured:
            if name in said:
                self._said_s[name] = now_s
            else:
                self._said_s.pop(name, None)


class Certainty:
    """Decides which estimates of a run are certain, in order of time; near a limit it keeps its decision.

    Args:
        table: The limits of estimates over time.
        reset_gap_s: Decisions older than this do not count.
    """

    def __init__(self, table: Mapping[Measure, MeasureInfo], reset_gap_s: float) -> None:
        self._limits, self._reset_gap_s = _limits(table), reset_gap_s
        self._view: View | None = None

    def report(self, measures: Measures) -> Measures:
        """The measures without uncertain estimates, by the rule of `without_uncertain`."""
        if measures.view != self._view:
            self._view = measures.view
            self._sure, self._beyond = _Said(self._reset_gap_s), _Said(self._reset_gap_s)
        now_s = measures.timestamp_s
        sure, beyond = _claims(measures, self._limits, self._sure.lately(now_s), self._beyond.lately(now_s))
        self._sure.note(now_s, sure, measures.errors)
        self._beyond.note(now_s, beyond, measures.errors)
        return _without_unsure(measures, self._limits, sure, beyond)


def without_uncertain(measures: Measures, table: Mapping[Measure, MeasureInfo]) -> Measures:
    """The measures without uncertain estimates; `reason` is UNSURE if no estimate is left.

    All certain estimates are reported, unless neck or trunk is uncertain.  In that case only estimates that
    are certainly beyond their limit are reported, as the rest would not justify calling a posture good.

    Args:
        measures: The measures of one moment, or smoothed measures.
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
    """The certain estimates (intervals without both no change and poor), and those beyond good."""
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
