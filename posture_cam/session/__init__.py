"""The only place that knows the order of the stages."""

from posture_cam.session.analysis import Analysis, analyze
from posture_cam.session.calibration import Calibrated, Calibration, calibrate
from posture_cam.session.exercising import (
    Exercising,
    Show,
    count_recording,
    guide_by_clock,
    guide_camera,
)
from posture_cam.session.monitor import Monitoring, choose_profile, monitor
from posture_cam.session.poses import Listener

__all__ = [
    "Analysis",
    "Calibrated",
    "Calibration",
    "Exercising",
    "Listener",
    "Monitoring",
    "Show",
    "analyze",
    "calibrate",
    "choose_profile",
    "count_recording",
    "guide_by_clock",
    "guide_camera",
    "monitor",
]
