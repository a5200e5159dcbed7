"""Network cameras that answer oddly: each problem is reported, and the run resumes when they recover."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from posture_cam.records import Frame, SourceEvent
from posture_cam.settings import load_settings
from posture_cam.source import CameraGone, LiveSource, open_device
from posture_cam.source.multipart import size_of

LIVE = load_settings().live.model_copy(
    update={"first_word_s": 0.6, "stalled_after_s": 1.0, "retry_s": 0.1, "retry_max_s": 0.2}
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"
Talk = Callable[[socket.socket], None]


def jpeg(width: int, height: int, seed: int = 0) -> bytes:
    image = np.random.default_rng(seed).integers(40, 200, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", image)[1].tobytes()


def claiming(width: int, height: int) -> bytes:
    """A small JPEG whose header claims another size, for which a decoder would allocate memory."""
    content = bytearray(jpeg(64, 64))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(content)


def part(image: bytes, mark: bytes = b"--frame") -> bytes:
    return mark + b"\r\nContent-Type: image/jpeg\r\n\r\n" + image + b"\r\n"


@dataclass
class Odd:
    """A camera that answers as the test tells it to.

    Attributes:
        talk: What it does with each connection.
    """

    talk: Talk
    url: str = ""
    connections: list[socket.socket] = field(default_factory=list)


@contextmanager
def odd(talk: Talk) -> Iterator[Odd]:
    server = socket.create_server(("127.0.0.1", 0))
    made = Odd(talk, f"http://me:secret@127.0.0.1:{server.getsockname()[1]}/x")
    is_over = threading.Event()

    def serve() -> None:
        while not is_over.is_set():
            with suppress(OSError):
                connection, _ = server.accept()
                made.connections.append(connection)
                threading.Thread(target=talked, args=(connection,), daemon=True).start()

    def talked(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(4096)
            made.talk(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield made
    finally:
        is_over.set()
        server.close()
        for connection in made.connections:
            connection.close()


def sends(data: bytes) -> Talk:
    return lambda connection: connection.sendall(data)


def answers(head: str) -> Talk:
    return sends(f"HTTP/1.1 {head}\r\n\r\n".encode())


def streams(*images: bytes, mark: bytes = b"--frame", times: int = 10_000) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        for number in range(times):
            connection.sendall(part(images[number % len(images)], mark))
            time.sleep(0.03)

    return talk


GOOD = streams(*(jpeg(320, 240, seed) for seed in range(5)))


def watch(
    source: LiveSource, seconds: float, until: Callable[[Frame], bool]
) -> tuple[list[str], Frame | None]:
    """The reports, and the first picture that is asked for."""
    said, end_s = [], time.monotonic() + seconds
    while time.monotonic() < end_s:
        item = source.take(source.now_s, 0.05)
        if isinstance(item, SourceEvent):
            said.append(item.message)
        elif item is not None and until(item):
            return said, item
    return said, None


def opened(camera: Odd) -> LiveSource:
    return LiveSource(lambda: open_device(camera.url), LIVE, name="a camera")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("204 No Content", "it answers 204"),
        ("401 Unauthorized", "it answers 401"),
        ("403 Forbidden", "it answers 403"),
        ("404 Not Found", "it answers 404"),
        ("500 Oops", "it answers 500"),
        ("302 Found\r\nLocation: file:///etc/passwd", "it sends us elsewhere"),
        ("302 Found\r\nLocation: ftp://127.0.0.1/x", "it sends us elsewhere"),
        ("200 OK\r\nContent-Type: text/html", "answers with a page"),
    ],
)
def test_an_answer_that_is_no_stream_is_told_at_once_with_its_reason(head: str, words: str) -> None:
    with odd(answers(head)) as camera:
        began_s = time.monotonic()
        with pytest.raises(CameraGone, match=words) as refused:
            opened(camera)
        assert time.monotonic() - began_s < 1.0
        assert "secret" not in str(refused.value)


def test_a_camera_that_is_down_is_told_with_its_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(CameraGone, match="refused"):
        LiveSource(lambda: open_device(f"http://127.0.0.1:{port}/x"), LIVE)


def test_a_camera_that_comes_back_with_an_error_tells_it_and_goes_on_later() -> None:
    with odd(GOOD) as camera, opened(camera) as source:
        assert watch(source, 5.0, lambda _: True)[1] is not None
        camera.talk = answers("503 Busy")
        for connection in list(camera.connections):
            connection.shutdown(socket.SHUT_RDWR)
        said, _ = watch(source, 1.5, lambda _: False)
        assert sum("it answers 503" in words for words in said) == 1
        camera.talk = GOOD
        said, frame = watch(source, 5.0, lambda _: True)
        assert frame is not None
        assert any("gives pictures again" in words for words in said)


@pytest.mark.parametrize(
    "image",
    [
        jpeg(16, 16),
        claiming(30_000, 30_000),
        *(
            pytest.param(image, marks=pytest.mark.slow)
            for image in (jpeg(1, 1), jpeg(2, 2), claiming(65_500, 1), b"no picture")
        ),
    ],
)
def test_pictures_of_odd_sizes_are_told_and_left_out_until_others_come(image: bytes) -> None:
    with odd(GOOD) as camera, opened(camera) as source:
        assert watch(source, 5.0, lambda _: True)[1] is not None
        camera.talk = streams(image)
        for connection in list(camera.connections):
            connection.shutdown(socket.SHUT_RDWR)
        said, frame = watch(source, 3.0, lambda one: one.image_bgr.shape != (240, 320, 3))
        assert frame is None
        assert said
        camera.talk = GOOD
        for connection in list(camera.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        assert watch(source, 5.0, lambda _: True)[1] is not None


def test_a_very_large_picture_in_between_is_one_line() -> None:
    with (
        odd(streams(*(jpeg(320, 240, seed) for seed in range(9)), claiming(30_000, 30_000))) as camera,
        opened(camera) as source,
    ):
        assert watch(source, 5.0, lambda _: True)[1] is not None
        said, _ = watch(source, 2.0, lambda _: False)
        assert any("30000 x 30000" in words for words in said)


def test_the_mark_between_pictures_is_that_of_the_stream() -> None:
    with odd(GOOD) as camera, opened(camera) as source:
        assert watch(source, 5.0, lambda _: True)[1] is not None
        camera.talk = streams(jpeg(320, 240, 9), jpeg(320, 240, 8), mark=b"--another")
        for connection in list(camera.connections):
            connection.shutdown(socket.SHUT_RDWR)
        watch(source, 1.0, lambda _: False)
        assert watch(source, 5.0, lambda _: True)[1] is not None


def silent(after: bytes) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(after)
        time.sleep(8.0)

    return talk


@pytest.mark.parametrize(
    "talk",
    [silent(b""), silent(HEAD), silent(HEAD + b"--frame\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8")],
    ids=["no answer", "no body", "half a picture"],
)
def test_a_camera_that_sends_nothing_from_the_start_is_told_soon_and_can_be_left(talk: Talk) -> None:
    with odd(talk) as camera:
        began_s = time.monotonic()
        with opened(camera) as source:
            said, _ = watch(source, 1.0, lambda _: False)
            assert time.monotonic() - began_s < 3.0
            assert any("has sent no picture yet" in words for words in said)
            left_s = time.monotonic()
        assert time.monotonic() - left_s < 2.5


def test_the_size_of_a_picture_is_read_from_its_header() -> None:
    assert size_of(jpeg(321, 123)) == (321, 123)
    assert size_of(claiming(30_000, 20_000)) == (30_000, 20_000)
    for broken in (
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00",
        b"\xff\xd8" + b"\xff" * 50,
        b"GIF89a" * 9,
    ):
        assert size_of(broken) is None


@pytest.mark.parametrize("size", [(320, 240), (1280, 960)])
def test_a_mark_that_follows_each_picture_is_the_announced_one(size: tuple[int, int]) -> None:
    """The pictures contain two dashes somewhere, but the mark precedes none of them."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=mark\r\n\r\n"
        )
        with suppress(OSError):
            for seed in range(200):
                image = jpeg(*size, seed)
                image = image[:2] + b"\xff\xfe\x00\x09\n--no\n\n" + image[2:]
                head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(image)
                connection.sendall(head + image + b"\r\n--mark\r\n")
                time.sleep(0.02)

    with odd(talk) as camera, opened(camera) as source:
        seen = {watch(source, 5.0, lambda _: True)[1] is not None for _ in range(5)}
    assert seen == {True}


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: image/jpg\r\n\r\n",
        b"Content-Type: image/pjpeg\r\nContent-Length: %d\r\n\r\n",
        b"Content-Type: image/jpeg; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
        b"Content-Type: application/octet-stream\r\n\r\n",
        b"content-length: %d\r\n\r\n",
        b"X-Timestamp: 12.5\r\n\r\n",
        b"no colon\r\n\r\n",
        b"Content-Type: image/jpeg\n\n",
        b"\r\n",
        b"",
    ],
)
@pytest.mark.parametrize("after", [b"\r\n", b""])
def test_parts_of_any_head_are_pictures(head: bytes, after: bytes) -> None:
    images = [jpeg(320, 240, seed) for seed in range(4)]

    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD)
        for image in images:
            announced = head % len(image) if b"%d" in head else head
            connection.sendall(b"--frame\r\n" + announced + image + after)
        connection.sendall(b"--frame--\r\n")

    with odd(talk) as camera, closing(open_device(camera.url)) as stream:
        made = [stream.retrieve()]
        while stream.grab():
            made.append(stream.retrieve())
    assert len(made) == len(images)
    assert all(image is not None and image.shape == (240, 320, 3) for image in made)


def test_a_picture_without_end_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posture_cam.source.multipart._MOST_BYTES", 200_000)

    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg(320, 240)[:-2])
        with suppress(OSError):
            while True:
                connection.sendall(b"\0" * 10_000)

    with odd(talk) as camera, pytest.raises(CameraGone):
        open_device(camera.url)


def test_a_broken_transfer_is_an_error_with_words() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=f\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    for body in (b"5\r\n--f\r\n\r\n", b"zz\r\n", b"40\r\n--f\r\n"):
        with odd(sends(head + body)) as camera, pytest.raises(CameraGone):
            open_device(camera.url)


def test_a_picture_that_holds_what_looks_like_a_mark_is_whole() -> None:
    flat = [
        cv2.imencode(".jpg", np.full((240, 320, 3), level, np.uint8))[1].tobytes() for level in (60, 120, 180)
    ]
    odd_one = flat[1]
    odd_one = odd_one[:2] + b"\xff\xfe\x00\x0a\r\n--no\r\n" + odd_one[2:]
    images = [flat[0], odd_one, flat[2]]
    with odd(streams(*images)) as camera, closing(open_device(camera.url)) as stream:
        made = [stream.retrieve() for _ in range(30) if stream.grab()]
    whole = [image for image in made if image is not None]
    assert len(whole) == 30
    assert {round(float(image.mean()) / 60) for image in whole} == {1, 2, 3}
    assert all(image.std() < 1.0 for image in whole)
