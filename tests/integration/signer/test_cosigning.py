"""Asking witnesses over the wire: what they sign is kept, and what they object to is told."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
import trustme
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.signer.cosigning import Cosigning, WitnessAt, Witnesses
from activities.signer.keeping import keep
from byteport.audit.checkpoint import cosign, open_checkpoint
from byteport.audit.notes import SignatureType, VerifierKey, key_of
from byteport.contracts.checkpoints import (
    NOTHING,
    Cosign,
    Cosigned,
    KeepCosignatures,
    Kept,
    Objection,
    Refused,
    Signed,
    Size,
)
from byteport.errors import BytePortError, NotPermitted, Throttled, Unavailable
from byteport.witness.server import served
from byteport.witness.witness import Logs, Witness
from tests.integration.signer.world import CHAIN, SignedLog
from tests.integration.witness.logs import Seconds

NAME = "witness.example.com/w1"


@dataclass
class Asking:
    """A log, a witness of it on a real socket, and the process that asks."""

    log: SignedLog
    witness: Witness
    known: Path
    ca_file: Path
    url: str = ""
    calls: Witnesses = field(default_factory=lambda: Witnesses({}))

    def at(self, url: str, key: VerifierKey | None = None) -> None:
        self.calls = Witnesses({NAME: WitnessAt(url, key or self.witness.key)}, ca_file=self.ca_file)

    async def ask(self, signed: Signed, since: Size = NOTHING) -> Cosigned | Objection:
        call = Cosign(cluster_uid="uid-1", witness=NAME, upto=signed.upto, note=signed.note, since=since)
        return (await Cosigning(self.log.store, CHAIN, self.calls).cosign(call)).answer

    async def cosigned(self, signed: Signed, since: Size = NOTHING) -> Kept:
        answer = await self.ask(signed, since)
        assert isinstance(answer, Cosigned), answer
        return self.keep(signed, answer.lines)

    async def objected(self, signed: Signed, since: Size = NOTHING) -> Objection:
        answer = await self.ask(signed, since)
        assert isinstance(answer, Objection), answer
        return answer

    def keep(self, signed: Signed, lines: str) -> Kept:
        call = KeepCosignatures(cluster_uid="uid-1", note=signed.note, lines=lines)
        return keep(self.log.store, CHAIN, (self.log.vkey, self.witness.key), call)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def over_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest_asyncio.fixture
async def asking(tmp_path: Path, authority: trustme.CA, over_tls: ssl.SSLContext) -> AsyncIterator[Asking]:
    log = SignedLog(tmp_path)
    log.grow(5)
    known, ca_file = tmp_path / "logs", tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    known.write_text(f"{log.vkey}\n")
    witness = Witness(NAME, Ed25519PrivateKey.generate(), tmp_path / "states", Logs(known), clock=Seconds())
    made = Asking(log, witness, known, ca_file)
    async with served(witness, "localhost", 0, context=over_tls) as port:
        made.url = f"https://localhost:{port}/"
        made.at(made.url)
        yield made


@contextlib.asynccontextmanager
async def answering(
    asking: Asking, over_tls: ssl.SSLContext, answer: Callable[[bytes], web.Response]
) -> AsyncIterator[None]:
    """Instead of the witness, something that answers what it is told."""

    async def handle(request: web.Request) -> web.Response:
        return answer(await request.read())

    app = web.Application()
    app.router.add_post("/add-checkpoint", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "localhost", 0, ssl_context=over_tls)
    await site.start()
    asking.at(f"https://localhost:{runner.addresses[0][1]}")
    try:
        yield
    finally:
        await runner.cleanup()


# -- signing --------------------------------------------------------------------------------------------------------------


async def test_each_checkpoint_is_cosigned_and_the_signature_kept_beside_ours(asking: Asking) -> None:
    since = NOTHING
    for count in (1, 3, 40):
        asking.log.grow(count)
        signed = asking.log.sign()
        assert await asking.cosigned(signed, since) == Kept(signatures=2)
        opened = open_checkpoint(asking.log.published()[-1], (asking.log.vkey, asking.witness.key))
        assert opened.signed_by == (asking.log.vkey,)
        assert [one.witness for one in opened.cosigned] == [asking.witness.key]
        since = signed.upto


async def test_nobody_needs_to_remember_where_the_witness_is(asking: Asking) -> None:
    await asking.cosigned(asking.log.sign())
    for count in (1, 20):
        asking.log.grow(count)
        assert await asking.cosigned(asking.log.sign()) == Kept(signatures=2)


async def test_what_is_remembered_wrongly_is_found_out(asking: Asking) -> None:
    first = asking.log.sign()
    asking.log.grow(4)
    second = asking.log.sign()
    await asking.cosigned(second)
    asking.log.grow(4)
    assert await asking.cosigned(asking.log.sign(), first.upto) == Kept(signatures=2)


async def test_the_same_checkpoint_twice_is_kept_once(asking: Asking) -> None:
    signed = asking.log.sign()
    await asking.cosigned(signed)
    assert await asking.cosigned(signed, signed.upto) == Kept(signatures=2)
    assert len(asking.log.published()) == 2


async def test_a_signature_that_comes_late_is_dropped_and_the_next_one_is_kept(asking: Asking) -> None:
    first = asking.log.sign()
    answer = await asking.ask(first)
    assert isinstance(answer, Cosigned)
    asking.log.grow()
    second = asking.log.sign()
    assert asking.keep(first, answer.lines) == Kept(signatures=0)
    assert await asking.cosigned(second, first.upto) == Kept(signatures=2)


# -- what a witness objects to --------------------------------------------------------------------------------------------


@pytest.mark.claim("C-244")
async def test_fault_29_a_database_and_a_memory_restored_together_are_noticed_by_the_witness(asking: Asking) -> None:
    log = asking.log
    log.sign()
    backup, memory = log.backed_up(), log.state_path.read_bytes()
    log.grow(5)
    await asking.cosigned(log.sign())
    log.restore(backup)
    log.state_path.write_bytes(memory)
    log.grow(2, history="again")
    objection = await asking.objected(log.sign())
    assert (objection.because, objection.witnessed_size) == (Refused.SHRANK, 10)
    log.grow(3, history="again")
    assert (await asking.objected(log.sign())).because is Refused.FORKED
    log.grow(3, history="again")
    objection = await asking.objected(log.sign())
    assert (objection.because, objection.witnessed_size) == (Refused.FORKED, 10)


@pytest.mark.claim("C-244")
async def test_another_log_by_our_key_is_noticed_whatever_is_remembered(asking: Asking, tmp_path: Path) -> None:
    log = asking.log
    signed = log.sign()
    await asking.cosigned(signed)
    (tmp_path / "other").mkdir()
    other = SignedLog(tmp_path / "other", key=log.key)
    other.grow(8, history="other")
    asking.log = other
    forked = other.sign()
    for since in (NOTHING, signed.upto, Size(size=8, nodes=("00" * 32,)), Size(size=7, nodes=())):
        assert (await asking.objected(forked, since)).because is Refused.FORKED


@pytest.mark.claim("C-244")
async def test_a_log_that_has_outgrown_what_the_witness_signed_before_it_is_asked_again_is_noticed(
    asking: Asking,
) -> None:
    log = asking.log
    log.sign()
    backup, memory = log.backed_up(), log.state_path.read_bytes()
    log.grow(5)
    newest = log.sign()
    await asking.cosigned(newest)
    log.restore(backup)
    log.state_path.write_bytes(memory)
    for count in (5, 2):  # of the very size, and then beyond it
        log.grow(count, history="again")
        objection = await asking.objected(log.sign(), newest.upto)
        assert (objection.because, objection.witnessed_size) == (Refused.FORKED, 10)


@pytest.mark.claim("C-244")
async def test_what_is_remembered_of_a_witness_counts_where_it_has_forgotten_it_itself(
    asking: Asking, over_tls: ssl.SSLContext
) -> None:
    log = asking.log
    log.sign()
    backup, memory = log.backed_up(), log.state_path.read_bytes()
    log.grow(5)
    newest = log.sign()

    def signs(body: bytes) -> web.Response:
        note = body.decode().partition("\n\n")[2]
        return web.Response(text=cosign(note, NAME, asking.witness._private, at=1) + "\n")

    async with answering(asking, over_tls, signs):
        await asking.cosigned(newest)
        log.restore(backup)
        log.state_path.write_bytes(memory)
        log.grow(2, history="again")
        assert (await asking.objected(log.sign(), newest.upto)).because is Refused.SHRANK
        log.grow(5, history="again")
        assert (await asking.objected(log.sign(), newest.upto)).because is Refused.FORKED
    asking.at("https://localhost:9/")  # it is down
    assert (await asking.objected(log.sign(), newest.upto)).because is Refused.FORKED


# -- witnesses that are not there, or are none ----------------------------------------------------------------------------


async def failed(asking: Asking) -> type[BytePortError]:
    with pytest.raises(BytePortError) as caught:
        await asking.ask(asking.log.sign())
    return type(caught.value)


async def test_a_witness_that_does_not_know_the_log_says_so(asking: Asking) -> None:
    asking.known.write_text("")
    with pytest.raises(NotPermitted, match="byteport log-key"):
        await asking.ask(asking.log.sign())


async def test_a_dead_witness_is_asked_later(asking: Asking) -> None:
    asking.at("https://localhost:9/")
    assert await failed(asking) is Unavailable


async def test_a_witness_that_the_settings_do_not_name_is_not_asked(asking: Asking) -> None:
    call = Cosign(cluster_uid="uid-1", witness="evil.example", upto=NOTHING, note=asking.log.sign().note)
    with pytest.raises(NotPermitted, match=r"audit\.witnesses"):
        await Cosigning(asking.log.store, CHAIN, asking.calls).cosign(call)


async def test_the_log_of_another_installation_is_not_shown(asking: Asking) -> None:
    signed = asking.log.sign()
    call = Cosign(cluster_uid="uid-2", witness=NAME, upto=signed.upto, note=signed.note)
    with pytest.raises(NotPermitted):
        await Cosigning(asking.log.store, CHAIN, asking.calls).cosign(call)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.Response(status=503, headers={"Retry-After": "7"}), Throttled),
        (web.Response(status=500), Unavailable),
        (web.Response(status=200, text="thanks\n"), NotPermitted),
        (web.Response(status=200, body=b"\xff\xfe"), NotPermitted),
        (web.Response(status=200, text=""), NotPermitted),
        (web.Response(status=409, text="many\n"), NotPermitted),
        (web.Response(status=409, text="-1\n"), NotPermitted),
        (web.Response(status=409, text="9" * 1000), NotPermitted),
        (web.Response(status=403), NotPermitted),
    ],
    ids=lambda value: f"{value.status}" if isinstance(value, web.Response) else value.__name__,
)
async def test_what_is_no_witnesss_answer_is_an_error_and_kept_nowhere(
    asking: Asking, over_tls: ssl.SSLContext, answer: web.Response, error: type[BytePortError]
) -> None:
    async with answering(asking, over_tls, lambda _: answer):
        assert await failed(asking) is error
    assert len(asking.log.published()) == 1


async def test_a_witness_whose_size_never_holds_still_is_given_up(asking: Asking, over_tls: ssl.SSLContext) -> None:
    sizes = iter(range(1, 5))
    async with answering(asking, over_tls, lambda _: web.Response(status=409, text=f"{next(sizes)}\n")):
        assert await failed(asking) is Unavailable


async def test_a_signature_by_another_key_is_not_taken_for_the_witnesss(
    asking: Asking, over_tls: ssl.SSLContext
) -> None:
    stranger = Ed25519PrivateKey.generate()

    def signs(body: bytes) -> web.Response:
        note = body.decode().partition("\n\n")[2]
        return web.Response(text=cosign(note, NAME, stranger, at=1) + "\n")

    async with answering(asking, over_tls, signs):
        assert await failed(asking) is NotPermitted


async def test_a_forged_signature_is_not_kept(asking: Asking) -> None:
    signed = asking.log.sign()
    answer = await asking.ask(signed)
    assert isinstance(answer, Cosigned)
    asking.log.grow()
    other = asking.log.sign()
    with pytest.raises(NotPermitted):
        asking.keep(other, answer.lines)  # it is over another text
    ours_alone = other.note.splitlines()[-1]
    with pytest.raises(NotPermitted):
        asking.keep(other, f"{ours_alone}\n")
    assert [len(note.split("—")) for note in asking.log.published()] == [2, 2]


async def test_what_else_is_sent_along_with_a_signature_is_not_kept(asking: Asking) -> None:
    signed = asking.log.sign()
    answer = await asking.ask(signed)
    assert isinstance(answer, Cosigned)
    stranger = cosign(signed.note, "stranger.example", Ed25519PrivateKey.generate(), at=1)
    assert asking.keep(signed, f"{stranger}\n{answer.lines}") == Kept(signatures=2)
    assert "stranger.example" not in asking.log.published()[-1]


async def test_a_checkpoint_that_the_signer_did_not_sign_gets_no_signature(asking: Asking, tmp_path: Path) -> None:
    signed = asking.log.sign()
    stranger = Ed25519PrivateKey.generate()
    assert key_of(NAME, SignatureType.COSIGNATURE, stranger) != asking.witness.key
    (tmp_path / "other").mkdir()
    other = SignedLog(tmp_path / "other")
    other.grow(5)
    forged = other.sign()
    answer = await asking.ask(signed)
    assert isinstance(answer, Cosigned)
    with pytest.raises(NotPermitted):
        asking.keep(forged, answer.lines)


async def test_two_witnesses_at_once_are_both_kept(asking: Asking, tmp_path: Path) -> None:
    signed = asking.log.sign()
    second = Witness("w2.example", Ed25519PrivateKey.generate(), tmp_path / "two", Logs(asking.known), clock=Seconds())
    lines = [cosign(signed.note, one.key.name, one._private, at=1) for one in (asking.witness, second)]
    keys = (asking.log.vkey, asking.witness.key, second.key)

    def kept(line: str) -> Kept:
        call = KeepCosignatures(cluster_uid="uid-1", note=signed.note, lines=f"{line}\n")
        return keep(asking.log.store, CHAIN, keys, call)

    await asyncio.gather(*(asyncio.to_thread(kept, line) for line in lines))
    opened = open_checkpoint(asking.log.published()[-1], keys)
    assert {one.witness.name for one in opened.cosigned} == {NAME, "w2.example"}
