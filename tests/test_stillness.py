from __future__ import annotations

import pytest

from posture_cam.assessment.stillness import Stillness
from posture_cam.ids import Measure
from posture_cam.settings import load_settings
from tests.builders import measures

SETTINGS = load_settings()
NECK = Measure.NECK_INCLINATION_CHANGE


def test_a_posture_lasts_until_it_changes_by_more_than_noise() -> None:
    still = Stillness(SETTINGS.stillness, SETTINGS.sampling.max_gap_s)
    held = [still.follow(measures(float(t), {NECK: 2.0 * (t % 2)})) for t in range(100)]
    assert held[-1] == pytest.approx(99.0)
    assert still.follow(measures(100.0, {NECK: 9.0})) == 0.0
    assert still.follow(measures(101.0, {NECK: 9.0})) == pytest.approx(1.0)


@pytest.mark.parametrize("name", [Measure.HEAD_TILT_CHANGE, Measure.LATERAL_LEAN_CHANGE])
def test_a_head_that_tilts_or_a_lean_to_the_side_is_a_change_of_posture(name: Measure) -> None:
    still = Stillness(SETTINGS.stillness, SETTINGS.sampling.max_gap_s)
    held = [still.follow(measures(float(t), {NECK: 0.0, name: 1.0 * (t % 2)})) for t in range(60)]
    assert held[-1] == pytest.approx(59.0)
    assert still.follow(measures(60.0, {NECK: 0.0, name: 12.0})) == 0.0


def test_it_cannot_be_told_where_nothing_is_measured() -> None:
    still = Stillness(SETTINGS.stillness, SETTINGS.sampling.max_gap_s)
    assert still.follow(measures(0.0, {})) is None


def test_a_gap_ends_it() -> None:
    still = Stillness(SETTINGS.stillness, SETTINGS.sampling.max_gap_s)
    still.follow(measures(0.0, {NECK: 0.0}))
    assert still.follow(measures(60.0, {NECK: 0.0})) == 0.0
