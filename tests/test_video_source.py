from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from posture_cam.errors import NothingJudged, SourceError
from posture_cam.ids import Reason, State
from posture_cam.records import Frame, Pose
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.source import VideoFile
from posture_cam.source.timeline import sane_frame_rate
from tests.builders import Film, front_pose, mark, read_stripes, side, stripes, turn_by_90_deg, write_video
from tests.conftest import SAMPLES
from tests.test_session import recorded


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
            lambda folder: _with(folder / "a.webp", b"RIFF\x99\0\0\0WEBPVP8X\x0a\0\0\0\x02" + b"\0" * 50),
            "is an animated WebP",
        ),
        (
            lambda folder: _with(folder / "b.webp", b"RIFF\x99\0\0\0WEBPVP8X\x0a\0\0\0\0" + b"\0" * 50),
            "is a still picture",
        ),
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
    assert not hasattr(source._recording, "_stream")


def test_a_clock_that_started_long_before_does_not_count_as_duration(tmp_path: Path) -> None:
    times = [5000.0 + number / 10 for number in range(50)]
    path = write_video(tmp_path / "late.mkv", (stripes(number) for number in range(50)), times)
    with VideoFile(path) as video:
        assert video.info.duration_s == pytest.approx(5.0, abs=0.2)
        assert [frame.timestamp_s for frame in video.frames()][:3] == pytest.approx([0.0, 0.1, 0.2])


def test_an_impossible_frame_rate_is_not_believed() -> None:
    assert sane_frame_rate(0.05) is None
    assert sane_frame_rate(29.97) == 29.97


# Shapes and turns.


@pytest.mark.parametrize(
    "matrix",
    [
        (1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0),
        (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0),
    ],
)  # fmt: skip
def test_turned_and_mirrored_tags_are_followed(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:24, :32], image[:24, 32:] = 255, (255, 0, 0)
    (first, *_) = frames(mark(write_video(tmp_path / "a.mp4", [image] * 3), matrix))
    height, width = first.image_bgr.shape[:2]
    a, b, c, d = matrix
    shown = {}
    for (x, y), colour in {(-1, -1): "white", (1, -1): "red", (-1, 1): "black", (1, 1): "black"}.items():
        shown[a * x + c * y, b * x + d * y] = colour
    for (x, y), colour in shown.items():
        blue, _, red = first.image_bgr[round(height * (2 + y) / 4), round(width * (2 + x) / 4)].tolist()
        assert {"white": red > 180 and blue > 180, "red": red > 150 > blue, "black": red < 60}[colour]


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    """A 4:3 picture, stored as wide as it is high."""
    path = tmp_path / "a.mp4"
    container = av.open(str(path), "w")
    stream: Any = container.add_stream("libx264", rate=10)
    stream.width, stream.height, stream.pix_fmt = 48, 48, "yuv420p"
    stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
    for _ in range(5):
        image = av.VideoFrame.from_ndarray(stripes(5, (48, 48)), format="rgb24")
        container.mux(stream.encode(image))
    container.mux(stream.encode(None))
    container.close()
    with VideoFile(path) as source:
        assert (source.info.width_px, source.info.height_px) == (64, 48)
        assert next(source.frames()).image_bgr.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libsvtav1", "yuv420p"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
        ("a.mp4", "libx265", "yuv420p10le"),
        ("a.gif", "gif", "rgb8"),
    ],
)
def test_codecs_of_today_are_read(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    images = (stripes(number, (192, 144)) for number in range(30))
    seen = frames(write_video(tmp_path / name, images, codec=codec, pixels=pixels), 5.0)
    assert [round(frame.timestamp_s, 1) for frame in seen] == pytest.approx([0.2 * n for n in range(15)])
    assert [read_stripes(frame.image_bgr) for frame in seen] == list(range(0, 30, 2))


def test_somebody_is_seen_in_a_small_dithered_picture_too(tmp_path: Path) -> None:
    """desk-monitor dithered to 256 fixed colours; without smoothing, the person was lost for some seconds."""
    small = av.open(str(tmp_path / "a.gif"), "w")
    stream: Any = small.add_stream("gif", rate=5)
    stream.width, stream.height, stream.pix_fmt = 320, 180, "rgb8"
    with av.open(str(SAMPLES / "desk-monitor.mp4")) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 2 == 0:
                dithered = frame.reformat(width=320, height=180, format="rgb8")
                dithered.pts, dithered.time_base = number // 2, Fraction(1, 5)
                small.mux(stream.encode(dithered))
    small.mux(stream.encode(None))
    small.close()
    summary = analyze(AnalysisRequest(tmp_path / "a.gif"))
    assert Reason.NOBODY not in summary.unjudged_s_by_reason
    assert State.AWAY not in summary.seconds_by_state


def test_a_bare_stream_is_read_at_the_rate_that_it_tells_of_itself(tmp_path: Path) -> None:
    container = av.open(str(tmp_path / "a.h264"), "w")
    stream: Any = container.add_stream("libx264", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for number in range(80):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(stripes(number), format="rgb24")))
    container.mux(stream.encode(None))
    container.close()
    seen = frames(tmp_path / "a.h264")
    assert len(seen) == 80
    assert seen[-1].timestamp_s == pytest.approx(7.9, abs=0.2)


def test_a_long_gap_beside_several_sound_tracks_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    container = av.open(str(path), "w")
    pictures: Any = container.add_stream("mpeg4", rate=10)
    pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
    pictures.codec_context.time_base = Fraction(1, 1000)
    sounds: list[Any] = [container.add_stream("aac", rate=48_000) for _ in range(6)]
    times_s = [number / 10 for number in range(80)] + [30.0 + number / 10 for number in range(80)]
    sounded = 0
    for number, time_s in enumerate(times_s):
        while sounded * 1024 / 48_000 < time_s:
            for sound in sounds:
                samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                samples.sample_rate, samples.pts, samples.time_base = (
                    48_000,
                    sounded * 1024,
                    Fraction(1, 48_000),
                )
                container.mux(sound.encode(samples))
            sounded += 1
        image = av.VideoFrame.from_ndarray(stripes(number), format="rgb24")
        image.pts, image.time_base = round(1000 * time_s), Fraction(1, 1000)
        container.mux(pictures.encode(image))
    container.mux(pictures.encode(None))
    container.close()
    for rate_hz in (None, 5.0):
        seen = frames(path, rate_hz)
        assert seen[-1].timestamp_s == pytest.approx(37.9, abs=0.2)


def test_the_picture_at_a_time_is_that_one(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", map(stripes, range(200)), rate=30)
    with VideoFile(path) as source:
        for number in (150, 7, 199, 0):
            found = source.picture_at(number / 30)
            assert found is not None
            assert read_stripes(found.image_bgr) == number


@pytest.mark.parametrize(
    ("clip", "turns"), [("desk-side", 1), pytest.param("desk-monitor", 3, marks=pytest.mark.slow)]
)
def test_a_recording_on_its_side_is_turned_and_judged_as_if_it_were_upright(
    tmp_path: Path, clip: str, turns: int, sample_poses: Callable[[str], Path]
) -> None:
    images = []
    with VideoFile(SAMPLES / f"{clip}.mp4", 10.0) as source:
        for frame in source.frames():
            if frame.timestamp_s > 30.0:
                break
            images.append(np.ascontiguousarray(np.rot90(frame.image_bgr, turns)[..., ::-1]))
    lying = write_video(tmp_path / "lying.mp4", images)
    turned = analyze(AnalysisRequest(lying, video=tmp_path / "shown.mp4", json=tmp_path / "a.json"))
    assert any("it was turned" in note for note in turned.notes)
    assert (
        json.loads((tmp_path / "a.json").read_text("utf-8"))["source"]["turned_deg"] == 90 * (4 - turns) % 360
    )
    upright = analyze(
        AnalysisRequest(write_video(tmp_path / "up.mp4", [np.rot90(one, -turns) for one in images]))
    )
    assert turned.score == pytest.approx(upright.score, abs=4)
    for state in (State.GOOD, State.POOR):
        then_s, now_s = (one.seconds_by_state.get(state, 0.0) for one in (upright, turned))
        assert now_s == pytest.approx(then_s, abs=1.5)
    with VideoFile(tmp_path / "shown.mp4") as shown:
        assert (shown.info.width_px > shown.info.height_px) is True


def test_poses_that_lie_are_told_and_not_judged(tmp_path: Path) -> None:
    def lying(time_s: float) -> Pose:
        pose = front_pose(time_s)
        landmarks = pose.landmarks.copy()
        landmarks[:, 0], landmarks[:, 1] = pose.landmarks[:, 1], 1.0 - pose.landmarks[:, 0]
        return replace(pose, landmarks=landmarks, image_size_wh=pose.image_size_wh[::-1])

    with pytest.raises(NothingJudged, match="lies on its side"):
        analyze(AnalysisRequest(recorded(tmp_path / "a.poses.jsonl", Film().hold(20.0, lying))))
    bent = Film().hold(5.0, side()).hold(10.0, side(neck_deg=95.0, trunk_deg=85.0)).hold(5.0, side())
    summary = analyze(AnalysisRequest(recorded(tmp_path / "b.poses.jsonl", bent)))
    assert Reason.ON_ITS_SIDE not in summary.unjudged_s_by_reason  # who bends over was upright before
