"""Starts posture_cam where PyInstaller has packed it; without arguments, the app."""

from __future__ import annotations

import multiprocessing
import sys

from posture_cam.__main__ import main

if __name__ == "__main__":
    multiprocessing.freeze_support()
    if sys.argv[1:2] == ["-c"]:  # as Python itself has it: windows are tried in a process of their own
        exec(compile(sys.argv[2], "-c", "exec"))
        sys.exit(0)
    if len(sys.argv) == 1:
        sys.argv.append("app")
    main()
