"""Where frames come from."""

from posture_cam.source.camera import Camera
from posture_cam.source.video import VideoFile

__all__ = ["Camera", "VideoFile"]
