"""Nobody who opens a page waits for a log, a provider, a worker or a Temporal that takes long, and nobody waits in a row."""

import asyncio
import threading
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from temporalio.client import Client

from byteport.audit.completeness import NOBODY, Young
from byteport.console import assembly, verdicts
from byteport.console.assembly import Readiness
from byteport.console.face import Face, for_people
from byteport.console.lists import what_waits
from byteport.console.provider import Provider
from byteport.console.reached import Reached
from byteport.console.sessions import Person, Session, Sessions
from byteport.console.verdicts import Verdicts
from byteport.contracts.console import ConsoleConfig, ConsoleLimits
from byteport.errors import Unavailable
from byteport.ledger.log import AuditLog
from byteport.serving import discovery
from byteport.serving.at_once import AtOnce
from byteport.serving.keysets import KeySets
from byteport.serving.problems import Problem
from byteport.serving.tls import Contexts
from tests.workflows.patience import until

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class LongLog:
    """Verified once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.looks = 0
        self.broken = False

    def verify_all(self, *_: object, **__: object) -> tuple[object, ...]:
        self.looks += 1
        assert self.let.wait(10)
        if self.broken:
            raise Unavailable("the log cannot be read")
        return ()


def of(log: LongLog, clock: Clock) -> Verdicts:
    def young() -> Young:
        return Young("", "")

    return Verdicts(cast("AuditLog", log), "acme", NOBODY, young, lambda: NOW + timedelta(seconds=clock.now), clock)


async def test_a_log_that_takes_minutes_is_verified_once_and_shown_when_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "PATIENCE_SECONDS", 0.02)
    log, clock = LongLog(), Clock()
    found = of(log, clock)
    assert await asyncio.gather(*(found.current() for _ in range(40))) == [None] * 40
    clock.now += 1000
    assert await found.current() is None
    log.let.set()
    monkeypatch.setattr(verdicts, "PATIENCE_SECONDS", 10)
    first = await found.current()
    assert (log.looks, first is not None) == (1, True)
    clock.now += verdicts.FRESH_SECONDS + 1
    log.let.clear()
    monkeypatch.setattr(verdicts, "PATIENCE_SECONDS", 0.02)
    assert await found.current() == first
    log.broken = True
    log.let.set()
    monkeypatch.setattr(verdicts, "PATIENCE_SECONDS", 10)
    with pytest.raises(Unavailable):
        await found.current()
    log.broken = False
    assert await found.current() != first


async def test_plans_that_no_worker_tells_of_are_listed_all_the_same_and_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr("byteport.temporal.views.approval_state", never)
    async with asyncio.timeout(5):
        found = await what_waits(cast("Client", None), [f"{number:064x}" for number in range(50)], within=0.05)
    assert [asked for _, asked in found] == [None] * 50


async def test_of_a_provider_that_does_not_answer_nobody_waits_behind_another(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def silent(url: str, *_: object, **__: object) -> bytes:
        asked.append(url)
        await asyncio.sleep(0)
        raise Unavailable("the identity provider's discovery document cannot be had: TimeoutError")

    monkeypatch.setattr(discovery, "fetch", silent)
    clock = Clock()
    reached = Reached("https://a.example", "https://login.example.com", "c", None, None)
    found = Provider(reached, KeySets(Path(), clock), lambda: NOW, clock)
    answers = await asyncio.gather(*(found.places() for _ in range(30)), return_exceptions=True)
    assert all(isinstance(one, Unavailable) and "cannot be had" in str(one) for one in answers)
    assert len(asked) == 1
    clock.now += discovery.AGAIN_SECONDS
    with pytest.raises(Unavailable):
        await found.places()
    assert len(asked) == 2


async def test_of_a_temporal_that_does_not_answer_no_probe_waits_behind_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, asked = Clock(), []

    async def silent(*_: object, within: timedelta) -> None:
        asked.append(within)
        clock.now += within.total_seconds()
        raise Unavailable("Temporal does not answer")

    monkeypatch.setattr(assembly, "must_answer", silent)
    monkeypatch.setattr(assembly, "time", SimpleNamespace(monotonic=clock))
    ready = Readiness(cast("Client", None), cast("Contexts", SimpleNamespace(ended=lambda: False)))
    assert await asyncio.gather(*(ready.missing() for _ in range(30))) == [["temporal"]] * 30
    assert len(asked) == 1


@pytest.mark.claim("C-450")
async def test_a_page_that_is_busy_is_alive_and_one_session_does_not_make_it_busy() -> None:
    held, inside = asyncio.Event(), []

    async def slow(_: Request, __: Face, ___: Session) -> Response:
        inside.append(1)
        await held.wait()
        return Response("ok")

    limits = ConsoleLimits(concurrent=8)
    sessions = Sessions(limits, 3600, Clock())
    nothing: dict[str, Any] = dict.fromkeys((one.name for one in fields(Face)), None)
    face = Face(**{**nothing, "config": ConsoleConfig(limits=limits), "sessions": sessions})
    cookies = [sessions.sign_in(sessions.begin(), Person("sub", "ada", "ada")).id for _ in range(5)]
    route = for_people(slow)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/healthz":
            await Response("alive")(scope, receive, send)
            return
        request = Request({**scope, "app": SimpleNamespace(state=SimpleNamespace(face=face))})
        try:
            answer = await route(request)
        except Problem as problem:
            answer = Response(problem.code.word, problem.code.status)
        await answer(scope, receive, send)

    busy = AtOnce(app, limits.concurrent)

    async def get(path: str, cookie: str = "") -> tuple[int, bytes]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"cookie", f"__Host-byteport={cookie}".encode())]
        await busy({"type": "http", "method": "GET", "path": path, "headers": headers}, cast("Receive", None), send)
        return sent[0]["status"], sent[1]["body"]

    mine = [asyncio.create_task(get("/", cookies[0])) for _ in range(6)]
    await asyncio.sleep(0)
    others = [asyncio.create_task(get("/", cookie)) for cookie in cookies[1:4] for _ in range(2)]
    await until(lambda: len(inside) == 8, "all places")
    assert (await get("/", cookies[4]))[0] == 503
    assert await get("/healthz") == (200, b"alive")
    held.set()
    assert sorted([one[0] for one in await asyncio.gather(*mine)]) == [200, 200, 503, 503, 503, 503]
    assert [one[0] for one in await asyncio.gather(*others)] == [200] * 6
