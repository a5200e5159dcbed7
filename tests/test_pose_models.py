"""The contract of pose models: any of them can be used for looking at pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from posture_cam.errors import ModelError, SourceError
from posture_cam.ids import LANDMARK_COUNT, Landmark
from posture_cam.pose import open_estimator
from posture_cam.protocols import PoseEstimator
from posture_cam.records import Frame
from posture_cam.session.analysis import AnalysisRequest, analyze
from posture_cam.settings import load_settings
from posture_cam.source import VideoFile
from tests.conftest import SAMPLES

CLIP = SAMPLES / "desk-side.mp4"


@pytest.fixture(params=["full", "recorded poses"])
def estimator(request: pytest.FixtureRequest, sample_poses: Callable[[str], Path]) -> Iterator[PoseEstimator]:
    choice = request.param if request.param == "full" else str(sample_poses(CLIP.stem))
    with open_estimator(choice, load_settings(), is_sparse=True) as opened:
        yield opened


def first_frames(count: int) -> list[Frame]:
    with VideoFile(CLIP, 5.0) as source:
        return [frame for frame, _ in zip(source.frames(), range(count), strict=False)]


def test_a_model_finds_a_whole_pose_of_the_person_at_the_desk(estimator: PoseEstimator) -> None:
    poses = [estimator.estimate(frame) for frame in first_frames(3)]
    for frame, pose in zip(first_frames(3), poses, strict=True):
        assert pose is not None
        assert pose.timestamp_s == frame.timestamp_s
        assert pose.image_size_wh == frame.image_bgr.shape[1::-1]
        assert pose.landmarks.shape == (LANDMARK_COUNT, 3)
        assert pose.world_landmarks is None or pose.world_landmarks.shape == (LANDMARK_COUNT, 3)
        assert pose.visibility.shape == pose.presence.shape == (LANDMARK_COUNT,)
        assert np.isfinite(pose.landmarks).all()
        assert 0.0 < pose.landmarks[Landmark.NOSE, 0] < 1.0
    assert estimator.model.startswith("full-")
    assert estimator.running_mode == "VIDEO"


def test_a_model_names_its_landmarks(estimator: PoseEstimator) -> None:
    assert len(estimator.landmark_names) == LANDMARK_COUNT
    for landmark in Landmark:
        assert estimator.landmark_names[landmark] == landmark.name.lower()


@pytest.mark.parametrize("is_recorded", [False, True])
def test_another_of_a_model_works_by_itself_and_outlives_it(
    sample_poses: Callable[[str], Path], *, is_recorded: bool
) -> None:
    choice = str(sample_poses(CLIP.stem)) if is_recorded else "full"
    with open_estimator(choice, load_settings(), is_sparse=True) as first:
        other = first.another()
    with other:
        assert other.estimate(first_frames(1)[0]) is not None


def test_recorded_poses_stand_in_for_the_model_that_saw_them(
    sample_poses: Callable[[str], Path], tmp_path: Path
) -> None:
    poses = sample_poses(CLIP.stem)
    by_model = analyze(AnalysisRequest(poses))
    by_poses = analyze(AnalysisRequest(CLIP, model=str(poses), video=tmp_path / "a.mp4"))
    assert (tmp_path / "a.mp4").stat().st_size > 100_000
    assert by_poses.model == by_model.model
    for state, seconds in by_model.seconds_by_state.items():
        assert by_poses.seconds_by_state[state] == pytest.approx(seconds, abs=0.5)


@pytest.mark.parametrize(
    ("choice", "kind"),
    [("nothing.jsonl", SourceError), ("nothing.task", ModelError), ("huge", ModelError)],
)
def test_what_is_no_model_is_refused(choice: str, kind: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(kind):
        open_estimator(str(tmp_path / choice), load_settings())


def test_poses_that_were_cut_off_do_not_stand_in_for_a_model(
    tmp_path: Path, sample_poses: Callable[[str], Path]
) -> None:
    """The missing rest would pass for time in which nobody is there."""
    cut = tmp_path / "cut.poses.jsonl"
    cut.write_bytes(sample_poses(CLIP.stem).read_bytes()[:40_000])
    with pytest.raises(SourceError, match="does not hold the whole recording"):
        analyze(AnalysisRequest(CLIP, model=str(cut)))
