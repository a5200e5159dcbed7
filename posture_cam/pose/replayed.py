"""Recorded poses instead of a model: for a second look at a recording, and for tests."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from pathlib import Path
from typing import Self

from posture_cam.closing import Closing
from posture_cam.errors import SourceError
from posture_cam.pose.between import poses_filled_in
from posture_cam.pose.landmark_names import MEDIAPIPE
from posture_cam.pose.pose_log import PoseLog
from posture_cam.records import Frame, Pose
from posture_cam.settings import load_settings

# A pose holds at most as long as in a recording: the longest time without a look.
_STANDS_S = 2.5


class ReplayedPoses(Closing):
    """Returns the pose that was recorded at the time of each picture, or the last one before it.

    Args:
        path: The poses file.

    Raises:
        SourceError: It cannot be read, or was cut off: the rest would pass for time with nobody there.
    """

    landmark_names = MEDIAPIPE

    def __init__(self, path: Path) -> None:
        self._log = PoseLog(path)
        self._samples = list(poses_filled_in(self._log.samples(), load_settings().sparing))
        if self._log.end is None or self._log.end.partial:
            raise SourceError(
                f"{path} does not hold the whole recording, so it cannot take the place of a model.",
                "Make it again with --poses.",
            )
        self._times_s = [sample.timestamp_s for sample in self._samples]

    @property
    def model(self) -> str:
        """Name and checksum of the model that produced the poses."""
        return self._log.header.model

    @property
    def running_mode(self) -> str:
        """The running mode of that model."""
        return self._log.header.running_mode

    def estimate(self, frame: Frame) -> Pose | None:
        """The pose recorded at that time; None if nobody was seen, or nothing was recorded."""
        number = bisect_right(self._times_s, frame.timestamp_s + 1e-6) - 1
        if number < 0 or frame.timestamp_s - self._times_s[number] > _STANDS_S:
            return None
        pose = self._samples[number].pose
        return None if pose is None else replace(pose, timestamp_s=frame.timestamp_s)

    def another(self) -> Self:
        """This estimator itself: it stores nothing between pictures."""
        return self
