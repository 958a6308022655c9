"""The port of health under those who mean it ill: silent, slow, long-winded and many. Real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from workers import health_endpoint as module
from workers.health import Health
from workers.health_endpoint import MOST_CONNECTIONS, MOST_HEADER, REQUEST_SECONDS, health_served

GET = b"GET /livez HTTP/1.1\r\nHost: pod\r\nUser-Agent: kube-probe/1.36\r\nConnection: close\r\n\r\n"
PROBE_SECONDS = 5.0
"""`timeoutSeconds` of the chart's probes."""


@asynccontextmanager
async def served(said: list[str] | None = None, health: Health | None = None) -> AsyncIterator[int]:
    """The port that it listens on."""
    lines: list[str] = [] if said is None else said
    async with health_served("127.0.0.1:0", health or Health(asyncio.Event(), (), {}), lines.append):
        yield int(lines[0].partition("/livez")[0].rpartition(":")[2])


async def connected(port: int) -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


async def answered(sock: socket.socket) -> bytes:
    """Everything until the other side closes; empty too where it was cut off."""
    loop, got = asyncio.get_running_loop(), b""
    with contextlib.suppress(ConnectionError):
        while more := await loop.sock_recv(sock, 65536):
            got += more
    return got


async def asked(port: int, request: bytes = GET) -> bytes:
    with await connected(port) as sock:
        with contextlib.suppress(ConnectionError):
            await asyncio.get_running_loop().sock_sendall(sock, request)
        async with asyncio.timeout(PROBE_SECONDS):
            return await answered(sock)


@asynccontextmanager
async def silent(port: int, count: int) -> AsyncIterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(await connected(port)) for _ in range(count)]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def until(holds: Callable[[], bool]) -> None:
    """Poll: a connection that was closed is noticed a moment later, and how long a moment is, is the machine's business."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  polled, with a deadline
            await asyncio.sleep(0.01)


async def test_a_probe_is_answered_while_silent_connections_fill_the_port() -> None:
    async with served() as port, silent(port, MOST_CONNECTIONS):
        for _ in range(3):
            assert (await asked(port)).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_silent_connections_by_the_hundred_take_few_descriptors_of_the_process() -> None:
    async with served() as port:
        before = descriptors()
        async with silent(port, 10 * MOST_CONNECTIONS) as ours:
            assert (await asked(port)).endswith(b"ok\n"), "every one before it was taken"
            await until(lambda: descriptors() - before - len(ours) <= MOST_CONNECTIONS)
        await until(lambda: descriptors() <= before)


async def test_whoever_says_nothing_is_closed_in_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert REQUEST_SECONDS <= 5
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.1)
    async with served() as port, silent(port, 2) as ours, asyncio.timeout(30):
        assert [await answered(sock) for sock in ours] == [b"", b""]


async def test_a_byte_now_and_then_buys_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.3)
    loop = asyncio.get_running_loop()
    async with served() as port:
        with await connected(port) as sock, contextlib.suppress(ConnectionError):
            async with asyncio.timeout(30):
                while True:
                    await loop.sock_sendall(sock, b"G")
                    await asyncio.sleep(0.05)


async def test_a_header_that_does_not_end_is_cut_off_unanswered() -> None:
    async with served() as port:
        assert await asked(port, b"GET /livez HTTP/1.1\r\nX: " + b"x" * (4 * MOST_HEADER)) == b""
        assert (await asked(port)).endswith(b"ok\n")


async def test_a_connection_is_for_one_request() -> None:
    async with served() as port:
        answer = await asked(port, GET.replace(b"close", b"keep-alive") * 2)
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert b"Connection: close\r\n" in answer


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"POST /livez HTTP/1.1", b"405"),
        (b"GET /livez", b"400"),
        (b"GET  /livez HTTP/1.1", b"400"),
        (b"\x16\x03\x01\x02\x00", b"400"),
        (b"GET /\xff HTTP/1.1", b"404"),
        (b"GET /livez?verbose HTTP/1.1", b"200"),
    ],
)
async def test_what_is_no_plain_question_is_refused_in_a_word(request_line: bytes, status: bytes) -> None:
    async with served() as port:
        assert (await asked(port, request_line + b"\r\n\r\n")).split(b" ")[1] == status


async def test_with_every_place_taken_by_a_question_one_more_is_closed_and_the_others_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, asking = asyncio.Event(), list[int]()
    health = Health(asyncio.Event(), (), {})

    async def lacks() -> list[str]:
        asking.append(1)
        await go.wait()
        return []

    monkeypatch.setattr(health, "lacks", lacks)
    async with served(health=health) as port:
        waiting = [asyncio.create_task(asked(port, GET.replace(b"livez", b"readyz"))) for _ in range(MOST_CONNECTIONS)]
        await until(lambda: len(asking) == MOST_CONNECTIONS)
        assert await asked(port) == b""
        go.set()
        assert {answer[-3:] for answer in await asyncio.gather(*waiting)} == {b"ok\n"}


async def test_while_the_system_gives_no_descriptor_it_says_so_once_and_goes_on_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    loop, tries, said = asyncio.get_running_loop(), 0, list[str]()
    accept = loop.sock_accept

    async def failing(listener: socket.socket) -> tuple[socket.socket, object]:
        nonlocal tries
        tries += 1
        if tries <= 10:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return await accept(listener)

    monkeypatch.setattr(loop, "sock_accept", failing)
    async with served(said) as port:
        assert (await asked(port)).endswith(b"ok\n")
    assert said[1:] == ["health: no connection can be taken: Too many open files"]
    assert tries <= 12


async def test_at_the_end_open_connections_are_closed_with_it() -> None:
    before = descriptors()
    async with contextlib.AsyncExitStack() as clients:
        async with served() as port:
            ours = await clients.enter_async_context(silent(port, 3))
            await asyncio.sleep(0.05)
        assert [await answered(sock) for sock in ours] == [b"", b"", b""]
    assert descriptors() <= before
