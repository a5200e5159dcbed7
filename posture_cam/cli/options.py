"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from posture_cam.cli import completing

CameraOption = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER|NAME", autocompletion=completing.cameras, help="Which camera.", show_default="0"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]
HeadlessOption = Annotated[bool, typer.Option("--headless", help="No window; words only.")]
ModelOption = Annotated[str, typer.Option(metavar="NAME|PATH", help="As for analyze.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Let MediaPipe and OpenCV talk.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
