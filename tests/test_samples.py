"""The sample clips against the truth that was rendered with them (samples/*.csv).

These limits are the project's promise, not what the clips happen to reach; nothing is fitted to the clips.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from functools import cache
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from posture_cam.ids import State, View
from posture_cam.records import SessionSummary
from posture_cam.session.analysis import AnalysisRequest, analyze
from tests.conftest import SAMPLES

Result = Callable[[str], tuple[SessionSummary, list[dict[str, str]]]]
EDGE_S = 2.2  # two seconds and a sample: the change of posture alone takes two


@cache
def truth(name: str) -> list[dict[str, str]]:
    with (SAMPLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def labelled(name: str, *labels: str) -> list[tuple[str, float, float]]:
    """Label, start and end of each labelled stretch."""
    found = []
    for label, group in groupby(truth(name), key=lambda row: row["label"]):
        times = [float(row["t"]) for row in group]
        if label in labels:
            found.append((label, times[0], times[-1]))
    return found


def states_between(summary: SessionSummary, start_s: float, end_s: float) -> dict[State, float]:
    seconds: dict[State, float] = {}
    for episode in summary.episodes:
        shared_s = min(end_s, episode.end_s) - max(start_s, episode.start_s)
        if shared_s > 0:
            seconds[episode.state] = seconds.get(episode.state, 0.0) + shared_s
    return seconds


def stretches_of(summary: SessionSummary, states: Iterable[State]) -> list[tuple[float, float]]:
    """Stretches in which one of the states holds, joined."""
    joined: list[tuple[float, float]] = []
    for episode in summary.episodes:
        if episode.state not in states:
            continue
        if joined and episode.start_s - joined[-1][1] < 0.01:
            joined[-1] = (joined[-1][0], episode.end_s)
        else:
            joined.append((episode.start_s, episode.end_s))
    return joined


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("desk-side", View.SIDE_LEFT),
        ("desk-laptop", View.FRONT),
        ("desk-monitor", View.FRONT),
        ("desk-oblique", View.THREE_QUARTER),
        pytest.param("exercises-front", View.FRONT, marks=pytest.mark.slow),
    ],
)
def test_the_view_is_told_and_the_neutral_found_is_an_upright_stretch(
    sample_result: Result, name: str, view: View
) -> None:
    summary, _ = sample_result(name)
    neutral = summary.neutral
    assert neutral is not None
    assert neutral.view == view
    assert neutral.is_personal
    assert neutral.start_s is not None
    assert neutral.end_s is not None
    assert neutral.end_s - neutral.start_s >= 2.8
    upright = sum(
        row["label"] in ("neutral", "rest")
        for row in truth(name)
        if neutral.start_s <= float(row["t"]) <= neutral.end_s
    )
    assert upright / ((neutral.end_s - neutral.start_s) * 10 + 1) > 0.9


@pytest.mark.parametrize("name", ["desk-side", "desk-laptop", "desk-monitor", "desk-oblique"])
def test_neutral_stretches_are_good(sample_result: Result, name: str) -> None:
    summary, _ = sample_result(name)
    for _, start_s, end_s in labelled(name, "neutral"):
        inside = states_between(summary, start_s + EDGE_S, end_s - EDGE_S)
        assert inside.get(State.FAIR, 0.0) + inside.get(State.POOR, 0.0) == 0.0
        assert inside.get(State.GOOD, 0.0) > 0.9 * (end_s - start_s - 2 * EDGE_S)


@pytest.mark.parametrize("name", ["desk-side", "desk-laptop", "desk-monitor", "desk-oblique"])
@pytest.mark.parametrize("label", ["slouch", "forward_head"])
def test_bad_stretches_are_found_within_two_seconds_of_their_edges(
    sample_result: Result, name: str, label: str
) -> None:
    summary, _ = sample_result(name)
    for _, start_s, end_s in labelled(name, label):
        matching = [
            (start, end)
            for start, end in stretches_of(summary, (State.FAIR, State.POOR))
            if start < end_s and end > start_s
        ]
        assert len(matching) == 1
        assert matching[0][0] == pytest.approx(start_s, abs=EDGE_S)
        assert matching[0][1] == pytest.approx(end_s, abs=EDGE_S)
        if label == "slouch":
            assert states_between(summary, start_s + EDGE_S, end_s - EDGE_S) == {
                State.POOR: pytest.approx(end_s - start_s - 2 * EDGE_S)
            }


def test_an_empty_chair_is_away(sample_result: Result) -> None:
    summary, _ = sample_result("desk-laptop")
    ((_, start_s, end_s),) = labelled("desk-laptop", "away")
    assert states_between(summary, start_s, end_s).get(State.AWAY, 0.0) > 0.9 * (end_s - start_s)
    assert summary.seconds_by_state[State.AWAY] == pytest.approx(end_s - start_s, abs=4.0)


def test_a_lean_to_the_side_is_found(sample_result: Result) -> None:
    summary, _ = sample_result("desk-laptop")
    ((_, start_s, end_s),) = labelled("desk-laptop", "lean")
    inside = states_between(summary, start_s + EDGE_S, end_s - EDGE_S)
    assert inside.get(State.GOOD, 0.0) == 0.0


def changes(
    name: str, rows: list[dict[str, str]], column: str, truth_column: str
) -> tuple[np.ndarray, np.ndarray]:
    """What was measured, and the true change against the neutral stretch, at the same times."""
    times = np.array([float(row["t"]) for row in truth(name)])
    true = np.array([float(row[truth_column]) for row in truth(name)])
    first = labelled(name, "neutral")[0]
    true = true - np.median(true[(times >= first[1]) & (times <= first[2])])
    measured = [(float(row["timestamp_s"]), float(row[column])) for row in rows if row[column]]
    at, values = np.array(measured).T
    return values, np.interp(at, times, true)


def test_changes_of_inclination_follow_the_truth_from_the_side(sample_result: Result) -> None:
    _, rows = sample_result("desk-side")
    assert all(row["neck_inclination_change_deg"] and row["trunk_inclination_change_deg"] for row in rows)
    for part in ("neck", "trunk"):
        measured, true = changes("desk-side", rows, f"{part}_inclination_change_deg", f"{part}_inclination")
        assert np.abs(measured - true).mean() < 3.5
        assert np.corrcoef(measured, true)[0, 1] > 0.97


def test_the_change_of_the_neck_follows_the_truth_from_three_quarters(sample_result: Result) -> None:
    _, rows = sample_result("desk-oblique")
    measured, true = changes("desk-oblique", rows, "neck_inclination_change_deg", "neck_inclination")
    assert np.abs(measured - true).mean() < 6.0
    assert np.corrcoef(measured, true)[0, 1] > 0.95


@pytest.mark.parametrize(
    ("name", "neck_deg", "trunk_deg"),
    [
        ("desk-side", 2.0, 2.0),
        ("desk-laptop", 3.5, 2.5),
        ("desk-monitor", 3.0, 2.5),
        ("desk-oblique", 3.0, 4.0),
        pytest.param("exercises-front", 3.0, 2.0, marks=pytest.mark.slow),
    ],
)
def test_changes_of_inclination_follow_the_truth_from_any_camera(
    sample_result: Result, name: str, neck_deg: float, trunk_deg: float
) -> None:
    _, rows = sample_result(name)
    for part, limit_deg in (("neck", neck_deg), ("trunk", trunk_deg)):
        measured, true = changes(name, rows, f"{part}_inclination_change_deg", f"{part}_inclination")
        assert np.abs(measured - true).mean() < limit_deg
        if name != "exercises-front":  # hardly anything to correlate there
            assert np.corrcoef(measured, true)[0, 1] > 0.9


@pytest.mark.parametrize("name", ["desk-side", "desk-laptop", "desk-monitor", "desk-oblique"])
def test_every_estimate_says_how_sure_it_is(sample_result: Result, name: str) -> None:
    _, rows = sample_result(name)
    for row in rows:
        for part in (
            "neck_inclination_change_deg",
            "trunk_inclination_change_deg",
            "sinking_cm",
            "ear_drop_cm",
        ):
            assert bool(row[part]) == bool(row[f"{part}_error"])
            assert not row[part] or float(row[f"{part}_error"]) > 0.0


def test_without_the_estimator_angles_from_the_front_are_left_empty_not_guessed(tmp_path: Path) -> None:
    poses, table = tmp_path / "a.poses.jsonl", tmp_path / "a.csv"
    analyze(AnalysisRequest(SAMPLES / "desk-monitor.mp4", poses=poses, estimator=False, csv=table))
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["neck_inclination_change_deg"] == "" for row in rows)
    assert all(row["trunk_inclination_change_deg"] == "" for row in rows)
    assert any(row["head_drop_percent"] for row in rows)
    formulas = analyze(AnalysisRequest(poses, estimator=False))
    assert formulas.estimator is None
    assert all(not name.endswith("_error") for name in formulas.statistics)


def test_shoulder_tilt_follows_the_truth_from_the_front(sample_result: Result) -> None:
    _, rows = sample_result("desk-laptop")
    measured, true = changes("desk-laptop", rows, "shoulder_tilt_change_deg", "shoulder_tilt")
    assert abs(np.corrcoef(measured, true)[0, 1]) > 0.95
    assert np.abs(np.abs(measured) - np.abs(true)).mean() < 2.5
