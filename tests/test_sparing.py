"""Less work for the same result: which pictures are decoded, and which of them the model looks at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from posture_cam.ids import Landmark
from posture_cam.pose.between import poses_filled_in
from posture_cam.records import Frame, Sample
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.session.looking import Looking
from posture_cam.settings import load_settings
from posture_cam.source import VideoFile, small_grey
from posture_cam.source.container import Recording
from posture_cam.source.motion import changed_share
from tests.builders import read_stripes, side_pose, stripes, turn_by_90_deg, write_video

NOISE = np.random.default_rng(3)
SETTINGS = load_settings()


def picture(place_px: int = 0, *, size_px: int = 60) -> NDArray[np.uint8]:
    """A bright object in front of a dark wall, with the noise of a sensor."""
    image = np.full((360, 640, 3), 60.0)
    image[100 : 100 + size_px, 250 + place_px : 250 + place_px + size_px] = 160.0
    return np.clip(image + NOISE.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


def looks(pictures: list[NDArray[np.uint8]]) -> list[int]:
    looking = Looking(SETTINGS, SETTINGS.motion.look_every_s)
    looked = []
    for number, image in enumerate(pictures):
        if looking.known(Frame(number, number / 5, image)) is None:
            looking.looked(None, number / 5)
            looked.append(number)
    return looked


def test_live_where_nothing_moves_a_look_every_five_seconds() -> None:
    assert looks([picture()] * 51) == [0, 25, 50]


def test_live_where_something_moves_a_look_at_every_picture() -> None:
    assert looks([picture(4 * number) for number in range(9)]) == list(range(9))
    assert looks([picture(40 * number, size_px=200) for number in range(5)]) == list(range(5))


def test_what_has_moved_once_is_looked_at_and_then_stands() -> None:
    pictures = [picture()] * 8 + [picture(60, size_px=200)] * 10
    assert looks(pictures) == [0, 8]


def test_somebody_who_fills_the_picture_is_seen_to_move() -> None:
    checks = np.kron(np.indices((18, 32)).sum(axis=0) % 2, np.ones((20, 20)))[..., None] * np.full(3, 120.0)

    def filled(place_px: int) -> NDArray[np.uint8]:
        moved = np.roll(checks, place_px, axis=1) + 60.0
        noisy: NDArray[np.float64] = np.clip(moved + NOISE.normal(0, 4, moved.shape), 0, 255)
        return noisy.astype(np.uint8)

    assert looks([filled(0)] * 8 + [filled(10)] * 4) == [0, 8]


@pytest.mark.parametrize(("twice_in", "is_exact"), [(2, True), (3, True), (6, True), (6, False)])
def test_pictures_given_twice_do_not_pass_for_a_camera_without_noise(twice_in: int, is_exact: bool) -> None:
    last, changed = picture(), []
    for number in range(1, 60):
        before = last
        if number % twice_in:
            last = picture()
        elif not is_exact:  # encoded again
            last = last + NOISE.integers(0, 2, last.shape, dtype=np.uint8)
        small, then = small_grey(last), small_grey(before)
        changed.append(changed_share(small, then, SETTINGS.motion, (0.0, 0.0, 1.0, 1.0)))
    assert max(changed) < SETTINGS.motion.nobody_share


def test_movement_is_seen_straight_after_all_of_the_picture_has_changed() -> None:
    static = NOISE.integers(0, 255, (360, 640, 1)).repeat(3, axis=2).astype(np.uint8)
    assert looks([static, *[picture()] * 3, picture(60, size_px=200)]) == [0, 1, 4]


def moment(
    time_s: float, neck_deg: float | None, *, is_reused: bool = False, has_moved: bool = False
) -> Sample:
    pose = None if neck_deg is None else side_pose(time_s, neck_deg=neck_deg)
    return Sample(round(5 * time_s), time_s, pose, is_reused=is_reused, has_moved=has_moved)


def ear_x(samples: Iterable[Sample]) -> list[float | None]:
    return [None if one.pose is None else float(one.pose.landmarks[Landmark.LEFT_EAR, 0]) for one in samples]


def test_between_two_looks_the_landmarks_move_evenly_once_something_has_moved() -> None:
    moments = [
        moment(0.0, 3.0),
        moment(0.2, 3.0, is_reused=True),
        moment(0.4, 3.0, is_reused=True, has_moved=True),
        moment(0.6, 3.0, is_reused=True, has_moved=True),
        moment(0.8, 15.0),
        moment(1.0, 15.0, is_reused=True),
    ]
    first, *_, last = ear_x(moments)
    assert first is not None
    assert last is not None
    wanted = [first, first, first + (last - first) / 3, first + 2 * (last - first) / 3, last, last]
    filled = list(poses_filled_in(moments, SETTINGS.sparing))
    assert ear_x(filled) == pytest.approx(wanted, abs=1e-6)
    assert [one.pose.timestamp_s for one in filled if one.pose] == [one.timestamp_s for one in moments]
    assert [one.is_held for one in filled] == [False, True, False, False, False, True]


def test_a_posture_that_came_back_or_was_never_looked_at_again_stays_as_it_was() -> None:
    back = [moment(0.2, 3.0, is_reused=True, has_moved=True), moment(0.4, 3.0, is_reused=True)]
    same = ear_x([moment(0.0, 3.0)])
    assert (
        ear_x(poses_filled_in([moment(0.0, 3.0), *back, moment(0.6, 15.0)], SETTINGS.sparing))[:3] == 3 * same
    )
    assert ear_x(poses_filled_in([moment(0.0, 3.0), back[0]], SETTINGS.sparing)) == 2 * same


@pytest.mark.parametrize(("before", "after"), [(3.0, None), (None, 3.0), (None, None)])
def test_between_somebody_and_nobody_the_last_look_stands(before: float | None, after: float | None) -> None:
    start, held, end = (
        moment(0.0, before),
        moment(0.2, before, is_reused=True, has_moved=True),
        moment(0.4, after),
    )
    _, between, _ = poses_filled_in([start, held, end], SETTINGS.sparing)
    assert between.pose is held.pose
    assert between.is_held


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_a_glimpse_is_the_frame_as_far_as_it_is_asked_for(tmp_path: Path, pixels: str) -> None:
    path = tmp_path / "a.mp4"
    # Decoders pad lines of this width.
    write_video(path, (picture(2 * number)[:, :628] for number in range(60)), rate=30, pixels=pixels)
    with VideoFile(path, 5.0, is_sparse=True) as source:
        frames = list(source.frames())
    with VideoFile(path, 5.0, is_sparse=True) as source:
        glimpses = list(source.glimpses())
    assert len(glimpses) == len(frames) > 8
    for glimpse, frame in zip(glimpses, frames, strict=True):
        whole = glimpse.frame()
        assert whole is not None
        assert (whole.index, whole.timestamp_s) == (frame.index, frame.timestamp_s)
        assert (whole.image_bgr == frame.image_bgr).all()
        assert glimpse.small is not None
        assert glimpse.small.shape == (54, 96)
        small = glimpse.small.astype(float)
        if pixels == "yuv420p":
            small = (small - 16.0) * 255.0 / 219.0  # luma of video spans 219 of 255 steps
        assert np.abs(small - small_grey(frame.image_bgr)).mean() < 2.0
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert (first == frames[0].image_bgr).all()


def sampled(path: Path, *, is_sparse: bool) -> tuple[list[tuple[int, float, int]], float]:
    """Index, time and number in the picture of each frame at five a second; and where it ends."""
    with VideoFile(path, 5.0, is_sparse=is_sparse) as source:
        seen = [(one.index, one.timestamp_s, read_stripes(one.image_bgr)) for one in source.frames()]
        return seen, source.position_s


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_pictures_left_out_change_neither_times_nor_numbers(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "a.mp4", map(stripes, range(200)), rate=30, codec=codec)
    every, end_s = sampled(path, is_sparse=False)
    some, sparse_end_s = sampled(path, is_sparse=True)
    assert sparse_end_s == pytest.approx(end_s)
    assert len(some) == len(every)
    for (index, time_s, shown), (_, due_s, _) in zip(some, every, strict=True):
        assert index == shown == round(30 * time_s)
        assert due_s <= time_s + 1e-6 <= due_s + 0.14


def test_some_pictures_are_left_undecoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", map(stripes, range(200)), rate=30)
    capture = Recording.open(path, most_s=0.14, threads=1)
    assert capture is not None
    count = 0
    while capture.grab():
        count += 1
    capture.close()
    assert 50 < count < 150


def test_where_pictures_are_far_apart_all_are_decoded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", map(stripes, range(100)), rate=10)
    some, _ = sampled(path, is_sparse=True)
    assert np.diff([time_s for _, time_s, _ in some])[5:] == pytest.approx(0.2)


def test_a_recording_that_breaks_off_gives_what_it_holds(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", map(stripes, range(200)), rate=30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    some, end_s = sampled(path, is_sparse=True)
    assert 5 < len(some) < 34
    assert some[-1][1] <= end_s < 6.0


def test_a_recording_on_its_side_is_upright_here_too(tmp_path: Path) -> None:
    path = turn_by_90_deg(write_video(tmp_path / "a.mp4", [stripes(3)] * 20))
    with VideoFile(path, 5.0, is_sparse=True) as source:
        assert next(source.frames()).image_bgr.shape == (64, 48, 3)


@pytest.mark.parametrize("ending", ["h264", "avi", "mkv", "ts"])
def test_a_recording_is_read_whatever_holds_it(tmp_path: Path, ending: str) -> None:
    path = write_video(tmp_path / f"a.{ending}", map(stripes, range(90)), rate=30)
    every, _ = sampled(path, is_sparse=False)
    some, _ = sampled(path, is_sparse=True)
    assert abs(len(some) - len(every)) <= 1
    assert [shown for _, _, shown in some][:3] == pytest.approx([shown for _, _, shown in every][:3], abs=4)


def test_recorded_poses_give_the_same_judgement_as_the_video_that_was_looked_at_sparingly(
    tmp_path: Path,
) -> None:
    poses = tmp_path / "a.poses.jsonl"
    from_video = analyze(AnalysisRequest(Path("samples/desk-side.mp4"), poses=poses))
    from_poses = analyze(AnalysisRequest(poses))
    assert from_video.seconds_by_state == from_poses.seconds_by_state
    assert from_video.sample_count == from_poses.sample_count == 350
    assert from_video.look_count == from_poses.look_count < 0.6 * from_video.sample_count


def test_looks_at_the_same_posture_calm_each_other_and_a_change_keeps_its_size() -> None:
    neck_deg = [3.0, 5.0] * 3 + [25.0, 27.0] * 3
    moments = [moment(2.0 * place, angle) for place, angle in enumerate(neck_deg)]
    raw, calm = (np.array(ear_x(one)) for one in (moments, poses_filled_in(moments, SETTINGS.sparing)))
    for posture in (slice(0, 6), slice(6, 12)):
        assert calm[posture].std() < 0.6 * raw[posture].std()
        assert calm[posture].mean() == pytest.approx(raw[posture].mean(), abs=0.1 * raw[posture].std())
