"""posture-cam checkin, programme and workspace."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from posture_cam.cli.common import app, configured_camera, data, is_stream, talk
from posture_cam.errors import UsageError
from posture_cam.terminal import quiet_native, stoppable

if TYPE_CHECKING:
    from posture_cam.checkins import CheckIn
    from posture_cam.programme import Progress

T = TypeVar("T", bound=StrEnum)
A = TypeVar("A")


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
        typer.Option(metavar="NAME", help="A red flag; --signs lists them. May be repeated."),
    ] = None,
    alternative: Annotated[
        bool | None,
        typer.Option(
            "--alternative/--no-alternative",
            help="You would like something other than pain medication.",
            show_default=False,
        ),
    ] = None,
    note: Annotated[str, typer.Option(metavar="WORDS", help="Anything in your own words.")] = "",
    signs: Annotated[
        bool, typer.Option("--signs", help="Only tell when to see somebody about back pain.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """How it is with your back today; asked question by question, kept on this machine."""
    from posture_cam.checkins import CheckIn, Difficulty, Place, advice, load_signs, red_flags, signs_of
    from posture_cam.history import History, keep_check_in
    from posture_cam.outputs.care import check_in_as_json, print_check_in, print_signs

    if signs:
        print_signs(load_signs(), data())
        return
    known = {one.name for one in red_flags()}
    for name in flag or ():
        if name not in known:
            raise UsageError(f"There is no red flag {name!r}.", f"They are: {', '.join(sorted(known))}.")
    if pain is None:
        if any(one is not None for one in (where, radiates, since, returns, difficult, flag, alternative)):
            raise UsageError("Which pain?", "Add --pain 0-10, or leave all options out and be asked.")
        if not sys.stdin.isatty():
            raise UsageError("There is nobody to ask.", "Answer with options: --pain 3 --where neck")
        made = _ask()
    else:
        made = CheckIn(
            time.time(),
            pain,
            _several(where, Place, "--where"),
            radiates,
            _days(since),
            returns,
            _several(difficult, Difficulty, "--difficult"),
            tuple(flag or ()),
            alternative,
            note.strip(),
        )
    with History.opened() as kept:
        earlier = [one.check_in for one in kept.check_ins()]
    keep_check_in(made)
    shown = signs_of(made, earlier)
    if as_json:
        typer.echo(json.dumps(check_in_as_json(made, shown), ensure_ascii=False))
        return
    print_check_in(made, shown, advice(shown), earlier, data())
    print_signs([one for one in load_signs() if one not in shown], data(), is_rest=bool(shown))


def _ask() -> CheckIn:
    """Question by question; an empty answer leaves a question out."""
    from posture_cam.checkins import CheckIn, Difficulty, Place, red_flags

    def ask(question: str, read: Callable[[str], A]) -> A:
        while True:
            words = typer.prompt(question, default="", show_default=False, err=True)
            try:
                return read(words.strip())
            except UsageError as error:
                talk().print(f"{error.message} {error.hint}", style="yellow", highlight=False)

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
        places = ask(f"Where? ({', '.join(Place)})", lambda words: _several(words, Place, "That"))
        radiates = ask("Does it radiate into a leg? (y/n)", _truth)
        since_days = ask("For how long? (3d, 2w or 6m)", lambda words: _days(words or None))
        returns = ask("Does it keep coming back? (y/n)", _truth)
        difficult = ask(
            f"What is difficult? ({', '.join(Difficulty)}, or nothing)",
            lambda words: _several(words, Difficulty, "That"),
        )
        alternative = ask("Would you like something other than pain medication? (y/n)", _truth)
    flags = []
    talk().print("\nOne of these? They are rare, and need somebody to look at them.", highlight=False)
    for one in red_flags():
        if ask(f"  {one.question}? (y/n)", _truth):
            flags.append(one.name)
    return CheckIn(
        time.time(), pain, places, radiates, since_days, returns, difficult, tuple(flags), alternative
    )


def _truth(words: str) -> bool | None:
    if not words:
        return None
    if words.lower() in ("y", "yes"):
        return True
    if words.lower() in ("n", "no"):
        return False
    raise UsageError("Yes or no?", "Answer y or n.")


def _several(words: str | None, kind: type[T], option: str) -> tuple[T, ...]:
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


_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


def _days(words: str | None) -> int | None:
    if words is None:
        return None
    text = words.strip().lower().replace(" ", "")
    number, unit = text.rstrip("abcdefghijklmnopqrstuvwxyz"), text.lstrip("0123456789")[:1]
    if not number.isdecimal() or (unit or "d") not in _DAYS or int(number) > 36_500:
        raise UsageError(f"{words!r} is no length of time.", "Write 3d, 2w or 6m: days, weeks or months.")
    return int(number) * _DAYS[unit or "d"]


@app.command()
def programme(
    start: Annotated[bool, typer.Option("--start", help="Begin the plan shown, or begin anew.")] = False,
    do: Annotated[bool, typer.Option("--do", help="Do the next session now, exercise by exercise.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the plan.")] = False,
    weeks: Annotated[int, typer.Option(metavar="4-6", help="How many weeks.")] = 6,
    per_week: Annotated[int, typer.Option(metavar="2-3", help="Sessions a week.")] = 3,
    no_camera: Annotated[bool, typer.Option("--no-camera", help="With --do: by the clock.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """A plan of 4 to 6 weeks from your own faults and check-ins: what is next, and what has changed."""
    from posture_cam.history import keep_programme, stop_programme, today
    from posture_cam.outputs.care import print_plan, print_progress, programme_as_json
    from posture_cam.session import care

    if start + do + stop > 1:
        raise UsageError("--start, --do and --stop exclude each other.", "Choose one of them.")
    if stop:
        standing = care.standing()
        if standing.progress is None:
            talk().print("No programme goes on.", highlight=False)
            return
        stop_programme(today())
        talk().print("Stopped. posture-cam programme --start begins a new one, whenever you like.")
        return
    standing = care.standing()
    if start or standing.progress is None:
        proposed = care.proposal(weeks, per_week)
        if as_json:
            typer.echo(json.dumps(programme_as_json(proposed, None), ensure_ascii=False))
        else:
            print_plan(proposed, data(), must_wait=standing.must_wait)
        if do:
            raise UsageError("There is no programme yet.", "Begin one: posture-cam programme --start")
        if start:
            keep_programme(proposed)
            talk().print("Begun. The first session: posture-cam programme --do", highlight=False)
        elif not as_json:
            talk().print("Begin it: posture-cam programme --start", highlight=False)
        return
    assert standing.programme is not None
    if as_json:
        typer.echo(json.dumps(programme_as_json(standing.programme, standing.progress), ensure_ascii=False))
    else:
        print_progress(
            standing.programme, standing.progress, standing.changes, data(), must_wait=standing.must_wait
        )
    if do:
        _do_session(standing.progress, no_camera=no_camera)


def _do_session(progress: Progress, *, no_camera: bool) -> None:
    from posture_cam.cli.exercising import run_exercise
    from posture_cam.exercises import exercise_called

    names = progress.next_names
    if not names:
        talk().print("All sessions are done.", highlight=False)
        return
    for number, name in enumerate(names, start=1):
        talk().print(f"\nExercise {number} of {len(names)}", style="bold", highlight=False)
        exercise = exercise_called(name).with_share(progress.dose_share)
        run_exercise(exercise, no_camera=no_camera, reason="programme")


@app.command()
def workspace(
    camera: Annotated[
        str | None, typer.Option(metavar="NUMBER|NAME", help="Which camera.", show_default="0")
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="FILE|URL", help="A recording or a stream instead.")
    ] = None,
    no_camera: Annotated[bool, typer.Option("--no-camera", help="Questions only.")] = False,
    answers: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="What does not hold, such as feet,elbows, instead of being asked; or none.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Let MediaPipe and OpenCV talk.")] = False,
) -> None:
    """A minute for your desk: what the camera sees of it, a few questions, and what may help."""
    from pathlib import Path

    from posture_cam.outputs.care import print_workspace, workspace_as_json
    from posture_cam.session.workspace import Look, look_at_workspace
    from posture_cam.workplaces import load_questions, parse_answers, tips_of

    if no_camera and (camera is not None or source is not None):
        raise UsageError("--no-camera does not go with --camera or --source.", "Choose one of them.")
    given = parse_answers(answers) if answers is not None else None
    seen: Look | None = None
    if not no_camera:
        with ExitStack() as stack:
            stack.enter_context(quiet_native(verbose=verbose))
            stop = stack.enter_context(stoppable(talk, "Ending the look."))
            place = Path(source) if source and not is_stream(source) else configured_camera(camera, source)
            talk().print("Sit as you usually do and look at the screen for half a minute.", highlight=False)
            seen = look_at_workspace(place, stop.is_set)
    if given is None:
        if sys.stdin.isatty():
            given = frozenset(
                one.name
                for one in load_questions()
                if typer.prompt(f"{one.question} (y/n)", default="", show_default=False, err=True)
                .strip()
                .lower()
                .startswith("n")
            )
        else:
            talk().print("Nobody to ask; the questions are left out.", style="yellow", highlight=False)
            given = frozenset()
    tips = tips_of(given, seen.findings if seen is not None else frozenset())
    if as_json:
        typer.echo(
            json.dumps(workspace_as_json(seen.values if seen else {}, given, tips), ensure_ascii=False)
        )
    else:
        print_workspace(seen.lines if seen is not None else (), tips, data())
