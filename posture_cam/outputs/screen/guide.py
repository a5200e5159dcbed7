"""Guiding a person in front of the camera: in a window where there is a screen, and in words."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.text import Text

from posture_cam.closing import Closing
from posture_cam.outputs.screen.overlay import draw_banner
from posture_cam.outputs.screen.picture_window import PictureWindow

_BAR_CELLS = 20
_PROBE_S = 15.0
_QUIT_KEYS = (ord("q"), 27)
_ASK_EVERY_S = 0.05
_BLANK_WH = (640, 360)


def has_display() -> bool:
    """Whether a window can be opened here.

    This is tested in a separate process, because Qt ends the process if a named display does not answer.
    """
    if sys.platform in ("darwin", "win32"):
        return True
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        done = subprocess.run(
            [sys.executable, "-c", "import cv2; cv2.namedWindow('posture_cam'); cv2.waitKey(1)"],
            capture_output=True,
            timeout=_PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class Screen(Closing):
    """A line on the terminal and, where there is one, a window; a context manager.

    Args:
        console: Prints the words.
        window: The title of a window, or None for none.
    """

    def __init__(self, console: Console, window: str | None) -> None:
        self.console, self.has_window = console, window is not None
        self._window = PictureWindow(window or "")
        self.key = -1
        self._live = Live(console=console, transient=True, auto_refresh=False)

    def bar(self, words: str, share: float) -> None:
        """Words beside a bar, on a terminal."""
        done = round(share * _BAR_CELLS)
        bar = "━" * done + "─" * (_BAR_CELLS - done)
        self._live.update(Text.assemble((bar, "green"), f"  {words}"), refresh=True)

    def paint(self, picture: NDArray[np.uint8]) -> bool:
        """Show a picture in the window; False once the person asked to stop there."""
        self._window.show(picture)
        self.key = self._window.key() & 0xFF
        return self.key not in _QUIT_KEYS and self._window.look()

    def hush(self) -> None:
        """Clear the line on the terminal, so that something else can be written there."""
        if self.console.is_terminal:
            self._live.stop()

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live.start()
        if self.has_window:
            self._window.open()
        return self

    def close(self) -> None:
        """Close everything that is open."""
        self.hush()
        if self.has_window:
            self._window.close()


class Guide(Screen):
    """Shows one sentence at a time, with the progress."""

    def __init__(self, console: Console, window: str | None) -> None:
        super().__init__(console, window)
        self._last_words = ""
        self._picture: NDArray[np.uint8] = np.full((*_BLANK_WH[::-1], 3), 40, np.uint8)

    def show(self, words: str, share: float, image_bgr: NDArray[np.uint8] | None) -> bool:
        """Show a sentence.

        Args:
            words: One sentence.
            share: How much is done, 0 to 1.
            image_bgr: The picture for the window, which shows it mirrored.

        Returns:
            False once the person asked to stop in the window.
        """
        if self.console.is_terminal:
            self.bar(words, share)
        elif words != self._last_words:
            self.console.print(words, highlight=False, markup=False)
        self._last_words = words
        if not self.has_window or image_bgr is None:
            return True
        self._picture = np.ascontiguousarray(image_bgr[:, ::-1])
        picture = self._picture.copy()
        draw_banner(picture, words, share)
        return self.paint(picture)

    def ask(self, question: str) -> bool:
        """Ask in the window, with the keys y and n, or on the terminal if there is none; False is no."""
        if not self.has_window:
            self.hush()
            return self.console.input(f"{question} (y/n) ", markup=False).strip().lower() in ("y", "yes")
        self.console.print(question, highlight=False, markup=False)
        picture = self._picture.copy()
        draw_banner(picture, f"{question} y yes, n no", 1.0)
        while self.paint(picture) and self.key not in (ord("y"), ord("n")):
            time.sleep(_ASK_EVERY_S)
        return self.key == ord("y")
