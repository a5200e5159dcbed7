"""From measures to judgement."""

from posture_cam.assessment.judge import Judge
from posture_cam.assessment.neutral import NeutralFinder, build_neutral, take_stretch
from posture_cam.assessment.record import Record, Settler

__all__ = ["Judge", "NeutralFinder", "Record", "Settler", "build_neutral", "take_stretch"]
