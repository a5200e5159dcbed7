"""Entry point of `posture-cam` and of `python -m posture_cam`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line in UTF-8, whatever the locale, because names and texts are not only ASCII."""
    if _is_other_than_utf8():
        # Only a new interpreter decodes file names and arguments again.  Modules may come from the current
        # folder only if they did before.
        here = [] if sys.path[:1] == [os.getcwd()] else ["-P"]  # noqa: PTH109
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *here, "-m", "posture_cam", *sys.argv[1:]])
    try:
        from posture_cam.cli import main as run

        run()
    except KeyboardInterrupt:  # during loading
        sys.exit(130)


def _is_other_than_utf8() -> bool:
    # A packed program is no interpreter, and is packed with UTF-8 mode on.
    is_chosen = sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ or getattr(sys, "frozen", False)
    return (
        os.name == "posix" and not is_chosen and sys.getfilesystemencoding().lower() not in ("utf-8", "utf8")
    )


if __name__ == "__main__":
    main()
