from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture_cam.source.timeline import Timeline, sane_frame_rate


def placed(
    reported: list[float], frame_rate: float | None = 10.0, duration_s: float | None = None
) -> list[float | None]:
    timeline = Timeline(frame_rate, duration_s)
    return [timeline.place(time_s) for time_s in reported]


def test_good_times_pass_through_from_zero() -> None:
    assert placed([5.0, 5.1, 5.25, 6.0]) == [0.0, pytest.approx(0.1), pytest.approx(0.25), pytest.approx(1.0)]


def test_negative_times_start_at_zero() -> None:
    assert placed([-0.2, -0.1, 0.0]) == [0.0, pytest.approx(0.1), pytest.approx(0.2)]


def test_frames_that_step_back_a_little_are_left_out() -> None:
    assert placed([0.0, 0.1, 0.05, 0.2]) == [0.0, pytest.approx(0.1), None, pytest.approx(0.2)]


def test_a_clock_that_stands_still_is_bridged_by_the_frame_rate() -> None:
    times = [t for t in placed([0.0] * 101) if t is not None]
    assert times[-1] == pytest.approx(10.0, abs=0.11)


def test_a_clock_that_starts_again_goes_on() -> None:
    first = [number / 10 for number in range(100)]
    times = [t for t in placed(first + first) if t is not None]
    assert len(times) == 200
    assert times[-1] == pytest.approx(19.9, abs=0.05)


def test_a_jump_beyond_the_end_is_not_believed() -> None:
    times = placed([0.0, 0.1, 5000.0, 5000.1], duration_s=20.0)
    assert times == [0.0, pytest.approx(0.1), pytest.approx(0.2), pytest.approx(0.3)]


@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf)), min_size=1, max_size=80)
)
def test_whatever_is_reported_time_starts_at_zero_and_advances(reported: list[float]) -> None:
    times = [t for t in placed(reported, 30.0, 60.0) if t is not None]
    assert times[0] == 0.0
    assert all(math.isfinite(t) for t in times)
    assert all(one < following for one, following in pairwise(times))


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf, 90_000.0])
def test_nonsense_frame_rates_are_unknown(rate: float) -> None:
    assert sane_frame_rate(rate) is None
