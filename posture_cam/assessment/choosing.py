"""Which of several neutral postures a person is compared with: sitting or standing, this seat or that."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from posture_cam.ids import Feature
from posture_cam.records import Features, Neutral
from posture_cam.settings import ChoosingSettings


class NeutralChoice:
    """Follows which neutral posture of a profile fits the place of the shoulders.

    Another one is taken when the shoulders have been clearly nearer to it for a while: a slouch moves them
    by a part of their width, standing up by more than that.

    Args:
        settings: What is clearly nearer, and for how long.
    """

    def __init__(self, settings: ChoosingSettings) -> None:
        self._settings = settings
        self._candidate: Neutral | None = None
        self._since_s = self._last_s = 0.0

    def follow(self, features: Features, neutral: Neutral) -> Neutral | None:
        """Take one moment; returns another neutral posture of the profile to be used from now on, or None."""
        if not neutral.others or features.reason is not None:
            return None
        now_s, last_s = features.timestamp_s, self._last_s
        self._last_s = now_s
        if now_s - last_s > self._settings.after_s / 2:  # nobody was seen for a while
            self._candidate = None
        nearest = min(neutral.others, key=lambda one: distance(one, features))
        if not is_clearly_nearer(nearest, neutral, features, self._settings):
            self._candidate = None
            return None
        if nearest is not self._candidate:
            self._candidate, self._since_s = nearest, features.timestamp_s
        if features.timestamp_s - self._since_s < self._settings.after_s:
            return None
        self._candidate = None
        return nearest


def is_clearly_nearer(one: Neutral, other: Neutral, features: Features, settings: ChoosingSettings) -> bool:
    """Whether the shoulders are clearly nearer to the place of one neutral posture than of another."""
    away = distance(other, features)
    return away > settings.near_shoulders and distance(one, features) <= settings.nearer_share * away


def nearest_of(neutrals: Sequence[Neutral], moments: Sequence[Features]) -> Neutral:
    """The neutral posture that some moments are nearest to, the first of equals."""
    if not moments or len(neutrals) == 1:
        return neutrals[0]
    votes = [min(neutrals, key=lambda one: distance(one, moment)) for moment in moments]
    return max(neutrals, key=lambda one: sum(vote is one for vote in votes))


def distance(neutral: Neutral, features: Features) -> float:
    """How far the shoulders are from where they were, in shoulder widths (from the side, trunk lengths).

    A size twice as large counts like a shift by 0.7.  Infinite where the view is another one.
    """
    now, then = features.values, neutral.centre
    if features.view != neutral.view or any(
        name not in values for name in (Feature.SHOULDER_X, Feature.SHOULDER_Y) for values in (now, then)
    ):
        return math.inf
    size = Feature.TRUNK_LENGTH if neutral.view.is_side else Feature.SHOULDER_WIDTH
    width = then.get(size, 0.0)
    if width <= 0:
        return math.inf
    shift = math.hypot(*(now[name] - then[name] for name in (Feature.SHOULDER_X, Feature.SHOULDER_Y))) / width
    growth = 0.0 if neutral.view.is_side else abs(math.log(max(now.get(size, width), 1e-6) / width))
    return math.hypot(shift, growth)


def put_first(neutral: Neutral, known: Sequence[Neutral]) -> Neutral:
    """A neutral posture with the rest of some as its others."""
    others = tuple(replace(one, others=()) for one in known if one is not neutral)
    return replace(neutral, others=others)
