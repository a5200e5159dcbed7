"""Where frames come from."""

from posture_cam.source.video import VideoFile

__all__ = ["VideoFile"]
