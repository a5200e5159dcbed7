"""posture-cam monitor, cameras and config."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posture_cam.cli import completing
from posture_cam.cli.common import app, data, is_stream, plain, talk
from posture_cam.cli.options import CameraOption, JsonOption, VerboseOption
from posture_cam.cli.terminal import Bars, InputLines, Keys, stoppable
from posture_cam.errors import UsageError
from posture_cam.plain import redacted
from posture_cam.quiet import quiet

if TYPE_CHECKING:
    from posture_cam.care.exercises import ExerciseDone
    from posture_cam.config import Config
    from posture_cam.protocols import Keeper, LiveSink
    from posture_cam.records import Neutral, Tip


@app.command()
def monitor(
    camera: CameraOption = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="URL|FILE", help="A stream (http, https, rtsp) or a recording instead."),
    ] = None,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Play a recording at its own pace, as if it were a camera.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=completing.profiles,
            help="Your neutral posture. Else the one that belongs to the camera.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME|PATH", help="As for analyze.")] = None,
    headless: Annotated[
        bool | None, typer.Option("--headless/--window", help="One line on the terminal instead of a window.")
    ] = None,
    quiet: Annotated[
        bool | None, typer.Option("--quiet/--no-quiet", help="Nothing but alerts; no window either.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="JSON Lines on stdout: samples, alerts, source, summary.")
    ] = False,
    attached: Annotated[
        bool, typer.Option("--attached", help="With --json: end when standard input is closed.")
    ] = False,
    every: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            min=10,
            max=600,
            help="Look for two seconds once in this time, with the camera off between.",
            show_default=False,
        ),
    ] = None,
    rate_hz: Annotated[
        float | None, typer.Option(metavar="HZ", help="Looks a second.", show_default="5")
    ] = None,
    eco: Annotated[
        bool | None,
        typer.Option(
            "--eco/--no-eco", help="Look less often. Else by itself on battery.", show_default=False
        ),
    ] = None,
    poor_after_s: Annotated[
        float | None,
        typer.Option(metavar="S", help="Speak after poor posture for so long.", show_default="30"),
    ] = None,
    fair_after_s: Annotated[
        float | None, typer.Option(metavar="S", help="... and after fair posture.", show_default="120")
    ] = None,
    cooldown_min: Annotated[
        float | None, typer.Option(metavar="MIN", help="Silence after an alert.", show_default="5")
    ] = None,
    max_per_hour: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many alerts an hour.", show_default="6")
    ] = None,
    break_after_min: Annotated[
        float | None,
        typer.Option(metavar="MIN", help="In the chair, before a break is suggested.", show_default="30"),
    ] = None,
    change_after_min: Annotated[
        float | None,
        typer.Option(
            metavar="MIN",
            help="Sitting or standing, before the other is offered, if the profile has both; 0: never.",
            show_default="45",
        ),
    ] = None,
    snooze_min: Annotated[
        float | None, typer.Option(metavar="MIN", help="How long s silences alerts.", show_default="15")
    ] = None,
    sensitivity: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[FAULT=]LEVEL",
            help="How early a fault counts: relaxed, normal or strict; also for a single fault, such as "
            "head_tilt=strict. May be repeated.",
            show_default="normal",
        ),
    ] = None,
    follow_seat: Annotated[
        bool | None,
        typer.Option(
            "--follow-seat/--no-follow-seat",
            help="Let the limits follow a seat that changes slowly.",
        ),
    ] = None,
    background: Annotated[
        bool | None,
        typer.Option(
            "--background/--no-background",
            help="Keep points of the room with a calibration, to follow the camera.",
        ),
    ] = None,
    quiet_hours: Annotated[
        list[str] | None,
        typer.Option(metavar="START-END", help="No alerts then, such as 18:00-8:00. May be repeated."),
    ] = None,
    notify: Annotated[
        bool | None,
        typer.Option(
            "--notify/--no-notify", help="Desktop notifications. Else where they work.", show_default=False
        ),
    ] = None,
    sound: Annotated[
        bool | None, typer.Option("--sound/--no-sound", help="A soft tone with each alert.")
    ] = None,
    on_alert: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="Run for each alert, which it gets as JSON on standard input."),
    ] = None,
    save_alert_frames: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Keep a picture of each alert there. Else none is ever kept."),
    ] = None,
    history: Annotated[
        bool | None,
        typer.Option("--history/--no-history", help="Keep this run's numbers; never a picture."),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", help="Delete what is older from the history; 0: nothing.", show_default="0"
        ),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Watch how you sit, live: a quiet nudge when it is worth it, and a summary at the end."""
    words = "Ending." if quiet else "Ending; the summary follows."
    with stoppable(talk, words, also_hangup=True) as stop:  # before anything slow is loaded
        _monitor(locals(), stop.is_set)


def _monitor(arguments: dict[str, Any], should_stop: Callable[[], bool]) -> None:
    from posture_cam.config import load_config, option_sections

    given: dict[str, Any] = {name: value for name, value in arguments.items() if name in option_sections()}
    quiet_hours, source, camera = (arguments[name] for name in ("quiet_hours", "source", "camera"))
    realtime, as_json, verbose = (arguments[name] for name in ("realtime", "as_json", "verbose"))
    given["quiet_hours"] = tuple(quiet_hours) if quiet_hours else None
    given["sensitivity"] = tuple(arguments["sensitivity"]) if arguments["sensitivity"] else None
    if source is not None and camera is not None:
        raise UsageError("--camera and --source exclude each other.", "Choose one of them.")
    if camera is not None:
        given["source"] = ""
    config = load_config(given)
    if arguments["attached"] and not as_json:
        raise UsageError("--attached goes with --json.", "Add --json, or leave it out.")
    given_lines = InputLines() if as_json else None

    def is_over() -> bool:
        is_left = arguments["attached"] and given_lines is not None and given_lines.has_ended
        return should_stop() or is_left

    with quiet(verbose=verbose):
        _watch(config, is_over, realtime=realtime, given_lines=given_lines, every_s=arguments["every"])


def _watch(
    config: Config,
    should_stop: Callable[[], bool],
    *,
    realtime: bool,
    given_lines: InputLines | None,
    every_s: float | None,
) -> None:
    from posture_cam.outputs.terminal.console import print_summary
    from posture_cam.session import programme
    from posture_cam.session.monitor import MonitorRequest, choose_profile
    from posture_cam.session.monitor import monitor as run
    from posture_cam.source import camera_number, source_name

    spec = _spec(config)
    if realtime and not isinstance(spec, Path):
        raise UsageError("--realtime plays a recording.", "Add --source FILE, or leave --realtime out.")
    number_or_name: int | str | Path = (
        camera_number(spec) if isinstance(spec, str) and not is_stream(spec) else spec
    )
    request = MonitorRequest(
        source=number_or_name,
        started_at=_started_at(number_or_name, realtime=realtime),
        realtime=realtime,
        profile=config.source.profile or None,
        every_s=every_s,
        model=config.source.model,
        eco=_eco(config),
    )
    profile, neutral = choose_profile(request)
    name = number_or_name.name if isinstance(number_or_name, Path) else source_name(number_or_name)
    with ExitStack() as stack:
        if neutral is None and config.display.quiet:
            talk().print("Sit the way you want to sit for five seconds: that serves as neutral for this run.")
        bars = Bars(talk())
        sinks = _sinks(config, request.started_at, name, neutral, stack, given_lines)
        if config.outputs.save_alert_frames:
            talk().print(
                f"A picture of each alert is kept in {plain(config.outputs.save_alert_frames)}.",
                highlight=False,
                soft_wrap=True,
            )
        summary = run(
            request,
            config.settings(),
            sinks,
            keeper=_keeper(config, request.started_at, profile if neutral else None, stack),
            took=_takes(config, request.started_at),
            permission=programme.permission,
            should_stop=should_stop,
            download=bars.show_bytes,
        )
    if given_lines is None and not config.display.quiet:
        print_summary(summary, data())


def _started_at(source: int | str | Path, *, realtime: bool) -> datetime:
    """Now; for a recording that is played faster, its duration earlier, so that it ends about now."""
    now = datetime.now().astimezone()
    if realtime or not isinstance(source, Path):
        return now
    from posture_cam.source import VideoFile

    with VideoFile(source) as video:
        return now - timedelta(seconds=video.info.duration_s or 0.0)


def _keeper(config: Config, started_at: datetime, profile: str | None, stack: ExitStack) -> Keeper | None:
    """The keeper of the run, if a history is wanted."""
    if not config.history.history:
        return None
    from posture_cam.outputs.files.keeping import LiveHistory
    from posture_cam.words import count_words

    def say(words: str) -> None:
        talk().print(words, style="yellow", highlight=False, markup=False, soft_wrap=True)

    if config.source.source and not is_stream(config.source.source):
        say("A recording that is played is kept in the history like a live run; --no-history leaves it out.")
    keeper = LiveHistory(started_at, profile, config.settings(), say)
    stack.callback(keeper.close)
    if deleted := keeper.open(config.history.keep_days):
        days = count_words(config.history.keep_days, "day")
        say(f"Older than {days}, as keep_days says: {deleted} deleted from the history.")
    return keeper


def _takes(config: Config, started_at: datetime) -> Callable[[ExerciseDone, float], None]:
    """A function that stores an exercise done in a break, if a history is wanted."""

    def keep(done: ExerciseDone, began_s: float) -> None:
        from posture_cam.errors import HistoryError
        from posture_cam.history import keep_exercise

        try:
            keep_exercise(done, started_at.timestamp() + began_s, "break")
        except HistoryError as error:  # no reason to end a run
            talk().print(f"{error.message} The exercise is not kept.", style="yellow", highlight=False)

    return keep if config.history.history else lambda _done, _began_s: None


def _spec(config: Config) -> str | Path:
    """A camera's number or name, a stream's address, or a recording."""
    if source := config.source.source:
        if is_stream(source):
            return source
        _refuse_address(source)
        return Path(source).expanduser()
    camera = str(config.source.camera)
    _refuse_address(camera)
    return camera


def _refuse_address(source: str) -> None:
    """Refuse an unknown kind of address without repeating it, as it may contain a password."""
    scheme, colon, _ = source.partition(":/")
    if colon and (scheme.isalnum() and len(scheme) > 1):  # one letter is a drive of Windows
        raise UsageError(
            f"An address that starts with {scheme}:/ is no address of a stream.",
            "Write --source with http://, https:// or rtsp://.",
        )


def _eco(config: Config) -> Any:
    from posture_cam.cli.terminal import on_battery

    eco = config.pace.eco
    return on_battery if eco == "auto" else lambda: bool(eco)


def _sinks(
    config: Config,
    started_at: datetime,
    source_name: str,
    neutral: Neutral | None,
    stack: ExitStack,
    given_lines: InputLines | None,
) -> list[LiveSink]:
    from posture_cam.outputs.files.alert_frames import AlertFrames
    from posture_cam.outputs.files.lines import JsonLines
    from posture_cam.outputs.screen.guide import has_display
    from posture_cam.outputs.telling.command import AlertCommand
    from posture_cam.outputs.telling.notification import DesktopNotification
    from posture_cam.outputs.telling.sound import Sound
    from posture_cam.outputs.terminal.status import StatusLine

    display, outputs = config.display, config.outputs
    console = talk()

    def say(words: str) -> None:
        console.print(words, style="yellow", highlight=False, markup=False, soft_wrap=True)

    sinks: list[LiveSink] = []
    if given_lines is not None:
        from posture_cam.outputs.files.orders import JsonOrders

        lines = JsonLines(sys.stdout, started_at, source_name)
        given_lines.start()
        sinks += [lines, JsonOrders(given_lines.taken, lines.line, neutral)]
    if outputs.on_alert:
        sinks.append(stack.enter_context(AlertCommand(outputs.on_alert, started_at, say)))
    if outputs.save_alert_frames:
        sinks.append(AlertFrames(Path(outputs.save_alert_frames).expanduser(), started_at, say, neutral))
    if outputs.notify is not False:
        quietly = (lambda _: None) if outputs.notify == "auto" else say
        notification = DesktopNotification(quietly, snooze_min=config.alerts.snooze_min)
        sinks.append(stack.enter_context(notification))
    if outputs.sound:
        sinks.append(Sound(say, console.bell))
    from posture_cam.outputs.files.remote import RemoteOrders

    sinks.append(stack.enter_context(RemoteOrders()))
    keys = stack.enter_context(Keys())
    if not (display.headless or display.quiet) and has_display():
        import time

        from posture_cam.outputs.screen.window import Window

        sinks.append(stack.enter_context(Window(neutral, time.monotonic, _allows_tip)))
    quiet = display.quiet or (given_lines is not None and not console.is_terminal)
    sinks.append(stack.enter_context(StatusLine(console, started_at, quiet=quiet, keys=keys.pressed)))
    return sinks


def _allows_tip(tip: Tip) -> bool:
    from posture_cam.session import programme

    return programme.permission().allows_tip(tip)


@app.command()
def correct(
    label: Annotated[str, typer.Argument(metavar="good|bad", help="How you sit now.", show_default=False)],
) -> None:
    """Tell the running monitor that it is wrong: you sit well (good), or you slouch (bad)."""
    from posture_cam.outputs.files.remote import ordered

    if label not in ("good", "bad"):
        raise UsageError(f"{label!r} is neither good nor bad.", "posture-cam correct good, or bad.")
    talk().print(
        ordered({"command": "correct", "label": label}), highlight=False, markup=False, soft_wrap=True
    )


@app.command()
def cameras(
    as_json: JsonOption = False,
) -> None:
    """List the cameras of this machine; each is switched on for a moment."""
    from posture_cam.outputs.terminal.console import print_cameras
    from posture_cam.source import list_cameras

    with quiet(verbose=False):
        found = list_cameras(look=True)
    if as_json:
        content = [
            {
                "number": one.number,
                "name": one.name,
                "width_px": one.size_wh[0] if one.size_wh else None,
                "height_px": one.size_wh[1] if one.size_wh else None,
                "trouble": one.trouble or None,
            }
            for one in found
        ]
        typer.echo(json.dumps(content, indent=2, ensure_ascii=False))
        return
    print_cameras([(one.number, one.name, one.size_wh, one.trouble) for one in found], data())


@app.command()
def config(
    init: Annotated[
        bool, typer.Option("--init", help="Write the file, with every setting explained.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="The settings in force, as TOML.")] = False,
    path: Annotated[bool, typer.Option("--path", help="Where the file lies.")] = False,
) -> None:
    """Your own settings for the monitor."""
    from posture_cam.config import config_path, load_config, write_template
    from posture_cam.outputs.terminal.console import as_toml

    if init + show + path != 1:
        raise UsageError("posture-cam config needs one of --init, --show and --path.", "")
    if path:
        typer.echo(config_path())
    elif init:
        talk().print(f"Wrote {plain(str(write_template()))}", highlight=False, soft_wrap=True)
    else:
        typer.echo(redacted(as_toml(load_config().model_dump())))
