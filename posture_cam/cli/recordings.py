"""posture-cam analyze."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posture_cam.cli.common import INTERRUPTED, app, data, plain, talk
from posture_cam.terminal import Bars, quiet_native, stoppable

if TYPE_CHECKING:
    from posture_cam.outputs.history import KeptAs


@app.command()
def analyze(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="VIDEO",
            show_default=False,
            readable=False,  # ours says more, and ends with 1
            help="A recording, or poses of an earlier analysis (.poses.jsonl).",
        ),
    ],
    neutral: Annotated[
        str | None,
        typer.Option(
            metavar="START-END",
            help="Your neutral posture in this recording, such as 0:05-0:12. Else it is found.",
        ),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="A neutral posture stored before.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="HZ", help="Looks per second of video.", show_default="5")
    ] = None,
    every_frame: Annotated[bool, typer.Option("--every-frame", help="Look at every single frame.")] = False,
    model: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="full (here), lite or heavy (fetched once), or a .task file."),
    ] = "full",
    no_estimator: Annotated[
        bool,
        typer.Option("--no-estimator", help="Formulas instead of the learned angle estimator."),
    ] = False,
    json_file: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="FILE|-", help="The result as JSON; - writes it to the terminal, alone."
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="A row for each look as CSV.")] = None,
    video: Annotated[Path | None, typer.Option(metavar="FILE.mp4", help="The recording, annotated.")] = None,
    poses: Annotated[
        Path | None,
        typer.Option(metavar="FILE.poses.jsonl", help="The landmarks, to be judged again without the video."),
    ] = None,
    save: Annotated[
        bool, typer.Option("--save", help="Keep the result in your history; numbers only, no picture.")
    ] = False,
    recorded_at: Annotated[
        str | None,
        typer.Option(
            metavar='"DATE TIME"',
            help='When the recording began, such as "2026-11-20 09:30". Else the file\'s date tells.',
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Let MediaPipe and OpenCV talk; show a traceback on a bug.")
    ] = False,
) -> None:
    """Analyse a recorded video: time in good posture, what was off and when, and what helps."""
    from posture_cam.outputs.console import print_summary
    from posture_cam.session import Analysis, Listener
    from posture_cam.session import analyze as run
    from posture_cam.words import parse_moment, parse_stretch

    to_stdout = json_file == "-"
    request = Analysis(
        path=path,
        rate_hz=rate,
        every_frame=every_frame,
        neutral_s=parse_stretch(neutral) if neutral is not None else None,
        profile=profile,
        model=model,
        estimator=not no_estimator,
        json=None if json_file is None else sys.stdout if to_stdout else Path(json_file),
        csv=csv,
        video=video,
        poses=poses,
        save=save,
        recorded_at=parse_moment(recorded_at) if recorded_at is not None else None,
    )

    filed: list[KeptAs] = []
    with quiet_native(verbose=verbose), stoppable(talk) as stop, Bars(talk()) as bars:
        summary = run(
            request,
            Listener(progress=bars.show_seconds, download=bars.show_bytes, should_stop=stop.is_set),
            kept=filed.append,
        )
    if not to_stdout:
        print_summary(summary, data())
    for target in (request.json, request.csv, request.video, request.poses):
        if isinstance(target, Path):
            talk().print(f"Wrote {plain(str(target))}", highlight=False, soft_wrap=True)
    for kept_as in filed:
        if kept_as.trouble is not None:
            raise kept_as.trouble
        _say_kept(kept_as, is_told=recorded_at is not None)
    if summary.partial and stop.is_set():
        talk().print("Interrupted; what was done until then is kept.", style="yellow")
        raise typer.Exit(INTERRUPTED)


def _say_kept(kept_as: KeptAs, *, is_told: bool) -> None:
    day = f"{kept_as.start:%Y-%m-%d}"
    how = "" if is_told else ", by the file's date (--recorded-at says otherwise)"
    again = ""
    if kept_as.replaced is not None:
        again = f" It takes the place of what was kept of it under {kept_as.replaced}."
    talk().print(
        f"Kept in the history: {day}, {kept_as.start:%H:%M}{how}.{again}\n"
        f"See it: posture-cam history --day {day}",
        highlight=False,
        soft_wrap=True,
    )
