"""Commands to a running monitor from another command of the same user, such as `posture-cam correct good`."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener, answer_challenge, deliver_challenge
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_bytes
from threading import Thread
from typing import Any

from posture_cam.errors import CommandRefused, OutputError
from posture_cam.files import make_folder, naming, written_whole
from posture_cam.outputs.files.orders import order_of
from posture_cam.outputs.live import LiveOutput
from posture_cam.paths import monitor_path
from posture_cam.records import Order

_LONGEST = 65_536
# A monitor answers within a look; chosen.
_ANSWER_WITHIN_S = 10.0
_AGAIN_AFTER_S = 0.05
_NONE_RUNS = "No monitor is running, so there is nothing to tell.", "Start one: posture-cam monitor"


class RemoteOrders(LiveOutput):
    """Takes commands of the same user from a local socket or pipe; only the user can read its address.

    Where none can be opened, or another monitor takes commands already, the run goes on without it.
    """

    def __init__(self) -> None:
        self._given: SimpleQueue[tuple[float, str, Connection[Any, Any]]] = SimpleQueue()
        self._listener: Listener | None = None
        if _is_taken():
            return
        key = token_bytes(32)
        try:
            listener = Listener()
        except (OSError, ValueError):
            return
        try:
            path = monitor_path()
            with naming(path):
                make_folder(path.parent)
            with written_whole(path, private=True) as temporary:
                content = {"address": listener.address, "key": key.hex(), "pid": os.getpid()}
                temporary.write_text(json.dumps(content), "utf-8")
        except (OSError, OutputError):
            listener.close()
            return
        self._listener = listener
        Thread(target=self._listen, args=(listener, key), name="remote orders", daemon=True).start()

    def _listen(self, listener: Listener, key: bytes) -> None:
        while self._listener is not None:
            try:
                connection = listener.accept()
            except OSError:  # closed, or a caller that went away
                time.sleep(_AGAIN_AFTER_S)
                continue
            # Each on a thread of its own: a caller that says nothing keeps nobody waiting.
            Thread(target=self._hear, args=(connection, key), name="remote order", daemon=True).start()

    def _hear(self, connection: Connection[Any, Any], key: bytes) -> None:
        with suppress(OSError, EOFError, AuthenticationError, ValueError):
            deliver_challenge(connection, key)
            answer_challenge(connection, key)
            line = connection.recv_bytes(_LONGEST).decode("utf-8", "replace")
            self._given.put((time.monotonic(), line, connection))

    def commands(self) -> tuple[Order, ...]:
        """The commands received since the last call; nobody waits for the answers to older ones."""
        orders = []
        with suppress(Empty):
            while True:
                since_s, line, connection = self._given.get_nowait()
                if time.monotonic() - since_s > _ANSWER_WITHIN_S:
                    connection.close()
                elif (order := order_of(line, _Answering(connection))) is not None:
                    orders.append(order)
        return tuple(orders)

    def close(self) -> None:
        """Close everything that is open."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with suppress(OSError, ValueError, KeyError, TypeError):
            if json.loads(monitor_path().read_text("utf-8"))["pid"] == os.getpid():
                monitor_path().unlink()
        # A thread that waits is woken by a last caller.
        with suppress(OSError, EOFError, AuthenticationError), Client(listener.address):
            pass
        with suppress(OSError):
            listener.close()


def _is_taken() -> bool:
    """Whether another monitor takes commands."""
    import psutil

    try:
        pid = int(json.loads(monitor_path().read_text("utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return pid != os.getpid() and psutil.pid_exists(pid)


class _Answering:
    """Sends the answer back, once."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection

    def __call__(self, content: dict[str, Any]) -> None:
        with suppress(OSError):
            self._connection.send_bytes(json.dumps(content).encode())
            self._connection.close()


def ordered(content: dict[str, Any], path: Path | None = None) -> str:
    """Give a command to the running monitor; returns what it says.

    Args:
        content: The command, as in a line of JSON.
        path: Of the file with the monitor's address; the usual one if not given.

    Raises:
        CommandRefused: None is running, it does not answer, or it cannot obey now.
    """
    told: list[dict[str, Any]] = []
    asking = Thread(target=_ask, args=(content, path or monitor_path(), told), daemon=True)
    asking.start()
    asking.join(_ANSWER_WITHIN_S)
    if asking.is_alive():
        raise CommandRefused("The monitor does not answer.", "Press the key in its window.")
    if not told:
        raise CommandRefused(*_NONE_RUNS)
    if not told[0]["done"]:
        raise CommandRefused(str(told[0]["message"]))
    return str(told[0]["message"])


def _ask(content: dict[str, Any], path: Path, told: list[dict[str, Any]]) -> None:
    with suppress(OSError, EOFError, ValueError, KeyError, TypeError, AuthenticationError):
        there = json.loads(path.read_text("utf-8"))
        with Client(there["address"], authkey=bytes.fromhex(there["key"])) as connection:
            connection.send_bytes(json.dumps(content).encode())
            answer = json.loads(connection.recv_bytes(_LONGEST))
        if isinstance(answer["done"], bool) and isinstance(answer["message"], str):
            told.append(answer)
