"""The folder and the Debian package: built, and started without Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from posture_cam.profiles import save_profile
from posture_cam.records import Neutral
from tests.conftest import SAMPLES
from tests.desktop import GREEN, desktop, needs_desktop
from tests.test_monitor import neutral  # noqa: F401

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    words = [sys.executable, str(ROOT / "packaging" / "build.py"), "--out", str(out)]
    if shutil.which("dpkg-deb"):
        words.append("--deb")
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    print(done.stdout)  # the sizes
    return out


@needs_desktop
def test_the_folder_analyses_and_shows_itself_without_python(
    built: Path,
    tmp_path: Path,
    neutral: Neutral,  # noqa: F811
) -> None:
    program = built / "posture-cam" / "posture-cam"
    plain = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    plain["PATH"] = "/usr/bin:/bin"
    result = tmp_path / "result.json"
    done = subprocess.run(
        [program, "analyze", SAMPLES / "desk-side.mp4", "--json", result],
        env=plain,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(result.read_text("utf-8"))["summary"]["judged_s"] > 60
    save_profile("default", neutral)
    (tmp_path / "screen").mkdir()
    with desktop(tmp_path / "screen") as own:
        app = subprocess.Popen(
            [program, "app", "--hidden", "--", "--source", SAMPLES / "desk-monitor.mp4", "--realtime"],
            env={**own.environment, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            own.once(lambda: own.tray_shows(GREEN), 30.0)
        finally:
            app.terminate()
            assert app.wait(15) == 0


@needs_desktop
@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")
def test_the_debian_package_holds_program_command_and_entry(built: Path) -> None:
    (package,) = built.glob("*.deb")
    listed = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    for name in (
        "./opt/posture-cam/posture-cam\n",
        "./usr/bin/posture-cam -> /opt/posture-cam/posture-cam\n",
        "./usr/share/applications/io.github.posture_cam.desktop\n",
        "./usr/share/metainfo/io.github.posture_cam.metainfo.xml\n",
    ):
        assert name in listed
    fields = subprocess.run(["dpkg-deb", "-f", package], capture_output=True, text=True, check=True).stdout
    assert "libxcb-cursor0" in fields
