"""The only place that knows the order of the stages."""

from posture_cam.session.analysis import Analysis, analyze
from posture_cam.session.calibration import Calibrated, Calibration, calibrate
from posture_cam.session.monitor import Monitoring, choose_profile, monitor
from posture_cam.session.poses import Listener

__all__ = [
    "Analysis",
    "Calibrated",
    "Calibration",
    "Listener",
    "Monitoring",
    "analyze",
    "calibrate",
    "choose_profile",
    "monitor",
]
