"""Whether the neutral posture fits and may be used, and since when; decided only here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from posture_cam.assessment.drift import DriftWatch
from posture_cam.assessment.scoring import state_of
from posture_cam.ids import Doubt, Misfit, Reason, State
from posture_cam.records import Assessment, Features, Neutral
from posture_cam.settings import Settings

_REASONS = {Doubt.CAMERA_MOVED: Reason.CAMERA_MOVED, Doubt.PICTURE_CHANGED: Reason.PICTURE_CHANGED}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A judgement after checking the fit of the neutral posture.

    Attributes:
        assessment: The assessment; set aside if no neutral posture may be used.
        misfits: The signs noticed just now, and since when.
    """

    assessment: Assessment
    misfits: tuple[tuple[Misfit, float], ...] = ()


class NeutralFit:
    """Tracks doubts about the neutral posture, and what settles them.

    If the neutral posture was taken earlier, or before the person left the chair, the user is asked about it
    before a fault counts.  Once the camera or the shape of its picture has changed, nothing is judged by it
    until the person says that it fits, another is taken, the camera is back, or a minute of good posture
    *after* the change has shown that it fits.  A person who sits elsewhere for minutes gets a message.

    Args:
        settings: The length of that minute, what counts as another shape, and when a person sits elsewhere.
        is_fresh: The neutral posture was taken in this run.
        needs_own: A live run: without a neutral posture nothing counts, and the picture is compared with that
            of the neutral posture.  An analysis has nobody to ask.

    Attributes:
        has_shown_fit: The last moment has shown that the neutral posture fits after a change.
        is_set_aside: Nothing is judged now.
        judged_from_s: The limit of hindsight: before it nothing was judged, or another neutral posture was
            used.
    """

    def __init__(self, settings: Settings, *, is_fresh: bool, needs_own: bool = False) -> None:
        self._settings, self._needs_own = settings, needs_own
        self._is_unproven = not is_fresh
        self._changes: dict[Doubt, None] = {}  # in order of occurrence
        self._changed_s = 0.0
        self._good_since_s: float | None = None
        self._set_aside_since_s: float | None = None
        self.judged_from_s = 0.0
        self.has_shown_fit = False
        self.compare_with(None)

    def compare_with(self, neutral: Neutral | None) -> None:
        """Use this neutral posture from now on; None if there is none."""
        self._has_neutral = neutral is not None
        self._drift = DriftWatch(neutral, self._settings.drift) if neutral is not None else None
        self._begins_anew = True
        pose = neutral.pose if neutral is not None and self._needs_own else None
        self._aspect = None if pose is None else _aspect(pose.image_size_wh)
        self._last_aspect: float | None = None

    @property
    def doubt(self) -> Doubt | None:
        """The present doubt about the neutral posture: the latest change, else its age."""
        return next(reversed(self._changes), Doubt.UNPROVEN if self._is_unproven else None)

    @property
    def reason(self) -> Reason | None:
        """Why nothing is judged now, or None if moments are judged."""
        if self._needs_own and not self._has_neutral:
            return Reason.NO_NEUTRAL
        return _REASONS[next(reversed(self._changes))] if self._changes else None

    @property
    def is_set_aside(self) -> bool:
        """Whether nothing is judged now."""
        return self._set_aside_since_s is not None

    def is_changed(self, doubt: Doubt) -> bool:
        """Whether this change has cast doubt on the neutral posture."""
        return doubt in self._changes

    def change(self, now_s: float, doubt: Doubt) -> None:
        """Note a change of the camera or of its picture's shape; earlier good posture then proves nothing."""
        self._changes.pop(doubt, None)
        self._changes[doubt] = None
        self._changed_s, self._good_since_s = now_s, None

    def undo_change(self, doubt: Doubt) -> None:
        """Note that this change was undone: all is as it was when the neutral posture fitted."""
        self._changes.pop(doubt, None)

    def asked(self) -> None:
        """Note that the person was asked whether it fits; from now on faults count."""
        self._is_unproven = False

    def confirm(self) -> None:
        """Note that the person says that it fits, or that it was taken anew."""
        self._changes.clear()
        self._is_unproven = False

    def judge(self, assessment: Assessment, features: Features, size_wh: tuple[int, int] | None) -> Fitted:
        """Take a moment as judged by the neutral posture; returns it as it counts.

        Args:
            assessment: The assessment of the moment.
            features: The features of the moment.
            size_wh: The size of the picture in which somebody was found, or None.
        """
        if self._begins_anew:
            self._begins_anew, self.judged_from_s = False, assessment.timestamp_s
        misfits: list[tuple[Misfit, float]] = []
        if self._drift is not None and self._drift.follow(features):
            misfits.append((Misfit.SITS_ELSEWHERE, self._drift.since_s or 0.0))
        if size_wh is not None and self._notices_shape(features.timestamp_s, size_wh):
            misfits.append((Misfit.PICTURE_CHANGED, features.timestamp_s))
        self.has_shown_fit = self._shows_fit(assessment)
        return Fitted(self._as_it_counts(assessment), tuple(misfits))

    def _notices_shape(self, now_s: float, size_wh: tuple[int, int]) -> bool:
        """Whether the pictures' shape has just begun to differ from that of the neutral posture."""
        aspect = _aspect(size_wh)
        self._aspect = self._aspect or aspect
        self._last_aspect = self._last_aspect or self._aspect
        most = self._settings.trust.aspect_off_by
        if abs(aspect / self._last_aspect - 1.0) <= most:
            return False
        self._last_aspect = aspect
        if abs(aspect / self._aspect - 1.0) <= most:
            self.undo_change(Doubt.PICTURE_CHANGED)
            return False
        self.change(now_s, Doubt.PICTURE_CHANGED)
        return True

    def _shows_fit(self, assessment: Assessment) -> bool:
        """Whether good posture has just shown that the neutral posture fits after a change."""
        if assessment.state == State.AWAY:
            self._is_unproven = True
        if assessment.state != State.GOOD:
            self._good_since_s = None
            return False
        if not self._changes:
            return False
        if self._good_since_s is None:
            self._good_since_s = max(assessment.since_s, self._changed_s)
        if assessment.timestamp_s - self._good_since_s < self._settings.trust.fits_after_s:
            return False
        # The state is slow to change; a moment with nobody, or with bad posture, proves nothing.
        if assessment.score is None or state_of(assessment.score) != State.GOOD:
            return False
        self._changes.clear()
        return True

    def _as_it_counts(self, assessment: Assessment) -> Assessment:
        reason, now_s = self.reason, assessment.timestamp_s
        if reason is None or assessment.state == State.AWAY:
            if self._set_aside_since_s is not None:
                self._set_aside_since_s = None
                self.judged_from_s = now_s if reason is None else assessment.since_s
            since_s = max(assessment.since_s, self.judged_from_s) if reason is None else assessment.since_s
            return replace(assessment, since_s=since_s, doubt=self.doubt)
        if self._set_aside_since_s is None:
            self._set_aside_since_s = now_s
        return replace(
            assessment,
            state=State.UNJUDGED,
            since_s=self._set_aside_since_s,
            score=None,
            findings=(),
            coverage=(),
            reason=reason,
            doubt=self.doubt,
        )


def _aspect(size_wh: tuple[int, int]) -> float:
    return size_wh[0] / size_wh[1]
