"""Commands to a live run as JSON Lines, and their answers (docs/formats.md describes them)."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from posture_cam.errors import UsageError
from posture_cam.ids import Command
from posture_cam.measures import levels_of
from posture_cam.outputs.live import LiveOutput
from posture_cam.outputs.screen.overlay import Overlay, Scene
from posture_cam.records import Neutral, Observation, Order

_JPEG_QUALITY = 80


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str | int | None = Field(None, description="returned with the answer")


class _Plain(_Line):
    command: Literal["pause", "resume", "still_fits", "quit"]


class _Snooze(_Line):
    command: Literal["snooze"]
    minutes: Annotated[float, Field(ge=0, le=1440)] | None = Field(
        None, description="0 ends it; left out: as the key s does"
    )


class _Silence(_Line):
    command: Literal["silence"]
    on: bool = Field(description="no alerts, as in a call, until it is off again")


class _Calibrate(_Line):
    command: Literal["calibrate"]
    replace: bool = Field(default=False, description="also where a neutral posture is stored")
    posture: Literal["sitting", "standing"] | None = Field(None, description="left out: as now")


class _Correct(_Line):
    command: Literal["correct"]
    label: Literal["good", "bad"]


class _Profile(_Line):
    command: Literal["profile"]
    name: Annotated[str, Field(max_length=64)]


class _Sensitivity(_Line):
    command: Literal["sensitivity"]
    level: Literal["relaxed", "normal", "strict"]
    fault: Annotated[str, Field(max_length=64)] | None = Field(None, description="left out: all faults")


class Preview(_Line):
    """A command for pictures."""

    command: Literal["preview"]
    rate_hz: Annotated[float, Field(ge=0, le=30)] = Field(description="pictures a second at most; 0 ends it")
    width_px: Annotated[int, Field(ge=64, le=1920)] = 640
    show: Literal["picture", "overlay", "skeleton"] = "overlay"


CommandLine = Annotated[
    _Plain | _Snooze | _Silence | _Calibrate | _Correct | _Profile | _Sensitivity | Preview,
    Field(discriminator="command"),
]
COMMAND_LINE: TypeAdapter[CommandLine] = TypeAdapter(CommandLine)
_PLAIN = {
    "pause": (Command.PAUSE, True),
    "resume": (Command.PAUSE, False),
    "still_fits": (Command.STILL_FITS, None),
    "quit": (Command.QUIT, None),
}
_LABELS = {"good": Command.SITS_WELL, "bad": Command.SLOUCHES}


class JsonOrders(LiveOutput):
    """Reads commands, one JSON object a line, and answers each with a line; a bad one is answered, too.

    Args:
        lines: Returns the lines received since the last call.
        send: Writes a line of a kind, at a time of the run, with its content.
        neutral: For the overlay of previews.
    """

    def __init__(
        self,
        lines: Callable[[], Iterable[str]],
        send: Callable[[str, float, dict[str, Any]], None],
        neutral: Neutral | None,
    ) -> None:
        self._lines, self._send = lines, send
        self._overlay = Overlay(neutral)
        self._preview: Preview | None = None
        self._shown_s = -math.inf
        self._now_s = 0.0

    def commands(self) -> tuple[Order, ...]:
        """The commands received since the last call."""
        orders = (order_of(line, self._answer, self._take) for line in self._lines() if line.strip())
        return tuple(order for order in orders if order is not None)

    def _answer(self, content: dict[str, Any]) -> None:
        self._send("answer", self._now_s, content)

    def _take(self, preview: Preview) -> None:
        self._preview = preview if preview.rate_hz > 0 else None

    def write(self, observation: Observation) -> None:
        """Send a picture, if one is due."""
        self._now_s = now_s = observation.assessment.timestamp_s
        preview = self._preview
        if preview is None or observation.frame is None or now_s - self._shown_s < 1.0 / preview.rate_hz:
            return
        self._shown_s = now_s
        image = _of_width(observation.frame.image_bgr, preview.width_px)
        if preview.show == "skeleton":
            image[:] = 0
        pose = observation.sample.pose
        if preview.show != "picture":
            scene = Scene(
                observation.measures,
                observation.assessment,
                None if pose is None else pose.landmarks[:, :2],
                None if pose is None else np.minimum(pose.visibility, pose.presence),
            )
            self._overlay.draw(image, scene)
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        height, width = image.shape[:2]
        content = {"width_px": width, "height_px": height, "jpeg": base64.b64encode(data.tobytes()).decode()}
        self._send("preview", now_s, content)

    def adopt(self, neutral: Neutral) -> None:
        """Show this posture as the ghost from now on."""
        self._overlay = Overlay(neutral)


def order_of(
    line: str,
    answer_with: Callable[[dict[str, Any]], None],
    show: Callable[[Preview], None] | None = None,
) -> Order | None:
    """The command of a line; None if there is nothing left to do.

    Args:
        line: A JSON object.
        answer_with: Called once with the answer: `id`, `command`, `done`, `message`.
        show: Takes a command for pictures; without it, such commands are refused.
    """
    try:
        given = COMMAND_LINE.validate_json(line)
    except ValidationError as error:
        number = _id_of(line)
        answer_with({"id": number, "command": None, "done": False, "message": _what_is_wrong(error)})
        return None

    def answer(is_done: bool, words: str) -> None:
        answer_with({"id": given.id, "command": given.command, "done": is_done, "message": words})

    match given:
        case _Plain():
            command, value = _PLAIN[given.command]
            return Order(command, value, answer)
        case _Snooze():
            return Order(Command.SNOOZE, given.minutes, answer)
        case _Silence():
            return Order(Command.SILENCE, given.on, answer)
        case _Calibrate():
            if given.posture is None:
                return Order(Command.CALIBRATE, given.replace, answer)
            return Order(Command.CALIBRATE, (given.posture, *["replace"][: given.replace]), answer)
        case _Correct():
            return Order(_LABELS[given.label], None, answer)
        case _Profile():
            return Order(Command.PROFILE, given.name, answer)
        case _Sensitivity():
            level = given.level if given.fault is None else f"{given.fault}={given.level}"
            try:
                levels_of((level,))
            except UsageError as error:
                answer(False, f"{error.message} {error.hint}")
                return None
            return Order(Command.SENSITIVITY, (level,), answer)
        case Preview():
            if show is not None:
                show(given)
            answer(
                show is not None, "" if show is not None else "Pictures go to the program that started it."
            )
    return None


def _id_of(line: str) -> str | int | None:
    """The id of a line that is no command, as far as it can be read."""
    try:
        number = json.loads(line)["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return number if isinstance(number, str | int) and not isinstance(number, bool) else None


def _of_width(image: NDArray[np.uint8], width_px: int) -> NDArray[np.uint8]:
    """A copy, no wider than asked for."""
    height, width = image.shape[:2]
    if width <= width_px:
        return image.copy()
    size = (width_px, max(round(height * width_px / width), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _what_is_wrong(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return f"{where}: {first['msg']}" if where else str(first["msg"])
