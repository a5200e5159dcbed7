"""Groups of pictures: those from a key picture to the next, which can be decoded without any other.

Where key pictures are close together, as phones and webcams record them, the pictures between two of them
stay undecoded until somebody asks for them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from posture_cam.media import av

# What PyAV raises on damaged files.
FAILURES = (OSError, ValueError, av.FFmpegError)


# NAL unit types of pictures that need no other with the mask of the type, its shift, and where the size of
# lengths stands in the container's header.
_ENTRIES = {"h264": (((5,), 0x1F), 0, 4), "hevc": (((19, 20, 21), 0x3F), 1, 21)}


class Group(NamedTuple):
    """Packets in the order in which they are decoded.

    Attributes:
        is_closed: They are all packets from a key picture to the next, which is near enough, and no other
            picture needs them or is needed by them.
    """

    packets: list[Any]
    is_closed: bool


def entry_test(context: Any) -> Callable[[Any], bool]:
    """A test whether a packet can be decoded alone, as its key flag may also mean a gradual refresh.

    H.264 marks such pictures as IDR (NAL unit type 5; ITU-T H.264, table 7-1), HEVC as IDR or CRA (19 to 21;
    ITU-T H.265, table 7-1).
    """
    name, extra = context.name, bytes(context.extradata or b"")
    if name not in _ENTRIES:
        return _has_key_flag
    types, shift, header = _ENTRIES[name]
    length_size = (extra[header] & 3) + 1 if len(extra) > header and extra[0] == 1 else 0

    def is_entry(packet: Any) -> bool:
        if not packet.is_keyframe:
            return False
        return any((first >> shift & types[1]) in types[0] for first in _units(bytes(packet), length_size))

    return is_entry


def _units(data: bytes, length_size: int) -> Iterator[int]:
    """The first byte of each NAL unit of a packet, by lengths (MP4, Matroska) or start codes."""
    place = 0
    if length_size:
        while place + length_size < len(data):
            length = int.from_bytes(data[place : place + length_size], "big")
            yield data[place + length_size]
            place += length_size + max(length, 1)
        return
    while (found := data.find(b"\0\0\1", place)) >= 0 and found + 3 < len(data):
        yield data[found + 3]
        place = found + 3


def _has_key_flag(packet: Any) -> bool:
    return bool(packet.is_keyframe)


def groups_of(
    packets: Iterable[Any], longest: float, is_entry: Callable[[Any], bool] = _has_key_flag
) -> Iterator[Group]:
    """The same packets in groups; those that belong to no closed group come at once.

    Args:
        packets: Of one stream, as demuxed.
        longest: How far the next key picture may be, in the stream's time base.
        is_entry: Whether a packet can be decoded without any other.
    """
    group: list[Any] = []  # complete but for the check of what follows, if there is a following key picture
    following: list[Any] = []
    for packet in packets:
        if following:  # the first packet after a key picture tells whether pictures before it come late
            is_closed = packet.pts is None or packet.pts > following[0].pts
            yield Group(group, is_closed)
            group, following = (following, []) if is_closed else ([], following)
            if not is_closed:
                yield Group(following, False)
                following = []
        if packet.pts is not None and is_entry(packet):
            if group:
                following = [packet]
            else:
                group = [packet]
        elif group:
            group.append(packet)
        else:
            yield Group([packet], False)
        last = (following or group or [packet])[-1]
        if group and (last.pts is None or not 0 <= last.pts - group[0].pts <= longest):
            yield Group(group, False)
            group, following = following, []
    for rest in (group, following):
        if rest:
            yield Group(rest, False)


class Undecoded:
    """A picture known by its time.

    Args:
        pts: Its time, in the stream's time base.
        group: The pictures it is decoded with.

    Attributes:
        is_wanted: Whether it is decoded along with others of its group.
    """

    def __init__(self, pts: int, group: UndecodedGroup) -> None:
        self.pts, self.group, self.is_wanted = pts, group, False
        self._frame: Any = None
        self._is_decoded = False

    @property
    def is_key(self) -> bool:
        """Whether it can be decoded without any other."""
        return bool(self.pts == self.group.key_pts)

    def frame(self) -> Any:
        """The decoded picture; None if it is damaged."""
        self.is_wanted = True
        if not self._is_decoded:
            self.group.decode(self)
        return self._frame

    def set_frame(self, frame: Any) -> None:
        """Take the decoded picture; None if it is damaged."""
        self._frame, self._is_decoded = frame, True


class UndecodedGroup:
    """The pictures of a closed group.

    Args:
        packets: All packets of the group.
        decoder: Decodes them.
    """

    def __init__(self, packets: list[Any], decoder: GroupDecoder) -> None:
        self._packets, self._decoder = packets, decoder
        self.key_pts, self.size = packets[0].pts, len(packets)
        # Weak, so that nothing has to wait for Python to collect cycles: a picture takes megabytes.
        self._pictures: weakref.WeakValueDictionary[int, Undecoded] = weakref.WeakValueDictionary()

    def key_by(self, context: Any) -> Any:
        """The key picture, decoded by another decoder, which can begin anew afterwards; None if damaged."""
        frames: list[Any] = []
        with suppress(*FAILURES):
            frames += context.decode(self._packets[0])
        frames += drained(context)
        return frames[0] if frames else None

    def pictures(self) -> list[Undecoded]:
        """The pictures in order of time; to be called once."""
        pictures = [Undecoded(pts, self) for pts in sorted(packet.pts for packet in self._packets)]
        self._pictures.update({picture.pts: picture for picture in pictures})
        return pictures

    def decode(self, picture: Undecoded) -> None:
        """Decode a picture: the key picture alone, any other with all that are wanted."""
        if picture.pts == self.key_pts:
            packets, wanted = self._packets[:1], {picture.pts: picture}
        else:
            packets = self._packets
            wanted = {
                pts: one for pts, one in self._pictures.items() if one.is_wanted and pts != self.key_pts
            }
        frames = {frame.pts: frame for frame in self._decoder.decode(packets, wanted.keys())}
        for pts, one in wanted.items():
            one.set_frame(frames.get(pts))


class GroupDecoder:
    """Decodes groups on demand, apart from the decoder that reads on.

    Args:
        stream: The stream the groups come from.
    """

    def __init__(self, stream: Any) -> None:
        origin = stream.codec_context
        self._context: Any = av.CodecContext.create(origin.codec.name, "r")
        self._context.extradata = origin.extradata
        self._context.thread_count = 1
        self._in_use = threading.Lock()

    def decode(self, packets: Iterable[Any], wanted: Iterable[int]) -> list[Any]:
        """The pictures of some packets, without those that are neither wanted nor needed by another."""
        frames: list[Any] = []
        with self._in_use:
            for packet in packets:
                self._context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
                with suppress(*FAILURES):  # a damaged picture
                    frames += self._context.decode(packet)
            frames += drained(self._context)
        return frames


def drained(context: Any) -> list[Any]:
    """The pictures that a decoder still holds; it can begin anew at a key picture then."""
    frames: list[Any] = []
    with suppress(*FAILURES):
        frames += context.decode(None)
    context.flush_buffers()
    return frames
