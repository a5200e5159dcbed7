"""Every failure that posture_cam expects, as one tree.

PostureCamError
├── UsageError          the command line or an argument makes no sense (exit code 2)
├── SettingsError       a settings or data file of the program is wrong
├── SourceError         pictures or recorded poses cannot be read
│   └── NothingJudged   everything was read, but nothing in it could be judged
├── ModelError          a pose model is missing, wrong, or cannot be fetched
├── NeutralError        no neutral posture to compare with, or an unusable profile
├── CommandRefused      a command to a running monitor cannot be obeyed now
├── HistoryError        the history cannot be read or written, or has nothing to tell
└── OutputError         a result cannot be written

Each error carries one sentence for the user and a hint about what to do next.
"""

from __future__ import annotations

from posture_cam.plain import redacted


class PostureCamError(Exception):
    """Root of all expected failures; passwords in addresses are removed from its message.

    Attributes:
        message: One sentence that says what went wrong.
        hint: One sentence that says what to do; empty if there is no useful advice.
        exit_code: The exit code of the command line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(redacted(message))
        self.message = redacted(message)
        self.hint = redacted(hint)


class UsageError(PostureCamError):
    """The command line or an argument makes no sense."""

    exit_code = 2


class SettingsError(PostureCamError):
    """A settings or data file of the program is wrong."""


class SourceError(PostureCamError):
    """Pictures or recorded poses cannot be read."""


class NothingJudged(SourceError):  # noqa: N818
    """Everything was read, but nothing in it could be judged."""


class ModelError(PostureCamError):
    """A pose model is missing, wrong, or cannot be fetched."""


class NeutralError(PostureCamError):
    """No neutral posture to compare with, or an unusable profile."""


class CommandRefused(PostureCamError):  # noqa: N818
    """A command to a running monitor cannot be obeyed now, or none is running."""


class HistoryError(PostureCamError):
    """The history cannot be read or written, or has nothing to tell."""


class OutputError(PostureCamError):
    """A result cannot be written."""
