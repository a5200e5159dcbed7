"""The only place that knows the order of the stages."""

from posture_cam.session.analysis import Analysis, analyze
from posture_cam.session.calibration import Calibrated, Calibration, calibrate
from posture_cam.session.monitor import Monitoring, choose_profile, monitor
from posture_cam.session.poses import Listener
from posture_cam.session.report import Reporting, report

__all__ = [
    "Analysis",
    "Calibrated",
    "Calibration",
    "Listener",
    "Monitoring",
    "Reporting",
    "analyze",
    "calibrate",
    "choose_profile",
    "monitor",
    "report",
]
