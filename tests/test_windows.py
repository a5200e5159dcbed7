"""Windows belong to the person, who may close them with their X at any time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLES
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
            time.sleep(8.0 if "monitor" in arguments else 1.0)  # enough for a summary
            assert close_windows(shown) == 1
            out, err = process.communicate(timeout=40)
        finally:
            process.kill()
    assert "Traceback" not in err
    assert process.returncode == code, err
    assert words in out
    assert "Error" not in err


@needs_screen
def test_a_window_opens_after_everything_of_ours_is_loaded(tmp_path: Path) -> None:
    """PyAV loaded before OpenCV would keep the first window from opening, for ever."""
    names = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "posture_cam").rglob("*.py")
        if path.name != "__main__.py"
    )
    code = (
        "import importlib, random, sys\n"
        f"names = {names!r}\n"
        "random.Random(int(sys.argv[1])).shuffle(names)\n"
        "for name in names: importlib.import_module(name)\n"
        "loaded = list(sys.modules)\n"
        "assert loaded.index('cv2') < loaded.index('av')\n"
        "import numpy as np\n"
        "from posture_cam.outputs.screen.picture_window import PictureWindow\n"
        "window = PictureWindow('posture_cam')\n"
        "window.open()\n"
        "window.show(np.zeros((90, 160, 3), np.uint8))\n"
        "window.key()\n"
        "print('open', window.look())\n"
    )
    with screen(tmp_path) as shown:
        for seed in ("1", "2"):
            done = subprocess.run(
                [sys.executable, "-c", code, seed],
                env=shown.environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.stdout == "open True\n", done.stderr
