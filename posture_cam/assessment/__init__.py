"""From measures to judgement."""

from posture_cam.assessment.calibration import Advice, Calibrator
from posture_cam.assessment.certainty import without_uncertain
from posture_cam.assessment.choosing import NeutralChoice, is_clearly_nearer, nearest_of, put_first
from posture_cam.assessment.fit import NeutralFit
from posture_cam.assessment.hindsight import Hindsight
from posture_cam.assessment.judge import Judge
from posture_cam.assessment.learning import learned_factors
from posture_cam.assessment.neutral import NeutralFinder, Stretch, build_neutral, take_stretch
from posture_cam.assessment.repetitions import (
    Phase,
    RepetitionCounter,
    RestFinder,
    SideCounter,
)
from posture_cam.assessment.scoring import slouch_share

__all__ = [
    "Advice",
    "Calibrator",
    "Hindsight",
    "Judge",
    "NeutralChoice",
    "NeutralFinder",
    "NeutralFit",
    "Phase",
    "RepetitionCounter",
    "RestFinder",
    "SideCounter",
    "Stretch",
    "build_neutral",
    "is_clearly_nearer",
    "learned_factors",
    "nearest_of",
    "put_first",
    "slouch_share",
    "take_stretch",
    "without_uncertain",
]
