"""Network streams, read through PyAV: MJPEG as IP cameras and phone apps serve it, HLS, RTSP.

Of an MJPEG stream only the pictures that are looked at are decoded.  The HTTP request is made here, not by
FFmpeg, so that the cause of a failure is known and can be reported.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse, responses
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from posture_cam.closing import Closing
from posture_cam.errors import SourceError
from posture_cam.media import av
from posture_cam.records import SourceInfo
from posture_cam.source.camera import CameraGone, gone, source_name
from posture_cam.source.groups import FAILURES
from posture_cam.source.multipart import pictures_of, size_of
from posture_cam.source.timeline import sane_frame_rate

# Chosen: a camera in the same building answers in a fraction of this time.
_TIMEOUT_S = 10.0
_PAGES = ("text/html", "application/xhtml+xml")
# Sizes in which a desk can be seen; a decoder would need gigabytes for larger pictures.
_LEAST_PX, _MOST_PX, _MOST_ASPECT = 64, 8192, 8.0
_LIMITS = {"max_pixels": str(_MOST_PX * _MOST_PX)}
# Protocols that an address may lead to; files of this machine are not among them.  RTSP asks for TCP, which
# passes firewalls and loses nothing.
_PROTOCOLS = {
    "protocol_whitelist": "http,https,tcp,tls,crypto,rtp,rtsp,rtsps,udp",
    "rtsp_transport": "tcp",
}
_LOGIN_HINT = "Put user name and password before the host: http://user:password@host/path"
_LEAVE_S = 0.5


class PictureRefused(SourceError):  # noqa: N818
    """A picture has a size that cannot be used."""


class NetworkStream(Closing):
    """A stream by its address; a context manager that always releases it.

    Args:
        url: http, https or rtsp; a user name and password in it are used to log in.

    Raises:
        CameraGone: The stream cannot be opened.
    """

    can_freeze = True

    def __init__(self, url: str) -> None:
        self._name = source_name(url)
        self._in_use, self._is_closed = threading.Lock(), False
        self._container: Any = None
        self._picture: Any = None
        self._response = _answer(url, self._name) if url.lower().startswith("http") else None
        try:
            self._decoder = av.CodecContext.create("mjpeg", "r")
            self._decoder.options, self._decoder.thread_count = _LIMITS, 1  # more threads delay pictures
            self._pictures: Iterator[Any]
            if self._response is not None:
                self._pictures = pictures_of(self._response)
            else:
                self._container = av.open(url, options=_PROTOCOLS | _LIMITS, timeout=_TIMEOUT_S)
                self._stream = self._container.streams.video[0]
                self._stream.codec_context.options = _LIMITS
                self._stream.codec_context.thread_count = 1
                self._pictures = self._read()
            if not self.grab():
                raise gone(self._name)  # noqa: TRY301 - it is released below
        except (*FAILURES, IndexError) as error:
            self.close()
            raise CameraGone(
                f"{self._name} cannot be opened.", "Check the address, and that the stream is running."
            ) from error
        except BaseException:
            self.close()
            raise
        rate = None if self._response is not None else self._stream.average_rate
        rate_hz = sane_frame_rate(float(rate)) if rate else None
        self._info = SourceInfo(self._name, *(self._size_wh or (0, 0)), rate_hz, None, is_live=True)

    @property
    def info(self) -> SourceInfo:
        """The properties of the stream, from its first picture."""
        return self._info

    @property
    def _size_wh(self) -> tuple[int, int] | None:
        if isinstance(self._picture, bytes):
            return size_of(self._picture)
        return self._picture.width, self._picture.height

    def grab(self) -> bool:
        """Wait for the next picture; False once there are no more."""
        with self._in_use:
            if self._is_closed:
                return False
            try:
                self._picture = next(self._pictures, None)
            except (*FAILURES, AttributeError, HTTPException):  # closing a response breaks its reads
                self._picture = None
            return self._picture is not None

    def _read(self) -> Iterator[Any]:
        """Pictures of MJPEG undecoded; those of other codecs decoded, as each is needed for the next."""
        is_mjpeg = self._stream.codec_context.name == "mjpeg"
        for packet in self._container.demux(self._stream):
            if is_mjpeg and packet.size:
                yield bytes(packet)
            elif not is_mjpeg:
                with contextlib.suppress(*FAILURES):  # a damaged picture
                    yield from packet.decode()

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture grabbed last, blue-green-red; None where it is damaged.

        Raises:
            PictureRefused: It is too small to see anybody in it, or too large to be decoded.
        """
        with self._in_use:
            if self._is_closed or (size_wh := self._size_wh) is None:
                return None
            least, most = min(size_wh), max(size_wh)
            if least < _LEAST_PX or most > _MOST_PX or most > _MOST_ASPECT * least:
                raise PictureRefused(f"{self._name} sends pictures of {size_wh[0]} x {size_wh[1]} pixels.")
            with contextlib.suppress(*FAILURES):
                picture = self._picture
                is_coded = isinstance(picture, bytes)
                frames = self._decoder.decode(av.Packet(picture)) if is_coded else [picture]
                if frames:
                    return np.asarray(frames[-1].to_ndarray(format="bgr24"), np.uint8)
            return None

    def close(self) -> None:
        """End the connection, even while another thread reads from it."""
        self._is_closed = True
        if self._response is not None:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                descriptor = socket.socket(fileno=socket.dup(self._response.fileno()))
                descriptor.shutdown(socket.SHUT_RDWR)  # wakes the reading thread
                descriptor.close()
        if not self._in_use.acquire(timeout=_LEAVE_S):
            return  # the reader will give up, and holds the last references
        try:
            self._picture, self._pictures = None, iter(())
            container, self._container = self._container, None
            if container is not None:
                container.close()
            if self._response is not None:
                with contextlib.suppress(OSError, ValueError, AttributeError):
                    self._response.close()
        finally:
            self._in_use.release()


def _answer(url: str, name: str) -> HTTPResponse | None:
    """The answer of a camera that sends one picture after the other; None if FFmpeg has to make the request.

    Raises:
        CameraGone: It answers with something else, or not at all.
    """
    try:
        response = _open(url, name)
    except _AsksForMore:
        return None
    content_type = response.headers.get_content_type()
    if content_type.startswith("multipart/"):
        return response
    response.close()
    if content_type in _PAGES and "Content-Type" in response.headers:
        raise CameraGone(
            f"{name} answers with a page ({content_type}), not with pictures.",
            "Name the address of the stream itself; the camera's manual tells it.",
        )
    return None


class _AsksForMore(Exception):  # noqa: N818
    """The camera asks for digest authentication, which FFmpeg supports."""


class _WithinHttp(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https addresses only: neither to files nor to FTP."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The request to follow with, or None."""
        if not newurl.lower().startswith(("http://", "https://")):
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    """An opener that speaks http and https only."""
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
            raise _AsksForMore from None
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
    """The system's own description of a failure."""
    words = getattr(reason, "strerror", None)
    return str(words).lower() if isinstance(words, str) else ""


def _refused(name: str, code: int) -> CameraGone:
    """The error for an answer without pictures."""
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
