"""posture-cam tips and posture-cam doctor."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from posture_cam.cli.common import app, data, plain
from posture_cam.cli.options import JsonOption
from posture_cam.quiet import quiet


@app.command()
def tips(
    fault: Annotated[
        str | None,
        typer.Option(metavar="FAULT", help="Only for this fault, such as neck_inclination or general."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the tips, with the section of the article that each rests on."""
    from posture_cam.care import tips as advice
    from posture_cam.measures import load_measures
    from posture_cam.outputs.files.tables import tip_as_json
    from posture_cam.outputs.terminal.console import print_tips
    from posture_cam.words import sentence

    chosen = advice.load_tips() if fault is None else advice.tips_for(fault)
    if as_json:
        typer.echo(json.dumps([tip_as_json(tip) for tip in chosen], indent=2, ensure_ascii=False))
        return
    console = data()
    labels = {name.value: info.label for name, info in load_measures().items()}
    for name in dict.fromkeys(tip.fault for tip in chosen):
        console.print(
            f"[bold]{sentence(labels.get(name, name))}[/bold] [bright_black]({name})[/bright_black]"
        )
        print_tips(tuple(tip for tip in chosen if tip.fault == name), console)
    console.print(f"\n{advice.ARTICLE}", style="bright_black", highlight=False)


@app.command()
def doctor() -> None:
    """Tell what is installed here, and what is missing."""
    from posture_cam.doctor import examine

    with quiet(verbose=False):
        findings = examine()
    console = data()
    for finding in findings:
        mark = (
            "[green]ok[/green]  "
            if finding.is_fine
            else "[red]bad[/red] "
            if finding.is_needed
            else "[yellow]note[/yellow]"
        )
        console.print(
            f"{mark} [bold]{finding.what}[/bold]  {plain(finding.found)}", highlight=False, soft_wrap=True
        )
        if finding.hint and not finding.is_fine:
            console.print(f"     {plain(finding.hint)}", highlight=False, soft_wrap=True)
    if any(finding.is_needed and not finding.is_fine for finding in findings):
        raise typer.Exit(1)
