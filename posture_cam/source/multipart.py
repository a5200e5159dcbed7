"""The JPEG pictures of a multipart answer over HTTP, as network cameras send them, not decoded."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from http.client import HTTPResponse

_CHUNK = 65_536
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_MARK_LINE = re.compile(rb"(?:^|\n)(--[^\s][^\r\n]*?)[ \t]*\r?\n")
# Bytes of a picture with its head; a camera that sends more would fill the memory.
_MOST_BYTES = 64 * 2**20
# JPEG markers that carry the picture's size: all frame headers (ITU-T T.81, B.1.1.3).
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}


def pictures_of(response: HTTPResponse) -> Iterator[bytes]:
    """The JPEG pictures of an answer in several parts; empty where one is cut short.

    FFmpeg's demuxer for such answers is not used: it refuses part types that cameras send (`image/jpg`, none
    at all), and never ends a picture that has neither a length nor a line break before the next mark.
    """
    buffer = _Buffer(response)
    mark = _mark_of(response, buffer)
    while mark and (start := buffer.find(mark, 0)) >= 0 and (first := buffer.find(_JPEG_START, start)) >= 0:
        head = bytes(buffer.data[start:first]).rpartition(mark)[2]  # a part without a picture is passed over
        length = _length(head)
        end = first + length if length is not None else buffer.find(mark, first)
        if not first < end <= first + _MOST_BYTES or not buffer.fill_to(end):
            return
        last = buffer.data.rfind(_JPEG_END, first, end)
        yield bytes(buffer.data[first : last + 2]) if last >= 0 else b""
        del buffer.data[:end]


class _Buffer:
    """The bytes of an answer that have not been used yet."""

    def __init__(self, response: HTTPResponse) -> None:
        self._response = response
        self.data = bytearray()

    def find(self, sought: bytes, start: int) -> int:
        """The place of these bytes, reading as far as needed; -1 at the end, or if they are too far away."""
        searched = start
        while (at := self.data.find(sought, searched)) < 0:
            searched = max(start, len(self.data) - len(sought) + 1)
            if len(self.data) - start > _MOST_BYTES or not self.fill_to(len(self.data) + 1):
                return -1
        return at

    def fill_to(self, size: int) -> bool:
        """Read until there are this many bytes; False if the answer ends before."""
        while len(self.data) < size:
            chunk = self._response.read1(_CHUNK)
            self.data += chunk
            if not chunk:
                return False
        return True


def _mark_of(response: HTTPResponse, buffer: _Buffer) -> bytes:
    """The line between two pictures: the first line of two dashes, if it comes before the first picture.

    Otherwise the announced mark: some cameras send it only after pictures, so a first mark is added.
    """
    picture = buffer.find(_JPEG_START, 0)
    if picture < 0:
        return b""
    if found := _MARK_LINE.search(buffer.data, 0, picture):
        return found.group(1)
    announced = (response.headers.get_boundary() or "").encode("latin-1", "replace")
    if not announced:
        return b""
    mark = b"--" + announced.removeprefix(b"--")
    buffer.data[:0] = mark
    return mark


def _length(head: bytes) -> int | None:
    """The length that a part announces, or None."""
    for line in head.split(b"\n"):
        key, _, value = line.partition(b":")
        if key.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return None


def size_of(jpeg: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG, from its frame header; None without a header."""
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
