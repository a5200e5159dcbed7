"""Questions on the terminal and the meaning of the answers; options accept the same words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TypeVar

import typer

from posture_cam.cli.common import INTERRUPTED, talk
from posture_cam.errors import UsageError

T = TypeVar("T", bound=StrEnum)
A = TypeVar("A")


def ask(question: str, read: Callable[[str], A]) -> A:
    """Ask until the answer is understood; an empty answer counts as one."""
    while True:
        words = typer.prompt(question, default="", show_default=False, err=True)
        try:
            return read(words.strip())
        except UsageError as error:
            talk().print(f"{error.message} {error.hint}", style="yellow", highlight=False)


@contextmanager
def interruptible() -> Iterator[None]:
    """On Ctrl-C during questions, report that nothing was stored."""
    try:
        yield
    except typer.Abort:
        talk().print("\nInterrupted; nothing was kept.", style="yellow")
        raise typer.Exit(INTERRUPTED) from None


def truth(words: str) -> bool | None:
    """Yes or no in words; None for no answer.

    Raises:
        UsageError: It is neither.
    """
    if not words:
        return None
    if words.lower() in ("y", "yes"):
        return True
    if words.lower() in ("n", "no"):
        return False
    raise UsageError("Yes or no?", "Answer y or n.")


def several(words: str | None, kind: type[T], option: str) -> tuple[T, ...]:
    """Members of an enumeration from names separated by commas; each once.

    Raises:
        UsageError: One of them is not known.
    """
    found = []
    for part in (words or "").replace(";", ",").split(","):
        name = part.strip().lower().replace(" ", "-").replace("_", "-")
        if name in ("", "nothing", "nowhere", "none"):
            continue
        try:
            found.append(kind(name))
        except ValueError:
            raise UsageError(f"{option} {name!r} is not known.", f"Known: {', '.join(kind)}.") from None
    return tuple(dict.fromkeys(found))


_DAYS = {
    **dict.fromkeys(("", "d", "day", "days"), 1),
    **dict.fromkeys(("w", "week", "weeks"), 7),
    **dict.fromkeys(("m", "month", "months"), 30),
    **dict.fromkeys(("y", "year", "years"), 365),
}


def days(words: str | None) -> int | None:
    """A length of time such as 3d, 2w or 6m, in days; None for no answer.

    Raises:
        UsageError: It is not a length of time.
    """
    if words is None:
        return None
    match = re.fullmatch(r"(\d{1,4})([a-z]*)", words.strip().lower().replace(" ", ""))
    if match is None or match[2] not in _DAYS:
        raise UsageError(
            f"{words!r} is no length of time.", "Write 3d, 2w, 6m or 1y: days, weeks, months or years."
        )
    return int(match[1]) * _DAYS[match[2]]
