"""The exercises: their purpose, their steps and what the camera can check (data/exercises.toml)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from posture_cam.errors import SettingsError, UsageError
from posture_cam.ids import Measure, Movement
from posture_cam.settings import read_data

OFFERED_WITHOUT_FAULT = "stand-up"


class Aim(StrEnum):
    """The five aims of physical therapy for back pain that the article names."""

    PAIN = "pain"
    MOBILITY = "mobility"
    STRENGTH = "strength"
    POSTURE = "posture"
    PREVENTION = "prevention"


class Exercise(BaseModel):
    """An exercise.

    Attributes:
        name: As on the command line.
        faults: Measures whose faults it helps with.
        best_for: Those among `faults` for which it is the first choice.
        repetitions: The dose, for each side where there are two.
        hold_s: How long each is held, in seconds.
        sides: Whether left and right are done separately.
        gentle: Fit for people in severe pain, by our own judgement.
        stop: When to stop.
        movement: The movement that the camera counts; None if the exercise is guided by the clock.
        full: The amount from which a repetition counts, in the unit of the movement.
        attempt: From this amount on, a movement that does not reach `full` is refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    aim: Aim
    faults: tuple[Measure, ...]
    best_for: tuple[Measure, ...] = ()
    steps: tuple[str, ...]
    repetitions: int
    hold_s: float
    sides: bool = False
    gentle: bool = False
    stop: str
    source: str
    dose_source: str
    movement: Movement | None = None
    full: float = 0.0
    attempt: float = 0.0
    sees: str
    unseen: str

    @model_validator(mode="after")
    def _check(self) -> Exercise:
        if self.movement is not None and not 0 <= self.attempt < self.full:
            raise ValueError(f"{self.name}: attempt must lie below full")
        return self

    @property
    def is_seen_from_front(self) -> bool:
        """Whether a camera in front of the person counts it."""
        return self.movement not in (None, Movement.DRAWING_BACK)

    @property
    def dose(self) -> str:
        """Repetitions and hold, worded for a sentence."""
        if self.sides:
            return f"{self.repetitions} times on each side, held for {self.hold_s:g} s"
        return f"{self.repetitions} times, held for {self.hold_s:g} s"

    def with_share(self, share: float) -> Exercise:
        """The same exercise with a share of the dose, as in the first weeks of a programme."""
        return self.model_copy(update={"repetitions": max(1, round(share * self.repetitions))})

    @property
    def total(self) -> int:
        """Total number of repetitions."""
        return self.repetitions * (2 if self.sides else 1)


@cache
def load_exercises() -> tuple[Exercise, ...]:
    """Every exercise, in the file's order.

    Raises:
        SettingsError: The file is damaged.
    """
    content = read_data("exercises.toml")
    try:
        common = {key: content[key] for key in ("stop", "dose_source")}
        return tuple(Exercise.model_validate({**common, **entry}) for entry in content["exercise"])
    except (KeyError, TypeError, ValidationError) as error:
        raise SettingsError(f"data/exercises.toml is wrong: {error}", "Install posture_cam again.") from error


def exercise_called(name: str) -> Exercise:
    """One exercise by its name; spaces and underscores are accepted for hyphens.

    Raises:
        UsageError: There is no such exercise.
    """
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    for exercise in load_exercises():
        if exercise.name == wanted:
            return exercise
    names = ", ".join(exercise.name for exercise in load_exercises())
    raise UsageError(f"There is no exercise {name!r}.", f"Exercises: {names}.")


def known_exercises(names: Iterable[str]) -> tuple[Exercise, ...]:
    """Exercises by their names, in that order; names unknown to this version are left out."""
    by_name = {exercise.name: exercise for exercise in load_exercises()}
    return tuple(by_name[name] for name in names if name in by_name)


def exercise_title(name: str) -> str:
    """The title of an exercise; an unknown exercise is called by its name."""
    known = {exercise.name: exercise.title for exercise in load_exercises()}
    return known.get(name, name)


def exercise_for(
    fault: Measure | None,
    *,
    must_be_seen: bool = False,
    allows: Callable[[Exercise], bool] = lambda _exercise: True,
) -> Exercise | None:
    """The exercise for a fault; standing up if the fault has none.

    Args:
        fault: The measure that was off.
        must_be_seen: Consider only exercises that a camera in front can count.
        allows: Whether an exercise may be offered to this person.

    Returns:
        The exercise, or None if none may be offered.
    """
    allowed = [
        one for one in load_exercises() if allows(one) and (one.is_seen_from_front or not must_be_seen)
    ]
    allowed.sort(key=lambda one: one.name != OFFERED_WITHOUT_FAULT)
    fitting = [one for one in allowed if fault in one.faults]
    fitting.sort(key=lambda exercise: fault not in exercise.best_for)
    return next(iter([*fitting, *allowed]), None)


@dataclass(frozen=True, slots=True)
class ExerciseDone:
    """The result of an exercise.

    Attributes:
        name: The name of the exercise.
        repetitions: Counted repetitions, on all sides.
        left, right: Counted repetitions on each side; None for an exercise without sides.
        holds_s: How long each repetition was held, in order of time.
        refused: Movements that turned back half-way.
        duration_s: Time from the first to the last moment.
        is_seen: Whether the camera counted; else the clock guided the person.
        is_whole: Whether the whole dose was done.
        trouble: The reason for an early end; not stored.
        rest_after_s: How long it took until a posture at rest was seen; movements before it are not counted.
            Not stored.
    """

    name: str
    repetitions: int
    left: int | None = None
    right: int | None = None
    holds_s: tuple[float, ...] = ()
    refused: int = 0
    duration_s: float = 0.0
    is_seen: bool = True
    is_whole: bool = False
    trouble: str = ""
    rest_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CoachMoment:
    """What to show at one moment of an exercise.

    Attributes:
        words: One sentence.
        count: Repetitions so far; with sides, those of the side that moves, else of the side with fewer.
        target: The dose, on each side.
        side: "left", "right", or empty.
        share: Progress of the movement towards `full`, 0 to 1.
        hold_s: How long the current repetition has been held.
        reached: The side of a repetition reached just now ("left", "right", or empty); None if there is none.
        is_counting: False while the rest posture is being determined.
        is_whole: Whether the whole dose is done.
    """

    words: str
    count: int
    target: int
    side: str
    share: float
    hold_s: float
    reached: str | None
    is_counting: bool
    is_whole: bool
