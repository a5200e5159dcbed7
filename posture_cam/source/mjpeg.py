"""MJPEG over http, as IP cameras and phone apps serve it: only pictures that are looked at are decoded.

OpenCV decodes every picture of a stream, which alone takes more than a still sitter may cost.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.records import SourceInfo
from posture_cam.source.camera import CameraGone, gone, source_name

_TIMEOUT_S = 10.0
_CHUNK = 65_536
_LARGEST_PART = 64 * 2**20
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


class NotMjpeg(Exception):  # noqa: N818
    """The address answers with something else, which OpenCV may know."""


class MjpegStream:
    """A stream of JPEG pictures (multipart/x-mixed-replace).

    Args:
        url: http or https; a user name and password in it are sent as basic authentication.

    Raises:
        CameraGone: It cannot be opened.
        NotMjpeg: It is no such stream, or asks for more than basic authentication.
    """

    can_freeze = True

    def __init__(self, url: str) -> None:
        self._name = source_name(url)
        self._response = _open(url, self._name)
        content_type = self._response.headers.get("Content-Type", "")
        boundary = self._response.headers.get_param("boundary")
        if not content_type.lower().startswith("multipart/") or not isinstance(boundary, str):
            self._response.close()
            raise NotMjpeg(content_type)
        self._mark = b"--" + boundary.strip('"').removeprefix("--").encode("latin-1", "replace")
        self._buffer = bytearray()
        self._jpeg = b""
        self._is_closed = False
        if not self.grab() or (first := self.retrieve()) is None:
            self.close()
            raise gone(self._name)
        height, width = first.shape[:2]
        self._info = SourceInfo(self._name, width, height, None, None, is_live=True)

    @property
    def info(self) -> SourceInfo:
        """What the first picture says."""
        return self._info

    def grab(self) -> bool:
        """Wait for the next picture; False once there are no more."""
        try:
            return self._next_part()
        except (OSError, ValueError, AttributeError, HTTPException):  # closing a response breaks its reads
            return False

    def retrieve(self) -> NDArray[np.uint8] | None:
        """Decode the picture grabbed last; None where it is damaged."""
        if not self._jpeg:
            return None
        image = cv2.imdecode(np.frombuffer(self._jpeg, np.uint8), cv2.IMREAD_COLOR)
        return None if image is None else image.astype(np.uint8, copy=False)

    def _next_part(self) -> bool:
        start = self._find(self._mark, 0)
        head_end = self._find(b"\r\n\r\n", start)
        if start < 0 or head_end < 0:
            return False
        length = _length(bytes(self._buffer[start:head_end]))
        begin = head_end + 4
        end = begin + length if length is not None else self._find(self._mark, begin)
        if end < begin or end - begin > _LARGEST_PART:
            return False
        while len(self._buffer) < end:
            if not self._fill():
                return False
        part = bytes(self._buffer[begin:end])
        del self._buffer[:end]
        first, last = part.find(_JPEG_START), part.rfind(_JPEG_END)
        self._jpeg = part[first : last + 2] if 0 <= first < last else b""
        return True

    def _find(self, what: bytes, start: int) -> int:
        """Where something stands in the stream, reading on as far as needed; -1 at its end."""
        if start < 0:
            return -1
        searched = start
        while (at := self._buffer.find(what, searched)) < 0:
            searched = max(start, len(self._buffer) - len(what))
            if len(self._buffer) > _LARGEST_PART or not self._fill():
                return -1
        return at

    def _fill(self) -> bool:
        chunk = self._response.read1(_CHUNK)
        self._buffer += chunk
        return bool(chunk)

    def close(self) -> None:
        """End the connection, also while another thread reads from it."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(OSError, ValueError, AttributeError):
            descriptor = socket.socket(fileno=socket.dup(self._response.fileno()))
            descriptor.shutdown(socket.SHUT_RDWR)  # wakes whoever reads
            descriptor.close()
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self._response.close()


def _open(url: str, name: str) -> HTTPResponse:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urlunsplit((parts.scheme, host, parts.path, parts.query, "")))
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        token = base64.b64encode(pair.encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {token}")  # for this host alone
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 401 and parts.username is not None:
            raise NotMjpeg("digest authentication") from None  # FFmpeg knows it
        hint = (
            "Put user name and password before the host: http://user:password@host/path"
            if error.code in (401, 403)
            else "Check the address."
        )
        raise CameraGone(f"{name} cannot be opened: it answers {error.code}.", hint) from None
    except (OSError, HTTPException, ValueError) as error:
        raise CameraGone(
            f"{name} cannot be opened.", "Check the address, and that the stream is running."
        ) from error
    assert isinstance(response, HTTPResponse)
    return response


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
