"""The table of measures: limits, words, and where each is shown; stored in data/measures.toml."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from posture_cam.errors import SettingsError, UsageError
from posture_cam.ids import Measure
from posture_cam.settings import SENSITIVITIES, Frozen, read_data


class EstimatedLimits(Frozen):
    """Limits of a measure that the learned estimator gives, on the scale of the estimates."""

    good: float
    poor: float


class MeasureInfo(Frozen):
    """The properties of a measure; data/measures.toml explains each field."""

    label: str
    unit: str
    signed: bool = False
    title: str = ""
    reference: str
    brief: str = ""
    shown: tuple[Literal["headline", "chart", "course", "hold"], ...] = ()
    fault: str = ""
    group: str | None = None
    group_low_camera: str | None = None
    good: float | None = None
    poor: float | None = None
    two_sided: bool = False
    lower_is_worse: bool = False
    formula_only: bool = False
    estimated: EstimatedLimits | None = None

    def is_off(self, value: float) -> bool:
        """Whether a value lies outside the good range of a measure that is judged."""
        if self.group is None or self.good is None or self.poor is None:
            return False
        if self.lower_is_worse:
            return value < self.good
        return (abs(value) if self.two_sided else value) > self.good


# Chosen: a sagittal fault alone can take the whole score, other faults only part of it.
GROUP_WEIGHTS = {"sagittal": 1.0, "lateral": 0.6, "distance": 0.4}


class MeasureTable(dict[Measure, MeasureInfo]):
    """The table of measures; a measure unknown to this version is shown by its id and not judged."""

    def __missing__(self, name: Measure) -> MeasureInfo:
        """The properties of a measure stored by another version."""
        unit = name.rpartition("_")[2]
        signed = "change" in name
        return MeasureInfo(label=name.value, fault=name.value, unit=unit, signed=signed, reference="")


def fault_of(name: str) -> Measure:
    """The judged measure of a fault, by its name with or without unit, such as `head_tilt`.

    Raises:
        UsageError: There is no such fault.
    """
    judged = [measure for measure, info in load_measures().items() if info.group]
    for measure in judged:
        if plain_name(name) in names_of(measure):
            return measure
    raise UsageError(
        f"There is no fault {name!r}.", f"Faults: {', '.join(names_of(measure)[-1] for measure in judged)}."
    )


def levels_of(levels: Sequence[str]) -> dict[str, Any]:
    """A level for all faults and levels of single faults, from `strict` and `head_tilt=strict`.

    Raises:
        UsageError: There is no such level, or no such fault.
    """
    found: dict[str, Any] = {"by_fault": {}}
    for one in levels:
        fault, _, level = one.replace(" ", "").rpartition("=")
        if level not in SENSITIVITIES:
            raise UsageError(f"{level!r} is no sensitivity.", f"Use {', '.join(SENSITIVITIES)}.")
        if fault:
            measure = fault_of(fault)
            if load_measures()[measure].group == "distance":
                raise UsageError(f"The limits of {fault} are absolute.", "Leave it out.")
            found["by_fault"][measure.value] = level
        else:
            found["level"] = level
    return found


def names_of(measure: str) -> tuple[str, ...]:
    """The names by which people may call a measure, the shortest last."""
    plain = measure.rsplit("_", 1)[0]
    return str(measure), plain, plain.removesuffix("_change")


def plain_name(name: str) -> str:
    """A name as people write it, as `names_of` has it."""
    return name.strip().lower().replace("-", "_")


def shown_in(where: str) -> tuple[Measure, ...]:
    """The measures shown in a given place, in the table's order (column `shown`)."""
    return tuple(name for name, info in load_measures().items() if where in info.shown)


Limits = Literal["formulas", "estimated"]
"""For values from formulas, or from the learned estimator."""


@cache
def load_measures(limits: Limits = "formulas") -> MeasureTable:
    """The table of measures, in its order.

    Args:
        limits: Which limits; with those of the learned estimator, the measures it replaces are not judged.

    Raises:
        SettingsError: The file is damaged, or holds an invalid value.
    """
    if limits != "formulas":
        return MeasureTable({name: _as_estimated(info) for name, info in load_measures().items()})
    try:
        tables = read_data("measures.toml")
        return MeasureTable(
            {Measure(name): MeasureInfo.model_validate(table) for name, table in tables.items()}
        )
    except ValueError as error:  # pydantic's ValidationError is one too
        raise SettingsError(f"data/measures.toml is wrong: {error}", "Install posture_cam again.") from error


def _as_estimated(info: MeasureInfo) -> MeasureInfo:
    changes: dict[str, object] = {}
    if (own := info.estimated) is not None:
        changes = own.model_dump()
    if info.formula_only:
        changes |= {"group": None, "group_low_camera": None}
    return info.model_copy(update=changes)
