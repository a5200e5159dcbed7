"""The window of a live run: the mirrored person, the measurements, and what helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from posture_cam.care.tips import TipRotation
from posture_cam.ids import Command, Reason, State
from posture_cam.outputs.keys import KEY_WORDS, KEYS, QUESTION_KEYS
from posture_cam.outputs.live import LiveOutput
from posture_cam.outputs.screen.overlay import Overlay, Scene, draw_banner, mirrored
from posture_cam.outputs.screen.picture_window import PictureWindow
from posture_cam.records import Alert, Assessment, Frame, Neutral, Observation, SourceEvent, Tip

TITLE = "posture_cam"
ALERT_SHOWN_S = 20.0
_KEYS_BELOW = 128
WORDS_SHOWN_S = 8.0
# Larger pictures are scaled down, because drawing on them would cost more than judging them.
_MAX_WIDTH_PX = 960
_BLANK_WH = (640, 360)


class Window(LiveOutput):
    """Shows each look; its keys are commands.

    Args:
        neutral: Drawn as the ghost.
        clock: The time in seconds, for how long a sentence stays.
        allows: Whether a tip may be given to this person.
    """

    def __init__(
        self,
        neutral: Neutral | None,
        clock: Callable[[], float],
        allows: Callable[[Tip], bool] = lambda _tip: True,
    ) -> None:
        self._overlay = Overlay(neutral, is_mirrored=True)
        self._clock = clock
        self._window = PictureWindow(TITLE)
        self._alert: Alert | None = None
        self._tips, self._tip = TipRotation(allows), None
        self._words, self._words_until_s = "", 0.0
        self._picture: NDArray[np.uint8] = np.full((*_BLANK_WH[::-1], 3), 40, np.uint8)
        self._shows_help = False
        self._was_shown = False

    _tip: Tip | None

    def write(self, observation: Observation) -> None:
        """Draw the picture and what was measured on it."""
        if observation.frame is None:
            return
        assessment = observation.assessment
        self._follow(observation)
        image = _mirror(observation.frame.image_bgr)
        pose = observation.sample.pose
        # One thing at a time.
        is_talking = self._shows_help or (bool(self._words) and self._clock() < self._words_until_s)
        scene = Scene(
            observation.measures,
            assessment,
            mirrored(pose.landmarks[:, :2]) if pose is not None else None,
            np.minimum(pose.visibility, pose.presence) if pose is not None else None,
            None if is_talking else self._tip,
            None if is_talking else self._alert,
            shows_coverage=self._shows_help,
            keys=QUESTION_KEYS,
        )
        self._overlay.draw(image, scene)
        self._show(image)

    def tell(self, event: SourceEvent) -> None:
        """Show the event over the last picture, or over a blank one while the source gives none."""
        stays = event.trouble is not None and event.until_s is None and event.trouble != Reason.CAMERA_MOVED
        self._say(event.message, None if stays else WORDS_SHOWN_S)
        if stays:
            self._show(np.full_like(self._picture, 40))

    def say(self, words: str, share: float | None = None, frame: Frame | None = None) -> None:
        """Show a sentence; during a calibration with the picture and the progress."""
        if share is None:
            self._say(words, WORDS_SHOWN_S)
            if not self._was_shown:
                self._show(self._picture)
            return
        image = _mirror(frame.image_bgr) if frame is not None else self._picture.copy()
        draw_banner(image, words, share)
        self._words = ""
        self._show(image)

    def adopt(self, neutral: Neutral) -> None:
        """Show this posture as the ghost from now on."""
        self._overlay = Overlay(neutral, is_mirrored=True)
        self._alert = None

    def commands(self) -> tuple[Command, ...]:
        """Keys pressed in the window; closing it quits."""
        given: list[Command] = []
        while (key := self._window.key()) >= 0:
            command = KEYS.get(chr(key)) if key < _KEYS_BELOW else None  # above are keys without a letter
            if command == Command.HELP:
                self._shows_help = not self._shows_help
            elif command is not None:
                given.append(command)
        if not self._window.look():
            given.append(Command.QUIT)
        return tuple(given)

    def _follow(self, observation: Observation) -> None:
        """Keep one tip while the person sits badly, and an alert for a while or until it is answered."""
        assessment: Assessment = observation.assessment
        if assessment.state not in (State.FAIR, State.POOR):
            self._tip = None
        elif self._tip is None and assessment.findings:
            self._tip = self._tips.next(assessment.findings[0].measure)
        if observation.alert is not None:
            self._alert, self._tip = observation.alert, observation.alert.tip
        elif observation.corrected is not None or (
            self._alert is not None and assessment.timestamp_s - self._alert.timestamp_s > ALERT_SHOWN_S
        ):
            self._alert = None

    def _say(self, words: str, for_s: float | None) -> None:
        self._words = words
        self._words_until_s = float("inf") if for_s is None else self._clock() + for_s

    def _show(self, image: NDArray[np.uint8]) -> None:
        self._picture = image
        if self._shows_help:
            image = image.copy()
            draw_banner(image, KEY_WORDS, 0.0)
        elif self._words and self._clock() < self._words_until_s:
            image = image.copy()
            draw_banner(image, self._words, 0.0)
        self._window.show(image)
        self._was_shown = True

    def __enter__(self) -> Self:
        self._window.open()
        return self

    def close(self) -> None:
        """Close the window."""
        self._window.close()


def _mirror(image_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mirrored picture, no larger than needed."""
    scale = _MAX_WIDTH_PX / image_bgr.shape[1]
    if scale < 1:
        image_bgr = cv2.resize(image_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
    return np.ascontiguousarray(image_bgr[:, ::-1])
