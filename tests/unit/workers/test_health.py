"""What a kubelet hears: alive while nothing has died, ready only while the process can take work. Over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import ClientSession

from activities.clock import utc_now
from byteport.contracts.workflows import Installation
from byteport.errors import ConfigError, Unavailable
from byteport.settings import load
from workers import health as module
from workers.health import Health, Part
from workers.health_endpoint import health_served
from workers.processes import ROLES, Process
from workers.start import health_of
from workers.wiring import Surroundings

ANY_PORT = "127.0.0.1:0"
Ask = Callable[[str], Awaitable[tuple[int, str]]]


@asynccontextmanager
async def asking(health: Health) -> AsyncIterator[Ask]:
    """Serve it on loopback, and ask by path."""
    said: list[str] = []
    async with health_served(ANY_PORT, health, said.append), ClientSession() as session:
        (line,) = said
        address = line.removeprefix("health at ").partition("/livez")[0]

        async def ask(path: str) -> tuple[int, str]:
            async with session.get(address + path) as answer:
                return answer.status, await answer.text()

        yield ask


async def never() -> None:
    await asyncio.Event().wait()


async def test_one_that_waits_for_nothing_lives_and_is_ready() -> None:
    async with asking(Health(asyncio.Event(), (), {})) as ask:
        assert await ask("/livez") == (200, "ok\n")
        assert await ask("/readyz") == (200, "ok\n")


async def test_while_something_is_waited_for_it_lives_and_is_not_ready() -> None:
    health = Health(asyncio.Event(), {Part.BOUNDARY, Part.QUEUES}, {})
    async with asking(health) as ask:
        assert await ask("/livez") == (200, "ok\n")
        assert await ask("/readyz") == (503, "boundary: not yet\nqueues: not yet\n")
        health.reached(Part.BOUNDARY)
        assert await ask("/readyz") == (503, "queues: not yet\n")
        health.reached(Part.QUEUES)
        assert await ask("/readyz") == (200, "ok\n")


async def test_a_poller_that_has_ended_is_a_death_and_is_named() -> None:
    health, end = Health(asyncio.Event(), (), {}), asyncio.Event()

    async def poll() -> None:
        await end.wait()
        raise RuntimeError("what it died of is not said here")

    worker, other = asyncio.create_task(poll()), asyncio.create_task(never())
    health.lives_by("worker of cluster", worker)
    health.lives_by("look at the boundary", other)
    async with asking(health) as ask:
        assert await ask("/livez") == (200, "ok\n")
        end.set()
        await asyncio.wait({worker})
        assert await ask("/livez") == (503, "worker of cluster: has ended\n")
        assert (await ask("/readyz"))[0] == 503
    other.cancel()


async def test_while_it_drains_it_lives_and_takes_no_work() -> None:
    stop = asyncio.Event()
    health, worker = Health(stop, (), {}), asyncio.create_task(asyncio.sleep(0))
    health.lives_by("worker of cluster", worker)
    async with asking(health) as ask:
        stop.set()
        await worker
        assert await ask("/readyz") == (503, "draining: no new work is taken\n")
        assert await ask("/livez") == (200, "ok\n")


async def test_what_does_not_answer_now_is_named_until_it_answers_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BELIEVED_SECONDS", 0)
    reachable = False

    async def question() -> None:
        if not reachable:
            raise Unavailable("Temporal at secret.example cannot be reached")

    async with asking(Health(asyncio.Event(), (), {Part.TEMPORAL: question})) as ask:
        assert await ask("/readyz") == (503, "temporal: does not answer (unavailable)\n")
        assert await ask("/livez") == (200, "ok\n")
        reachable = True
        assert await ask("/readyz") == (200, "ok\n")


async def test_a_question_that_hangs_is_asked_once_however_often_we_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(module, "BELIEVED_SECONDS", 0)
    asked = 0

    async def question() -> None:
        nonlocal asked
        asked += 1
        await never()

    async with asking(Health(asyncio.Event(), (), {Part.LEDGER: question})) as ask:
        answers = await asyncio.gather(*(ask("/readyz") for _ in range(5)))
        assert set(answers) == {(503, "ledger: does not answer\n")}
    assert asked == 1


async def test_whoever_asks_often_does_not_make_us_ask_others_as_often() -> None:
    asked = 0

    async def question() -> None:
        nonlocal asked
        asked += 1

    async with asking(Health(asyncio.Event(), (), {Part.TEMPORAL: question})) as ask:
        for _ in range(20):
            assert await ask("/readyz") == (200, "ok\n")
    assert asked <= 2


@pytest.mark.parametrize("path", ["/", "/metrics", "/livez/", "/debug"])
async def test_there_is_nothing_else(path: str) -> None:
    async with asking(Health(asyncio.Event(), (), {})) as ask:
        assert (await ask(path))[0] == 404


async def test_without_an_address_nothing_is_opened_and_nothing_said() -> None:
    said: list[str] = []
    async with health_served(None, Health(asyncio.Event(), (), {}), said.append):
        assert said == []


async def test_a_port_that_is_taken_is_one_line_that_names_the_setting() -> None:
    said: list[str] = []
    health = Health(asyncio.Event(), (), {})
    async with health_served(ANY_PORT, health, said.append):
        taken = said[0].removeprefix("health at http://").partition("/livez")[0]
        with pytest.raises(ConfigError, match=r"telemetry\.health_address.*cannot be listened on"):
            async with health_served(taken, health, said.append):
                raise AssertionError("it started")


@pytest.mark.parametrize(
    ("process", "enforced", "ledger", "boundary"),
    [
        (Process.CLUSTER, True, True, True),
        (Process.CLUSTER, False, True, False),
        (Process.LEDGER, True, True, False),
        (Process.REST, True, True, False),
        (Process.CONTROL, True, False, False),
        (Process.NOTIFY, True, False, False),
        (Process.EXPORT, True, True, False),
        (Process.SIGNER, True, True, False),
    ],
)
async def test_each_process_waits_for_what_it_needs_and_for_nothing_else(
    process: Process, enforced: bool, ledger: bool, boundary: bool, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(
        f"state_dir: .\ncluster: {{name: test}}\nboundary: {{enforced: {enforced}}}\n".lower()
    )
    settings = load(tmp_path / "config.yaml", {})
    installation = Installation(tenant="default", cluster_uid="u" * 8, cluster_name="test")
    service = SimpleNamespace(get_system_info=_answered)
    cluster = SimpleNamespace() if process is Process.CLUSTER else None
    around = Surroundings(
        settings, installation, cast("Any", SimpleNamespace(workflow_service=service)), cast("Any", cluster), utc_now
    )
    lacks = await health_of(ROLES[process], around, asyncio.Event()).lacks()
    wanted = {"queues: not yet"}
    wanted |= {"boundary: not yet"} if boundary else set()
    wanted |= {"ledger: does not answer (unavailable)"} if ledger else set()
    assert set(lacks) == wanted


async def _answered(*_: object, **__: object) -> None:
    """A Temporal that answers."""
