"""The record of a run: entries, their sums, and totals of days and recordings."""

from posture_cam.runlog.entries import (
    ANSWERED_WITHIN_S,
    FaultStretch,
    Hold,
    Portion,
    Run,
    Sitting,
    Slot,
    Span,
    Spoken,
)
from posture_cam.runlog.log import LEAST_FAULT_S, LEAST_HOLD_S, Course, RunLog
from posture_cam.runlog.totals import FaultTotal, Totals, hold_words, joined, limits_of, statistic, totals

__all__ = [
    "ANSWERED_WITHIN_S",
    "LEAST_FAULT_S",
    "LEAST_HOLD_S",
    "Course",
    "FaultStretch",
    "FaultTotal",
    "Hold",
    "Portion",
    "Run",
    "RunLog",
    "Sitting",
    "Slot",
    "Span",
    "Spoken",
    "Totals",
    "hold_words",
    "joined",
    "limits_of",
    "statistic",
    "totals",
]
