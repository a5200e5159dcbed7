"""The whole path from a recording to its results."""

from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from posture_cam.errors import (
    NeutralError,
    NothingJudged,
    OutputError,
    PostureCamError,
    SourceError,
    UsageError,
)
from posture_cam.ids import Feature, Measure, Reason, State, View
from posture_cam.pose.pose_log import PoseLogEnd, PoseLogHeader, PoseLogWriter, Rounding
from posture_cam.profiles import save_profile
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.poses import Listener
from posture_cam.words import words_of
from tests.builders import SOURCE, Film, front, side, stripes, write_video
from tests.conftest import SAMPLES, Made

UPRIGHT, SLOUCH = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=45.0, trunk_deg=20.0)


def recorded(path: Path, film: Film, *, partial: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        writer = PoseLogWriter(file, PoseLogHeader(SOURCE, "full-test", "VIDEO", film.rate_hz))
        rounding = Rounding()
        for sample in film.samples:
            writer.write(rounding.round(sample))
        writer.finish(PoseLogEnd(film.now_s, partial))
    return path


@pytest.fixture
def poses(tmp_path: Path) -> Path:
    film = Film(noise_px=0.4).hold(20.0, UPRIGHT).hold(60.0, SLOUCH).hold(20.0, UPRIGHT).nobody(20.0)
    return recorded(tmp_path / "built.poses.jsonl", film)


@pytest.fixture
def clip(tmp_path: Path, made_once: Made) -> Path:
    """The first seconds of a sample, long enough to be judged."""

    def make(path: Path) -> None:
        with av.open(str(SAMPLES / "desk-side.mp4")) as container:
            images = [
                frame.to_ndarray(format="rgb24")
                for frame, _ in zip(container.decode(video=0), range(150), strict=False)
            ]
        write_video(path, images)

    return Path(shutil.copy(made_once("clip.mp4", make), tmp_path / "clip.mp4"))


def test_a_recording_is_told_as_it_was(poses: Path) -> None:
    summary = analyze(AnalysisRequest(poses))
    assert summary.seconds_by_state[State.GOOD] == pytest.approx(40.0, abs=2.0)
    assert summary.seconds_by_state[State.POOR] == pytest.approx(60.0, abs=2.0)
    assert summary.seconds_by_state[State.AWAY] == pytest.approx(20.0, abs=2.0)
    assert summary.duration_s == pytest.approx(120.0)
    (alert,) = summary.alerts
    assert alert.timestamp_s == pytest.approx(52.0, abs=2.0)
    assert summary.tips[0].fault in {fault.measure.value for fault in summary.faults}
    assert not summary.partial


def test_video_and_recorded_poses_give_the_same_judgement(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "clip.poses.jsonl"
    first = analyze(AnalysisRequest(clip, poses=target, json=tmp_path / "a.json", csv=tmp_path / "a.csv"))
    again = analyze(AnalysisRequest(target, json=tmp_path / "b.json", csv=tmp_path / "b.csv"))
    assert first == again
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_the_json_has_the_documented_form(poses: Path) -> None:
    stream = io.StringIO()
    summary = analyze(AnalysisRequest(poses, json=stream))
    result = json.loads(stream.getvalue())
    assert result["schema_version"] == 1
    assert set(result["summary"]) >= {
        "duration_s",
        "judged_s",
        "good_s",
        "fair_s",
        "poor_s",
        "away_s",
        "unjudged_s",
        "score",
    }
    states = [result["summary"][f"{state.value}_s"] for state in State]
    assert sum(states) == pytest.approx(result["summary"]["duration_s"], abs=0.01)
    assert result["summary"]["judged_s"] == pytest.approx(sum(states[:3]), abs=0.01)
    assert set(result["episodes"][0]) == {"start_s", "end_s", "state", "worst"}
    assert set(result["alerts"][0]) >= {"timestamp_s", "measure", "held_s", "tip"}
    assert set(result["measures"]["neck_inclination_change_deg"]) >= {"unit", "mean", "p95", "max"}
    assert result["measures"]["neck_inclination_change_deg"]["unit"] == "deg"
    assert result["neutral"]["start_s"] is not None
    assert len(result["tips"]) == len(summary.tips)


def test_the_csv_has_a_row_for_each_sample_and_a_column_for_each_measure(tmp_path: Path, poses: Path) -> None:
    target = tmp_path / "a.csv"
    summary = analyze(AnalysisRequest(poses, csv=target))
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == summary.sample_count == 600
    assert list(rows[0])[:5] == ["timestamp_s", "state", "score", "view", "confidence"]
    assert set(rows[0]) >= {measure.value for measure in Measure}
    assert "nan" not in target.read_text("utf-8").lower()
    by_state: dict[str, int] = {}
    for row in rows:
        by_state[row["state"]] = by_state.get(row["state"], 0) + 1
    assert by_state["poor"] / 5 == pytest.approx(summary.seconds_by_state[State.POOR], abs=0.5)
    empty = rows[-1]
    assert (empty["state"], empty["score"], empty["view"]) == ("away", "", "")
    assert empty["neck_inclination_change_deg"] == ""
    assert (empty["reason"], empty["reason_id"]) == (words_of(Reason.NOBODY), Reason.NOBODY.value)


def test_the_neutral_can_be_named(poses: Path) -> None:
    summary = analyze(AnalysisRequest(poses, neutral_s=(30.0, 40.0), estimator=False))
    assert summary.neutral is not None
    assert (summary.neutral.start_s, summary.neutral.end_s) == (pytest.approx(30.0), pytest.approx(40.0))
    # Compared with the slouch, an upright person leans far back.
    assert summary.statistics[Measure.NECK_INCLINATION_CHANGE].min == pytest.approx(-27.0, abs=1.0)


def test_a_named_stretch_is_seen_from_where_the_whole_recording_shows_it(tmp_path: Path) -> None:
    """A turn between the border and its slack counts as profile for somebody turned further before."""
    film = Film().hold(5.0, side(turn_deg=75.0)).hold(25.0, side(turn_deg=58.0))
    summary = analyze(
        AnalysisRequest(recorded(tmp_path / "a.poses.jsonl", film), neutral_s=(10.0, 20.0), estimator=False)
    )
    assert summary.neutral is not None
    assert summary.neutral.view == View.SIDE_LEFT
    assert summary.seconds_by_state[State.GOOD] > 25.0


def test_a_profile_serves_as_neutral(poses: Path) -> None:
    own = analyze(AnalysisRequest(poses)).neutral
    assert own is not None
    save_profile("desk", replace(own, created_at="2026-01-01T00:00:00+00:00"))
    summary = analyze(AnalysisRequest(poses, profile="desk"))
    assert summary.notes == ()
    assert summary.seconds_by_state[State.POOR] == pytest.approx(60.0, abs=2.0)


def test_a_profile_that_does_not_fit_is_said(poses: Path) -> None:
    own = analyze(AnalysisRequest(poses)).neutral
    assert own is not None
    save_profile("other", replace(own, image_size_wh=(1920, 1080), model="lite-123"))
    notes = analyze(AnalysisRequest(poses, profile="other")).notes
    assert len(notes) == 2
    assert "model" in notes[0]
    assert "size of picture" in notes[1]


def test_a_profile_of_another_view_judges_nothing(tmp_path: Path, poses: Path) -> None:
    own = analyze(AnalysisRequest(poses)).neutral
    assert own is not None
    save_profile("front", replace(own, view=View.FRONT, centre={**own.centre, Feature.SHOULDER_YAW: 0.0}))
    with pytest.raises(NothingJudged, match="another side"):
        analyze(AnalysisRequest(poses, profile="front"))


def test_one_who_slouches_all_the_time_is_compared_with_the_average(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.poses.jsonl", Film(noise_px=0.4).hold(60.0, SLOUCH))
    summary = analyze(AnalysisRequest(path))
    assert summary.neutral is not None
    assert not summary.neutral.is_personal
    assert summary.seconds_by_state[State.POOR] > 55.0
    assert any("Not upright at any steady moment" in note for note in summary.notes)


def test_a_head_that_is_tilted_all_the_time_gives_no_neutral_and_no_score(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.poses.jsonl", Film(noise_px=0.4).hold(30.0, front(head_tilt_deg=25.0)))
    target = tmp_path / "a.json"
    with pytest.raises(NothingJudged, match="no neutral posture"):
        analyze(AnalysisRequest(path, json=target))
    result = json.loads(target.read_text("utf-8"))
    assert result["neutral"] is None
    assert result["summary"]["score"] is None
    assert any("Not level at any steady moment" in note for note in result["notes"])


def test_without_a_neutral_nothing_seen_from_three_quarters_is_judged_by_the_average(tmp_path: Path) -> None:
    film = Film()
    for number in range(100):
        film.hold(0.2, side(neck_deg=20.0 + 30.0 * (number % 2), turn_deg=40.0))
    with pytest.raises(NothingJudged, match="no neutral posture"):
        analyze(AnalysisRequest(recorded(tmp_path / "a.poses.jsonl", film)))


def test_a_recording_too_short_for_a_neutral_posture_is_said_to_be_so(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.poses.jsonl", Film().hold(2.0, front()))
    with pytest.raises(NothingJudged, match=r"lasts 2\.\d s; a neutral posture takes 3 s"):
        analyze(AnalysisRequest(path))


def test_bending_forward_and_lying_back_are_told_apart(tmp_path: Path) -> None:
    film = Film(noise_px=0.4).hold(10.0, UPRIGHT).hold(20.0, side(neck_deg=35.0, trunk_deg=30.0))
    film = film.hold(10.0, UPRIGHT).hold(12.0, side(neck_deg=0.0, trunk_deg=-45.0)).hold(5.0, UPRIGHT)
    summary = analyze(AnalysisRequest(recorded(tmp_path / "a.poses.jsonl", film), neutral_s=(0.0, 9.0)))
    seconds = {fault.measure: fault.total_s for fault in summary.faults}
    assert seconds[Measure.TRUNK_INCLINATION_CHANGE] == pytest.approx(20.0, abs=3.0)
    assert seconds[Measure.LEANING_BACK] == pytest.approx(12.0, abs=3.0)


def test_results_of_nothing_judged_are_written_and_it_fails(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.poses.jsonl", Film().nobody(30.0))
    target = tmp_path / "a.json"
    with pytest.raises(NothingJudged, match="nobody in the picture") as caught:
        analyze(AnalysisRequest(path, json=target))
    assert caught.value.exit_code == 1
    result = json.loads(target.read_text("utf-8"))
    assert result["summary"]["judged_s"] == 0
    assert result["summary"]["score"] is None
    assert result["summary"]["away_s"] == pytest.approx(30.0)


def test_a_face_that_never_rests_from_the_front_has_no_neutral(tmp_path: Path) -> None:
    film = Film()
    for number in range(100):
        film.hold(0.2, front(ratio=0.4 + 0.4 * (number % 2)))
    with pytest.raises(NothingJudged, match="no neutral posture"):
        analyze(AnalysisRequest(recorded(tmp_path / "a.poses.jsonl", film)))


def test_an_interruption_keeps_what_is_done(tmp_path: Path, clip: Path) -> None:
    seen: list[float] = []

    def progress(_pass: str, done_s: float, _total: float | None) -> None:
        seen.append(done_s)

    targets = {name: tmp_path / f"out.{name}" for name in ("json", "csv", "mp4", "poses.jsonl")}
    summary = analyze(
        AnalysisRequest(
            clip, json=targets["json"], csv=targets["csv"], video=targets["mp4"], poses=targets["poses.jsonl"]
        ),
        Listener(progress=progress, should_stop=lambda: bool(seen) and seen[-1] >= 6.0),
    )
    assert summary.partial
    assert 6.0 <= summary.duration_s < 9.0
    assert json.loads(targets["json"].read_text("utf-8"))["partial"] is True
    assert len(targets["csv"].read_text("utf-8").splitlines()) == 1 + summary.sample_count
    assert analyze(AnalysisRequest(targets["poses.jsonl"])).partial
    with av.open(str(targets["mp4"])) as container:
        assert sum(1 for _ in container.decode(video=0)) == pytest.approx(10 * summary.duration_s + 1, abs=2)


def test_a_crash_on_the_way_leaves_no_file(tmp_path: Path, poses: Path) -> None:
    def fail(_pass: str, done_s: float, _total: float | None) -> None:
        if done_s > 20.0:
            raise RuntimeError("for the test")

    with pytest.raises(RuntimeError):
        analyze(
            AnalysisRequest(poses, csv=tmp_path / "a.csv", json=tmp_path / "a.json"), Listener(progress=fail)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["built.poses.jsonl"]


def test_the_annotated_video_has_every_frame_at_its_time(tmp_path: Path, clip: Path) -> None:
    target = tmp_path / "out.mp4"
    analyze(AnalysisRequest(clip, video=target))
    with av.open(str(clip)) as before, av.open(str(target)) as after:
        stream = after.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        pairs = list(zip(before.decode(video=0), after.decode(video=0), strict=True))
    assert len(pairs) == 150
    for one, other in pairs:
        assert other.time == pytest.approx(one.time, abs=0.002)
    # Something was drawn, and most of the picture is unchanged.
    difference = np.abs(
        pairs[20][0].to_ndarray(format="rgb24").astype(int) - pairs[20][1].to_ndarray(format="rgb24")
    )
    assert 0.005 < (difference.max(axis=2) > 60).mean() < 0.3


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"rate_hz": 0.0}, UsageError),
        ({"rate_hz": 5.0, "every_frame": True}, UsageError),
        ({"neutral_s": (0.0, 5.0), "profile": "x"}, UsageError),
        ({"profile": "nowhere"}, NeutralError),
        ({"profile": "../nowhere"}, UsageError),
        ({"video": Path("out.avi")}, UsageError),
        ({"poses": Path("out.json")}, UsageError),
        ({"json": Path("missing/out.json")}, OutputError),
        ({"neutral_s": (500.0, 510.0)}, NeutralError),
        ({"json": Path("same.txt"), "csv": Path("same.txt")}, UsageError),
    ],
)
def test_wrong_requests_are_refused_before_any_work(
    tmp_path: Path,
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object],
    error: type[PostureCamError],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    looked: list[float] = []
    listener = Listener(progress=lambda _pass, done_s, _total: looked.append(done_s))
    with pytest.raises(error) as caught:
        analyze(replace(AnalysisRequest(clip), **change), listener)  # type: ignore[arg-type]
    assert caught.value.hint
    assert looked == []
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("option", ["rate_hz", "every_frame", "video", "poses", "model"])
def test_recorded_poses_need_no_options_of_a_video(tmp_path: Path, poses: Path, option: str) -> None:
    values = {
        "rate_hz": 10.0,
        "every_frame": True,
        "model": "lite",
        "video": tmp_path / "a.mp4",
        "poses": tmp_path / "b.poses.jsonl",
    }
    with pytest.raises(UsageError, match="holds poses only"):
        analyze(replace(AnalysisRequest(poses), **{option: values[option]}))  # type: ignore[arg-type]


def test_the_input_is_never_overwritten(tmp_path: Path, clip: Path) -> None:
    content = clip.read_bytes()
    link = tmp_path / "link.mp4"
    link.symlink_to(clip)
    for target in (clip, link):
        with pytest.raises(OutputError, match="input itself"):
            analyze(AnalysisRequest(clip, video=target))
    assert clip.read_bytes() == content


def test_a_stretch_where_nobody_sits_is_no_neutral(poses: Path) -> None:
    with pytest.raises(NeutralError, match="not seen well enough"):
        analyze(AnalysisRequest(poses, neutral_s=(102.0, 118.0)))


def test_a_recording_without_a_person_fails_with_a_hint(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [stripes(0, (320, 240))] * 30)
    with pytest.raises(NothingJudged, match="nobody in the picture"):
        analyze(AnalysisRequest(path))


def test_a_single_frame_fails_with_a_hint(tmp_path: Path, astronaut: np.ndarray) -> None:
    with pytest.raises(NothingJudged) as caught:
        analyze(AnalysisRequest(write_video(tmp_path / "a.mp4", [astronaut])))
    assert caught.value.hint


def test_poses_without_a_sample_are_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no samples"):
        analyze(AnalysisRequest(recorded(tmp_path / "a.poses.jsonl", Film())))


def test_a_real_person_is_judged_from_the_front(tmp_path: Path, astronaut: np.ndarray) -> None:
    """Public-domain picture: upright, then nearer and lower in the picture as by leaning in, then back."""
    import cv2

    def leaning(share: float) -> np.ndarray:
        scale = 1.0 + 0.35 * share
        turn = np.array([[scale, 0.0, 256 * (1 - scale)], [0.0, scale, 256 * (1 - scale) + 60 * share]])
        return cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE).astype(np.uint8)

    shares = [0.0] * 80 + [1.0] * 80 + [0.0] * 80
    path = write_video(tmp_path / "a.mp4", map(leaning, shares))
    # Nobody really jumps like this: MediaPipe takes a dozen looks to follow.
    summary = analyze(AnalysisRequest(path, rate_hz=5.0))
    assert summary.views.keys() <= {View.FRONT, View.THREE_QUARTER}
    approach = summary.statistics.get(Measure.APPROACH)
    assert approach is not None
    assert approach.max == pytest.approx(35.0, abs=6.0)
    assert summary.judged_s > 20.0
