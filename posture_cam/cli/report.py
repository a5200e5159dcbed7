"""posture-cam report and dashboard: pages for people."""

from __future__ import annotations

import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from posture_cam.cli.common import app, plain, talk
from posture_cam.cli.options import VerboseOption
from posture_cam.cli.terminal import Bars, stoppable
from posture_cam.errors import UsageError
from posture_cam.quiet import quiet


@app.command()
def report(
    target: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.html", help="The page to write.")
    ] = Path("posture-report.html"),
    first: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DATE", help="The first day. Else the last seven.", show_default=False
        ),
    ] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The last day.")] = None,
    result: Annotated[
        Path | None,
        typer.Option(
            metavar="ANALYSIS.json|DIR",
            help="A recording instead: what analyze --json wrote, or the folder of a batch.",
            readable=False,
        ),
    ] = None,
    frames: Annotated[
        Path | None,
        typer.Option(
            metavar="VIDEO", help="That recording, for pictures of the worst stretches.", readable=False
        ),
    ] = None,
    person: Annotated[str, typer.Option("--name", metavar="NAME", help="Whose report it is.")] = "",
    model: Annotated[str, typer.Option(metavar="NAME|PATH", help="As for analyze; for --frames.")] = "full",
    open_it: Annotated[bool, typer.Option("--open", help="Show it in your browser.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """A page about your days, a recording or a batch: to look at, to print, to hand to a therapist."""
    from posture_cam.session.report import ReportRequest
    from posture_cam.session.report import report as run
    from posture_cam.words import parse_day

    if target.suffix.lower() not in (".html", ".htm"):
        raise UsageError(
            f"{target if target.name else 'That'} is no page.", "Give it a name that ends in .html."
        )
    request = ReportRequest(
        target=target,
        first=parse_day(first) if first is not None else None,
        last=parse_day(last) if last is not None else None,
        result=result,
        frames=frames,
        person=person.strip(),
        model=model,
    )
    with quiet(verbose=verbose), Bars(talk()) as bars:
        run(request, bars.show_bytes)
    talk().print(f"Wrote {plain(str(target))}", highlight=False, soft_wrap=True)
    if open_it and not webbrowser.open(target.resolve().as_uri()):
        talk().print("No browser could be opened; open the file yourself.", style="yellow")


@app.command()
def dashboard(
    port: Annotated[
        int, typer.Option(min=0, max=65_535, metavar="NUMBER", help="0 takes any that is free.")
    ] = 0,
    open_it: Annotated[bool, typer.Option("--open", help="Show it in your browser.")] = False,
) -> None:
    """Your history in a browser, on this machine alone: today as it goes on, past days, profiles."""
    from posture_cam.outputs.dashboard import serving

    with stoppable(talk, "Ending.", also_hangup=True) as stop, serving(port) as address:
        typer.echo(address)
        talk().print("Open this address in a browser of this machine. Ctrl-C ends it.", highlight=False)
        with ExitStack() as stack:
            # Every user of a machine sees all command lines, so the address is passed in a private file.
            if open_it and not webbrowser.open(stack.enter_context(_leading_to(address)).as_uri()):
                talk().print("No browser could be opened; open the address yourself.", style="yellow")
            while not stop.wait(0.5):
                pass


@contextmanager
def _leading_to(address: str) -> Iterator[Path]:
    """A page that only its owner can read, and that redirects to an address."""
    with TemporaryDirectory(prefix="posture_cam-") as folder:  # for its owner alone
        page = Path(folder) / "dashboard.html"
        leads = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={address}">'
        page.write_text(f'{leads}<a href="{address}">posture_cam</a>', "utf-8")
        yield page
