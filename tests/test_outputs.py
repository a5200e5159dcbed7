from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import av
import numpy as np
import pytest
from rich.console import Console

from posture_cam.care.tips import load_tips
from posture_cam.ids import Landmark, Measure, NeutralOrigin, Reason, State, View
from posture_cam.outputs.files.video import AnnotatedVideo
from posture_cam.outputs.screen.overlay import STATE_COLOURS, Overlay, Scene, draw_banner, draw_timeline
from posture_cam.outputs.terminal.console import print_summary
from posture_cam.records import (
    Alert,
    Frame,
    Measures,
    Neutral,
    Observation,
    Sample,
    SessionSummary,
    SourceInfo,
)
from tests.builders import SIZE_WH, assessment, front_pose, side_pose

TIP = load_tips()[0]
GHOST = side_pose(neck_deg=10.0)
NEUTRAL = Neutral("", "a.mp4", View.SIDE_LEFT, {}, {}, 20, pose=GHOST, start_s=1.0, end_s=5.0)
VALUES = MappingProxyType({Measure.NECK_INCLINATION_CHANGE: 24.0, Measure.TRUNK_INCLINATION_CHANGE: 12.0})


def scene(state: State, *, neck_deg: float = 42.0, alert: Alert | None = None) -> Scene:
    pose = side_pose(neck_deg=neck_deg)
    measures = Measures(0.0, View.SIDE_LEFT, VALUES, 0.9)
    return Scene(measures, assessment(0.0, state), pose.landmarks[:, :2], pose.visibility, TIP, alert)


def blank(size_wh: tuple[int, int] = SIZE_WH) -> np.ndarray:
    return np.full((size_wh[1], size_wh[0], 3), 90, np.uint8)


def has_colour(image: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(image.astype(int) - colour).max(axis=2) < 12).sum() > 20)


@pytest.mark.parametrize("state", [State.GOOD, State.FAIR, State.POOR])
def test_the_overlay_shows_the_state_by_its_colour(state: State) -> None:
    image = blank()
    Overlay(NEUTRAL).draw(image, scene(state))
    assert has_colour(image, STATE_COLOURS[state])
    for other in (State.GOOD, State.FAIR, State.POOR):
        if other != state:
            assert not has_colour(image, STATE_COLOURS[other])


def test_the_skeleton_lies_on_the_landmarks() -> None:
    image = blank()
    Overlay(None).draw(image, scene(State.POOR))
    pose = side_pose(neck_deg=42.0)
    ears = pose.landmarks[7:9, :2].mean(axis=0) * SIZE_WH
    shoulders = pose.landmarks[11:13, :2].mean(axis=0) * SIZE_WH
    x, y = np.round((ears + shoulders) / 2).astype(int)
    assert tuple(image[y, x].tolist()) == STATE_COLOURS[State.POOR]


def test_the_ghost_is_drawn_where_the_neutral_was() -> None:
    with_ghost, without = blank(), blank()
    Overlay(NEUTRAL).draw(with_ghost, scene(State.GOOD))
    Overlay(None).draw(without, scene(State.GOOD))
    changed = np.argwhere((with_ghost != without).any(axis=2))
    ears_y = GHOST.landmarks[7:9, 1].mean() * SIZE_WH[1]
    assert changed.size
    assert changed[:, 0].min() == pytest.approx(ears_y - 44, abs=8)


@pytest.mark.parametrize(
    "size_wh", [(1, 1), (2, 2), (16, 16), (90, 160), (641, 481), (360, 640), (3840, 2160)]
)
@pytest.mark.parametrize("state", list(State))
def test_any_picture_can_be_drawn_on(size_wh: tuple[int, int], state: State) -> None:
    image = blank(size_wh)
    alert = Alert(0.0, Measure.NECK_INCLINATION_CHANGE, 30.0, "Head forward for 30 s.", TIP)
    Overlay(NEUTRAL).draw(image, scene(state, alert=alert))
    draw_timeline(image, [(0.0, 0.4, State.GOOD), (0.4, 0.6, state)])
    assert image.shape == (size_wh[1], size_wh[0], 3)


def test_landmarks_far_outside_the_picture_are_no_trouble() -> None:
    built = scene(State.POOR)
    assert built.landmarks is not None
    image = blank()
    Overlay(NEUTRAL).draw(image, replace(built, landmarks=built.landmarks * 1e6 - 5e5))


def test_nobody_seen_is_drawn_as_words_alone() -> None:
    image = blank()
    nobody = Scene(Measures(0.0, View.FRONT, {}, 0.0, Reason.NOBODY), assessment(0.0, State.AWAY), None, None)
    Overlay(None).draw(image, nobody)
    assert has_colour(image, (255, 255, 255))
    assert (image[SIZE_WH[1] // 2 :] == 90).all()


def observation(now_s: float, state: State = State.GOOD) -> Observation:
    pose = side_pose(now_s)
    measures = Measures(now_s, View.SIDE_LEFT, VALUES, 0.9)
    return Observation(Sample(round(now_s * 10), now_s, pose), measures, assessment(now_s, state), 0.2)


def summary(duration_s: float, **changes: object) -> SessionSummary:
    built = SessionSummary(
        source=SourceInfo("a.mp4", *SIZE_WH, 10.0, duration_s),
        neutral=NEUTRAL,
        neutral_origin=NeutralOrigin.FOUND,
        profile=None,
        duration_s=duration_s,
        seconds_by_state={State.GOOD: duration_s},
        score=90,
        episodes=(),
        alerts=(),
        statistics={},
        faults=(),
        unjudged_s_by_reason={},
        longest_hold=None,
        tips=(TIP,),
        views={View.SIDE_LEFT: duration_s},
        model="full",
        sample_count=10,
        look_count=8,
    )
    return replace(built, **changes)  # type: ignore[arg-type]


def film(path: Path, times: list[float], size_wh: tuple[int, int], rate: float | None = 10.0) -> None:
    frames = (Frame(number, time_s, blank(size_wh)) for number, time_s in enumerate(times))
    source = SourceInfo("a.mp4", *size_wh, rate, times[-1] + 0.1)
    with AnnotatedVideo(path, source, frames, NEUTRAL) as sink:
        for now_s in np.arange(0.0, times[-1] + 0.01, 0.2):
            sink.write(observation(float(now_s)))
        sink.finish(summary(times[-1] + 0.1))


def frame_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time or 0.0 for frame in container.decode(video=0)]


def test_variable_frame_rates_keep_their_times_in_the_video(tmp_path: Path) -> None:
    times = [0.0, 0.05, 0.1, 0.7, 0.75, 2.0, 2.2]
    film(tmp_path / "a.mp4", times, SIZE_WH)
    assert frame_times(tmp_path / "a.mp4") == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize("size_wh", [(65, 49), (17, 16), (1, 1), (360, 640)])
def test_odd_sides_are_made_even_for_players(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    film(tmp_path / "a.mp4", [0.0, 0.1, 0.2], size_wh)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == tuple(max(2, side + side % 2) for side in size_wh)


def test_a_video_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def run() -> None:
        frames = (Frame(number, number / 10, blank()) for number in range(30))
        with AnnotatedVideo(tmp_path / "a.mp4", SourceInfo("a", *SIZE_WH, 10.0, 3.0), frames, None) as sink:
            sink.write(observation(0.0))
            sink.write(observation(1.0))
            raise RuntimeError("for the test")

    with pytest.raises(RuntimeError):
        run()
    assert list(tmp_path.iterdir()) == []


def printed(built: SessionSummary) -> str:
    text = io.StringIO()
    print_summary(built, Console(file=text, width=120))
    return text.getvalue()


def test_the_summary_says_what_it_was_compared_with() -> None:
    assert "your posture at 0:01 to 0:05" in printed(summary(30.0))
    stored = replace(NEUTRAL, source="http://192.168.1.20/video", created_at="2026-11-24T08:00:00+00:00")
    words = printed(summary(30.0, neutral=stored, profile="desk"))
    assert "the profile desk" in words
    assert "192.168" not in words
    average = replace(NEUTRAL, is_personal=False, start_s=None, end_s=None)
    assert "average upright sitter" in printed(summary(30.0, neutral=average))


def test_the_summary_says_what_could_not_be_judged_and_why() -> None:
    words = printed(
        summary(
            60.0,
            seconds_by_state={State.GOOD: 30.0, State.UNJUDGED: 30.0},
            unjudged_s_by_reason={Reason.LOOKING_AWAY: 20.0, Reason.GAP: 10.0},
        )
    )
    assert "Not judged: head turned away (20 s); no pictures (10 s)." in words
    assert "unjudged" in words


def test_hostile_names_stay_text() -> None:
    source = SourceInfo("[red]x[/red].mp4", 1, 1, None, None)
    assert "[red]x[/red].mp4" in printed(summary(30.0, source=source, notes=("[bold]odd",)))


@pytest.mark.parametrize("size_wh", [(640, 360), (1280, 720), (360, 640)])
def test_words_over_the_picture_end_before_its_edge(size_wh: tuple[int, int]) -> None:
    image = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    words = "MMMM WWWW wide words of an alert that fill line after line up to the last of its pixels. " * 2
    draw_banner(image, words, 0.0)
    drawn = np.flatnonzero((image > 200).all(axis=2).any(axis=0))
    size_px = max(14, round(min(size_wh[1] / 16, size_wh[0] / 26)))
    assert drawn.min() >= size_px - 2
    assert drawn.max() <= size_wh[0] - size_px + 2
    alert = Alert(0.0, Measure.NECK_INCLINATION_CHANGE, 30.0, words, TIP)
    nobody = Scene(Measures(0.0, View.FRONT, {}, 0.0), assessment(0.0, State.POOR), None, None, TIP, alert)
    image = np.full((size_wh[1], size_wh[0], 3), 10, np.uint8)
    Overlay(None).draw(image, nobody)
    drawn = np.flatnonzero((image[size_wh[1] // 2 :] > 200).all(axis=2).any(axis=0))
    assert drawn.size
    assert drawn.max() <= size_wh[0] - max(11, round(min(size_wh[1] / 28, size_wh[0] / 44)))


def test_what_was_judged_is_told_only_where_it_is_asked_for() -> None:
    hidden, shown = blank(), blank()
    Overlay(NEUTRAL).draw(hidden, scene(State.POOR))
    Overlay(NEUTRAL).draw(shown, replace(scene(State.POOR), shows_coverage=True))
    assert (hidden != shown).any()


@pytest.mark.parametrize("size_wh", [(360, 640), (720, 1280), (1280, 720)])
def test_the_small_figure_follows_the_shorter_side_and_leaves_the_face_alone(
    size_wh: tuple[int, int],
) -> None:
    for centre_x in (0.5, 0.85):
        pose = front_pose(size_wh=size_wh, centre_x=centre_x, width=0.3 * min(size_wh), ratio=2.0)
        front = replace(scene(State.FAIR), measures=Measures(0.0, View.FRONT, VALUES, 0.9), tip=None)
        image = blank(size_wh)
        Overlay(None).draw(image, replace(front, landmarks=pose.landmarks[:, :2], visibility=np.zeros(33)))
        without = blank(size_wh)
        plain = replace(front, measures=replace(front.measures, values=MappingProxyType({})))
        Overlay(None).draw(without, replace(plain, landmarks=pose.landmarks[:, :2], visibility=np.zeros(33)))
        changed = np.argwhere((image != without).any(axis=2))
        low, high = changed.min(axis=0), changed.max(axis=0)
        assert max(high - low) < 0.4 * min(size_wh)
        face = pose.landmarks[[Landmark.NOSE, Landmark.LEFT_EAR, Landmark.RIGHT_EAR], 1::-1] * size_wh[::-1]
        assert not ((face > low) & (face < high)).all(axis=1).any()
