"""The folders and files that posture_cam uses."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def bundled_model(name: str) -> Path:
    """The path of a file in models/: inside an installed package, or in the repository."""
    package = Path(__file__).resolve().parent
    installed = package / "_models" / name
    return installed if installed.is_file() else package.parent / "models" / name


def profiles_dir() -> Path:
    """The folder of calibrated neutral postures."""
    return platformdirs.user_data_path("posture_cam", appauthor=False) / "profiles"


def history_path() -> Path:
    """The database of all stored runs."""
    return platformdirs.user_data_path("posture_cam", appauthor=False) / "history.db"


def monitor_path() -> Path:
    """The file with the address of the running monitor."""
    return platformdirs.user_data_path("posture_cam", appauthor=False) / "monitor.json"


def models_cache_dir() -> Path:
    """The folder of downloaded models."""
    return platformdirs.user_cache_path("posture_cam", appauthor=False) / "models"
