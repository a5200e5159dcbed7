"""Kinds of values that may come from outside, with their limits; records use them for their fields.

Files may be damaged, made by another version, or malicious.  Whatever is read into a record through these
kinds is cleaned and checked here, once: text cannot steer a terminal, numbers are finite and within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import CoreSchema, core_schema

from posture_cam.plain import clean

LONGEST_TEXT = 10_000
MOST_SECONDS = 3.2e7  # a year
# Landmarks may lie outside the picture by several times its width.
_MOST_AMOUNT = 1e4
_DECIMALS = 6

Words = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(clean)]
Encoded = Annotated[str, Field(max_length=200_000, pattern=r"^[A-Za-z0-9+/]*=*$")]
Seconds = Annotated[float, Field(ge=0.0, le=MOST_SECONDS, allow_inf_nan=False)]
Value = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0.0, le=1e5, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Pixels = Annotated[int, Field(ge=1, le=100_000)]
UnknownPixels = Annotated[int, Field(ge=0, le=100_000)]  # 0 if unknown


@dataclass(frozen=True)
class Shaped:
    """Marks an array of numbers with a fixed shape, in the precision of the models' output.

    It is written as lists, rounded to six decimals.
    """

    shape: tuple[int, ...]

    def read(self, values: object) -> NDArray[np.float32]:
        """The array.

        Raises:
            ValueError: The shape is wrong, or a number is out of bounds.
        """
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, OverflowError) as error:
            raise ValueError("no numbers") from error
        if array.shape != self.shape or not (np.abs(array) <= _MOST_AMOUNT).all():
            raise ValueError("wrong shape, or out of bounds")
        return array.astype(np.float32)

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        """How pydantic reads and writes the array."""
        written = core_schema.plain_serializer_function_ser_schema(
            lambda array: array.astype(np.float64).round(_DECIMALS).tolist()
        )
        return core_schema.no_info_plain_validator_function(self.read, serialization=written)


class Part(BaseModel):
    """A part of a stored file; fields that later versions add are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def what_is_wrong(error: ValidationError) -> str:
    """The first error, and its place."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    words = first["msg"].removeprefix("Value error, ")
    return clean(f"{where}: {words}" if where else words)
