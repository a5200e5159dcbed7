"""When to disturb the user, and with which words.

Pure: judgements in, decisions out, with time taken from their timestamps.  A recording therefore shows when
a live run would have spoken.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

from posture_cam.care.exercises import exercise_for
from posture_cam.care.permission import Permission
from posture_cam.care.tips import GENERAL, TipRotation
from posture_cam.ids import JUDGED_STATES, AlertKind, Doubt, Measure, Stance, State
from posture_cam.measures import load_measures
from posture_cam.records import Alert, Assessment
from posture_cam.settings import AlertSettings
from posture_cam.words import duration_words, parse_hours, sentence, words_for, words_of

_HOUR_S = 3600.0
_IS_IT_STILL = "Is this still your neutral posture? If chair or camera have moved, calibrate again."


class AlertPolicy:
    """Speaks rarely.

    An alert comes once a fault has lasted for its dwell time.  A cool-down follows, which grows while alerts
    are ignored and is short again after a correction.  The number of alerts an hour is limited.  After a long
    time in the chair a break is suggested.

    While there is doubt about the neutral posture (`Assessment.doubt`), a fault is put as a question.
    Time that is not judged never counts against the user.

    Args:
        settings: When to speak.
        started_at: The time of day at timestamp 0, with its zone, for quiet hours; None if unknown.
        permission: What the person may be offered, asked for each time.

    Attributes:
        corrected: The alert that the user has just answered, or None.
    """

    def __init__(
        self,
        settings: AlertSettings,
        *,
        started_at: datetime | None = None,
        permission: Callable[[], Permission] = Permission,
    ) -> None:
        self._settings, self._permission = settings, permission
        self._started_at = started_at
        self._quiet = tuple(parse_hours(hours) for hours in settings.quiet_hours)
        self._snoozed_until_s: float | None = None
        self._is_silenced = False
        self._open: Alert | None = None
        self.corrected: Alert | None = None
        self._tips = TipRotation(lambda tip: permission().allows_tip(tip))
        self._last_s: float | None = None
        self._bad_since_s: float | None = None
        self._poor_since_s: float | None = None
        self._good_since_s: float | None = None
        self._blame: defaultdict[Measure, float] = defaultdict(float)
        self._value: dict[Measure, float] = {}
        self._hour: deque[tuple[int, defaultdict[Measure, float]]] = deque()  # blame by minute
        self._cooldown_s = settings.cooldown_s
        self._is_ignored = False
        self._alerted_s: float | None = None
        self._given_s: deque[float] = deque()
        self._seated_since_s: float | None = None
        self._hinted_s = self._change_hinted_s = 0.0
        self._stance: Stance | None = None
        self._stance_since_s = 0.0
        self._moved_asked_s: float | None = None
        self._absent_since_s: float | None = None

    def decide(self, assessment: Assessment, stance: Stance | None = None) -> Alert | None:
        """Take the judgement of one moment; returns an alert when one is due.

        Args:
            assessment: The judgement.
            stance: Sitting or standing, if the person is known to do both.
        """
        now_s = assessment.timestamp_s
        step_s = 0.0 if self._last_s is None else now_s - self._last_s
        self.corrected = None
        self._follow_chair(assessment, step_s)
        self._follow_stance(stance, now_s, step_s)
        self._follow_fault(assessment, step_s)
        self._last_s = now_s
        while self._hour and now_s - 60 * self._hour[0][0] >= _HOUR_S:
            self._hour.popleft()
        while self._given_s and now_s - self._given_s[0] >= _HOUR_S:
            self._given_s.popleft()
        if len(self._given_s) >= self._settings.max_per_hour or self.is_silent(now_s):
            return None
        alert = (
            self._moved_question(assessment)
            or self._fault_alert(assessment)
            or self._change_hint(assessment)
            or self._break_hint(assessment)
        )
        if alert is not None:
            self._given_s.append(now_s)
            if alert.measure is not None:
                self._open = alert
        return alert

    def is_silent(self, now_s: float) -> bool:
        """Whether alerts are silenced or snoozed, or it is a quiet hour."""
        if self._is_silenced:
            return True
        if self._snoozed_until_s is not None and now_s < self._snoozed_until_s:
            return True
        if self._started_at is None or not self._quiet:
            return False
        # In local time, so that the hours stay right when summer time begins or ends.
        clock = (self._started_at + timedelta(seconds=now_s)).astimezone()
        minute = 60 * clock.hour + clock.minute
        return any(
            start <= minute < end if start < end else minute >= start or minute < end
            for start, end in self._quiet
        )

    def snooze(self, now_s: float, for_s: float | None = None) -> float | None:
        """Be silent for a while, or end the silence; returns how long it lasts, or None.

        Args:
            now_s: The present time.
            for_s: How long; 0 ends the silence, None begins or ends it.
        """
        if for_s is None:
            is_snoozed = self._snoozed_until_s is not None and now_s < self._snoozed_until_s
            for_s = 0.0 if is_snoozed else self._settings.snooze_s
        self._snoozed_until_s = now_s + for_s if for_s > 0 else None
        return for_s or None

    def be_silent(self, is_silent: bool) -> None:
        """Be silent until told otherwise, as in a call; a snooze is counted besides."""
        self._is_silenced = is_silent

    def restart(self) -> None:
        """Forget earlier faults: the neutral posture was taken anew, or confirmed."""
        self._end_fault()
        self._forgive()

    def _follow_chair(self, assessment: Assessment, step_s: float) -> None:
        now_s = assessment.timestamp_s
        if step_s >= self._settings.break_away_s:
            self._seated_since_s = None  # a long gap: the computer slept, or the recording has parts
        if assessment.state == State.AWAY:
            if self._absent_since_s is None:
                self._absent_since_s = assessment.since_s
            if now_s - self._absent_since_s >= self._settings.break_away_s:
                self._seated_since_s = None
            return
        self._absent_since_s = None  # time without pictures does not join two absences
        if assessment.state in JUDGED_STATES and self._seated_since_s is None:
            self._seated_since_s = assessment.since_s

    def _follow_stance(self, stance: Stance | None, now_s: float, step_s: float) -> None:
        is_break = self._seated_since_s is None or step_s >= self._settings.break_away_s
        if stance != self._stance or is_break:
            self._stance, self._stance_since_s = stance, now_s

    def _follow_fault(self, assessment: Assessment, step_s: float) -> None:
        now_s, state = assessment.timestamp_s, assessment.state
        if state in (State.FAIR, State.POOR):
            self._good_since_s = None
            if self._bad_since_s is None:
                self._bad_since_s = assessment.since_s
            if state == State.FAIR:
                self._poor_since_s = None
            elif self._poor_since_s is None:
                self._poor_since_s = assessment.since_s
            minute = int(now_s // 60)
            if not self._hour or self._hour[-1][0] != minute:
                self._hour.append((minute, defaultdict(float)))
            for finding in assessment.findings:
                self._blame[finding.measure] += finding.penalty * step_s
                self._hour[-1][1][finding.measure] += finding.penalty * step_s
                self._value[finding.measure] = finding.value
            return
        self._poor_since_s = None
        if state == State.GOOD:
            if self._good_since_s is None:
                self._good_since_s = assessment.since_s
            if now_s - self._good_since_s >= self._settings.corrected_after_s:
                self.corrected, self._open = self._open, None
                self._end_fault()
                self._forgive()
            return
        self._good_since_s = None
        self._end_fault()
        if state == State.AWAY:
            self.corrected, self._open = self._open, None  # standing up answers it too
            self._forgive()

    def _end_fault(self) -> None:
        self._bad_since_s = None
        self._blame.clear()

    def _forgive(self) -> None:
        """Note an answer to the last alert: the cool-down is short again."""
        self._is_ignored = False
        self._cooldown_s = self._settings.cooldown_s

    def _fault_alert(self, assessment: Assessment) -> Alert | None:
        now_s = assessment.timestamp_s
        if self._bad_since_s is None or not self._blame:
            return None
        if assessment.state not in (State.FAIR, State.POOR):
            return None  # already on the way back
        held_s = now_s - self._bad_since_s
        is_poor_long = (
            self._poor_since_s is not None and now_s - self._poor_since_s >= self._settings.poor_after_s
        )
        if not is_poor_long and held_s < self._settings.fair_after_s:
            return None
        if self._alerted_s is not None and now_s - self._alerted_s < self._cooldown_s:
            return None
        if self._is_ignored:
            self._cooldown_s = min(
                self._cooldown_s * self._settings.ignored_factor, self._settings.cooldown_max_s
            )
        self._is_ignored = True
        self._alerted_s = now_s
        measure = max(self._blame, key=self._blame.__getitem__)
        fault = load_measures()[measure].fault
        message = f"{sentence(fault)} for {duration_words(held_s)}."
        kind = AlertKind.FAULT
        if assessment.doubt is not None:
            kind = AlertKind.QUESTION
            message = f"{message} {_IS_IT_STILL}"
        return Alert(now_s, measure, held_s, message, self._tips.next(measure), kind)

    def _moved_question(self, assessment: Assessment) -> Alert | None:
        """Ask once the camera or its picture has changed, and again at intervals until that is settled."""
        now_s, words = assessment.timestamp_s, words_of(assessment.doubt or Doubt.UNPROVEN)
        if not words:
            self._moved_asked_s = None
            return None
        if assessment.state == State.AWAY:
            return None
        if self._moved_asked_s is not None and now_s - self._moved_asked_s < self._settings.cooldown_max_s:
            return None
        self._moved_asked_s = now_s
        message = f"{words} Does your neutral posture still fit? If it does not, calibrate again."
        return Alert(now_s, None, 0.0, message, self._tips.next(GENERAL), AlertKind.QUESTION)

    def _break_hint(self, assessment: Assessment) -> Alert | None:
        now_s = assessment.timestamp_s
        if self._seated_since_s is None or assessment.state not in JUDGED_STATES:
            return None
        if now_s - max(self._seated_since_s, self._hinted_s) < self._settings.break_after_s:
            return None
        self._hinted_s = now_s
        seated_s = now_s - self._seated_since_s
        exercise = exercise_for(self._worst_of_hour(), must_be_seen=True, allows=self._permission().allows)
        message = f"In the chair for {duration_words(seated_s)}. Time for a short break."
        if exercise is not None:
            message = (
                f"In the chair for {duration_words(seated_s)}. If you like: {exercise.title.lower()}, "
                f"{exercise.dose}."
            )
        tip, name = self._tips.next(Measure.STILLNESS), None if exercise is None else exercise.name
        return Alert(now_s, None, seated_s, message, tip, AlertKind.BREAK, name)

    def _change_hint(self, assessment: Assessment) -> Alert | None:
        """Offer to stand up, or to sit down, after a long time in the same stance."""
        now_s, after_s = assessment.timestamp_s, self._settings.change_after_s
        if self._stance is None or not after_s or assessment.state not in JUDGED_STATES:
            return None
        held_s = now_s - self._stance_since_s
        if now_s - max(self._stance_since_s, self._change_hinted_s) < after_s:
            return None
        self._change_hinted_s = now_s
        message = words_for("change_offered", self._stance).format(held=duration_words(held_s))
        return Alert(now_s, None, held_s, message, self._tips.next(Measure.STILLNESS), AlertKind.CHANGE)

    def _worst_of_hour(self) -> Measure | None:
        blame: defaultdict[Measure, float] = defaultdict(float)
        for _, of_minute in self._hour:
            for measure, amount in of_minute.items():
                blame[measure] += amount
        return max(blame, key=blame.__getitem__) if blame else None
