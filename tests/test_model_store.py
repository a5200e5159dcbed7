"""Finding and fetching models, against a local server that behaves like the worst ones."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from posture_cam.errors import ModelError
from posture_cam.paths import models_cache_dir
from posture_cam.pose import model_store
from posture_cam.pose.model_store import FETCHED, SHIPPED, URL_VARIABLE, KnownModel, find_model

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves CONTENT in the way asked for."""

    behaviour = "well"
    requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        behaviour = self.server.behaviour
        if behaviour == "missing":
            self.send_error(404)
            return
        body = {"wrong": b"x" * len(CONTENT), "longer": CONTENT + b"more"}.get(behaviour, CONTENT)
        self.send_response(200)
        if behaviour != "longer":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if behaviour == "cut":
            body = body[: len(body) // 2]
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        monkeypatch.setenv(URL_VARIABLE, f"http://127.0.0.1:{serving.server_port}/models")
        monkeypatch.setitem(
            FETCHED, "lite", KnownModel("lite", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
        )
        yield serving
        serving.shutdown()


def left_behind() -> list[str]:
    folder = models_cache_dir()
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def test_the_shipped_model_is_there_and_right() -> None:
    model = find_model()
    assert model.path.stat().st_size == SHIPPED.size_bytes
    assert model.sha256 == SHIPPED.sha256
    assert model.identity == "full-939870755ed5"
    with zipfile.ZipFile(model.path) as bundle:
        assert {info.compress_type for info in bundle.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in bundle.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_models_known_are_those_of_mediapipe() -> None:
    assert FETCHED["lite"].sha256.startswith("59929e1d1ee9")
    assert FETCHED["lite"].size_bytes == 5_777_746
    assert FETCHED["heavy"].sha256.startswith("64437af838a6")
    assert FETCHED["heavy"].size_bytes == 30_664_242
    assert FETCHED["heavy"].url_path == "pose_landmarker_heavy/float16/1/pose_landmarker_heavy.task"


def test_a_model_is_fetched_once_with_progress(server: Server) -> None:
    seen: list[tuple[str, int, int]] = []
    model = find_model("lite", lambda *step: seen.append(step))
    assert model.path.read_bytes() == CONTENT
    assert left_behind() == ["pose_landmarker_lite.task"]
    assert seen[-1] == ("lite", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    find_model("lite")
    assert server.requests == 1


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("cut", "in part"),
        ("wrong", "checksum differs"),
        ("longer", "checksum differs"),
        ("missing", "404|Not Found"),
    ],
)
def test_a_bad_download_leaves_nothing_behind(server: Server, behaviour: str, words: str) -> None:
    server.behaviour = behaviour
    with pytest.raises(ModelError, match=words) as caught:
        find_model("lite")
    assert left_behind() == []
    assert "127.0.0.1" in caught.value.message
    assert "put pose_landmarker_lite.task into" in caught.value.hint


def test_a_bad_download_leaves_a_good_model_alone(server: Server) -> None:
    path = find_model("lite").path
    path.write_bytes(b"damaged")
    server.behaviour = "cut"
    with pytest.raises(ModelError):
        find_model("lite")
    assert left_behind() == [path.name]
    server.behaviour = "well"
    assert find_model("lite").path.read_bytes() == CONTENT


def test_a_server_that_is_not_there_is_said(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "http://127.0.0.1:9/models")
    with pytest.raises(ModelError, match="cannot be fetched"):
        find_model("lite")
    assert left_behind() == []


def test_a_damaged_shipped_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = tmp_path / "pose_landmarker_full.task"
    wrong.write_bytes(find_model().path.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(model_store, "shipped_path", lambda: wrong)
    with pytest.raises(ModelError, match="not the one"):
        find_model()


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_a_path_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "own.task"
    if content is None:
        with zipfile.ZipFile(path, "w") as bundle:
            bundle.writestr("face.tflite", b"x")
    else:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"no (MediaPipe model bundle|pose model)"):
        find_model(str(path))


def test_an_own_model_is_taken_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "own.task"
    path.write_bytes(find_model().path.read_bytes())
    assert find_model(str(path)).identity == "own-939870755ed5"


def test_an_unknown_name_is_said() -> None:
    with pytest.raises(ModelError, match="no model 'huge'"):
        find_model("huge")
