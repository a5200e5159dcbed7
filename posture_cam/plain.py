"""Text as it may be shown: without what would steer a terminal, and without passwords."""

from __future__ import annotations

import re

# What stands before the host of an address, whole or mistyped, with a scheme or without one.  A password may
# hold anything but spaces.
_LOGIN = re.compile(r"""(?P<scheme>[a-z][a-z0-9+.-]*:/+)[^\s]*@|[^\s/@:'"\\=(]*:[^\s/\\]+@""", re.IGNORECASE)


def clean(text: str) -> str:
    """Text without control characters and marks that turn the direction of writing.

    Spaces of all kinds and line breaks become spaces, what else does not print becomes a question mark.
    """
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text)


def redacted(text: str) -> str:
    """Text without the user names and passwords of addresses in it."""
    return _LOGIN.sub(lambda found: f"{found['scheme'] or ''}***@", text)
