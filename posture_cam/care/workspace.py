"""Criteria of a good desk: questions, findings of the camera, and tips (data/workspace.toml)."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError

from posture_cam.errors import SettingsError, UsageError
from posture_cam.settings import read_data


class Item(BaseModel):
    """A criterion of a desk.

    Attributes:
        name: As on the command line.
        question: The tip is given if the answer is no; empty if the camera checks the criterion.
        tip: Advice that may help.
        source: The source of the advice.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    question: str = ""
    tip: str
    source: str


@cache
def load_items() -> tuple[Item, ...]:
    """Every item, in the file's order.

    Raises:
        SettingsError: The file is damaged.
    """
    try:
        return tuple(Item.model_validate(entry) for entry in read_data("workspace.toml")["item"])
    except (KeyError, ValidationError) as error:
        raise SettingsError(f"data/workspace.toml is wrong: {error}", "Install posture_cam again.") from error


def load_questions() -> tuple[Item, ...]:
    """The criteria that have a question."""
    return tuple(item for item in load_items() if item.question)


def parse_answers(words: str) -> frozenset[str]:
    """The names of unmet criteria from text such as `feet,elbows`; `none` means that all are met.

    Raises:
        UsageError: A name is not known.
    """
    given = {part.strip().lower().replace("_", "-") for part in words.split(",")} - {"", "none"}
    known = [item.name for item in load_questions()]
    for name in sorted(given):
        if name not in known:
            raise UsageError(f"There is no question {name!r}.", f"Known: {', '.join(known)}; or none.")
    return frozenset(given)


def tips_of(answers: frozenset[str], findings: frozenset[str]) -> tuple[Item, ...]:
    """The items whose criteria are not met, in the file's order."""
    return tuple(item for item in load_items() if item.name in answers | findings)
