"""Windows are the person's: they may close them at any time, by their X."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import SAMPLES
from tests.screens import WINDOWS_TRIED, close_windows, needs_screen, screen

CLIP = SAMPLES / "desk-monitor.mp4"


@needs_screen
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["monitor", "--source", str(CLIP), "--realtime", "--no-notify", "--no-history"], 0, "of 100"),
        (["exercise", "chin-tuck", "--no-camera", "--no-history"], 0, "chin-tuck"),
    ],
)
def test_closing_the_window_ends_the_command_as_q_does(
    arguments: list[str], code: int, words: str, tmp_path: Path
) -> None:
    with (
        screen(tmp_path) as shown,
        subprocess.Popen(
            [sys.executable, "-m", "posture_cam", *arguments],
            env=shown.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            for _ in range(WINDOWS_TRIED):
                if shown.pixels_once(lambda pixels: bool(pixels.any()), 20.0).any():
                    break
            time.sleep(8.0 if "monitor" in arguments else 1.0)  # something to sum up
            assert close_windows(shown) == 1
            out, err = process.communicate(timeout=40)
        finally:
            process.kill()
    assert "Traceback" not in err
    assert process.returncode == code, err
    assert words in out
    assert "Error" not in err
