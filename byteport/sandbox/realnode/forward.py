"""Two ports of loopback, joined across network namespaces: no link, no route and no firewall rule on either side.

A socket belongs to the namespace in which it was made. So the listener is made in one, each connection onwards in the
other, and one thread serves both. The kubelet reaches the API server so, and the API server the kubelet, each at an
address of its own loopback. Used by `supervise.py`.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

CLONE_NEWNET = 0x40000000
LOOPBACK = "127.0.0.1"
CHUNK = 1 << 16


class Route(NamedTuple):
    """From a port in one network namespace to the same port in another; each by an open file of it."""

    listens: int
    reaches: int
    port: int


class Forwarder:
    """Serves its routes in a thread, until the process ends."""

    def __init__(self, routes: list[Route]) -> None:
        self._listeners = [(_listen(route), route) for route in routes]
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()

    async def _serve(self) -> None:
        for listener, route in self._listeners:
            await asyncio.start_server(_Passing(route), sock=listener)
        await asyncio.Event().wait()


class _Passing:
    def __init__(self, route: Route) -> None:
        self._route = route

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with within(self._route.reaches):
            onward = socket.socket()
        onward.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(onward, (LOOPBACK, self._route.port))
        except OSError:
            onward.close()
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection(sock=onward)
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        for end in (writer, far_writer):
            end.close()
            with suppress(OSError):
                await end.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()  # one side has gone: the other is told


@contextmanager
def within(namespace: int) -> Iterator[None]:
    """This thread is in that network namespace while inside; what it makes there stays there."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(namespace)
        try:
            yield
        finally:
            _enter(own)
    finally:
        os.close(own)


def own_network() -> int:
    """An open file of the network namespace that this process is in."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def network_of(pid: int) -> int:
    """An open file of another process's."""
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _listen(route: Route) -> socket.socket:
    with within(route.listens):
        listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, route.port))
    listener.listen(64)
    return listener


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
