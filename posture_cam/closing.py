"""A base for everything that must be closed."""

from __future__ import annotations

from typing import Self


class Closing:
    """A context manager that closes itself, however it is left."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release what is open; nothing in this base class."""
