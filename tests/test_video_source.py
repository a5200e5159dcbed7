from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from posture_cam.errors import SourceError
from posture_cam.records import Frame
from posture_cam.source import VideoFile
from posture_cam.source.timeline import sane_frame_rate
from tests.builders import read_stripes, stripes, turn_by_90_deg, write_video


def frames(path: Path, rate_hz: float | None = None) -> list[Frame]:
    with VideoFile(path, rate_hz) as source:
        return list(source.frames())


def test_every_frame_comes_with_its_own_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", map(stripes, range(40)))
    seen = frames(path)
    assert [read_stripes(frame.image_bgr) for frame in seen] == list(range(40))
    assert [frame.timestamp_s for frame in seen] == pytest.approx([number / 10 for number in range(40)])
    assert [frame.index for frame in seen] == list(range(40))


@pytest.mark.parametrize(
    ("rate", "asked", "expected"), [(30, 5.0, 20), (10, 5.0, 20), (24, 5.0, 20), (10, 30.0, 40)]
)
def test_samples_are_taken_at_the_rate_asked_for(
    tmp_path: Path, rate: int, asked: float, expected: int
) -> None:
    path = write_video(tmp_path / "a.mp4", map(stripes, range(4 * rate)), rate=rate)
    seen = frames(path, asked)
    assert len(seen) == expected
    assert np.diff([frame.timestamp_s for frame in seen]).mean() == pytest.approx(
        max(1 / asked, 1 / rate), rel=0.05
    )


def test_variable_frame_rates_keep_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.5, 0.54, 1.9, 1.94, 2.0]
    path = write_video(tmp_path / "a.mp4", map(stripes, range(8)), times)
    assert [frame.timestamp_s for frame in frames(path)] == pytest.approx(times, abs=0.002)


def test_rotation_is_honoured(tmp_path: Path) -> None:
    lying = np.zeros((48, 64, 3), np.uint8)
    lying[:, :32] = 255  # what was up when the camera was held on its side
    (first, *_) = frames(turn_by_90_deg(write_video(tmp_path / "a.mp4", [lying] * 5)))
    assert first.image_bgr.shape == (64, 48, 3)
    assert first.image_bgr[:28].mean() > 200
    assert first.image_bgr[36:].mean() < 50


@pytest.mark.parametrize("size_wh", [(66, 50), (16, 16), (2, 2), (3840, 2160), (360, 640)])
def test_odd_sizes(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = write_video(tmp_path / "a.mp4", [stripes(5, size_wh)] * 3)
    seen = frames(path)
    assert {frame.image_bgr.shape for frame in seen} == {(size_wh[1], size_wh[0], 3)}


def test_odd_numbers_of_pixels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [stripes(5, (65, 49))] * 3, codec="ffv1", pixels="bgr0")
    assert frames(path)[0].image_bgr.shape == (49, 65, 3)


def test_grey_video_becomes_colour(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [stripes(5)] * 3, codec="ffv1", pixels="gray")
    assert frames(path)[0].image_bgr.shape == (48, 64, 3)


def test_one_frame_a_second_and_one_frame_in_all(tmp_path: Path) -> None:
    slow = write_video(tmp_path / "slow.mp4", map(stripes, range(6)), rate=1)
    assert [frame.timestamp_s for frame in frames(slow, 5.0)] == pytest.approx([0, 1, 2, 3, 4, 5])
    single = write_video(tmp_path / "single.mp4", [stripes(9)])
    assert [frame.timestamp_s for frame in frames(single, 5.0)] == [0.0]


def test_a_recording_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.ts", map(stripes, range(100)))
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert 10 < len(frames(cut)) < 100


def only_sound(path: Path) -> Path:
    container = av.open(str(path), "w")
    stream = container.add_stream("aac", rate=16000)
    samples = np.zeros((1, 16000), np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
    frame.sample_rate = 16000
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    container.close()
    return path


def spoilt(path: Path) -> Path:
    whole = write_video(path.with_name("whole.mp4"), map(stripes, range(30)))
    path.write_bytes(whole.read_bytes()[:-600])  # the index of an MP4 stands at its end
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "missing.mp4", "does not exist"),
        (lambda folder: folder, "is a folder"),
        (lambda folder: _with(folder / "empty.mp4", b""), "is empty"),
        (lambda folder: _with(folder / "text.mp4", "Größe: ein Brief\n".encode() * 9), "is text"),
        (lambda folder: _with(folder / "random.mp4", bytes(range(256)) * 40), "holds no video"),
        (
            lambda folder: _with(folder / "picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50),
            "is a still picture",
        ),
        (
            lambda folder: _with(folder / "picture.mp4", b"\xff\xd8\xff\xe0" + b"\0" * 50),
            "is a still picture",
        ),
        (lambda folder: only_sound(folder / "sound.mp4"), "holds no video"),
        (lambda folder: spoilt(folder / "spoilt.mp4"), "holds no video"),
    ],
)
def test_what_is_no_video_is_said_in_a_sentence_with_a_hint(tmp_path: Path, make, words: str) -> None:  # type: ignore[no-untyped-def]
    path = make(tmp_path)
    with pytest.raises(SourceError, match=words) as caught:
        frames(path)
    assert path.name in caught.value.message
    assert caught.value.message.endswith(".")
    assert caught.value.hint


def _with(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_the_file_is_released(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", map(stripes, range(5)))
    with VideoFile(path) as source:
        next(source.frames())
    assert not source._capture.isOpened()


def test_a_clock_that_started_long_before_does_not_count_as_duration(tmp_path: Path) -> None:
    times = [5000.0 + number / 10 for number in range(50)]
    path = write_video(tmp_path / "late.mkv", (stripes(number) for number in range(50)), times)
    with VideoFile(path) as video:
        assert video.info.duration_s == pytest.approx(5.0, abs=0.2)
        assert [frame.timestamp_s for frame in video.frames()][:3] == pytest.approx([0.0, 0.1, 0.2])


def test_an_impossible_frame_rate_is_not_believed() -> None:
    assert sane_frame_rate(0.05) is None
    assert sane_frame_rate(29.97) == 29.97
