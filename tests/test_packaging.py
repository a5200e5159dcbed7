"""What is built and shipped; needs the network."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from posture_cam.pose.model_store import SHIPPED
from tests.conftest import ROOT

pytestmark = pytest.mark.slow


def test_the_wheel_carries_model_and_data(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", tmp_path, ROOT],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        sizes = {info.filename: info.file_size for info in content.infolist()}
    assert sizes["posture_cam/_models/pose_landmarker_full.task"] == SHIPPED.size_bytes
    assert sizes["posture_cam/_models/angle_estimator.npz"] == (
        (ROOT / "models" / "angle_estimator.npz").stat().st_size
    )
    for name in ("settings.toml", "measures.toml", "tips.toml"):
        assert f"posture_cam/data/{name}" in sizes
    assert "posture_cam/py.typed" in sizes


def test_the_model_can_be_rebuilt_byte_for_byte() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "models" / "build_pose_bundle.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "identical" in done.stdout
