"""posture-cam checkin."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from posture_cam.cli.asking import ask, days, interruptible, several, truth
from posture_cam.cli.common import app, data, talk
from posture_cam.cli.options import JsonOption
from posture_cam.errors import UsageError

if TYPE_CHECKING:
    from posture_cam.care.checkins import CheckIn, Sign


@app.command()
def checkin(
    pain: Annotated[
        int | None,
        typer.Option(
            min=0, max=10, metavar="0-10", help="0 none, 10 the worst imaginable.", show_default=False
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="PLACES", help="neck, shoulders, upper-back, lower-back, other; with commas."),
    ] = None,
    radiates: Annotated[
        bool | None, typer.Option("--radiates/--no-radiates", help="Into a leg.", show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="For how long: 3d, 2w or 6m.", show_default=False)
    ] = None,
    returns: Annotated[
        bool | None, typer.Option("--returns/--no-returns", help="It keeps coming back.", show_default=False)
    ] = None,
    difficult: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="bending, walking, sitting, standing, lifting, sleeping."),
    ] = None,
    flag: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A warning sign (red flag); --signs lists them. May be repeated."),
    ] = None,
    alternative: Annotated[
        bool | None,
        typer.Option(
            "--alternative/--no-alternative",
            help="You would like something other than pain medication.",
            show_default=False,
        ),
    ] = None,
    cleared: Annotated[
        bool, typer.Option("--cleared", help="Somebody has looked at the warning signs you told of.")
    ] = False,
    note: Annotated[str, typer.Option(metavar="WORDS", help="Anything in your own words.")] = "",
    signs: Annotated[
        bool, typer.Option("--signs", help="Only tell when to see somebody about back pain.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """How it is with your back today; asked question by question, kept on this machine."""
    from posture_cam.care.checkins import (
        CheckIn,
        Difficulty,
        Place,
        load_signs,
        red_flags,
        signs_of,
        standing_flags,
    )
    from posture_cam.history import History, keep_check_in
    from posture_cam.outputs.terminal.wellbeing import check_in_as_json, print_check_in, print_signs

    if signs:
        if pain is not None or as_json:
            raise UsageError("--signs goes alone.", "Leave the other options out.")
        print_signs(load_signs(), data())
        return
    known = {one.name for one in red_flags()}
    for name in flag or ():
        if name not in known:
            raise UsageError(f"There is no warning sign {name!r}.", f"They are: {', '.join(sorted(known))}.")
    if pain is None:
        if cleared or any(
            one is not None for one in (where, radiates, since, returns, difficult, flag, alternative)
        ):
            raise UsageError("--pain is missing.", "Add --pain 0-10, or leave all options out and be asked.")
        if not sys.stdin.isatty():
            raise UsageError("There is nobody to ask.", "Answer with options: --pain 3 --where neck")
    with History.opened() as kept:
        earlier = [one.check_in for one in kept.check_ins()]
    if pain is None:
        with interruptible():
            made = _ask(standing_flags(earlier), note.strip())
    else:
        made = CheckIn(
            time.time(),
            pain,
            several(where, Place, "--where"),
            radiates,
            days(since),
            returns,
            several(difficult, Difficulty, "--difficult"),
            tuple(flag or ()),
            alternative,
            cleared,
            note.strip(),
        )
    keep_check_in(made)
    shown = tuple(dict.fromkeys([*standing_flags([*earlier, made]), *signs_of(made, earlier)]))
    if as_json:
        typer.echo(json.dumps(check_in_as_json(made, shown), ensure_ascii=False))
        return
    print_check_in(made, shown, earlier, data())
    print_signs([one for one in load_signs() if one not in shown], data(), is_brief=True)


def _ask(standing: Sequence[Sign], note: str) -> CheckIn:
    """Ask question by question; an empty answer skips a question."""
    from posture_cam.care.checkins import CheckIn, Difficulty, Place, red_flags

    def rating(words: str) -> int:
        if not words.isdecimal() or int(words) > 10:
            raise UsageError("That is no number from 0 to 10.", "0 is none, 10 the worst imaginable.")
        return int(words)

    pain = ask("Pain now, from 0 (none) to 10 (the worst imaginable)", rating)
    places: tuple[Place, ...] = ()
    difficult: tuple[Difficulty, ...] = ()
    radiates = returns = alternative = None
    since_days: int | None = None
    if pain:
        places = ask(f"Where? ({', '.join(Place)})", lambda words: several(words, Place, "That"))
        radiates = ask("Does it radiate into a leg? (y/n)", truth)
        since_days = ask("For how long? (3d, 2w or 6m)", lambda words: days(words or None))
        returns = ask("Does it keep coming back? (y/n)", truth)
        difficult = ask(
            f"What is difficult? ({', '.join(Difficulty)}, or nothing)",
            lambda words: several(words, Difficulty, "That"),
        )
        alternative = ask("Would you like something other than pain medication? (y/n)", truth)
    is_cleared = False
    if standing:
        talk().print("\nYou told before of:", highlight=False)
        for one in standing:
            talk().print(f"  {one.question.lower()}", highlight=False)
        is_cleared = bool(ask("Has a doctor looked at it since? (y/n)", truth))
    flags = []
    talk().print("\nOne of these? They are rare, and need somebody to look at them.", highlight=False)
    for one in red_flags():
        if ask(f"  {one.question}? (y/n)", truth):
            flags.append(one.name)
    note = note or ask("Anything else, in your own words?", str)
    return CheckIn(
        time.time(),
        pain,
        places,
        radiates,
        since_days,
        returns,
        difficult,
        tuple(flags),
        alternative,
        is_cleared,
        note,
    )
