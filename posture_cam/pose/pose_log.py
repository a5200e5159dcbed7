"""Poses as JSON Lines: written while a video is read, and a source of their own later.

docs/formats.md describes the format.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TextIO

import numpy as np
import orjson
from pydantic import Field, TypeAdapter, ValidationError

from posture_cam import __version__
from posture_cam.errors import SourceError
from posture_cam.files import Kind, kind_of, reading
from posture_cam.kinds import MOST_SECONDS, Rate, Seconds, Words, what_is_wrong
from posture_cam.plain import clean
from posture_cam.records import FloatArray, Pose, Sample, SourceInfo

KIND, POSES_SUFFIX = "posture_cam poses", ".jsonl"
SCHEMA_VERSION = 3
_READ_VERSIONS = (1, 2, 3)
_SAME = "same"
_HINT = "Make it again from the video with --poses."
_TIME_DECIMALS, _IMAGE_DECIMALS, _WORLD_DECIMALS, _SEEN_DECIMALS = 6, 6, 5, 4
# A line with a pose takes 4 kB; a header with the longest name slightly more.
_MOST_LINE_BYTES = 200_000
_MOST_FRAMES = 1_000_000_000
_WRITTEN = ("image_size_wh", "landmarks", "world_landmarks", "visibility", "presence")


@dataclass(frozen=True, slots=True)
class PoseLogHeader:
    """The header of a poses file.

    Attributes:
        content: The checksum that identifies the recording; None if there is no file.
        written_at: The date of the recording's file, ISO 8601 in UTC.
    """

    source: SourceInfo
    model: Words
    running_mode: Words
    rate_hz: Rate | None
    content: Words | None = None
    written_at: Words | None = None


@dataclass(frozen=True, slots=True)
class PoseLogEnd:
    """The end line of a poses file."""

    end_s: Seconds
    partial: bool
    notes: Annotated[tuple[Words, ...], Field(max_length=1000)] = ()


_HEADER, _END, _POSE = TypeAdapter(PoseLogHeader), TypeAdapter(PoseLogEnd), TypeAdapter(Pose)


class Rounding:
    """Rounds samples to the digits of the file, so that they are judged alike before and after it."""

    def __init__(self) -> None:
        self._last: Pose | None = None
        self._has_looked = False

    def round(self, sample: Sample) -> Sample:
        """The sample as it will be read back; the first one is never a reused look."""
        timestamp_s = round(sample.timestamp_s, _TIME_DECIMALS)
        is_reused = sample.is_reused and self._has_looked
        self._has_looked, pose = True, sample.pose
        if is_reused:
            pose = None if self._last is None else replace(self._last, timestamp_s=timestamp_s)
        elif pose is not None:
            pose = Pose(
                timestamp_s=timestamp_s,
                landmarks=_rounded(pose.landmarks, _IMAGE_DECIMALS),
                world_landmarks=None
                if pose.world_landmarks is None
                else _rounded(pose.world_landmarks, _WORLD_DECIMALS),
                visibility=_rounded(pose.visibility, _SEEN_DECIMALS),
                presence=_rounded(pose.presence, _SEEN_DECIMALS),
                image_size_wh=pose.image_size_wh,
            )
        self._last = pose
        return Sample(sample.index, timestamp_s, pose, is_reused, is_reused and sample.has_moved)


def _rounded(values: FloatArray, decimals: int) -> FloatArray:
    return values.astype(np.float64).round(decimals).astype(np.float32)


class PoseLogWriter:
    """Writes poses to an open text file: a header line, a line per sample, an end line."""

    def __init__(self, file: TextIO, header: PoseLogHeader) -> None:
        self._file = file
        self._line({"kind": KIND, "schema_version": SCHEMA_VERSION, "version": __version__, **asdict(header)})

    def write(self, sample: Sample) -> None:
        """Add one sample; a reused look is written as a word."""
        line: dict[str, Any] = {"frame": sample.index, "timestamp_s": sample.timestamp_s, "pose": None}
        if sample.is_reused:
            line["pose"] = _SAME
            if sample.has_moved:
                line["has_moved"] = True
        elif sample.pose is not None:
            line["pose"] = {name: getattr(sample.pose, name) for name in _WRITTEN}
        self._line(line)

    def finish(self, end: PoseLogEnd) -> None:
        """Add the end line."""
        self._line(asdict(end))

    def _line(self, content: dict[str, Any]) -> None:
        self._file.write(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")


class PoseLog:
    """Recorded poses; may be read as often as needed.

    Raises:
        SourceError: The file is missing, or is not a poses file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if kind_of(path) in (Kind.FOLDER, Kind.OTHER):
            raise SourceError(f"{path} is not an ordinary file.", _HINT)
        with reading(path, SourceError), path.open("rb") as file:
            content = self._parse(next(_lines(file, path), (1, b""))[1], 1)
        if content.get("kind") != KIND:
            raise SourceError(f"{path} holds no recorded poses of posture_cam.", _HINT)
        if content.get("schema_version") not in _READ_VERSIONS:
            version = clean(str(content.get("schema_version")))[:20]
            raise SourceError(f"{path} is of format {version}; this version reads 1 to 3.", _HINT)
        try:
            self.header = _HEADER.validate_python(content)
        except ValidationError as error:
            raise SourceError(
                f"{path}: line 1 is not a header of recorded poses ({what_is_wrong(error)}).", _HINT
            ) from error
        self.end: PoseLogEnd | None = None

    def samples(self) -> Iterator[Sample]:
        """The samples in order; `end` is known once all have been read.

        A truncated file ends with its last whole sample, and `end.partial` says so.

        Raises:
            SourceError: A line is invalid, or time does not advance.
        """
        last_s = -math.inf
        last: Sample | None = None
        self.end = None
        with reading(self._path, SourceError), self._path.open("rb") as file:
            lines = _lines(file, self._path)
            next(lines, None)
            for number, line in lines:
                if not line.endswith(b"\n"):
                    break
                content = self._parse(line, number)
                if "end_s" in content:
                    self.end = self._end(content, number)
                    return
                now_s = self._time_s(content, number)
                if now_s <= last_s or now_s < 0:
                    raise SourceError(f"{self._path}: time does not advance in line {number}.", _HINT)
                last_s = now_s
                last = self._sample(content, number, last)
                yield last
        self.end = PoseLogEnd(
            max(last_s, 0.0), partial=True, notes=("The recorded poses end without their end line.",)
        )

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            content = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise SourceError(f"{self._path}: line {number} is no JSON.", _HINT) from error
        if not isinstance(content, dict):
            raise SourceError(f"{self._path}: line {number} is not what it should be.", _HINT)
        return content

    def _time_s(self, content: dict[str, Any], number: int) -> float:
        try:
            time_s = float(content["timestamp_s"])
            if not 0.0 <= time_s <= MOST_SECONDS:
                raise ValueError("not a time")  # noqa: TRY301
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SourceError(f"{self._path}: line {number} is not a sample.", _HINT) from error
        return time_s

    def _sample(self, content: dict[str, Any], number: int, last: Sample | None) -> Sample:
        try:
            index, timestamp_s, pose = int(content["frame"]), float(content["timestamp_s"]), content["pose"]
            if not 0 <= index <= _MOST_FRAMES:
                raise ValueError("not a frame")  # noqa: TRY301
            if pose is None:
                return Sample(index, timestamp_s, None)
            if pose == _SAME:
                if last is None:
                    raise ValueError("no look before it")  # noqa: TRY301
                held = None if last.pose is None else replace(last.pose, timestamp_s=timestamp_s)
                has_moved = bool(content.get("has_moved", False))
                return Sample(index, timestamp_s, held, is_reused=True, has_moved=has_moved)
            pose = _POSE.validate_python({**pose, "timestamp_s": timestamp_s})
            return Sample(index, timestamp_s, pose)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise SourceError(f"{self._path}: line {number} is not a sample.", _HINT) from error

    def _end(self, content: dict[str, Any], number: int) -> PoseLogEnd:
        try:
            return _END.validate_python(content)
        except ValidationError as error:
            raise SourceError(
                f"{self._path}: line {number} is not an end line ({what_is_wrong(error)}).", _HINT
            ) from error


def _lines(file: BinaryIO, path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file and their numbers, each line with its line end.

    Raises:
        SourceError: A line is longer than any that we write.
    """
    number = 0
    while line := file.readline(_MOST_LINE_BYTES):
        number += 1
        if len(line) == _MOST_LINE_BYTES and not line.endswith(b"\n"):
            raise SourceError(f"{path}: line {number} is too long for recorded poses.", _HINT)
        yield number, line
