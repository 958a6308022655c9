"""Fault 16, outside of both: two clusters of one tenant and one name hand their logs in to one ledger."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.integration.api.world import ACME_SECOND_UID, ACME_UID, World

pytestmark = pytest.mark.ledger
STORES = ("sqlite", "postgres")
BOTH = {"acme": ACME_UID, "acme-second": ACME_SECOND_UID}


async def test_fault_16_two_clusters_of_one_name_keep_a_chain_a_head_and_an_export_each(world: World) -> None:
    for name, count in (("acme", 5), ("acme-second", 3)):
        log = world.logs[name].append(count)
        assert (await world.agent(name).hand_in(log.lines(), log.checkpoint())).status == 200
    names = {json.loads(line)["cluster"] for name in BOTH for line in world.logs[name].lines()}
    assert len(names) == 1, "the clusters of this test have one name"
    for name, uid in BOTH.items():
        log = world.logs[name]
        head = (await world.agent(name).get(f"/v1/chains/{uid}/head")).json
        assert (head["head"]["seq"], head["head"]["hash"]) == (len(log.entries), log.hash)
        export = await world.reader("acme").get(f"/v1/chains/{uid}/export")
        assert export.text.splitlines() == [*log.lines(), *export.text.splitlines()[len(log.lines()) :]]
        assert all(json.loads(line)["cluster_uid"] == uid for line in export.text.splitlines()[: len(log.lines())])


async def test_fault_16_one_cluster_hands_in_and_reads_nothing_of_the_others_chain(world: World) -> None:
    first, second = world.logs["acme"].append(2), world.logs["acme-second"].append(2)
    await world.agent("acme").hand_in(first.lines())
    refused = await world.agent("acme").hand_in(second.lines())
    assert refused.status in (403, 422)
    assert (await world.agent("acme").get(f"/v1/chains/{ACME_SECOND_UID}/head")).status in (403, 404)
    assert (await world.agent("acme-second").get(f"/v1/chains/{ACME_SECOND_UID}/head")).status == 404  # still empty


async def test_fault_16_both_at_once_are_both_kept_whole(world: World) -> None:
    async def hand_in(name: str) -> None:
        log = world.logs[name].append(30)
        for first in range(1, 31, 10):
            assert (await world.agent(name).hand_in(log.lines(first, first + 9))).status == 200

    await asyncio.gather(*(hand_in(name) for name in BOTH))
    for name, uid in BOTH.items():
        export = await world.reader("acme").get(f"/v1/chains/{uid}/export")
        assert export.text.splitlines() == world.logs[name].lines()
