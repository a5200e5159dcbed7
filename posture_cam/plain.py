"""Text made safe to show: without terminal control characters and without passwords."""

from __future__ import annotations

import re

# The part of an address before the host, whole or mistyped, with or without a scheme.  A password may
# contain anything but spaces.
_LOGIN = re.compile(r"""(?P<scheme>[a-z][a-z0-9+.-]*:/+)[^\s]*@|[^\s/@:'"\\=(]*:[^\s/\\]+@""", re.IGNORECASE)


def clean(text: str) -> str:
    """Text without control characters and marks that change the writing direction.

    Spaces of all kinds and line breaks become spaces; other unprintable characters become question marks.
    """
    return "".join(char if char.isprintable() else " " if char.isspace() else "?" for char in text)


def redacted(text: str) -> str:
    """Text in which addresses have no user names and passwords."""
    return _LOGIN.sub(lambda found: f"{found['scheme'] or ''}***@", text)
