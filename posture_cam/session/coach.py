"""Coaches a person through an exercise: turns poses into counts and one correction at a time."""

from __future__ import annotations

from posture_cam.assessment import Phase, RepetitionCounter, RestFinder, SideCounter
from posture_cam.care.exercises import CoachMoment, Exercise, ExerciseDone
from posture_cam.geometry import Estimator, MovementMeter
from posture_cam.ids import Landmark, Movement
from posture_cam.records import Pose
from posture_cam.settings import Settings

# How long a correction is shown.
_SAID_FOR_S = 4.0
# A hold is corrected if it is shorter than this share of the dose, and the dose is at least this long.
_SHORT_BELOW, _HOLD_MATTERS_FROM_S = 0.7, 2.0
# One-way movements, whose rest posture may be taken by mistake while the person is in mid-movement.
_ONE_WAY = frozenset({Movement.SHOULDER_RISE, Movement.LEANING_BACK, Movement.DRAWING_BACK, Movement.RISING})
_BACKWARDS_SHARE = 0.6
# A person last seen at the top of the picture has left it there, and soon sits down again.
_TOP_SHARE, _UP_FOR_S = 0.25, 8.0
REST_WORDS = "Sit at rest and look ahead, arms down."
UNSEEN_WORDS = "Head and shoulders are not seen well: move until they are in the picture."


class Coach:
    """Counts one exercise of one person, starting from the rest posture.

    Args:
        exercise: An exercise that the camera can count.
        settings: Settings for counting.
        estimator: Estimates the changes of inclination.

    Attributes:
        can_see: Whether the movement can be measured from here; None until the rest posture is known.
    """

    def __init__(self, exercise: Exercise, settings: Settings, estimator: Estimator) -> None:
        assert exercise.movement is not None
        self._exercise, self._settings, self._estimator = exercise, settings, estimator
        self._movement = exercise.movement
        self._start_over()
        self._first_s: float | None = None
        self._rest_after_s = 0.0
        self._now_s = 0.0
        self._said, self._said_until_s = "", 0.0
        self._last_pose: Pose | None = None
        self._was_whole = False
        self.can_see: bool | None = None

    def _start_over(self) -> None:
        """Forget the rest posture and all counts."""
        self._finder = RestFinder(self._settings.exercise, self._settings.gates.min_seen)
        self._meter: MovementMeter | None = None
        self._counter = RepetitionCounter(
            self._exercise.full,
            self._exercise.attempt,
            has_sides=self._exercise.sides,
            settings=self._settings.exercise,
        )
        self._measured_s: float | None = None
        self._opposite_since_s: float | None = None
        self._refused = self._short = 0

    def _begin(self, rest: Pose) -> None:
        self._meter = MovementMeter(self._movement, rest, self._estimator, self._settings)
        self.can_see = self._meter.amount(rest) is not None
        self._rest_after_s = self._now_s - (self._first_s or 0.0)

    @property
    def was_seen(self) -> bool:
        """Whether anybody was seen."""
        return self._finder.was_seen

    def see(self, now_s: float, pose: Pose | None) -> CoachMoment:
        """Take the next look.

        Args:
            now_s: The time of the look.
            pose: The pose seen; None if nobody was seen.
        """
        self._first_s = now_s if self._first_s is None else self._first_s
        self._now_s = now_s
        if self._meter is None:
            share = self._finder.find(pose)
            if self._finder.pose is not None:
                self._begin(self._finder.pose)
            return self._moment(REST_WORDS if pose is not None else UNSEEN_WORDS, share=share)
        amount = None if pose is None else self._meter.amount(pose)
        if amount is not None:
            self._last_pose = pose
        amount = self._gone_up(amount)
        if self._is_opposite(amount):
            self._start_over()
            return self._moment(REST_WORDS)
        if amount is not None or self._measured_s is None:
            self._measured_s = now_s
        reached = self._counter.take(now_s, amount)
        self._correct(reached)
        self._was_whole = self._was_whole or self.is_whole
        if now_s - self._measured_s >= self._settings.exercise.unseen_s:
            words = UNSEEN_WORDS
        elif self._said and now_s < self._said_until_s:
            words = self._said
        else:
            words = self._instruction()
        return self._moment(words, reached=None if reached is None else self._name(reached))

    def _is_opposite(self, amount: float | None) -> bool:
        """Whether the person stays on the wrong side of rest: the rest posture was taken in mid-movement."""
        is_backwards = (
            self._movement in _ONE_WAY
            and amount is not None
            and amount < -max(self._exercise.attempt, _BACKWARDS_SHARE * self._exercise.full)
            and self._counter.count == 0
        )
        if not is_backwards:
            self._opposite_since_s = None
            return False
        if self._opposite_since_s is None:
            self._opposite_since_s = self._now_s
        return self._now_s - self._opposite_since_s >= self._settings.exercise.rest_s

    def _gone_up(self, amount: float | None) -> float | None:
        """The amount; full for a while after somebody who stands up leaves the picture at its top."""
        if self._movement != Movement.RISING or amount is not None or self._last_pose is None:
            return amount
        left_at = float(self._last_pose.landmarks[Landmark.NOSE, 1])
        is_fresh = self._now_s - self._last_pose.timestamp_s < _UP_FOR_S
        is_going = self._counter.phase != Phase.REST
        return 1.5 * self._exercise.full if is_going and is_fresh and left_at < _TOP_SHARE else None

    def _correct(self, reached: SideCounter | None) -> None:
        refused = sum(side.refused for side in self._counter.sides)
        short = sum(
            repetition.hold_s < _SHORT_BELOW * self._exercise.hold_s
            for side in self._counter.sides
            for repetition in side.repetitions
        )
        if refused > self._refused:
            self._say("Further: that one was half the way, and does not count.")
        elif short > self._short and self._exercise.hold_s >= _HOLD_MATTERS_FROM_S:
            self._say(f"Stay there longer: {self._exercise.hold_s:g} s.")
        elif reached is not None:
            self._said = ""
        self._refused, self._short = refused, short

    def _say(self, words: str) -> None:
        self._said, self._said_until_s = words, self._now_s + _SAID_FOR_S

    def _instruction(self) -> str:
        if self._was_whole:
            return "Done."
        side = self._side
        if side.phase == Phase.FULL:
            left_s = self._exercise.hold_s - side.hold_s
            return f"Hold: {left_s:.0f} s" if left_s >= 1.0 else "And slowly back."
        if self._counter.right is not None and side.count == 0 and self._counter.count:
            return f"Now to your {self._name(side)}."
        return self._exercise.steps[min(1, len(self._exercise.steps) - 1)]

    @property
    def _side(self) -> SideCounter:
        """The side that moves, else the side with fewer repetitions."""
        moving = [side for side in self._counter.sides if side.phase != Phase.REST]
        return (moving or sorted(self._counter.sides, key=lambda side: side.count))[0]

    def _name(self, side: SideCounter) -> str:
        if self._counter.right is None:
            return ""
        return "right" if side is self._counter.right else "left"

    def _moment(self, words: str, *, share: float | None = None, reached: str | None = None) -> CoachMoment:
        side = self._side
        if share is None:
            amount = self._counter.amount
            if self._counter.right is not None:
                amount = abs(amount)
            share = min(max(amount / self._exercise.full, 0.0), 1.0)
        return CoachMoment(
            words,
            side.count,
            self._exercise.repetitions,
            self._name(side),
            share,
            side.hold_s,
            reached,
            self._meter is not None,
            self._was_whole,
        )

    @property
    def is_whole(self) -> bool:
        """Whether the dose is done on each side, and the person is back at rest."""
        return self._counter.phase == Phase.REST and all(
            len(side.repetitions) >= self._exercise.repetitions for side in self._counter.sides
        )

    def done(self) -> ExerciseDone:
        """End the counting and return the result; no more poses may follow."""
        self._counter.finish()
        sides = self._counter.sides
        in_order = sorted((one for side in sides for one in side.repetitions), key=lambda one: one.time_s)
        return ExerciseDone(
            name=self._exercise.name,
            repetitions=len(in_order),
            left=len(sides[0].repetitions) if len(sides) == 2 else None,
            right=len(sides[1].repetitions) if len(sides) == 2 else None,
            holds_s=tuple(round(one.hold_s, 1) for one in in_order),
            refused=sum(side.refused for side in sides),
            duration_s=round(self._now_s - (self._first_s or 0.0), 1),
            is_whole=self._was_whole or self.is_whole,
            rest_after_s=round(self._rest_after_s, 1),
        )
