"""The ledger's HTTP face as a receiver, against the real one: a backlog drains, a fork pages, and who we are stays fresh."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.export.api import Contradicted, LedgerApi
from activities.export.target import Batch, Shipped
from byteport.contracts.ledger_api import ApiTargetConfig
from byteport.errors import ConfigError, NotPermitted, Throttled, Unavailable
from tests.builders.chained import Log
from tests.integration.api.world import ACME_UID, World

pytestmark = pytest.mark.ledger


class Agent:
    """A receiver as an installation of `acme` would have it."""

    def __init__(self, world: World, url: str | None = None) -> None:
        self.world = world
        self.log = world.logs["acme"]
        self.token_file = world.folder / "token"
        self.write_token()
        self.target = LedgerApi(
            ApiTargetConfig(url=url or world.url, token_file=self.token_file), ca_file=world.authority.file
        )

    def write_token(self, **claims: Any) -> None:
        self.token_file.write_text(self.world.clusters["acme"].token(**claims) + "\n")

    def batch(self, first: int, last: int, *, size: int | None = None, log: Log | None = None) -> Batch:
        found = log or self.log
        note = None if size is None else found.note(size)
        return Batch(found.chain, first, last, tuple(found.lines(first, last)) if last >= first else (), note)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    with World(tmp_path).running() as world:
        made = Agent(world)
        yield made
        await made.target.close()


async def test_a_batch_of_many_requests_is_held_with_its_checkpoint_and_again_it_is_a_duplicate(agent: Agent) -> None:
    agent.log.append(2300)
    assert await agent.target.ship(agent.batch(1, 2300, size=2300)) == Shipped(2300, checkpoint=True)
    assert await agent.target.ship(agent.batch(1, 2300, size=2300)) == Shipped(2300, checkpoint=True)
    assert await agent.target.ship(agent.batch(2301, 2300, size=2300)) == Shipped(2300, checkpoint=True)
    head = (await agent.world.reader().get(f"/v1/chains/{ACME_UID}/head")).json["head"]
    assert head == {"seq": 2300, "hash": agent.log.hash}


async def test_after_its_share_of_time_it_says_what_the_ledger_holds(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.export.target.SHARE_SECONDS", 0.0)
    agent.log.append(2300)
    assert await agent.target.ship(agent.batch(1, 2300, size=2300)) == Shipped(1000)
    assert await agent.target.ship(agent.batch(1001, 2300, size=2300)) == Shipped(2000)
    assert await agent.target.ship(agent.batch(2001, 2300, size=2300)) == Shipped(2300, checkpoint=True)


@pytest.mark.claim("C-363")
async def test_a_history_that_was_rewritten_here_is_refused_for_good(agent: Agent) -> None:
    agent.log.append(5)
    await agent.target.ship(agent.batch(1, 5))
    rewritten = Log("acme", ACME_UID, salt="rewritten").append(7)
    rewritten.key = agent.log.key
    with pytest.raises(Contradicted):
        await agent.target.ship(agent.batch(6, 7, log=rewritten))
    with pytest.raises(Contradicted):
        await agent.target.ship(agent.batch(6, 5, size=5, log=rewritten))


async def test_a_checkpoint_that_is_not_taken_does_not_hold_up_the_records(agent: Agent) -> None:
    agent.log.append(3)
    stranger = Log("acme", ACME_UID)
    stranger.entries = list(agent.log.entries)
    assert await agent.target.ship(agent.batch(1, 3, size=3, log=stranger)) == Shipped(3, checkpoint=False)
    with pytest.raises(ConfigError, match="signer"):
        await agent.target.ship(agent.batch(4, 3, size=3, log=stranger))


async def test_a_ledger_that_lost_what_it_confirmed_is_not_filled_with_a_gap(agent: Agent) -> None:
    agent.log.append(3)
    with pytest.raises(NotPermitted, match="restored"):
        await agent.target.ship(agent.batch(3, 3))


async def test_a_token_is_read_for_each_request_and_one_that_ended_is_named_by_its_setting(agent: Agent) -> None:
    agent.log.append(2)
    agent.write_token(exp=1)
    with pytest.raises(NotPermitted, match="token_file"):
        await agent.target.ship(agent.batch(1, 1))
    agent.write_token()
    assert await agent.target.ship(agent.batch(1, 2)) == Shipped(2)
    agent.token_file.unlink()
    with pytest.raises(ConfigError, match="token_file"):
        await agent.target.ship(agent.batch(1, 2))


async def test_with_a_client_certificate_no_token_is_needed_and_a_renewed_one_is_shown(tmp_path: Path) -> None:
    with World(tmp_path).running() as world:
        name = "spiffe://acme.example/agent"
        other = Log("acme", "33333333-2222-4333-8444-555555555555").append(2)
        world.write_enrolment(
            {
                "name": "by-certificate",
                "role": "agent",
                "tenant": "acme",
                "cluster_uid": other.chain.cluster_uid,
                "certificate": {"spiffe": name},
            }
        )
        old = world.authority.client("agent", name)
        config = ApiTargetConfig(url=world.url, certificate=old.certificate, key=old.key)
        target = LedgerApi(config, ca_file=world.authority.file)
        lines = tuple(other.lines())
        assert await target.ship(Batch(other.chain, 1, 2, lines)) == Shipped(2)
        world.authority.client("agent", "spiffe://acme.example/nobody")
        with pytest.raises(NotPermitted, match="not enrolled"):
            await target.ship(Batch(other.chain, 1, 2, lines))
        await target.close()


async def test_a_ledger_that_is_down_is_unavailable_and_one_that_is_busy_says_for_how_long(tmp_path: Path) -> None:
    with World(tmp_path, lines=10, records_per_minute=10).running() as world:
        agent = Agent(world)
        agent.log.append(25)
        assert await agent.target.ship(agent.batch(1, 10)) == Shipped(10)
        with pytest.raises(Throttled) as throttled:
            await agent.target.ship(agent.batch(11, 20))
        assert throttled.value.delay is not None
        assert timedelta(seconds=1) <= throttled.value.delay <= timedelta(seconds=60)
        await agent.target.close()
    with pytest.raises(Unavailable):
        await agent.target.ship(agent.batch(11, 20))
    await agent.target.close()


async def test_what_was_taken_before_a_refusal_is_said_to_be_taken(tmp_path: Path) -> None:
    with World(tmp_path, lines=1000, records_per_minute=1000).running() as world:
        agent = Agent(world)
        agent.log.append(1500)
        assert await agent.target.ship(agent.batch(1, 1500)) == Shipped(1000)
        await agent.target.close()


def test_without_an_address_nothing_is_made() -> None:
    with pytest.raises(ConfigError, match="BYTEPORT_API_URL"):
        LedgerApi(ApiTargetConfig())
