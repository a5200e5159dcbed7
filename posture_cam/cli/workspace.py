"""posture-cam workspace."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posture_cam.cli.asking import ask, interruptible, truth
from posture_cam.cli.common import INTERRUPTED, app, configured_camera, data, is_stream, talk
from posture_cam.cli.options import CameraOption, JsonOption, VerboseOption
from posture_cam.cli.terminal import stoppable
from posture_cam.errors import UsageError
from posture_cam.quiet import quiet

if TYPE_CHECKING:
    from posture_cam.care.workspace import Item
    from posture_cam.session.workspace import DeskLook


@app.command()
def workspace(
    camera: CameraOption = None,
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
    as_json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """A minute for your desk: what the camera sees of it, a few questions, and what may help."""
    from posture_cam.care.workspace import load_questions, parse_answers, tips_of
    from posture_cam.outputs.terminal.wellbeing import print_workspace, workspace_as_json
    from posture_cam.session.workspace import look_at_workspace

    if no_camera and (camera is not None or source is not None):
        raise UsageError("--no-camera does not go with --camera or --source.", "Choose one of them.")
    given = parse_answers(answers) if answers is not None else None
    seen: DeskLook | None = None
    was_stopped = False
    if not no_camera:
        recording = Path(source) if source and not is_stream(source) else None
        with ExitStack() as stack:
            stack.enter_context(quiet(verbose=verbose))
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
    """The names of the items answered with no, and the questions that were not answered."""
    if not sys.stdin.isatty():
        talk().print("Nobody to ask; the questions are left out.", style="yellow", highlight=False)
        return frozenset(), tuple(one.question for one in questions)
    wrong, unanswered = [], []
    with interruptible():
        for one in questions:
            answer = ask(f"{one.question} (y/n)", truth)
            if answer is None:
                unanswered.append(one.question)
            elif not answer:
                wrong.append(one.name)
    return frozenset(wrong), tuple(unanswered)
