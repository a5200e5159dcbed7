"""The only place that knows the order of the stages."""

from posture_cam.session.analysis import AnalysisRequest, analyze, judge_poses
from posture_cam.session.calibration import Calibrated, CalibrationRequest, calibrate
from posture_cam.session.exercising import (
    ExerciseRequest,
    Show,
    count_recording,
    guide_by_clock,
    guide_camera,
)
from posture_cam.session.monitor import MonitorRequest, choose_profile, monitor
from posture_cam.session.poses import Listener

__all__ = [
    "AnalysisRequest",
    "Calibrated",
    "CalibrationRequest",
    "ExerciseRequest",
    "Listener",
    "MonitorRequest",
    "Show",
    "analyze",
    "calibrate",
    "choose_profile",
    "count_recording",
    "guide_by_clock",
    "guide_camera",
    "judge_poses",
    "monitor",
]
