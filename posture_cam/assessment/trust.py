"""Whether the neutral posture may be compared with: the one place that knows, and since when."""

from __future__ import annotations

from posture_cam.records import Assessment, Doubt, Reason, State
from posture_cam.settings import TrustSettings

_REASONS = {Doubt.CAMERA_MOVED: Reason.CAMERA_MOVED, Doubt.PICTURE_CHANGED: Reason.PICTURE_CHANGED}


class Trust:
    """Follows what speaks against the neutral posture, and what settles it.

    A neutral posture that was taken earlier, or before the person left the chair, is asked about before a
    fault counts.  Once the camera or the shape of its picture has changed, nothing is judged by it, until the
    person says that it fits, another one is taken, the camera is back, or a minute of good posture *after*
    the change has shown that it fits.

    Args:
        settings: How long that minute is.
        is_fresh: The neutral posture was taken in this very run.
    """

    def __init__(self, settings: TrustSettings, *, is_fresh: bool) -> None:
        self._fits_after_s = settings.fits_after_s
        self._is_unproven = not is_fresh
        self._changes: dict[Doubt, None] = {}  # in their order
        self._changed_s = 0.0
        self._good_since_s: float | None = None

    @property
    def doubt(self) -> Doubt | None:
        """What speaks against the neutral posture now: the latest change, else that it was taken earlier."""
        return next(reversed(self._changes), Doubt.UNPROVEN if self._is_unproven else None)

    @property
    def reason(self) -> Reason | None:
        """Why nothing is judged by it now, or None where it is."""
        return _REASONS[next(reversed(self._changes))] if self._changes else None

    def is_changed(self, doubt: Doubt) -> bool:
        """Whether this change speaks against it now."""
        return doubt in self._changes

    def update(self, assessment: Assessment) -> bool:
        """Take a moment as it would be judged by the neutral posture.

        Returns:
            Whether good posture has just now shown that it fits after a change.
        """
        if assessment.state == State.AWAY:
            self._is_unproven = True
        if assessment.state != State.GOOD:
            self._good_since_s = None
            return False
        if not self._changes:
            return False
        if self._good_since_s is None:
            self._good_since_s = max(assessment.since_s, self._changed_s)
        if assessment.timestamp_s - self._good_since_s < self._fits_after_s:
            return False
        self._changes.clear()
        return True

    def change(self, now_s: float, doubt: Doubt) -> None:
        """The camera, or the shape of its picture, has changed; what was good before proves nothing."""
        self._changes.pop(doubt, None)
        self._changes[doubt] = None
        self._changed_s, self._good_since_s = now_s, None

    def undo_change(self, doubt: Doubt) -> None:
        """In this respect all is as it was when the neutral posture fitted."""
        self._changes.pop(doubt, None)

    def asked(self) -> None:
        """The person was asked whether it fits; from now on faults count."""
        self._is_unproven = False

    def confirm(self) -> None:
        """The person says that it fits, or it was taken anew."""
        self._changes.clear()
        self._is_unproven = False
