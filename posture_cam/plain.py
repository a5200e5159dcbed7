"""Text from outside, as it may be shown."""

from __future__ import annotations


def clean(text: str) -> str:
    """Text without control characters and marks that turn the direction of writing.

    Spaces of all kinds and line breaks become spaces, what else does not print becomes a question mark.
    """
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text)
