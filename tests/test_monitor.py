"""The live run, end to end: streams, signals, the window, and the same judgement as an analysis."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posture_cam.config import load_config
from posture_cam.ids import AlertKind, Command, Reason, State
from posture_cam.outputs.live import LiveOutput
from posture_cam.profiles import load_profile, profile_names, profile_path
from posture_cam.records import Frame, Neutral, Observation, SessionSummary, SourceEvent, SourceInfo
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.calibration import CalibrationRequest, calibrate
from posture_cam.session.monitor import MonitorRequest, monitor
from tests.conftest import SAMPLES
from tests.running import run
from tests.screens import WINDOWS_TRIED, needs_screen, screen
from tests.streams import Served, jpegs_of, serving

CLIP = SAMPLES / "desk-monitor.mp4"
SLOUCH_S = 47.0  # from here on the clip shows a slouch, for 16 s


class Kept(LiveOutput):
    """Records what it receives, and issues the commands that a test has scheduled."""

    def __init__(self, plan: Sequence[tuple[float, Command]] = ()) -> None:
        self.seen: list[Observation] = []
        self.events: list[SourceEvent] = []
        self.words: list[str] = []
        self._plan = list(plan)

    def write(self, observation: Observation) -> None:
        self.seen.append(observation)

    def tell(self, event: SourceEvent) -> None:
        self.events.append(event)

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        self.words.append(words)

    def commands(self) -> tuple[Command, ...]:
        now_s = self.seen[-1].assessment.timestamp_s if self.seen else 0.0
        due = tuple(command for at_s, command in self._plan if at_s <= now_s)
        self._plan = [one for one in self._plan if one[0] > now_s]
        return due


def watched(
    source: Path | ScriptedSource = CLIP,
    plan: Sequence[tuple[float, Command]] = (),
    **options: Any,
) -> tuple[SessionSummary, Kept]:
    """Watch a recording as fast as possible, or a source made by the test."""
    kept = Kept(plan)
    is_path = isinstance(source, Path)
    summary = monitor(
        MonitorRequest(source if isinstance(source, Path) else 0, datetime.now(UTC)),
        load_config(options).settings(),
        [kept],
        source=None if is_path else source,  # type: ignore[arg-type]
    )
    return summary, kept


@pytest.fixture
def neutral(sample_poses: Callable[[str], Path]) -> Neutral:
    """The sitter's own neutral posture, stored as `default`."""
    calibrate(CalibrationRequest(recording=sample_poses("desk-monitor")))
    return load_profile("default")


class ScriptedSource:
    """Pictures of the sample, changed by the test, at a clock that jumps from look to look."""

    info = SourceInfo(CLIP.name, 640, 360, 10.0, None, is_live=True)

    def __init__(
        self,
        picture_at: Callable[[float], tuple[float, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]],
        end_s: float,
    ) -> None:
        capture = cv2.VideoCapture(str(CLIP))
        self._images = []
        while (read := capture.read())[0]:
            self._images.append(np.asarray(read[1], np.uint8))
        capture.release()
        self._picture_at, self._end_s = picture_at, end_s
        self.now_s = 0.0
        self.is_paused = False

    def take(self, due_s: float, timeout_s: float) -> Frame | SourceEvent | None:
        self.now_s = max(due_s, self.now_s + 0.05)
        if self.now_s >= self._end_s:
            return SourceEvent(self.now_s, None, "The end.", self.now_s, is_end=True)
        clip_s, change = self._picture_at(self.now_s)
        image = self._images[round(clip_s * 10) % len(self._images)]
        return Frame(round(self.now_s * 100), self.now_s, change(image))

    def pause(self) -> None:
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False

    def __enter__(self) -> ScriptedSource:
        return self

    def __exit__(self, *_: object) -> None: ...


class Napping(ScriptedSource):
    """A clock that also runs while the camera is off, and a list of when it was switched on and off."""

    def __init__(self, end_s: float) -> None:
        self.switched: list[tuple[float, bool]] = []
        super().__init__(lambda now_s: (now_s % 8.0, same), end_s)

    @property
    def now_s(self) -> float:
        if self.is_paused:
            self._now_s += 0.5
        return self._now_s

    @now_s.setter
    def now_s(self, value: float) -> None:
        self._now_s = value

    def pause(self) -> None:
        super().pause()
        self.switched.append((self._now_s, False))

    def resume(self) -> None:
        super().resume()
        self.switched.append((self._now_s, True))


def test_a_look_now_and_then_leaves_the_camera_off_between_and_counts_until_the_next(
    neutral: Neutral,
) -> None:
    source = Napping(200.0)
    kept = Kept([(70.0, Command.SITS_WELL)])
    summary = monitor(
        MonitorRequest(0, datetime.now(UTC), every_s=30.0),
        load_config({}).settings(),
        [kept],
        source=source,  # type: ignore[arg-type]
    )
    on_s = [now_s for now_s, is_on in source.switched if is_on]
    off_s = [now_s for now_s, is_on in source.switched if not is_on]
    assert np.diff(off_s) == pytest.approx(30.0, abs=1.5)
    assert all(2.0 <= off - on <= 3.5 for on, off in zip(on_s, off_s[1:], strict=False))
    assert summary.seconds_by_state[State.GOOD] >= 0.95 * summary.duration_s
    assert any("looked for two seconds every 30 s" in note for note in summary.notes)
    assert len(load_profile("default").corrections) == 1


def same(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image


def tilted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Move the camera: everything in the picture moves, in a way that no turn explains."""
    matrix = np.array([[1.0, 0.09, 5.0], [0.0, 1.0, 30.0]])
    return np.asarray(cv2.warpAffine(image, matrix, (640, 360), borderMode=cv2.BORDER_REFLECT), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("clip", ["desk-monitor", "desk-laptop", "desk-oblique", "desk-side"])
def test_a_clip_is_judged_live_as_by_an_analysis(clip: str, sample_poses: Callable[[str], Path]) -> None:
    calibrate(CalibrationRequest(recording=sample_poses(clip)))
    # Looked at as often; held just at a limit, seconds hang on the looks.
    analysed = analyze(AnalysisRequest(SAMPLES / f"{clip}.mp4", rate_hz=5.0, profile="default"))
    live, _ = watched(SAMPLES / f"{clip}.mp4")
    # Somebody coming in is partly visible for up to half a second, which a look may happen to catch.
    episodes, expected = (
        [one for one in run.episodes if one.state != State.UNJUDGED or one.end_s - one.start_s > 0.5]
        for run in (live, analysed)
    )
    if clip != "desk-oblique":  # held just at a limit: little decides which states follow
        assert [one.state for one in episodes] == [one.state for one in expected]
        for one, other in zip(episodes, expected, strict=True):
            assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s), abs=1.0)
    alike_s = sum(
        max(min(one.end_s, other.end_s) - max(one.start_s, other.start_s), 0.0)
        for one in live.episodes
        for other in analysed.episodes
        if one.state == other.state
    )
    assert alike_s > 0.9 * analysed.duration_s
    assert live.score == pytest.approx(analysed.score, abs=1)


def test_without_a_stored_posture_the_first_steady_one_serves_and_that_is_said() -> None:
    summary, kept = watched()
    assert profile_names() == []
    assert "No neutral posture is stored yet" in kept.words[0]
    assert any("taken on trust" in note for note in summary.notes)
    assert summary.neutral is not None
    assert summary.unjudged_s_by_reason[Reason.NO_NEUTRAL] == pytest.approx(5.0, abs=1.5)
    states = {round(o.assessment.timestamp_s): o.assessment.state for o in kept.seen}
    assert states[9] == State.GOOD
    assert states[58] == State.POOR


@pytest.mark.slow
def test_alerts_come_with_a_question_first_and_are_taken_back(neutral: Neutral) -> None:
    summary, kept = watched(poor_after_s=5.0, fair_after_s=6.0, cooldown_min=0.1)
    kinds = [alert.kind for alert in summary.alerts]
    assert kinds[0] == AlertKind.QUESTION
    assert "still your neutral posture" in summary.alerts[0].message
    assert kinds[1:]
    assert set(kinds[1:]) == {AlertKind.FAULT}
    assert all(a.tip != b.tip for a, b in zip(summary.alerts, summary.alerts[1:], strict=False))
    answered = [o for o in kept.seen if o.corrected is not None]
    early = [alert for alert in summary.alerts if alert.timestamp_s < 30.0]
    assert [o.corrected for o in answered] == [early[-1], summary.alerts[-1]]
    assert 63.0 < answered[-1].assessment.timestamp_s < 71.0


@pytest.mark.slow
def test_a_moved_camera_is_a_question_and_not_a_fault(neutral: Neutral) -> None:
    def moved_from_20(now_s: float) -> tuple[float, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
        return now_s % 9.0, tilted if now_s >= 20.0 else same

    source = ScriptedSource(moved_from_20, 130.0)
    summary, kept = watched(source, poor_after_s=5.0, fair_after_s=10.0)
    moved = [event for event in kept.events if event.trouble == Reason.CAMERA_MOVED]
    assert len(moved) == 1
    assert 20.0 <= moved[0].timestamp_s <= 26.0
    (question,) = summary.alerts
    assert question.kind == AlertKind.QUESTION
    assert "camera has moved" in question.message
    assert summary.unjudged_s_by_reason[Reason.CAMERA_MOVED] > 30.0
    # The same, answered by the user.
    summary, kept = watched(ScriptedSource(moved_from_20, 60.0), [(35.0, Command.STILL_FITS)])
    assert kept.events[-2].trouble is None
    assert summary.unjudged_s_by_reason[Reason.CAMERA_MOVED] == pytest.approx(12.0, abs=4.0)


@pytest.mark.slow
def test_a_moved_person_is_not_taken_for_a_moved_camera(neutral: Neutral) -> None:
    summary, kept = watched(poor_after_s=5.0)
    assert not [event for event in kept.events if event.trouble is not None]
    assert Reason.CAMERA_MOVED not in summary.unjudged_s_by_reason


def test_pause_snooze_and_quit(neutral: Neutral) -> None:
    plan = [
        (10.0, Command.SNOOZE),
        (66.0, Command.QUIT),
    ]
    summary, kept = watched(CLIP, plan, poor_after_s=5.0, fair_after_s=6.0)
    assert summary.alerts == ()
    assert summary.duration_s == pytest.approx(66.0, abs=1.0)
    assert any("No alerts for 15 min" in words for words in kept.words)


@pytest.mark.slow
def test_quiet_hours_are_quiet(neutral: Neutral) -> None:
    now = datetime.now().astimezone()
    hours = (f"{now.hour}:00-{(now.hour + 2) % 24}:00",)
    assert watched(poor_after_s=5.0, quiet_hours=hours)[0].alerts == ()
    elsewhen = (f"{(now.hour + 3) % 24}:00-{(now.hour + 4) % 24}:00",)
    assert watched(poor_after_s=5.0, quiet_hours=elsewhen)[0].alerts


def test_calibrating_in_the_run_stores_a_posture_and_goes_on() -> None:
    def at(now_s: float) -> tuple[float, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
        return now_s % 9.0, same

    summary, kept = watched(ScriptedSource(at, 40.0), [(8.0, Command.CALIBRATE)])
    assert profile_names() == ["default"]
    assert any(words.startswith("Stored as default") for words in kept.words)
    assert any("Sit the way you want to sit" in words and words.endswith("3") for words in kept.words)
    assert summary.unjudged_s_by_reason[Reason.CALIBRATING] == pytest.approx(8.0, abs=2.5)
    assert kept.seen[-1].assessment.state == State.GOOD
    assert summary.neutral is not None
    assert summary.neutral.created_at
    # Earlier judgements stay valid.
    before = next(episode for episode in summary.episodes if episode.state == State.GOOD)
    assert (before.start_s, before.end_s) == pytest.approx((5.0, 8.0), abs=1.0)


def test_a_stored_posture_is_replaced_only_at_a_second_press(neutral: Neutral) -> None:
    def at(now_s: float) -> tuple[float, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
        return now_s % 9.0, same

    _, kept = watched(ScriptedSource(at, 20.0), [(4.0, Command.CALIBRATE)])
    assert any("Press c again" in words for words in kept.words)
    assert load_profile("default").created_at == neutral.created_at
    assert not any(words.startswith("Stored as") for words in kept.words)
    _, kept = watched(ScriptedSource(at, 40.0), [(4.0, Command.CALIBRATE), (6.0, Command.CALIBRATE)])
    assert any(words.startswith("Stored as default") for words in kept.words)
    assert any("profiles restore default" in words for words in kept.words)


def test_a_slouch_is_not_stored_in_place_of_a_better_posture_without_a_word(neutral: Neutral) -> None:
    def at(now_s: float) -> tuple[float, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
        return SLOUCH_S + 8.0, same

    plan = [(4.0, Command.CALIBRATE), (6.0, Command.CALIBRATE)]
    _, kept = watched(ScriptedSource(at, 60.0), plan)
    assert any("the new one is worse" in words for words in kept.words)
    assert any("The stored neutral posture is kept." in words for words in kept.words)
    assert load_profile("default").created_at == neutral.created_at


def test_an_output_that_fails_is_said_once_and_the_run_goes_on() -> None:
    class Broken(LiveOutput):
        def write(self, observation: Observation) -> None:
            raise RuntimeError("the window\nhas gone")

    kept = Kept()
    request = MonitorRequest(CLIP, datetime.now(UTC))
    summary = monitor(request, load_config().settings(), [Broken(), kept])
    failed = [words for words in kept.words if "has failed" in words]
    assert failed == ["The output Broken has failed and is left out from now on: the window has gone"]
    assert failed[0] in summary.notes
    assert len(kept.seen) > 100


def test_on_battery_too_the_first_five_seconds_are_taken() -> None:
    kept = Kept()
    request = MonitorRequest(CLIP, datetime.now(UTC), eco=lambda: True)
    summary = monitor(request, load_config().settings(), [kept])
    assert summary.neutral is not None
    assert summary.neutral.end_s is not None
    assert summary.neutral.end_s < 6.5
    assert len(kept.seen) < 5 * 5 + 70 * 3.5


# Real processes and a real stream.


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(jpegs_of(CLIP, start_s=SLOUCH_S - 15.0, count=300)) as one:
        yield one


class Run:
    """A monitor as a process, with its JSON Lines read as they come."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "posture_cam", "monitor", "--no-notify", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        self.lines: list[dict[str, Any]] = []

    def until(self, wanted: Callable[[dict[str, Any]], bool], within_s: float = 60.0) -> dict[str, Any]:
        end_s = time.monotonic() + within_s
        assert self.process.stdout is not None
        while time.monotonic() < end_s:
            text = self.process.stdout.readline()
            assert text, self.process.communicate()
            self.lines.append(json.loads(text))
            if wanted(self.lines[-1]):
                return self.lines[-1]
        raise AssertionError([line for line in self.lines if line["type"] != "sample"])

    def end(self, by: int) -> tuple[int, str]:
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=30)
        self.lines += [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return self.process.returncode, err

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def started(request: pytest.FixtureRequest) -> Callable[..., Run]:
    def start(*arguments: str, environment: dict[str, str] | None = None) -> Run:
        run = Run(*arguments, environment=environment)
        request.addfinalizer(run.kill)
        return run

    return start


@pytest.mark.slow
def test_a_stream_end_to_end_cut_restored_and_ended(
    served: Served, neutral: Neutral, started: Callable[..., Run]
) -> None:
    run = started("--source", served.url, "--headless", "--json", "--poor-after-s", "3")
    assert run.until(lambda line: line["type"] == "start")["schema_version"] == 1
    run.until(lambda line: line["type"] == "sample" and line["state"] == "good")
    alert = run.until(lambda line: line["type"] == "alert")
    assert alert["kind"] == "question"
    assert alert["tip"]
    served.is_cut = True
    cut = run.until(lambda line: line["type"] == "source")
    assert cut["trouble"] == "camera unplugged or stream cut"
    time.sleep(1.0)
    served.is_cut = False
    # If there was another attempt in between, the camera's answer is reported first.
    back = run.until(lambda line: line["type"] == "source" and line["trouble"] is None)
    run.until(lambda line: line["type"] == "sample" and line["state"] in ("good", "fair", "poor"))
    code, err = run.end(signal.SIGINT)
    assert code == 0, err
    summary = run.lines[-1]
    assert summary["type"] == "summary"
    assert summary["summary"]["judged_s"] > 5.0
    lost = summary["summary"]["unjudged_s_by_reason"]["camera unplugged or stream cut"]
    assert lost == pytest.approx(back["timestamp_s"] - cut["since_s"], abs=2.5)
    # benchmarks/monitor.py measures how long it takes: here other tests may occupy the processors.
    assert all(line["latency_s"] >= 0.0 for line in run.lines if line["type"] == "sample")
    times = [datetime.fromisoformat(line["time"]) for line in run.lines]
    assert all(time.tzinfo is not None for time in times)
    assert "secret" not in json.dumps(run.lines) + err


@pytest.mark.slow
def test_a_covered_camera_is_told_on_the_terminal_and_sigterm_ends_with_a_summary(
    served: Served, neutral: Neutral, started: Callable[..., Run], tmp_path: Path
) -> None:
    log = tmp_path / "alert.json"
    code = f"import sys; open({str(log)!r}, 'w').write(sys.stdin.read())"
    frames = tmp_path / "frames"
    run = started(
        "--source", served.url, "--headless", "--json", "--poor-after-s", "2", "--sound",
        "--on-alert", f'{sys.executable} -c "{code}"', "--save-alert-frames", str(frames),
    )  # fmt: skip
    run.until(lambda line: line["type"] == "alert")
    served.shows = "black"
    assert run.until(lambda line: line["type"] == "source")["trouble"] == "camera covered or black"
    served.shows = "clip"
    assert run.until(lambda line: line["type"] == "source")["trouble"] is None
    returncode, err = run.end(signal.SIGTERM)
    assert returncode == 0, err
    assert run.lines[-1]["type"] == "summary"
    told = json.loads(log.read_text("utf-8"))
    assert (told["type"], told["kind"]) == ("alert", "question")
    (picture,) = frames.glob("*.jpg")
    kept = cv2.imread(str(picture))
    assert kept is not None
    assert kept.shape == (360, 640, 3)
    if os.name == "posix":
        assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    assert f"A picture of each alert is kept in {frames}" in err.replace("\n", "")


@needs_screen
def test_the_window_shows_the_person_the_state_and_the_ghost(
    served: Served, neutral: Neutral, started: Callable[..., Run], tmp_path: Path
) -> None:
    green, red = (120, 190, 60), (70, 70, 235)

    def count(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
        return int((np.abs(pixels.astype(int) - colour).max(axis=-1) <= 12).sum())

    with screen(tmp_path) as shown:
        for _ in range(WINDOWS_TRIED):
            run = started("--source", served.url, "--json", environment=shown.environment)
            run.until(lambda line: line["type"] == "sample" and line["state"] == "good")
            good = shown.pixels_once(lambda pixels: count(pixels, green) > 800).astype(int)
            if good.any():
                break
            run.end(signal.SIGINT)
        run.until(lambda line: line["type"] == "sample" and line["state"] == "poor")
        poor = shown.pixels_once(lambda pixels: count(pixels, red) > 800)
        code, err = run.end(signal.SIGINT)
    assert code == 0, err

    assert count(good, green) > 800 > 50 > count(good, red)
    assert count(poor, red) > 800 > 50 > count(poor, green)
    assert count(good, (255, 255, 255)) > 300  # words
    # A mirror: the dark shelf on the right of the clip appears on the left.
    clip = cv2.imdecode(np.frombuffer(jpegs_of(CLIP, 40.0, 1)[0], np.uint8), cv2.IMREAD_COLOR)
    assert clip is not None
    ys, xs = np.nonzero(np.abs(good).max(axis=-1) > 0)
    window = good[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    part = window[150:290, :100].mean(), window[150:290, 540:640].mean()
    expected = clip[150:290, 540:640].mean(), clip[150:290, :100].mean()
    assert part == pytest.approx(expected, abs=25.0)
    assert abs(expected[0] - expected[1]) > 30.0


_NO_NETWORK = """
import socket, sys
class Forbidden(socket.socket):
    def __init__(self, family=-1, *rest, **more):
        if family in (socket.AF_INET, socket.AF_INET6, -1):
            raise PermissionError("no network here")
        super().__init__(family, *rest, **more)
socket.socket = Forbidden
sys.argv = ["posture-cam", *sys.argv[1:]]
from posture_cam.cli import main
main()
"""


def _may_leave_the_network() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(["unshare", "-r", "-n", "true"], capture_output=True, check=False)
    return tried.returncode == 0


def test_it_runs_without_any_network_and_leaves_no_picture(
    neutral: Neutral, own_folders: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "posture_cam"]
    if _may_leave_the_network():
        command = ["unshare", "-r", "-n", *command]
    else:
        command = [sys.executable, "-c", _NO_NETWORK]
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    done = subprocess.run(
        [*command, "monitor", "--source", str(CLIP), "--headless", "--poor-after-s", "5"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Score" in done.stdout
    assert "still your neutral posture" in done.stderr.replace("\n", " ")
    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    new = {path.suffix for path in after - before}
    assert not new & {".jpg", ".jpeg", ".png", ".mp4", ".avi", ".npy", ".bmp"}
    assert profile_path("default") in after


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--camera", "63"], 1, "camera 63 cannot be opened"),
        (["--camera", "no such camera"], 1, "There is no camera 'no such camera'"),
        (["--source", "ftp://me:secret@x/y"], 2, "no address of a stream"),
        (["--source", "http:/me:secret@x/y"], 2, "no address of a stream"),
        (["--camera", "rtmp://me:secret@x/y"], 2, "no address of a stream"),
        (["--camera", "99999999999"], 1, "There is no camera"),
        (["--source", "missing.mp4"], 1, "does not exist"),
        (["--camera", "0", "--source", "http://x/"], 2, "exclude each other"),
        (["--realtime"], 2, "--realtime plays a recording"),
        (["--source", "http://me:secret@127.0.0.1:9/x"], 1, "http://127.0.0.1:9/x cannot be opened"),
        (["--quiet-hours", "noon"], 2, "'noon' are no hours"),
        (["--rate-hz", "500"], 2, "--rate-hz"),
        (["--on-alert", "'"], 2, "--on-alert cannot be read"),
        (["--profile", "nobody"], 1, "There is no profile 'nobody'"),
    ],
)
def test_what_cannot_work_is_said(arguments: list[str], code: int, words: str) -> None:
    done = run("monitor", "--headless", *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr.replace("\n", " ")
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr
