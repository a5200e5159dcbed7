"""The live run: looks at an endless source at intervals, and judges it as it would a recording."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posture_cam.alerts import AlertPolicy
from posture_cam.assessment import Calibrator, is_clearly_nearer
from posture_cam.care.exercises import ExerciseDone, exercise_title
from posture_cam.care.permission import Permission
from posture_cam.errors import CommandRefused, ModelError, NeutralError, PostureCamError
from posture_cam.geometry import FeatureExtractor
from posture_cam.ids import Command, Doubt, Label, Measure, NeutralOrigin, Reason, Stance
from posture_cam.measures import levels_of, load_measures
from posture_cam.pose.carrying import Turn, is_mirrored, room_points, turn_between
from posture_cam.pose.pose_log import PoseLogHeader
from posture_cam.pose.room import has_colour
from posture_cam.profiles import add_correction, all_of, has_profile, load_profile, save_profile, stored_like
from posture_cam.protocols import Keeper, LiveSink, LiveVideoSource, PoseEstimator
from posture_cam.records import (
    Features,
    Frame,
    Neutral,
    Observation,
    Order,
    Pose,
    RoomPoints,
    Sample,
    SessionSummary,
    SourceEvent,
)
from posture_cam.session.calibration import SIT_WELL, built, guided, worse_words
from posture_cam.session.following import carried, matters, words_of_turn
from posture_cam.session.guarded import Guarded
from posture_cam.session.learning import correction_of
from posture_cam.session.neutrals import (
    FIRST_S,
    fitting,
    is_squeezed,
    load_estimator,
    misfits,
    neutral_from,
)
from posture_cam.session.offers import OfferWatch
from posture_cam.session.pipeline import Pipeline
from posture_cam.settings import SENSITIVITIES, PaceSettings, SensitivitySettings, Settings, load_settings
from posture_cam.words import clock, count_words, duration_words, words_for, words_of

if TYPE_CHECKING:
    from posture_cam.session.looking import Looking

# Waits between two looks, short so that keys and signals are noticed at once; chosen.
_WAIT_S = 0.05
_LEAST_WAIT_S = 0.02
# Pictures in a row that the model may fail on.
_MOST_FAILURES = 50
# A key that would replace something stored has to be pressed twice.
_PRESS_AGAIN_WITHIN_S = 10.0
# A correction is about a moment no older than this, and one moment is corrected once; chosen.
_MEASURED_WITHIN_S = 2.0
# Chosen: a camera may begin with a dark picture or two.
_COLOURLESS_PICTURES = 5
# How long a run that looks now and then keeps the camera on; chosen: ten looks calm each other.
_LOOKING_S = 2.0
_LABELS = {Command.SITS_WELL: Label.GOOD, Command.SLOUCHES: Label.BAD}


class RoomWatch(Protocol):
    """Detects whether the camera has moved; see pose/background.py."""

    doubt: Doubt | None
    is_another: bool

    def is_due(self, timestamp_s: float) -> bool:
        """Whether it is time for another look."""

    def compare(self, image_bgr: NDArray[np.uint8], pose: Pose | None, timestamp_s: float) -> bool:
        """Look; True if the camera has just come to count as moved, or as back."""

    def restart(self) -> None:
        """Accept the camera's present position as the right one."""


class Pace:
    """How often to look: less often while nothing changes, or on battery."""

    def __init__(self, settings: PaceSettings, eco: Callable[[], bool]) -> None:
        self._settings = settings
        self._eco = eco

    def interval_s(self, observation: Observation) -> float:
        """Seconds until the next look."""
        settings, is_eco = self._settings, self._eco()
        usual_hz = settings.eco_usual_hz if is_eco else settings.usual_hz
        still_hz = settings.eco_still_hz if is_eco else settings.still_hz
        return 1.0 / (min(usual_hz, still_hz) if observation.sample.is_held else usual_hz)


def _levels_words(dial: SensitivitySettings) -> str:
    levels = [words_for("sensitivity", dial.level)]
    for fault, level in dial.by_fault.items():
        levels.append(f"{load_measures()[Measure(fault)].fault}: {words_for('sensitivity', level)}")
    return "; ".join(levels)


class LiveRun:
    """A live run: it looks, judges, keeps the log, and obeys commands."""

    def __init__(
        self,
        *,
        settings: Settings,
        sinks: Sequence[LiveSink],
        source: LiveVideoSource,
        estimator: PoseEstimator,
        looking: Looking,
        background: RoomWatch,
        profile_name: str,
        neutral: Neutral | None,
        has_estimator: bool,
        eco: Callable[[], bool],
        started_at: datetime,
        keeper: Keeper | None = None,
        took: Callable[[ExerciseDone, float], None] = lambda _done, _began_s: None,
        permission: Callable[[], Permission] = Permission,
        displays: Callable[[], int | None] = lambda: None,
        device: str = "",
        every_s: float | None = None,
    ) -> None:
        self._every_s, self._rests_until_s, self._began_looking_s = every_s, -math.inf, 0.0
        self._displays, self._device = displays, device
        self._colourless: int | None = (
            0  # pictures without colour so far; None once there was one with colour
        )
        self._keeper, self._took, self._started_at = keeper, took, started_at
        self._settings, self._source = settings, source
        self._sinks = [Guarded(sink, self._lost) for sink in sinks]
        self._estimator = estimator
        self._looking, self._background = looking, background
        self._room_doubts: set[Doubt] = set()  # doubts that the background raised, and may withdraw
        self._profile_name, self._is_stored = profile_name, neutral is not None
        self._pace = Pace(settings.pace, eco)
        self._policy = AlertPolicy(settings.alerts, started_at=started_at, permission=permission)
        angles = load_estimator() if has_estimator else None
        self._judging = Pipeline(
            neutral,
            settings,
            angles,
            self._policy,
            keeper,
            is_fresh=neutral is None,
            needs_own=True,
            origin=NeutralOrigin.PROFILE,
            permission=permission,
            profile=profile_name if neutral is not None else None,
        )
        self._offers = OfferWatch(settings, angles)
        self._calibrator = Calibrator(settings) if neutral is None else None
        self._first: list[Features] | None = []
        self._pose: Pose | None = None
        self._last: Observation | None = None
        self._trouble: SourceEvent | None = None
        self._due_s = 0.0
        self._paused_s: float | None = None
        self._failures = 0
        self._pressed_until_s = -math.inf
        self._is_over = self._pauses_then = False
        # The room and the neutral posture that go with each other, before the camera turned.
        self._home: tuple[RoomPoints, Neutral] | None = None
        self._has_stored_room = True  # the neutral posture is that of its own room still
        self._corrected_s = -math.inf
        self._frame: Frame | None = None  # the last one of a calibration
        self._answering: list[str] | None = None  # what is said while a command is obeyed
        self._should_stop: Callable[[], bool] = lambda: False

    def _lost(self, words: str) -> None:
        """Report a failed output on the others, once; the run goes on without it."""
        self._say(words)
        self._judging.notes.append(words)

    def watch(self, should_stop: Callable[[], bool]) -> SessionSummary:
        """Run until asked to stop, or until the source ends."""
        self._should_stop = lambda: self._is_over or should_stop()
        self._judging.begin(self._source.info, self._estimator.model)
        if (dial := self._settings.sensitivity) != load_settings().sensitivity:
            self._judging.notes.append(words_for("dial", "throughout").format(levels=_levels_words(dial)))
        self._check_device()
        if self._every_s is not None:
            self._judging.notes.append(
                words_for("now_and_then", "seen").format(every=f"{self._every_s:.0f} s")
            )
        if self._judging.neutral is None:
            self._say(
                "No neutral posture is stored yet. Sit the way you want to sit for five seconds: that serves "
                "for this run. Press c, or run posture-cam calibrate, to store one."
            )
        try:
            while not self._should_stop():
                self._obey()
                if self._paused_s is not None or self._rests():
                    time.sleep(_WAIT_S)
                elif (item := self._source.take(self._due_s, _WAIT_S)) is not None:
                    self._take(item)
                self._flush()
        except Exception:
            with suppress(Exception):
                self._finish(has_failed=True)  # judgements made so far are still reported
            raise
        return self._finish()

    def _check_device(self) -> None:
        """Say what the camera's name tells."""
        from posture_cam.source import kind_of_device  # slow to import

        neutral = self._judging.neutral
        if (kind := kind_of_device(self._device)) is not None:
            self._note_device(words_of(kind).format(device=self._device))
        is_known = neutral is not None and neutral.device and self._device
        if neutral is not None and is_known and neutral.device != self._device:
            another = words_for("device", "another")
            self._note_device(another.format(now=self._device, then=neutral.device))

    def _check_colour(self, frame: Frame) -> None:
        """Say that the first pictures have no colour, as those of infrared cameras."""
        if self._colourless is None:
            return
        if has_colour(frame.image_bgr):
            self._colourless = None
            return
        self._colourless += 1
        if self._colourless == _COLOURLESS_PICTURES:
            self._colourless = None
            self._note_device(words_for("device", "no_colour"))

    def _note_device(self, words: str) -> None:
        self._judging.notes.append(words)
        self._say(words)

    def _rests(self) -> bool:
        """Whether the camera is off until the next look, in a run that looks now and then."""
        if self._every_s is None or self._calibrator is not None:
            return False
        now_s = self._source.now_s
        if now_s < self._rests_until_s:
            return True
        if self._rests_until_s > -math.inf:
            self._source.resume()
            self._rests_until_s, self._began_looking_s, self._due_s = -math.inf, now_s, now_s
        seen_s = -math.inf if self._last is None else self._last.assessment.timestamp_s
        if seen_s - self._began_looking_s < _LOOKING_S:
            return False
        self._source.pause()
        self._rests_until_s = self._began_looking_s + self._every_s
        return True

    def _look_again(self) -> None:
        """Switch the camera on, if it is off until the next look, and begin a new look."""
        now_s = self._source.now_s
        if self._rests_until_s > -math.inf:
            self._source.resume()
            self._rests_until_s, self._due_s = -math.inf, now_s
        self._began_looking_s = now_s

    def _flush(self) -> None:
        trouble = None
        if self._paused_s is not None:
            trouble = self._paused_s, Reason.PAUSED
        elif self._trouble is not None and self._trouble.trouble is not None:
            trouble = self._trouble.since_s, self._trouble.trouble
        self._judging.flush(self._source.now_s, trouble)

    def _take(self, item: Frame | SourceEvent) -> None:
        if isinstance(item, SourceEvent):
            self._note(item)
        else:
            self._see(item)

    def _see(self, frame: Frame) -> None:
        now_s = frame.timestamp_s
        known = self._looking.known(frame)
        if known is not None:
            self._pose = replace(known.pose, timestamp_s=now_s) if known.pose is not None else None
        else:
            try:
                self._pose = self._estimator.estimate(frame)
            except ModelError as error:
                self._failed(error)
                return
            self._failures = 0
            self._looking.looked(self._pose, now_s)
            self._check_colour(frame)
            self._find_room(frame)
            if self._background.is_due(now_s):
                if self._background.compare(frame.image_bgr, self._pose, now_s):
                    self._camera_moved(frame)
                elif self._background.is_another and self._judging.neutral is not None:
                    self._choose_by_room(room_points(frame.image_bgr, self._pose))
        notes, compared_with = len(self._judging.notes), self._judging.neutral
        has_moved = known is not None and not known.is_same
        sample = Sample(frame.index, now_s, self._pose, is_reused=known is not None, has_moved=has_moved)
        observation = self._judging.see(sample, frame=frame).now
        for note in self._judging.notes[notes:]:
            self._say(note)
        if self._judging.neutral is not compared_with:
            self._has_chosen(compared_with)
        if self._judging.fit.has_shown_fit:
            self._fits(now_s, "Your neutral posture still fits; judging goes on.")
        self._last = observation = replace(observation, latency_s=self._source.now_s - now_s)
        for sink in self._sinks:
            sink.write(observation)
        self._learn(frame)
        self._watch_offer(observation)
        interval_s = self._pace.interval_s(observation)
        if self._calibrator is not None:  # look soon, to catch the posture at the time of the request
            interval_s = min(interval_s, 1.0 / self._settings.sampling.rate_hz)
        self._due_s = max(
            self._due_s + interval_s,
            now_s + _LEAST_WAIT_S,
        )

    def _watch_offer(self, observation: Observation) -> None:
        """Watch whether the exercise offered with a break is done."""
        now_s = observation.assessment.timestamp_s
        self._tell_taken(self._offers.follow(now_s, self._pose, observation.alert))

    def _tell_taken(self, taken: tuple[ExerciseDone, float] | None) -> None:
        if taken is not None:
            done, began_s = taken
            title = exercise_title(done.name).lower()
            self._say(f"Seen: {title}, {count_words(done.repetitions, 'repetition')}.")
            self._took(done, began_s)

    def _failed(self, error: ModelError) -> None:
        """Leave out a picture that the model fails on; after too many in a row, end the run."""
        self._failures += 1
        if self._failures == 1:
            self._say(f"{error.message} Going on with the next picture.")
        if self._failures >= _MOST_FAILURES:
            raise error
        self._due_s += 1.0 / self._settings.pace.usual_hz

    def _learn(self, frame: Frame) -> None:
        """Learn from the first moments: a provisional neutral posture, or whether the stored posture fits."""
        features = self._judging.features
        assert features is not None
        if self._calibrator is not None:
            self._calibrator.collect(features, float(frame.image_bgr[::8, ::8].mean()))
            if self._calibrator.is_done and (neutral := self._provisional(self._calibrator)) is not None:
                at = clock(frame.timestamp_s)
                self._adopt(neutral)
                words = (
                    f"Compared with how you sat at {at}, taken on trust: posture-cam calibrate stores a "
                    "neutral posture of your own."
                )
                self._judging.notes.append(words)
                self._say(words)
        elif self._first is not None and self._is_stored:
            if features.reason is None:
                self._first.append(features)
            if self._first and frame.timestamp_s - self._first[0].timestamp_s > FIRST_S:
                neutral, first = self._judging.neutral, self._first
                self._first = None
                assert neutral is not None
                for note in misfits(neutral, self._header(), first, self._settings):
                    self._judging.notes.append(note)
                    self._say(note)
                if is_squeezed(neutral, first):
                    self._judging.fit.change(frame.timestamp_s, Doubt.PICTURE_CHANGED)

    def _provisional(self, calibrator: Calibrator) -> Neutral | None:
        return neutral_from(list(calibrator.kept), self._header(), self._settings)

    def _header(self) -> PoseLogHeader:
        return PoseLogHeader(
            self._source.info,
            self._estimator.model,
            self._estimator.running_mode,
            self._settings.pace.usual_hz,
        )

    def _adopt(self, neutral: Neutral, profile: str | None = None, *, is_confirmed: bool = True) -> None:
        self._calibrator = self._first = self._home = None
        self._is_stored, self._has_stored_room = profile is not None, True
        if is_confirmed:
            self._judging.adopt(neutral, profile)
        else:
            self._judging.compare_with(neutral, profile)
            self._first = []  # whether it fits here is learned as at the start of a run
        self._restart_background()
        for sink in self._sinks:
            sink.adopt(neutral)

    def _has_chosen(self, before: Neutral | None) -> None:
        """Say that another neutral posture of the profile is compared with; its room is looked for next."""
        neutral = self._judging.neutral
        assert neutral is not None
        self._home, self._has_stored_room = None, True
        for doubt in self._room_doubts:  # they were about the room of the other
            self._judging.fit.undo_change(doubt)
        self._restart_background()
        self._first = None if self._first is None else []
        for sink in self._sinks:
            sink.adopt(neutral)
        if before is not None and before.stance != neutral.stance:
            self._say(words_for("stance_now", neutral.stance))
        else:
            self._say(words_for("chosen", "other_place"))

    def _choose_by_room(self, here: RoomPoints) -> bool:
        """Choose another neutral posture of the profile if this is its room; False if it is that of none.

        Not where this is also the room of the present one, nor where the shoulders speak clearly against it.
        """
        before, features = self._judging.neutral, self._judging.features
        assert before is not None
        if before.room is not None and turn_between(before.room, here) is not None:
            return False
        for other in before.others:
            if features is not None and is_clearly_nearer(before, other, features, self._settings.choosing):
                continue
            if other.room is not None and turn_between(other.room, here) is not None:
                self._judging.choose(other)
                self._has_chosen(before)
                return True
        return False

    def _find_room(self, frame: Frame) -> None:
        """Note where the room is in the picture; since a stored calibration the camera may have turned."""
        neutral = self._judging.neutral
        if self._home is not None or neutral is None or self._pose is None:
            return
        here = room_points(frame.image_bgr, self._pose)
        if self._has_stored_room and neutral.room is not None:
            turn = turn_between(neutral.room, here)
            if turn is None and self._choose_by_room(here):
                return
            if turn is None and is_mirrored(neutral.room, frame.image_bgr, self._pose):
                words = words_for("device", "mirrored")
                self._judging.notes.append(words)
                self._judging.fit.change(frame.timestamp_s, Doubt.PICTURE_CHANGED)
                self._tell(SourceEvent(frame.timestamp_s, self._judging.fit.reason, words, frame.timestamp_s))
            if turn is not None and matters(turn):
                self._home = neutral.room, neutral
                self._follow(turn, frame.timestamp_s, is_since_calibration=True, here=here)
                return
        self._home = here, neutral

    def _follow(self, turn: Turn, now_s: float, *, is_since_calibration: bool, here: RoomPoints) -> bool:
        """Carry the neutral posture over to the turned camera; False where it is out of the picture there."""
        assert self._home is not None
        assert self._judging.neutral is not None
        there = carried(self._home[1], turn, self._settings)
        if there is None:
            return False
        now = self._judging.neutral  # with the room of now, to which it can come back
        there = replace(there, corrections=now.corrections, others=now.others, room=here)
        self._judging.compare_with(there, self._profile_name if self._is_stored else None)
        self._restart_background()
        for sink in self._sinks:
            sink.adopt(there)
        words = words_of_turn(turn, is_since_calibration=is_since_calibration)
        if words not in self._judging.notes:
            self._judging.notes.append(words)
        self._tell(SourceEvent(now_s, None, words, now_s))
        return True

    def _camera_moved(self, frame: Frame) -> None:
        now_s = frame.timestamp_s
        if self._judging.neutral is None:
            self._restart_background()
            return
        if self._home is not None and self._background.doubt is not None:
            # Always from where it was taken, so that errors do not add up.
            here = room_points(frame.image_bgr, self._pose)
            turn = turn_between(self._home[0], here)
            if turn is not None and self._follow(turn, now_s, is_since_calibration=False, here=here):
                return
            if turn is None and self._choose_by_room(here):
                return
        fit, doubt = self._judging.fit, self._background.doubt
        if doubt is not None:
            if not fit.is_changed(doubt):
                self._room_doubts.add(doubt)
            fit.change(now_s, doubt)
            what = "The camera has moved" if doubt == Doubt.CAMERA_MOVED else "The picture has another shape"
            words = f"{what}; nothing is judged until that is settled."
            self._tell(SourceEvent(now_s, fit.reason, words, now_s))
        else:
            for one in self._room_doubts:  # the background says nothing about other doubts
                fit.undo_change(one)
            self._room_doubts.clear()
            self._tell(SourceEvent(now_s, fit.reason, "The camera is back where it was.", now_s))

    def _restart_background(self) -> None:
        self._background.restart()
        self._room_doubts.clear()

    def _fits(self, now_s: float, words: str) -> None:
        self._restart_background()
        self._home, self._has_stored_room = None, False  # it fits as the camera stands now
        self._tell(SourceEvent(now_s, None, words, now_s))

    def _note(self, event: SourceEvent) -> None:
        """Record what the source could not show."""
        now_s = event.timestamp_s
        if event.is_end:
            self._is_over = True
        elif event.until_s is not None and event.trouble is not None:
            self._judging.explain(event.since_s, event.until_s, event.trouble)
        else:
            self._close_trouble(now_s)
            self._trouble = event if event.trouble is not None else None
        self._due_s = now_s
        self._tell(event)

    def _close_trouble(self, now_s: float) -> None:
        if self._trouble is not None and self._trouble.trouble is not None:
            self._judging.explain(self._trouble.since_s, now_s, self._trouble.trouble)
        self._trouble = None

    def _obey(self) -> None:
        for order in self._orders():
            self._answering = []
            try:
                self._do(order)
            except PostureCamError as error:
                words = f"{error.message} {error.hint}".strip()
                self._say(words)
                order.answer(False, words)
            else:
                order.answer(True, " ".join(self._answering))
            finally:
                self._answering = None

    def _orders(self) -> Iterator[Order]:
        for sink in self._sinks:
            for given in sink.commands():
                yield given if isinstance(given, Order) else Order(given)

    def _do(self, order: Order) -> None:
        """Obey; what is said meanwhile is the answer.

        Raises:
            PostureCamError: It cannot be done now.
        """
        now_s, value = self._source.now_s, order.value
        match order.command:
            case Command.QUIT:
                self._is_over = True
            case Command.PAUSE:
                if value is None or value != (self._paused_s is not None):
                    self._pause(now_s)
            case Command.CALIBRATE:
                stance = Stance(value[0]) if isinstance(value, tuple) and value else None
                is_sure = value is True or (isinstance(value, tuple) and "replace" in value)
                self._calibrate(now_s, stance=stance, may_replace=is_sure)
            case Command.SNOOZE:
                minutes = float(value) if isinstance(value, int | float) else None
                for_s = self._policy.snooze(now_s, None if minutes is None else 60.0 * minutes)
                if for_s is None:
                    self._say("Alerts are on again.")
                else:
                    self._say(f"No alerts for {duration_words(for_s)}; s again ends that.")
            case Command.SILENCE:
                self._policy.be_silent(value is True)
            case Command.STILL_FITS:
                if self._paused_s is not None:
                    raise CommandRefused("The run is paused.", "Resume it first.")
                if self._judging.neutral is None:
                    raise CommandRefused("There is no neutral posture that could fit.")
                self._judging.confirm()
                self._fits(now_s, "Your neutral posture stands.")
            case Command.SITS_WELL | Command.SLOUCHES:
                self._correct(_LABELS[order.command])
            case Command.MORE_SENSITIVE | Command.LESS_SENSITIVE:
                level = SENSITIVITIES.index(self._settings.sensitivity.level)
                level += 1 if order.command == Command.MORE_SENSITIVE else -1
                level = min(max(level, 0), len(SENSITIVITIES) - 1)
                self._be_sensitive({"level": SENSITIVITIES[level]})
            case Command.SENSITIVITY:
                assert isinstance(value, tuple)
                changes = levels_of(value)
                by_fault = {**self._settings.sensitivity.by_fault, **changes["by_fault"]}
                self._be_sensitive({**changes, "by_fault": by_fault})
            case Command.PROFILE:
                assert isinstance(value, str)
                here = self._source.info.name
                neutral = fitting(load_profile(value), here, self._displays(), self._device)
                self._profile_name = value
                self._adopt(neutral, value, is_confirmed=False)
                self._say(f"Compared with the profile {value} from now on.")
                self._check_device()

    def _pause(self, now_s: float) -> None:
        if self._paused_s is None:
            self._look_again()
            self._close_trouble(now_s)
            self._paused_s = now_s
            self._source.pause()
            words = "Paused, and the camera is off. Space goes on."
            self._tell(SourceEvent(now_s, Reason.PAUSED, words, now_s))
            return
        self._judging.explain(self._paused_s, now_s, Reason.PAUSED)
        since_s, self._paused_s = self._paused_s, None
        self._source.resume()
        self._due_s = self._began_looking_s = now_s
        self._tell(SourceEvent(now_s, None, "Going on.", since_s, now_s))

    def _correct(self, label: Label) -> None:
        """Take what the person says of this moment into the profile, and judge by it from now on."""
        neutral, last = self._judging.neutral, self._last
        if not self._is_stored or neutral is None or neutral.pose is None:
            raise CommandRefused(
                "No neutral posture is stored, so there is nothing to correct.", "Press c to store one."
            )
        now_s = self._source.now_s
        if (
            self._paused_s is not None
            or self._trouble is not None
            or last is None
            or now_s - last.assessment.timestamp_s > max(_MEASURED_WITHIN_S, self._every_s or 0.0)
            or last.assessment.score is None
            or self._pose is None
        ):
            raise CommandRefused("You are not measured at the moment, so this does not count.")
        if now_s - self._corrected_s < _MEASURED_WITHIN_S:
            return  # a key that is held
        self._corrected_s = now_s
        now = self._started_at + timedelta(seconds=now_s)
        correction = correction_of(self._pose, neutral.pose, label, now)
        learned = self._judging.learn(add_correction(self._profile_name, correction))
        self._say(" ".join(learned) or words_for("learned", "nothing"))

    def _be_sensitive(self, changes: dict[str, Any]) -> None:
        """Judge earlier or later, and say how."""
        dial = self._settings.sensitivity.model_copy(update=changes)
        self._settings = self._settings.model_copy(update={"sensitivity": dial})
        self._judging.be_sensitive(dial)
        levels = _levels_words(dial)
        since = words_for("dial", "since").format(time=clock(self._source.now_s), levels=levels)
        self._judging.notes.append(since)
        self._say(words_for("dial", "now").format(levels=levels))

    def _calibrate(self, now_s: float, *, stance: Stance | None = None, may_replace: bool = False) -> None:
        """Take a neutral posture now and store it; a stored one is replaced only after confirmation.

        Args:
            now_s: The present time.
            stance: Sitting or standing; None takes that of the neutral posture in use.
            may_replace: Do not ask for a confirmation.
        """
        neutral = self._judging.neutral
        if stance is None:
            stance = Stance.SITTING if neutral is None else neutral.stance
        try:
            is_stored = has_profile(self._profile_name) and self._would_replace(stance)
        except PostureCamError:
            is_stored = True  # in doubt
        if is_stored and not may_replace and now_s > self._pressed_until_s:
            self._pressed_until_s = now_s + _PRESS_AGAIN_WITHIN_S
            raise CommandRefused(
                f"This replaces your neutral posture stored as {self._profile_name}.",
                f"Press c again within {_PRESS_AGAIN_WITHIN_S:.0f} s to begin.",
            )
        self._pressed_until_s = -math.inf
        if self._paused_s is not None:
            self._pause(now_s)
        self._look_again()
        start_s, refused = self._source.now_s, None
        try:
            kept = guided(self._moments(), Calibrator(self._settings), SIT_WELL, self._settings, self._guide)
            neutral = replace(
                built(kept, self._header(), self._settings),
                stance=stance,
                displays=self._displays(),
                device=self._device,
            )
            worse = worse_words(
                self._profile_name, neutral, self._settings, load_estimator(), is_of_camera=True
            )
            if worse and not self._is_meant(worse):
                raise NeutralError("The stored neutral posture is kept.")
            if self._settings.background.keep and self._frame is not None:
                neutral = replace(neutral, room=room_points(self._frame.image_bgr, neutral.pose))
            path = save_profile(self._profile_name, neutral, is_of_camera=True)
            # With the corrections given before, and the others of this camera.
            stored = load_profile(self._profile_name)
            neutral = fitting(stored, self._source.info.name, neutral.displays, self._device)
        except PostureCamError as error:
            refused = CommandRefused(f"{error.message} Going on as before.")
        else:
            self._adopt(neutral, self._profile_name)
            earlier = f" posture-cam profiles restore {self._profile_name} takes the earlier one back."
            self._say(f"Stored as {self._profile_name} ({path}).{earlier if is_stored else ''}")
        self._due_s = self._source.now_s
        self._judging.explain(start_s, self._due_s, Reason.CALIBRATING)
        if self._pauses_then:
            self._pauses_then = False
            self._pause(self._source.now_s)
        if refused is not None:
            raise refused

    def _would_replace(self, stance: Stance) -> bool:
        """Whether a calibration here replaces a stored neutral posture, rather than standing beside it."""
        stored = load_profile(self._profile_name)
        here = self._source.info.name
        like = replace(stored, source=here, stance=stance, displays=self._displays(), device=self._device)
        return stored_like(all_of(stored), like, is_of_camera=True) is not None

    def _is_meant(self, worse: str) -> bool:
        """Whether the person wants to store a posture that is worse than the stored one."""
        self._say(f"{worse} Press c within {_PRESS_AGAIN_WITHIN_S:.0f} s to store it all the same.")
        end_s = self._source.now_s + _PRESS_AGAIN_WITHIN_S
        while self._source.now_s < end_s and not self._should_stop() and not self._pauses_then:
            if isinstance(item := self._source.take(self._source.now_s, _WAIT_S), SourceEvent):
                self._note(item)
            if Command.CALIBRATE in self._given():
                return True
        return False

    def _moments(self) -> Iterator[tuple[Frame, Features]]:
        extractor = FeatureExtractor(self._settings)
        interval_s = 1.0 / self._settings.sampling.rate_hz
        due_s = self._source.now_s
        start_s = due_s
        while not self._should_stop():
            item = self._source.take(due_s, _WAIT_S)
            self._judging.flush(self._source.now_s, (start_s, Reason.CALIBRATING))
            if isinstance(item, SourceEvent):
                self._note(item)
            elif item is not None:
                due_s, self._frame = item.timestamp_s + interval_s, item
                yield item, extractor.extract(item.timestamp_s, self._estimator.estimate(item))
            elif self._is_cancelled():
                break
        raise NeutralError("The calibration was stopped.")

    def _guide(self, words: str, share: float, frame: Frame | None) -> bool:
        self._say(words, share, frame)
        return not self._is_cancelled() and not self._should_stop()

    def _is_cancelled(self) -> bool:
        return Command.CALIBRATE in self._given() or self._is_over or self._pauses_then

    def _given(self) -> list[Command]:
        """The commands given during a calibration, which obeys its own and the end of the run."""
        given = []
        for order in self._orders():
            given.append(order.command)
            if order.command == Command.QUIT:
                self._is_over = True
            if order.command == Command.SILENCE:
                self._policy.be_silent(order.value is True)
            if order.command == Command.PAUSE:
                self._pauses_then = order.value is not False
            is_heard = order.command in (Command.QUIT, Command.CALIBRATE, Command.SILENCE, Command.PAUSE)
            order.answer(is_heard, "" if is_heard else "A calibration is under way.")
        return given

    def _say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        if self._answering is not None and share is None:
            self._answering.append(words)
        for sink in self._sinks:
            sink.say(words, share, frame)

    def _tell(self, event: SourceEvent) -> None:
        if self._answering is not None:
            self._answering.append(event.message)
        for sink in self._sinks:
            sink.tell(event)

    def _finish(self, *, has_failed: bool = False) -> SessionSummary:
        end_s = self._source.now_s
        self._tell_taken(self._offers.finish())
        if self._paused_s is not None:
            self._judging.explain(self._paused_s, end_s, Reason.PAUSED)
        self._close_trouble(end_s)
        self._judging.finish(end_s)
        summary = self._judging.summary(
            self._source.info, self._estimator.model, partial=has_failed, is_live=True
        )
        if self._keeper is not None:
            self._keeper.finish(summary)
        for sink in self._sinks:
            sink.finish(summary)
        return summary
