"""A check of the installation."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from posture_cam import __version__
from posture_cam.config import config_path, load_config
from posture_cam.errors import HistoryError, ModelError, SettingsError
from posture_cam.history import History
from posture_cam.paths import bundled_model, history_path, models_cache_dir, profiles_dir
from posture_cam.pose.model_store import find_model
from posture_cam.session.neutrals import ESTIMATOR_FILE, load_estimator
from posture_cam.words import count_words

DEBIAN_PACKAGES = "libgl1 libegl1 libgles2 libglib2.0-0"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check.

    Attributes:
        what: The name of the check.
        found: What was found.
        is_fine: Whether the finding is as it should be.
        is_needed: Whether the program needs it for its main job.
        hint: What to do if it is not fine.
    """

    what: str
    found: str
    is_fine: bool = True
    is_needed: bool = True
    hint: str = ""


def examine() -> list[Check]:
    """Check everything that posture_cam needs."""
    return [
        Check("posture_cam", f"{__version__} on Python {platform.python_version()}, {platform.platform()}"),
        _cv2(),
        _mediapipe(),
        _model(),
        _estimator(),
        _display(),
        _cameras(),
        notifications(),
        _app(),
        _sound(),
        _config(),
        _folder("Profiles", profiles_dir()),
        _history(),
        _folder("Fetched models", models_cache_dir()),
    ]


# Qt's part for X11 needs these of a Debian system.
QT_PACKAGES = (
    "libegl1 libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxcb-xinerama0 "
    "libxcb-image0 libxcb-render-util0"
)
_ASKS_QT = """
import json
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from posture_cam.desktop.cue import has_compositor
from posture_cam.desktop.silence import StillWatch
application = QApplication(["posture_cam"])
watch = StillWatch()
print(json.dumps({"platform": application.platformName(), "tray": QSystemTrayIcon.isSystemTrayAvailable(),
                  "compositor": has_compositor(), "watches": watch.watching}))
"""


def _app() -> Check:
    """What the desktop offers the app; asked in another process, as two Qts do not go into one."""
    what = "App"
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("tomlkit") is None:
        hint = "pip install 'posture-cam[desktop]'"
        return Check(what, "not installed", is_fine=False, is_needed=False, hint=hint)
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return Check(what, "no screen here", is_needed=False)
    try:
        asked = subprocess.run(
            [sys.executable, "-c", _ASKS_QT], capture_output=True, text=True, timeout=20, check=True
        )
        told = json.loads(asked.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        hint = f"On Debian: apt-get install {QT_PACKAGES}"
        return Check(what, "Qt cannot open a window", is_fine=False, is_needed=False, hint=hint)
    session = os.environ.get("XDG_SESSION_TYPE") or told["platform"]
    parts = [
        session,
        "tray" if told["tray"] else "no tray",
        "compositor" if told["compositor"] else "no compositor: the glow is a thin band",
        f"watches {', '.join(told['watches'])}" if told["watches"] else "notices no lock and no call",
    ]
    hint = "" if told["tray"] else "On GNOME: the extension AppIndicator and KStatusNotifierItem Support."
    return Check(what, "; ".join(parts), is_fine=bool(told["tray"]), is_needed=False, hint=hint)


def _cv2() -> Check:
    owners = {}
    for name in (
        "opencv-python",
        "opencv-contrib-python",
        "opencv-python-headless",
        "opencv-contrib-python-headless",
    ):
        try:
            owners[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    try:
        cv2 = importlib.import_module("cv2")
    except ImportError as error:
        return Check(
            "OpenCV", str(error), is_fine=False, hint=f"On Debian: apt-get install {DEBIAN_PACKAGES}"
        )
    wanted = " ".join(f"{name}=={owners.get('opencv-python', cv2.__version__)}" for name in owners)
    found = f"cv2 {cv2.__version__} from {', '.join(f'{name} {version}' for name, version in owners.items())}"
    return Check(
        "OpenCV",
        found,
        is_fine=len(set(owners.values())) == 1,
        hint="These share one folder and should be of one version: "
        f"pip install --force-reinstall --no-deps {wanted}",
    )


def _mediapipe() -> Check:
    try:
        importlib.import_module("posture_cam.pose.landmarker")
    except (ImportError, OSError) as error:
        return Check(
            "MediaPipe", str(error), is_fine=False, hint=f"On Debian: apt-get install {DEBIAN_PACKAGES}"
        )
    return Check("MediaPipe", importlib.metadata.version("mediapipe"))


def _model() -> Check:
    try:
        model = find_model("full")
    except ModelError as error:
        return Check("Pose model", error.message, is_fine=False, hint=error.hint)
    return Check("Pose model", f"{model.name}, {model.path}, sha256 {model.sha256}")


def _estimator() -> Check:
    try:
        estimator = load_estimator()
    except ModelError as error:
        return Check("Angle estimator", error.message, is_fine=False, hint=error.hint)
    return Check("Angle estimator", f"{estimator.name}, {bundled_model(ESTIMATOR_FILE)}")


def _display() -> Check:
    """Whether a window opens; tried out."""
    if sys.platform in ("darwin", "win32"):
        return Check("Display", "by the system")
    name = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    try:
        from posture_cam.outputs.screen.guide import has_display  # here, as OpenCV itself may be broken
    except ImportError as error:
        return Check("Display", str(error), is_fine=False, is_needed=False)
    works = has_display()
    return Check(
        "Display",
        "none" if name is None else f"{name}, a window opens" if works else f"{name}, but no window opens",
        is_fine=works,
        is_needed=False,
        hint="Only the window needs one; without it the monitor shows a line on the terminal.",
    )


def _cameras() -> Check:
    try:
        from posture_cam.source.cameras import list_cameras
    except ImportError as error:
        return Check("Cameras", str(error), is_fine=False, is_needed=False)
    found = list_cameras()
    return Check(
        "Cameras",
        ", ".join(f"{one.number} ({one.name})" for one in found) or "none",
        is_fine=bool(found),
        is_needed=False,
        hint="Plug one in; on Linux you need to be in the group video. A stream or a recording does too.",
    )


def notifications() -> Check:
    """The backend of desktop notifications; tried without showing a notification."""
    from posture_cam.outputs.telling.notification import CannotNotify, find_backend

    try:
        backend = find_backend()
    except CannotNotify as error:
        return Check(
            "Notifications",
            f"none: {error}",
            is_fine=False,
            is_needed=False,
            hint="Alerts are shown in the window and on the terminal all the same.",
        )
    backend.close()
    return Check("Notifications", backend.name)


def _sound() -> Check:
    try:
        sounddevice = importlib.import_module("sounddevice")
        device = sounddevice.query_devices(kind="output")["name"]
    except Exception as error:  # no extra, no PortAudio, no device: each fails in its own way
        return Check(
            "Sound",
            f"the terminal's bell ({str(error).splitlines()[0] if str(error) else type(error).__name__})",
            is_fine=False,
            is_needed=False,
            hint="For a soft tone install sounddevice (pip install sounddevice) and PortAudio.",
        )
    return Check("Sound", f"{device}, if --sound asks for it")


def _config() -> Check:
    path = config_path()
    if not path.exists():
        return Check("Settings", f"defaults ({path} is not there; posture-cam config --init makes it)")
    try:
        load_config()
    except SettingsError as error:
        return Check("Settings", error.message, is_fine=False, hint=error.hint)
    return Check("Settings", str(path))


def _history() -> Check:
    path = history_path()
    try:
        with History.opened() as kept:
            days = kept.days()
    except HistoryError as error:
        return Check("History", error.message, is_fine=False, is_needed=False, hint=error.hint)
    if not days:
        return _folder("History", path.parent)
    size_mb = path.stat().st_size / 1e6
    found = f"{path}, {count_words(len(days), 'day')} up to {days[-1]}, {size_mb:.1f} MB"
    is_writable = _folder("History", path.parent).is_fine and os.access(path, os.W_OK)
    if not is_writable:
        return Check(
            "History",
            f"{found}, read-only",
            is_fine=False,
            is_needed=False,
            hint="It is shown, but nothing can be kept: check its permissions.",
        )
    return Check("History", found)


def _folder(what: str, path: Path) -> Check:
    """Whether one of our folders can be written to; does not create it."""
    there = next(folder for folder in (path, *path.parents) if folder.is_dir())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return Check(
            what,
            f"{path}: {error.strerror or error}",
            is_fine=False,
            is_needed=False,
            hint="Check its permissions.",
        )
    return Check(what, f"{path}, writable" if there == path else f"{path}, writable, made when needed")
