"""The person's own limits from the corrections of a profile, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np

from posture_cam.assessment import learned_factors
from posture_cam.assessment.scoring import is_sign, limited, own_scale
from posture_cam.geometry import FeatureExtractor, compare
from posture_cam.geometry.estimator import Estimator
from posture_cam.ids import Label, Measure
from posture_cam.measures import MeasureInfo, load_measures
from posture_cam.records import Correction, FloatArray, Neutral, Pose
from posture_cam.settings import Settings
from posture_cam.words import count_words, limit_words, words_for

# From this inclination on RULA (McAtamney and Corlett 1993) has its second band, for neck and trunk.
_STRONGLY_BENT_DEG = 20.0
_BENT = (Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE)
# A change of a limit that is worth a word.
_WORTH_A_WORD = 0.05
_DECIMALS = 5


def correction_of(pose: Pose, neutral: Pose, label: Label, made_at: datetime) -> Correction:
    """A correction as it is stored: numbers of poses, no picture."""
    return Correction(made_at.isoformat(timespec="seconds"), label, _rounded(pose), _rounded(neutral))


def _rounded(pose: Pose) -> Pose:
    def rounded(values: FloatArray) -> FloatArray:
        return values.astype(np.float64).round(_DECIMALS)

    world = pose.world_landmarks
    return replace(
        pose,
        timestamp_s=0.0,
        landmarks=rounded(pose.landmarks),
        world_landmarks=None if world is None else rounded(world),
        visibility=rounded(pose.visibility),
        presence=rounded(pose.presence),
    )


def own_factors(neutral: Neutral, settings: Settings, estimator: Estimator | None) -> dict[Measure, float]:
    """Factors on the limits of estimates, learned from the corrections of a neutral posture."""
    if estimator is None:
        return {}
    moments = []
    for correction in neutral.corrections:
        then = FeatureExtractor(settings).extract(0.0, correction.neutral)
        if then.reason is not None:
            continue
        now = FeatureExtractor(settings, then.view).extract(0.0, correction.pose)
        estimate = estimator.against(correction.neutral).of(correction.pose)
        own = replace(neutral, centre=then.values, view=then.view, pose=correction.neutral)
        measures = compare(now, own, settings, estimate)
        if measures.reason is None:
            moments.append((measures, correction.label))
    return learned_factors(moments, _limits_without_corrections(neutral), settings.state)


def _limits_without_corrections(neutral: Neutral) -> dict[Measure, MeasureInfo]:
    table, own = load_measures("estimated"), own_scale(neutral.slouch)
    return limited(table, {name: own for name, info in table.items() if is_sign(name, info)})


def words_of_limits(
    neutral: Neutral, factors: Mapping[Measure, float], before: Mapping[Measure, float]
) -> list[str]:
    """A sentence for each limit that has changed by the corrections of a neutral posture.

    Args:
        neutral: The neutral posture.
        factors: The factors now.
        before: The factors before; empty for the limits without corrections.
    """
    told = []
    for name, info in _limits_without_corrections(neutral).items():
        now, then = factors.get(name, 1.0), before.get(name, 1.0)
        if info.good is None or abs(now / then - 1) < _WORTH_A_WORD:
            continue
        words = words_for("learned", "limit").format(
            fault=info.fault,
            limit=limit_words(name, info.good * now),
            before=limit_words(name, info.good * then),
            count=count_words(len(neutral.corrections), "correction"),
        )
        if name in _BENT and info.good * now > _STRONGLY_BENT_DEG:
            bent = words_for("learned", "strongly_bent").format(limit=limit_words(name, _STRONGLY_BENT_DEG))
            words = f"{words} {bent}"
        told.append(words)
    return told
