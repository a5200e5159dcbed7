"""Commands to a running monitor from another command of the same user, such as `posture-cam correct good`."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from queue import Empty, SimpleQueue
from secrets import token_bytes
from threading import Thread
from typing import Any

from posture_cam.errors import CommandRefused
from posture_cam.files import make_folder, naming, written_whole
from posture_cam.outputs.files.orders import order_of
from posture_cam.outputs.live import LiveOutput
from posture_cam.paths import monitor_path
from posture_cam.records import Order

_LONGEST = 65_536
# A monitor answers within a look; chosen.
_ANSWER_WITHIN_S = 10.0
_ASKED_WITHIN_S = 2.0  # chosen: a caller that says nothing does not keep others waiting
_NONE_RUNS = "No monitor is running, so there is nothing to tell.", "Start one: posture-cam monitor"


class RemoteOrders(LiveOutput):
    """Takes commands of the same user from a local socket or pipe; only the user can read its address.

    Where none can be opened, the run goes on without it.
    """

    def __init__(self) -> None:
        self._given: SimpleQueue[tuple[str, Connection[Any, Any]]] = SimpleQueue()
        self._listener: Listener | None = None
        key = token_bytes(32)
        with suppress(OSError, ValueError):
            self._listener = Listener(authkey=key)
            content = {"address": self._listener.address, "key": key.hex(), "pid": os.getpid()}
            path = monitor_path()
            with naming(path):
                make_folder(path.parent)
            with written_whole(path, private=True) as temporary:
                temporary.write_text(json.dumps(content), "utf-8")
            Thread(target=self._listen, args=(self._listener,), name="remote orders", daemon=True).start()

    def _listen(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
                if connection.poll(_ASKED_WITHIN_S):
                    self._given.put((connection.recv_bytes(_LONGEST).decode("utf-8", "replace"), connection))
            except (OSError, EOFError, AuthenticationError):  # closed, a caller that went away, or a stranger
                if self._listener is None:
                    return

    def commands(self) -> tuple[Order, ...]:
        """The commands received since the last call."""
        orders = []
        with suppress(Empty):
            while True:
                line, connection = self._given.get_nowait()
                if (order := order_of(line, _Answering(connection))) is not None:
                    orders.append(order)
        return tuple(orders)

    def close(self) -> None:
        """Close everything that is open."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        with suppress(OSError):
            listener.close()
        with suppress(OSError, ValueError, KeyError):
            if json.loads(monitor_path().read_text("utf-8"))["pid"] == os.getpid():
                monitor_path().unlink()


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
    try:
        there = json.loads((path or monitor_path()).read_text("utf-8"))
        with Client(there["address"], authkey=bytes.fromhex(there["key"])) as connection:
            connection.send_bytes(json.dumps(content).encode())
            if not connection.poll(_ANSWER_WITHIN_S):
                raise CommandRefused(
                    "The monitor does not answer.", "Try again, or press the key in its window."
                )
            answer = json.loads(connection.recv_bytes(_LONGEST))
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise CommandRefused(*_NONE_RUNS) from error
    if not answer["done"]:
        raise CommandRefused(str(answer["message"]))
    return str(answer["message"])
