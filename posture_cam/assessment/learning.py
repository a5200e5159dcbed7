"""The person's own limits, learned from corrections: moments that were judged wrongly, by their own words.

Each measure has one factor on its limits.  A correction moves the factors of the measures that spoke, by half
of what makes the moment right; the same corrections always give the same factors.  Few numbers that start
from 1 are a strong prior, as corrections are few and some are wrong.  A direction learned from one slouch and
factors fitted to all corrections at once were no better on recordings of real people (docs/accuracy.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from posture_cam.assessment.scoring import corrected, is_sign, limited
from posture_cam.ids import Label, Measure
from posture_cam.measures import MeasureInfo
from posture_cam.records import Measures
from posture_cam.settings import StateSettings

LEAST_FACTOR, MOST_FACTOR = 0.35, 2.5
# Chosen, as a single correction may be wrong.
_SHARE_OF_THE_WAY = 0.5
# A slouch of which hardly anything was measured says no more than one of a quarter of the limits.
_LEAST_SIZE = 0.25
# A measure below this share of its limit did not speak; chosen.
_LEAST_SHARE = 0.05


def learned_factors(
    moments: Iterable[tuple[Measures, Label]],
    table: Mapping[Measure, MeasureInfo],
    settings: StateSettings,
) -> dict[Measure, float]:
    """Factors on the limits, by measure; a measure that never spoke has none.

    A good moment is right once it would end a bad state, a bad moment once it is as far beyond its limits.

    Args:
        moments: The measures of each correction relative to the neutral posture, and its label, in order.
        table: The limits without corrections.
        settings: How estimates are judged, and at which share of its limits a state ends.
    """
    factors: dict[Measure, float] = {}
    for measures, label in moments:
        for sizes in _to_move(measures, limited(table, factors), label, settings):
            size = max(math.hypot(*sizes.values()), _LEAST_SIZE)
            goal = math.log(size * settings.release if label == Label.BAD else size / settings.release)
            squares = sum(one**2 for one in sizes.values())
            for name, one in sizes.items():
                factor = factors.get(name, 1.0) * math.exp(_SHARE_OF_THE_WAY * one**2 / squares * goal)
                factors[name] = min(max(factor, LEAST_FACTOR), MOST_FACTOR)
    return factors


def _to_move(
    measures: Measures, table: Mapping[Measure, MeasureInfo], label: Label, settings: StateSettings
) -> list[dict[Measure, float]]:
    """The measures whose limits make a moment wrong, with their sizes by the good limits.

    Signs of slouching are judged together; other measures speak for themselves.  Of a bad moment that was
    called good, what spoke the most moves.
    """
    told = {**measures.values, **corrected(measures.values, measures.errors, settings.error_share)}
    signs: dict[Measure, float] = {}
    spoke: list[dict[Measure, float]] = []
    for name, value in told.items():
        info = table[name]
        if info.group is None or not info.good or info.lower_is_worse:
            continue
        size = (abs(value) if info.two_sided else value) / info.good
        if size < _LEAST_SHARE:
            continue
        if is_sign(name, info):
            signs[name] = size
        else:
            spoke.append({name: size})
    spoke += [signs] if signs else []
    if label == Label.GOOD:
        return [sizes for sizes in spoke if math.hypot(*sizes.values()) > settings.release]
    most = max(spoke, key=lambda sizes: math.hypot(*sizes.values()), default=None)
    return [] if most is None or math.hypot(*most.values()) * settings.release >= 1 else [most]
