"""How fast a recording is analysed, against a loop that looks at every picture, start-up counted.

The recordings are made here: each sample at 1280 x 720, 30 pictures a second, with a sensor's noise, as
H.264.  Both contenders work on the same file in turns, each as a command of its own, on one processor and
on two.

    uv run python benchmarks/speed.py [--minutes 1 5] [--rounds 3] [--samples NAME ...] [--keys-s 1]
                                      [--states] [--long] [--day] [--write-docs]

All of it takes about an hour.  --states compares time per state with looking at every picture, and both with
what was rendered, for each sample with several noises (half an hour more); --long the memory of ten minutes
with that of two hours (five minutes more); --day analyses eight hours.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("GLOG_minloglevel", "3")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does
SIZE_WH, RATE_HZ = (1280, 720), 30
NOISE = 4.0
SAMPLES = ("desk-side", "desk-laptop", "desk-monitor", "desk-oblique")
CONTENDERS = ("naive", "ours")
FIRST_SEEDS = (0, 100, 200)  # of the noises used to compare time per state
MARK, README_MARK = "<!-- speed -->", "<!-- worst -->"


def make_recording(
    sample: str, target: Path, minutes: float, first_seed: int = 0, keys_s: float = 250 / 30
) -> None:
    """The sample over and over, forwards and backwards, larger, smoother and with fresh noise."""
    import av
    import cv2
    import numpy as np

    capture = cv2.VideoCapture(str(ROOT / "samples" / f"{sample}.mp4"))
    own_rate_hz = capture.get(cv2.CAP_PROP_FPS)
    images = []
    while (read := capture.read())[0]:
        images.append(np.asarray(read[1], np.uint8))
    capture.release()
    order = [*images, *reversed(images)]
    shape = (*SIZE_WH[::-1], 3)
    seeds = range(first_seed, first_seed + 8)
    noise = [np.random.default_rng(seed).normal(0.0, NOISE, shape).astype(np.int16) for seed in seeds]
    container: Any = av.open(str(target), "w")
    stream = container.add_stream("libx264", rate=RATE_HZ)
    stream.width, stream.height = SIZE_WH
    stream.pix_fmt = "yuv420p"
    stream.options = {"preset": "veryfast", "crf": "23", "g": str(round(keys_s * RATE_HZ))}
    for number in range(round(minutes * 60 * RATE_HZ)):
        place = number / RATE_HZ * own_rate_hz
        first, share = int(place), place - int(place)
        image = cv2.addWeighted(
            order[first % len(order)], 1.0 - share, order[(first + 1) % len(order)], share, 0.0
        )
        noisy = cv2.add(cv2.resize(image, SIZE_WH), noise[number % len(noise)], dtype=cv2.CV_8U)
        frame = av.VideoFrame.from_ndarray(np.asarray(noisy, np.uint8), format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, RATE_HZ)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    container.close()


def repeat(path: Path, target: Path, times: int) -> None:
    """Repeat a recording without encoding it again."""
    import av

    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = source.streams.video[0]
        copy = container.add_stream_from_template(stream)
        assert stream.duration is not None
        for number in range(times):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts += number * stream.duration
                packet.dts += number * stream.duration
                packet.stream = copy
                container.mux(packet)


def naive(path: Path) -> None:
    """Read every picture with OpenCV, and look at all of them, as a simple program does."""
    import cv2
    import mediapipe as mp
    from mediapipe.tasks.python import BaseOptions, vision

    model = ROOT / "models" / "pose_landmarker_full.task"
    options = vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(model)), running_mode=vision.RunningMode.VIDEO
    )
    capture = cv2.VideoCapture(str(path))
    number = 0
    with vision.PoseLandmarker.create_from_options(options) as landmarker:
        while (read := capture.read())[0]:
            rgb = cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
            landmarker.detect_for_video(
                mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb), round(1000 * number / RATE_HZ)
            )
            number += 1


def neck_truth(sample: str) -> tuple[list[float], float]:
    """Neck inclination against neutral in each picture of a sample, forwards and backwards; its rate."""
    with (ROOT / "samples" / f"{sample}.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    neutral = [float(row["neck_inclination"]) for row in rows if row["label"] == "neutral"]
    middle = statistics.fmean(neutral)
    there = [float(row["neck_inclination"]) - middle for row in rows]
    return [*there, *reversed(there)], (len(rows) - 1) / float(rows[-1]["t"])


def ours(path: Path, *, every_frame: bool = False, sample: str | None = None) -> dict[str, float]:
    """The analysis, as `posture-cam analyze` does it; `own_s` is work outside decoding and the model.

    If the rendered sample is given, the error of neck inclination is returned too (root mean square).

    Decoding and MediaPipe have their own threads.  Our own work is the work of the main thread and of the
    threads of the recording's parts, except calls of MediaPipe and of the angle estimator's networks, opening
    the recording, and making a picture's colours.  The small pictures of the reading threads count as ours.
    """
    import posture_cam.session.parts
    import posture_cam.source.video
    from posture_cam.geometry.estimator import Network
    from posture_cam.ids import Measure
    from posture_cam.pose.landmarker import PoseLandmarker
    from posture_cam.records import Observation
    from posture_cam.session.analysis import AnalysisRequest, analyze
    from posture_cam.source import Glimpse, VideoFile

    posture_cam.session.parts.share_memory()  # as the command line does
    lock = threading.Lock()
    spent_s = {"not ours": 0.0, "small pictures": 0.0, "parts": 0.0}

    def timed(function: Callable[..., Any], kind: str = "not ours") -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            before_s = time.thread_time()
            try:
                return function(*arguments, **options)
            finally:
                passed_s = time.thread_time() - before_s
                with lock:
                    spent_s[kind] += passed_s

        return call

    video: Any = posture_cam.source.video
    video.small_grey = timed(video.small_grey, "small pictures")
    part: Any = posture_cam.session.parts._Part
    part._look_on = timed(part._look_on, "parts")
    for name in ("__init__", "estimate", "__exit__"):
        setattr(PoseLandmarker, name, timed(getattr(PoseLandmarker, name)))
    for owner, name in ((Glimpse, "frame"), (VideoFile, "__init__"), (VideoFile, "starts"), (Network, "run")):
        setattr(owner, name, timed(getattr(owner, name)))
    truth, own_rate_hz = neck_truth(sample) if sample is not None else ([], 0.0)
    squares: list[float] = []

    def compare(observation: Observation) -> None:
        found = observation.measures.values.get(Measure.NECK_INCLINATION_CHANGE)
        if found is not None:
            place = int(observation.assessment.timestamp_s * own_rate_hz) % len(truth)
            squares.append((found - truth[place]) ** 2)

    before_s = time.thread_time()
    summary = analyze(AnalysisRequest(path, every_frame=every_frame), seen=compare if truth else None)
    own_s = time.thread_time() - before_s + spent_s["parts"] + spent_s["small pictures"] - spent_s["not ours"]
    seconds = {f"{state.value}_s": seconds for state, seconds in summary.seconds_by_state.items()}
    found = {"looks": summary.look_count, "duration_s": summary.duration_s, "own_s": own_s, **seconds}
    return {**found, "neck_deg": math.sqrt(statistics.fmean(squares))} if squares else found


def work(path: Path, processors: int, *, every_frame: bool, sample: str | None) -> None:
    """Analyse in this process, and print what it found and what it cost without start-up."""
    import av  # noqa: F401 - start-up is not measured
    import cv2  # noqa: F401
    import mediapipe  # noqa: F401

    import posture_cam.pose.landmarker
    import posture_cam.session.analysis
    import posture_cam.source  # noqa: F401

    use_processors(processors)
    before_cpu_s = time.process_time()
    found = ours(path, every_frame=every_frame, sample=sample)
    found["cpu_s"] = time.process_time() - before_cpu_s
    found["peak_mb"] = _peak_mb()
    print(json.dumps(found))


def use_processors(count: int) -> None:
    """Restrict this process to some processors, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:count]))


def _peak_mb() -> float:
    """Peak memory of this process."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would include the parent's
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1e3
    import psutil

    return float(getattr(psutil.Process().memory_info(), "peak_wset", 0)) / 1e6


def run(
    path: Path, processors: int, sample: str | None = None, *, every_frame: bool = False
) -> dict[str, float]:
    """Analyse in a process of its own; returns what it found and what it cost without start-up."""
    command = [sys.executable, __file__, "--work", "every-frame" if every_frame else "ours", str(path)]
    command += [str(processors), *([sample] if sample is not None else [])]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed_s(contender: str, path: Path, processors: int) -> float:
    """Seconds that a contender takes as a command, with all of its start-up."""
    command = [sys.executable, __file__, "--work", "naive", str(path), str(processors)]
    if contender == "ours":
        command = [sys.executable, __file__, "--work", "command", str(path), str(processors)]
    before_s = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - before_s


def start_up() -> tuple[float, float]:
    """Seconds until `posture-cam --help` has answered, and until the first picture of a run is judged."""
    before_s = time.perf_counter()
    subprocess.run([sys.executable, "-m", "posture_cam", "--help"], check=True, capture_output=True)
    help_s = time.perf_counter() - before_s
    command = [sys.executable, "-m", "posture_cam", "monitor", "--json", "--headless", "--no-history"]
    command += ["--no-notify", "--source", str(ROOT / "samples" / "desk-side.mp4")]
    before_s = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["type"] == "sample":
                break
        first_s = time.perf_counter() - before_s
        process.kill()
    return help_s, first_s


def machine() -> str:
    """A description of the machine that the figures were measured on."""
    import psutil

    kind, cpu_info = platform.machine(), Path("/proc/cpuinfo")
    if cpu_info.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpu_info.read_text().splitlines()
            if line.startswith("model name")
        ]
        kind += f", {names[0]}" if names else ""
    memory_gb = psutil.virtual_memory().total / 1e9
    return (
        f"{platform.system()}, {kind}, {os.cpu_count()} processors, {memory_gb:.0f} GB, "
        f"Python {platform.python_version()}"
    )


def table(samples: Sequence[str], minutes: Sequence[float], rounds: int, keys_s: float) -> tuple[str, str]:
    """Both contenders in turns, as a table; and the worst ratios in words."""
    lines = [
        "| recording | processors | naive | posture_cam | ratio |",
        "|---|---|---|---|---|",
    ]
    ratios: dict[tuple[float, int], list[float]] = {}
    own: list[float] = []
    with tempfile.TemporaryDirectory(prefix="posture_cam-") as folder:
        for length, sample in itertools.product(minutes, samples):
            path = Path(folder) / f"{sample}.mp4"
            make_recording(sample, path, length, keys_s=keys_s)
            for processors in range(1, min(2, os.cpu_count() or 1) + 1):
                found: dict[str, list[float]] = {name: [] for name in CONTENDERS}
                for _, name in itertools.product(range(rounds), CONTENDERS):
                    found[name].append(timed_s(name, path, processors))
                naive_s, ours_s = (statistics.median(found[name]) for name in CONTENDERS)
                ratios.setdefault((length, processors), []).append(naive_s / ours_s)
                lines.append(
                    f"| {sample}, {length:g} min | {processors} | {naive_s:.1f} s | {ours_s:.1f} s "
                    f"| {naive_s / ours_s:.1f} |"
                )
            if length == max(minutes):
                cost = run(path, 1)
                own.append(100 * cost["own_s"] / cost["cpu_s"])
    for (length, processors), some in ratios.items():
        summed_up = f"worst {min(some):.1f}, mean {statistics.fmean(some):.1f}"
        lines.append(f"| all, {length:g} min | {processors} | | | {summed_up} |")
    help_s, first_s = start_up()
    lines += [
        "",
        f"Outside decoding and the model: at most {max(own):.1f} % of our processor time (mean "
        f"{statistics.fmean(own):.1f} %). `--help` answers in {help_s:.1f} s; a live run judges its first "
        f"picture {first_s:.1f} s after its start.",
    ]
    longest = max(minutes)
    worst = " and ".join(
        f"{min(some):.0f} times on {'one processor' if processors == 1 else f'{processors} processors'}"
        for (length, processors), some in ratios.items()
        if length == longest
    )
    return "\n".join(lines), f"{worst} (the worst of {len(samples)} recordings of {longest:g} minutes)"


def differences() -> str:
    """Time per state of each sample, against looking at every picture, as a table.

    With several noises: the table also shows what noise alone changes, and how far both are from the truth.
    """
    lines = [
        "| sample, over and over for 2 minutes | looks a second | time per state, from every picture "
        "| every picture with one noise and another | neck from the truth: as we look, every picture |",
        "|---|---|---|---|---|",
    ]
    processors = min(2, os.cpu_count() or 1)
    for sample in SAMPLES:
        by_us, by_every = [], []
        for first_seed in FIRST_SEEDS:
            with tempfile.TemporaryDirectory(prefix="posture_cam-") as folder:
                path = Path(folder) / "recording.mp4"
                make_recording(sample, path, 2.0, first_seed)
                by_us.append(run(path, processors, sample))
                by_every.append(run(path, processors, sample, every_frame=True))
        looks_hz = statistics.fmean(one["looks"] / one["duration_s"] for one in by_us)
        apart = ", ".join(f"{_apart(*pair):.1f}" for pair in zip(by_us, by_every, strict=True))
        by_noise = max(_apart(*pair) for pair in itertools.combinations(by_every, 2))
        off = ", ".join(f"{statistics.fmean(one['neck_deg'] for one in s):.1f}°" for s in (by_us, by_every))
        lines.append(f"| {sample} | {looks_hz:.1f} | {apart} % of it | up to {by_noise:.1f} % | {off} |")
    return "\n".join(lines)


def _apart(one: dict[str, float], other: dict[str, float]) -> float:
    """The largest difference of time in a state, in percent of the recording."""
    keys = [f"{state}_s" for state in _STATES]
    return 100 * max(abs(one.get(key, 0.0) - other.get(key, 0.0)) for key in keys) / other["duration_s"]


_STATES = ("good", "fair", "poor", "away", "unjudged")


def memory(sample: str) -> str:
    """Peak memory of ten minutes against that of two hours."""
    found = []
    with tempfile.TemporaryDirectory(prefix="posture_cam-") as folder:
        piece = Path(folder) / "piece.mp4"
        make_recording(sample, piece, 2.0)
        for minutes in (10, 120):
            path = Path(folder) / f"{minutes}.mp4"
            repeat(piece, path, minutes // 2)
            found.append(run(path, os.cpu_count() or 1)["peak_mb"])
    return f"Peak memory: {found[0]:.0f} MB for ten minutes, {found[1]:.0f} MB for two hours."


def day(sample: str) -> str:
    """The time that eight hours of a sample take on all processors."""
    with tempfile.TemporaryDirectory(prefix="posture_cam-") as folder:
        piece, path = Path(folder) / "piece.mp4", Path(folder) / "day.mp4"
        make_recording(sample, piece, 5.0)
        repeat(piece, path, 96)
        took_s = timed_s("ours", path, os.cpu_count() or 1)
    return f"Eight hours of {sample} take {took_s / 60:.1f} minutes on {os.cpu_count()} processors."


def main() -> None:
    """Run what was asked for."""
    if sys.argv[1:2] == ["--work"]:
        kind, path, processors = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
        if kind == "naive":
            use_processors(processors)
            naive(path)
        elif kind == "command":
            use_processors(processors)
            command = [sys.executable, "-m", "posture_cam", "analyze", str(path)]
            os.execv(sys.executable, command)
        else:
            sample = sys.argv[5] if len(sys.argv) > 5 else None
            work(path, processors, every_frame=kind == "every-frame", sample=sample)
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 5.0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keys-s", type=float, default=250 / RATE_HZ, help="from key picture to key picture")
    parser.add_argument("--samples", nargs="+", default=list(SAMPLES), choices=SAMPLES)
    parser.add_argument("--states", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--day", action="store_true")
    parser.add_argument("--write-docs", action="store_true")
    arguments = parser.parse_args()
    lines, worst = table(arguments.samples, arguments.minutes, arguments.rounds, arguments.keys_s)
    text = f"Medians of {arguments.rounds} rounds on {machine()}.\n\n{lines}"
    if arguments.states:
        text += "\n\n" + differences()
    if arguments.long:
        text += "\n\n" + memory(arguments.samples[0])
    if arguments.day:
        text += "\n\n" + day(arguments.samples[0])
    print(text)
    if arguments.write_docs:
        _write(ROOT / "docs" / "performance.md", MARK, f"\n{text}\n")
        _write(ROOT / "README.md", README_MARK, worst)


def _write(page: Path, mark: str, text: str) -> None:
    before, _, after = page.read_text("utf-8").partition(mark)
    _, _, rest = after.partition(mark)
    page.write_text(f"{before}{mark}{text}{mark}{rest}", "utf-8")


if __name__ == "__main__":
    main()
