"""OpenCV and PyAV, loaded in the only order in which both work.

Both bring libraries of their own.  If PyAV is loaded first, OpenCV's first window never opens, and the
process no longer reacts to any signal.  So every module takes PyAV from here; an import contract checks this.
"""

from __future__ import annotations

import os

# Silences the FFmpeg inside OpenCV; read when cv2 loads.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")

import cv2  # isort: skip
import av  # isort: skip
from av.codec.hwaccel import HWAccel, hwdevices_available  # isort: skip

av.logging.set_level(None)  # FFmpeg's messages are meant for developers

__all__ = ["HWAccel", "av", "cv2", "hwdevices_available"]
