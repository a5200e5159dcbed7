"""The page that a person would hand to their physical therapist: one file, no network, no script."""

from posture_cam.outputs.report.content import Picture, Report
from posture_cam.outputs.report.page import day_parts, environment, page_of, write_report
from posture_cam.outputs.report.result import ReadResult, read_result
from posture_cam.outputs.report.wellbeing import care_of

__all__ = [
    "Picture",
    "ReadResult",
    "Report",
    "care_of",
    "day_parts",
    "environment",
    "page_of",
    "read_result",
    "write_report",
]
