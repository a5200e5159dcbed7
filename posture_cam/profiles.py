"""Calibrated neutral postures as files: one JSON per profile, readable by people and private.

docs/formats.md describes the format.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from posture_cam.errors import NeutralError, UsageError
from posture_cam.files import naming, written_whole
from posture_cam.records import Neutral, View
from posture_cam.settings import profiles_dir

SCHEMA_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class _Profile(BaseModel):
    """The file's content; the same fields as `Neutral`."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["posture_cam neutral"]
    schema_version: Literal[1]
    created_at: str
    source: str
    view: View
    centre: dict[str, FiniteFloat] = Field(min_length=1)
    spread: dict[str, FiniteFloat]
    sample_count: Annotated[int, Field(ge=1)]
    context: dict[str, FiniteFloat] = {}
    model: str
    running_mode: str
    image_size_wh: tuple[int, int]
    version: str
    landmarks_xy: tuple[tuple[FiniteFloat, FiniteFloat], ...] = ()
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
    """The names of the stored profiles, sorted."""
    folder = profiles_dir()
    return sorted(path.stem for path in folder.glob("*.json")) if folder.is_dir() else []


def save_profile(name: str, neutral: Neutral) -> Path:
    """Store a neutral posture under a name, readable by the user alone.

    Raises:
        UsageError: The name cannot be one.
        OutputError: The folder cannot be written to.
    """
    path = profile_path(name)
    with naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    content = {"kind": "posture_cam neutral", "schema_version": SCHEMA_VERSION, **asdict(neutral)}
    with written_whole(path, private=True) as temporary, naming(path):
        temporary.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", "utf-8")
    return path


def load_profile(name: str) -> Neutral:
    """The neutral posture stored under a name.

    Raises:
        UsageError: The name cannot be one.
        NeutralError: There is no such profile, or its file is damaged.
    """
    path = profile_path(name)
    known = profile_names()
    if name not in known:
        there = (
            f"Stored profiles: {', '.join(known)}." if known else f"No profile is stored in {profiles_dir()}."
        )
        raise NeutralError(
            f"There is no profile {name!r}.", f"{there} --neutral START-END works without one."
        )
    try:
        profile = _Profile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise NeutralError(
            f"The profile {path} is damaged: {where}: {first['msg']}.", "Delete it and make it again."
        ) from error
    except OSError as error:
        raise NeutralError(f"The profile {path} cannot be read ({error.strerror}).") from error
    return Neutral(**{key: value for key, value in profile if key not in ("kind", "schema_version")})
