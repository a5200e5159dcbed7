"""The cameras of this machine by number and name, and the programs that use them."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
from cv2_enumerate_cameras import enumerate_cameras

from posture_cam.errors import SourceError, UsageError
from posture_cam.source.camera import Camera

# Numbers of devices; longer ones are mistakes.
_MOST_DIGITS = 4
# These programs hold cameras open only to offer them to others.
_BROKERS = {"pipewire", "wireplumber", "pipewire-media-"}


class DeviceKind(StrEnum):
    """Cameras that show somebody not at all, or not as usual."""

    INFRARED = "infrared"
    VIRTUAL = "virtual"


_TELLING = {
    DeviceKind.INFRARED: re.compile(r"\bIR\b|infra-?red|windows hello", re.IGNORECASE),
    DeviceKind.VIRTUAL: re.compile(
        r"virtual|\bOBS\b|v4l2 ?loopback|dummy video|manycam|snap camera|droidcam|\bNDI\b", re.IGNORECASE
    ),
}


@dataclass(frozen=True, slots=True)
class CameraEntry:
    """A camera of this machine; `size_wh` is None where it was not opened, or could not be."""

    number: int
    name: str
    size_wh: tuple[int, int] | None = None
    trouble: str = ""


def list_cameras(*, look: bool = False) -> list[CameraEntry]:
    """The cameras of this machine, each once.

    Args:
        look: Open each camera briefly to learn its picture size; its light goes on.
    """
    backend = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_MSMF}.get(sys.platform)
    found: dict[int, CameraEntry] = {}
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        for one in enumerate_cameras(cv2.CAP_ANY if backend is None else backend):
            number = int(one.index) % 100  # OpenCV adds the backend in hundreds
            found.setdefault(number, CameraEntry(number, str(one.name)))
    cameras = [found[number] for number in sorted(found)]
    return [_looked_at(camera) for camera in cameras] if look else cameras


def _looked_at(camera: CameraEntry) -> CameraEntry:
    try:
        with Camera(camera.number) as opened:
            size_wh = opened.info.width_px, opened.info.height_px
    except SourceError as error:
        return CameraEntry(camera.number, camera.name, trouble=error.message)
    return CameraEntry(camera.number, camera.name, size_wh)


def device_name(number: int) -> str:
    """The own name of a camera; empty if unknown."""
    return next((one.name for one in list_cameras() if one.number == number), "")


def kind_of_device(name: str) -> DeviceKind | None:
    """What kind of special camera a name tells of, if any."""
    return next((kind for kind, telling in _TELLING.items() if telling.search(name)), None)


def camera_number(wanted: str, cameras: list[CameraEntry] | None = None) -> int:
    """The number of a camera named by its number, its name or a part of it.

    Raises:
        UsageError: More than one camera has that name.
        SourceError: None has.
    """
    if wanted.strip().isascii() and wanted.strip().isdecimal() and len(wanted.strip()) <= _MOST_DIGITS:
        return int(wanted)
    cameras = list_cameras() if cameras is None else cameras
    folded = wanted.strip().casefold()
    hits = [one for one in cameras if one.name.casefold() == folded] or [
        one for one in cameras if folded and folded in one.name.casefold()
    ]
    if len(hits) == 1:
        return hits[0].number
    names = ", ".join(f"{one.number} ({one.name})" for one in (hits or cameras))
    if hits:
        raise UsageError(f"{wanted!r} fits more than one camera: {names}.", "Name one by its number.")
    # No mistake of the caller: it may be plugged in later.
    raise SourceError(
        f"There is no camera {wanted!r}.", f"There are: {names}." if names else "No camera was found here."
    )


def camera_users(number: int, proc: Path = Path("/proc"), dev: Path = Path("/dev")) -> dict[int, str]:
    """Other programs of this user that have a camera open, by process number.

    On Linux only; elsewhere cameras are shared.
    """
    device = str(dev / f"video{number}")
    users = {}
    with contextlib.suppress(OSError):
        for folder in proc.iterdir():
            if not folder.name.isdigit() or int(folder.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if any(_leads_to(entry, device) for entry in (folder / "fd").iterdir()):
                    name = (folder / "comm").read_text("utf-8", "replace").strip()
                    if name not in _BROKERS:
                        users[int(folder.name)] = name
    return users


def _leads_to(entry: Path, device: str) -> bool:
    try:
        return str(entry.readlink()) == device
    except OSError:
        return False
