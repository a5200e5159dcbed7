"""The folders and files that posture_cam uses."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def bundled_model(name: str) -> Path:
    """Where a file of models/ lies: inside an installed package, or in the repository."""
    package = Path(__file__).resolve().parent
    installed = package / "_models" / name
    return installed if installed.is_file() else package.parent / "models" / name


def profiles_dir() -> Path:
    """Where calibrated neutral postures are kept."""
    return platformdirs.user_data_path("posture_cam", appauthor=False) / "profiles"


def history_path() -> Path:
    """The database of all that was kept."""
    return platformdirs.user_data_path("posture_cam", appauthor=False) / "history.db"


def models_cache_dir() -> Path:
    """Where downloaded models are kept."""
    return platformdirs.user_cache_path("posture_cam", appauthor=False) / "models"
