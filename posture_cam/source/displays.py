"""How many displays are connected, where the system tells: a laptop at its dock or away from it."""

from __future__ import annotations

from pathlib import Path

_CONNECTORS = Path("/sys/class/drm")


def display_count(connectors: Path = _CONNECTORS) -> int | None:
    """The number of connected displays by Linux's list of connectors; None where there is none.

    Args:
        connectors: The folder with one entry for each connector.
    """
    try:
        states = [path.read_text("ascii", "replace").strip() for path in connectors.glob("card*-*/status")]
    except OSError:
        return None
    return states.count("connected") if "connected" in states else None
