"""posture-cam exercise."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posture_cam.cli import completing
from posture_cam.cli.common import INTERRUPTED, app, configured_camera, data, is_stream, talk
from posture_cam.cli.options import CameraOption, HeadlessOption, ModelOption, VerboseOption
from posture_cam.cli.terminal import Bars, stoppable
from posture_cam.errors import HistoryError, SourceError, UsageError
from posture_cam.quiet import quiet

if TYPE_CHECKING:
    from posture_cam.care.exercises import CoachMoment, Exercise, ExerciseDone
    from posture_cam.care.permission import Permission
    from posture_cam.records import Frame
    from posture_cam.session.exercising import Show


UNSEEN_FROM_HERE = "The camera cannot count this from where it stands."


@app.command()
def exercise(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Which one; without a name all are listed.",
            show_default=False,
            autocompletion=completing.exercises,
        ),
    ] = None,
    camera: CameraOption = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="FILE|URL", help="Count in a recording, or watch a stream (http, https, rtsp)."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="START-END", help="A stretch of the recording, such as 0:35-1:06.")
    ] = None,
    no_camera: Annotated[
        bool, typer.Option("--no-camera", help="Be guided by the clock; nothing is counted by camera.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON Lines on stdout: each repetition, and a last line of counts.")
    ] = False,
    headless: HeadlessOption = False,
    history: Annotated[
        bool, typer.Option("--history/--no-history", help="Keep what you did in the history.")
    ] = True,
    model: ModelOption = "full",
    verbose: VerboseOption = False,
) -> None:
    """An exercise at the desk: guided, counted by the camera where it can, and kept in your history."""
    from posture_cam.care.exercises import exercise_called, load_exercises
    from posture_cam.outputs.terminal.console import print_exercises
    from posture_cam.words import parse_stretch

    if name is None:
        if source is not None or as_json or at is not None:
            raise UsageError("Which exercise?", "Name one; posture-cam exercise lists them.")
        permission = _permission()
        if listed := [one for one in load_exercises() if permission.allows(one)]:
            print_exercises(listed, data())
        if permission.words:
            talk().print(permission.words, style="bold yellow", highlight=False, markup=False)
        return
    chosen = exercise_called(name)
    recording = Path(source) if source is not None and not is_stream(source) else None
    if at is not None and recording is None:
        raise UsageError("--at names a stretch of a recording.", "Add --source FILE.")
    if source is not None and (camera is not None or no_camera):
        raise UsageError("--source does not go with --camera or --no-camera.", "Choose one of them.")
    if no_camera and (camera is not None or model != "full"):
        raise UsageError("--no-camera does not go with --camera or --model.", "Choose one of them.")
    stretch = parse_stretch(at) if at is not None else None
    if recording is None:
        run_exercise(
            chosen,
            camera=camera,
            source=source,
            no_camera=no_camera,
            model=model,
            as_json=as_json,
            headless=headless,
            history=history,
            verbose=verbose,
        )
        return
    from posture_cam.session.exercising import ExerciseRequest, count_recording
    from posture_cam.session.poses import Listener

    with quiet(verbose=verbose), stoppable(talk) as stop, Bars(talk()) as bars:
        listener = Listener(bars.show_seconds, bars.show_bytes, stop.is_set)
        request = ExerciseRequest(chosen, recording=recording, at_s=stretch, model=model)
        done = count_recording(request, _teller(as_json=as_json), listener)
    _tell(done, as_json=as_json)
    if stop.is_set():
        raise typer.Exit(INTERRUPTED)


def run_exercise(
    chosen: Exercise,
    *,
    camera: str | None = None,
    source: str | None = None,
    no_camera: bool = False,
    model: str = "full",
    as_json: bool = False,
    headless: bool = False,
    history: bool = True,
    reason: str = "own",
    verbose: bool = False,
) -> None:
    """Guide somebody through one exercise, and store the result.

    Raises:
        typer.Exit: They interrupted it; what they did is stored.
    """
    from posture_cam.care.exercises import load_exercises
    from posture_cam.config import load_config

    permission = _permission()
    if not permission.allows(chosen):
        gentle = [one.name for one in load_exercises() if permission.allows(one)]
        raise HistoryError(
            permission.words,
            f"Gentle ones: {', '.join(gentle)}."
            if gentle
            else "Once somebody has looked at it: posture-cam checkin, and say so (or --cleared).",
        )
    began_utc_s: float | None = None
    with ExitStack() as stack:
        stack.enter_context(quiet(verbose=verbose))
        stop = stack.enter_context(stoppable(talk, "Ending."))
        shown = _shower(chosen, stack, as_json=as_json, headless=headless)

        def show(moment: CoachMoment, now_s: float, frame: Frame | None) -> bool:
            nonlocal began_utc_s
            began_utc_s = time.time() - now_s if began_utc_s is None else began_utc_s
            return shown(moment, now_s, frame)

        place = None if no_camera or chosen.movement is None else configured_camera(camera, source)
        done = _guided(chosen, place, model, show, stop.is_set)
    _tell(done, as_json=as_json)
    if history and done.repetitions and began_utc_s is not None and load_config().history.history:
        from posture_cam.history import keep_exercise

        keep_exercise(done, began_utc_s, reason)
    if done.trouble:
        raise SourceError(done.trouble, "What you did until then is counted.")
    if stop.is_set():
        raise typer.Exit(INTERRUPTED)


def _permission() -> Permission:
    from posture_cam.session import programme

    return programme.permission()


def _guided(
    chosen: Exercise,
    place: int | str | None,
    model: str,
    show: Show,
    should_stop: Callable[[], bool],
) -> ExerciseDone:
    """Guide by the camera if it can count the exercise, otherwise by the clock."""
    from posture_cam.session.exercising import ExerciseRequest, guide_by_clock, guide_camera
    from posture_cam.session.poses import Listener

    why = ""
    if place is not None:
        request = ExerciseRequest(chosen, place, model=model)
        done = guide_camera(request, show, Listener(should_stop=should_stop))
        if done is not None:
            return done
        why = f"{UNSEEN_FROM_HERE} "
    talk().print(f"{why}You are guided by the clock.", style="yellow", highlight=False)

    def shown(moment: CoachMoment, now_s: float, frame: Frame | None) -> bool:
        return show(moment, now_s, frame) and not should_stop()

    return guide_by_clock(chosen, shown, time.monotonic, time.sleep)


def _shower(chosen: Exercise, stack: ExitStack, *, as_json: bool, headless: bool) -> Show:
    from posture_cam.outputs.screen.coach import CoachView
    from posture_cam.outputs.screen.guide import has_display

    window = "posture_cam" if not headless and has_display() else None
    view = CoachView(chosen, talk(), window, lambda: print("\a", end="", file=sys.stderr, flush=True))
    view.introduce()
    stack.enter_context(view)
    tell = _teller(as_json=as_json)

    def show(moment: CoachMoment, now_s: float, frame: Frame | None) -> bool:
        tell(moment, now_s, frame)
        return view.show(moment, frame.image_bgr if frame is not None else None)

    return show


def _teller(*, as_json: bool) -> Show:
    """Returns a function that prints each repetition as JSON, if asked for."""
    count = 0

    def tell(moment: CoachMoment, now_s: float, _frame: Frame | None) -> bool:
        nonlocal count
        if as_json and moment.reached is not None:
            count += 1
            line = {
                "type": "repetition",
                "number": count,
                "time_s": round(now_s, 2),
                "side": moment.reached or None,
            }
            typer.echo(json.dumps(line))
        return True

    return tell


def _tell(done: ExerciseDone, *, as_json: bool) -> None:
    from posture_cam.outputs.terminal.wellbeing import done_as_json, done_words

    if as_json:
        typer.echo(json.dumps(done_as_json(done)))
    else:
        data().print(f"{done.name}: {done_words(done)}", highlight=False, soft_wrap=True)
