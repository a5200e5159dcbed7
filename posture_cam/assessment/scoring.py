"""Penalties, score and the state of a single moment (design: docs/measures.md).

A penalty is 0 up to half the good limit, .2 at it, .4 at the poor limit and 1 at 2.5 times that, linear
between.  The worst measure of a group represents it; groups are joined by the cube root of the sum of cubes,
which is nearly the largest.  This is not a validated clinical index.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from posture_cam.ids import Measure, Severity, State
from posture_cam.measures import GROUP_WEIGHTS, MeasureInfo, load_measures
from posture_cam.records import Finding

GOOD_FROM, FAIR_FROM = 80, 60


@dataclass(frozen=True, slots=True)
class Scored:
    """Score, findings (worst first), the groups that could be judged, and those of them with a finding."""

    score: int | None
    findings: tuple[Finding, ...]
    coverage: tuple[str, ...]
    faulty: tuple[str, ...] = ()


# After scaling, a person's own slouch lies at this multiple of the poor limit (docs/decisions.md).  The scale
# is bounded, because a slouch shown half-heartedly must not make every breath a fault.
OWN_SLOUCH_BY_POOR = 1.25
LEAST_SCALE, MOST_SCALE = 0.6, 1.4


def own_scale(slouch: Mapping[Measure, float]) -> float:
    """The scale of a person's limits relative to the general ones, from the slouch shown at calibration.

    Args:
        slouch: Measures of the person's own slouch relative to the neutral posture, by name; or empty.

    Returns:
        The scale; 1 if no slouch is known.
    """
    share = slouch_share(slouch)
    return 1.0 if share is None else min(max(share / OWN_SLOUCH_BY_POOR, LEAST_SCALE), MOST_SCALE)


def slouch_share(slouch: Mapping[Measure, float]) -> float | None:
    """A slouch by the poor limits: the root of the sum of squares of its measures; None if none is known."""
    shares = [
        max(slouch[name] / info.poor, 0.0)
        for name, info in load_measures("estimated").items()
        if is_sign(name, info) and info.poor and name in slouch
    ]
    return math.hypot(*shares) if shares else None


def corrected(
    values: Mapping[Measure, float], errors: Mapping[Measure, float], share: float
) -> dict[Measure, float]:
    """Estimates with a share of their half interval added, away from the neutral posture.

    An estimator trained for the smallest average error says too little where it is unsure: it shrinks towards
    the neutral posture.  This restores some of the difference before judging.
    """
    return {
        name: values[name] + math.copysign(share * error, values[name])
        for name, error in errors.items()
        if name in values
    }


def stretched(
    values: Mapping[Measure, float],
    errors: Mapping[Measure, float],
    table: Mapping[Measure, MeasureInfo],
    share: float,
) -> dict[Measure, float]:
    """Estimates as they are judged: corrected, and larger where several say the same.

    Signs of slouching add up: by their good limits, the largest becomes the root of the sum of squares, and
    the others grow with it.
    """
    found = corrected(values, errors, share)
    signs = {
        name: value / good
        for name, value in found.items()
        if value > 0 and is_sign(name, table[name]) and (good := table[name].good)
    }
    if signs:
        factor = math.hypot(*signs.values()) / max(signs.values())
        found |= {name: factor * found[name] for name in signs}
    return found


def limited(
    table: Mapping[Measure, MeasureInfo], factors: Mapping[Measure, float]
) -> dict[Measure, MeasureInfo]:
    """The same table with limits multiplied by factors; limits of distances are absolute and keep theirs."""
    return {
        name: info.model_copy(update={"good": info.good * factor, "poor": info.poor * factor})
        if (factor := factors.get(name, 1.0)) != 1.0
        and info.good is not None
        and info.poor is not None
        and not (info.lower_is_worse and info.good > 0)
        else info
        for name, info in table.items()
    }


def is_sign(name: Measure, info: MeasureInfo) -> bool:
    """Whether a measure shows slouching: neck and trunk bent or sunk, but not leaning back."""
    return info.group == "sagittal" and name != Measure.LEANING_BACK


def penalty(info: MeasureInfo, value: float, scale: float = 1.0) -> float:
    """How bad a value is, from 0 to 1.

    Args:
        info: The measure's limits.
        value: The measure's value.
        scale: A factor on the limits; below 1 for leaving a state.
    """
    if info.good is None or info.poor is None:
        return 0.0
    good, poor, excess = info.good, info.poor, value
    if info.two_sided:
        excess = abs(value)
    elif info.lower_is_worse and good > 0:
        # An absolute quantity such as a distance: what counts is how far below the good limit it lies,
        # in steps from good to poor.
        step = good - poor
        excess, good, poor = good - value + step, step, 2 * step
    elif info.lower_is_worse:
        excess, good, poor = -value, -good, -poor
    return _on_scale(excess, good * scale, poor * scale)


def _on_scale(excess: float, good: float, poor: float) -> float:
    """Linear between half good (0), good (.2), poor (.4) and 2.5 times poor (1); flat beyond."""
    if excess <= good / 2:
        return 0.0
    if excess <= good:
        return 0.4 * (excess - good / 2) / good
    if excess <= poor:
        return 0.2 + 0.2 * (excess - good) / (poor - good)
    return min(1.0, 0.4 + 0.6 * (excess - poor) / (1.5 * poor))


def score(
    values: Mapping[Measure, float],
    table: Mapping[Measure, MeasureInfo],
    *,
    corrected: Mapping[Measure, float] | None = None,
    camera_is_low: bool = False,
    scale: float = 1.0,
) -> Scored:
    """Judge the measures of one moment.

    Args:
        values: The measured values.
        table: Limits and groups.
        corrected: Values to judge by instead, where they differ from the values themselves.
        camera_is_low: Whether the camera is below the eyes, where some measures belong to another group.
        scale: A factor on all limits.

    Returns:
        The result, without a score if nothing sagittal was measured: posture is about neck and trunk.
    """
    by_group: dict[str, float] = {}
    findings = []
    judged = corrected or {}
    for name, value in values.items():
        info = table[name]
        group = info.group_low_camera if camera_is_low and info.group_low_camera else info.group
        if group is None:
            continue
        amount = penalty(info, judged.get(name, value), scale)
        if amount >= by_group.get(group, 0.0):
            by_group[group] = amount
        if amount > 0.2:
            severity = Severity.POOR if amount > 0.4 else Severity.MILD
            findings.append((GROUP_WEIGHTS[group] * amount, Finding(name, value, severity, amount)))
    findings.sort(key=lambda pair: -pair[0])
    coverage = tuple(group for group in GROUP_WEIGHTS if group in by_group)
    total = None
    if "sagittal" in by_group:
        share = sum((GROUP_WEIGHTS[group] * amount) ** 3 for group, amount in by_group.items()) ** (1 / 3)
        total = round(100 * (1 - min(1.0, share)))
    faulty = tuple(group for group in coverage if by_group[group] > 0.2)
    return Scored(total, tuple(finding for _, finding in findings), coverage, faulty)


def state_of(value: int) -> State:
    """The state that a score means."""
    if value >= GOOD_FROM:
        return State.GOOD
    return State.FAIR if value >= FAIR_FROM else State.POOR
