"""A soft tone for an alert, where the user asked for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from posture_cam.outputs.live import LiveOutput, once
from posture_cam.records import FloatArray, Observation

_RATE_HZ = 44_100
_LASTS_S = 0.35
_NOTES_HZ = (523.25, 659.25)  # c'' and e''
_LOUDNESS = 0.15


class Sound(LiveOutput):
    """Plays a tone through sounddevice (extra `sound`); without it or PortAudio, rings the terminal's bell.

    Args:
        say: Receives one message if there is no sound.
        bell: Rings the terminal's bell.
    """

    def __init__(self, say: Callable[[str], None], bell: Callable[[], None]) -> None:
        self._say, self._bell = once(say), bell

    def write(self, observation: Observation) -> None:
        """Play the tone for an alert."""
        if observation.alert is None:
            return
        try:
            import sounddevice

            sounddevice.play(tone(), _RATE_HZ)
        except Exception as error:  # no extra, no PortAudio, no device: each fails in its own way
            reason = "pip install sounddevice"
            if not isinstance(error, ImportError):
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            self._say(f"No sound ({reason}); the terminal's bell instead.")
            self._bell()


def tone() -> FloatArray:
    """Two soft notes that fade in and out, (samples,), -1 to 1."""
    time_s = np.arange(round(_RATE_HZ * _LASTS_S)) / _RATE_HZ
    fade = np.minimum(1.0, np.minimum(time_s, _LASTS_S - time_s) / 0.05)
    notes = [np.sin(2 * np.pi * note * time_s) for note in _NOTES_HZ]
    return np.asarray(
        _LOUDNESS * fade * np.concatenate([notes[0][: len(fade) // 2], notes[1][len(fade) // 2 :]])
    )
