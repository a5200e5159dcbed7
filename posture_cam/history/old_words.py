"""Sentences that earlier versions stored in place of ids."""

from __future__ import annotations

# Version 0.1.0 wrote reasons as sentences.
OLD_REASON_IDS = {
    "nobody in the picture": "nobody",
    "head or shoulders not seen well enough": "head_hidden",
    "person too small in the picture": "too_small",
    "head turned away": "looking_away",
    "looking down": "looking_down",
    "shoulders out of the picture": "shoulders_out",
    "the angles cannot be told surely enough from here": "unsure",
    "no neutral posture to compare with from this view": "no_neutral",
    "seen from another side than the neutral posture": "other_view",
    "neck and trunk not measurable from this camera": "not_measurable",
    "not seen for long enough yet": "settling",
    "no pictures": "gap",
    "camera unplugged or stream cut": "camera_gone",
    "camera used by another program": "camera_busy",
    "camera covered or black": "black",
    "camera frozen": "frozen",
    "computer asleep": "asleep",
    "paused by you": "paused",
    "taking your neutral posture": "calibrating",
    "camera moved since your neutral posture was taken": "camera_moved",
}
