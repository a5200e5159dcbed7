from __future__ import annotations

import numpy as np
import pytest

from posture_cam.assessment.smoothing import AdaptiveFilter, Smoother
from posture_cam.ids import Measure
from posture_cam.settings import load_settings
from tests.builders import measures

SETTINGS = load_settings().filter


def run(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    one = AdaptiveFilter(SETTINGS)
    return np.array([one.smooth(t, v) for t, v in zip(times.tolist(), values.tolist(), strict=True)])


def test_rest_is_calmed() -> None:
    times = np.arange(0, 60, 0.2)
    values = 10.0 + np.random.default_rng(1).normal(0.0, 2.0, times.size)
    assert run(times, values)[50:].std() < 0.75 * values.std()


def test_a_step_is_followed_within_a_second() -> None:
    times = np.arange(0, 20, 0.2)
    values = np.where(times < 10.0, 0.0, 20.0)
    smooth = run(times, values)
    assert smooth[times < 10.0] == pytest.approx(0.0)
    assert smooth[np.searchsorted(times, 11.0)] > 18.0


def test_the_same_signal_at_other_rates_gives_the_same_curve() -> None:
    at: dict[float, np.ndarray] = {}
    for rate in (5.0, 10.0, 30.0):
        times = np.arange(0, 20, 1 / rate)
        smooth = run(times, 10 * np.sin(times / 2))
        at[rate] = np.interp(np.arange(2, 18, 1.0), times, smooth)
    assert np.abs(at[5.0] - at[30.0]).max() < 0.5
    assert np.abs(at[10.0] - at[30.0]).max() < 0.2


def test_a_step_is_followed_alike_at_any_rate() -> None:
    at: dict[float, np.ndarray] = {}
    for rate in (5.0, 30.0):
        times = np.arange(0, 8, 1 / rate)
        at[rate] = run(times, np.where(times < 3.99, 0.0, 12.0))[:: round(rate / 5)]
    # A sample stands for all the time since the last one: at most one step ahead of many samples.
    assert (at[5.0] >= at[30.0] - 0.1).all()
    assert (at[5.0][:-1] <= at[30.0][1:] + 0.5).all()


def test_it_starts_anew_after_a_gap() -> None:
    smooth = run(np.array([0.0, 0.2, 30.0]), np.array([0.0, 0.0, 25.0]))
    assert smooth[-1] == 25.0


def test_measures_that_are_absent_stay_absent() -> None:
    smoother = Smoother(SETTINGS)
    smoother.smooth(measures(0.0, {Measure.NECK_INCLINATION: 5.0, Measure.SINKING: 1.0}))
    later = smoother.smooth(measures(0.2, {Measure.NECK_INCLINATION: 5.0}))
    assert set(later.values) == {Measure.NECK_INCLINATION}
