"""Words and exit codes; the only module that knows typer.

Exit codes: 0 done, 1 expected failure, 2 wrong usage, 130 interrupted with what was done kept.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from posture_cam import __version__
from posture_cam.errors import NeutralError, OutputError, PostureCamError, UsageError
from posture_cam.terminal import Bars, quiet_native, stoppable

INTERRUPTED = 130

_OUTPUT_GONE = tuple(
    getattr(errno, name)
    for name in ("EPIPE", "ENOSPC", "EDQUOT", "EFBIG", "EIO")
    if hasattr(errno, name)  # Windows lacks some
)

app = typer.Typer(
    name="posture-cam",
    help="Watches how you sit, and helps you sit better. Everything stays on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line; every failure that is expected becomes a sentence and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows a question mark
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except PostureCamError as error:
        sys.exit(_say(error))
    except KeyboardInterrupt:
        _talk().print("Interrupted.", style="yellow")
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in _OUTPUT_GONE:
            raise
        _leave_stdout()
        if error.errno != errno.EPIPE:  # else its reader went away, as in `| head`
            _say(OutputError(f"The output cannot be written ({error.strerror}).", "Is the disk full?"))
        sys.exit(1)


def _leave_stdout() -> None:
    """Leave nothing for Python to flush at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(error: PostureCamError) -> int:
    console = _talk()
    console.print(f"[bold red]Error:[/bold red] {_plain(error.message)}", highlight=False, soft_wrap=True)
    if error.hint:
        console.print(f"[bold]Hint:[/bold] {_plain(error.hint)}", highlight=False, soft_wrap=True)
    return error.exit_code


def _plain(text: str) -> str:
    """File names may hold anything; none of it is markup, and none of it steers the terminal."""
    return "".join(char if char.isprintable() else "?" for char in text).replace("[", "\\[")


def _talk() -> Console:
    return Console(file=sys.stderr)


def _data() -> Console:
    console = Console(file=sys.stdout)
    if not console.is_terminal:
        console = Console(file=sys.stdout, width=120)
    return console


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"posture_cam {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Watches how you sit, and helps you sit better. Everything stays on this machine."""


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
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Let MediaPipe and OpenCV talk; show a traceback on a bug.")
    ] = False,
) -> None:
    """Analyse a recorded video: time in good posture, what was off and when, and what helps."""
    from posture_cam.outputs.console import print_summary
    from posture_cam.session import Analysis, Listener
    from posture_cam.session import analyze as run
    from posture_cam.words import parse_stretch

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
    )
    with quiet_native(verbose=verbose), stoppable(_talk) as stop, Bars(_talk()) as bars:
        summary = run(
            request, Listener(progress=bars.show_seconds, download=bars.show_bytes, should_stop=stop.is_set)
        )
    if not to_stdout:
        print_summary(summary, _data())
    for target in (request.json, request.csv, request.video, request.poses):
        if isinstance(target, Path):
            _talk().print(f"Wrote {_plain(str(target))}", highlight=False, soft_wrap=True)
    if summary.partial and stop.is_set():
        _talk().print("Interrupted; what was done until then is kept.", style="yellow")
        raise typer.Exit(INTERRUPTED)


@app.command()
def calibrate(
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="What to call it; one for each desk and camera.")
    ] = "default",
    camera: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="Which camera.")] = 0,
    source: Annotated[
        str | None, typer.Option(metavar="URL", help="A stream instead: http, https or rtsp.")
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option("--from", metavar="VIDEO", help="A recording instead, or recorded poses."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="START-END", help="Where you sit well in it, such as 0:05-0:15. Else it is found."
        ),
    ] = None,
    slouch: Annotated[
        bool, typer.Option("--slouch", help="Take your own slouch too: limits then fit you.")
    ] = False,
    slouch_at: Annotated[
        str | None, typer.Option(metavar="START-END", help="Where the recording shows your slouch.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME|PATH", help="As for analyze.")] = "full",
    headless: Annotated[bool, typer.Option("--headless", help="No window; words only.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Let MediaPipe and OpenCV talk.")] = False,
) -> None:
    """Store your own neutral posture, which everything is compared with."""
    from posture_cam.outputs.console import print_calibrated
    from posture_cam.session import Calibration, Listener
    from posture_cam.session import calibrate as run
    from posture_cam.words import parse_stretch

    if recording is not None and source is not None:
        raise UsageError("--from and --source exclude each other.", "Choose one of them.")
    if source is not None and not source.lower().startswith(("http://", "https://", "rtsp://")):
        raise UsageError(f"{source!r} is no address of a stream.", "Write http://, https:// or rtsp://.")
    request = Calibration(
        profile=profile,
        camera=source if source is not None else camera,
        recording=recording,
        at_s=parse_stretch(at) if at is not None else None,
        slouch=slouch,
        slouch_s=parse_stretch(slouch_at) if slouch_at is not None else None,
        model=model,
    )
    with ExitStack() as stack:
        stack.enter_context(quiet_native(verbose=verbose))
        stack.enter_context(_nothing_stored())
        if recording is not None:
            bars = stack.enter_context(Bars(_talk()))
            done = run(request, listener=Listener(progress=bars.show_seconds, download=bars.show_bytes))
        else:
            from posture_cam.outputs.guide import Guide, has_display

            window = "posture_cam" if has_display() and not headless else None
            guide = stack.enter_context(Guide(_talk(), window))
            done = run(
                request,
                lambda words, share, frame: guide.show(words, share, frame.image_bgr if frame else None),
            )
    print_calibrated(done.profile, done.neutral, _data(), replaced=done.replaced)
    _talk().print(f"Wrote {_plain(str(done.path))}", highlight=False, soft_wrap=True)


@contextmanager
def _nothing_stored() -> Iterator[None]:
    """Say on Ctrl-C that a calibration left nothing behind."""
    try:
        yield
    except KeyboardInterrupt:
        _talk().print("Interrupted; nothing was stored.", style="yellow")
        raise typer.Exit(INTERRUPTED) from None


profiles_app = typer.Typer(help="Show, rename and delete stored neutral postures.", no_args_is_help=True)
app.add_typer(profiles_app, name="profiles")


@profiles_app.command("list")
def profiles_list(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What is stored."""
    from posture_cam.outputs.console import print_profiles
    from posture_cam.outputs.tables import profile_as_json
    from posture_cam.profiles import load_profile, profile_names

    stored, damaged = {}, False
    for name in profile_names():
        try:
            stored[name] = load_profile(name)
        except NeutralError as error:
            damaged = True
            _say(error)
    if as_json:
        content = [profile_as_json(name, neutral) for name, neutral in stored.items()]
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        print_profiles(stored, _data())
    if damaged:
        raise typer.Exit(1)


@profiles_app.command("show")
def profiles_show(
    name: Annotated[str, typer.Argument(help="Its name.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """One of them in full."""
    from posture_cam.outputs.console import print_profile
    from posture_cam.outputs.tables import profile_as_json
    from posture_cam.profiles import load_profile, profile_path

    neutral = load_profile(name)
    if as_json:
        typer.echo(json.dumps(profile_as_json(name, neutral), indent=2, ensure_ascii=False))
    else:
        print_profile(name, neutral, profile_path(name), _data())


@profiles_app.command("rename")
def profiles_rename(
    name: Annotated[str, typer.Argument(help="Its name.", show_default=False)],
    new_name: Annotated[str, typer.Argument(help="The new one.", show_default=False)],
) -> None:
    """Give one another name."""
    from posture_cam.profiles import rename_profile

    rename_profile(name, new_name)
    _talk().print(f"Renamed {name} to {new_name}.", highlight=False)


@profiles_app.command("delete")
def profiles_delete(
    name: Annotated[str, typer.Argument(help="Its name.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete one, after asking."""
    from posture_cam.profiles import check_profile, delete_profile

    check_profile(name)
    if not yes:
        typer.confirm(f"Delete the profile {name}?", abort=True, err=True)
    delete_profile(name)
    _talk().print(f"Deleted {name}.", highlight=False)


@app.command()
def tips(
    fault: Annotated[
        str | None,
        typer.Option(metavar="FAULT", help="Only for this fault, such as neck_inclination or general."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show the tips, with the section of the article that each rests on."""
    from posture_cam import tips as advice
    from posture_cam.outputs.console import print_tips
    from posture_cam.outputs.tables import tip_as_json
    from posture_cam.settings import load_measures
    from posture_cam.words import sentence

    chosen = advice.load_tips() if fault is None else advice.tips_for(fault)
    if as_json:
        typer.echo(json.dumps([tip_as_json(tip) for tip in chosen], indent=2, ensure_ascii=False))
        return
    console = _data()
    labels = {name.value: info.label for name, info in load_measures().items()}
    for name in dict.fromkeys(tip.fault for tip in chosen):
        console.print(
            f"[bold]{sentence(labels.get(name, name))}[/bold] [bright_black]({name})[/bright_black]"
        )
        print_tips(tuple(tip for tip in chosen if tip.fault == name), console)


@app.command()
def doctor() -> None:
    """Tell what is installed here, and what is missing."""
    from posture_cam.doctor import examine

    with quiet_native(verbose=False):
        findings = examine()
    console = _data()
    for finding in findings:
        mark = (
            "[green]ok[/green]  "
            if finding.is_fine
            else "[red]bad[/red] "
            if finding.is_needed
            else "[yellow]note[/yellow]"
        )
        console.print(
            f"{mark} [bold]{finding.what}[/bold]  {_plain(finding.found)}", highlight=False, soft_wrap=True
        )
        if finding.hint and not finding.is_fine:
            console.print(f"     {_plain(finding.hint)}", highlight=False, soft_wrap=True)
    if any(finding.is_needed and not finding.is_fine for finding in findings):
        raise typer.Exit(1)
