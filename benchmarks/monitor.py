"""How much work the monitor takes, against a loop that looks at every picture.

Both take turns in one run to watch the same MJPEG stream (720p, 30 pictures a second, made from a sample,
with the noise of a sensor), which a separate process serves.  CPU seconds per second of stream are compared,
without start-up.  Then an hour is simulated, and the memory at its start and at its end is compared.

    uv run python benchmarks/monitor.py [--seconds 20] [--rounds 2] [--hour] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
CLIP = ROOT / "samples" / "desk-monitor.mp4"
SIZE_WH, RATE_HZ = (1280, 720), 30.0
SETTLING_S = 3.0
NOISE = 6.0
HOUR_S = 3600.0


def pictures(kind: str) -> list[NDArray[np.uint8]]:
    """Ten seconds of a moving person, or one picture of a still person repeated, each with fresh noise."""
    capture = cv2.VideoCapture(str(CLIP))
    capture.set(cv2.CAP_PROP_POS_MSEC, 8000.0)  # from here on the person bends and comes back
    clean: list[NDArray[np.uint8]] = []
    while len(clean) < (1 if kind == "still" else 200):
        got, image = capture.read()
        assert got
        clean.append(cv2.resize(image, SIZE_WH, interpolation=cv2.INTER_CUBIC).astype(np.uint8))
    capture.release()
    noise = np.random.default_rng(1)
    if kind == "still":
        clean *= 60
    return [
        np.clip(image + noise.normal(0.0, NOISE, image.shape), 0, 255).astype(np.uint8) for image in clean
    ]


def serve(kind: str) -> None:
    """Serve the pictures over and over, forwards and backwards, and print the port."""
    jpegs = [
        cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes() for image in pictures(kind)
    ]
    order = [*jpegs, *reversed(jpegs)]
    repeat = 1 if kind == "still" else 3  # the sample shows ten pictures a second

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            started_s, sent = time.monotonic(), 0
            try:
                while True:
                    jpeg = order[sent // repeat % len(order)]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    sent += 1
                    time.sleep(max(0.0, started_s + sent / RATE_HZ - time.monotonic()))
            except OSError:
                pass

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def naive(url: str, seconds: float) -> dict[str, float]:
    """Read and look at every picture, as a simple program does."""
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    model = ROOT / "models" / "pose_landmarker_full.task"
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)), running_mode=vision.RunningMode.VIDEO
    )
    capture = cv2.VideoCapture(url)
    looks = 0
    first_s: float | None = None
    start: tuple[float, float] | None = None
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        while True:
            got, image = capture.read()
            assert got
            now_s = time.monotonic()
            first_s = now_s if first_s is None else first_s
            rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            landmarker.detect_for_video(
                mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb), round(1000 * (now_s - first_s))
            )
            looks += start is not None
            if start is None and now_s - first_s >= SETTLING_S:
                start = (now_s, time.process_time())
            if start is not None and now_s - start[0] >= seconds:
                return _measured(start, now_s, looks)


def ours(url: str, seconds: float) -> dict[str, float]:
    """The monitor, without a window."""
    from posture_cam.outputs.live import LiveOutput
    from posture_cam.records import Observation
    from posture_cam.session.monitor import MonitorRequest, monitor
    from posture_cam.settings import load_settings

    class Meter(LiveOutput):
        start: tuple[float, float] | None = None
        end: dict[str, float] | None = None
        looks = reused = 0
        worst_latency_s = 0.0

        def write(self, observation: Observation) -> None:
            now_s = time.monotonic()
            if self.start is not None:
                self.looks += 1
                self.reused += observation.sample.is_reused
                self.worst_latency_s = max(self.worst_latency_s, observation.latency_s or 0.0)
                if now_s - self.start[0] >= seconds and self.end is None:
                    self.end = _measured(self.start, now_s, self.looks)
            elif observation.assessment.timestamp_s >= SETTLING_S + 5.0:  # the reference posture is taken
                self.start = (now_s, time.process_time())

    meter = Meter()
    request = MonitorRequest(url, datetime.now(UTC))
    monitor(request, load_settings(), [meter], should_stop=lambda: meter.end is not None)
    assert meter.end is not None
    return meter.end | {"reused": float(meter.reused), "worst_latency_s": meter.worst_latency_s}


def _measured(start: tuple[float, float], now_s: float, looks: int) -> dict[str, float]:
    wall_s = now_s - start[0]
    return {"cpu_share": (time.process_time() - start[1]) / wall_s, "looks_hz": looks / wall_s}


def hour() -> dict[str, float]:
    """Memory at ten minutes and at the end of a simulated hour, one minute in six of it moving."""
    from posture_cam.outputs.live import LiveOutput
    from posture_cam.records import Frame, Observation, SourceEvent, SourceInfo
    from posture_cam.session.monitor import MonitorRequest, monitor
    from posture_cam.settings import load_settings

    still, moving = pictures("still"), pictures("moving")

    class Hour:
        info = SourceInfo("simulated hour", *SIZE_WH, RATE_HZ, None)
        now_s = 0.0

        def take(self, due_s: float, timeout_s: float) -> Frame | SourceEvent | None:
            self.now_s = round(max(due_s, self.now_s + 1 / RATE_HZ) * RATE_HZ) / RATE_HZ
            if self.now_s >= HOUR_S:
                return SourceEvent(self.now_s, None, "The hour is over.", self.now_s, is_end=True)
            index = round(self.now_s * RATE_HZ)
            chosen = moving if self.now_s // 60 % 6 == 5 else still
            return Frame(index, self.now_s, chosen[index // 3 % len(chosen)])

        def pause(self) -> None: ...
        def resume(self) -> None: ...
        def __enter__(self) -> Hour:
            return self

        def __exit__(self, *_: object) -> None: ...

    class Meter(LiveOutput):
        early_mb = late_mb = 0.0

        def write(self, observation: Observation) -> None:
            now_s = observation.assessment.timestamp_s
            if now_s >= 600.0 and not self.early_mb:
                self.early_mb = _memory_mb()
            if int(now_s) % 60 == 0:
                self.late_mb = _memory_mb()

    meter = Meter()
    monitor(MonitorRequest(0, datetime.now(UTC)), load_settings(), [meter], source=Hour())
    return {"at_10_min_mb": meter.early_mb, "at_60_min_mb": meter.late_mb}


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def _child(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _served(kind: str) -> Iterator[str]:
    with subprocess.Popen([sys.executable, __file__, "--serve", kind], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/stream.mjpg"
        finally:
            server.kill()


def main() -> None:
    """Measure, and print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--hour", action="store_true", help="simulate an hour too; takes some minutes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return
    if given.child:
        what, url = given.child
        measured = hour() if what == "hour" else (naive if what == "naive" else ours)(url, given.seconds)
        print(json.dumps(measured))
        return
    result: dict[str, Any] = {"processors": os.cpu_count(), "seconds": given.seconds, "rounds": given.rounds}
    for kind in ("still", "moving"):
        loops: dict[str, list[dict[str, float]]] = {"naive": [], "ours": []}
        for url in _served(kind):
            for _ in range(given.rounds):
                for name, of in loops.items():
                    of.append(_child("--child", name, url, "--seconds", str(given.seconds)))
        shares = {
            name: float(np.mean([one["cpu_share"] for one in measured])) for name, measured in loops.items()
        }
        result[kind] = loops | {"ratio": shares["ours"] / shares["naive"]}
    if given.hour:
        result["hour"] = _child("--child", "hour", "-")
    if given.json:
        print(json.dumps(result, indent=2))
        return
    for kind in ("still", "moving"):
        one = result[kind]
        cpu = {name: 100 * float(np.mean([m["cpu_share"] for m in one[name]])) for name in ("naive", "ours")}
        looks = {name: float(np.mean([m["looks_hz"] for m in one[name]])) for name in ("naive", "ours")}
        print(
            f"{kind:7} naive {cpu['naive']:.1f} % of a processor at {looks['naive']:.1f} looks a second, "
            f"monitor {cpu['ours']:.1f} % at {looks['ours']:.1f}: {100 * one['ratio']:.1f} %; "
            f"latency up to {max(m['worst_latency_s'] for m in one['ours']):.2f} s"
        )
    if "hour" in result:
        print(
            "hour    {at_10_min_mb:.0f} MB after 10 min, {at_60_min_mb:.0f} MB after 60 min".format(
                **result["hour"]
            )
        )


if __name__ == "__main__":
    main()
