"""Advice for each fault, with the section of the article it rests on (data/tips.toml)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from posture_cam.errors import SettingsError, UsageError
from posture_cam.ids import Measure
from posture_cam.measures import load_measures, names_of, plain_name
from posture_cam.records import Tip
from posture_cam.settings import read_data

GENERAL = "general"
ARTICLE = (
    "The article is about physical therapy for back pain and was published on 29 August 2025. "
    "Its author and address are not known to us."
)


class _TipEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str
    fault: str
    text: str
    section: str
    kind: Literal["posture", "exercise", "workspace", "break", "therapist"]


@cache
def load_tips() -> tuple[Tip, ...]:
    """Every tip, in the file's order.

    Raises:
        SettingsError: The file is damaged.
    """
    try:
        entries = [_TipEntry.model_validate(entry) for entry in read_data("tips.toml")["tip"]]
    except (KeyError, ValidationError) as error:
        raise SettingsError(f"data/tips.toml is wrong: {error}", "Install posture_cam again.") from error
    return tuple(Tip(**dict(entry)) for entry in entries)


def faults() -> tuple[str, ...]:
    """The subjects of tips: each judged measure, stillness, and general advice."""
    judged = [name.value for name, info in load_measures().items() if info.group or name == "stillness_min"]
    return (*judged, GENERAL)


def tips_for(fault: str) -> tuple[Tip, ...]:
    """The tips for one fault.

    Args:
        fault: A measure's name, with or without its unit, or `general`.

    Raises:
        UsageError: There is no such fault.
    """
    for name in faults():
        if plain_name(fault) in names_of(name):
            return tuple(tip for tip in load_tips() if tip.fault == name)
    raise UsageError(f"There are no tips for {fault!r}.", f"Faults: {', '.join(faults())}.")


class TipRotation:
    """Gives the tips for a fault in turn, never the same one twice in a row.

    Args:
        allows: Whether a tip may be given to this person.
    """

    def __init__(self, allows: Callable[[Tip], bool] = lambda _tip: True) -> None:
        self._allows = allows
        self._turn: Counter[str] = Counter()
        self._last: Tip | None = None

    def next(self, fault: str) -> Tip:
        """The next tip for a fault, given by its id; a general one if the fault has none."""
        tips = self._allowed(fault) or self._allowed(GENERAL)
        tip = tips[self._turn[fault] % len(tips)]
        if tip == self._last and len(tips) > 1:
            self._turn[fault] += 1
            tip = tips[self._turn[fault] % len(tips)]
        self._turn[fault] += 1
        self._last = tip
        return tip

    def _allowed(self, fault: str) -> list[Tip]:
        return [tip for tip in load_tips() if tip.fault == fault and self._allows(tip)]


def tips_for_faults(
    seconds_by_fault: Mapping[Measure, float],
    most: int = 3,
    allows: Callable[[Tip], bool] = lambda _tip: True,
) -> tuple[Tip, ...]:
    """One tip for each of the longest faults; a general tip if there were no faults.

    Args:
        seconds_by_fault: How long each fault lasted.
        most: The largest number of tips.
        allows: Whether a tip may be given to this person.
    """
    rotation = TipRotation(allows)
    worst = sorted(seconds_by_fault, key=lambda name: -seconds_by_fault[name])[:most]
    return tuple(rotation.next(name) for name in worst) or (rotation.next(GENERAL),)
