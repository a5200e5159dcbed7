"""A simulated day at the desk, through all stages of judging."""

from __future__ import annotations

import random

import pytest

from posture_cam.alerts import AlertPolicy
from posture_cam.geometry import FeatureExtractor
from posture_cam.ids import AlertKind, State
from posture_cam.pose.pose_log import PoseLogHeader
from posture_cam.session.neutrals import neutral_from
from posture_cam.session.pipeline import Pipeline
from posture_cam.settings import load_settings
from tests.builders import SOURCE, Film, side


def test_eight_simulated_hours_are_calm_and_silent_while_good() -> None:
    """Poses with a known truth through all stages of judging, once a second."""
    upright, slouch = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=45.0, trunk_deg=20.0)
    glance, lean = side(neck_deg=24.0, trunk_deg=-5.0), side(neck_deg=21.0, trunk_deg=-1.0)
    chance = random.Random(11)
    film = Film(rate_hz=1.0, noise_px=0.4).hold(60.0, upright)
    good_until: list[tuple[float, bool]] = [(film.now_s, True)]
    while film.now_s < 8 * 3600:
        make, is_good = chance.choices(
            ((upright, True), (lean, True), (glance, True), (slouch, False), (None, True)),
            weights=(5, 2, 1, 3, 1),
        )[0]
        seconds = chance.choice((5.0, 20.0, 90.0, 300.0, 900.0))
        if make is None:
            film.nobody(seconds)
        else:
            film.hold(seconds, make)
        good_until.append((film.now_s, is_good))
    settings = load_settings()
    usable = [FeatureExtractor(settings).extract(one.timestamp_s, one.pose) for one in film.samples[:60]]
    header = PoseLogHeader(SOURCE, "full-test", "VIDEO", 1.0)
    neutral = neutral_from(usable, header, settings)
    judging = Pipeline(neutral, settings, None, AlertPolicy(settings.alerts), is_fresh=False)
    for sample in film.samples:
        judging.see(sample)
    judging.finish(film.now_s)
    summary = judging.summary(SOURCE, "full-test", partial=False)
    assert summary.seconds_by_state[State.POOR] > 3600.0
    assert sum(summary.seconds_by_state.values()) == pytest.approx(film.now_s, abs=2.0)
    times = [alert.timestamp_s for alert in summary.alerts]
    assert len(times) > 8
    assert all(sum(end - 3600 < one <= end for one in times) <= 6 for end in times)
    for alert in summary.alerts:
        truth = next(is_good for until, is_good in good_until if until > alert.timestamp_s - 3.0)
        assert alert.kind == AlertKind.BREAK or not truth, alert
