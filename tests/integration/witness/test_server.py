"""The witness on a real socket: TLS, and clients that send too much, too slowly, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
import trustme

from byteport.audit.checkpoint import open_checkpoint, with_cosignatures
from byteport.audit.witnessing import LARGEST
from byteport.errors import ConfigError
from byteport.witness.door import Patience
from byteport.witness.server import Certificate, served, tls
from byteport.witness.witness import Witness
from tests.integration.witness.logs import Log

HOST = "127.0.0.1"
HASTY = Patience(body_seconds=0.3, connection_seconds=0.6)


@pytest_asyncio.fixture
async def port(witness: Witness) -> AsyncIterator[int]:
    async with served(witness, HOST, 0, context=None) as at:
        yield at


@pytest_asyncio.fixture
async def hasty(witness: Witness) -> AsyncIterator[int]:
    async with served(witness, HOST, 0, context=None, patience=HASTY) as at:
        yield at


@pytest_asyncio.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as made:
        yield made


async def posted(session: aiohttp.ClientSession, port: int, body: bytes, **more: object) -> tuple[int, str, str]:
    async with session.post(f"http://{HOST}:{port}/add-checkpoint", data=body, **more) as answer:  # type: ignore[arg-type]
        return answer.status, answer.headers["Content-Type"], await answer.text()


async def test_it_speaks_the_protocol(session: aiohttp.ClientSession, port: int, witness: Witness, log: Log) -> None:
    status, _, line = await posted(session, port, log.ask(0, 5))
    assert status == 200
    assert line.startswith("— ")
    assert line.endswith("\n")
    note = with_cosignatures(log.note(5), [line.rstrip("\n")])
    assert [one.witness for one in open_checkpoint(note, (log.vkey, witness.key)).cosigned] == [witness.key]
    assert await posted(session, port, log.ask(0, 9)) == (409, "text/x.tlog.size", "5\n")
    assert (await posted(session, port, log.ask(5, 9, proof=())))[0] == 422
    assert (await posted(session, port, Log(origin="x").ask(0, 1)))[0] == 404
    assert (await posted(session, port, Log().ask(0, 1)))[0] == 403
    assert (await posted(session, port, b"hello"))[0] == 400


async def test_it_has_nothing_else(session: aiohttp.ClientSession, port: int) -> None:
    async with session.get(f"http://{HOST}:{port}/add-checkpoint") as answer:
        assert answer.status == 405
    for path in ("/", "/add-checkpoint/", "/metrics"):
        async with session.post(f"http://{HOST}:{port}{path}", data=b"") as answer:
            assert answer.status == 404


async def test_a_body_that_is_too_large_is_refused_and_not_kept(
    session: aiohttp.ClientSession, port: int, log: Log
) -> None:
    body = log.ask(0, 5)
    assert (await posted(session, port, body + b"x" * LARGEST))[0] == 413

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 4096

    with contextlib.suppress(aiohttp.ClientError):
        status, _, _ = await posted(session, port, endless())  # type: ignore[arg-type]
        assert status == 413
    assert (await posted(session, port, body))[0] == 200


async def test_nothing_is_unpacked(session: aiohttp.ClientSession, port: int, log: Log) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    assert (await posted(session, port, bomb, headers={"Content-Encoding": "gzip"}))[0] == 400
    assert (await posted(session, port, log.ask(0, 5)))[0] == 200


async def test_who_sends_a_body_slowly_is_given_up(witness: Witness) -> None:
    async with served(witness, HOST, 0, context=None, patience=Patience(body_seconds=0.3)) as port:
        await _is_told_that_it_is_too_slow(port)


async def _is_told_that_it_is_too_slow(port: int) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nold 0\n")
    answer = await asyncio.wait_for(reader.read(), 30)
    assert b"408" in answer.split(b"\r\n")[0]
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"POST /add-checkpoint HTTP/1.1\r\nHos"])
async def test_who_sends_no_request_is_given_up(hasty: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection(HOST, hasty)
    writer.write(sent)
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(reader.read(), 30)
    writer.close()


@pytest.mark.parametrize("with_tls", [True, False])
async def test_connections_that_say_nothing_are_few_and_keep_nobody_out(
    session: aiohttp.ClientSession,
    witness: Witness,
    log: Log,
    authority: trustme.CA,
    certificate: Certificate,
    with_tls: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Handshakes that nobody begins are connections, too."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    patient = Patience(connections=8, connections_per_peer=4)
    context = tls(certificate) if with_tls else None
    async with served(witness, HOST, 0, context=context, patience=patient) as port:
        idle = [await asyncio.open_connection(HOST, port) for _ in range(40)]
        url = f"{'https' if with_tls else 'http'}://{HOST}:{port}/add-checkpoint"
        async with session.post(url, data=log.ask(0, 5), ssl=trusting if with_tls else False) as answer:
            assert answer.status == 200
        ended = [asyncio.create_task(_ends(reader)) for reader, _ in idle]
        most = patient.connections_per_peer if with_tls else patient.connections
        async with asyncio.timeout(30):
            while sum(not one.done() for one in ended) > most:  # noqa: ASYNC110  polled, with a deadline
                await asyncio.sleep(0.01)
        for one in ended:
            one.cancel()
        for _, writer in idle:
            writer.close()
    assert [record for record in caplog.records if record.exc_info] == []


async def _ends(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()


@pytest.mark.parametrize(
    "sent", [b"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", b"\x16\x03\x01 no HTTP\r\n\r\n"]
)
async def test_nobody_is_told_what_it_runs_on(port: int, sent: bytes) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(sent)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    assert b"\r\nServer: byteport\r\n" in answer
    assert b"aiohttp" not in answer
    writer.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Certificate:
    issued = authority.issue_cert(HOST)
    issued.private_key_pem.write_to_path(tmp_path / "server.key")
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(tmp_path / "server.pem", append=number > 0)
    return Certificate(tmp_path / "server.pem", tmp_path / "server.key")


async def test_with_a_certificate_nothing_older_than_tls_1_3_is_spoken(
    session: aiohttp.ClientSession, witness: Witness, log: Log, authority: trustme.CA, certificate: Certificate
) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    older = ssl.create_default_context()
    authority.configure_trust(older)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    async with served(witness, HOST, 0, context=tls(certificate)) as port:
        url = f"https://{HOST}:{port}/add-checkpoint"
        async with session.post(url, data=log.ask(0, 5), ssl=trusting) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.post(url, data=log.ask(5, 6), ssl=older)
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"http://{HOST}:{port}/add-checkpoint", data=log.ask(5, 6))


def test_a_certificate_and_the_key_of_another_are_one_line(certificate: Certificate, tmp_path: Path) -> None:
    another = tmp_path / "another.key"
    trustme.CA().issue_cert(HOST).private_key_pem.write_to_path(another)
    for files in (
        Certificate(certificate.certificate, another),
        Certificate(tmp_path / "absent", certificate.key),
        Certificate(certificate.key, certificate.key),
    ):
        with pytest.raises(ConfigError, match="--certificate"):
            tls(files)


async def test_a_port_that_is_taken_is_one_line(witness: Witness, port: int) -> None:
    with pytest.raises(ConfigError, match="--listen"):
        async with served(witness, HOST, port, context=None):
            raise AssertionError("it listens twice")
