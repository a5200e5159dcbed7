"""A private screen for a test (Xvfb), and what can be seen on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

# On a busy machine, OpenCV's Qt sometimes misses that its window is shown, and never paints it
# (docs/decisions.md).  Tests of windows are therefore run by themselves (mark `window`), and a window that
# stays black is opened again, at most this often.
WINDOWS_TRIED = 8


def needs_screen(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that opens windows: it needs Xvfb, and processors that nothing else keeps busy."""
    reason = "needs a screen: apt-get install xvfb"
    marks = (
        pytest.mark.skipif(shutil.which("Xvfb") is None, reason=reason),
        pytest.mark.window,
        pytest.mark.slow,
    )
    for mark in marks:
        test = mark(test)
    return test


@dataclass(frozen=True)
class Screen:
    """A screen that programs draw on, and the file that holds its picture."""

    environment: dict[str, str]
    framebuffer: Path

    def pixels(self) -> np.ndarray:
        """The picture on the screen (XWD), height x width x 3, blue-green-red."""
        content = self.framebuffer.read_bytes()
        head = np.frombuffer(content[:100], ">u4")
        size, width, height, line, colours = (int(head[index]) for index in (0, 4, 5, 12, 19))
        start = size + colours * 12
        rows = np.frombuffer(content[start : start + line * height], np.uint8)
        return rows.reshape(height, line)[:, : width * 4].reshape(height, width, 4)[..., :3]

    def pixels_once(self, seen: Callable[[np.ndarray], bool], within_s: float = 15.0) -> np.ndarray:
        """The first picture for which `seen` is true, or the last one, as a busy machine may draw late."""
        end_s = time.monotonic() + within_s
        while not seen(pixels := self.pixels()) and time.monotonic() < end_s:
            time.sleep(0.1)
        return pixels


def close_windows(shown: Screen, within_s: float = 20.0) -> int:
    """Close each window as its X does, by WM_DELETE_WINDOW; returns how many there were."""
    from Xlib import X, display
    from Xlib.protocol import event

    server = display.Display(shown.environment["DISPLAY"])
    try:
        wanted, protocols = (server.intern_atom(name) for name in ("WM_DELETE_WINDOW", "WM_PROTOCOLS"))
        end_s = time.monotonic() + within_s
        closed = 0
        while not closed and time.monotonic() < end_s:
            for window in server.screen().root.query_tree().children:
                if window.get_wm_name() and window.get_attributes().map_state == X.IsViewable:
                    content = (32, [wanted, X.CurrentTime, 0, 0, 0])
                    window.send_event(event.ClientMessage(window=window, client_type=protocols, data=content))
                    closed += 1
            server.flush()
            time.sleep(0.1)
        return closed
    finally:
        server.close()


@contextmanager
def screen(folder: Path) -> Iterator[Screen]:
    """Start a screen on a free number."""
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1000x700x24", "-fbdir", str(folder)],
        stderr=subprocess.DEVNULL,
        pass_fds=[write],
    )
    os.close(write)
    try:
        with os.fdopen(read) as numbers:
            number = numbers.readline().strip()
        assert number, "Xvfb did not start"
        time.sleep(0.3)
        yield Screen({**os.environ, "DISPLAY": f":{number}"}, folder / "Xvfb_screen0")
    finally:
        process.terminate()
        process.wait()
