"""The picture of each alert, stored if the user asked for it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.errors import OutputError
from posture_cam.files import check_writable, make_folder
from posture_cam.outputs.live import LiveOutput, local_time, once
from posture_cam.outputs.screen.overlay import Overlay, Scene
from posture_cam.records import Frame, Neutral, Observation

# The most files of one name that are skipped.
_MOST_OF_A_SECOND = 100


class AlertFrames(LiveOutput):
    """Writes one JPEG for each alert, with skeleton and angles drawn on it, readable by the user alone.

    Args:
        folder: The target folder; it is created.
        started_at: The time of day at timestamp 0.
        say: Receives one message if storing fails.
        neutral: Drawn as the ghost.

    Raises:
        OutputError: The folder cannot be created or written to.
    """

    def __init__(
        self,
        folder: Path,
        started_at: datetime,
        say: Callable[[str], None],
        neutral: Neutral | None = None,
    ) -> None:
        try:
            make_folder(folder)
        except OSError as error:
            raise OutputError(
                f"The folder {folder} cannot be made ({error.strerror}).", "Name a folder of your own."
            ) from error
        check_writable(folder / "picture.jpg")
        self._overlay = Overlay(neutral)
        self._folder, self._started_at, self._say = folder, started_at, once(say)

    def write(self, observation: Observation) -> None:
        """Store the picture of an alert."""
        alert, frame = observation.alert, observation.frame
        if alert is None or frame is None:
            return
        time = local_time(self._started_at, alert.timestamp_s)
        path = self._folder / f"{time:%Y-%m-%d_%H-%M-%S}_{alert.kind.value}.jpg"
        try:
            done, data = cv2.imencode(".jpg", self._drawn(frame, observation))
            if done:
                self._keep(path, data.tobytes())
        except OSError as error:
            self._say(f"The picture of an alert cannot be kept: {path} ({error.strerror}).")

    def adopt(self, neutral: Neutral) -> None:
        """Draw this posture as the ghost from now on."""
        self._overlay = Overlay(neutral)

    def _drawn(self, frame: Frame, observation: Observation) -> NDArray[np.uint8]:
        """The picture with skeleton, angles and the alert."""
        image, pose = frame.image_bgr.copy(), observation.sample.pose
        scene = Scene(
            observation.measures,
            observation.assessment,
            None if pose is None else pose.landmarks[:, :2],
            None if pose is None else np.minimum(pose.visibility, pose.presence),
            alert=observation.alert,
        )
        self._overlay.draw(image, scene)
        return image

    @staticmethod
    def _keep(path: Path, content: bytes) -> None:
        """Write a new file, never over an existing one and never through a link."""
        for number in range(2, _MOST_OF_A_SECOND):
            try:
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                path = path.with_name(f"{path.stem.partition('~')[0]}~{number}.jpg")
                continue
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            return
        raise FileExistsError(errno.EEXIST, "too many files of that name", str(path))
