"""posture-cam app: the desktop app, and its places on the desktop."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Annotated

import typer

from posture_cam.cli.common import app, plain, talk
from posture_cam.errors import SettingsError, UsageError


@app.command("app", context_settings={"allow_extra_args": True})
def run_app(
    context: typer.Context,
    hidden: Annotated[bool, typer.Option("--hidden", help="Begin in the tray, without a window.")] = False,
    autostart: Annotated[
        str | None, typer.Option(metavar="on|off", help="Start with the computer, or no longer; then end.")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Put it into the desktop's menu; then end.")
    ] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Take it out of menu and autostart again; then end.")
    ] = False,
    do: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Give the running app a command, for a shortcut of your desktop: window, pause, snooze, "
            "sits_well, slouches, still_fits, calibrate, today, settings or quit.",
        ),
    ] = None,
) -> None:
    """Live with it: a figure in the tray, a cue on the screen, a window. Words after -- go to the monitor."""
    for name in ("PySide6", "tomlkit"):
        if importlib.util.find_spec(name) is None:
            raise SettingsError(f"{name} is not installed.", "pip install 'posture-cam[desktop]'")
    if install + remove + (autostart is not None) + (do is not None) > 1:
        raise UsageError(
            "--autostart, --install, --remove and --do exclude each other.", "Choose one of them."
        )
    if install or remove or autostart is not None:
        _places(autostart, is_install=install)
        return
    if do is not None:
        from posture_cam.desktop.instance import COMMANDS, told_running

        if do not in COMMANDS:
            raise UsageError(f"{do!r} is no command of the app.", f"There are: {', '.join(COMMANDS)}.")
        if not told_running(do):
            raise SettingsError("The app is not running.", "posture-cam app starts it.")
        return
    if sys.platform == "linux" and not _has_screen():
        raise SettingsError("There is no screen here.", "posture-cam monitor --headless works without one.")
    from posture_cam.desktop.app import main

    raise typer.Exit(main(context.args, is_hidden=hidden))


def _has_screen() -> bool:
    """Whether a screen answers; Qt would end the process if none does."""
    if any(os.environ.get(name) for name in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        return True
    from posture_cam.desktop import x11

    return bool(os.environ.get("DISPLAY")) and x11.answers()


def _places(autostart: str | None, *, is_install: bool) -> None:
    from posture_cam.desktop import places

    if autostart is not None:
        if autostart not in ("on", "off"):
            raise UsageError(f"{autostart!r} is neither on nor off.", "--autostart on, or off.")
        path = places.set_autostart(autostart == "on")
        words = "Starts with the computer" if autostart == "on" else "Does not start with the computer"
        talk().print(f"{words}: {plain(str(path))}", highlight=False, soft_wrap=True)
        return
    done = places.install() if is_install else places.remove()
    word = "Wrote" if is_install else "Removed"
    for path in done:
        talk().print(f"{word} {plain(str(path))}", highlight=False, soft_wrap=True)
    if not done:
        talk().print("Nothing was there.", highlight=False)
