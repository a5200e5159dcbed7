"""Pictures between key pictures that are close together stay undecoded until somebody asks for them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture_cam.source import Glimpse, VideoFile
from posture_cam.source.groups import groups_of
from tests.builders import read_stripes, stripes, turn_by_90_deg, write_video

MOST_S = 2.0
CODECS = {
    "mp4": ("libx264", "yuv420p", {"g": "30", "bf": "2", "sc_threshold": "0"}),
    "mkv": ("libx265", "yuv420p", {"x265-params": "keyint=30:scenecut=0:open-gop=0:log-level=none"}),
    "avi": ("mjpeg", "yuvj420p", {}),
}


def written(folder: Path, ending: str, **options: str) -> Path:
    codec, pixels, usual = CODECS[ending]
    return write_video(
        folder / f"a.{ending}",
        map(stripes, range(200)),
        rate=30,
        codec=codec,
        pixels=pixels,
        options={**usual, **options},
    )


def glimpses(path: Path) -> list[Glimpse]:
    with VideoFile(path, 5.0, 1, is_sparse=True, most_between_keys_s=MOST_S) as source:
        return list(source.glimpses())


def shown(glimpse: Glimpse) -> int | None:
    frame = glimpse.frame()
    return None if frame is None else read_stripes(frame.image_bgr)


@pytest.mark.parametrize("ending", CODECS)
def test_every_picture_is_the_one_of_its_time_in_whatever_order_it_is_asked_for(
    tmp_path: Path, ending: str
) -> None:
    path = written(tmp_path, ending)
    with VideoFile(path, 5.0, 1, is_sparse=True, most_between_keys_s=MOST_S) as source:
        seen = list(source.glimpses())
        for place in np.random.default_rng(4).permutation(len(seen)):
            one = seen[place]
            assert shown(one) == one.index == round(30 * one.timestamp_s)
            assert one.small is not None
            assert one.small.shape == (54, 96)
    times_s = [one.timestamp_s for one in seen]
    assert times_s[0] == 0
    assert max(after - before for before, after in pairwise(times_s)) <= 0.24
    assert len(seen) == pytest.approx(34, abs=1)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_key_pictures_are_decoded_and_the_others_wait(tmp_path: Path, ending: str) -> None:
    decoded = [int(one.index) for one in glimpses(written(tmp_path, ending)) if not one.is_undecoded]
    assert decoded[:6] == [0, 30, 60, 90, 120, 150]
    assert decoded[6:] == pytest.approx([180, 186, 192, 198], abs=1)  # no key picture follows


def test_a_key_picture_is_taken_also_where_none_is_due(tmp_path: Path) -> None:
    seen = glimpses(written(tmp_path, "mp4", g="20"))
    assert {0, 20, 40, 60, 80} <= {one.index for one in seen if not one.is_undecoded}


def test_where_key_pictures_are_further_apart_nothing_waits(tmp_path: Path) -> None:
    assert not any(one.is_undecoded for one in glimpses(written(tmp_path, "mp4", g="90")))


def test_pictures_that_need_the_next_key_picture_do_not_wait(tmp_path: Path) -> None:
    options = {"x264-params": "keyint=30:scenecut=0:open-gop=1:bframes=3:b-adapt=0"}
    path = written(tmp_path, "mp4", g="30", bf="3", **options)
    with VideoFile(path, 5.0, 1, is_sparse=True, most_between_keys_s=MOST_S) as source:
        seen = list(source.glimpses())
        assert all(shown(one) == one.index for one in seen)
    with av.open(str(path)) as container:
        packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(video=0)]
    has_leading = [
        is_key and pts is not None and next_pts is not None and next_pts < pts
        for (pts, is_key), (next_pts, _) in pairwise(packets)
    ]
    assert any(has_leading)  # else the test shows nothing
    assert sum(one.is_undecoded for one in seen) < 10


@pytest.mark.parametrize("most_s", [None, MOST_S])
def test_a_recording_on_its_side_is_upright(tmp_path: Path, most_s: float | None) -> None:
    path = turn_by_90_deg(written(tmp_path, "mp4"))
    with VideoFile(path, 5.0, 1, is_sparse=True, most_between_keys_s=most_s) as source:
        assert (source.info.width_px, source.info.height_px) == (48, 64)
        for one in source.glimpses():
            frame = one.frame()
            assert frame is not None
            assert frame.image_bgr.shape == (64, 48, 3)


def test_a_gradual_refresh_is_no_key_picture(tmp_path: Path) -> None:
    path = written(tmp_path, "mp4", **{"x264-params": "intra-refresh=1:keyint=30:bframes=0"})
    with av.open(str(path)) as container:
        assert (
            sum(packet.is_keyframe for packet in container.demux(video=0)) > 3
        )  # else the test shows nothing
    with VideoFile(path, 5.0, 1, is_sparse=True, most_between_keys_s=MOST_S) as source:
        seen = list(source.glimpses())
        assert len(seen) > 30
        assert all(shown(one) == one.index for one in seen[:-1])


def test_without_a_graphics_card_that_decodes_the_software_does(tmp_path: Path) -> None:
    path = written(tmp_path, "mp4")
    with VideoFile(path, 5.0, 1, is_sparse=True, most_between_keys_s=MOST_S, is_hardware=True) as source:
        assert all(shown(one) == one.index for one in source.glimpses())


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_recording_gives_right_pictures_or_none(tmp_path: Path, seed: int) -> None:
    path = written(tmp_path, "mp4")
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    start, end = content.index(b"mdat") + 1200, content.index(b"moov")
    for place in random.integers(start, end, 5):
        content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    with VideoFile(path, 5.0, 1, is_sparse=True, most_between_keys_s=MOST_S) as source:
        for one in source.glimpses():
            small, frame = one.small, one.frame()
            assert (small is None) == (frame is None)


class Packet(NamedTuple):
    pts: int | None
    is_keyframe: bool


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_groups_hold_all_packets_in_order_and_closed_ones_what_they_promise(data: Any) -> None:
    packets, time = [], 0
    for _ in range(data.draw(st.integers(0, 6))):
        count = data.draw(st.integers(1, 6))
        own = [Packet(time, True), *(Packet(time + 1 + place, False) for place in range(count - 1))]
        if data.draw(st.booleans()) and time > 3 and count > 1:  # a picture before its key picture
            own[1] = Packet(time - 1, False)
        if data.draw(st.integers(0, 9)) == 0:
            own[-1] = Packet(None, data.draw(st.booleans()))
        packets += own
        time += count + data.draw(st.integers(0, 4))
    groups = list(groups_of(packets, 6.0))
    assert [packet for group in groups for packet in group.packets] == packets
    for place, (own, is_closed) in enumerate(groups):
        if not is_closed:
            continue
        following = [packet for group in groups[place + 1 :] for packet in group.packets]
        times = [-1 if packet.pts is None else packet.pts for packet in own]
        next_time = following[0].pts
        assert next_time is not None
        assert own[0].is_keyframe
        assert not any(packet.is_keyframe for packet in own[1:])
        assert following[0].is_keyframe
        assert 0 <= times[0] == min(times)
        assert max(times) < next_time <= times[0] + 6
        assert len(following) == 1 or following[1].pts is None or following[1].pts > next_time
