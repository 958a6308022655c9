"""Payloads are shown to whom the identity provider names as one that may read, on Temporal UI's own page, and to nobody else."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from byteport.temporal.keys import KeyRing, KnownKeys, PayloadKey
from tests.integration.codec.page import (
    AUDIENCE,
    CANARY,
    NAMESPACE,
    RING,
    UI,
    KeptByTheBrowser,
    Served,
    sealed,
    serving,
)
from tests.integration.console import provider as providers
from tests.integration.console.provider import Provider, new_key
from tests.integration.console.room import Certificates

pytestmark = [pytest.mark.peers, pytest.mark.asyncio(loop_scope="session")]


def unsigned(served: Served) -> str:
    return jwt.encode(jwt.decode(served.token(), options={"verify_signature": False}), None, "none")  # type: ignore[arg-type]  # as attackers do


def by_the_public_key(served: Served) -> str:
    """HS256 with the provider's public key as its secret, by hand: libraries refuse to make one."""
    import hashlib
    import hmac

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    _, claims, _ = served.token().split(".")
    key = served.provider.keys[0]
    head = part(json.dumps({"alg": "HS256", "kid": key.kid}).encode())
    secret = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{head}.{claims}.{part(hmac.new(secret, f'{head}.{claims}'.encode(), hashlib.sha256).digest())}"


@pytest.mark.claim("C-465")
async def test_a_person_of_the_list_is_shown_what_any_workflow_wrote(served: Served) -> None:
    answer = await served.shown(await sealed(), served.token())
    assert (answer.status, answer.plain()) == (200, [{"pod": CANARY}])
    assert answer.headers["Cache-Control"] == "no-store"
    in_a_list = served.token(aud=["https://provider.example/userinfo", AUDIENCE], groups="sre")
    assert (await served.shown(await sealed(RING, "approval:x"), in_a_list)).plain() == [{"pod": CANARY}]


TOKENS: dict[str, tuple[Callable[[Served], str | None], int, str]] = {
    "absent": (lambda _: None, 401, "credential_missing"),
    "no token": (lambda _: "canary", 401, "it is no JWT"),
    "expired": (lambda s: s.token(exp=int(time.time()) - 61), 401, "it has ended; sign in again"),
    "without an end": (lambda s: s.token(exp=None), 401, "it has no end"),
    "of the future": (lambda s: s.token(iat=int(time.time()) + 600), 401, "it is not valid yet"),
    "of another issuer": (lambda s: s.token(iss="https://login.example.org"), 401, "its issuer is not one"),
    "forged under the provider's key id": (lambda s: s.token(new_key()), 401, "no key of its issuer has signed it"),
    "changed": (lambda s: s.token()[:-8] + "AAAAAAAA", 401, "no key of its issuer has signed it"),
    "unsigned": (unsigned, 401, "it names no key"),
    "signed by the public key": (by_the_public_key, 401, "no key of its issuer has signed it"),
    "for another service": (lambda s: s.token(aud="temporal"), 401, "it is not meant for us"),
    "for nobody": (lambda s: s.token(aud=None), 401, "it is not meant for us"),
    "of nobody": (lambda s: s.token(sub=None), 401, "it names no subject"),
    "of somebody who is not in the group": (lambda s: s.token(groups=["sales"]), 403, "not_a_reader"),
    "of somebody without groups": (lambda s: s.token(groups=None), 403, "not_a_reader"),
    "with groups of another form": (lambda s: s.token(groups={"sre": True}), 403, "not_a_reader"),
}


@pytest.mark.claim("C-465")
@pytest.mark.parametrize("which", TOKENS)
async def test_any_other_token_shows_nothing_and_says_why(served: Served, which: str) -> None:
    made, status, says = TOKENS[which]
    answer = await served.shown(await sealed(), made(served))
    assert (answer.status, says in answer.text) == (status, True), answer.text
    assert answer.headers["Content-Type"].startswith("text/plain"), "the page takes any JSON for payloads"
    assert CANARY not in answer.text


async def test_a_second_header_with_a_token_and_another_scheme_are_refused(served: Served) -> None:
    body = json.dumps(await sealed()).encode()
    rest = [("X-Namespace", NAMESPACE), ("Content-Type", "application/json")]
    two = [("Authorization", f"Bearer {served.token()}"), ("Authorization", f"Bearer {served.token()}"), *rest]
    assert (await served.ask("POST", "/decode", two, body)).status == 401
    basic = [("Authorization", "Basic YWRhOmFkYQ=="), *rest]
    assert (await served.ask("POST", "/decode", basic, body)).status == 401


@pytest.mark.claim("C-466")
@pytest.mark.parametrize(
    "origin",
    ["https://temporal.example.com.evil.example", "http://temporal.example.com", f"{UI}:8443", "null", "https://evil"],
)
async def test_a_page_of_another_origin_is_given_nothing_whoevers_token_it_has(served: Served, origin: str) -> None:
    with pytest.raises(KeptByTheBrowser):
        await served.shown(await sealed(), served.token(), origin=origin)
    sent = [("Origin", origin), ("Authorization", f"Bearer {served.token()}"), ("X-Namespace", NAMESPACE)]
    answer = await served.ask(
        "POST", "/decode", [*sent, ("Content-Type", "application/json")], json.dumps(await sealed()).encode()
    )
    assert (answer.status, "Access-Control-Allow-Origin" in answer.headers) == (403, False)
    assert CANARY not in answer.text


@pytest.mark.claim("C-466")
async def test_what_a_browser_is_told_beforehand_is_exactly_what_temporal_ui_needs(served: Served) -> None:
    answer = await served.ask("OPTIONS", "/decode", [("Origin", UI), ("Access-Control-Request-Method", "POST")])
    said = {name: value for name, value in answer.headers.items() if name.startswith("Access-Control")}
    assert said == {
        "Access-Control-Allow-Origin": UI,
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "authorization, authorization-extras, content-type, x-namespace",
        "Access-Control-Max-Age": "600",
    }
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.claim("C-466")
async def test_of_another_namespace_and_of_none_nothing_is_decrypted(served: Served) -> None:
    for namespace in ("other", f"{NAMESPACE}x", ""):
        answer = await served.shown(await sealed(), served.token(), namespace=namespace)
        assert (answer.status, answer.text.split(":")[0]) == (403, "other_namespace")
    assert (await served.shown(await sealed(), served.token(), namespace=None)).status == 403


@pytest.mark.parametrize(
    ("twice", "status"),
    [(("Origin", "https://evil.example"), 403), (("Origin", UI), 403), (("X-Namespace", "other"), 403)],
    ids=["a second origin", "the same origin again", "a second namespace"],
)
async def test_a_header_that_is_there_twice_counts_as_neither(
    served: Served, twice: tuple[str, str], status: int
) -> None:
    headers = [("Origin", UI), ("X-Namespace", NAMESPACE), twice, ("Authorization", f"Bearer {served.token()}")]
    body = json.dumps(await sealed()).encode()
    answer = await served.ask("POST", "/decode", [*headers, ("Content-Type", "application/json")], body)
    assert (answer.status, CANARY in answer.text) == (status, False)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
async def test_a_body_that_is_packed_is_refused_and_not_unpacked(served: Served, encoding: str) -> None:
    headers = [("X-Namespace", NAMESPACE), ("Authorization", f"Bearer {served.token()}")]
    headers += [("Content-Type", "application/json"), ("Content-Encoding", encoding)]
    body = gzip.compress(b'{"payloads": [' + b" " * (1 << 20) + b"]}")
    assert (await served.ask("POST", "/decode", headers, body)).status == 415


@pytest.mark.claim("C-467")
async def test_nothing_encrypts_here(served: Served) -> None:
    headers = [("Authorization", f"Bearer {served.token()}"), ("X-Namespace", NAMESPACE)]
    plain = b'{"payloads": []}'
    for method, path in (
        ("POST", "/"),
        ("POST", "/download"),
        ("GET", "/decode"),
        ("PUT", "/decode"),
        ("GET", "/encode"),
    ):
        answer = await served.ask(method, path, [*headers, ("Content-Type", "application/json")], plain)
        assert answer.status in (404, 405)
        assert "nothing that encrypts" in answer.text
    answer = await served.ask("POST", "/encode", [*headers, ("Content-Type", "application/json")], plain)
    assert (answer.status, answer.text.split(":")[0]) == (403, "never_encrypts"), "a 5xx would be asked for again"


@pytest.mark.claim("C-466")
async def test_a_cookie_opens_nothing_whatever_token_is_in_it(served: Served) -> None:
    body = json.dumps(await sealed()).encode()
    cookies = "; ".join(f"{name}={served.token()}" for name in ("user0", "Authorization", "token", "_oauth2_proxy"))
    sent = [("Cookie", cookies), ("X-Namespace", NAMESPACE), ("Content-Type", "application/json"), ("Origin", UI)]
    answer = await served.ask("POST", "/decode", sent, body)
    assert (answer.status, answer.text.split(":")[0]) == (401, "credential_missing")
    assert "Access-Control-Allow-Credentials" not in answer.headers, "so a browser gives the page nothing"


@pytest.mark.claim("C-466")
async def test_the_id_token_that_goes_along_is_none_to_come_in_by(served: Served) -> None:
    sent = [("Authorization-Extras", served.token()), ("X-Namespace", NAMESPACE), ("Content-Type", "application/json")]
    answer = await served.ask("POST", "/decode", sent, json.dumps(await sealed()).encode())
    assert (answer.status, answer.text.split(":")[0]) == (401, "credential_missing")


@pytest.mark.claim("C-467")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"[]", 400),
        (b'{"payloads": [{"metadata": {"encoding": 1}}]}', 400),
        (b"[" * 100_000, 400),
        (b'{"payloads": ' + b"9" * 100_000 + b"}", 400),
        (json.dumps({"payloads": [{}] * 2001}).encode(), 400),
        (b'{"payloads": [{"data": "' + b"A" * (64 << 10) + b'"}]}', 413),
    ],
    ids=["no json", "a list", "a number", "deep", "long number", "many", "large"],
)
async def test_what_is_no_request_of_temporal_ui_is_refused_and_not_repeated(
    provider: Provider, tls: Certificates, body: bytes, status: int
) -> None:
    async with serving(provider, tls, limits={"body_bytes": 101 << 10 if status == 400 else 32 << 10}) as served:
        headers = [("Authorization", f"Bearer {served.token()}"), ("X-Namespace", NAMESPACE)]
        answer = await served.ask("POST", "/decode", [*headers, ("Content-Type", "application/json")], body)
        assert answer.status == status, answer.text
        assert len(answer.text) < 300


async def test_a_payload_under_a_key_that_is_not_there_names_it_and_one_that_was_changed_is_found(
    served: Served,
) -> None:
    lost = PayloadKey(b"l" * 32)
    answer = await served.shown(await sealed(KeyRing((lost,))), served.token())
    assert (answer.status, answer.text.startswith(f"key_missing: a payload needs the key {lost.id}")) == (422, True)
    body = await sealed()
    body["payloads"][0]["data"] = base64.b64encode(b"x" * 60).decode()
    answer = await served.shown(body, served.token())
    assert (answer.status, answer.text) == (422, "undecodable: a payload was changed after it was encrypted\n")


async def test_a_key_that_is_added_while_it_serves_opens_payloads_without_a_restart(
    provider: Provider, tls: Certificates
) -> None:
    new = PayloadKey(b"n" * 32)
    both, seconds = KeyRing((*RING.keys, new)), iter(range(0, 10_000, 20))

    async def read() -> KeyRing:
        return both

    ring = KnownKeys(RING, read, every=60, seconds=lambda: float(next(seconds)))
    async with serving(provider, tls, ring) as served:
        assert (await served.shown(await sealed(KeyRing((new,))), served.token())).plain() == [{"pod": CANARY}]


@pytest.mark.claim("C-465")
async def test_a_key_that_the_provider_took_up_just_now_counts_and_a_provider_that_is_down_lets_nobody_in(
    provider: Provider, tls: Certificates
) -> None:
    async with providers.serving(tls.certificate, tls.key) as another, serving(another, tls) as served:
        another.rotate()
        assert (await served.shown(await sealed(), served.token())).status == 200
    async with serving(provider, tls, issuer="https://127.0.0.1:1") as alone:
        answer = await alone.shown(await sealed(), alone.token(iss="https://127.0.0.1:1"))
        assert (answer.status, answer.text.split(":")[0]) == (503, "keys_unavailable")


async def test_one_person_has_so_many_requests_a_minute_and_another_one_theirs(
    provider: Provider, tls: Certificates
) -> None:
    async with serving(provider, tls, limits={"requests_per_minute": 3}) as served:
        body, ada, grace = await sealed(), served.token(), served.token(sub="sub-grace")
        asked = [(await served.shown(body, ada)).status for _ in range(4)]
        assert asked == [200, 200, 200, 429]
        assert (await served.shown(body, grace)).status == 200


@pytest.mark.claim("C-467")
async def test_the_log_has_who_read_and_nothing_of_a_payload_a_token_or_a_key(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        token = served.token(sub="sub\n\u202eada")
        for _ in range(3):
            await served.shown(await sealed(), token)
        await served.shown({"payloads": CANARY}, token)
        await served.shown(await sealed(), served.token(groups=["sales"]))
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("byteport")]
    assert [line for line in lines if line.startswith("payloads_read")] == ["payloads_read: by 'sub\\n\\u202eada'"]
    assert "refused: POST 403 not_a_reader" in lines
    for line in lines:
        assert not any(part in line for part in (CANARY, token, "k" * 32, (b"k" * 32).hex()))


async def test_probes_answer_without_a_token(served: Served) -> None:
    assert [(await served.ask("GET", path, [])).status for path in ("/healthz", "/readyz")] == [200, 200]


async def test_a_hundred_at_once_are_answered_or_told_to_come_again(provider: Provider, tls: Certificates) -> None:
    async with serving(provider, tls, limits={"concurrent": 4}) as served:
        body, token = await sealed(), served.token()
        found = await asyncio.gather(*(served.shown(body, token) for _ in range(40)), return_exceptions=True)
        statuses: list[Any] = [one.status if not isinstance(one, BaseException) else one for one in found]
        assert 200 in statuses
        assert all(one in (200, 503) or isinstance(one, KeptByTheBrowser) for one in statuses)
