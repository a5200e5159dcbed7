#!/usr/bin/env python3
"""Build models/pose_landmarker_full.task from the files inside the mediapipe 0.10.21 wheel.

MediaPipe 1.2 ships no model.  Its ancestor 0.10.21 carries the two networks of the "full" pose
landmarker, but without the TFLite metadata that the Tasks API asks for.  This script

1. fetches that wheel with pip and checks the networks' SHA-256,
2. writes the metadata with 0.10.21's own writer, in a throw-away virtual environment,
3. packs both into a stored (not compressed) zip with fixed dates.

The same bytes come out each time, so anyone can check the bundle that the repository carries:

    python models/build_pose_bundle.py --check

Needs CPython 3.9 to 3.12 on a system that has a 0.10.21 wheel, pip, and its package index.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

WHEEL = "mediapipe==0.10.21"
# What the metadata writer imports.  mediapipe itself is only partly unpacked, so that none of its
# other requirements (such as jax) is needed.
WRITER_NEEDS = ("flatbuffers==25.2.10", "numpy==1.26.4")
UNPACKED = (
    "mediapipe/tasks/metadata/",
    "mediapipe/tasks/python/metadata/",
    "mediapipe/tasks/cc/metadata/",
)

# Name in the bundle, path in the wheel, SHA-256 there, name in the metadata, (mean, std) of input.
NETWORKS = (
    (
        "pose_detector.tflite",
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        "pose_detection",
        (127.5, 127.5),
    ),
    (
        "pose_landmarks_detector.tflite",
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        "pose_landmark_full",
        (0.0, 255.0),
    ),
)

# Runs inside the throw-away environment: <tflite in> <tflite out> <name> <mean> <std>
WRITE_METADATA = """
import sys
from mediapipe.tasks.python.metadata.metadata_writers import metadata_writer
source, target, name, mean, std = sys.argv[1:]
writer = metadata_writer.MetadataWriter.create(bytearray(open(source, "rb").read()))
writer.add_general_info(name)
writer.add_image_input([float(mean)], [float(std)])
model, _ = writer.populate()
open(target, "wb").write(model)
"""

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
HERE = Path(__file__).resolve().parent


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(*command: object) -> None:
    """Run a command, and stop this script if it fails."""
    subprocess.run([str(part) for part in command], check=True)


def build(target: Path) -> None:
    """Write the bundle to `target`."""
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        run(sys.executable, "-m", "pip", "download", "--no-deps", "-d", scratch, WHEEL)
        (wheel,) = scratch.glob("mediapipe-0.10.21-*.whl")
        environment = scratch / "venv"
        venv.create(environment, with_pip=True)
        (python,) = [p for p in environment.glob("*/python*") if p.stem == "python"]
        run(python, "-m", "pip", "install", "--quiet", *WRITER_NEEDS)

        unpacked = scratch / "unpacked"
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith(UNPACKED) or name in {network[1] for network in NETWORKS}:
                    archive.extract(name, unpacked)

        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as bundle:
            for name, path, expected, title, (mean, std) in NETWORKS:
                source = unpacked / path
                if sha256_of(source) != expected:
                    sys.exit(f"{path} is not the file this script knows; nothing was built.")
                ready = scratch / name
                script = scratch / "write_metadata.py"
                script.write_text(f"import sys; sys.path.insert(0, {str(unpacked)!r})\n{WRITE_METADATA}")
                run(python, script, source, ready, title, mean, std)
                entry = zipfile.ZipInfo(name, FIXED_DATE)
                entry.external_attr = 0o644 << 16
                entry.create_system = 3  # the same byte on every operating system
                bundle.writestr(entry, ready.read_bytes())


def main() -> None:
    """Parse the command line, then build or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=HERE / "pose_landmarker_full.task")
    parser.add_argument("--check", action="store_true", help="build aside and compare with --output")
    options = parser.parse_args()
    if not options.check:
        build(options.output)
        print(f"{options.output.name}  sha256 {sha256_of(options.output)}")
        return
    with tempfile.TemporaryDirectory() as scratch:
        again = Path(scratch) / "again.task"
        build(again)
        same = sha256_of(again) == sha256_of(options.output)
    print("identical" if same else "different")
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
