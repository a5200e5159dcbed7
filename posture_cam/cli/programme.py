"""posture-cam programme."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from posture_cam.cli.common import app, data, talk
from posture_cam.cli.options import JsonOption
from posture_cam.errors import HistoryError, SourceError, UsageError

if TYPE_CHECKING:
    from posture_cam.session.programme import Standing


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
    as_json: JsonOption = False,
) -> None:
    """A plan of 4 to 6 weeks from your own faults and check-ins: what is next, and what has changed."""
    from posture_cam.care.programme import PER_WEEK, WEEKS
    from posture_cam.history import keep_programme, stop_programme, today
    from posture_cam.outputs.terminal.wellbeing import print_plan, print_progress, programme_as_json
    from posture_cam.session import programme

    if start + do + stop > 1:
        raise UsageError("--start, --do and --stop exclude each other.", "Choose one of them.")
    if as_json and (do or stop):
        raise UsageError("--json does not go with --do or --stop.", "Leave it out.")
    if no_camera and not do:
        raise UsageError("--no-camera goes with --do.", "Add --do, or leave it out.")
    standing = programme.standing()
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
    permission = standing.permission
    if permission.flags and (start or do):
        raise HistoryError(
            permission.words,
            "Once somebody has looked at it: posture-cam checkin, and say so (or --cleared).",
        )
    if start or standing.progress is None:
        proposed = programme.proposal(
            WEEKS[1] if weeks is None else weeks, PER_WEEK[1] if per_week is None else per_week
        )
        if start:
            keep_programme(proposed)
        if as_json:
            content = programme_as_json(proposed, programme.standing().progress if start else None)
            typer.echo(json.dumps(content, ensure_ascii=False))
            return
        print_plan(proposed, data(), permission)
        then = "Begun. The first session: posture-cam programme --do"
        talk().print(then if start else "Begin it: posture-cam programme --start", highlight=False)
        return
    assert standing.programme is not None
    assert standing.progress is not None
    if as_json:
        typer.echo(json.dumps(programme_as_json(standing.programme, standing.progress), ensure_ascii=False))
        return
    print_progress(standing.programme, standing.progress, standing.changes, data(), permission)
    if do:
        _do_session(standing, no_camera=no_camera)


def _do_session(standing: Standing, *, no_camera: bool) -> None:
    """Guide through the exercises of today's session that are not done yet, one after another."""
    from posture_cam.care.exercises import known_exercises
    from posture_cam.cli.exercise import run_exercise

    progress = standing.progress
    assert progress is not None
    if progress.next_day is None and not progress.today_names:
        talk().print("The programme is over.", highlight=False)
        return
    session = [one.with_share(progress.dose_share) for one in known_exercises(progress.today_names)]
    session = [one for one in session if standing.permission.allows(one)]
    if standing.permission.words:
        talk().print(standing.permission.words, style="yellow", highlight=False)
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
