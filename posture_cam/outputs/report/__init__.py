"""The page that a person would hand to their physical therapist: one file, no network, no script."""

from posture_cam.outputs.report.care import care_of
from posture_cam.outputs.report.content import Picture, Report
from posture_cam.outputs.report.page import day_parts, environment, page_of, write_report
from posture_cam.outputs.report.result import ReadResult, read_result

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
