"""A network camera that tests control: an MJPEG stream of a sample clip on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np


@dataclass
class Served:
    """A stream that can be cut, turned black and frozen while it runs.

    Attributes:
        url: The address, with a user name and a password that must never appear anywhere.
        is_cut: Connections end, and new ones are refused with 503.
        shows: `clip`, `black`, or `frozen`.
        authorizations: The login headers that were sent.
    """

    url: str = ""
    is_cut: bool = False
    shows: str = "clip"
    authorizations: set[str] = field(default_factory=set)


def jpegs_of(clip: Path, start_s: float = 0.0, count: int = 10_000) -> list[bytes]:
    """Pictures of a clip as JPEG."""
    capture = cv2.VideoCapture(str(clip))
    capture.set(cv2.CAP_PROP_POS_MSEC, 1000.0 * start_s)
    images: list[bytes] = []
    while len(images) < count:
        got, image = capture.read()
        if not got:
            break
        images.append(cv2.imencode(".jpg", image)[1].tobytes())
    capture.release()
    return images


@contextmanager
def serving(
    images: list[bytes], rate_hz: float = 10.0, *, has_length: bool = True, asks_for_digest: bool = False
) -> Iterator[Served]:
    """Serve pictures at their own pace; each connection starts at the first one, and the last one stays."""
    served = Served()
    black = cv2.imencode(".jpg", np.zeros((360, 640, 3), np.uint8))[1].tobytes()
    started_s = time.monotonic()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent = self.headers.get("Authorization", "")
            if asks_for_digest and not sent.startswith("Digest "):
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Digest realm="desk", nonce="0", qop="auth"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            served.authorizations.add(sent)
            if served.is_cut:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            frozen = b""
            try:
                while not served.is_cut:
                    index = int((time.monotonic() - started_s) * rate_hz) % len(images)
                    if served.shows != "frozen":
                        frozen = images[index]
                    image = black if served.shows == "black" else frozen
                    length = f"Content-Length: {len(image)}\r\n" if has_length else ""
                    self.wfile.write(f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode())
                    self.wfile.write(image + b"\r\n")
                    time.sleep(1.0 / rate_hz)
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://user:secret@127.0.0.1:{server.server_port}/video.mjpg"
    try:
        yield served
    finally:
        served.is_cut = True
        server.shutdown()
        server.server_close()
        thread.join()
