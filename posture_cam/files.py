"""Writing files completely or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from posture_cam.errors import OutputError, PostureCamError, SourceError

_HASHED_BYTES = 1 << 20


class Kind(Enum):
    """The kind of a path's target."""

    NOTHING = "nothing"
    HIDDEN = "hidden"  # a folder on the way is not accessible, or the name is invalid
    FOLDER = "folder"
    FILE = "file"
    OTHER = "other"


def kind_of(path: Path) -> Kind:
    """The kind of a path's target, links followed; unlike `Path.is_file` it never raises an error."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Kind.NOTHING
    except OSError:
        return Kind.HIDDEN
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.FILE if stat.S_ISREG(mode) else Kind.OTHER


def check_writable(target: Path, *, never: tuple[Path, ...] = ()) -> None:
    """Refuse a path that could not be written later, before any work is done.

    Args:
        target: The file to write later.
        never: Files that must not be overwritten, such as the input.

    Raises:
        OutputError: The path is a folder, is one of `never`, or its folder is missing or read-only.
    """
    try:
        target.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # not created yet, or reported below
    except OSError as error:  # a folder on the way is not accessible, or the name is too long
        raise OutputError(
            f"{target} cannot be written ({error.strerror or error}).", "Choose a place where you may write."
        ) from error
    if target.is_dir():
        raise OutputError(f"{target} is a folder.", "Name a file inside it.")
    if target.exists() and not target.is_file():
        raise OutputError(
            f"{target} is not an ordinary file.", "Name a file; for JSON, - means the terminal."
        )
    for path in never:
        if os.path.realpath(target) == os.path.realpath(path) or (
            kind_of(target) == kind_of(path) == Kind.FILE and target.samefile(path)
        ):
            raise OutputError(f"{target} is the input itself.", "Choose another name for the output.")
    folder = target.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"The folder {folder} does not exist.", f"Make it first: mkdir -p {folder}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written to ({error.strerror or error}).", "Choose a folder of your own."
        ) from error
    if target.exists() and not os.access(target, os.W_OK):
        raise OutputError(f"{target} is write-protected.", "Choose another name for the output.")


def content_of(path: Path) -> str:
    """A checksum that identifies a recording: of its size, start, middle and end.

    Raises:
        SourceError: The file cannot be read.
    """
    try:
        size = path.stat().st_size
        digest = hashlib.blake2b(str(size).encode(), digest_size=16)
        with path.open("rb") as file:
            for start in (0, size // 2, max(size - _HASHED_BYTES, 0)):
                file.seek(start)
                digest.update(file.read(_HASHED_BYTES))
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror or error}).") from error
    return digest.hexdigest()


@contextmanager
def written_whole(target: Path, *, private: bool = False) -> Iterator[Path]:
    """A temporary path beside `target`, which replaces `target` if the block ends without an error.

    Args:
        target: The file to write.
        private: Whether only the user may read it; otherwise the usual permissions apply.

    Raises:
        OutputError: The folder cannot be written to, or the disk is full.
    """
    name = f".{target.stem}-{secrets.token_hex(6)}{target.suffix}"
    temporary = target.absolute().parent / name
    try:
        # The system applies the umask itself: reading the umask would change it for a moment.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666))
    except OSError as error:
        raise OutputError(f"{target} cannot be written ({error.strerror or error}).") from error
    try:
        yield temporary
        with naming(target):
            temporary.replace(target.resolve())  # a link stays, its target is replaced
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path, *, private: bool = True) -> None:
    """Create a folder and its missing parents; never writable by others, whatever the umask.

    Args:
        folder: The folder.
        private: Whether only the user may read it.

    Raises:
        OSError: The folder cannot be created.
    """
    missing = [one for one in (folder, *folder.parents) if kind_of(one) == Kind.NOTHING]
    for one in reversed(missing):
        one.mkdir(mode=0o700 if private else 0o755, exist_ok=True)
    if not missing:
        folder.mkdir(exist_ok=True)


@contextmanager
def naming(target: Path) -> Iterator[None]:
    """Turn a failed write into an OutputError that names the file.

    Raises:
        OutputError: The operating system refused the write inside the block.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{target} cannot be written ({error.strerror or error}).", _hint(error)) from error


@contextmanager
def reading(target: Path, kind: type[PostureCamError]) -> Iterator[None]:
    """Turn a failed read of a stored file or folder into an error of the given kind, which names it.

    Raises:
        PostureCamError: The operating system refused the read inside the block.
    """
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise kind(f"{target} does not exist.", "Check the name and the folder you are in.") from error
    except OSError as error:
        raise kind(
            f"{target} cannot be read ({error.strerror or error}).",
            "Check the permissions of the file and of its folders.",
        ) from error


def _hint(error: OSError) -> str:
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return "A file is in the way where a folder is needed; choose another place."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT):
        return "Choose a place where you may write."
    return "Is the disk full?"


def read_bounded(path: Path, most_bytes: int, kind: type[PostureCamError], hint: str) -> bytes:
    """The content of a stored file.

    Raises:
        PostureCamError: Of the given kind: the file cannot be read, is not a regular file, or is too large.
    """
    with reading(path, kind):
        if path.exists() and not path.is_file():
            raise kind(f"{path} is not an ordinary file.", hint)
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise kind(f"{path} is too large for a file of this kind.", hint)
    return content
