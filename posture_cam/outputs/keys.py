"""The keys of a live run, in window and terminal alike."""

from __future__ import annotations

from posture_cam.ids import Command

KEYS = {
    "q": Command.QUIT,
    "\x1b": Command.QUIT,
    " ": Command.PAUSE,
    "c": Command.CALIBRATE,
    "s": Command.SNOOZE,
    "y": Command.STILL_FITS,
    "g": Command.SITS_WELL,
    "b": Command.SLOUCHES,
    "+": Command.MORE_SENSITIVE,
    "=": Command.MORE_SENSITIVE,  # the same key without shift
    "-": Command.LESS_SENSITIVE,
    "h": Command.HELP,
    "?": Command.HELP,
}
KEY_WORDS = (
    "q quit · space pause · c calibrate · s snooze · g I sit well · b I slouch · + - sensitivity · "
    "y my neutral posture still fits · h help"
)
QUESTION_KEYS = "(y it fits, c calibrate)"
