"""The real port's watch against an API server that misbehaves: cut, silent, endless, expired."""

from __future__ import annotations

import asyncio
import gc
import json
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from activities.kubernetes import watching
from activities.kubernetes.client import KubernetesCluster
from activities.kubernetes.wire import TLS_BUFFER
from byteport.errors import BytePortError, NotPermitted, PermanentError, Unavailable
from byteport.kubernetes.port import PODS
from tests.builders.objects import pod
from tests.integration.cluster_port.liar import Liar, hangs_up, says, status, streams

SECRET = "hunter2-from-the-server"


def _line(type_: str, **item: Any) -> bytes:
    return json.dumps({"type": type_, "object": item}).encode() + b"\n"


async def _watched(port: KubernetesCluster, seconds: int = 5) -> list[str]:
    watch = port.watch(PODS, "shop", resource_version="7", timeout_seconds=seconds)
    return [event.type async for event in watch]


async def test_events_are_read_wherever_the_stream_is_cut_into_parts(server: Liar, port: KubernetesCluster) -> None:
    text = _line("ADDED", metadata={}) + _line("MODIFIED", metadata={"n": "ü" * 1000}) + b"\n" + _line("BOOKMARK")
    server.answers = [streams(*(text[at : at + 7] for at in range(0, len(text), 7)))]
    assert await _watched(port) == ["ADDED", "MODIFIED", "BOOKMARK"]
    assert dict(server.heard[0].query) == {
        "watch": "true",
        "resourceVersion": "7",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "5",
    }


async def test_fault_31_gone_is_told_at_the_start_and_in_the_stream(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [
        says(410, status(410, "too old")),
        streams(_line("ADDED"), _line("ERROR", **status(410, "too old")), ends=False),
    ]
    assert await _watched(port) == ["GONE"]
    assert await _watched(port) == ["ADDED", "GONE"]


async def test_fault_31_a_stream_that_is_cut_in_an_event_is_unavailable(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [streams(_line("ADDED"), _line("MODIFIED")[:-9])]
    with pytest.raises(Unavailable):
        await _watched(port)


async def test_a_connection_that_is_lost_amid_a_watch_is_unavailable(server: Liar, port: KubernetesCluster) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        await streams(_line("ADDED"), ends=False)(writer)
        await hangs_up(writer)

    server.answers = [cut]
    with pytest.raises(Unavailable):
        await _watched(port)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"not json\n", Unavailable),
        (b"[]\n", Unavailable),
        (_line("SURPRISE"), Unavailable),
        (_line("ERROR", **status(403, SECRET)), NotPermitted),
        (_line("ERROR", **status(500, SECRET)), Unavailable),
    ],
)
async def test_a_line_that_is_no_event_ends_the_watch_with_an_error(
    server: Liar, port: KubernetesCluster, line: bytes, expected: type[BytePortError]
) -> None:
    server.answers = [streams(line)]
    with pytest.raises(expected) as caught:
        await _watched(port)
    assert SECRET not in caught.value.message


async def test_an_event_without_end_is_refused_before_it_fills_the_memory(
    server: Liar, port: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_LINE", 1 << 16)
    server.answers = [streams(*[b"x" * 10_000] * 20, ends=False)]
    with pytest.raises(PermanentError, match="longer"):
        await _watched(port)


async def test_fault_31_a_silent_stream_is_given_up_and_nothing_is_raised(
    server: Liar, port: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers = [streams(_line("ADDED"), ends=False)]
    seen = []
    async for event in port.watch(PODS, "shop", resource_version="7", timeout_seconds=300):
        seen.append(event.type)
        monkeypatch.setattr(watching, "LONGEST_SILENCE_SECONDS", 0.2)
    assert seen == ["ADDED"]


async def test_a_watch_that_nobody_reads_on_lets_go_of_its_connection(server: Liar, port: KubernetesCluster) -> None:
    closed = asyncio.Event()

    async def endless(writer: asyncio.StreamWriter) -> None:
        await streams(_line("ADDED"), ends=False)(writer)
        await writer.drain()
        while not writer.is_closing():
            writer.write(b"1\r\n\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
        closed.set()
        raise ConnectionResetError

    server.answers = [endless]
    watch = port.watch(PODS, "shop", resource_version="7")
    async for _ in watch:
        break
    assert isinstance(watch, AsyncGenerator)
    await watch.aclose()
    await asyncio.wait_for(closed.wait(), 30)


async def test_however_many_watches_are_open_a_read_is_still_answered(server: Liar, port: KubernetesCluster) -> None:
    many = 50
    server.answers = [streams(_line("ADDED"), ends=False)] * many + [says(200, {"metadata": {"name": "web"}})]
    open_ones = [port.watch(PODS, f"shop-{number}", resource_version="7") for number in range(many)]
    for watch in open_ones:
        assert (await anext(watch)).type == "ADDED"
    assert await port.get(PODS, "shop", "web") == {"metadata": {"name": "web"}}
    for watch in open_ones:
        assert isinstance(watch, AsyncGenerator)
        await watch.aclose()


async def test_a_connection_that_is_open_for_long_holds_a_small_buffer(server: Liar, port: KubernetesCluster) -> None:
    """asyncio's own is four times as large, and has no public name: of hundreds of watches it would be the most of all."""
    server.answers = [streams(_line("ADDED"), ends=False)]
    watch = port.watch(PODS, "shop", resource_version="7")
    await anext(watch)
    held = [found for found in gc.get_objects() if isinstance(found, SSLProtocol)]
    assert held
    assert all(len(found._ssl_buffer) == TLS_BUFFER for found in held if found._transport is not None)  # type: ignore[attr-defined]  # asyncio's own
    assert isinstance(watch, AsyncGenerator)
    await watch.aclose()


async def test_at_first_sight_events_are_the_same_and_calm_ones_are_not_decoded(
    server: Liar, port: KubernetesCluster
) -> None:
    calm = pod("web-1")
    server.answers = [
        streams(
            _line("ADDED", **calm),
            _line("MODIFIED", **pod("web-2", ready=False)),
            _line("BOOKMARK", metadata={"resourceVersion": "9"}),
        )
    ]
    watch = port.glimpses(PODS, "shop", resource_version="7", timeout_seconds=5)
    seen = [(type_, glimpse.name, glimpse.calm, glimpse.version) async for type_, glimpse in watch]
    assert seen == [
        ("ADDED", "web-1", True, "1001"),
        ("MODIFIED", "web-2", False, "1001"),
        ("BOOKMARK", "", False, "9"),
    ]
