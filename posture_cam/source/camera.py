"""Cameras, read through OpenCV."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from posture_cam.closing import Closing
from posture_cam.errors import SourceError, UsageError
from posture_cam.ids import Reason
from posture_cam.media import cv2
from posture_cam.records import SourceInfo
from posture_cam.source.timeline import sane_frame_rate

# Failed pictures in a row after which a camera counts as gone.
_FAILURES = 30


class CameraGone(SourceError):  # noqa: N818
    """A camera or stream cannot be opened, or gives no more pictures.

    Attributes:
        reason: The reason for the record.
        why: What is known of the cause, in a few words; or empty.
    """

    def __init__(
        self, message: str, hint: str, reason: Reason = Reason.CAMERA_GONE, *, why: str = ""
    ) -> None:
        super().__init__(f"{message.removesuffix('.')}: {why}." if why else message, hint)
        self.reason, self.why = reason, why


class Camera(Closing):
    """A camera by its number; a context manager that always releases it.

    Args:
        number: The camera's number.

    Raises:
        CameraGone: It cannot be opened.
    """

    can_freeze = True

    def __init__(self, number: int) -> None:
        self._name = source_name(number)
        self._capture = cv2.VideoCapture(number)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # where supported, old pictures do not queue
        if not self._capture.isOpened():
            self._capture.release()
            raise _cannot_open(number, self._name)
        self._info = SourceInfo(
            name=self._name,
            width_px=int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
            height_px=int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            frame_rate=sane_frame_rate(self._capture.get(cv2.CAP_PROP_FPS)),
            duration_s=None,
            is_live=True,
        )

    @property
    def info(self) -> SourceInfo:
        """The properties of the camera."""
        return self._info

    def grab(self) -> bool:
        """Wait for the next picture; False once there are no more.

        A few failed pictures in a row are skipped.
        """
        for _ in range(_FAILURES):
            if self._capture.grab():
                return True
            time.sleep(0.02)
        return False

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture grabbed last, blue-green-red; None where it is damaged."""
        got, image = self._capture.retrieve()
        if not got or image is None or image.size == 0:
            return None
        return image.astype(np.uint8, copy=False)

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()


def gone(name: str) -> CameraGone:
    """The error for a source that gives no more pictures."""
    return CameraGone(f"{name} gives no more pictures.", "Plug it in again, or start the stream again.")


def _cannot_open(number: int, name: str) -> CameraGone:
    device = Path(f"/dev/video{number}")
    if sys.platform == "linux" and device.exists():
        if not os.access(device, os.R_OK | os.W_OK):
            return CameraGone(
                f"{name} cannot be opened: you may not use {device}.",
                "Add yourself to the group video, and log in again.",
            )
        return CameraGone(
            f"{name} cannot be opened: it seems to be in use by another program.",
            "Close the other program.",
            Reason.CAMERA_BUSY,
        )
    return CameraGone(
        f"{name} cannot be opened.",
        "Is it plugged in, switched on, and not in use by another program? posture-cam cameras lists them.",
    )


def source_name(spec: int | str) -> str:
    """The name of a source in messages and files, without user names, passwords and queries.

    Raises:
        UsageError: The address is not valid.
    """
    if isinstance(spec, int):
        return f"camera {spec}"
    try:
        parts = urlsplit(spec)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError("That is no address of a stream.", "Write it as http://host:port/path.") from error
    if ":" in host:
        host = f"[{host}]"
    if port:
        host = f"{host}:{port}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))
