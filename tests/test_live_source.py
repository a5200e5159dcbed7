"""Live sources: the newest picture on demand, and the report when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posture_cam.errors import SourceError, UsageError
from posture_cam.ids import Reason
from posture_cam.records import Frame, SourceEvent, SourceInfo
from posture_cam.session.looking import Looking
from posture_cam.settings import load_settings
from posture_cam.source import CameraGone, LiveSource, PlayedFile, camera_number, camera_users
from posture_cam.source.cameras import CameraEntry
from posture_cam.source.stream import NetworkStream
from tests.builders import stripes, write_video
from tests.conftest import SAMPLES
from tests.streams import jpegs_of, serving

LIVE = load_settings().live.model_copy(
    update={
        "first_word_s": 0.5,
        "stalled_after_s": 1.0,
        "black_after_s": 0.3,
        "frozen_after_s": 0.5,
        "retry_s": 0.1,
        "retry_max_s": 0.2,
        "users_every_s": 0.1,
    }
)
NOISE = np.random.default_rng(3)


def room() -> NDArray[np.uint8]:
    return NOISE.integers(60, 200, (90, 160, 3), dtype=np.uint8)


class Device:
    """A camera that the test controls; 50 pictures a second."""

    can_freeze = True
    info = SourceInfo("test camera", 160, 90, 50.0, None, is_live=True)

    def __init__(self) -> None:
        self.make: Callable[[], NDArray[np.uint8]] = room
        self.is_there = True
        self.hangs = threading.Event()
        self.hangs.set()
        self.grabbed = self.retrieved = 0
        self.open_count = 1

    def grab(self) -> bool:
        self.hangs.wait(5.0)
        time.sleep(0.02)
        self.grabbed += 1
        return self.is_there

    def retrieve(self) -> NDArray[np.uint8]:
        self.retrieved += 1
        return self.make()

    def close(self) -> None:
        self.open_count -= 1

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def opened(self) -> Device:
        if not self.is_there:
            raise CameraGone("test camera cannot be opened.", "")
        self.open_count += 1
        return self


def next_event(source: LiveSource, within_s: float = 5.0) -> SourceEvent:
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        item = source.take(source.now_s, 0.1)
        if isinstance(item, SourceEvent):
            return item
    raise AssertionError("no event in time")


def next_frame(source: LiveSource, within_s: float = 5.0) -> Frame:
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        item = source.take(source.now_s, 0.1)
        assert not isinstance(item, SourceEvent), item
        if item is not None:
            return item
    raise AssertionError("no picture in time")


@pytest.fixture
def device() -> Device:
    made = Device()
    made.open_count = 0
    return made


def test_only_pictures_asked_for_are_decoded_and_they_are_new(device: Device) -> None:
    with LiveSource(device.opened, LIVE) as source:
        first = next_frame(source)
        time.sleep(0.5)  # slow work; meanwhile pictures come and go
        asked_s = source.now_s
        second = next_frame(source)
        assert second.timestamp_s >= asked_s - 0.001
        assert second.index - first.index > 10
        assert device.retrieved <= 3 < device.grabbed
        assert source.take(source.now_s + 60.0, 0.1) is None
    assert device.open_count == 0


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: np.full((90, 160, 3), 4, np.uint8), Reason.BLACK),
        (lambda: np.full((90, 160, 3), 90, np.uint8), Reason.FROZEN),
    ],
)
def test_a_covered_and_a_frozen_camera_are_told_once_and_end_by_themselves(
    device: Device, make: Callable[[], NDArray[np.uint8]], reason: Reason
) -> None:
    with LiveSource(device.opened, LIVE) as source:
        next_frame(source)
        device.make = make
        event = next_event(source)
        assert event.trouble == reason
        assert event.timestamp_s - event.since_s >= 0.25
        grabbed, retrieved = device.grabbed, device.retrieved
        for _ in range(20):
            assert source.take(source.now_s, 0.05) is None  # once, and no picture meanwhile
        assert device.grabbed - grabbed > 25  # pictures come, but hardly any is decoded
        assert device.retrieved - retrieved <= 4
        device.make = room
        back = next_event(source)
        assert back.trouble is None
        assert back.since_s == event.since_s
        next_frame(source)


def test_a_dark_room_is_not_a_covered_camera(device: Device) -> None:
    device.make = lambda: NOISE.integers(0, 40, (90, 160, 3), dtype=np.uint8)
    with LiveSource(device.opened, LIVE) as source:
        for _ in range(30):
            next_frame(source)


def test_an_unplugged_camera_is_taken_again(device: Device) -> None:
    with LiveSource(device.opened, LIVE) as source:
        next_frame(source)
        device.is_there = False
        assert next_event(source).trouble == Reason.CAMERA_GONE
        time.sleep(0.4)
        assert source.take(source.now_s, 0.1) is None
        device.is_there = True
        assert next_event(source).trouble is None
        next_frame(source)
    assert device.open_count == 0


def test_a_camera_that_hangs_is_told(device: Device) -> None:
    with LiveSource(device.opened, LIVE) as source:
        next_frame(source)
        device.hangs.clear()
        event = next_event(source)
        assert event.trouble == Reason.CAMERA_GONE
        assert "gives no pictures" in event.message
        device.hangs.set()
        assert next_event(source).trouble is None


def test_a_source_that_is_not_there_at_the_start_is_an_error_and_a_busy_one_is_waited_for(
    device: Device,
) -> None:
    device.is_there = False
    with pytest.raises(CameraGone):
        LiveSource(device.opened, LIVE)

    def busy() -> Device:
        if not device.is_there:
            raise CameraGone("test camera is in use.", "", Reason.CAMERA_BUSY)
        return device.opened()

    with LiveSource(busy, LIVE) as source:
        assert next_event(source).trouble == Reason.CAMERA_BUSY
        device.is_there = True
        assert next_event(source).trouble is None


def test_the_camera_is_left_to_another_program_and_taken_back(device: Device) -> None:
    others: dict[int, str] = {7: "obs"}  # feeds the camera, and had already opened it
    with LiveSource(device.opened, LIVE, users=lambda: others) as source:
        next_frame(source)
        time.sleep(0.3)
        next_frame(source)
        others[8] = "zoom"
        event = next_event(source)
        assert event.trouble == Reason.CAMERA_BUSY
        assert "zoom" in event.message
        time.sleep(0.2)
        assert device.open_count == 0
        del others[8]
        assert next_event(source).trouble is None
        assert device.open_count == 1


def test_sleep_is_noticed_and_the_camera_opened_anew(device: Device) -> None:
    slept_s = 0.0
    with LiveSource(device.opened, LIVE, clock=lambda: time.monotonic() + slept_s) as source:
        next_frame(source)

        def sleep() -> None:
            nonlocal slept_s
            slept_s = 3600.0

        timer = threading.Timer(0.1, sleep)
        timer.start()
        event = next_event(source)
        timer.join()
        assert event.trouble == Reason.ASLEEP
        assert event.until_s is not None
        assert event.until_s - event.since_s == pytest.approx(3600.0, abs=1.0)
        assert "1 h 0 min" in event.message
        assert next_frame(source).timestamp_s > 3600.0


def test_pausing_lets_go_of_the_camera(device: Device) -> None:
    with LiveSource(device.opened, LIVE) as source:
        next_frame(source)
        source.pause()
        time.sleep(1.4)
        assert device.open_count == 0
        source.resume()
        next_frame(source)  # and no report of a lost camera


def test_a_trouble_is_told_again_after_a_pause(device: Device) -> None:
    with LiveSource(device.opened, LIVE) as source:
        next_frame(source)
        device.is_there = False
        assert next_event(source).trouble == Reason.CAMERA_GONE
        source.pause()
        time.sleep(0.5)
        source.resume()
        assert next_event(source).trouble == Reason.CAMERA_GONE


def test_a_driver_that_fails_is_tried_again(device: Device) -> None:
    def fails() -> NDArray[np.uint8]:
        raise ValueError("a driver's own failure")

    with LiveSource(device.opened, LIVE) as source:
        next_frame(source)
        device.make = fails
        event = next_event(source)
        assert event.trouble == Reason.CAMERA_GONE
        assert "cannot be read" in event.message
        device.make = room
        assert next_event(source).trouble is None
    assert device.open_count == 0


def test_pictures_that_are_all_damaged_are_told(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    with LiveSource(device.opened, LIVE) as source:
        next_frame(source)
        monkeypatch.setattr(device, "retrieve", lambda: None)
        assert next_event(source).trouble == Reason.CAMERA_GONE


def test_sleep_between_two_looks_is_noticed_too(device: Device) -> None:
    slept_s = 0.0
    with LiveSource(device.opened, LIVE, clock=lambda: time.monotonic() + slept_s) as source:
        next_frame(source)
        slept_s = 600.0
        event = next_event(source)
        assert event.trouble == Reason.ASLEEP
        assert event.until_s is not None
        assert event.until_s - event.since_s == pytest.approx(600.0, abs=1.0)


@pytest.mark.parametrize("has_length", [True, False])
def test_mjpeg_is_read_with_and_without_lengths_and_logs_in(*, has_length: bool) -> None:
    images = jpegs_of(SAMPLES / "desk-monitor.mp4", count=5)
    with serving(images, 50.0, has_length=has_length) as served:
        stream = NetworkStream(served.url)
        try:
            assert (stream.info.width_px, stream.info.height_px) == (640, 360)
            assert "secret" not in stream.info.name
            for _ in range(10):
                assert stream.grab()
                image = stream.retrieve()
                assert image is not None
                assert image.shape == (360, 640, 3)
            assert served.authorizations == {"Basic dXNlcjpzZWNyZXQ="}
            served.is_cut = True
            assert not all(stream.grab() for _ in range(20))
        finally:
            stream.close()
        with pytest.raises(CameraGone, match="503") as told:
            NetworkStream(served.url)
        assert "secret" not in told.value.message


def test_a_recording_plays_at_its_own_pace_or_at_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [stripes(i) for i in range(20)], rate=10)
    for realtime in (False, True):
        started_s = time.monotonic()
        times = []
        with PlayedFile(path, realtime=realtime) as source:
            due_s = 0.0
            while True:
                item = source.take(due_s, 0.05)
                if isinstance(item, SourceEvent):
                    assert item.is_end
                    break
                if item is not None:
                    times.append(item.timestamp_s)
                    due_s = item.timestamp_s + 0.25
        took_s = time.monotonic() - started_s
        assert times == pytest.approx([0.0, 0.3, 0.6, 0.9, 1.2, 1.5, 1.8])
        assert (took_s > 1.5) == realtime


def test_stillness_is_told_from_movement_in_noise_and_changing_light() -> None:
    picture = np.full((360, 640, 3), 120.0)
    picture[100:300, 250:400] = 60.0

    def noisy(image: NDArray[np.float64], light: float = 0.0) -> NDArray[np.uint8]:
        return np.clip(image + light + NOISE.normal(0, 6, image.shape), 0, 255).astype(np.uint8)

    settings = load_settings()
    look_every_s = settings.motion.look_every_s

    def watching() -> Looking:
        looking = Looking(settings, look_every_s)
        assert looking.known(Frame(0, 0.0, noisy(picture))) is None
        looking.looked(None, 0.0)
        return looking

    def is_still(looking: Looking, image: NDArray[np.uint8], time_s: float) -> bool:
        return looking.known(Frame(0, time_s, image)) is not None

    looking = watching()
    assert all(is_still(looking, noisy(picture), 0.2 * step) for step in range(1, 15))
    assert is_still(looking, noisy(picture, light=8.0), 3.0)
    assert not is_still(looking, noisy(np.roll(picture, 6, axis=1)), 3.2)
    # Slow changes add up.
    looking = watching()
    still = [is_still(looking, noisy(np.roll(picture, step, axis=1)), 0.2 * step) for step in range(1, 9)]
    assert not still[-1]
    assert not is_still(looking, noisy(picture), look_every_s + 0.1)


CAMERAS = [
    CameraEntry(0, "Integrated Camera"),
    CameraEntry(2, "HD Webcam C920"),
    CameraEntry(4, "HD Webcam B"),
]


def test_cameras_are_found_by_number_name_or_part_of_it() -> None:
    assert camera_number("3", CAMERAS) == 3
    assert camera_number("integrated", CAMERAS) == 0
    assert camera_number("HD Webcam B", CAMERAS) == 4
    assert camera_number("c920", CAMERAS) == 2
    with pytest.raises(UsageError, match="more than one"):
        camera_number("webcam", CAMERAS)
    with pytest.raises(SourceError, match="no camera 'Logi'") as told:
        camera_number("Logi", CAMERAS)
    assert "0 (Integrated Camera)" in told.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="other systems share cameras")
def test_who_uses_a_camera_is_seen(tmp_path: Path) -> None:
    device = tmp_path / "video7"
    device.touch()
    assert camera_users(7, dev=tmp_path) == {}
    code = f"import sys, time; f = open({str(device)!r}); print(flush=True); time.sleep(30)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        users = camera_users(7, dev=tmp_path)
        process.kill()
    assert list(users) == [process.pid]
    with device.open():
        assert camera_users(7, dev=tmp_path) == {}, os.getpid()  # not ourselves


class QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quietly."""


def test_a_playlist_of_hls_is_read(tmp_path: Path) -> None:
    """Segments of H.264 behind a playlist, as cameras and video servers offer them."""
    write_video(tmp_path / "a.m3u8", [np.tile(stripes(i), (3, 3, 1)) for i in range(40)])
    handler = partial(QuietFiles, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with NetworkStream(f"http://127.0.0.1:{server.server_port}/a.m3u8") as stream:
            grabbed = 0
            while stream.grab():
                grabbed += 1
                image = stream.retrieve()
                assert image is not None
                assert image.shape == (144, 192, 3)
        server.shutdown()
    assert grabbed >= 30


def test_a_camera_that_asks_for_digest_authentication_gets_it() -> None:
    with serving(jpegs_of(SAMPLES / "desk-monitor.mp4", count=5), 50.0, asks_for_digest=True) as served:
        with NetworkStream(served.url) as stream:
            assert stream.grab()
            assert stream.retrieve() is not None
        assert any(sent.startswith('Digest username="user"') for sent in served.authorizations)
        assert not any("secret" in sent for sent in served.authorizations)
