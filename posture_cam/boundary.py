"""Reading files that were kept: their size is bounded, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from posture_cam.errors import PostureCamError
from posture_cam.files import reading
from posture_cam.plain import clean


class Part(BaseModel):
    """A part of a kept file; what later versions add is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def read_bounded(path: Path, most_bytes: int, kind: type[PostureCamError], hint: str) -> bytes:
    """The content of a kept file.

    Raises:
        PostureCamError: Of that kind: it cannot be read, is no ordinary file, or is too large to be one.
    """
    with reading(path, kind):
        if path.exists() and not path.is_file():
            raise kind(f"{path} is not an ordinary file.", hint)
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise kind(f"{path} is too large for a file of this kind.", hint)
    return content


def what_is_wrong(error: ValidationError) -> str:
    """The first thing that does not fit, and where it stands."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    words = first["msg"].removeprefix("Value error, ")
    return clean(f"{where}: {words}" if where else words)
