"""A desktop of its own for a test: screen, window manager, tray, compositor, and a session bus."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from tests.screens import Screen, screen

PROGRAMS = ("Xvfb", "openbox", "trayer", "picom", "xdotool", "dbus-daemon")
GREEN, AMBER, RED = (46, 158, 91), (217, 138, 0), (209, 52, 56)  # of the figure, red-green-blue


def needs_desktop(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that runs the app on a desktop."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    reason = f"needs {', '.join(missing)}: apt-get install xvfb openbox trayer picom xdotool dbus"
    for mark in (pytest.mark.skipif(bool(missing), reason=reason), pytest.mark.window, pytest.mark.slow):
        test = mark(test)
    return test


@dataclass
class Desktop:
    """What a test sees of the desktop, and does on it."""

    shown: Screen
    environment: dict[str, str]
    folder: Path
    apps: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start the app; words after `--` go to the monitor."""
        app = subprocess.Popen(
            [sys.executable, "-m", "posture_cam", "app", *map(str, arguments)],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.apps.append(app)
        return app

    def do(self, command: str) -> int:
        """Give the running app a command; returns the exit code."""
        words = [sys.executable, "-m", "posture_cam", "app", "--do", command]
        return subprocess.run(
            words, env=self.environment, capture_output=True, check=False, timeout=30
        ).returncode

    def xdotool(self, *words: str) -> str:
        """What xdotool says."""
        return subprocess.run(
            ["xdotool", *words], env=self.environment, capture_output=True, text=True, check=False, timeout=20
        ).stdout

    def tray_shows(self, colour: tuple[int, int, int]) -> bool:
        """Whether the icon in the corner of the tray has this colour."""
        return bool(_near(self.shown.pixels()[:30, -32:], colour).sum() > 15)

    def glows(self) -> bool:
        """Whether the left edge of the screen is redder than its middle."""
        pixels = self.shown.pixels().astype(int)
        height = pixels.shape[0]
        edge, inner = pixels[height // 2, 1], pixels[height // 2, 160]
        return bool(edge[2] - edge[0] > inner[2] - inner[0] + 12)

    def once(self, seen: Callable[[], bool], within_s: float = 20.0) -> float:
        """How long it takes until something is so; fails if it never is."""
        began_s = time.monotonic()
        while time.monotonic() - began_s < within_s:
            if seen():
                return time.monotonic() - began_s
            time.sleep(0.03)
        pytest.fail(f"not within {within_s:.0f} s; {self.talk()}")

    def talk(self) -> str:
        """What the apps have said so far; ends them."""
        said = []
        for app in self.apps:
            with suppress(ProcessLookupError):
                os.killpg(app.pid, signal.SIGKILL)
            said.append(app.communicate(timeout=10)[0])
        return "\n".join(said)

    @property
    def monitor(self) -> psutil.Process | None:
        """The child process of the last app."""
        with suppress(psutil.Error):
            for one in psutil.Process(self.apps[-1].pid).children():
                if "monitor" in one.cmdline():
                    return one
        return None


def _near(pixels: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray(np.abs(pixels.astype(int) - colour[::-1]).max(axis=-1) < 40)


@contextmanager
def desktop(folder: Path, *, compositor: bool = True) -> Iterator[Desktop]:
    """Start a desktop with a bus that serves as session and as system bus."""
    with ExitStack() as stack:
        shown = stack.enter_context(screen(folder))
        run = folder / "run"
        run.mkdir(mode=0o700)
        bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE, text=True
        )
        stack.callback(_end, bus)
        assert bus.stdout is not None
        stack.callback(bus.stdout.close)
        address = bus.stdout.readline().strip()
        environment = {
            **shown.environment,
            "XDG_RUNTIME_DIR": str(run),
            "DBUS_SESSION_BUS_ADDRESS": address,
            "DBUS_SYSTEM_BUS_ADDRESS": address,
            "QT_ACCESSIBILITY": "0",
        }
        programs = [
            ["openbox"],
            ["trayer", "--edge", "top", "--align", "right", "--widthtype", "request", "--height", "28"],
        ]
        if compositor:
            programs.append(["picom", "--backend", "xrender", "--config", "/dev/null"])
        for words in programs:
            process = subprocess.Popen(
                words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(_end, process)
        time.sleep(1.0)
        own = Desktop(shown, environment, folder)
        stack.callback(own.talk)
        yield own


def _end(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
