"""Where frames come from."""

from posture_cam.source.camera import Camera, CameraGone, source_name
from posture_cam.source.cameras import (
    DeviceKind,
    camera_number,
    camera_users,
    device_name,
    kind_of_device,
    list_cameras,
)
from posture_cam.source.live import Device, LiveSource, open_device, paced
from posture_cam.source.motion import small_grey
from posture_cam.source.playback import PlayedFile
from posture_cam.source.prefetch import read_ahead
from posture_cam.source.video import Glimpse, VideoFile, shown_name

__all__ = [
    "Camera",
    "CameraGone",
    "Device",
    "DeviceKind",
    "Glimpse",
    "LiveSource",
    "PlayedFile",
    "VideoFile",
    "camera_number",
    "camera_users",
    "device_name",
    "kind_of_device",
    "list_cameras",
    "open_device",
    "paced",
    "read_ahead",
    "shown_name",
    "small_grey",
    "source_name",
]
