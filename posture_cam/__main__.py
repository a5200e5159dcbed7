"""Entry point of `posture-cam` and of `python -m posture_cam`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line, in UTF-8 whatever the locale says: names and texts are more than ASCII."""
    if _is_other_than_utf8():
        # Only a new interpreter reads the names of files and what was typed anew.  Modules come from the
        # folder where it is run only if they did before.
        here = [] if sys.path[:1] == [os.getcwd()] else ["-P"]  # noqa: PTH109
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *here, "-m", "posture_cam", *sys.argv[1:]])
    try:
        from posture_cam.cli import main as run

        run()
    except KeyboardInterrupt:  # while it was still being loaded
        sys.exit(130)


def _is_other_than_utf8() -> bool:
    is_chosen = sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ
    return (
        os.name == "posix" and not is_chosen and sys.getfilesystemencoding().lower() not in ("utf-8", "utf8")
    )


if __name__ == "__main__":
    main()
