"""posture_cam from Python: public names, the same results as the command, and a correct document."""

from __future__ import annotations

import inspect
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import posture_cam
from posture_cam import Measure, State
from posture_cam.errors import NeutralError, OutputError, SourceError
from posture_cam.ids import View
from posture_cam.outputs.files.tables import CsvResult
from posture_cam.pose.between import poses_filled_in
from posture_cam.pose.pose_log import PoseLog
from posture_cam.profiles import load_profile
from posture_cam.session.calibration import CalibrationRequest, calibrate
from posture_cam.settings import load_settings
from tests.conftest import ROOT, SAMPLES
from tests.running import run

PUBLIC = {
    "Alert",
    "AlertKind",
    "Correction",
    "Episode",
    "FaultTime",
    "Feature",
    "Frame",
    "HistoryError",
    "Label",
    "LiveVideoSource",
    "Measure",
    "ModelError",
    "Moment",
    "Monitor",
    "Neutral",
    "NeutralError",
    "NeutralOrigin",
    "NothingJudged",
    "OutputError",
    "Pose",
    "PostureCamError",
    "Reason",
    "Result",
    "RoomPoints",
    "SessionSummary",
    "SettingsError",
    "SourceError",
    "SourceEvent",
    "SourceInfo",
    "Stance",
    "State",
    "Statistic",
    "Tip",
    "UsageError",
    "View",
    "__version__",
    "analyze",
    "calibrate",
    "judge",
}


def test_the_public_names_are_these() -> None:
    assert set(posture_cam.__all__) == PUBLIC <= set(dir(posture_cam))
    for name in PUBLIC:
        assert getattr(posture_cam, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        posture_cam.analyse  # noqa: B018


def named_in(hint: Any) -> set[type]:
    """Our own classes in a type hint."""
    found = {one for part in get_args(hint) for one in named_in(part)}
    if isinstance(hint, type) and hint.__module__.startswith("posture_cam."):
        found.add(hint)
    return found


def test_all_that_public_functions_take_return_and_raise_is_public() -> None:
    waiting = [getattr(posture_cam, name) for name in PUBLIC - {"__version__"}]
    asked: set[Any] = set()
    hidden: set[str] = set()
    while waiting:
        one = waiting.pop()
        if one in asked or not callable(one):
            continue
        asked.add(one)
        spaces = vars(import_module(one.__module__)) | {"pd": SimpleNamespace(DataFrame=object)}
        hints: list[Any] = []
        for part in (
            [one, *(part for name, part in vars(one).items() if name[0] != "_")]
            if isinstance(one, type)
            else [one]
        ):
            part = part.fget if isinstance(part, property) else part
            if isinstance(part, type) or inspect.isfunction(part):
                hints += get_type_hints(part, spaces).values()
        for name in re.findall(r"\b(\w+Error|NothingJudged)\b", one.__doc__ or ""):
            assert name in PUBLIC
        for found in set().union(*map(named_in, hints)):
            if found.__name__ not in PUBLIC:
                hidden.add(f"{one.__name__}: {found.__name__}")
            waiting.append(found)
    assert hidden == set()


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys, posture_cam; print(sorted({'numpy', 'cv2', 'mediapipe', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_examples_of_the_document_run(tmp_path: Path, sample_poses: Callable[[str], Path]) -> None:
    seen = [sample.pose.landmarks for sample in PoseLog(sample_poses("desk-side")).samples() if sample.pose]
    np.save(tmp_path / "landmarks.npy", np.stack(seen))
    text = (ROOT / "docs" / "library.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) >= 6
    (tmp_path / "samples").symlink_to(SAMPLES)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", "\n".join(blocks)],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=200,
        env={**os.environ, "GLOG_minloglevel": "3"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "degrees from neutral" in done.stdout
    assert "no-such-file.mp4 does not exist" in done.stdout
    assert (tmp_path / "desk.poses.jsonl").exists()


def test_judge_refuses_what_is_no_pose_and_no_stretch(sample_poses: Callable[[str], Path]) -> None:
    poses = [sample.pose for sample in PoseLog(sample_poses("desk-side")).samples() if sample.pose][:50]
    first = poses[0]
    for wrong in (
        None,
        replace(first, landmarks=first.landmarks[:5]),
        replace(first, landmarks=first.landmarks.tolist()),
        replace(first, timestamp_s=-1.0),
        replace(first, timestamp_s=1.7e9),
        replace(first, timestamp_s=math.nan),
    ):
        with pytest.raises(posture_cam.SourceError, match=r"[Pp]ose 0"):
            posture_cam.judge([wrong, *poses[1:]])  # type: ignore[list-item]
    stretches: list[Any] = [5, "ab", (9.0, 5.0), (-5.0, 9.0), (math.nan, 5.0), (5.0, 6.5), ("a", "b")]
    for stretch in stretches:
        with pytest.raises(posture_cam.UsageError):
            posture_cam.judge(poses, neutral=stretch)
    for stretch in (*stretches[:5], stretches[-1]):
        with pytest.raises(posture_cam.UsageError):
            posture_cam.calibrate("any.mp4", at=stretch)
    with pytest.raises(posture_cam.UsageError, match="exclude"):
        posture_cam.judge(poses, neutral=(0.0, 5.0), profile="desk")


def test_a_result_is_that_of_the_command(sample_poses: Callable[[str], Path], tmp_path: Path) -> None:
    path, table = sample_poses("desk-monitor"), tmp_path / "rows.csv"
    result = posture_cam.analyze(path, csv=table)
    told = json.loads(run("analyze", path, "--json", "-").stdout)
    del told["holds"], told["course"], told["source"]["content"], told["source"]["turned_deg"]
    assert result.to_dict() == told
    assert result.score == told["summary"]["score"]
    assert sum(result.seconds.values()) == pytest.approx(result.summary.duration_s)
    assert result.seconds[State.AWAY] == 0.0
    frame = result.to_frame()
    assert list(CsvResult.HEADER) == list(frame.columns)
    rows = table.read_text("utf-8").splitlines()
    assert len(frame) == len(result.moments) == len(rows) - 1
    first = dict(zip(CsvResult.HEADER, rows[1].split(","), strict=True))
    assert frame["neck_inclination_change_deg"][0] == pytest.approx(
        float(first["neck_inclination_change_deg"]), abs=0.006
    )
    assert frame["viewing_distance_cm"].isna().all()  # the field of view is not known: absent, not 0


def test_a_monitor_gives_each_moment_and_then_the_summary(sample_poses: Callable[[str], Path]) -> None:
    calibrate(CalibrationRequest(recording=sample_poses("desk-monitor")))
    assert load_profile("default") is not None
    with posture_cam.Monitor(SAMPLES / "desk-monitor.mp4") as live:
        moments = list(live)
    assert live.summary is not None
    times = [moment.timestamp_s for moment in moments]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(live.summary.duration_s, abs=0.5)
    assert {State.GOOD, State.FAIR, State.POOR} <= {moment.state for moment in moments}
    assert max(moment.values.get(Measure.NECK_INCLINATION_CHANGE, 0.0) for moment in moments) > 15.0
    assert not (Path(os.environ["XDG_DATA_HOME"]) / "posture_cam" / "history.db").exists()


def test_a_monitor_that_has_ended_gives_no_more_and_does_not_wait() -> None:
    with posture_cam.Monitor(SAMPLES / "desk-side.mp4") as live:
        for _, moment in zip(range(3), live, strict=False):
            assert moment is not None
        live.stop()
        list(live)
        assert list(live) == []
    broken = posture_cam.Monitor("nowhere.mp4")
    with pytest.raises(posture_cam.PostureCamError):
        list(broken)
    assert list(broken) == []


def test_what_is_no_camera_and_no_stretch_is_refused() -> None:
    with pytest.raises(posture_cam.PostureCamError, match="no camera -1"):
        posture_cam.Monitor(-1)
    for wrong in ("0:05-0:12", (1.0,)):
        with pytest.raises(posture_cam.PostureCamError, match="neutral"):
            posture_cam.analyze("desk.mp4", neutral=wrong)  # type: ignore[arg-type]


def test_a_monitor_can_be_left_early() -> None:
    with posture_cam.Monitor(str(SAMPLES / "desk-monitor.mp4"), realtime=True) as live:
        for moment in live:
            if moment.timestamp_s > 1.0:
                break
    assert live.summary is not None
    assert live.summary.duration_s < 30.0


def test_failures_are_raised_where_they_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        posture_cam.analyze(tmp_path / "missing.mp4")
    with pytest.raises(SourceError, match="does not exist"), posture_cam.Monitor("missing.mp4") as live:
        next(iter(live))
    with pytest.raises(NeutralError, match="no profile"), posture_cam.Monitor(0, profile="nobody") as live:
        next(iter(live))


def test_without_pandas_a_frame_is_refused_with_a_hint(
    sample_poses: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    result = posture_cam.analyze(sample_poses("desk-side"))
    with pytest.raises(OutputError) as told:
        result.to_frame()
    assert told.value.hint == "pip install pandas"


def test_a_neutral_posture_is_stored_from_python(sample_poses: Callable[[str], Path]) -> None:
    neutral = posture_cam.calibrate(sample_poses("desk-side"), "python", at=(0.0, 8.0))
    assert neutral.view == View.SIDE_LEFT
    assert load_profile("python").centre == pytest.approx(dict(neutral.centre))
    with pytest.raises(posture_cam.NeutralError):
        posture_cam.calibrate(sample_poses("desk-side"), "python", at=(0.0, 1.0))


def test_own_poses_are_judged_as_recorded_ones(sample_poses: Callable[[str], Path]) -> None:
    path = sample_poses("desk-monitor")
    samples = poses_filled_in(PoseLog(path).samples(), load_settings().sparing)
    poses = [sample.pose for sample in samples if sample.pose is not None]
    own, recorded = posture_cam.judge(poses), posture_cam.analyze(path)
    for state in State:
        assert own.seconds[state] == pytest.approx(recorded.seconds[state], abs=0.5)
    flat = [replace(pose, world_landmarks=None) for pose in poses]
    assert posture_cam.judge(flat, neutral=(0.0, 10.0)).seconds[State.POOR] > 10.0
    with pytest.raises(posture_cam.SourceError, match="does not advance"):
        posture_cam.judge(poses[:5] + poses[:5])
    with pytest.raises(posture_cam.SourceError, match="no poses"):
        posture_cam.judge([])
