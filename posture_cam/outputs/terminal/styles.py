"""How states look on a terminal."""

from __future__ import annotations

from posture_cam.ids import State

STATE_STYLES = {
    State.GOOD: "green",
    State.FAIR: "yellow",
    State.POOR: "red",
    State.AWAY: "bright_black",
    State.UNJUDGED: "bright_black",
}
