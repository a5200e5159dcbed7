"""Calibrating: advice in front of the camera, profiles from recordings and streams, and profiles in order."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from posture_cam.assessment import Calibrator
from posture_cam.assessment.scoring import own_scale
from posture_cam.errors import NeutralError, SourceError, UsageError
from posture_cam.geometry import FeatureExtractor
from posture_cam.ids import Feature, Hint, Landmark, Measure, View
from posture_cam.outputs.screen.guide import Guide
from posture_cam.pose.pose_log import PoseLog
from posture_cam.profiles import load_profile, profile_names, profile_path
from posture_cam.records import Frame, Pose
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.calibration import CalibrationRequest, calibrate
from posture_cam.settings import load_settings
from posture_cam.source import Camera
from posture_cam.source.camera import source_name
from tests.builders import Film, Maker, front, side
from tests.conftest import SAMPLES
from tests.running import run
from tests.screens import WINDOWS_TRIED, needs_screen, screen
from tests.streams import jpegs_of, serving
from tests.test_session import recorded

SETTINGS = load_settings()
UPRIGHT, SLOUCH = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=45.0, trunk_deg=20.0)


def advised(film: Film, brightness: float | None = None) -> tuple[Calibrator, list[Hint]]:
    calibrator, extractor = Calibrator(SETTINGS), FeatureExtractor(SETTINGS)
    hints = [
        calibrator.collect(extractor.extract(sample.timestamp_s, sample.pose), brightness).hint
        for sample in film.samples
    ]
    return calibrator, hints


def test_five_steady_seconds_are_enough() -> None:
    calibrator, hints = advised(Film(noise_px=0.4).hold(5.0, front()))
    assert calibrator.is_done
    assert len(calibrator.kept) == 25
    assert set(hints) == {Hint.STAY}
    assert not advised(Film(noise_px=0.4).hold(4.6, front()))[0].is_done


def test_few_samples_are_not_enough_however_long() -> None:
    assert not advised(Film(rate_hz=2.0).hold(8.0, front()))[0].is_done


def test_movement_starts_it_again() -> None:
    film = Film(noise_px=0.3).hold(4.0, front()).hold(4.0, front(ratio=0.45, width=230.0))
    calibrator, hints = advised(film)
    assert Hint.HOLD_STILL in hints
    assert not calibrator.is_done
    assert calibrator.refusal == Hint.HOLD_STILL
    calibrator, _ = advised(film.hold(2.0, front(ratio=0.45, width=230.0)))
    assert calibrator.is_done
    assert calibrator.kept[0].timestamp_s >= 3.5


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (lambda _: None, Hint.NOBODY),
        (front(width=30.0), Hint.COME_CLOSER),
        (front(width=610.0, ratio=0.3), Hint.MOVE_BACK),
        (front(centre_x=0.02, width=260.0), Hint.SHOULDERS_OUT),
        (front(yaw_deg=50.0), Hint.TURN),
    ],
)
def test_what_is_in_the_way_is_said_and_named_in_the_end(make: Maker, hint: Hint) -> None:
    calibrator, hints = advised(Film().hold(6.0, make))
    assert set(hints) == {hint}
    assert not calibrator.is_done


def test_darkness_is_named_only_where_nobody_is_seen() -> None:
    assert set(advised(Film().nobody(1.0), brightness=12.0)[1]) == {Hint.TOO_DARK}
    assert set(advised(Film().hold(1.0, front()), brightness=12.0)[1]) == {Hint.STAY}


def test_a_moment_unseen_is_forgiven_a_longer_time_is_not() -> None:
    assert advised(Film().hold(3.0, front()).nobody(0.4).hold(2.4, front()))[0].is_done
    assert not advised(Film().hold(3.0, front()).nobody(2.0).hold(2.4, front()))[0].is_done


@pytest.fixture
def poses(tmp_path: Path) -> Path:
    film = Film(noise_px=0.4).hold(3.0, SLOUCH).hold(20.0, UPRIGHT).hold(20.0, SLOUCH)
    return recorded(tmp_path / "desk.poses.jsonl", film)


def test_a_recording_gives_a_profile_that_serves(poses: Path) -> None:
    done = calibrate(CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0)))
    assert not done.replaced
    assert profile_names() == ["desk"]
    neutral = load_profile("desk")
    assert neutral.view == View.SIDE_LEFT
    assert neutral.centre[Feature.NECK_PROFILE] == pytest.approx(18.0, abs=0.5)
    assert neutral.spread[Feature.NECK_PROFILE] < 1.0
    assert neutral.sample_count >= 25
    assert (neutral.model, neutral.running_mode, neutral.image_size_wh) == ("full-test", "VIDEO", (640, 480))
    assert neutral.created_at.endswith("+00:00")
    assert neutral.pose is not None
    if os.name == "posix":
        assert stat.S_IMODE(profile_path("desk").stat().st_mode) == 0o600
    content = json.loads(profile_path("desk").read_text("utf-8"))
    assert content["centre"]["neck_profile_deg"] == pytest.approx(18.0, abs=0.5)
    summary = analyze(AnalysisRequest(poses, profile="desk"))
    assert summary.notes == ()
    assert calibrate(CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0))).replaced


def test_without_a_time_the_most_upright_stretch_is_taken(poses: Path) -> None:
    done = calibrate(CalibrationRequest(recording=poses))
    assert done.profile == "default"
    assert done.neutral.centre[Feature.NECK_PROFILE] == pytest.approx(18.0, abs=0.5)
    assert done.neutral.end_s is not None
    assert done.neutral.start_s is not None
    assert done.neutral.end_s - done.neutral.start_s >= 4.7


@pytest.mark.parametrize(
    ("at_s", "words"),
    [((1.0, 5.5), "moved|less than"), ((30.0, 32.0), "less than 5 s"), ((500.0, 510.0), "beyond its end")],
)
def test_a_stretch_that_cannot_serve_is_refused_with_the_reason(
    poses: Path, at_s: tuple[float, float], words: str
) -> None:
    with pytest.raises(NeutralError, match=words):
        calibrate(CalibrationRequest(recording=poses, at_s=at_s))
    assert profile_names() == []


def test_somebody_who_is_not_there_cannot_be_calibrated(tmp_path: Path) -> None:
    path = recorded(tmp_path / "empty.poses.jsonl", Film().hold(2.0, UPRIGHT).nobody(20.0))
    with pytest.raises(NeutralError, match="nobody was seen"):
        calibrate(CalibrationRequest(recording=path, at_s=(5.0, 15.0)))


def test_the_own_slouch_scales_the_judgement(sample_poses: Callable[[str], Path]) -> None:
    clip = sample_poses("desk-side")
    with_slouch = calibrate(
        CalibrationRequest("own", recording=clip, at_s=(0.5, 8.5), slouch_s=(14.0, 22.0))
    ).neutral
    assert with_slouch.slouch[Measure.NECK_INCLINATION_CHANGE] == pytest.approx(25.0, abs=3.0)
    assert load_profile("own").slouch == pytest.approx(with_slouch.slouch)
    own = analyze(AnalysisRequest(clip, profile="own"))
    general = analyze(AnalysisRequest(clip, neutral_s=(0.5, 8.5)))
    # The slouch is beyond the general limits for poor; the person's own limits are wider.
    assert own.score is not None
    assert general.score is not None
    assert own.score > general.score
    assert "own slouch" in analyze(AnalysisRequest(clip, profile="own", estimator=False)).notes[0]


def test_a_slouch_that_is_none_is_refused() -> None:
    clip = SAMPLES / "desk-side.mp4"
    with pytest.raises(NeutralError, match="hardly differs"):
        calibrate(CalibrationRequest("own", recording=clip, at_s=(0.5, 8.5), slouch_s=(1.0, 7.0)))
    assert profile_names() == []


def test_a_camera_elsewhere_is_said(sample_poses: Callable[[str], Path]) -> None:
    """Calibrated on top of a monitor, used on a laptop."""
    calibrate(CalibrationRequest("monitor", recording=sample_poses("desk-monitor"), at_s=(0.5, 9.0)))
    notes = analyze(AnalysisRequest(sample_poses("desk-laptop"), profile="monitor")).notes
    assert any("camera seems to stand lower" in note for note in notes)
    assert analyze(AnalysisRequest(sample_poses("desk-monitor"), profile="monitor")).notes == ()


@pytest.mark.parametrize(
    "request_",
    [
        CalibrationRequest(at_s=(1.0, 2.0)),
        CalibrationRequest(slouch_s=(1.0, 2.0)),
        CalibrationRequest(recording=Path("a.mp4"), slouch=True),
        CalibrationRequest(profile="no/name"),
        CalibrationRequest(recording=Path("a.poses.jsonl"), model="heavy"),
    ],
)
def test_options_that_do_not_go_together_are_refused(request_: CalibrationRequest) -> None:
    with pytest.raises(UsageError):
        calibrate(request_)


def test_a_profile_of_another_setup_is_said_in_one_line_each(poses: Path, tmp_path: Path) -> None:
    calibrate(CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0)))
    other = recorded(
        tmp_path / "front.poses.jsonl", Film(noise_px=0.4).hold(20.0, front()).hold(9.0, UPRIGHT)
    )
    notes = analyze(AnalysisRequest(other, profile="desk")).notes
    assert len(notes) == 1
    assert "made from the left side, but this camera sees the front" in notes[0]
    film = Film(noise_px=0.3).hold(20.0, front(width=150.0))
    calibrate(
        CalibrationRequest("near", recording=recorded(tmp_path / "a.poses.jsonl", film), at_s=(1.0, 9.0))
    )
    far = recorded(tmp_path / "b.poses.jsonl", Film(noise_px=0.3).hold(20.0, front(width=90.0)))
    notes = analyze(AnalysisRequest(far, profile="near")).notes
    assert any("40 % smaller in the picture than at calibration" in note for note in notes)


def test_a_neutral_posture_that_no_longer_fits_is_noticed(tmp_path: Path) -> None:
    still = Film(noise_px=0.3).hold(20.0, front()).hold(400.0, front(centre_x=0.52))
    aside = Film(noise_px=0.3).hold(60.0, front()).hold(400.0, front(centre_x=0.68))
    larger = Film(noise_px=0.3).hold(60.0, front()).hold(400.0, front(width=250.0))
    restless = Film(noise_px=0.3).hold(60.0, front())
    for number in range(80):
        restless.hold(5.0, front(centre_x=0.62 if number % 2 else 0.4))
    notes = [
        analyze(
            AnalysisRequest(recorded(tmp_path / f"{name}.poses.jsonl", film), neutral_s=(1.0, 15.0))
        ).notes
        for name, film in (("still", still), ("aside", aside), ("larger", larger), ("restless", restless))
    ]
    assert [len(said) for said in notes] == [0, 1, 1, 0]
    for said in notes[1:3]:
        assert "calibrate again" in said[0]
        assert "Since about 1:0" in said[0]


# ---- a stream, as from a webcam ----


@pytest.fixture
def stream() -> Iterator[str]:
    # Neutral for ten seconds in the clip; shown twice, so that a slow machine finds enough of it.
    neutral = jpegs_of(SAMPLES / "desk-monitor.mp4", count=95)
    with serving(neutral * 2) as served:
        yield served.url


def test_a_stream_is_calibrated_with_a_countdown_and_never_names_its_password(stream: str) -> None:
    said: list[tuple[str, float]] = []

    def say(words: str, share: float, frame: Frame | None) -> bool:
        assert frame is None or frame.image_bgr.shape == (360, 640, 3)
        said.append((words, share))
        return True

    done = calibrate(CalibrationRequest("stream", camera=stream), say)
    assert done.neutral.view == View.FRONT
    assert done.neutral.sample_count >= 25
    assert "secret" not in profile_path("stream").read_text("utf-8")
    assert done.neutral.source.startswith("http://127.0.0.1:")
    countdown = [words[-1] for words, _ in said if words.startswith("Sit the way")]
    assert list(dict.fromkeys(countdown)) == ["3", "2", "1"]
    assert said[-1] == ("Done.", 1.0)
    shares = [share for words, share in said if words == Hint.STAY.value]
    assert shares == sorted(shares)


def test_a_person_may_stop_and_nothing_is_stored(stream: str) -> None:
    with pytest.raises(NeutralError, match="stopped"):
        calibrate(CalibrationRequest("stream", camera=stream), lambda *_: False)
    assert profile_names() == []


def test_a_camera_that_is_not_there_is_said() -> None:
    with pytest.raises(SourceError, match="camera 63 cannot be opened"):
        Camera(63)


def test_a_damaged_profile_does_not_hide_the_others(poses: Path) -> None:
    calibrate(CalibrationRequest("good", recording=poses, at_s=(5.0, 15.0)))
    profile_path("bad").write_text("{", "utf-8")
    content = json.loads(profile_path("good").read_text("utf-8"))
    content["centre"]["shoulder_width_ratio"] = 0.0
    profile_path("flat").write_text(json.dumps(content), "utf-8")
    profile_path("good").with_name("no profile.json").write_text("{}", "utf-8")
    listed = run("profiles", "list")
    assert listed.returncode == 1
    assert "good" in listed.stdout
    assert listed.stderr.count("is damaged") == 2
    assert run("profiles", "delete", "bad", "--yes").returncode == 0
    assert profile_names() == ["flat", "good"]
    with pytest.raises(NeutralError, match="no size"):
        load_profile("flat")


def test_a_display_that_does_not_answer_is_none() -> None:
    code = "from posture_cam.outputs.screen.guide import has_display; print(has_display())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "DISPLAY": ":4242", "WAYLAND_DISPLAY": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"


def test_names_of_sources_hold_no_secrets() -> None:
    assert source_name(0) == "camera 0"
    assert source_name("rtsp://me:pass@cam.local:554/a?key=1") == "rtsp://cam.local:554/a"


def test_the_command_line_calibrates_and_keeps_order(poses: Path) -> None:
    done = run("calibrate", "--from", poses, "--at", "0:05-0:15", "--profile", "desk")
    assert done.returncode == 0, done.stderr
    assert "desk stored" in done.stdout
    assert "desk" in run("profiles", "list").stdout
    shown = run("profiles", "show", "desk")
    assert "neck_profile_deg" in shown.stdout
    assert json.loads(run("profiles", "show", "desk", "--json").stdout)["profile"] == "desk"
    assert run("profiles", "rename", "desk", "home").returncode == 0
    assert [entry["profile"] for entry in json.loads(run("profiles", "list", "--json").stdout)] == ["home"]
    assert run("profiles", "delete", "desk", "--yes").returncode == 1
    assert run("profiles", "delete", "home", "--yes").returncode == 0
    assert "No profile is stored" in run("profiles", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--at", "1-2"], 2),
        (["--from", "nothing.mp4"], 1),
        (["--source", "ftp://a"], 2),
        (["--camera", "63", "--headless"], 1),
        (["--source", "http://127.0.0.1:99999/x", "--headless"], 2),
        (["--source", "http://[::1/x", "--headless"], 2),
        (["--source", "http://u:secret@127.0.0.1:9/x", "--headless"], 1),
        (["--from", "a.mp4", "--source", "http://a"], 2),
    ],
)
def test_what_cannot_be_calibrated_ends_with_a_sentence(arguments: list[str], code: int) -> None:
    done = run("calibrate", *arguments)
    assert done.returncode == code
    assert done.stderr.startswith("Error: ")
    assert "Hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


@needs_screen
def test_the_window_shows_a_mirror_image_with_one_sentence(tmp_path: Path) -> None:
    code = (
        "import select, sys, cv2, numpy as np\n"
        "from rich.console import Console\n"
        "from posture_cam.outputs.screen.guide import Guide\n"
        "image = np.full((360, 480, 3), 90, np.uint8)\n"
        "image[:, :100] = (0, 0, 255)\n"
        "with Guide(Console(file=sys.stderr), 'posture_cam') as guide:\n"
        "    while not select.select([sys.stdin], [], [], 0.05)[0]:\n"
        "        assert guide.show('Hold still.', 0.5, image)\n"
    )

    def red_in(pixels: np.ndarray) -> np.ndarray:
        return (pixels[..., 2] > 200) & (pixels[..., 1] < 60) & (pixels[..., 0] < 60)

    with screen(tmp_path) as shown:
        for _ in range(WINDOWS_TRIED):
            window = subprocess.Popen(
                [sys.executable, "-c", code],
                env=shown.environment,
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            pixels = shown.pixels_once(lambda pixels: red_in(pixels).sum() > 15_000)
            window.communicate(timeout=30)
            assert window.returncode == 0
            if pixels.any():
                break
    red = red_in(pixels)
    grey = (np.abs(pixels.astype(int) - 90) <= 2).all(axis=-1)
    assert red.sum() > 15_000
    # In a mirror, the red stripe on the left appears on the right.
    assert np.flatnonzero(red.any(axis=0)).min() > np.flatnonzero(grey.any(axis=0)).min() + 200
    white = (pixels > 230).all(axis=-1) & ~grey
    assert white.sum() > 100


def test_words_go_to_the_console_once_each() -> None:
    console = Console(file=open(os.devnull, "w"), record=True, width=80)  # noqa: PTH123, SIM115
    with Guide(console, None) as guide:
        for words in ("Hold still.", "Hold still.", "Done."):
            assert guide.show(words, 0.5, None)
    console.file.close()
    assert console.export_text().splitlines() == ["Hold still.", "Done."]


def test_a_slouch_scale_stays_within_bounds() -> None:
    assert own_scale({}) == 1.0
    assert own_scale({Measure.NECK_INCLINATION_CHANGE: 19.0 * 1.25}) == pytest.approx(1.0)
    assert own_scale({Measure.NECK_INCLINATION_CHANGE: 3.0}) == 0.6
    assert own_scale({Measure.NECK_INCLINATION_CHANGE: 90.0}) == 1.4


# A neutral posture is not replaced by a worse one without asking.


def test_a_worse_posture_does_not_replace_the_stored_one_unasked(poses: Path) -> None:
    calibrate(CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0)))
    slouched = CalibrationRequest("desk", recording=poses, at_s=(25.0, 40.0))
    with pytest.raises(NeutralError, match="the new one is worse: head forward") as refused:
        calibrate(slouched)
    assert "--replace" in refused.value.hint
    assert load_profile("desk").centre[Feature.NECK_PROFILE] == pytest.approx(18.0, abs=0.5)
    asked: list[str] = []

    def no(words: str) -> bool:
        asked.append(words)
        return False

    with pytest.raises(NeutralError):
        calibrate(slouched, ask=no)
    assert len(asked) == 1
    assert asked[0].endswith("Store it all the same?")
    assert calibrate(slouched, ask=lambda _: True).replaced
    assert load_profile("desk").centre[Feature.NECK_PROFILE] == pytest.approx(45.0, abs=0.5)
    calibrate(
        CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0))
    )  # a better one is not asked about
    assert calibrate(CalibrationRequest("desk", recording=poses, at_s=(25.0, 40.0), replace=True)).replaced


def test_the_posture_that_was_replaced_is_kept_and_comes_back(poses: Path) -> None:
    calibrate(CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0)))
    assert run("profiles", "restore", "desk").returncode == 1  # nothing was replaced yet
    calibrate(CalibrationRequest("desk", recording=poses, at_s=(25.0, 40.0), replace=True))
    done = run("calibrate", "--from", poses, "--at", "0:25-0:40", "--profile", "desk")
    assert done.returncode == 0, done.stderr  # not worse than what is stored now
    calibrate(CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0)))
    for expected_deg in (45.0, 18.0, 45.0):  # they change places
        assert run("profiles", "restore", "desk").returncode == 0
        assert load_profile("desk").centre[Feature.NECK_PROFILE] == pytest.approx(expected_deg, abs=0.5)
    assert profile_names() == ["desk"]
    run("profiles", "rename", "desk", "home")
    assert run("profiles", "restore", "home").returncode == 0
    run("profiles", "delete", "home", "--yes")
    assert list(profile_path("home").parent.rglob("*.json")) == []


def test_on_the_command_line_without_a_terminal_a_worse_one_is_refused(poses: Path) -> None:
    run("calibrate", "--from", poses, "--at", "0:05-0:15")
    refused = run("calibrate", "--from", poses, "--at", "0:25-0:40")
    assert (refused.returncode, "The stored one is kept." in refused.stderr) == (1, True)
    assert run("calibrate", "--from", poses, "--at", "0:25-0:40", "--replace").returncode == 0


def test_seen_from_another_side_postures_are_not_compared(poses: Path, tmp_path: Path) -> None:
    calibrate(CalibrationRequest("desk", recording=poses, at_s=(5.0, 15.0)))
    film = Film(noise_px=0.3).hold(20.0, front(ratio=0.3, width=260.0))
    other = recorded(tmp_path / "front.poses.jsonl", film)
    assert calibrate(CalibrationRequest("desk", recording=other, at_s=(1.0, 9.0))).replaced


def held(pose: Pose) -> Maker:
    return lambda time_s: replace(pose, timestamp_s=time_s)


def test_a_slouch_in_the_first_minute_is_not_called_a_moved_camera(
    sample_poses: Callable[[str], Path], tmp_path: Path
) -> None:
    """With a bowed head, the camera seems to stand higher; only moments near neutral can show where it is."""
    calibrate(CalibrationRequest("desk", recording=sample_poses("desk-monitor"), at_s=(0.5, 8.5)))

    def bowed(pose: Pose) -> Pose:
        landmarks = pose.landmarks.copy()
        eyes = landmarks[[Landmark.LEFT_EYE, Landmark.RIGHT_EYE], 0]
        apart = abs(eyes[0] - eyes[1]) * pose.image_size_wh[0] / pose.image_size_wh[1]
        landmarks[Landmark.NOSE, 1] += 0.4 * apart
        return replace(pose, landmarks=landmarks)

    seen = [one for one in PoseLog(sample_poses("desk-monitor")).samples() if one.pose is not None]
    upright = [one.pose for one in seen if one.pose and 1.0 < one.timestamp_s < 8.0]
    slouched = [bowed(one.pose) for one in seen if one.pose and 51.0 < one.timestamp_s < 60.0]
    film = Film()
    for poses in (slouched * 4, upright):
        for pose in poses[:225]:
            film.hold(0.2, held(pose))
    log = recorded(tmp_path / "b.poses.jsonl", film)
    first = [FeatureExtractor(SETTINGS).extract(one.timestamp_s, one.pose) for one in film.samples]
    elevations = [
        one.values[Feature.CAMERA_ELEVATION] for one in first if Feature.CAMERA_ELEVATION in one.values
    ]
    assert (
        np.median([one for one in elevations if one is not None])
        > load_profile("desk").context[Feature.CAMERA_ELEVATION] + 15.0
    )
    assert not [note for note in analyze(AnalysisRequest(log, profile="desk")).notes if "stand" in note]


def test_a_camera_that_stands_higher_is_said_while_the_person_sits_as_at_calibration(tmp_path: Path) -> None:
    film = Film(noise_px=0.3).hold(20.0, front())
    calibrate(
        CalibrationRequest("desk", recording=recorded(tmp_path / "a.poses.jsonl", film), at_s=(1.0, 9.0))
    )
    moved = Film(noise_px=0.3).hold(30.0, front(elevation_deg=20.0))
    notes = analyze(AnalysisRequest(recorded(tmp_path / "b.poses.jsonl", moved), profile="desk")).notes
    assert any("stand higher than at calibration" in note for note in notes)


def test_a_squeezed_picture_is_said(sample_poses: Callable[[str], Path], tmp_path: Path) -> None:
    """A capture card that squeezes 4:3 into 16:9: everything is narrower, in a picture of the same size."""
    calibrate(CalibrationRequest("desk", recording=sample_poses("desk-monitor"), at_s=(0.5, 8.5)))
    film = Film()
    for one in PoseLog(sample_poses("desk-monitor")).samples():
        if one.pose is not None and one.timestamp_s < 60.0:
            landmarks = one.pose.landmarks.copy()
            landmarks[:, 0] = 0.5 + 0.75 * (landmarks[:, 0] - 0.5)
            squeezed = replace(one.pose, landmarks=landmarks)
            film.hold(0.2, held(squeezed))
    log = recorded(tmp_path / "b.poses.jsonl", film)
    assert any("squeezed" in note for note in analyze(AnalysisRequest(log, profile="desk")).notes)
    plain = analyze(AnalysisRequest(sample_poses("desk-monitor"), profile="desk"))
    assert not any("squeezed" in note for note in plain.notes)
