"""The keys of a live run, in window and terminal alike."""

from __future__ import annotations

from posture_cam.records import Command

KEYS = {
    "q": Command.QUIT,
    "\x1b": Command.QUIT,
    " ": Command.PAUSE,
    "c": Command.CALIBRATE,
    "s": Command.SNOOZE,
    "y": Command.STILL_FITS,
    "h": Command.HELP,
    "?": Command.HELP,
}
KEY_WORDS = "q quit · space pause · c calibrate · s snooze · y my neutral posture still fits · h help"
QUESTION_KEYS = "(y it fits, c calibrate)"
