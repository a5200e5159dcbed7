"""Whether the neutral posture can be trusted for comparison, over long random histories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posture_cam.alerts import AlertPolicy
from posture_cam.assessment import NeutralFit
from posture_cam.geometry import FeatureExtractor
from posture_cam.ids import JUDGED_STATES, AlertKind, Doubt, Measure, Reason, State, View
from posture_cam.pose.pose_log import PoseLogHeader
from posture_cam.pose.replayed import ReplayedPoses
from posture_cam.records import Features, Frame, Neutral, Observation, Pose, Sample, SourceEvent
from posture_cam.session.live_run import LiveRun
from posture_cam.session.looking import Looking
from posture_cam.session.neutrals import neutral_from
from posture_cam.session.pipeline import Pipeline
from posture_cam.settings import load_settings
from tests.builders import SOURCE, Film, Maker, assessments, front, side, side_pose

SETTINGS = load_settings()
FITS_AFTER_S = SETTINGS.trust.fits_after_s
RATE_HZ = 2.0
UPRIGHT, SLOUCHED = side(neck_deg=18.0, trunk_deg=-5.0), side(neck_deg=48.0, trunk_deg=22.0)


def neutral() -> Neutral:
    extractor = FeatureExtractor(SETTINGS)
    moments = [extractor.extract(0.2 * number, UPRIGHT(0.2 * number)) for number in range(30)]
    found = neutral_from(moments, PoseLogHeader(SOURCE, "built", "VIDEO", 5.0), SETTINGS, is_stored=True)
    assert found is not None
    return found


NEUTRAL = neutral()


def judging(own: Neutral | None = NEUTRAL, *, is_fresh: bool = False) -> Pipeline:
    return Pipeline(own, SETTINGS, None, AlertPolicy(SETTINGS.alerts), is_fresh=is_fresh, needs_own=True)


@dataclass
class Sat:
    """Somebody in front of a camera, and the judgements."""

    judging: Pipeline
    now_s: float = 0.0
    good_since_s: float | None = None

    def sit(self, make: Maker, seconds: float) -> Iterator[Observation]:
        for _ in range(round(seconds * RATE_HZ)):
            if make is not UPRIGHT:
                self.good_since_s = None
            elif self.good_since_s is None:
                self.good_since_s = self.now_s
            yield self.judging.see(Sample(0, self.now_s, make(self.now_s))).now
            self.now_s += 1.0 / RATE_HZ


def nobody(_time_s: float) -> None:
    return None


POSTURES = {"upright": UPRIGHT, "slouched": SLOUCHED, "nobody": nobody}
SITS = st.tuples(st.sampled_from(sorted(POSTURES)), st.integers(2, 90))
EVENTS = st.tuples(st.sampled_from(["move", "squeeze", "return", "y", "calibrate"]), st.just(0))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(SITS, EVENTS), min_size=4, max_size=16))
@example([("move", 0), ("upright", 59), ("nobody", 2)])
@example([("nobody", 2), ("move", 0), ("upright", 59), ("slouched", 2)])
@example([("nobody", 2), ("move", 0), ("upright", 60), ("slouched", 2)])
def test_after_a_move_nothing_counts_until_a_minute_of_good_a_word_or_a_new_neutral(
    history: list[tuple[str, int]],
) -> None:
    sat = Sat(judging())
    blocked_s: float | None = None
    for what, seconds in history:
        if what in ("move", "squeeze"):
            blocked_s = sat.now_s
            doubt = Doubt.CAMERA_MOVED if what == "move" else Doubt.PICTURE_CHANGED
            sat.judging.fit.change(sat.now_s, doubt)
        elif what == "return":
            blocked_s = None
            for doubt in Doubt:
                sat.judging.fit.undo_change(doubt)
        elif what == "y":
            blocked_s = None
            sat.judging.confirm()
        elif what == "calibrate":
            blocked_s = None
            sat.judging.adopt(NEUTRAL)
        for seen in sat.sit(POSTURES[what], seconds) if seconds else ():
            assessment, now_s = seen.assessment, seen.assessment.timestamp_s
            good_s = -1.0
            if blocked_s is not None and sat.good_since_s is not None:
                good_s = now_s - max(sat.good_since_s, blocked_s)
            if blocked_s is not None and assessment.is_judged:
                assert assessment.state == State.GOOD
                assert good_s >= FITS_AFTER_S - 1e-6
                blocked_s = None
            if blocked_s is not None:
                assert assessment.score is None
                assert assessment.findings == ()
                assert assessment.doubt in (Doubt.CAMERA_MOVED, Doubt.PICTURE_CHANGED)
                assert good_s < FITS_AFTER_S + 15.0, "a minute of good posture was not taken for one"
                if seen.alert is not None:
                    assert (seen.alert.kind, seen.alert.measure) == (AlertKind.QUESTION, None)
            if seen.alert is not None and seen.alert.kind == AlertKind.FAULT:
                assert assessment.state in (State.FAIR, State.POOR)


def test_a_camera_moved_after_a_good_minute_is_not_trusted_at_once() -> None:
    """The good minute before the move says nothing about the time after it."""
    sat = Sat(judging())
    assert all(not one.alert for one in sat.sit(UPRIGHT, 120.0))
    sat.judging.fit.change(sat.now_s, Doubt.CAMERA_MOVED)
    moved_s = sat.now_s
    seen = list(sat.sit(UPRIGHT, 90.0))
    asked = [one.alert for one in seen if one.alert is not None]
    assert [(one.kind, one.measure) for one in asked] == [(AlertKind.QUESTION, None)]
    first = next(one for one in seen if one.assessment.is_judged)
    assert first.assessment.timestamp_s - moved_s == pytest.approx(FITS_AFTER_S, abs=1.0)
    assert {one.assessment.reason for one in seen if not one.assessment.is_judged} == {Reason.CAMERA_MOVED}


def test_without_a_neutral_nothing_alerts_and_nothing_is_counted() -> None:
    """Live from the side, the average sitter could serve for comparison, but it is not the person's own."""
    sat = Sat(judging(None, is_fresh=True))
    seen = list(sat.sit(SLOUCHED, 300.0))
    assert [one.alert for one in seen if one.alert is not None] == []
    assert {one.assessment.reason for one in seen} == {Reason.NO_NEUTRAL}
    sat.judging.finish(sat.now_s)
    summary = sat.judging.summary(SOURCE, "built", partial=False)
    assert summary.judged_s == 0
    assert summary.statistics == {}
    assert summary.longest_hold is None
    assert summary.score is None


def test_pictures_of_another_shape_are_noticed_and_the_neutral_asked_for_anew() -> None:
    sat = Sat(judging())
    list(sat.sit(UPRIGHT, 70.0))
    wide = list(sat.sit(lambda time_s: side_pose(time_s, size_wh=(640, 360)), 10.0))
    assert {one.assessment.reason for one in wide} == {Reason.PICTURE_CHANGED}
    (asked,) = (one.alert for one in wide if one.alert is not None)
    assert "another shape" in asked.message
    assert any("another shape" in note for note in sat.judging.notes)
    (back, *_) = list(sat.sit(UPRIGHT, 1.0))
    assert back.assessment.reason is None  # as it was
    list(sat.sit(lambda time_s: side_pose(time_s, size_wh=(640, 360)), 1.0))
    sat.judging.confirm()
    assert next(sat.sit(lambda time_s: side_pose(time_s, size_wh=(640, 360)), 0.5)).assessment.doubt is None


def test_what_was_taken_earlier_is_asked_about_first_and_again_after_each_return() -> None:
    fit = NeutralFit(SETTINGS, is_fresh=False)
    assert (fit.doubt, fit.reason) == (Doubt.UNPROVEN, None)
    fit.asked()
    assert (fit.doubt, fit.reason) == (None, None)
    nobody_there = Features(30.0, View.FRONT, {}, 0.0, Reason.NOBODY)
    for one in assessments([(30.0, State.AWAY)]):
        fit.judge(one, nobody_there, None)
    assert (fit.doubt, fit.reason) == (Doubt.UNPROVEN, None)  # it is judged all the same
    fit.confirm()
    assert (fit.doubt, fit.reason) == (None, None)


def test_a_first_fault_is_a_question_and_the_next_one_is_not() -> None:
    sat = Sat(judging())
    given = [one.alert for one in sat.sit(SLOUCHED, 400.0) if one.alert is not None]
    assert [one.kind for one in given] == [AlertKind.QUESTION, AlertKind.FAULT]
    assert given[0].measure == Measure.NECK_INCLINATION_CHANGE or given[0].measure is not None
    assert "(y)" not in given[0].message


def test_a_glance_after_an_absence_is_a_glance_from_its_start() -> None:
    """Looking down for two seconds, half a minute of nobody, and looking down again."""
    looking_down, level = front(nose_below=0.9), front()
    extractor = FeatureExtractor(SETTINGS)
    moments = [extractor.extract(0.2 * number, level(0.2 * number)) for number in range(30)]
    own = neutral_from(moments, PoseLogHeader(SOURCE, "built", "VIDEO", 5.0), SETTINGS)
    assert own is not None
    film = Film().hold(10.0, level).hold(2.0, looking_down).nobody(30.0).hold(8.0, looking_down)
    one = Pipeline(own, SETTINGS, None, AlertPolicy(SETTINGS.alerts))
    seen = [one.see(sample).now for sample in film.samples]
    after = [other for other in seen if other.assessment.timestamp_s >= 42.0]
    assert {other.measures.reason for other in after} == {Reason.LOOKING_DOWN}
    assert all(other.assessment.reason == Reason.LOOKING_DOWN for other in after)
    assert not any(other.assessment.state in JUDGED_STATES for other in after)


def test_a_moved_camera_ends_a_fault_and_sitting_well_answers_no_question() -> None:
    policy = AlertPolicy(SETTINGS.alerts)
    given = []
    parts = [(60.0, State.GOOD), (25.0, State.POOR), (600.0, State.UNJUDGED), (20.0, State.GOOD)]
    for one in assessments(parts):
        is_moved = one.state == State.UNJUDGED
        given.append(policy.decide(replace(one, doubt=Doubt.CAMERA_MOVED if is_moved else None)))
        assert policy.corrected is None
    asked = [one for one in given if one is not None]
    assert [(one.kind, one.measure) for one in asked] == [(AlertKind.QUESTION, None)]


class Room:
    """A room whose camera moves at 10 s and is put back at 14 s."""

    doubt: Doubt | None = None
    is_another = False

    def is_due(self, timestamp_s: float) -> bool:
        return True

    def compare(self, image_bgr: np.ndarray, pose: Pose | None, timestamp_s: float) -> bool:
        before, self.doubt = self.doubt, Doubt.CAMERA_MOVED if 10.0 <= timestamp_s < 14.0 else None
        return before != self.doubt

    def restart(self) -> None:
        self.doubt = None


class Clip:
    """Forty seconds of pictures, as fast as they are taken."""

    info = SOURCE
    now_s = 0.0

    def take(self, due_s: float, timeout_s: float) -> Frame | SourceEvent | None:
        self.now_s = max(self.now_s + 0.2, due_s)
        if self.now_s > 40.0:
            return SourceEvent(self.now_s, None, "The end.", self.now_s, is_end=True)
        return Frame(round(5 * self.now_s), self.now_s, np.zeros((9, 16, 3), np.uint8))

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def close(self) -> None: ...
    def __enter__(self) -> Clip:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(("size_wh", "judged_s"), [((640, 360), 0.0), ((640, 480), 36.0)])
def test_a_camera_that_is_back_settles_no_other_doubt(size_wh: tuple[int, int], judged_s: float) -> None:
    class Built(ReplayedPoses):
        """A model that sees the same slouch in each picture."""

        model = "built"
        running_mode = "VIDEO"

        def __init__(self) -> None:
            """It needs no file."""

        def estimate(self, frame: Frame) -> Pose:
            return side_pose(frame.timestamp_s, neck_deg=48.0, trunk_deg=22.0, size_wh=size_wh)

    summary = LiveRun(
        settings=SETTINGS,
        sinks=[],
        source=Clip(),
        estimator=Built(),
        looking=Looking(SETTINGS, 0.0),
        background=Room(),
        profile_name="desk",
        neutral=NEUTRAL,
        has_estimator=False,
        eco=lambda: False,
        started_at=datetime(2026, 11, 24, 9, tzinfo=UTC),
    ).watch(lambda: False)
    told_s = sum(summary.seconds_by_state.get(state, 0.0) for state in JUDGED_STATES)
    assert told_s == pytest.approx(judged_s, abs=2.0)
