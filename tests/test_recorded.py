from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from posture_cam.errors import SourceError
from posture_cam.pose.pose_log import PoseLog, PoseLogEnd, PoseLogHeader, PoseLogWriter, Rounding
from tests.builders import SOURCE, Film, front, side

HEADER = PoseLogHeader(SOURCE, "full-abc", "VIDEO", 5.0)


END = PoseLogEnd(10.0, partial=False, notes=("a note",))


def write(path: Path, film: Film, end: PoseLogEnd | None = END) -> Path:
    with path.open("w", encoding="utf-8") as file:
        writer, rounding = PoseLogWriter(file, HEADER), Rounding()
        for sample in film.samples:
            writer.write(rounding.round(sample))
        if end is not None:
            writer.finish(end)
    return path


@pytest.fixture
def film() -> Film:
    return Film(noise_px=1.0).hold(2.0, side()).nobody(1.0).hold(2.0, front())


def test_what_is_written_is_read_again(tmp_path: Path, film: Film) -> None:
    log = PoseLog(write(tmp_path / "a.poses.jsonl", film))
    assert log.header == HEADER
    back = list(log.samples())
    assert len(back) == len(film.samples)
    for one, other in zip(film.samples, back, strict=True):
        assert (one.index, one.timestamp_s) == (other.index, pytest.approx(other.timestamp_s))
        if one.pose is None:
            assert other.pose is None
            continue
        assert other.pose is not None
        assert np.abs(one.pose.landmarks - other.pose.landmarks).max() < 1e-6
        assert one.pose.world_landmarks is not None
        assert other.pose.world_landmarks is not None
        assert np.abs(one.pose.world_landmarks - other.pose.world_landmarks).max() < 1e-5
        assert other.pose.image_size_wh == one.pose.image_size_wh
    assert log.end == PoseLogEnd(10.0, partial=False, notes=("a note",))
    assert len(list(log.samples())) == len(back)  # as often as wanted


def test_a_pose_that_stands_is_a_word_and_is_read_as_the_pose_before_it(tmp_path: Path, film: Film) -> None:
    film.samples[3:5] = [
        replace(sample, pose=film.samples[2].pose, is_reused=True) for sample in film.samples[3:5]
    ]
    film.samples[4] = replace(film.samples[4], has_moved=True)
    path = write(tmp_path / "a.poses.jsonl", film)
    lines = path.read_text("utf-8").splitlines()
    assert [json.loads(line)["pose"] for line in lines[4:6]] == ["same", "same"]
    back = list(PoseLog(path).samples())
    assert [sample.is_reused for sample in back[2:6]] == [False, True, True, False]
    assert [sample.has_moved for sample in back[2:6]] == [False, False, True, False]
    assert back[4].pose is not None
    assert back[2].pose is not None
    assert (back[4].pose.landmarks == back[2].pose.landmarks).all()
    assert back[4].pose.timestamp_s == back[4].timestamp_s
    path.write_text("\n".join([lines[0], lines[4]]) + "\n", "utf-8")
    with pytest.raises(SourceError, match="line 2"):
        list(PoseLog(path).samples())


def test_samples_are_rounded_to_what_will_be_read(tmp_path: Path, film: Film) -> None:
    film.samples[3] = replace(film.samples[3], pose=film.samples[2].pose, is_reused=True, has_moved=True)
    nobody = next(number for number, sample in enumerate(film.samples) if sample.pose is None)
    for number in (0, nobody):
        film.samples[number] = replace(film.samples[number], is_reused=True, has_moved=True)
    path = tmp_path / "a.poses.jsonl"
    with path.open("w", encoding="utf-8") as file:
        writer, rounding = PoseLogWriter(file, HEADER), Rounding()
        given = [rounding.round(sample) for sample in film.samples]
        for sample in given:
            writer.write(sample)
        writer.finish(END)
    for one, read in zip(given, PoseLog(path).samples(), strict=True):
        assert (one.index, one.timestamp_s) == (read.index, read.timestamp_s)
        assert (one.is_reused, one.has_moved) == (read.is_reused, read.has_moved)
        assert (one.pose is None) == (read.pose is None)
        if one.pose is not None and read.pose is not None:
            assert (one.pose.landmarks == read.pose.landmarks).all()
            assert np.array_equal(one.pose.world_landmarks, read.pose.world_landmarks)  # type: ignore[arg-type]
            assert (one.pose.presence == read.pose.presence).all()
            assert one.pose.timestamp_s == read.pose.timestamp_s


@pytest.mark.parametrize("version", [1, 2])
def test_earlier_formats_are_read_too(tmp_path: Path, film: Film, version: int) -> None:
    path = write(tmp_path / "a.poses.jsonl", film)
    path.write_text(
        path.read_text("utf-8").replace('"schema_version":3', f'"schema_version":{version}', 1), "utf-8"
    )
    assert len(list(PoseLog(path).samples())) == len(film.samples)


def test_a_look_that_saw_nobody_differs_from_a_sample_without_a_look(tmp_path: Path, film: Film) -> None:
    first = next(number for number, sample in enumerate(film.samples) if sample.pose is None)
    film.samples[first + 1] = replace(film.samples[first + 1], is_reused=True)
    back = list(PoseLog(write(tmp_path / "a.poses.jsonl", film)).samples())
    assert [(one.pose, one.is_reused) for one in back[first : first + 3]] == [
        (None, False),
        (None, True),
        (None, False),
    ]


def test_it_is_plain_json_lines(tmp_path: Path, film: Film) -> None:
    lines = write(tmp_path / "a.poses.jsonl", film).read_text("utf-8").splitlines()
    header, first, *_ = map(json.loads, lines)
    assert header["kind"] == "posture_cam poses"
    assert header["schema_version"] == 3
    assert set(first["pose"]) == {"image_size_wh", "landmarks", "world_landmarks", "visibility", "presence"}


def test_a_file_that_was_cut_off_is_read_to_its_last_whole_line(tmp_path: Path, film: Film) -> None:
    path = write(tmp_path / "a.poses.jsonl", film)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    log = PoseLog(path)
    assert 5 < len(list(log.samples())) < len(film.samples)
    assert log.end is not None
    assert log.end.partial


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"frame": 1}',
        '{"frame": 1, "timestamp_s": 9.0, "pose": {"image_size_wh": [640, 480]}}',
        '{"frame": 1, "timestamp_s": 0.0, "pose": null}',  # time does not advance
        '{"frame": 1, "timestamp_s": NaN, "pose": null}',
        '{"end_s": "soon", "partial": false, "notes": []}',
    ],
)
def test_damaged_lines_are_named(tmp_path: Path, line: str) -> None:
    path = write(tmp_path / "a.poses.jsonl", Film().hold(0.4, side()), end=None)
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(SourceError, match="line 4"):
        list(PoseLog(path).samples())


def test_poses_of_the_wrong_shape_are_refused(tmp_path: Path) -> None:
    text = StringIO()
    writer = PoseLogWriter(text, HEADER)
    writer.write(Film().hold(0.2, side()).samples[0])
    header, sample = text.getvalue().splitlines()
    content = json.loads(sample)
    content["pose"]["landmarks"].pop()
    path = tmp_path / "a.poses.jsonl"
    path.write_text(header + "\n" + json.dumps(content) + "\n", "utf-8")
    with pytest.raises(SourceError, match="line 2 is not a sample"):
        list(PoseLog(path).samples())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello\n",
        b'{"kind": "other"}\n',
        b"\xff\xfe\x00\n",
        b'{"kind": "posture_cam poses", "schema_version": 9}\n',
        b'{"kind": "posture_cam poses", "schema_version": 1}\n',
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        PoseLog(path)
    assert caught.value.hint


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist"):
        PoseLog(tmp_path / "a.jsonl")
