"""posture-cam history."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO, TypeVar

import typer

from posture_cam.cli.common import Commands, app, data, plain, talk
from posture_cam.cli.options import JsonOption, YesOption
from posture_cam.errors import HistoryError, UsageError

if TYPE_CHECKING:
    from posture_cam.history import History
    from posture_cam.runlog import Sitting

T = TypeVar("T")

NOTHING_KEPT = "Nothing is kept in the history yet."
ENTRIES = "posture-cam history entries tells their numbers."
FIRST_STEPS = "Run posture-cam monitor, which keeps each run, or posture-cam analyze VIDEO --save."


history_app = typer.Typer(
    cls=Commands, help="Your kept days: show, export, correct, delete.", invoke_without_command=True
)
app.add_typer(history_app, name="history")


@history_app.callback()
def history(
    context: typer.Context,
    week: Annotated[bool, typer.Option("--week", help="The last seven days.")] = False,
    day: Annotated[str | None, typer.Option(metavar="DATE", help="One day, such as 2026-11-24.")] = None,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV, a row for each day.")] = False,
) -> None:
    """Your kept days: today, the last seven, or any other."""
    if context.invoked_subcommand is not None:
        if week or day is not None or as_json or as_csv:
            raise UsageError(
                f"--week, --day, --json and --csv do not go with history {context.invoked_subcommand}.",
                f"See posture-cam history {context.invoked_subcommand} --help.",
            )
        return
    if week and day is not None:
        raise UsageError("--week and --day exclude each other.", "Choose one of them.")
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other.", "Choose one of them.")
    from posture_cam.history import History, today
    from posture_cam.outputs.terminal.days import days_as_json, print_days, write_days_csv
    from posture_cam.outputs.terminal.wellbeing import kept_as_json, print_kept
    from posture_cam.session import programme
    from posture_cam.words import parse_day

    now = today()
    last = parse_day(day) if day is not None else now
    first = last - timedelta(days=6) if week else last
    midnight = datetime.combine(now, datetime.min.time()).astimezone()
    with History.opened() as kept:
        found = kept.sittings(first, last)
        saved = [one for one in kept.days_saved_since(midnight.timestamp()) if not first <= one <= last]
        days = kept.days()
        done, check_ins = kept.exercises(first, last), kept.check_ins(first, last)
        plan = kept.programme()
        days_of_any = kept.days_of_any()
    if as_json:
        content = days_as_json(found, first, last, days, saved) | kept_as_json(done, check_ins, plan)
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
    elif as_csv:
        write_days_csv(found, sys.stdout)
    else:
        if found:
            print_days(found, data(), programme.permission())
        print_kept(done, check_ins, data())
    has_care = bool(done or check_ins)
    if not days_of_any:
        _tell(f"{NOTHING_KEPT} {FIRST_STEPS}")
    elif not found and not has_care:
        asked = "of these days" if week else "of today" if last == now else f"of {last}"
        _tell(f"Nothing is kept {asked}. The last day that is: posture-cam history --day {days_of_any[-1]}")
    for one in saved if day is None else []:
        _tell(f"A recording saved today belongs to another day: posture-cam history --day {one}")


def _tell(words: str) -> None:
    talk().print(words, highlight=False, soft_wrap=True)


@history_app.command("export")
def export(
    target: Annotated[
        str, typer.Argument(metavar="FILE|-", help="A .json or .csv file; - prints JSON.", show_default=False)
    ],
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first day.", show_default="all")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last day.")] = None,
) -> None:
    """Take everything along: JSON with all that is kept, or CSV with a row for each minute."""
    from posture_cam.files import check_writable, naming, written_whole
    from posture_cam.history import History
    from posture_cam.outputs.terminal.days import write_export_csv, write_export_json
    from posture_cam.outputs.terminal.wellbeing import kept_as_json
    from posture_cam.paths import history_path
    from posture_cam.words import count_words

    if not target:
        raise UsageError(
            "The file has no name.", "Give it one that ends in .json or .csv, or - for JSON here."
        )
    is_csv = Path(target).suffix.lower() == ".csv"
    path = Path(target)
    if target != "-":
        if path.suffix.lower() not in (".json", ".csv"):
            raise UsageError(f"{target} names no format.", "Give it a name that ends in .json or .csv.")
        check_writable(path, never=(history_path(),))
    unread: list[str] = []

    def read(what: str, call: Callable[[], T], otherwise: T) -> T:
        """Read what is readable; damaged days are left out and reported at the end."""
        try:
            return call()
        except HistoryError as error:
            unread.append(f"{what}: {error.message}")
            return otherwise

    with History.opened() as kept:
        start, end = bounds_of(first, last)
        days = range_of(read("days", kept.days, []), first, last)
        care = kept_as_json(
            read("exercises", lambda: kept.exercises(start, end), []),
            read("check-ins", lambda: kept.check_ins(start, end), []),
            read("programme", kept.programme, None),
        )
        if not days and (is_csv or not (care["exercises"] or care["check_ins"])):
            raise HistoryError(*_nothing(kept))

        def one_by_one() -> Iterator[Sitting]:
            for day in days:
                sitting = read(str(day), partial(kept.sitting, day), None)
                if sitting is not None:
                    yield sitting

        def write(file: TextIO) -> None:
            if is_csv:
                write_export_csv(one_by_one(), file)
            else:
                write_export_json(one_by_one(), file, care)

        if target == "-":
            write(sys.stdout)
            _tell_unread(unread)
            return
        with (
            written_whole(path, private=True) as temporary,
            naming(path),
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            write(file)
    more = len(care["exercises"]) + len(care["check_ins"])
    words = "" if is_csv or not more else f", and {more} of exercises and check-ins"
    _tell(f"Wrote {plain(target)}: {count_words(len(days), 'day')}{words}")
    _tell_unread(unread)


def _tell_unread(unread: list[str]) -> None:
    """Report what could not be exported, and end with an error if there was anything."""
    for words in unread:
        talk().print(f"Left out, as it cannot be read: {plain(words)}", style="yellow", highlight=False)
    if unread:
        raise typer.Exit(1)


def range_of(days: list[date], first: str | None, last: str | None) -> list[date]:
    """The stored days from `first` to `last`.

    Raises:
        UsageError: These are no days, or in the wrong order.
    """
    start, end = bounds_of(first, last)
    return [day for day in days if start <= day <= end]


def bounds_of(first: str | None, last: str | None) -> tuple[date, date]:
    """The days from `first` to `last`; without these, all days.

    Raises:
        UsageError: These are no days, or in the wrong order.
    """
    from posture_cam.words import parse_day

    start = parse_day(first) if first is not None else date.min
    end = parse_day(last) if last is not None else date.max
    if end < start:
        raise UsageError(f"--to {last} lies before --from {first}.", "Write the earlier day first.")
    return start, end


def _nothing(kept: History) -> tuple[str, str]:
    days = kept.days_of_any()
    if not days:
        return NOTHING_KEPT, FIRST_STEPS
    return "Nothing is kept of these days.", f"There is something from {days[0]} to {days[-1]}."


@history_app.command("entries")
def entries(
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="The first day.", show_default="all")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last day.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Your check-ins and exercises one by one, with the numbers to correct or delete them by."""
    from posture_cam.history import History
    from posture_cam.outputs.terminal.wellbeing import kept_as_json, print_kept

    start, end = bounds_of(first, last)
    with History.opened() as kept:
        done, check_ins = kept.exercises(start, end), kept.check_ins(start, end)
    if as_json:
        typer.echo(json.dumps(kept_as_json(done, check_ins), indent=2, ensure_ascii=False))
        return
    if not done and not check_ins:
        _tell("No check-in and no exercise is kept of these days.")
        return
    print_kept(done, check_ins, data(), are_numbered=True)
    _tell(
        "Correct one: posture-cam history correct --check-in 3 --pain 4\n"
        "Delete one: posture-cam history delete --check-in 3"
    )


@history_app.command("correct")
def correct(
    check_in: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="A check-in.", show_default=False)
    ] = None,
    exercise: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="An exercise.", show_default=False)
    ] = None,
    pain: Annotated[
        int | None, typer.Option(min=0, max=10, metavar="0-10", help="Of a check-in.", show_default=False)
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="PLACES", help="Of a check-in; with commas, or none.")
    ] = None,
    radiates: Annotated[
        bool | None, typer.Option("--radiates/--no-radiates", help="Of a check-in.", show_default=False)
    ] = None,
    note: Annotated[str | None, typer.Option(metavar="WORDS", help="Of a check-in.")] = None,
    flag: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Warning signs of a check-in; none takes them back."),
    ] = None,
    repetitions: Annotated[
        int | None,
        typer.Option(min=0, max=10_000, metavar="N", help="Of an exercise.", show_default=False),
    ] = None,
) -> None:
    """Correct one check-in or exercise; history entries tells their numbers."""
    from dataclasses import replace

    from posture_cam.care.checkins import Place, red_flags
    from posture_cam.cli.asking import several
    from posture_cam.history import History, correct_check_in, correct_exercise

    if (check_in is None) == (exercise is None):
        raise UsageError("history correct needs one of --check-in and --exercise.", "")
    of_check_in = {"--pain": pain, "--where": where, "--radiates": radiates, "--note": note, "--flag": flag}
    given = [option for option, value in of_check_in.items() if value is not None]
    if exercise is not None and given:
        raise UsageError(f"{given[0]} is of a check-in.", "An exercise has --repetitions.")
    if check_in is not None and repetitions is not None:
        raise UsageError("--repetitions are of an exercise.", "Leave it out.")
    if not given and repetitions is None:
        raise UsageError("There is nothing to correct.", "Add what it should be, such as --pain 4.")
    known = {one.name for one in red_flags()}
    flags = tuple(name for name in flag or () if name != "none")
    for name in flags:
        if name not in known:
            raise UsageError(f"There is no warning sign {name!r}.", f"They are: {', '.join(sorted(known))}.")
    with History.opened() as kept:
        made = {one.number: one.check_in for one in kept.check_ins()}
        done = {one.number: one.done for one in kept.exercises()}
    if check_in is not None:
        old = made.get(check_in)
        if old is None:
            raise HistoryError(f"There is no check-in {check_in}.", ENTRIES)
        correct_check_in(
            check_in,
            replace(
                old,
                pain=old.pain if pain is None else pain,
                places=old.places if where is None else several(where, Place, "--where"),
                radiates=old.radiates if radiates is None else radiates,
                note=old.note if note is None else note.strip(),
                flags=old.flags if flag is None else flags,
            ),
        )
        _tell(f"Corrected check-in {check_in}.")
        return
    assert exercise is not None
    assert repetitions is not None
    was = done.get(exercise)
    if was is None:
        raise HistoryError(f"There is no exercise {exercise}.", ENTRIES)
    left = None if was.left is None else (repetitions + 1) // 2
    right = None if left is None else repetitions - left
    correct_exercise(exercise, replace(was, repetitions=repetitions, left=left, right=right))
    _tell(f"Corrected exercise {exercise}.")


@history_app.command("delete")
def delete(
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="All before this day.", show_default=False)
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(
            min=1, max=2**62, metavar="NUMBER", help="One run; history tells numbers.", show_default=False
        ),
    ] = None,
    check_in: Annotated[
        int | None, typer.Option(min=1, max=2**62, metavar="NUMBER", help="One check-in.", show_default=False)
    ] = None,
    exercise: Annotated[
        int | None, typer.Option(min=1, max=2**62, metavar="NUMBER", help="One exercise.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything.")] = False,
    yes: YesOption = False,
) -> None:
    """Delete what is kept, after asking."""
    entry = (
        ("check-in", "check_ins", check_in) if check_in is not None else ("exercise", "exercises", exercise)
    )
    chosen = [before is not None, run is not None, check_in is not None, exercise is not None, everything]
    if sum(chosen) != 1:
        raise UsageError("history delete needs one of --before, --run, --check-in, --exercise and --all.", "")
    from posture_cam.history import History, Writer, erase, today
    from posture_cam.paths import history_path
    from posture_cam.words import parse_day

    day = parse_day(before) if before is not None else None
    if day is not None and day > today():
        raise UsageError(f"{day} has not come yet.", "--all deletes everything.")
    if entry[2] is None and not everything and not _is_something_there(run, day):
        return
    if everything and not history_path().exists():
        _tell(f"{NOTHING_KEPT} There is nothing to delete.")
        return
    what = "everything" if everything else f"run {run}" if run is not None else f"everything before {day}"
    if entry[2] is not None:
        what = f"{entry[0]} {entry[2]}"
        with History.opened() as kept:
            numbers = {one.number for one in (kept.exercises() if check_in is None else kept.check_ins())}
        if entry[2] not in numbers:
            raise HistoryError(f"There is no {what}.", ENTRIES)
    if not yes:
        typer.confirm(f"Delete {what} from the history? It cannot be brought back.", abort=True, err=True)
    try:
        with Writer(is_exclusive=entry[2] is None) as writer:
            if entry[2] is not None:
                if not writer.delete_entry(entry[1], entry[2]):
                    raise HistoryError(f"There is no {what}.", ENTRIES)  # noqa: TRY301
            elif run is not None:
                writer.delete_run(run)
            elif day is not None:
                writer.delete_before(day)
            else:
                writer.delete_all()
            is_wiped = writer.is_wiped
    except HistoryError:
        if not everything:
            raise
        erase()  # a damaged history, or a disk too full to delete entries
        is_wiped = True
    _tell(f"Deleted {what}.")
    if not is_wiped:
        _tell(
            "Another program is reading the history: what was deleted leaves the disk once that has "
            "ended and a monitor starts."
        )


def _is_something_there(run: int | None, day: date | None) -> bool:
    from posture_cam.history import History

    with History.opened() as kept:
        if kept.is_empty:
            _tell(f"{NOTHING_KEPT} There is nothing to delete.")
            return False
        if run is not None and not kept.has_run(run):
            raise HistoryError(
                f"There is no run {run}.", "posture-cam history --day DATE tells their numbers."
            )
        if day is not None and kept.days_of_any()[0] >= day:
            _tell(f"Nothing is kept before {day}.")
            return False
    return True
