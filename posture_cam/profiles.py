"""Calibrated neutral postures as files: one JSON per profile, readable by people and private.

docs/formats.md describes the format.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from posture_cam.boundary import Pixels, Words, read_bounded, what_is_wrong
from posture_cam.errors import NeutralError, UsageError
from posture_cam.files import Kind, kind_of, make_folder, naming, reading, written_whole
from posture_cam.records import LANDMARK_COUNT, Feature, Measure, Neutral, Pose, View
from posture_cam.settings import profiles_dir

SCHEMA_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


_POSE_DECIMALS = 6
_Point = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
_Points = Annotated[tuple[_Point, ...], Field(min_length=LANDMARK_COUNT, max_length=LANDMARK_COUNT)]
_Shares = Annotated[tuple[FiniteFloat, ...], Field(min_length=LANDMARK_COUNT, max_length=LANDMARK_COUNT)]
_Size = Pixels
_MOST_BYTES = 1_000_000


def _sizes_are_sizes(centre: dict[str, float]) -> dict[str, float]:
    for name in (Feature.SHOULDER_WIDTH, Feature.TRUNK_LENGTH, Feature.FACE_HEIGHT):
        if centre.get(name, 1.0) <= 0:
            raise ValueError(f"{name} is no size")
    return centre


class _PoseFile(BaseModel):
    """The median pose, in MediaPipe's own numbers."""

    model_config = ConfigDict(extra="forbid")

    landmarks: _Points
    world_landmarks: _Points
    visibility: _Shares
    presence: _Shares
    image_size_wh: tuple[_Size, _Size]


class _Profile(BaseModel):
    """The file's content; the same fields as `Neutral`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["posture_cam neutral"]
    schema_version: Literal[1]
    created_at: Words
    source: Words
    view: View
    centre: Annotated[dict[str, FiniteFloat], Field(min_length=1), AfterValidator(_sizes_are_sizes)]
    spread: dict[str, FiniteFloat]
    sample_count: Annotated[int, Field(ge=1)]
    context: dict[str, FiniteFloat] = {}
    model: Words
    running_mode: Words
    image_size_wh: tuple[_Size, _Size]
    version: Words
    pose: _PoseFile
    slouch: dict[Measure, FiniteFloat] = {}
    start_s: FiniteFloat | None = None
    end_s: FiniteFloat | None = None
    is_personal: Literal[True] = True


def profile_path(name: str) -> Path:
    """Where a profile of that name is kept.

    Raises:
        UsageError: The name has other characters than letters, digits, - and _.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a profile.", "Use letters, digits, - and _, at most 64 of them."
        )
    return profiles_dir() / f"{name}.json"


def profile_names() -> list[str]:
    """The names of the stored profiles, sorted.

    Raises:
        NeutralError: Their folder cannot be read.
    """
    folder = profiles_dir()
    with reading(folder, NeutralError):
        try:
            found = [path.name for path in os.scandir(folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []
    names = [name.removesuffix(".json") for name in found if name.endswith(".json")]
    return sorted(name for name in names if _NAME.fullmatch(name))


def has_profile(name: str) -> bool:
    """Whether a profile is stored under a name.

    Raises:
        UsageError: The name cannot be one.
        NeutralError: The folder of profiles cannot be read.
    """
    profile_path(name)
    return name in profile_names()


def save_profile(name: str, neutral: Neutral) -> Path:
    """Store a neutral posture under a name, readable by the user alone; the one before it is kept.

    Raises:
        UsageError: The name cannot be one.
        OutputError: The folder cannot be written to.
    """
    path = profile_path(name)
    content = {"kind": "posture_cam neutral", "schema_version": SCHEMA_VERSION, **_as_json(neutral)}
    with naming(path):
        make_folder(path.parent)
        with suppress(FileNotFoundError):
            _keep_previous(path)
    with written_whole(path, private=True) as temporary, naming(path):
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")
    return path


def restore_profile(name: str) -> Neutral:
    """Take back the neutral posture that the last calibration under a name replaced; they change places.

    Raises:
        UsageError: The name cannot be one.
        NeutralError: There is none, or it is damaged.
        OutputError: The folder cannot be written to.
    """
    path, previous = profile_path(name), _previous_path(name)
    restored = _read(previous) if kind_of(previous) == Kind.FILE else None
    if restored is None:
        raise NeutralError(
            f"No earlier neutral posture of {name!r} is kept.",
            "One is kept once a calibration has replaced it.",
        )
    with naming(path):
        earlier = previous.read_bytes()
        with suppress(FileNotFoundError):
            _keep_previous(path)
    with written_whole(path, private=True) as temporary, naming(path):
        temporary.write_bytes(earlier)
    return restored


def _previous_path(name: str) -> Path:
    return profile_path(name).parent / "previous" / f"{name}.json"


def _keep_previous(path: Path) -> None:
    content = path.read_bytes()
    previous = _previous_path(path.stem)
    make_folder(previous.parent)
    with written_whole(previous, private=True) as temporary:
        temporary.write_bytes(content)


def load_profile(name: str) -> Neutral:
    """The neutral posture stored under a name.

    Raises:
        UsageError: The name cannot be one.
        NeutralError: There is no such profile, or its file is damaged.
    """
    return _read(_existing(name))


def _read(path: Path) -> Neutral:
    try:
        content = read_bounded(path, _MOST_BYTES, NeutralError, "Delete it and make it again.")
        profile = _Profile.model_validate_json(content)
    except ValidationError as error:
        raise NeutralError(
            f"The profile {path} is damaged: {what_is_wrong(error)}.", "Delete it and make it again."
        ) from error
    fields = {key: value for key, value in profile if key not in ("kind", "schema_version", "pose")}
    fields["slouch"] = {name.value: value for name, value in profile.slouch.items()}
    return Neutral(**fields, pose=_as_pose(profile.pose))


def _existing(name: str) -> Path:
    path, known = profile_path(name), profile_names()
    if name not in known:
        there = (
            f"Stored profiles: {', '.join(known)}."
            if known
            else "None is stored yet; posture-cam calibrate makes one."
        )
        raise NeutralError(f"There is no profile {name!r}.", there)
    return path


def rename_profile(name: str, new_name: str) -> None:
    """Give a stored profile another name.

    Raises:
        UsageError: A name cannot be one, or the new one is taken.
        NeutralError: There is no such profile.
        OutputError: The folder cannot be written to.
    """
    path, target = _existing(name), profile_path(new_name)
    if name == new_name:
        return
    if new_name in profile_names():
        raise UsageError(f"There is a profile {new_name!r} already.", "Delete it first, or choose another.")
    with naming(target):
        path.rename(target)
        with suppress(FileNotFoundError):
            _previous_path(name).replace(_previous_path(new_name))


def delete_profile(name: str) -> None:
    """Delete a stored profile, and the one that it had replaced.

    Raises:
        UsageError: The name cannot be one.
        NeutralError: There is no such profile.
        OutputError: The folder cannot be written to.
    """
    path = _existing(name)
    with naming(path):
        path.unlink()
        _previous_path(name).unlink(missing_ok=True)


def check_profile(name: str) -> None:
    """Refuse a name under which nothing is stored.

    Raises:
        UsageError: The name cannot be one.
        NeutralError: There is no such profile.
    """
    _existing(name)


def _as_json(neutral: Neutral) -> dict[str, Any]:
    fields = asdict(replace(neutral, pose=None))
    del fields["alike_s"]  # of recordings only
    pose = neutral.pose
    if pose is not None:
        fields["pose"] = {
            "landmarks": pose.landmarks.round(_POSE_DECIMALS).tolist(),
            "world_landmarks": pose.world_landmarks.round(_POSE_DECIMALS).tolist(),
            "visibility": pose.visibility.round(_POSE_DECIMALS).tolist(),
            "presence": pose.presence.round(_POSE_DECIMALS).tolist(),
            "image_size_wh": pose.image_size_wh,
        }
    return fields


def _as_pose(file: _PoseFile) -> Pose:
    return Pose(
        timestamp_s=0.0,
        landmarks=np.array(file.landmarks),
        world_landmarks=np.array(file.world_landmarks),
        visibility=np.array(file.visibility),
        presence=np.array(file.presence),
        image_size_wh=file.image_size_wh,
    )
