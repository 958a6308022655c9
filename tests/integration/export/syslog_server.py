"""A strict syslog server over TLS, which can be made to end a connection in each way in which real ones do."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.integration.export.rfc5424 import Message, frames, parse


class Ending(Enum):
    """How the server's end of a connection ends."""

    BY_THE_RFC = auto()
    """Reads to the client's close_notify, answers with its own, and closes."""
    WITHOUT_A_NOTICE = auto()
    """Reads to the client's close_notify, and closes."""
    DROPPED = auto()
    """Reads everything, and resets the connection."""
    KILLED_HALFWAY = auto()
    """Reads a part and is gone; its system resets the connection, as there is something unread."""
    CLOSED_EARLY = auto()
    """Reads a part, says goodbye in order, and is gone."""
    GOODBYE_FIRST = auto()
    """Says goodbye before it has read anything, and takes from the network what it will not read."""
    NEVER = auto()
    """Reads everything, and does not close."""


@dataclass
class Server:
    port: int
    endings: list[Ending]
    """Of the connections to come; after them each ends as the RFC has it."""
    octets: list[bytes] = field(default_factory=list)
    """What was read of each connection."""
    certificates: list[object] = field(default_factory=list)

    def messages(self) -> list[Message]:
        """Of the connections that were read to their end."""
        return [parse(frame) for octets in self.octets for frame in frames(octets)]


@contextmanager
def serving(tls: ssl.SSLContext, *endings: Ending, host: str = "127.0.0.1") -> Iterator[Server]:
    with socket.create_server((host, 0)) as listener:
        server = Server(listener.getsockname()[1], list(endings))
        over = threading.Event()
        thread = threading.Thread(target=_serve, args=(server, listener, tls, over))
        thread.start()
        try:
            yield server
        finally:
            over.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(server: Server, listener: socket.socket, tls: ssl.SSLContext, over: threading.Event) -> None:
    while not over.is_set():
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        plain.settimeout(10)
        with plain, contextlib.suppress(OSError), tls.wrap_socket(plain, server_side=True) as connection:
            server.certificates.append(connection.getpeercert())
            ending = server.endings.pop(0) if server.endings else Ending.BY_THE_RFC
            _read(server, connection, ending, over)


def _say_goodbye(connection: ssl.SSLSocket) -> None:
    connection.settimeout(0)
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.unwrap()
    with socket.socket(fileno=socket.dup(connection.fileno())) as plain:
        plain.settimeout(10)
        while plain.recv(1 << 20):
            pass


def _read(server: Server, connection: ssl.SSLSocket, ending: Ending, over: threading.Event) -> None:
    part = ending in (Ending.KILLED_HALFWAY, Ending.CLOSED_EARLY)
    if ending is Ending.GOODBYE_FIRST:
        _say_goodbye(connection)
        return
    octets = b""
    while more := connection.recv(1000 if part else 65536):
        octets += more
        if part:
            break
    if not part:
        server.octets.append(octets)
    if ending is Ending.DROPPED:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif ending is Ending.NEVER:
        while not over.is_set():
            time.sleep(0.01)
    elif ending is not Ending.WITHOUT_A_NOTICE and ending is not Ending.KILLED_HALFWAY:
        connection.unwrap()
