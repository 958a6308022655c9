"""What Prometheus hears of the codec server, at the very address that it would scrape: how often it refused and why, and of nobody."""

from __future__ import annotations

import base64
import re

import aiohttp
import pytest
from temporalio.runtime import Runtime

from byteport.contracts.metrics import CODEC_REFUSALS, DOOR_ANSWERS, NotShown
from byteport.errors import ConfigError
from byteport.sandbox.children import free_port
from byteport.serving.metered import Told
from byteport.temporal.keys import KeyRing, PayloadKey
from tests.integration.codec.page import CANARY, RING, KeptByTheBrowser, sealed, serving
from tests.integration.console.provider import Provider
from tests.integration.console.room import Certificates
from workers.door_metrics import codec_metrics

pytestmark = [pytest.mark.peers, pytest.mark.asyncio(loop_scope="session")]

LOST = PayloadKey(b"l" * 32)
WORKFLOW = "remediate:tenants-own-name"


def served_somewhere() -> tuple[Runtime, Told, str]:
    """At a port that nobody has taken in between."""
    for _ in range(20):
        address = f"127.0.0.1:{free_port()}"
        try:
            runtime, told = codec_metrics(address)
        except ConfigError:
            continue
        assert runtime is not None
        return runtime, told, f"http://{address}/metrics"
    raise AssertionError("no port to be had")


async def scraped(url: str) -> tuple[dict[str, int], dict[str, int], str]:
    """Answers by their class, refusals by their word, and all of it."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    found: dict[str, dict[str, int]] = {DOOR_ANSWERS.name: {}, CODEC_REFUSALS.name: {}}
    for name, labels, value in re.findall(r"^(byteport_\w+)\{([^}]*)\} (\d+)$", text, re.MULTILINE):
        (word,) = re.findall(r'(?:answer|why)="([a-z_]+)"', labels)
        found[name][word] = int(value)
    return found[DOOR_ANSWERS.name], found[CODEC_REFUSALS.name], text


@pytest.mark.claim("C-467")
async def test_refusals_are_counted_by_their_word_and_nothing_says_whose_they_were(
    provider: Provider, tls: Certificates
) -> None:
    runtime, told, url = served_somewhere()
    assert (await scraped(url))[1] == dict.fromkeys(NotShown, 0), "each is there from the start"
    async with serving(provider, tls, told=told, limits={"body_bytes": 32 << 10}) as served:
        token, body = served.token(), await sealed(RING, WORKFLOW)
        assert (await served.shown(body, token)).plain() == [{"pod": CANARY}]
        await served.shown(body, None)
        await served.shown(body, served.token(exp=1))
        await served.shown(body, served.token(groups=["sales"]))
        await served.shown(body, token, namespace="other")
        with pytest.raises(KeptByTheBrowser):
            await served.shown(body, token, origin="https://evil.example")
        await served.shown(await sealed(KeyRing((LOST,)), WORKFLOW), token)
        body["payloads"][0]["data"] = base64.b64encode(b"x" * 60).decode()
        await served.shown(body, token)
        await served.shown({"payloads": CANARY}, token)
        await served.shown({"payloads": [{"data": "A" * (64 << 10)}]}, token)
        await served.ask("POST", "/encode", [])
        await served.ask("GET", f"/{CANARY}", [])
    answers, refusals, text = await scraped(url)
    assert {word: number for word, number in refusals.items() if number} == {
        "credential_missing": 1,
        "credential_invalid": 1,
        "not_a_reader": 1,
        "other_namespace": 1,
        "origin_refused": 1,
        "key_missing": 1,
        "undecodable": 1,
        "not_payloads": 1,
        "body_too_large": 1,
        "never_encrypts": 1,
        "not_found": 1,
    }
    assert (answers["refused"], answers["failed"]) == (11, 0)
    assert answers["well"] == 10, "one that was shown, and what a browser asked beforehand"
    for one in (CANARY, WORKFLOW, "tenants-own-name", "sub-ada", "sales", token, LOST.id, "evil"):
        assert one not in text
    del runtime
