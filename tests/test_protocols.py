"""The contracts between stages, which every shipped class that claims them must fulfil."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from posture_cam.geometry import Estimator
from posture_cam.ids import Command, Reason, State
from posture_cam.outputs.files.alert_frames import AlertFrames
from posture_cam.outputs.files.keeping import KeptAnalysis, LiveHistory
from posture_cam.outputs.files.lines import JsonLines
from posture_cam.outputs.files.tables import CsvResult, JsonResult
from posture_cam.outputs.files.video import AnnotatedVideo
from posture_cam.outputs.telling.command import AlertCommand
from posture_cam.outputs.telling.notification import DesktopNotification
from posture_cam.outputs.telling.sound import Sound
from posture_cam.outputs.terminal.status import StatusLine
from posture_cam.protocols import Keeper, LiveSink, LiveVideoSource, Sink
from posture_cam.records import Frame, Observation, SessionSummary, SourceEvent
from posture_cam.runlog import RunLog
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.neutrals import load_estimator
from posture_cam.settings import load_settings
from posture_cam.source import LiveSource, PlayedFile
from tests.builders import Film, front_pose, side, side_pose, stripes, write_video
from tests.sittings import SOURCE, fault_alert, observation, pieces
from tests.test_live_source import LIVE, Device
from tests.test_outputs import NEUTRAL
from tests.test_session import recorded

BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)
SETTINGS = load_settings()


@pytest.fixture
def run_of_a_film(tmp_path: Path) -> tuple[list[Observation], SessionSummary]:
    seen: list[Observation] = []
    film = Film().hold(12.0, side()).hold(6.0, side(neck_deg=55.0, trunk_deg=25.0))
    summary = analyze(AnalysisRequest(recorded(tmp_path / "a.poses.jsonl", film)), seen=seen.append)
    return seen, summary


def frames() -> Iterator[Frame]:
    for number in range(90):
        yield Frame(number, number / 5, np.full((480, 640, 3), 90, np.uint8))


SINKS: dict[str, Callable[[Path], AbstractContextManager[Sink]]] = {
    "csv": CsvResult,
    "json": lambda target: JsonResult(target, RunLog(SETTINGS), 18.0),
    "mp4": lambda target: AnnotatedVideo(target, replace(SOURCE, frame_rate=5.0), frames(), None),
}


@pytest.mark.parametrize("kind", SINKS)
def test_a_sink_writes_a_whole_file_or_none(
    kind: str, run_of_a_film: tuple[list[Observation], SessionSummary], tmp_path: Path
) -> None:
    observations, summary = run_of_a_film
    whole, cut = tmp_path / f"whole.{kind}", tmp_path / f"cut.{kind}"
    with SINKS[kind](whole) as sink:
        for one in observations:
            sink.write(one)
        sink.finish(summary)
    assert whole.stat().st_size > 200

    def fails() -> None:
        with SINKS[kind](cut) as sink:
            sink.write(observations[0])
            raise RuntimeError("for the test")

    with pytest.raises(RuntimeError):
        fails()
    assert not cut.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("cut", ".cut"))]


class Desktop:
    """A desktop that accepts everything."""

    name = "test"

    def send(self, title: str, message: str, buttons: Mapping[str, Callable[[], None]]) -> None: ...
    def dismiss(self) -> None: ...
    def close(self) -> None: ...


def no_desktop() -> Desktop:
    raise OSError("no desktop")


LIVE_SINKS: dict[str, Callable[[Path, Callable[[str], None]], AbstractContextManager[LiveSink]]] = {
    "status": lambda _folder, _say: StatusLine(Console(file=io.StringIO()), BEGAN),
    "lines": lambda _folder, _say: JsonLines(io.StringIO(), BEGAN, "camera 0"),
    "notification": lambda _folder, say: DesktopNotification(say, Desktop),
    "notification that fails": lambda _folder, say: DesktopNotification(say, no_desktop),
    "command": lambda _folder, say: AlertCommand("true", BEGAN, say),
    "command that fails": lambda _folder, say: AlertCommand("false", BEGAN, say),
    "sound": lambda _folder, say: Sound(say, lambda: None),
    "pictures": lambda folder, say: AlertFrames(folder / "alerts", BEGAN, say),
}


@pytest.mark.parametrize("kind", LIVE_SINKS)
def test_a_live_output_takes_all_that_happens_and_says_at_most_one_thing(
    kind: str, run_of_a_film: tuple[list[Observation], SessionSummary], tmp_path: Path
) -> None:
    observations, summary = run_of_a_film
    said: list[str] = []
    alert = fault_alert(4.0)
    with LIVE_SINKS[kind](tmp_path, said.append) as sink:
        sink.say("Sit well.", 0.4, None)
        sink.adopt(NEUTRAL)
        for number, one in enumerate(observations):
            frame = Frame(number, one.assessment.timestamp_s, np.full((480, 640, 3), 90, np.uint8))
            sink.write(replace(one, frame=frame, alert=alert if number % 20 == 5 else None))
            assert all(isinstance(given, Command) for given in sink.commands())
        sink.write(replace(observations[-1], corrected=alert))
        sink.tell(SourceEvent(19.0, Reason.CAMERA_GONE, "Camera 0 gives no more pictures.", 19.0))
        sink.tell(SourceEvent(21.0, None, "Camera 0 gives pictures again.", 19.0, 21.0))
        sink.finish(summary)
    assert len(said) <= 1


@pytest.mark.parametrize("kind", ["recording", "camera"])
def test_a_live_source_gives_pictures_on_demand_in_order_of_time(kind: str, tmp_path: Path) -> None:
    source: AbstractContextManager[LiveVideoSource]
    if kind == "recording":
        path = write_video(tmp_path / "a.mp4", [stripes(number) for number in range(40)], rate=10)
        source = PlayedFile(path, realtime=False)
    else:
        device = Device()
        source = LiveSource(lambda: device, LIVE)
    with source as opened:
        times: list[float] = []
        for _ in range(200):
            due_s = times[-1] + 0.2 if times else 0.0
            item = opened.take(due_s, 0.05)
            if isinstance(item, Frame):
                assert item.timestamp_s >= due_s - 1e-6
                assert item.timestamp_s <= opened.now_s + 1e-6
                times.append(item.timestamp_s)
            if len(times) == 6:
                break
        assert len(times) == 6
        opened.pause()
        opened.resume()
        assert opened.info.width_px > 0


@pytest.mark.parametrize("kind", ["live", "analysis"])
def test_a_keeper_reads_the_log_and_may_be_asked_to_write_at_any_time(
    kind: str, run_of_a_film: tuple[list[Observation], SessionSummary], tmp_path: Path
) -> None:
    said: list[str] = []
    keeper: Keeper = (
        LiveHistory(BEGAN, None, SETTINGS, said.append, tmp_path / "history.db")
        if kind == "live"
        else KeptAnalysis("content", BEGAN, None, tmp_path / "history.db")
    )
    log = RunLog(SETTINGS)
    keeper.begin(log, SOURCE, "made up", None)
    keeper.adopt(NEUTRAL, None)
    waiting = []
    for piece in pieces([(40.0, State.GOOD), (30.0, State.POOR), (20.0, State.UNJUDGED), (10.0, State.GOOD)]):
        keeper.note(observation(piece.start_s, piece.state))
        waiting.append(piece)
        if len(waiting) > 3:
            log.take(waiting.pop(0))
        if keeper.is_due(piece.end_s):
            keeper.flush(piece.end_s, waiting)
    for piece in waiting:
        log.take(piece)
    log.close()
    keeper.finish(replace(run_of_a_film[1], duration_s=100.0))
    assert (tmp_path / "history.db").exists()
    assert said == []


def test_an_estimator_gives_the_same_for_one_pose_and_for_many() -> None:
    estimator: Estimator = load_estimator()
    for neutral in (front_pose(), side_pose()):
        estimates = estimator.against(neutral)
        poses = [neutral, replace(neutral, world_landmarks=None)]
        for pose, found in zip(poses, estimates.of_many(poses), strict=True):
            assert found.values == pytest.approx(estimates.of(pose).values, abs=1e-4)
    assert estimator.name
