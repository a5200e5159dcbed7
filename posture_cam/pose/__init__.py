"""From frames to landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posture_cam.pose.pose_log import POSES_SUFFIX
from posture_cam.settings import Settings

if TYPE_CHECKING:
    from posture_cam.pose.model_store import DownloadProgress
    from posture_cam.protocols import PoseEstimator


def open_estimator(
    choice: str, settings: Settings, *, is_sparse: bool = False, progress: DownloadProgress | None = None
) -> PoseEstimator:
    """Open a pose model; all code that looks at pictures uses this function.

    Args:
        choice: full, lite, heavy, the path of a MediaPipe model, or the path of a poses file, which then
            replaces a model.
        settings: How to find a person.
        is_sparse: Looks are far apart, so nothing must be smoothed over several of them.
        progress: Called during a download.

    Returns:
        A context manager.

    Raises:
        ModelError: The model is missing, wrong, or cannot be fetched.
        SourceError: The recorded poses cannot be read.
    """
    if Path(choice).suffix.lower() == POSES_SUFFIX:
        from posture_cam.pose.replayed import ReplayedPoses

        return ReplayedPoses(Path(choice))
    # Slow to import.
    from posture_cam.pose.landmarker import PoseLandmarker
    from posture_cam.pose.model_store import find_model

    sparing = settings.sparing if is_sparse else None
    return PoseLandmarker(find_model(choice, progress), settings.pose, sparing)
