"""From measures to judgement."""

from posture_cam.assessment.calibration import Advice, Calibrator
from posture_cam.assessment.certainty import told
from posture_cam.assessment.drift import DriftWatch
from posture_cam.assessment.hindsight import Hindsight
from posture_cam.assessment.judge import Judge
from posture_cam.assessment.neutral import NeutralFinder, Stretch, build_neutral, take_stretch
from posture_cam.assessment.repetitions import (
    Phase,
    RepetitionCounter,
    RestFinder,
    SideCounter,
)
from posture_cam.assessment.scoring import slouch_share
from posture_cam.assessment.trust import Trust

__all__ = [
    "Advice",
    "Calibrator",
    "DriftWatch",
    "Hindsight",
    "Judge",
    "NeutralFinder",
    "Phase",
    "RepetitionCounter",
    "RestFinder",
    "SideCounter",
    "Stretch",
    "Trust",
    "build_neutral",
    "slouch_share",
    "take_stretch",
    "told",
]
