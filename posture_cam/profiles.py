"""Calibrated neutral postures as files: one private, readable JSON file per profile.

docs/formats.md describes the format.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from posture_cam.errors import NeutralError, UsageError
from posture_cam.files import Kind, kind_of, make_folder, naming, read_bounded, reading, written_whole
from posture_cam.ids import Feature, View
from posture_cam.kinds import Part, what_is_wrong
from posture_cam.paths import profiles_dir
from posture_cam.records import Correction, Neutral

KIND, SCHEMA_VERSION = "posture_cam neutral", 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


_MOST_BYTES = 2_000_000
# Chosen: more than anyone gives, and files stay small.
MOST_CORRECTIONS = 50
# Chosen: sitting and standing at four desks.
MOST_NEUTRALS = 8
_NEUTRAL = TypeAdapter(Neutral)


class _Head(Part):
    kind: Literal["posture_cam neutral"]
    schema_version: Literal[1]


def profile_path(name: str) -> Path:
    """The path of the profile with that name.

    Raises:
        UsageError: The name contains characters other than letters, digits, - and _.
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
        UsageError: The name is not allowed.
        NeutralError: The folder of profiles cannot be read.
    """
    profile_path(name)
    return name in profile_names()


def save_profile(name: str, neutral: Neutral, *, is_of_camera: bool = False) -> Path:
    """Store a neutral posture under a name, readable by the user alone; the previous one is kept.

    It replaces the one of the same setup; others of the profile stay.  Corrections given before stay: they
    know the neutral posture that they were compared with.

    Args:
        name: The profile.
        neutral: The neutral posture; its `others` are not stored.
        is_of_camera: It was taken by a camera, and stands beside those of other cameras.  One from a
            recording replaces that of the same stance.

    Raises:
        UsageError: The name is not allowed.
        OutputError: The folder cannot be written to.
    """
    path, neutral = profile_path(name), replace(neutral, others=())
    with suppress(NeutralError):  # none is stored, or it is damaged
        earlier = load_profile(name)
        others = all_of(earlier)
        replaced = stored_like(others, neutral, is_of_camera=is_of_camera)
        others = [one for one in others if one is not replaced]
        corrections = neutral.corrections or earlier.corrections
        neutral = replace(neutral, corrections=corrections, others=tuple(others[: MOST_NEUTRALS - 1]))
    with naming(path):
        make_folder(path.parent)
        with suppress(FileNotFoundError):
            _keep_previous(path)
    _write(path, neutral)
    return path


def all_of(neutral: Neutral) -> list[Neutral]:
    """The neutral postures of a profile, the last calibrated first; each by itself."""
    return [replace(neutral, others=()), *neutral.others]


def stored_like(stored: Sequence[Neutral], neutral: Neutral, *, is_of_camera: bool) -> Neutral | None:
    """The neutral posture of a profile that a new one would replace: that of the same setup, or None.

    Args:
        stored: Those of the profile (`all_of`); the one returned is one of them.
        neutral: The new one.
        is_of_camera: As for `save_profile`.
    """
    alike = [one for one in stored if one.stance == neutral.stance]
    known = [
        one
        for one in alike
        if is_same_camera(one, neutral.source, neutral.device)
        and (None in (one.displays, neutral.displays) or one.displays == neutral.displays)
    ]
    if known or is_of_camera:
        return known[0] if known else None
    return alike[0] if alike else None


def is_same_camera(neutral: Neutral, source: str, device: str) -> bool:
    """Whether a neutral posture is of this camera: by its own name where that is known, as numbers change."""
    if neutral.device and device:
        return neutral.device == device
    return neutral.source == source


def forget_neutral(name: str, number: int) -> Neutral:
    """Take one neutral posture out of a profile that has several; returns it.

    Args:
        name: The profile.
        number: Its place, from 1, as `posture-cam profiles show` lists them.

    Raises:
        UsageError: The name is not allowed.
        NeutralError: There is no such profile or neutral posture, or it is the only one.
        OutputError: The folder cannot be written to.
    """
    stored = load_profile(name)
    known = all_of(stored)
    if len(known) == 1:
        raise NeutralError(
            f"{name} holds a single neutral posture.", f"posture-cam profiles delete {name} deletes it."
        )
    if not 1 <= number <= len(known):
        raise NeutralError(
            f"{name} has no neutral posture {number}.", f"They are numbered 1 to {len(known)}."
        )
    taken = known.pop(number - 1)
    path = profile_path(name)
    with naming(path):
        _keep_previous(path)
    _write(path, replace(known[0], corrections=stored.corrections, others=tuple(known[1:])))
    return taken


def _write(path: Path, neutral: Neutral) -> None:
    content = {"kind": KIND, "schema_version": SCHEMA_VERSION, **_as_json(neutral)}
    with written_whole(path, private=True) as temporary, naming(path):
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")


def add_correction(name: str, correction: Correction) -> Neutral:
    """Add a correction to a profile, as the last; of many, the oldest are dropped.

    Raises:
        UsageError: The name is not allowed.
        NeutralError: There is no such profile, or it is damaged.
        OutputError: The folder cannot be written to.
    """
    neutral = load_profile(name)
    corrections = (*neutral.corrections, correction)[-MOST_CORRECTIONS:]
    return _with_corrections(name, neutral, corrections)


def forget_corrections(name: str, *, last: int | None = None) -> int:
    """Take corrections of a profile back: the last ones, or all; returns how many.

    Raises:
        UsageError: The name is not allowed.
        NeutralError: There is no such profile, or it is damaged.
        OutputError: The folder cannot be written to.
    """
    neutral = load_profile(name)
    count = len(neutral.corrections) if last is None else min(last, len(neutral.corrections))
    if count:
        kept = neutral.corrections[: len(neutral.corrections) - count]
        _with_corrections(name, neutral, kept)
        with suppress(NeutralError):  # the copy that the last calibration replaced
            if kind_of(_previous_path(name)) == Kind.FILE:
                _write(_previous_path(name), replace(_read(_previous_path(name)), corrections=kept))
    return count


def _with_corrections(name: str, neutral: Neutral, corrections: tuple[Correction, ...]) -> Neutral:
    changed = replace(neutral, corrections=corrections)
    _write(profile_path(name), changed)
    return changed


def restore_profile(name: str) -> Neutral:
    """Restore the neutral posture that the last calibration under a name replaced; the two swap places.

    Raises:
        UsageError: The name is not allowed.
        NeutralError: There is no previous posture, or it is damaged.
        OutputError: The folder cannot be written to.
    """
    path, previous = profile_path(name), _previous_path(name)
    restored = _read(previous) if kind_of(previous) == Kind.FILE else None
    if restored is None:
        raise NeutralError(
            f"No earlier neutral posture of {name!r} is kept.",
            "One is kept once a calibration has replaced it.",
        )
    with suppress(NeutralError):  # corrections belong to the person, not to one calibration
        restored = replace(restored, corrections=load_profile(name).corrections)
    with naming(path), suppress(FileNotFoundError):
        _keep_previous(path)
    _write(path, restored)
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
        UsageError: The name is not allowed.
        NeutralError: There is no such profile, or its file is damaged.
    """
    return _read(_existing(name))


def _read(path: Path) -> Neutral:
    content = read_bounded(path, _MOST_BYTES, NeutralError, "Delete it and make it again.")
    try:
        fields = from_json(content)
        _Head.model_validate(fields)
        del fields["kind"], fields["schema_version"]
        others = fields.get("others")
        for one in (fields, *(others if isinstance(others, list) else ())):
            if isinstance(one, dict) and isinstance(one.get("pose"), dict):
                one["pose"]["timestamp_s"] = 0.0
        neutral = _NEUTRAL.validate_python(fields)
        for one in all_of(neutral):
            _check(one)
        others = tuple(replace(one, corrections=neutral.corrections, others=()) for one in neutral.others)
        neutral = replace(neutral, others=others)
    except ValueError as error:  # pydantic's ValidationError is one too
        what = what_is_wrong(error) if isinstance(error, ValidationError) else str(error)
        raise NeutralError(
            f"The profile {path} is damaged: {what}.", "Delete it and make it again."
        ) from error
    return neutral


def _check(neutral: Neutral) -> None:
    """Refuse values that a profile cannot have, though a neutral posture from a recording may.

    Raises:
        ValueError: One of its fields is impossible.
    """
    sizes = (Feature.SHOULDER_WIDTH, Feature.TRUNK_LENGTH, Feature.FACE_HEIGHT)
    impossible = {
        "view: there is no such view": neutral.view not in set(View),
        "centre: it is empty": not neutral.centre,
        "centre: a size in it is no size": min(neutral.centre.get(size, 1.0) for size in sizes) <= 0,
        "sample_count: it is 0": neutral.sample_count < 1,
        "pose: there is none": neutral.pose is None,
        "is_personal: it is not": not neutral.is_personal,
        "room: it holds no points": neutral.room is not None and not neutral.room.is_whole,
    }
    for words, is_impossible in impossible.items():
        if is_impossible:
            raise ValueError(words)


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
        UsageError: A name is not allowed, or the new one is taken.
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
    """Delete a stored profile, and the previous one that it replaced.

    Raises:
        UsageError: The name is not allowed.
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
        UsageError: The name is not allowed.
        NeutralError: There is no such profile.
    """
    _existing(name)


def _as_json(neutral: Neutral) -> dict[str, Any]:
    fields: dict[str, Any] = _NEUTRAL.dump_python(neutral, mode="json")
    for other in fields["others"]:
        del other["others"], other["corrections"]  # those of the profile are above
    for one in (fields, *fields["others"]):
        del one["alike_s"], one["carried_error_deg"]  # of a run
        if one["pose"] is not None:
            del one["pose"]["timestamp_s"]
    return fields
