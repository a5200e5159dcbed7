"""Builds a folder that runs without Python, by PyInstaller; on Debian systems a package from it, too.

    uv run python packaging/build.py [--out dist] [--deb]

Linux is built and started in CI.  Windows and macOS take the same spec, and are untried.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
NAME = "posture-cam"
# What Qt, OpenCV and MediaPipe need of a Debian system.
DEPENDS = (
    "libgl1, libegl1, libgles2, libglib2.0-0 | libglib2.0-0t64, libxcb-cursor0, libxkbcommon-x11-0, "
    "libxcb-icccm4, libxcb-keysyms1, libxcb-shape0, libxcb-xinerama0, libxcb-image0, libxcb-render-util0"
)


def build_folder(out: Path) -> Path:
    """The folder with the program; replaces an earlier one."""
    with tempfile.TemporaryDirectory(prefix="posture_cam-") as work:
        subprocess.run(
            [
                sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR",
                "--distpath", str(out), "--workpath", work, str(ROOT / "packaging" / "posture_cam.spec"),
            ],
            check=True,
        )  # fmt: skip
    return out / NAME


def size_mb(path: Path) -> int:
    """The size of a file, or of all files in a folder."""
    files = (
        [path]
        if path.is_file()
        else [one for one in path.rglob("*") if one.is_file() and not one.is_symlink()]
    )
    return round(sum(one.stat().st_size for one in files) / 1e6)


def build_deb(folder: Path, out: Path) -> Path:
    """A Debian package that puts the folder into /opt, with the command and the menu entry."""
    from posture_cam import __version__
    from posture_cam.desktop.places import NAME as ENTRY
    from posture_cam.desktop.places import entry

    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    with tempfile.TemporaryDirectory(prefix="posture_cam-") as work:
        root = Path(work) / "root"
        shutil.copytree(folder, root / "opt" / NAME, symlinks=True)
        files = {
            "DEBIAN/control": f"Package: {NAME}\nVersion: {__version__}\nArchitecture: {machine}\n"
            f"Maintainer: the posture_cam team <posture_cam@localhost>\nDepends: {DEPENDS}\nSection: utils\n"
            f"Priority: optional\nInstalled-Size: {1000 * size_mb(folder)}\n"
            "Description: watches how you sit, and helps you sit better\n"
            " Measures head and trunk through a webcam, on this machine alone. No medical device.\n",
            f"usr/share/applications/{ENTRY}.desktop": entry([f"/opt/{NAME}/{NAME}", "app"]),
            f"usr/share/icons/hicolor/scalable/apps/{ENTRY}.svg": _data("icon.svg"),
            f"usr/share/metainfo/{ENTRY}.metainfo.xml": _data("metainfo.xml"),
        }
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        command = root / "usr" / "bin" / NAME
        command.parent.mkdir(parents=True)
        command.symlink_to(f"/opt/{NAME}/{NAME}")
        target = out / f"{NAME}_{__version__}_{machine}.deb"
        subprocess.run(
            ["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "--build", str(root), str(target)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return target


def _data(name: str) -> str:
    return (ROOT / "posture_cam" / "desktop" / name).read_text("utf-8")


def main() -> None:
    """Build, and say how large it is."""
    parser = argparse.ArgumentParser(description="Builds posture_cam as a folder, and as a Debian package.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--deb", action="store_true")
    arguments = parser.parse_args()
    folder = build_folder(arguments.out)
    print(f"{folder}: {size_mb(folder)} MB")
    if arguments.deb:
        package = build_deb(folder, arguments.out)
        print(f"{package}: {size_mb(package)} MB")


if __name__ == "__main__":
    main()
