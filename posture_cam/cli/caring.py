"""posture-cam checkin, programme and workspace."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from posture_cam.cli.common import INTERRUPTED, app, configured_camera, data, is_stream, talk
from posture_cam.errors import HistoryError, SourceError, UsageError
from posture_cam.terminal import quiet_native, stoppable

if TYPE_CHECKING:
    from posture_cam.checkins import CheckIn, Sign
    from posture_cam.session.care import Standing
    from posture_cam.workplaces import Item

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
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """How it is with your back today; asked question by question, kept on this machine."""
    from posture_cam.checkins import (
        CheckIn,
        Difficulty,
        Place,
        load_signs,
        red_flags,
        signs_of,
        standing_flags,
    )
    from posture_cam.history import History, keep_check_in
    from posture_cam.outputs.care import check_in_as_json, print_check_in, print_signs

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
        with _interruptible():
            made = _ask(standing_flags(earlier), note.strip())
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


@contextmanager
def _interruptible() -> Iterator[None]:
    """Say on Ctrl-C among questions that nothing was kept."""
    try:
        yield
    except typer.Abort:
        talk().print("\nInterrupted; nothing was kept.", style="yellow")
        raise typer.Exit(INTERRUPTED) from None


def _ask(standing: Sequence[Sign], note: str) -> CheckIn:
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
    is_cleared = False
    if standing:
        talk().print("\nYou told before of:", highlight=False)
        for one in standing:
            talk().print(f"  {one.question.lower()}", highlight=False)
        is_cleared = bool(ask("Has a doctor looked at it since? (y/n)", _truth))
    flags = []
    talk().print("\nOne of these? They are rare, and need somebody to look at them.", highlight=False)
    for one in red_flags():
        if ask(f"  {one.question}? (y/n)", _truth):
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


_DAYS = {
    **dict.fromkeys(("", "d", "day", "days"), 1),
    **dict.fromkeys(("w", "week", "weeks"), 7),
    **dict.fromkeys(("m", "month", "months"), 30),
    **dict.fromkeys(("y", "year", "years"), 365),
}


def _days(words: str | None) -> int | None:
    if words is None:
        return None
    match = re.fullmatch(r"(\d{1,4})([a-z]*)", words.strip().lower().replace(" ", ""))
    if match is None or match[2] not in _DAYS:
        raise UsageError(
            f"{words!r} is no length of time.", "Write 3d, 2w, 6m or 1y: days, weeks, months or years."
        )
    return int(match[1]) * _DAYS[match[2]]


@app.command()
def programme(
    start: Annotated[bool, typer.Option("--start", help="Begin the plan shown, or begin anew.")] = False,
    do: Annotated[bool, typer.Option("--do", help="Do the next session now, exercise by exercise.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the plan.")] = False,
    weeks: Annotated[
        int | None, typer.Option(metavar="4-6", help="How many weeks.", show_default="6")
    ] = None,
    per_week: Annotated[
        int | None, typer.Option(metavar="2-3", help="Sessions a week.", show_default="3")
    ] = None,
    no_camera: Annotated[bool, typer.Option("--no-camera", help="With --do: by the clock.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """A plan of 4 to 6 weeks from your own faults and check-ins: what is next, and what has changed."""
    from posture_cam.history import keep_programme, stop_programme, today
    from posture_cam.outputs.care import flag_words, print_plan, print_progress, programme_as_json
    from posture_cam.programme import PER_WEEK, WEEKS
    from posture_cam.session import care

    if start + do + stop > 1:
        raise UsageError("--start, --do and --stop exclude each other.", "Choose one of them.")
    if as_json and (do or stop):
        raise UsageError("--json does not go with --do or --stop.", "Leave it out.")
    if no_camera and not do:
        raise UsageError("--no-camera goes with --do.", "Add --do, or leave it out.")
    standing = care.standing()
    if standing.progress is None and do:
        raise UsageError("There is no programme yet.", "Begin one: posture-cam programme --start")
    goes_on = standing.progress is not None and standing.progress.next_day is not None
    if goes_on and not start and (weeks is not None or per_week is not None):
        raise UsageError(
            "A programme goes on; --weeks and --per-week go with a new one.",
            "Begin anew: posture-cam programme --start --weeks 4 --per-week 2",
        )
    if stop:
        if standing.progress is not None:
            stop_programme(today())
        talk().print(
            "No programme goes on."
            if standing.progress is None
            else "Stopped. posture-cam programme --start begins a new one, whenever you like.",
            highlight=False,
        )
        return
    if standing.flags and (start or do):
        raise HistoryError(
            flag_words(standing.flags),
            "Once somebody has looked at it: posture-cam checkin, and say so (or --cleared).",
        )
    if start or standing.progress is None:
        proposed = care.proposal(
            WEEKS[1] if weeks is None else weeks, PER_WEEK[1] if per_week is None else per_week
        )
        if start:
            keep_programme(proposed)
        if as_json:
            content = programme_as_json(proposed, care.standing().progress if start else None)
            typer.echo(json.dumps(content, ensure_ascii=False))
            return
        print_plan(proposed, data(), flags=standing.flags)
        then = "Begun. The first session: posture-cam programme --do"
        talk().print(then if start else "Begin it: posture-cam programme --start", highlight=False)
        return
    assert standing.programme is not None
    assert standing.progress is not None
    if as_json:
        typer.echo(json.dumps(programme_as_json(standing.programme, standing.progress), ensure_ascii=False))
        return
    print_progress(standing.programme, standing.progress, standing.changes, data(), flags=standing.flags)
    if do:
        _do_session(standing, no_camera=no_camera)


def _do_session(standing: Standing, *, no_camera: bool) -> None:
    """The exercises of today's session that are not done yet, one after the other."""
    from posture_cam.cli.exercising import run_exercise
    from posture_cam.exercises import exercise_called

    progress = standing.progress
    assert progress is not None
    if progress.next_day is None and not progress.today_names:
        talk().print("The programme is over.", highlight=False)
        return
    session = [exercise_called(name).with_share(progress.dose_share) for name in progress.today_names]
    if standing.is_severe:
        session = [one for one in session if one.gentle]
        talk().print("You told of severe pain: only gentle exercises today.", style="yellow", highlight=False)
    left = [one for one in session if standing.done_today.get(one.name, 0) < one.total]
    if not left:
        then = f" The next session: {progress.next_day}." if progress.next_day is not None else ""
        talk().print(f"That is all for today.{then}", highlight=False)
        return
    for number, one in enumerate(left, start=1):
        talk().print(f"\nExercise {number} of {len(left)}", style="bold", highlight=False)
        try:
            run_exercise(one, no_camera=no_camera, reason="programme")
        except SourceError as error:
            hint = "Without a camera: posture-cam programme --do --no-camera"
            raise SourceError(error.message, hint) from error
    talk().print("\nThat was the session.", style="bold", highlight=False)


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
    from posture_cam.outputs.care import print_workspace, workspace_as_json
    from posture_cam.session.workspace import Look, look_at_workspace
    from posture_cam.workplaces import load_questions, parse_answers, tips_of

    if no_camera and (camera is not None or source is not None):
        raise UsageError("--no-camera does not go with --camera or --source.", "Choose one of them.")
    given = parse_answers(answers) if answers is not None else None
    seen: Look | None = None
    was_stopped = False
    if not no_camera:
        recording = Path(source) if source and not is_stream(source) else None
        with ExitStack() as stack:
            stack.enter_context(quiet_native(verbose=verbose))
            stop = stack.enter_context(stoppable(talk, "Ending the look."))
            if recording is None:
                talk().print("Sit as you usually do and look at the screen: half a minute.", highlight=False)
            place = recording or configured_camera(camera, source)
            seen = look_at_workspace(place, stop.is_set)
            was_stopped = stop.is_set()
    unanswered: tuple[str, ...] = ()
    if given is None and not was_stopped:
        given, unanswered = _asked(load_questions())
    found = given or frozenset()
    tips = tips_of(found, seen.findings if seen is not None else frozenset())
    if as_json:
        typer.echo(
            json.dumps(workspace_as_json(seen.values if seen else {}, found, tips), ensure_ascii=False)
        )
    else:
        print_workspace(seen.lines if seen is not None else (), tips, unanswered, data())
    if was_stopped:
        raise typer.Exit(INTERRUPTED)


def _asked(questions: Sequence[Item]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The names of what does not hold, and the questions that were not answered."""
    if not sys.stdin.isatty():
        talk().print("Nobody to ask; the questions are left out.", style="yellow", highlight=False)
        return frozenset(), tuple(one.question for one in questions)
    wrong, unanswered = [], []
    with _interruptible():
        for one in questions:
            while True:
                words = typer.prompt(f"{one.question} (y/n)", default="", show_default=False, err=True)
                try:
                    answer = _truth(words.strip())
                except UsageError as error:
                    talk().print(f"{error.message} {error.hint}", style="yellow", highlight=False)
                    continue
                break
            if answer is None:
                unanswered.append(one.question)
            elif not answer:
                wrong.append(one.name)
    return frozenset(wrong), tuple(unanswered)
