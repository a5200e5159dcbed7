"""Decides which exercises may be offered or started; the one rule for the whole program.

With a standing warning sign none are allowed until somebody has looked at it; in severe pain (7 to 10 of 10)
only gentle ones are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posture_cam.care.checkins import SEVERE_PAIN, CheckIn, Sign, advice, standing_flags
from posture_cam.care.exercises import Exercise
from posture_cam.records import Tip

# Older check-ins say nothing about today's pain.
_LATELY_S = 14 * 86_400.0


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be offered to a person.

    Attributes:
        flags: Standing warning signs.
        is_severe: The last check-in within two weeks reported severe pain.
        is_unknown: There may be check-ins that cannot be read.
    """

    flags: tuple[Sign, ...] = ()
    is_severe: bool = False
    is_unknown: bool = False

    def allows(self, exercise: Exercise) -> bool:
        """Whether this exercise may be offered, and started."""
        return not self.flags and (exercise.gentle or not (self.is_severe or self.is_unknown))

    def allows_tip(self, tip: Tip) -> bool:
        """Whether this tip may be given; tips that are exercises are not known to be gentle."""
        return tip.kind != "exercise" or not (self.flags or self.is_severe or self.is_unknown)

    @property
    def words(self) -> str:
        """The obstacles to exercises, in sentences; empty if there are none."""
        if self.flags:
            signs = "; ".join(sign.question.lower() for sign in self.flags)
            return f"You told of this: {signs}. {advice(self.flags)}"
        if self.is_severe:
            return "You told of severe pain: only gentle exercises for now."
        return (
            "Your check-ins cannot be read: only gentle exercises until they can." if self.is_unknown else ""
        )


def permission_of(check_ins: Sequence[CheckIn], now_utc_s: float) -> Permission:
    """The permission that follows from the check-ins so far.

    Args:
        check_ins: All check-ins, in order of time.
        now_utc_s: The current time.
    """
    lately = [one for one in check_ins if now_utc_s - one.time_utc_s <= _LATELY_S]
    return Permission(standing_flags(check_ins), bool(lately) and lately[-1].pain >= SEVERE_PAIN)
