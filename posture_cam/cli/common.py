"""Common to all commands: the app, the places of words and data, and the form of failures."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from posture_cam.errors import PostureCamError
from posture_cam.plain import clean

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130

# The most wanted commands come first; help and README list the commands in this order.
_GROUPS = {
    "Watch and analyse": ("app", "monitor", "analyze", "calibrate", "profiles"),
    "Look back": ("history", "report", "dashboard"),
    "Do something for your back": ("exercise", "checkin", "programme", "workspace", "tips"),
    "Set up": ("cameras", "config", "doctor"),
}
_ORDER = tuple(name for names in _GROUPS.values() for name in names)


class Commands(TyperGroup):
    """Commands whose help is a whole sentence; typer would cut it off with three dots."""

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]
        """One command by its name."""
        command = super().get_command(ctx, cmd_name)
        if command and command.help and not command.short_help:
            command.short_help = command.help.partition("\n\n")[0]
        return command


class _Ordered(Commands):
    """The commands in the order of use, not of import."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Their names."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Write them group by group."""
        for title, names in _GROUPS.items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, command.get_short_help_str(1000)) for name, command in commands if command]
            with formatter.section(title):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=_Ordered,
    name="posture-cam",
    help="Watches how you sit, and helps you sit better. Everything stays on this machine.",
    invoke_without_command=True,
    rich_markup_mode=None,  # typer's panels load all of rich, which would double the time of the help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def say(error: PostureCamError) -> int:
    """Print a failure; returns its exit code."""
    try:
        console = talk()
        console.print(f"[bold red]Error:[/bold red] {plain(error.message)}", highlight=False, soft_wrap=True)
        if error.hint:
            console.print(f"[bold]Hint:[/bold] {plain(error.hint)}", highlight=False, soft_wrap=True)
    except (OSError, ImportError, MemoryError):  # a system without enough memory even for colours
        sys.stderr.write(f"Error: {clean(error.message)}\nHint: {clean(error.hint)}\n")
    return error.exit_code


def plain(text: str) -> str:
    """Text that holds no markup and cannot control the terminal, as file names may contain anything."""
    return clean(text).replace("[", "\\[")


def talk() -> Console:
    """The console for people; there is only one, so that words and progress bars share the terminal."""
    from posture_cam.cli.terminal import console_for

    return console_for(sys.stderr)


def data() -> Console:
    """The console for data."""
    from posture_cam.cli.terminal import console_for

    return console_for(sys.stdout, width=120)


def is_stream(source: str) -> bool:
    """Whether a source is the address of a stream."""
    return source.lower().startswith(("http://", "https://", "rtsp://"))


def configured_camera(camera: str | None, source: str | None) -> int | str:
    """The camera or stream asked for, or else the one in the monitor's settings."""
    from posture_cam.config import load_config
    from posture_cam.source import camera_number

    if source is not None:
        return source
    configured = load_config().source
    if camera is None and is_stream(configured.source):
        return configured.source
    return camera_number(camera if camera is not None else str(configured.camera))
