"""Finding, checking and fetching pose models."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from posture_cam.errors import ModelError
from posture_cam.files import Kind, kind_of, make_folder, naming, written_whole
from posture_cam.paths import bundled_model, models_cache_dir
from posture_cam.pose.pose_log import POSES_SUFFIX, PoseLog

OFFICIAL_URL = "https://storage.googleapis.com/mediapipe-models/pose_landmarker"
URL_VARIABLE = "POSTURE_CAM_MODELS_URL"
"""Environment variable that names a mirror of OFFICIAL_URL."""
# Chosen.
TIMEOUT_S = 30.0
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model that posture_cam knows by its checksum."""

    name: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """The file name that MediaPipe uses."""
        return f"pose_landmarker_{self.name}.task"

    @property
    def url_path(self) -> str:
        """The path below the official address."""
        return f"pose_landmarker_{self.name}/float16/1/{self.file_name}"


SHIPPED = KnownModel("full", "939870755ed57c3159457c4acc7820f6c1ec5c077e5bbe292448aef1f891605c", 9_397_558)
FETCHED = {
    model.name: model
    for model in (
        KnownModel("lite", "59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a", 5_777_746),
        KnownModel("heavy", "64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b", 30_664_242),
    )
}


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file that exists and was checked."""

    name: str
    path: Path
    sha256: str

    @property
    def identity(self) -> str:
        """Name and start of the checksum, as stored with results."""
        return f"{self.name}-{self.sha256[:12]}"


DownloadProgress = Callable[[str, int, int], None]
"""Called with the model's name, the bytes done and the bytes in all."""


def find_model(choice: str = "full", progress: DownloadProgress | None = None) -> ModelFile:
    """The model of that name, checked; lite and heavy are fetched once, on request.

    Args:
        choice: full, lite, heavy, or the path of a .task file of your own.
        progress: Called during a download.

    Raises:
        ModelError: The file is missing, is not the right one, or cannot be fetched.
    """
    if choice == SHIPPED.name:
        return _shipped()
    if choice in FETCHED:
        return _fetched(FETCHED[choice], progress)
    return _own(Path(choice))


def check_model(choice: str) -> None:
    """Refuse a file that is not a model, before any work; nothing is fetched.

    Raises:
        ModelError: It is neither a known name nor a file of a pose model.
        SourceError: It has the name of a poses file, but holds no poses.
    """
    if Path(choice).suffix.lower() == POSES_SUFFIX:
        PoseLog(Path(choice))
    elif choice != SHIPPED.name and choice not in FETCHED:
        _own(Path(choice))


def shipped_path() -> Path:
    """The path of the shipped model."""
    return bundled_model(SHIPPED.file_name)


def _shipped() -> ModelFile:
    path = shipped_path()
    if not path.is_file():
        raise ModelError(f"The model {SHIPPED.file_name} is missing.", "Install posture_cam again.")
    found = _sha256_of(path)
    if found != SHIPPED.sha256:
        raise ModelError(
            f"The model {path} is not the one that posture_cam was built with (sha256 {found[:8]}…).",
            "Install posture_cam again, or restore the file: git checkout models",
        )
    return ModelFile(SHIPPED.name, path, found)


def _fetched(model: KnownModel, progress: DownloadProgress | None) -> ModelFile:
    path = models_cache_dir() / model.file_name
    if not path.is_file() or _sha256_of(path) != model.sha256:
        _download(model, path, progress)
    return ModelFile(model.name, path, model.sha256)


def _own(path: Path) -> ModelFile:
    if kind_of(path) != Kind.FILE:
        raise ModelError(
            f"There is no model {str(path)!r}.", "Choose full, lite, heavy, or the path of a .task file."
        )
    try:
        with zipfile.ZipFile(path) as bundle:
            names = bundle.namelist()
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{path} is no MediaPipe model bundle.", "Choose a pose_landmarker .task file."
        ) from error
    if not {"pose_detector.tflite", "pose_landmarks_detector.tflite"} <= set(names):
        raise ModelError(f"{path} is no pose model.", "Choose a pose_landmarker .task file.")
    return ModelFile(path.stem, path, _sha256_of(path))


def _sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"The model {path} cannot be read ({error.strerror}).") from error


def _download(model: KnownModel, target: Path, progress: DownloadProgress | None) -> None:
    """Fetch a model, check it, and put it in place completely or not at all."""
    url = f"{os.environ.get(URL_VARIABLE, OFFICIAL_URL).rstrip('/')}/{model.url_path}"
    hint = (
        f"Try again, use the full model that is already here, or put {model.file_name} "
        f"into {target.parent} yourself."
    )
    with naming(target):
        make_folder(target.parent)
    digest = hashlib.sha256()
    done = 0
    with written_whole(target) as temporary:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, temporary.open("wb") as file:
                while chunk := answer.read(_CHUNK_BYTES):
                    done += len(chunk)
                    if done > model.size_bytes:
                        break
                    digest.update(chunk)
                    with naming(target):
                        file.write(chunk)
                    if progress:
                        progress(model.name, done, model.size_bytes)
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(error, urllib.error.HTTPError):
                error.close()  # it holds the connection
            raise ModelError(
                f"The {model.name} model cannot be fetched from {url} ({reason}).", hint
            ) from error
        if done < model.size_bytes:
            raise ModelError(
                f"The {model.name} model came only in part ({done:,} of {model.size_bytes:,} bytes): {url}",
                hint,
            )
        if digest.hexdigest() != model.sha256:
            raise ModelError(
                f"What came from {url} is not the {model.name} model: its checksum differs.", hint
            )
