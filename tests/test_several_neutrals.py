"""Several neutral postures in one profile: stored, chosen by where the person is, counted and offered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from posture_cam.alerts import AlertPolicy
from posture_cam.assessment import NeutralChoice
from posture_cam.errors import NeutralError
from posture_cam.history import History
from posture_cam.ids import AlertKind, Command, Feature, Label, Stance, State, View
from posture_cam.outputs.files.keeping import LiveHistory
from posture_cam.pose.carrying import room_points
from posture_cam.pose.pose_log import PoseLog
from posture_cam.pose.room import room_mask
from posture_cam.profiles import (
    add_correction,
    all_of,
    forget_neutral,
    load_profile,
    restore_profile,
    save_profile,
)
from posture_cam.records import Features, Neutral, Order, SessionSummary
from posture_cam.runlog import RunLog, totals
from posture_cam.session.learning import correction_of
from posture_cam.session.monitor import MonitorRequest, monitor
from posture_cam.session.neutrals import fitting
from posture_cam.settings import load_settings
from posture_cam.source.displays import display_count
from tests.running import run
from tests.sittings import BERLIN, SOURCE, observation
from tests.test_following import wall
from tests.test_monitor import Kept, ScriptedSource, neutral  # noqa: F401

SETTINGS = load_settings()
RISEN_PX = 90
Picture = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def placed(neutral_: Neutral, right: float, down: float, **changes: object) -> Neutral:
    """The same posture elsewhere in the picture, in shoulder widths."""
    width = neutral_.centre[Feature.SHOULDER_WIDTH]
    centre = {
        **neutral_.centre,
        Feature.SHOULDER_X: neutral_.centre[Feature.SHOULDER_X] + right * width,
        Feature.SHOULDER_Y: neutral_.centre[Feature.SHOULDER_Y] + down * width,
    }
    return replace(neutral_, centre=centre, **changes)  # type: ignore[arg-type]


def moment(neutral_: Neutral, right: float, down: float, at_s: float) -> Features:
    return Features(at_s, neutral_.view, placed(neutral_, right, down).centre, 0.9)


def test_one_profile_holds_a_neutral_posture_for_each_setup(neutral: Neutral) -> None:  # noqa: F811
    standing = replace(neutral, stance=Stance.STANDING)
    save_profile("desk", replace(neutral, source="camera 0"), is_of_camera=True)
    save_profile("desk", replace(standing, source="camera 0"), is_of_camera=True)
    save_profile("desk", replace(neutral, source="camera 1"), is_of_camera=True)
    known = all_of(load_profile("desk"))
    assert [(one.source, one.stance.value) for one in known] == [
        ("camera 1", "sitting"),
        ("camera 0", "standing"),
        ("camera 0", "sitting"),
    ]
    again = replace(neutral, source="camera 0", created_at="2026-02-02T10:00:00+00:00")
    save_profile("desk", again, is_of_camera=True)
    known = all_of(load_profile("desk"))
    assert [one.source for one in known] == ["camera 0", "camera 1", "camera 0"]
    assert known[0].created_at == again.created_at
    # One from a recording replaces that of its stance.
    save_profile("desk", replace(standing, source="a.mp4"))
    assert [(one.source, one.stance.value) for one in all_of(load_profile("desk"))] == [
        ("a.mp4", "standing"),
        ("camera 0", "sitting"),
        ("camera 1", "sitting"),
    ]
    assert restore_profile("desk").source == "camera 0"


def test_a_new_calibration_replaces_the_one_in_use(neutral: Neutral) -> None:  # noqa: F811
    own = replace(neutral, source="camera 0", device="HD Webcam", displays=2)
    for number in range(10):
        save_profile(
            "desk", replace(own, created_at=f"2026-02-{number + 1:02d}T10:00:00+00:00"), is_of_camera=True
        )
    save_profile("desk", replace(own, stance=Stance.STANDING), is_of_camera=True)
    # The same camera under another number is the same camera.
    save_profile(
        "desk", replace(own, source="camera 2", created_at="2026-03-01T10:00:00+00:00"), is_of_camera=True
    )
    known = all_of(load_profile("desk"))
    assert [(one.stance.value, one.source) for one in known] == [
        ("sitting", "camera 2"),
        ("standing", "camera 0"),
    ]
    assert known[0].created_at.startswith("2026-03-01")


def test_what_is_unknown_of_an_older_neutral_posture_excludes_it_from_nothing(neutral: Neutral) -> None:  # noqa: F811
    save_profile("desk", replace(neutral, source="camera 0"), is_of_camera=True)
    standing = replace(neutral, source="camera 0", device="HD Webcam", displays=1, stance=Stance.STANDING)
    save_profile("desk", standing, is_of_camera=True)
    for displays in (None, 1):
        first = fitting(load_profile("desk"), "camera 0", displays, "HD Webcam")
        assert {one.stance for one in all_of(first)} == {Stance.SITTING, Stance.STANDING}
    save_profile("other", replace(neutral, source="camera 0"), is_of_camera=True)
    save_profile("other", replace(neutral, source="a.mp4", stance=Stance.STANDING))
    first = fitting(load_profile("other"), "camera 0", None)
    assert [one.stance for one in all_of(first)] == [Stance.SITTING, Stance.STANDING]


def test_docked_and_undocked_stand_side_by_side(neutral: Neutral) -> None:  # noqa: F811
    for displays in (1, 3, 1):
        save_profile("desk", replace(neutral, source="camera 0", displays=displays), is_of_camera=True)
    assert [one.displays for one in all_of(load_profile("desk"))] == [1, 3]
    profile = load_profile("desk")
    assert [fitting(profile, "camera 0", displays).displays for displays in (1, 3, 2, None)] == [1, 3, 1, 1]
    assert fitting(profile, "camera 0", 3).others == ()
    assert len(fitting(profile, "camera 0", None).others) == 1


def test_corrections_belong_to_the_person_and_hold_for_all(neutral: Neutral) -> None:  # noqa: F811
    save_profile("desk", neutral, is_of_camera=True)
    assert neutral.pose is not None
    add_correction("desk", correction_of(neutral.pose, neutral.pose, Label.GOOD, datetime.now(UTC)))
    save_profile("desk", replace(neutral, stance=Stance.STANDING), is_of_camera=True)
    assert [len(one.corrections) for one in all_of(load_profile("desk"))] == [1, 1]
    taken = forget_neutral("desk", 1)
    assert taken.stance == Stance.STANDING
    assert [one.stance for one in all_of(load_profile("desk"))] == [Stance.SITTING]
    assert len(load_profile("desk").corrections) == 1
    with pytest.raises(NeutralError, match="single"):
        forget_neutral("desk", 1)


def test_the_command_line_lists_and_forgets_them(neutral: Neutral) -> None:  # noqa: F811
    save_profile("desk", neutral, is_of_camera=True)
    save_profile("desk", replace(neutral, stance=Stance.STANDING, displays=2), is_of_camera=True)
    shown = run("profiles", "show", "desk").stdout
    assert "1  standing" in shown
    assert "2 displays" in shown
    assert "2  sitting" in shown
    assert run("profiles", "forget", "desk", "--neutral", "3").returncode == 1
    assert run("profiles", "forget", "desk", "--neutral", "1", "--last", "1").returncode == 2
    assert run("profiles", "forget", "desk", "--neutral", "1").returncode == 0
    assert [one.stance for one in all_of(load_profile("desk"))] == [Stance.SITTING]
    assert run("calibrate", "--posture", "lying").returncode == 2


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["sits", "stands", "slouches", "passes"]),
            st.floats(6.0, 60.0),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_the_place_of_the_shoulders_tells_which_one_is_used(history: list[tuple[str, float]]) -> None:
    """Standing is a shoulder width higher; a slouch sinks by a third; passing takes under five seconds."""
    pose_centre = {
        Feature.SHOULDER_WIDTH: 0.4,
        Feature.SHOULDER_X: 0.9,
        Feature.SHOULDER_Y: 0.7,
        Feature.TRUNK_LENGTH: 0.5,
    }
    sitting = Neutral("2026-01-01", "camera 0", View.FRONT, pose_centre, {}, 30)
    standing = placed(sitting, 0.0, -1.0, stance=Stance.STANDING)
    current = replace(sitting, others=(standing,))
    choice = NeutralChoice(SETTINGS.choosing)
    now_s, expected = 0.0, Stance.SITTING
    for what, lasts_s in history:
        end_s = now_s + (4.0 if what == "passes" else lasts_s)
        down = {"sits": 0.0, "stands": -1.0, "slouches": 0.33, "passes": -1.0}[what]
        if what == "slouches" and expected == Stance.STANDING:
            down -= 1.0
        if what == "passes":
            down = -1.0 if expected == Stance.SITTING else 0.0
        while now_s < end_s:
            other = choice.follow(moment(sitting, 0.05, down, now_s), current)
            if other is not None:
                current = replace(other, others=tuple(one for one in all_of(current) if one is not other))
            now_s += 0.2
        expected = {"sits": Stance.SITTING, "stands": Stance.STANDING}.get(what, expected)
        assert current.stance == expected
        # Back at the desk between two stretches, so that passing does not add up.
        choice.follow(moment(sitting, 0.0, 0.0 if expected == Stance.SITTING else -1.0, now_s), current)


def test_coming_back_is_no_proof_of_five_seconds() -> None:
    centre = {Feature.SHOULDER_WIDTH: 0.4, Feature.SHOULDER_X: 0.9, Feature.SHOULDER_Y: 0.7}
    sitting = Neutral("2026-01-01", "camera 0", View.FRONT, centre, {}, 30)
    current = replace(sitting, others=(placed(sitting, 0.0, -1.0, stance=Stance.STANDING),))
    choice = NeutralChoice(SETTINGS.choosing)
    assert choice.follow(moment(sitting, 0.0, -1.0, 10.0), current) is None
    assert choice.follow(moment(sitting, 0.0, -1.0, 610.0), current) is None
    assert choice.follow(moment(sitting, 0.0, -1.0, 612.0), current) is None
    assert choice.follow(moment(sitting, 0.0, -1.0, 614.0), current) is None
    assert choice.follow(moment(sitting, 0.0, -1.0, 615.5), current) is not None


class AtDesk:
    """A sitter who may stand up, before a wall with pictures; the desk may carry the camera along."""

    def __init__(self, sample_poses: Callable[[str], Path]) -> None:
        self.source = ScriptedSource(lambda now_s: (now_s % 8.0, self.sits), 30.0)
        self.source.info = replace(self.source.info, name="camera 0")
        pose = next(one.pose for one in PoseLog(sample_poses("desk-monitor")).samples() if one.pose)
        shape = self.source._images[0].shape
        self.walls = [wall(seed, (shape[1], shape[0])) for seed in (6, 9)]
        self.is_room = room_mask(shape, pose)[..., None] > 0

    def seen(
        self, image: NDArray[np.uint8], right_px: int = 0, up_px: int = 0, wall_: int = 0
    ) -> NDArray[np.uint8]:
        """The person elsewhere in the picture, before a wall."""
        person, room = (np.roll(one, (-up_px, right_px), axis=(0, 1)) for one in (image, self.is_room))
        if up_px > 0:
            person[-up_px:], room[-up_px:] = image[-1:], room[-up_px - 1]
        return np.where(room, self.walls[wall_], person).astype(np.uint8)

    def sits(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.seen(image)

    def stands(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The camera stays: the person is higher in the picture."""
        return self.seen(image, up_px=RISEN_PX)

    def stands_with_desk(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The camera rises with the desk: the person stays, the wall is another part of the room."""
        return self.seen(image, wall_=1)

    def run(self, plan: Sequence[tuple[float, Any]] = ()) -> tuple[SessionSummary, Kept]:
        self.source.now_s = 0.0
        kept = Kept(plan)
        source: Any = self.source
        summary = monitor(MonitorRequest(0, datetime.now(UTC)), SETTINGS, [kept], source=source)
        return summary, kept


@pytest.fixture
def at_desk(sample_poses: Callable[[str], Path]) -> AtDesk:
    return AtDesk(sample_poses)


def calibrated(
    at_desk: AtDesk, stance: Stance, picture: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]
) -> None:
    """Take a neutral posture by the command of a run."""
    at_desk.source._picture_at = lambda now_s: (now_s % 8.0, picture)
    answers: list[tuple[bool, str]] = []
    order = Order(
        Command.CALIBRATE, (stance.value, "replace"), lambda is_done, words: answers.append((is_done, words))
    )
    at_desk.run([(1.0, order)])
    assert answers[0][0], answers


@pytest.mark.parametrize("how", ["stands", "stands_with_desk"])
def test_who_stands_up_is_compared_with_how_they_stand(how: str, at_desk: AtDesk) -> None:
    picture = getattr(at_desk, how)
    calibrated(at_desk, Stance.SITTING, at_desk.sits)
    calibrated(at_desk, Stance.STANDING, picture)
    known = all_of(load_profile("default"))
    assert [one.stance for one in known] == [Stance.STANDING, Stance.SITTING]
    at_desk.source._end_s = 120.0
    at_desk.source._picture_at = lambda now_s: (
        now_s % 8.0,
        at_desk.sits if now_s < 40.0 or now_s > 80.0 else picture,
    )
    summary, kept = at_desk.run()
    told = [words for words in kept.words if "compared with your neutral posture for" in words]
    assert [words.split(" now")[0] for words in told] == ["You sit", "You stand", "You sit"]
    assert summary.seconds_by_stance[Stance.STANDING] == pytest.approx(40.0, abs=9.0)
    assert summary.seconds_by_stance[Stance.SITTING] == pytest.approx(80.0, abs=12.0)
    late = [
        one
        for one in kept.seen
        if not any(0.0 <= one.assessment.timestamp_s - at_s <= 12.0 for at_s in (0.0, 40.0, 80.0))
    ]
    assert sum(one.assessment.state == State.GOOD for one in late) >= 0.95 * len(late)


def test_a_profile_with_one_neutral_posture_says_nothing_of_stances(
    at_desk: AtDesk,
    neutral: Neutral,  # noqa: F811
) -> None:
    summary, kept = at_desk.run()
    assert summary.seconds_by_stance == {}
    assert summary.stance_changes == 0
    assert all(one.stance is None for one in kept.seen)


def test_sitting_before_the_wall_of_the_other_is_sitting_all_the_same(at_desk: AtDesk) -> None:
    """Shoulders at the one's place, before the other's wall: no to and fro."""
    calibrated(at_desk, Stance.SITTING, at_desk.sits)
    calibrated(at_desk, Stance.STANDING, at_desk.stands)
    standing = load_profile("default")
    other_room = room_points(at_desk.seen(at_desk.source._images[0], wall_=1), standing.pose)
    save_profile("default", replace(standing, room=other_room), is_of_camera=True)
    at_desk.source._end_s = 60.0
    at_desk.source._picture_at = lambda now_s: (now_s % 8.0, lambda image: at_desk.seen(image, wall_=1))
    summary, kept = at_desk.run()
    told = [words for words in kept.words if "compared with your neutral posture for" in words]
    assert len(told) == 1
    assert told[0].startswith("You sit")
    late = [one for one in kept.seen if one.assessment.timestamp_s > 20.0]
    assert sum(one.assessment.state == State.GOOD for one in late) >= 0.95 * len(late)
    assert summary.stance_changes <= 1


def test_a_correction_holds_after_standing_up(at_desk: AtDesk) -> None:
    calibrated(at_desk, Stance.STANDING, at_desk.stands)
    calibrated(at_desk, Stance.SITTING, at_desk.sits)
    at_desk.source._end_s = 40.0
    at_desk.source._picture_at = lambda now_s: (now_s % 8.0, at_desk.sits if now_s < 15.0 else at_desk.stands)
    summary, kept = at_desk.run([(8.0, Command.SITS_WELL)])
    assert any(words.startswith("You stand now") for words in kept.words)
    assert summary.neutral is not None
    assert len(summary.neutral.corrections) == 1


def stretches(*parts: tuple[float, Stance | None]) -> list[tuple[float, Stance | None]]:
    """A moment every ten seconds."""
    found, at_s = [], 0.0
    for seconds, stance in parts:
        found += [(at_s + passed_s, stance) for passed_s in np.arange(0.0, seconds, 10.0)]
        at_s += seconds
    return found


def test_a_change_is_offered_after_a_long_time_in_one_stance() -> None:
    alerts = SETTINGS.alerts.model_copy(update={"change_after_s": 2700.0, "break_after_s": 1e9})
    policy = AlertPolicy(alerts)
    parts = (3000.0, Stance.SITTING), (1200.0, Stance.STANDING), (2800.0, Stance.SITTING)
    told = []
    for at_s, stance in stretches(*parts):
        alert = policy.decide(observation(at_s, State.GOOD).assessment, stance)
        if alert is not None:
            told.append((at_s, alert.kind, alert.message))
    assert [one[:2] for one in told] == [(2700.0, AlertKind.CHANGE), (6900.0, AlertKind.CHANGE)]
    assert told[0][2].startswith("Sitting for 45 min.")
    # Breaks are offered besides, as by default.
    usual = AlertPolicy(SETTINGS.alerts)
    kinds = []
    for at_s, stance in stretches((4 * 3600.0, Stance.SITTING)):
        alert = usual.decide(observation(at_s, State.GOOD).assessment, stance)
        kinds += [alert.kind] if alert is not None else []
    assert kinds.count(AlertKind.CHANGE) == 5
    assert kinds.count(AlertKind.BREAK) >= 6
    never = alerts.model_copy(update={"change_after_s": 0.0})
    for own, stance in ((alerts, None), (never, Stance.SITTING)):
        silent = AlertPolicy(own)
        for at_s in range(0, 9000, 10):
            assert silent.decide(observation(at_s, State.GOOD).assessment, stance) is None


STANCES = st.sampled_from([Stance.SITTING, Stance.STANDING, None])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(STANCES, st.integers(1, 40)), min_size=1, max_size=12))
def test_time_and_changes_are_counted_in_sums_and_minutes_alike(
    history: list[tuple[Stance | None, int]],
) -> None:
    log = RunLog(SETTINGS)
    course = log.course(60.0)
    seconds: dict[Stance, float] = {}
    changes, before, at_s = 0, None, 0.0
    for stance, count in history:
        if stance is not None:
            changes += before is not None and before != stance
            before = stance
            seconds[stance] = seconds.get(stance, 0.0) + 5.0 * count
        for _ in range(count):
            log.add(replace(observation(at_s, State.GOOD), stance=stance, held_s=5.0))
            at_s += 5.0
    log.finish(at_s)
    assert dict(log.sums.seconds_by_stance) == pytest.approx(seconds)
    assert log.sums.stance_changes == changes
    assert sum(slot.stance_changes for slot in course.slots) == changes
    for stance, held_s in seconds.items():
        assert sum(slot.seconds_by_stance.get(stance, 0.0) for slot in course.slots) == pytest.approx(held_s)


def test_the_history_keeps_how_long_somebody_sat_and_stood(tmp_path: Path) -> None:
    began = datetime(2026, 3, 2, 9, 0, tzinfo=BERLIN)
    keeper = LiveHistory(began, "desk", SETTINGS, pytest.fail, tmp_path / "history.db")
    log = RunLog(SETTINGS)
    keeper.begin(log, SOURCE, "made up", None)
    keeper.adopt(None, "other")  # another profile was taken during the run
    for at_s, stance in stretches(
        (1200.0, Stance.SITTING), (600.0, Stance.STANDING), (600.0, Stance.SITTING)
    ):
        log.add(replace(observation(at_s, State.GOOD), stance=stance, held_s=10.0))
    log.finish(2400.0)
    keeper.flush(2400.0, [])
    with History.opened(tmp_path / "history.db") as history:
        day = history.sitting(began.date())
    assert day is not None
    sums = totals([day])
    assert {run.profile for run in day.runs} == {"other"}
    assert dict(sums.seconds_by_stance) == pytest.approx({Stance.SITTING: 1800.0, Stance.STANDING: 600.0})
    assert sums.stance_changes == 2


def test_displays_are_counted_where_the_system_tells(tmp_path: Path) -> None:
    assert display_count(tmp_path / "missing") is None
    for name, state in (
        ("card0-eDP-1", "connected"),
        ("card0-DP-1", "disconnected"),
        ("card1-HDMI-A-1", "connected"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status").write_text(f"{state}\n")
    assert display_count(tmp_path) == 2
