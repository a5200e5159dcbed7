"""Where the desktop finds the app: start with the computer, and an entry in the menu."""

from __future__ import annotations

import os
import plistlib
import shlex
import sys
from importlib import resources
from pathlib import Path

from posture_cam.desktop.monitor import program_with
from posture_cam.errors import OutputError
from posture_cam.files import make_folder, naming, written_whole

NAME = "io.github.posture_cam"


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def autostart_path() -> Path:
    """The file by which this system starts the app with the computer."""
    if sys.platform == "win32":
        start_menu = Path(os.environ.get("APPDATA", str(Path.home()))) / "Microsoft/Windows/Start Menu"
        return start_menu / "Programs/Startup/posture_cam.cmd"
    if sys.platform == "darwin":
        return Path.home() / "Library/LaunchAgents" / f"{NAME}.plist"
    return _config_home() / "autostart" / f"{NAME}.desktop"


def is_autostarted() -> bool:
    """Whether the app starts with the computer."""
    return autostart_path().is_file()


def set_autostart(is_on: bool) -> Path:
    """Have the app started with the computer, or no longer; returns the file that says so.

    Raises:
        OutputError: The file cannot be written or removed.
    """
    path, command = autostart_path(), program_with(["app", "--hidden"])
    if not is_on:
        _remove(path)
        return path
    if sys.platform == "win32":
        quoted = " ".join(f'"{part}"' for part in command)
        # cmd reads the code page of the console, and expands per cent signs.
        content = f'@chcp 65001>nul\r\n@start "" /min {quoted.replace("%", "%%")}\r\n'.encode()
    elif sys.platform == "darwin":
        content = plistlib.dumps({"Label": NAME, "ProgramArguments": command, "RunAtLoad": True})
    else:
        content = entry(command, autostart=True).encode()
    _write(path, content)
    return path


def install() -> list[Path]:
    """Put the app into the desktop's menu: an entry, an icon and AppStream data; returns the files.

    Raises:
        OutputError: A file cannot be written, or this system has no such menu.
    """
    if sys.platform != "linux":
        raise OutputError("Only Linux desktops have such an entry.", "Start it by posture-cam app.")
    files = {
        _menu_files()[0]: entry(program_with(["app"])).encode(),
        _menu_files()[1]: resources.files("posture_cam").joinpath("desktop", "icon.svg").read_bytes(),
        _menu_files()[2]: resources.files("posture_cam").joinpath("desktop", "metainfo.xml").read_bytes(),
    }
    for path, content in files.items():
        _write(path, content)
    return list(files)


def remove() -> list[Path]:
    """Take the app out of the menu, and of what starts with the computer; returns the files removed.

    Raises:
        OutputError: A file cannot be removed.
    """
    there = [path for path in (*_menu_files(), autostart_path()) if path.exists()]
    for path in there:
        _remove(path)
    return there


def _menu_files() -> list[Path]:
    home = _data_home()
    return [
        home / "applications" / f"{NAME}.desktop",
        home / "icons/hicolor/scalable/apps" / f"{NAME}.svg",
        home / "metainfo" / f"{NAME}.metainfo.xml",
    ]


def entry(command: list[str], *, autostart: bool = False) -> str:
    """The menu entry of a Linux desktop, or that of what starts with it (Desktop Entry Specification)."""
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        "Name=posture_cam",
        "GenericName=Posture checker",
        "Comment=Watches how you sit, and helps you sit better",
        f"Exec={' '.join(_quoted(part) for part in command)}",
        f"Icon={NAME}",
        "Terminal=false",
        "Categories=Utility;",
        "Keywords=posture;ergonomics;health;",
        "StartupNotify=false",
    ]
    if autostart:
        lines.append("X-GNOME-Autostart-enabled=true")
    return "\n".join(lines) + "\n"


def _quoted(part: str) -> str:
    """A part of an Exec line (Desktop Entry Specification: double quotes, %% for a per cent sign)."""
    plain = part.replace("%", "%%")
    if plain == shlex.quote(plain):
        return plain
    escaped = "".join(f"\\{char}" if char in '"`$\\' else char for char in plain)
    return f'"{escaped}"'


def _write(path: Path, content: bytes) -> None:
    with naming(path):
        make_folder(path.parent, private=False)
        with written_whole(path) as temporary:
            temporary.write_bytes(content)


def _remove(path: Path) -> None:
    with naming(path):
        path.unlink(missing_ok=True)
