"""OpenCV and PyAV, loaded in the one order in which both work.

Both bring libraries of their own.  Where PyAV is loaded first, the first window of OpenCV never opens, and
the process answers to no signal any more.  So every module takes PyAV from here; a contract holds this.
"""

from __future__ import annotations

import os

# FFmpeg inside OpenCV talks on its own; this is read when cv2 loads.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")

import cv2  # isort: skip
import av  # isort: skip

av.logging.set_level(None)  # FFmpeg's words are for those who build on it

__all__ = ["av", "cv2"]
