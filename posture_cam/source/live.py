"""A live source that looks after itself: it gives the newest picture on demand, or reports why there is none.

A separate thread reads the device, so that slow work elsewhere never makes pictures queue; only requested
pictures are decoded.  A failure is reported as an event and retried with growing pauses until it is over.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from posture_cam.closing import Closing
from posture_cam.errors import SourceError
from posture_cam.ids import Reason
from posture_cam.records import Frame, SourceEvent, SourceInfo
from posture_cam.settings import LiveSettings
from posture_cam.source.camera import Camera, CameraGone, gone
from posture_cam.source.clock import steady_clock
from posture_cam.source.stream import NetworkStream, PictureRefused
from posture_cam.words import duration_words, sentence

# Chosen. Waits are cut into slices so that the end of a run is noticed at once; every tenth pixel is enough
# to recognise a black or frozen picture.
_SLICE_S = 0.25
_LOOK_AT_EVERY_PX = 10
_TROUBLED_LOOK_EVERY_S = 0.5
_JOIN_S = 1.0
# Damaged pictures in a row after which a device counts as gone.
_MOST_DAMAGED = 30


class Device(Protocol):
    """A device that gives pictures as they arrive."""

    can_freeze: bool

    @property
    def info(self) -> SourceInfo:
        """The properties of the device."""

    def grab(self) -> bool:
        """Wait for the next picture; False once there are no more."""

    def retrieve(self) -> NDArray[np.uint8] | None:
        """The picture grabbed last."""

    def close(self) -> None:
        """Release the device."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


def open_device(spec: int | str) -> Device:
    """A camera by its number, or a stream by its address.

    Raises:
        CameraGone: It cannot be opened.
    """
    return Camera(spec) if isinstance(spec, int) else NetworkStream(spec)


def paced(device: Device, rate_hz: float, clock: Callable[[], float] = time.monotonic) -> Iterator[Frame]:
    """Pictures of a device at the rate asked for, until the reader stops.

    Time is counted from the first picture, by a clock that cannot be set.  Pictures in between are grabbed
    but not decoded, so that each picture yielded is new.

    Raises:
        CameraGone: The camera or the stream has gone.
        PictureRefused: Its pictures have a size that cannot be used.
    """
    started_s: float | None = None
    due_s, failures, index = 0.0, 0, 0
    while failures < _MOST_DAMAGED and device.grab():
        now_s = clock()
        started_s = now_s if started_s is None else started_s
        time_s = now_s - started_s
        index += 1
        if time_s < due_s - 1e-6:
            continue
        image = device.retrieve()
        if image is None:
            failures += 1
            continue
        failures = 0
        due_s = max(due_s + 1.0 / rate_hz, time_s)
        yield Frame(index - 1, time_s, image)
    raise gone(device.info.name)


class LiveSource(Closing):
    """The newest picture of a camera or stream, on demand; a context manager that always releases the device.

    Args:
        opener: Opens the device; called again after it was lost.
        settings: The limits from which something counts as trouble.
        name: The device's name until it reports its own.
        clock: Seconds; timestamps count from when the source was opened.
        users: Other programs that have the device open, name by process, checked every few seconds.  Programs
            that had it open while it gave pictures to us feed it (virtual cameras), or can share it.

    Raises:
        CameraGone: The device cannot be opened at once, and not because it is busy.
    """

    def __init__(
        self,
        opener: Callable[[], Device],
        settings: LiveSettings,
        *,
        name: str = "camera",
        clock: Callable[[], float] = steady_clock,
        users: Callable[[], dict[int, str]] = dict,
    ) -> None:
        self._opener, self._settings, self._clock, self._users = opener, settings, clock, users
        self._start_s = clock()
        self._device: Device | None = None
        self._info = SourceInfo(name, 0, 0, None, None, is_live=True)
        self._lock = threading.Condition()
        self._frame: Frame | None = None
        self._events: deque[SourceEvent] = deque()
        self._trouble: Reason | None = None
        self._trouble_since_s = 0.0
        self._due_s: float | None = None
        self._grabbed_s = 0.0
        self._grabbed = 0
        self._looked_s = 0.0
        self._black_since_s: float | None = None
        self._same_since_s: float | None = None
        self._last_look: bytes | None = None
        self._users_looked_s = -self._settings.users_every_s  # at the first picture
        self._known_users: set[int] | None = None
        self._awake_s: float | None = None
        self._is_closing = self._is_paused = self._must_reopen = False
        self._said = ""
        self._failed_at_first: list[CameraGone] = []
        self._has_opened = threading.Event()
        self._thread = threading.Thread(target=self._read, name="camera", daemon=True)
        self._thread.start()
        # Opening a camera may hang; the user is told soon, and can quit.
        if not self._has_opened.wait(settings.first_word_s):
            with self._lock:
                self._enter(Reason.CAMERA_GONE, f"{self._title} has sent no picture yet; waiting for it.")
        if self._failed_at_first:
            raise self._failed_at_first[0]

    @property
    def info(self) -> SourceInfo:
        """The properties of the device."""
        return self._info

    @property
    def _title(self) -> str:
        """The name at the start of a sentence; an address stays as it is."""
        return self._info.name if "://" in self._info.name else sentence(self._info.name)

    @property
    def now_s(self) -> float:
        """The time on the source's clock."""
        return self._clock() - self._start_s

    def take(self, due_s: float, timeout_s: float) -> Frame | SourceEvent | None:
        """The next event, else the first picture from `due_s` on; None if neither comes in time.

        Args:
            due_s: A time on the source's clock.
            timeout_s: The longest time to wait.
        """
        end_s = self.now_s + timeout_s
        with self._lock:
            self._look_at_clock()
            while True:
                if self._events:
                    return self._events.popleft()
                if self._frame is not None:
                    frame, self._frame = self._frame, None
                    if frame.timestamp_s >= due_s - 1e-6:
                        return frame
                now_s = self.now_s
                if now_s >= end_s:
                    return None
                self._due_s = due_s
                self._lock.wait(min(_SLICE_S, end_s - now_s))
                self._look_at_clock()

    def pause(self) -> None:
        """Release the camera until `resume`."""
        with self._lock:
            self._is_paused, self._must_reopen, self._frame = True, True, None
            self._trouble = None
            self._events.clear()
            self._lock.notify_all()

    def resume(self) -> None:
        """Open the camera again."""
        with self._lock:
            self._is_paused = False
            self._awake_s = self._grabbed_s = self.now_s
            self._lock.notify_all()

    def _look_at_clock(self) -> None:
        """Detect that the computer slept, and that no pictures arrive although nothing failed."""
        now_s = self.now_s
        before_s, self._awake_s = self._awake_s, now_s
        if before_s is None:  # the first call; loading the model took time
            self._grabbed_s = max(self._grabbed_s, now_s) if self._device is not None else self._grabbed_s
            return
        if now_s - before_s > self._settings.asleep_after_s:
            words = f"The computer slept for {duration_words(now_s - before_s)}; going on."
            self._events.append(SourceEvent(now_s, Reason.ASLEEP, words, before_s, now_s))
            self._grabbed_s, self._must_reopen, self._frame = now_s, True, None
            return
        waited_s = now_s - self._grabbed_s
        if not self._is_paused and self._trouble is None and waited_s > self._settings.stalled_after_s:
            self._enter(Reason.CAMERA_GONE, f"{self._info.name} gives no pictures; waiting for it.")

    # The methods below run in the thread, or under the lock.

    def _read(self) -> None:
        pause_s = self._settings.retry_s
        try:
            self._open_first()
            while not self._is_closing:
                pause_s = self._read_once(pause_s)
        finally:
            self._has_opened.set()
            self._let_go()

    def _open_first(self) -> None:
        """Open the device for the first time; an immediate failure is raised in the constructor."""
        began_s = self.now_s
        try:
            device = self._opener()
            with self._lock:
                self._adopt(device)
        except CameraGone as error:
            if error.reason != Reason.CAMERA_BUSY and self.now_s - began_s < self._settings.first_word_s:
                self._failed_at_first.append(error)
                self._is_closing = True
                return
            with self._lock:
                self._enter(error.reason, f"{error.message} Waiting for it.")
        except Exception:  # drivers and decoders fail in many ways; opening is tried again
            with self._lock:
                self._enter(Reason.CAMERA_GONE, f"{self._title} cannot be read. Waiting for it.")
        finally:
            self._has_opened.set()

    def _read_once(self, pause_s: float) -> float:
        """Open and read the device until something happens; return the pause after the next failure."""
        if self._is_paused:
            self._let_go()
            self._wait(_SLICE_S)
            return pause_s
        try:
            if self._device is None:
                device = self._opener()
                with self._lock:
                    self._adopt(device)
            if self._serve():
                pause_s = self._settings.retry_s
            self._let_go()
        except Exception as error:  # drivers and decoders fail in many ways; the run goes on
            self._let_go()
            is_ours = isinstance(error, SourceError)
            reason = error.reason if isinstance(error, CameraGone) else Reason.CAMERA_GONE
            words = str(error) if is_ours else f"{self._title} cannot be read."
            with self._lock:
                is_news = isinstance(error, CameraGone) and bool(error.why)
                self._enter(reason, f"{words} Waiting for it.", is_news=is_news)
            self._wait(pause_s)
            return min(2 * pause_s, self._settings.retry_max_s)
        return pause_s

    def _serve(self) -> bool:
        """Read the device until it is lost, or no longer wanted; True if it gave pictures."""
        device, count = self._device, 0
        assert device is not None
        while not (self._is_closing or self._is_paused or self._must_reopen):
            if not device.grab():
                with self._lock:
                    if not (self._is_closing or self._is_paused):
                        self._enter(Reason.CAMERA_GONE, f"{gone(self._info.name).message} Waiting for it.")
                        self._lock.wait(self._settings.retry_s)
                return count > 0
            count += 1
            now_s = self.now_s
            with self._lock:
                self._grabbed += 1
                is_due = self._due_s is not None and now_s >= self._due_s - 1e-6
                # A covered camera gives pictures all day; whether they are good again may wait a moment.
                is_rested = now_s - self._looked_s >= _TROUBLED_LOOK_EVERY_S
                is_wanted = is_due if self._trouble is None else is_rested
                if is_wanted:
                    self._looked_s = now_s
                elif self._trouble is None:
                    self._grabbed_s = now_s
            if is_wanted:
                self._take_picture(device, now_s)
            if now_s - self._users_looked_s >= self._settings.users_every_s and self._is_shared(now_s):
                return True
        return count > 0

    def _take_picture(self, device: Device, now_s: float) -> None:
        try:
            image = device.retrieve()
        except PictureRefused as error:
            with self._lock:
                self._enter(Reason.CAMERA_GONE, f"{error.message} Waiting for others.", is_news=True)
            return
        if image is not None:
            with self._lock:
                self._grabbed_s = now_s
                self._judge(image, now_s, can_freeze=device.can_freeze)

    def _is_shared(self, now_s: float) -> bool:
        """Release the camera while another program wants it."""
        self._users_looked_s = now_s
        now = self._users()
        if self._known_users is None:
            self._known_users = set(now)
        names = [now[process] for process in now if process not in self._known_users]
        if not names:
            return False
        with self._lock:
            self._enter(
                Reason.CAMERA_BUSY,
                f"{self._title} is wanted by {names[0]}; paused until it is free.",
            )
        self._let_go()
        while set(self._users()) - self._known_users and not (self._is_closing or self._is_paused):
            self._wait(self._settings.users_every_s)
        return True

    def _judge(self, image: NDArray[np.uint8], now_s: float, *, can_freeze: bool) -> None:
        """Hand a picture on, unless it is black or frozen."""
        look = np.ascontiguousarray(image[::_LOOK_AT_EVERY_PX, ::_LOOK_AT_EVERY_PX])
        # A dark room still shows noise and shapes; a shutter or a lid does not.
        is_black = look.mean() < self._settings.black_below and look.std() < self._settings.black_below / 2
        self._black_since_s = (self._black_since_s or now_s) if is_black else None
        content = look.tobytes()
        is_same = can_freeze and not is_black and content == self._last_look
        self._same_since_s = (self._same_since_s or now_s) if is_same else None
        self._last_look = content
        if self._is_over(self._black_since_s, now_s, self._settings.black_after_s):
            self._enter(
                Reason.BLACK,
                f"The picture of {self._info.name} is black: is its shutter or the lid closed?",
                self._black_since_s,
            )
        elif self._is_over(self._same_since_s, now_s, self._settings.frozen_after_s):
            self._enter(
                Reason.FROZEN,
                f"{self._title} repeats one picture: it is frozen. Waiting.",
                self._same_since_s,
            )
        elif self._trouble is not None and (is_black or is_same):
            return  # not good again yet
        else:
            self._leave(now_s)
            self._frame, self._due_s = Frame(self._grabbed - 1, now_s, image), None
            self._lock.notify_all()

    @staticmethod
    def _is_over(since_s: float | None, now_s: float, limit_s: float) -> bool:
        return since_s is not None and now_s - since_s >= limit_s

    def _enter(
        self, reason: Reason, message: str, since_s: float | None = None, *, is_news: bool = False
    ) -> None:
        """Report a trouble once, and again when more is known about it."""
        is_told = self._trouble == reason and (message == self._said or not is_news)
        if is_told or self._is_paused:
            return
        self._said = message
        now_s = self.now_s
        if self._trouble is None:
            self._trouble_since_s = now_s if since_s is None else since_s
            if reason == Reason.CAMERA_GONE:
                self._trouble_since_s = min(now_s, self._grabbed_s)
        self._trouble, self._frame = reason, None
        self._events.append(SourceEvent(now_s, reason, message, self._trouble_since_s))
        self._lock.notify_all()

    def _leave(self, now_s: float) -> None:
        if self._trouble is None:
            return
        lasted = duration_words(now_s - self._trouble_since_s)
        self._events.append(
            SourceEvent(
                now_s,
                None,
                f"{self._title} gives pictures again after {lasted}.",
                self._trouble_since_s,
                now_s,
            )
        )
        self._trouble, self._said = None, ""

    def _adopt(self, device: Device) -> None:
        self._device, self._info = device, device.info
        self._grabbed_s, self._must_reopen = self.now_s, self._is_paused
        self._black_since_s = self._same_since_s = self._last_look = None

    def _let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _wait(self, seconds: float) -> None:
        with self._lock:
            self._lock.wait_for(lambda: self._is_closing, seconds)

    def close(self) -> None:
        """Stop the thread and release the device."""
        with self._lock:
            self._is_closing = True
            self._lock.notify_all()
        self._thread.join(_JOIN_S)
        if self._thread.is_alive() and isinstance(device := self._device, NetworkStream):
            device.close()  # wakes its reader
            self._thread.join(_JOIN_S)
        # A camera that hangs in its driver is released by the thread, or by the end of the process.
