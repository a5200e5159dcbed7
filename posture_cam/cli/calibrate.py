"""posture-cam calibrate and posture-cam profiles."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from posture_cam.cli import completing
from posture_cam.cli.common import (
    INTERRUPTED,
    Commands,
    app,
    configured_camera,
    data,
    is_stream,
    plain,
    say,
    talk,
)
from posture_cam.cli.options import (
    CameraOption,
    HeadlessOption,
    JsonOption,
    ModelOption,
    VerboseOption,
    YesOption,
)
from posture_cam.cli.terminal import Bars
from posture_cam.errors import NeutralError, UsageError
from posture_cam.quiet import quiet


@app.command()
def calibrate(
    profile: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=completing.profiles,
            help="What to call it; one for each desk and camera.",
        ),
    ] = "default",
    camera: CameraOption = None,
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
    posture: Annotated[
        str,
        typer.Option(
            metavar="sitting|standing", help="How you work; a profile holds both, and a run tells them apart."
        ),
    ] = "sitting",
    model: ModelOption = "full",
    replace: Annotated[
        bool, typer.Option("--replace", help="Do not ask where it is worse than the stored one.")
    ] = False,
    headless: HeadlessOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Store your own neutral posture, which everything is compared with."""
    from posture_cam.outputs.terminal.console import print_calibrated
    from posture_cam.session.calibration import CalibrationRequest
    from posture_cam.session.calibration import calibrate as run
    from posture_cam.session.poses import Listener
    from posture_cam.words import parse_stretch

    if recording is not None and source is not None:
        raise UsageError("--from and --source exclude each other.", "Choose one of them.")
    if recording is not None and camera is not None:
        raise UsageError("--from and --camera exclude each other.", "Choose one of them.")
    if source is not None and camera is not None:
        raise UsageError("--camera and --source exclude each other.", "Choose one of them.")
    if source is not None and not is_stream(source):
        # Not repeated, as it may hold a password.
        raise UsageError("That is no address of a stream.", "Write http://, https:// or rtsp://.")
    from posture_cam.ids import Stance

    if posture not in set(Stance):
        raise UsageError(f"{posture!r} is neither sitting nor standing.", "--posture sitting, or standing.")
    from posture_cam.config import load_config

    request = CalibrationRequest(
        profile=profile,
        camera=0 if recording is not None else configured_camera(camera, source),
        recording=recording,
        at_s=parse_stretch(at) if at is not None else None,
        slouch=slouch,
        slouch_s=parse_stretch(slouch_at) if slouch_at is not None else None,
        model=model,
        stance=Stance(posture),
        replace=replace,
        keep_room=load_config().judging.background,
    )

    def confirmed(question: str) -> bool:
        return typer.confirm(question, default=False, err=True)

    with ExitStack() as stack:
        stack.enter_context(quiet(verbose=verbose))
        stack.enter_context(_nothing_stored())
        if recording is not None:
            bars = stack.enter_context(Bars(talk()))
            listener = Listener(progress=bars.show_seconds, download=bars.show_bytes)
            done = run(
                request, listener=listener, ask=bars.between(confirmed) if sys.stdin.isatty() else None
            )
        else:
            from posture_cam.outputs.screen.guide import Guide, has_display

            window = "posture_cam" if has_display() and not headless else None
            guide = stack.enter_context(Guide(talk(), window))
            done = run(
                request,
                lambda words, share, frame: guide.show(words, share, frame.image_bgr if frame else None),
                ask=guide.ask if window or sys.stdin.isatty() else None,
            )
    print_calibrated(done.profile, done.neutral, data(), replaced=done.replaced)
    talk().print(f"Wrote {plain(str(done.path))}", highlight=False, soft_wrap=True)


@contextmanager
def _nothing_stored() -> Iterator[None]:
    """On Ctrl-C, report that the calibration stored nothing."""
    try:
        yield
    except KeyboardInterrupt:
        talk().print("Interrupted; nothing was stored.", style="yellow")
        raise typer.Exit(INTERRUPTED) from None


profiles_app = typer.Typer(
    cls=Commands,
    help="Show, rename, restore and delete neutral postures; forget corrections.",
    no_args_is_help=True,
)
app.add_typer(profiles_app, name="profiles")


@profiles_app.command("list")
def profiles_list(
    as_json: JsonOption = False,
) -> None:
    """What is stored."""
    from posture_cam.outputs.files.tables import profile_as_json
    from posture_cam.outputs.terminal.console import print_profiles
    from posture_cam.profiles import load_profile, profile_names

    stored, damaged = {}, False
    for name in profile_names():
        try:
            stored[name] = load_profile(name)
        except NeutralError as error:
            damaged = True
            say(error)
    if as_json:
        content = [profile_as_json(name, neutral) for name, neutral in stored.items()]
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
    else:
        print_profiles(stored, data())
    if damaged:
        raise typer.Exit(1)


@profiles_app.command("show")
def profiles_show(
    name: Annotated[
        str, typer.Argument(help="Its name.", show_default=False, autocompletion=completing.profiles)
    ],
    as_json: JsonOption = False,
) -> None:
    """One of them in full."""
    from posture_cam.outputs.files.tables import profile_as_json
    from posture_cam.outputs.terminal.console import print_profile
    from posture_cam.profiles import load_profile, profile_path

    neutral = load_profile(name)
    if as_json:
        typer.echo(json.dumps(profile_as_json(name, neutral), indent=2, ensure_ascii=False))
    else:
        from posture_cam.session.learning import own_factors, words_of_limits
        from posture_cam.session.neutrals import load_estimator
        from posture_cam.settings import load_settings

        factors = own_factors(neutral, load_settings(), load_estimator())
        limits = words_of_limits(neutral, factors, {})
        print_profile(name, neutral, profile_path(name), data(), limits)


@profiles_app.command("rename")
def profiles_rename(
    name: Annotated[
        str, typer.Argument(help="Its name.", show_default=False, autocompletion=completing.profiles)
    ],
    new_name: Annotated[str, typer.Argument(help="The new one.", show_default=False)],
) -> None:
    """Give one another name."""
    from posture_cam.profiles import rename_profile

    rename_profile(name, new_name)
    talk().print(f"Renamed {name} to {new_name}.", highlight=False)


@profiles_app.command("restore")
def profiles_restore(
    name: Annotated[
        str, typer.Argument(help="Its name.", show_default=False, autocompletion=completing.profiles)
    ],
) -> None:
    """Take back the one that the last calibration replaced; the two change places."""
    from posture_cam.profiles import restore_profile

    restored = restore_profile(name)
    made = f" of {restored.created_at[:10]}" if restored.created_at else ""
    talk().print(f"Restored {name}: the neutral posture{made}.", highlight=False)


@profiles_app.command("forget")
def profiles_forget(
    name: Annotated[
        str, typer.Argument(help="Its name.", show_default=False, autocompletion=completing.profiles)
    ],
    corrections: Annotated[bool, typer.Option("--corrections", help="All corrections.")] = False,
    neutral: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="The neutral posture with this number in `show`.", show_default=False
        ),
    ] = None,
    last: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The last N corrections.", show_default=False)
    ] = None,
) -> None:
    """Take corrections back, with the limits learned from them, or one of several neutral postures."""
    from posture_cam.profiles import forget_corrections, forget_neutral
    from posture_cam.words import count_words, words_of

    if corrections + (last is not None) + (neutral is not None) != 1:
        raise UsageError("Say what to forget.", "One of --corrections, --last N and --neutral N.")
    if neutral is not None:
        taken = forget_neutral(name, neutral)
        talk().print(
            f"Forgotten: the neutral posture for {words_of(taken.stance)}, by {plain(taken.source)}.",
            highlight=False,
        )
        return
    count = forget_corrections(name, last=last)
    talk().print(f"Forgotten: {count_words(count, 'correction')} of {name}.", highlight=False)


@profiles_app.command("delete")
def profiles_delete(
    name: Annotated[
        str, typer.Argument(help="Its name.", show_default=False, autocompletion=completing.profiles)
    ],
    yes: YesOption = False,
) -> None:
    """Delete one, after asking."""
    from posture_cam.profiles import check_profile, delete_profile

    check_profile(name)
    if not yes:
        typer.confirm(f"Delete the profile {name}?", abort=True, err=True)
    delete_profile(name)
    talk().print(f"Deleted {name}.", highlight=False)
