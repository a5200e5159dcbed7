"""MJPEG over http, as IP cameras and phone apps serve it: only pictures that are looked at are decoded.

OpenCV decodes every picture of a stream, which alone takes more than a still sitter may cost.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import struct
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse, responses
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.records import SourceInfo
from posture_cam.source.camera import CameraGone, PictureRefused, gone, source_name

_TIMEOUT_S = 10.0
_CHUNK = 65_536
_LARGEST_PART = 64 * 2**20
_LARGEST_HEAD = 65_536
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_MARK_LINE = re.compile(rb"(?:^|\n)(--[^\s][^\r\n]*?)[ \t]*\r?\n")
_PAGES = ("text/html", "application/xhtml+xml")
# Pictures that a desk can be seen in; a decoder would take gigabytes for larger ones.
_LEAST_PX, _MOST_PX, _MOST_ASPECT = 64, 8192, 8.0
# Of the markers before the picture's data those that carry its size: all frame headers (ITU-T T.81, B.1.1.3).
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
_LOGIN_HINT = "Put user name and password before the host: http://user:password@host/path"


class NotMjpeg(Exception):  # noqa: N818
    """The address answers with something else, which OpenCV may know."""


class MjpegStream:
    """A stream of JPEG pictures (multipart/x-mixed-replace); a context manager.

    The mark between two pictures is taken from the stream itself: what cameras announce and what they send
    differ now and then.

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
        headers = self._response.headers
        content_type = headers.get_content_type()
        if not content_type.startswith("multipart/"):
            self._response.close()
            if content_type in _PAGES and "Content-Type" in headers:
                raise CameraGone(
                    f"{self._name} answers with a page ({content_type}), not with pictures.",
                    "Name the address of the stream itself; the camera's manual tells it.",
                )
            raise NotMjpeg(content_type)
        self._mark = b""
        self._buffer = bytearray()
        self._jpeg = b""
        self._is_closed = False
        try:
            if not self.grab():
                raise gone(self._name)  # noqa: TRY301 - it is let go below
            size_wh = _size_of(self._jpeg) or (0, 0)
        except BaseException:
            self.close()
            raise
        self._info = SourceInfo(self._name, *size_wh, None, None, is_live=True)

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
        """Decode the picture grabbed last; None where it is damaged.

        Raises:
            PictureRefused: It is too small to see anybody in it, or too large to be decoded.
        """
        size_wh = _size_of(self._jpeg)
        if size_wh is None:
            return None
        if min(size_wh) < _LEAST_PX or max(size_wh) > _MOST_PX or max(size_wh) > _MOST_ASPECT * min(size_wh):
            raise PictureRefused(f"{self._name} sends pictures of {size_wh[0]} x {size_wh[1]} pixels.")
        image = cv2.imdecode(np.frombuffer(self._jpeg, np.uint8), cv2.IMREAD_COLOR)
        return None if image is None else image.astype(np.uint8, copy=False)

    def _next_part(self) -> bool:
        if not self._mark and not self._find_mark():
            return False
        start = self._find(self._mark, 0, _LARGEST_PART)
        head_end = self._find(b"\r\n\r\n", start, _LARGEST_HEAD)
        if start < 0 or head_end < 0:
            return False
        length = _length(bytes(self._buffer[start:head_end]))
        begin = head_end + 4
        end = begin + length if length is not None else self._find(self._mark, begin, _LARGEST_PART)
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

    def _find_mark(self) -> bool:
        """The first line that begins with two dashes is the mark between pictures, if it is before the first.

        Else the mark is the announced one: some cameras send it after each picture only.
        """
        while True:
            picture = self._buffer.find(_JPEG_START)
            if found := _MARK_LINE.search(self._buffer, 0, len(self._buffer) if picture < 0 else picture):
                self._mark = found.group(1)
                return True
            if picture >= 0 or len(self._buffer) > _LARGEST_HEAD or not self._fill():
                break
        announced = (self._response.headers.get_boundary() or "").encode("latin-1", "replace")
        self._mark = announced if announced.startswith(b"--") else b"--" + announced
        return bool(announced)

    def _find(self, what: bytes, start: int, within: int) -> int:
        """Where something stands in the stream, reading on as far as needed; -1 at its end, or too far on."""
        if start < 0:
            return -1
        searched = start
        while (at := self._buffer.find(what, searched)) < 0:
            searched = max(start, len(self._buffer) - len(what))
            if len(self._buffer) - start > within or not self._fill():
                return -1
        return at

    def _fill(self) -> bool:
        chunk = self._response.read1(_CHUNK)
        self._buffer += chunk
        return bool(chunk)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

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


class _WithinHttp(urllib.request.HTTPRedirectHandler):
    """Follows a redirect to another address of the web only: neither to files nor to FTP."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The request to follow with, or None."""
        if not newurl.lower().startswith(("http://", "https://")):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """What speaks http and https, and nothing else."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _WithinHttp(),
    ):
        opener.add_handler(handler)
    return opener


def _open(url: str, name: str) -> HTTPResponse:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(urlunsplit((parts.scheme, host, parts.path, parts.query, "")))
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        token = base64.b64encode(pair.encode()).decode("ascii")
        request.add_unredirected_header("Authorization", f"Basic {token}")  # for this host alone
    try:
        response = _opener().open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 401 and parts.username is not None and "digest" in _challenge(error):
            raise NotMjpeg("digest authentication") from None  # FFmpeg knows it
        raise _refused(name, error.code) from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = "it does not answer in time" if isinstance(reason, TimeoutError) else _why(reason)
        raise CameraGone(
            f"{name} cannot be opened.", "Check the address, and that the stream is running.", why=why
        ) from error
    assert isinstance(response, HTTPResponse)
    if response.status != 200:
        response.close()
        raise _refused(name, response.status)
    return response


def _challenge(error: urllib.error.HTTPError) -> str:
    return " ".join(error.headers.get_all("WWW-Authenticate", [])).lower()


def _why(reason: object) -> str:
    """What the system says, in its own few words."""
    words = getattr(reason, "strerror", None)
    return str(words).lower() if isinstance(words, str) else ""


def _refused(name: str, code: int) -> CameraGone:
    """What is said of an answer that holds no pictures."""
    meaning = responses.get(code, "")
    hint = "Check the address."
    if code in (401, 403):
        hint = _LOGIN_HINT
    elif 300 <= code < 400:
        meaning, hint = (
            "it sends us elsewhere, where no stream can be",
            "Name the address of the stream itself.",
        )
    words = f"it answers {code}{f' ({meaning})' if meaning else ''}"
    return CameraGone(f"{name} cannot be opened.", hint, why=words)


def _size_of(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height that a JPEG tells in its frame header; None where it has none."""
    at = 2
    while at + 9 <= len(jpeg):
        if jpeg[at] != 0xFF:
            return None
        marker = jpeg[at + 1]
        if marker == 0xFF or marker in _NO_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", jpeg, at + 5)
            return width, height
        at += 2 + int(struct.unpack_from(">H", jpeg, at + 2)[0])
    return None


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None
