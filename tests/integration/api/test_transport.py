"""The wire: TLS 1.3 alone, nothing in clear but health on this machine, slow senders cut, files read again, a good end."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from byteport.api.answers import ChainHead
from byteport.api.archive import Archive
from byteport.api.assembly import assemble
from byteport.contracts.ledger_api import ApiLimits
from byteport.errors import ConfigError
from tests.builders.certifying import Authority
from tests.integration.api.world import ACME_UID, RECORDS, World

pytestmark = pytest.mark.ledger


async def raw(world: World, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", world.server.port, ssl=context or world.nobody().context(), server_hostname="localhost"
    )
    writer.write(data)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


async def until(holds: Callable[[], bool]) -> None:
    """Poll what the server comes to by itself, however slow the machine is."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110  polled, with a deadline
            await asyncio.sleep(0.01)


async def comes_in(world: World) -> None:
    """Once what was closed has been given back."""
    async with asyncio.timeout(30):
        while True:
            try:
                assert (await world.nobody().get("/healthz")).status == 200
                return
            except aiohttp.ClientError:
                await asyncio.sleep(0.01)


async def is_turned_away(connection: socket.socket) -> None:
    connection.settimeout(30)
    assert await asyncio.to_thread(connection.recv, 1) == b""


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["code"]


@pytest.mark.claim("C-365")
async def test_a_client_of_tls_1_2_is_refused(world: World) -> None:
    context = world.nobody().context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await raw(world, b"", context)
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    reader, writer = await asyncio.open_connection("localhost", world.server.port, ssl=context)
    assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    writer.close()
    del reader


@pytest.mark.claim("C-365")
async def test_in_clear_nothing_is_answered_but_health_on_loopback(world: World) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"http://127.0.0.1:{world.server.port}/healthz")
        health = f"http://127.0.0.1:{world.server.health_port}"
        assert (await session.get(f"{health}/readyz")).status == 200
        assert await (await session.get(f"{health}/healthz")).json() == {"status": "ok", "missing": []}
        for path in (RECORDS, "/v1/chains", f"/v1/chains/{ACME_UID}/head"):
            assert (await session.get(health + path)).status == 404
    with pytest.raises(ValueError, match="without TLS"):
        world.config.model_validate(world.config.model_dump() | {"health_address": "0.0.0.0:8081"})


@pytest.mark.claim("C-365")
@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/v1/chains", RECORDS])
async def test_every_answer_says_to_come_by_tls_only_and_to_keep_nothing(world: World, path: str) -> None:
    answer = await world.nobody().get(path)
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=63072000")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Server" not in answer.headers
    kinds = {200: "application/json", 401: "application/problem+json", 404: "application/problem+json"}
    assert answer.headers["Content-Type"] == kinds[answer.status]


async def test_what_the_router_and_the_parser_refuse_are_problems_too(world: World) -> None:
    wrong = await world.reader().send("DELETE", RECORDS)
    assert (wrong.status, wrong.code) == (405, "method_not_allowed")
    assert set(wrong.headers["Allow"].replace(" ", "").split(",")) == {"GET", "POST"}
    assert (await world.reader().get("/v1/other")).code == "not_found"
    assert problem(await raw(world, b"GET / HTTP/9\r\n\r\n")) == (400, "malformed_request")
    long = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX: " + b"x" * 20_000
    assert problem(await raw(world, long)) == (431, "headers_too_large")
    assert problem(await raw(world, long + b"\r\n\r\n")) == (431, "headers_too_large")


async def test_a_mistake_of_ours_is_a_problem_with_an_id_that_stands_in_the_log_and_none_of_its_words(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken(self: Archive, tenant: str) -> list[ChainHead]:
        raise RuntimeError("words of a database")

    monkeypatch.setattr(Archive, "chains", mistaken)
    answer = await world.reader().get("/v1/chains")
    assert (answer.status, answer.code) == (500, "internal")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] in answer.json["detail"]
    assert "words" not in answer.text.decode()
    await until(lambda: "internal: request" in caplog.text)  # it is logged when the answer is under way
    (logged,) = [one for one in caplog.records if "internal: request" in one.getMessage()]
    assert answer.headers["X-Request-Id"] in logged.getMessage()
    assert (await world.nobody().get("/healthz")).status == 200


@pytest.mark.claim("C-366")
async def test_a_header_or_a_body_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    for folder in ("header", "body"):
        (tmp_path / folder).mkdir()
    with World(tmp_path / "header", header_seconds=1).running() as world:
        began = time.monotonic()
        assert await raw(world, b"GET /healthz HTTP/1.1\r\n") == b""
        assert await raw(world, b"") == b""
        assert time.monotonic() - began < 2 * ApiLimits().header_seconds
    with World(tmp_path / "body", body_seconds=1).running() as world:
        head = f"POST {RECORDS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {world.clusters['acme'].token()}\r\n"
        head += "Content-Type: application/x-ndjson\r\nContent-Length: 100\r\n\r\n{"
        assert problem(await raw(world, head.encode())) == (408, "too_slow")


async def test_a_second_header_on_an_open_connection_is_not_waited_for_either(tmp_path: Path) -> None:
    with World(tmp_path, header_seconds=1).running() as world:
        reader, writer = await _answered_once(world)
        await asyncio.sleep(1.2)
        writer.write(b"GET /healthz HTTP/1.1\r\n")
        await asyncio.wait_for(reader.read(), 30)
        writer.close()


async def _answered_once(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An open connection. On a machine that stands still for longer than a header may take, another one."""
    for _ in range(10):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", world.server.port, ssl=world.nobody().context(), server_hostname="localhost"
        )
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        try:
            await reader.readuntil(b"\r\n\r\n")
            return reader, writer
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
    raise AssertionError("never answered")


@pytest.mark.claim("C-366")
async def test_one_connection_too_many_is_closed_at_once(tmp_path: Path) -> None:
    with World(tmp_path, connections=2).running() as world:
        held = [socket.create_connection(("127.0.0.1", world.server.port)) for _ in range(2)]
        third = socket.create_connection(("127.0.0.1", world.server.port))
        await is_turned_away(third)
        for one in (*held, third):
            one.close()
        await comes_in(world)


@pytest.mark.claim("C-366")
async def test_strangers_that_take_every_connection_leave_the_port_of_health_alone(tmp_path: Path) -> None:
    with World(tmp_path, connections=3).running() as world:
        held = [socket.create_connection(("127.0.0.1", world.server.port)) for _ in range(5)]
        await is_turned_away(held[-1])
        async with aiohttp.ClientSession() as session:
            answer = await session.get(f"http://127.0.0.1:{world.server.health_port}/readyz")
            assert answer.status == 200
        for one in held:
            one.close()


@pytest.mark.claim("C-366")
async def test_one_address_cannot_have_every_connection(tmp_path: Path) -> None:
    with World(tmp_path, connections=10, connections_per_peer=2).running() as world:
        held = [socket.create_connection(("127.0.0.1", world.server.port)) for _ in range(2)]
        third = socket.create_connection(("127.0.0.1", world.server.port))
        await is_turned_away(third)
        other = socket.create_connection(("127.0.0.1", world.server.port), source_address=("127.0.0.2", 0))
        other.settimeout(0.3)
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(other.recv, 1)
        for one in (*held, third, other):
            one.close()
        for _ in range(5):
            await comes_in(world)


async def test_two_words_on_where_a_body_ends_are_refused_and_the_connection_ends(world: World) -> None:
    for path in ("/healthz", RECORDS):
        answer = await raw(
            world,
            f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        )
        assert problem(answer) == (400, "malformed_request")
        assert b"\r\nconnection: close\r\n" in answer.lower()
        assert b"HTTP/1.1 2" not in answer


async def test_a_long_list_of_who_may_come_in_is_read_beside_the_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from byteport.api import enrolment

    go, reading, plain = threading.Event(), threading.Event(), enrolment.parse

    def slow(data: bytes, where: str) -> enrolment.Enrolment:
        reading.set()
        go.wait(60)
        return plain(data, where)

    monkeypatch.setattr(enrolment, "parse", slow)
    world.write_enrolment(without="agent-other")
    waiting = [asyncio.create_task(world.agent(name).get(f"/v1/chains/{ACME_UID}/head")) for name in ("acme", "other")]
    assert await asyncio.to_thread(reading.wait, 30)
    try:
        assert (await asyncio.wait_for(world.nobody().get("/healthz"), 30)).status == 200
        assert not any(one.done() for one in waiting), "nobody is let in by the list of before"
    finally:
        go.set()
    assert [(await one).status for one in waiting] == [404, 403]


async def test_a_renewed_certificate_and_an_authority_that_was_taken_out_count_from_the_next_connection_on(
    world: World,
) -> None:
    reader = world.reader()
    assert (await reader.get("/v1/chains")).status == 200
    before = await served(world)
    world.authority.server()
    assert await served(world) != before
    aside = world.folder / "aside"
    aside.mkdir()
    Authority(aside).file.replace(world.authority.file)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(world.folder / "auditor-acme.pem", world.folder / "auditor-acme.key")
    request = b"GET /v1/chains HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    try:
        assert await raw(world, request, context) == b""
    except (ssl.SSLError, ConnectionError):
        return


async def test_files_that_cannot_be_read_leave_the_last_good_ones_in_use(world: World) -> None:
    before = await served(world)
    world.certificate.certificate.write_text("no certificate")
    assert await served(world) == before


async def served(world: World) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", world.server.port, ssl=context)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(found, bytes)
    return found


async def test_a_request_that_has_begun_is_finished_when_the_process_is_told_to_stop(tmp_path: Path) -> None:
    with World(tmp_path).running() as world:
        world.server.config.timeout_graceful_shutdown = 60
        log = world.logs["acme"].append(1)
        line = log.lines()[0] + b"\n"
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", world.server.port, ssl=world.nobody().context(), server_hostname="localhost"
        )
        head = f"POST {RECORDS} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {world.clusters['acme'].token()}\r\n"
        head += f"Content-Type: application/x-ndjson\r\nContent-Length: {len(line)}\r\n\r\n"
        writer.write(head.encode() + line[:10])
        await until(lambda: bool(world.server.server_state.tasks))
        port, world.server.should_exit = world.server.port, True
        await until(lambda: is_closed(port))
        writer.write(line[10:])
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")


def is_closed(port: int) -> bool:
    with socket.socket() as another:
        return another.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


@pytest.mark.parametrize(
    ("change", "setting"),
    [
        ({"certificate": None}, "api.certificate"),
        ({"key": None}, "api.key"),
        ({"enrolment": None}, "api.enrolment"),
        ({"certificate": Path("/nowhere/server.pem")}, "api.certificate"),
        ({"enrolment": Path("/nowhere/enrolment.yaml")}, "api.enrolment"),
        ({"address": "203.0.113.1:8443"}, "api.address"),
    ],
)
def test_what_is_missing_or_wrong_is_named_and_nothing_starts(
    tmp_path: Path, change: dict[str, object], setting: str
) -> None:
    world = World(tmp_path)
    world.server.close()
    with pytest.raises(ConfigError, match=setting):
        assemble(world.config.model_copy(update=change), world.store)
    world.store.close()


def test_a_key_that_everybody_may_read_is_refused_with_what_mends_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.server.close()
    world.certificate.key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod o-rwx"):
        assemble(world.config, world.store)
    world.store.close()
