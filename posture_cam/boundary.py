"""What may come in from files that were kept: every one of them passes through these types.

A file may be damaged, made by another version, or made to do harm.  Text that would steer a terminal or turn
the words around it is cleaned here, once; numbers are finite and within bounds; sizes are bounded.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from posture_cam.errors import PostureCamError
from posture_cam.files import reading
from posture_cam.plain import clean
from posture_cam.records import kept_id

E = TypeVar("E", bound=StrEnum)
LONGEST_ID, LONGEST_TEXT = 200, 10_000
MOST_SECONDS = 3.2e7  # a year


Words = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(clean)]
Seconds = Annotated[float, Field(ge=0.0, le=MOST_SECONDS, allow_inf_nan=False)]
Value = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]


class Part(BaseModel):
    """A part of a kept file; what later versions add is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def any_id(kind: type[E]) -> Any:
    """The validator of an id: one of a kind, or one that this version does not know."""

    def read(value: object) -> E:
        if not isinstance(value, str) or len(value) > LONGEST_ID:
            raise ValueError("no id")
        return kept_id(kind, clean(value))

    return PlainValidator(read)


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
