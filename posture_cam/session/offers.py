"""Detects whether the person takes up the exercise offered with a movement break."""

from __future__ import annotations

from dataclasses import replace

from posture_cam.care.exercises import ExerciseDone, exercise_called
from posture_cam.geometry import Estimator
from posture_cam.records import Alert, Pose
from posture_cam.session.coach import Coach
from posture_cam.settings import Settings

# An exercise counts as taken up if it follows within this time after the offer,
_TAKEN_WITHIN_S = 300.0
# with this share of the dose; it is over after this long without a further repetition.
_TAKEN_SHARE, _OVER_AFTER_S = 0.5, 20.0


class OfferWatch:
    """Counts silently after an exercise was offered.

    Args:
        settings: Settings for counting.
        estimator: Estimates the changes of inclination; None turns the watch off.
    """

    def __init__(self, settings: Settings, estimator: Estimator | None) -> None:
        self._settings, self._estimator = settings, estimator
        self._coach: Coach | None = None
        self._offered_s = self._last_s = self._began_s = 0.0
        self._least = self._count = 0

    def follow(
        self, now_s: float, pose: Pose | None, alert: Alert | None
    ) -> tuple[ExerciseDone, float] | None:
        """Take the next look; once the offered exercise is over, return its result and when it began.

        Args:
            now_s: The current time.
            pose: The pose seen.
            alert: An alert given just now.
        """
        if alert is not None and alert.exercise is not None:
            self._offer(alert.exercise, now_s)
        if self._coach is None:
            return None
        moment = self._coach.see(now_s, pose)
        if self._coach.can_see is False:
            self._coach = None
            return None
        if moment.reached is not None:
            self._began_s = self._began_s or now_s
            self._count += 1
        if moment.share >= 1.0:
            self._last_s = now_s
        is_late = now_s - self._offered_s > _TAKEN_WITHIN_S
        is_paused = self._count >= self._least and now_s - self._last_s > _OVER_AFTER_S
        return self.finish() if moment.is_whole or is_late or is_paused else None

    def finish(self) -> tuple[ExerciseDone, float] | None:
        """End the watch; return the result and start of the exercise, or None if too little was done."""
        coach, self._coach = self._coach, None
        if coach is None:
            return None
        done = coach.done()
        if done.repetitions < self._least:
            return None
        return replace(done, duration_s=round(self._last_s - self._began_s, 1)), self._began_s

    def _offer(self, name: str, now_s: float) -> None:
        exercise = exercise_called(name)
        self._coach = None
        if exercise.movement is None or self._estimator is None:
            return
        self._coach = Coach(exercise, self._settings, self._estimator)
        self._offered_s, self._began_s, self._count = now_s, 0.0, 0
        self._least = max(1, round(_TAKEN_SHARE * exercise.total))
