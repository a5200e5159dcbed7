from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from posture_cam.assessment import Hindsight, Judge
from posture_cam.geometry import FeatureExtractor, average_neutral, compare
from posture_cam.history import History
from posture_cam.ids import Landmark, Measure, Reason, State, View
from posture_cam.outputs.report import read_result
from posture_cam.records import Observation, Pose
from posture_cam.runlog import RunLog, joined, totals
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.settings import load_settings
from tests.builders import Film, Maker, front_pose, side
from tests.test_session import recorded as pose_file

SETTINGS = load_settings()
NEUTRAL = average_neutral(View.SIDE_LEFT)
UPRIGHT = side(neck_deg=18.5, trunk_deg=-5.5)
MILD = side(neck_deg=33.5, trunk_deg=-5.5)
BETWEEN = side(neck_deg=27.0, trunk_deg=-5.5)  # beyond the limit for leaving fair, but not for entering it
POOR = side(neck_deg=55.0, trunk_deg=25.0)


def observations(film: Film, judge: Judge | None = None) -> Iterable[Observation]:
    extractor, judge = FeatureExtractor(SETTINGS), judge or Judge(NEUTRAL, SETTINGS)
    for sample in film.samples:
        features = extractor.extract(sample.timestamp_s, sample.pose)
        measures, assessment = judge.judge(compare(features, NEUTRAL, SETTINGS))
        yield Observation(sample, measures, assessment, 0.0)


def recorded(film: Film, end_s: float | None = None) -> RunLog:
    hindsight, log, judge = Hindsight(SETTINGS), RunLog(SETTINGS), Judge(NEUTRAL, SETTINGS)
    for observation in observations(film, judge):
        for settled in hindsight.push(observation):
            log.add(settled)
    end_s = film.now_s if end_s is None else end_s
    for settled in hindsight.finish(end_s, judge.conclude()):
        log.add(settled)
    log.finish(end_s)
    return log


@pytest.mark.parametrize("rate_hz", [2.0, 5.0, 25.0])
def test_states_are_recorded_from_when_they_began(rate_hz: float) -> None:
    film = (
        Film(rate_hz)
        .hold(20.0, UPRIGHT)
        .hold(15.0, POOR)
        .hold(20.0, UPRIGHT)
        .nobody(12.0)
        .hold(13.0, UPRIGHT)
    )
    episodes = [e for e in recorded(film).episodes if e.end_s - e.start_s > 1.5]
    assert [e.state for e in episodes] == [State.GOOD, State.POOR, State.GOOD, State.AWAY, State.GOOD]
    edges = [e.start_s for e in episodes]
    assert edges == pytest.approx([0.0, 20.0, 35.0, 55.0, 67.0], abs=1.5)
    assert episodes[1].worst in (Measure.NECK_INCLINATION_CHANGE, Measure.TRUNK_INCLINATION_CHANGE)


@pytest.mark.parametrize("rate_hz", [2.0, 5.0, 25.0])
def test_a_posture_is_recorded_for_as_long_on_its_way_there_as_on_its_way_back(rate_hz: float) -> None:
    film = (
        Film(rate_hz)
        .hold(15.0, UPRIGHT)
        .hold(4.0, BETWEEN)
        .hold(6.0, MILD)
        .hold(4.0, BETWEEN)
        .hold(15.0, UPRIGHT)
    )
    good, fair, back = recorded(film).episodes
    assert [good.state, fair.state, back.state] == [State.GOOD, State.FAIR, State.GOOD]
    assert [fair.start_s, fair.end_s] == pytest.approx([15.0, 29.0], abs=0.8)


@pytest.mark.parametrize("rate_hz", [5.0, 25.0])
def test_a_slouch_that_the_end_cuts_off_is_recorded(rate_hz: float) -> None:
    last = recorded(Film(rate_hz).hold(20.0, UPRIGHT).hold(1.4, POOR)).episodes[-1]
    assert last.state == State.POOR
    assert (last.start_s, last.end_s) == pytest.approx((20.0, 21.4), abs=0.5)


def test_time_in_each_state_hardly_depends_on_the_rate() -> None:
    by_rate = []
    for rate_hz in (5.0, 30.0):
        film = Film(rate_hz).hold(20.0, UPRIGHT).hold(15.0, POOR).hold(20.0, MILD).hold(10.0, UPRIGHT)
        by_rate.append(recorded(film).sums.seconds_by_state)
    for state in (State.GOOD, State.FAIR, State.POOR):
        assert by_rate[0][state] == pytest.approx(by_rate[1][state], abs=0.65)


holds = st.lists(
    st.tuples(
        st.sampled_from(["upright", "mild", "poor", "nobody", "gap"]),
        st.floats(0.2, 15.0),
        st.sampled_from([1.0, 5.0]),
    ),
    min_size=1,
    max_size=8,
)


@hypothesis_settings(max_examples=40, deadline=None)
@given(holds)
def test_the_states_always_add_up_to_the_whole(parts: list[tuple[str, float, float]]) -> None:
    film = Film()
    for what, seconds, rate_hz in parts:
        film.rate_hz = rate_hz
        makers = {"upright": UPRIGHT, "mild": MILD, "poor": POOR}
        if what == "gap":
            film.gap(seconds)
        else:
            film.hold(seconds, makers.get(what, lambda _: None))
    if not film.samples:
        return
    log = recorded(film)
    assert log.end_s == pytest.approx(film.now_s)
    assert sum(log.sums.seconds_by_state.values()) == pytest.approx(film.now_s)
    assert sum(log.sums.unjudged_s_by_reason.values()) == pytest.approx(
        log.sums.seconds_by_state[State.UNJUDGED]
    )
    episodes = log.episodes
    assert episodes[0].start_s == 0.0
    assert episodes[-1].end_s == pytest.approx(film.now_s)
    for one, following in pairwise(episodes):
        assert one.end_s == pytest.approx(following.start_s)
        assert one.state != following.state
    for fault in log.fault_times:
        assert 0 < fault.total_s <= film.now_s + 1e-6


def test_a_gap_counts_as_not_judged() -> None:
    log = recorded(Film().hold(10.0, UPRIGHT).gap(30.0).hold(10.0, UPRIGHT))
    # A sample counts for two seconds at most; the rest of the gap is counted nowhere.
    assert log.sums.unjudged_s_by_reason[Reason.GAP] == pytest.approx(28.2, abs=0.3)
    assert log.sums.seconds_by_state[State.GOOD] == pytest.approx(21.8, abs=0.3)


def test_the_longest_hold_is_the_longest_time_without_a_change() -> None:
    film = Film().hold(10.0, UPRIGHT).hold(25.0, MILD).hold(8.0, UPRIGHT)
    hold = recorded(film).longest_hold
    assert hold is not None
    assert (hold.start_s, hold.end_s) == (pytest.approx(10.0, abs=1.5), pytest.approx(35.0, abs=1.5))


def test_statistics_weigh_by_time_and_keep_the_sign() -> None:
    log = recorded(Film().hold(30.0, UPRIGHT).hold(10.0, side(neck_deg=38.5, trunk_deg=-5.5)))
    statistic = log.statistics[Measure.NECK_INCLINATION_CHANGE]
    assert statistic.max == pytest.approx(20.0, abs=0.1)
    assert statistic.min == pytest.approx(0.0, abs=0.1)
    assert statistic.mean == pytest.approx(5.0, abs=0.5)
    assert statistic.p95 == pytest.approx(20.0, abs=0.5)
    assert statistic.p5 == pytest.approx(0.0, abs=0.1)


def test_faults_carry_their_time_worst_value_and_when() -> None:
    film = Film().hold(10.0, UPRIGHT).hold(12.0, MILD).hold(10.0, UPRIGHT).hold(6.0, MILD).hold(6.0, UPRIGHT)
    fault = next(f for f in recorded(film).fault_times if f.measure == Measure.NECK_INCLINATION_CHANGE)
    assert fault.total_s == pytest.approx(18.0, abs=2.5)
    assert fault.worst == pytest.approx(15.0, abs=0.1)
    assert [start for start, _ in fault.stretches] == [
        pytest.approx(10.0, abs=1.5),
        pytest.approx(32.0, abs=1.5),
    ]


def test_the_score_is_the_mean_over_judged_time_only() -> None:
    alone = recorded(Film().hold(20.0, UPRIGHT))
    assert alone.score == 100
    assert recorded(Film().hold(20.0, UPRIGHT).nobody(100.0)).score == 100
    both = recorded(Film().hold(20.0, UPRIGHT).hold(20.0, MILD))
    assert both.score == pytest.approx(85, abs=2)
    assert recorded(Film().nobody(20.0)).score is None


def test_one_single_sample_is_recorded() -> None:
    log = recorded(Film().hold(0.2, UPRIGHT))
    assert log.end_s == pytest.approx(0.2)
    assert log.episodes[0].state == State.UNJUDGED


def leaning(lean_deg: float) -> Maker:
    """Somebody facing the camera whose trunk leans sideways over the hips."""

    def make(timestamp_s: float) -> Pose:
        pose = front_pose(timestamp_s, width=150.0)
        xy, (width, height) = pose.landmarks.copy(), pose.image_size_wh
        over_hips_px = (xy[[Landmark.LEFT_HIP, Landmark.RIGHT_HIP], 1].mean() - xy[:, 1]) * height
        xy[:, 0] += np.maximum(over_hips_px, 0.0) * math.tan(math.radians(lean_deg)) / width
        return replace(pose, landmarks=xy)

    return make


def test_in_good_time_the_tip_is_for_what_was_off_most(tmp_path: Path) -> None:
    film = Film(noise_px=0.3).hold(30.0, leaning(0.0)).hold(60.0, leaning(8.0))
    poses, result = pose_file(tmp_path / "a.poses.jsonl", film), tmp_path / "a.json"
    began = datetime(2026, 11, 24, 9)  # noqa: DTZ001 - as a user writes it
    summary = analyze(
        AnalysisRequest(poses, neutral_s=(2.0, 25.0), json=result, save=True, recorded_at=began)
    )
    assert summary.seconds_by_state[State.GOOD] == pytest.approx(90.0)
    assert not summary.faults
    assert [tip.fault for tip in summary.tips] == [Measure.LATERAL_LEAN_CHANGE]
    with History.opened() as kept:
        (day,) = kept.days()
        sums = totals(kept.sittings(day, day))
    for told in (sums, joined([sums]), read_result(result).sums):
        assert [tip.fault for tip in told.tips()] == [Measure.LATERAL_LEAN_CHANGE]
