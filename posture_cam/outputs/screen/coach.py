"""Showing an exercise: a window that is legible from a step away, and words on the terminal."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from posture_cam.care.exercises import CoachMoment, Exercise
from posture_cam.outputs.screen.guide import Screen
from posture_cam.outputs.screen.overlay import draw_banner, draw_count
from posture_cam.words import words_of

_BLANK_WH = (960, 720)
_LEAST_HEIGHT_PX = 600


class CoachView(Screen):
    """Shows an exercise as it goes on.

    Args:
        exercise: The exercise.
        console: Prints the words.
        window: The title of a window, or None for none.
        bell: Called for each repetition that counts, as somebody who bends cannot see the screen.
    """

    def __init__(
        self, exercise: Exercise, console: Console, window: str | None, bell: Callable[[], None]
    ) -> None:
        super().__init__(console, window)
        self._exercise, self._bell = exercise, bell
        self._last_words = ""

    def introduce(self) -> None:
        """Introduce an exercise: its purpose, its steps, and when to stop."""
        exercise, say = self._exercise, self.console.print
        say(f"[bold]{exercise.title}[/bold]: {exercise.dose}.", highlight=False, soft_wrap=True)
        for number, step in enumerate(exercise.steps, start=1):
            say(f"  {number}. {step}", highlight=False, soft_wrap=True)
        seen = "It is timed."
        if exercise.movement is not None:
            seen = f"The camera sees {_lower(exercise.sees)} Not seen: {_lower(exercise.unseen)}"
        say(
            f'{words_of(exercise.aim)} (the article, "{exercise.source}"). {seen}',
            style="bright_black",
            highlight=False,
            soft_wrap=True,
        )
        say(exercise.stop, style="yellow", highlight=False, soft_wrap=True)

    def show(self, moment: CoachMoment, image_bgr: NDArray[np.uint8] | None) -> bool:
        """Show one moment over the mirrored picture.

        Returns:
            False once the person asked to stop in the window.
        """
        words, share = moment.words, moment.share
        if moment.reached is not None:
            self._bell()
        tally = f"{moment.count} / {moment.target} {moment.side}".strip() if moment.is_counting else ""
        if self.console.is_terminal:
            self.bar(f"{tally}  {words}", share)
        elif moment.reached is not None or words.rstrip("0123456789 s") != self._last_words.rstrip(
            "0123456789 s"
        ):
            self.console.print(f"{tally}  {words}".strip(), highlight=False, markup=False, soft_wrap=True)
            self._last_words = words
        if not self.has_window:
            return True
        picture = _picture(image_bgr)
        draw_banner(picture, words, share)
        if tally:
            draw_count(picture, self._exercise.title, tally)
        return self.paint(picture)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _picture(image_bgr: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The mirrored picture, large enough; a dark one if there is none."""
    if image_bgr is None:
        return np.full((*_BLANK_WH[::-1], 3), 40, np.uint8)
    mirrored = np.ascontiguousarray(image_bgr[:, ::-1])
    scale = _LEAST_HEIGHT_PX / mirrored.shape[0]
    if scale <= 1:
        return mirrored
    return np.asarray(cv2.resize(mirrored, None, fx=scale, fy=scale), np.uint8)
