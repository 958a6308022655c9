"""Looks of the same moment share what they read of a namespace, and nobody is given what was read before they asked."""

from __future__ import annotations

import asyncio

import pytest

from activities.kubernetes.shared_namespaces import Shared
from byteport.errors import NotPermitted, Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.port import Listed, Resource
from byteport.sandbox.simulated.access import Right
from byteport.sandbox.simulated.cluster import SimulatedCluster


class _Counted(SimulatedCluster):
    """Says how often each list was begun; the first of all waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[tuple[Resource, str]] = []
        self.go = asyncio.Event()
        self.first_begun = asyncio.Event()
        self.error: Exception | None = None

    async def list(
        self,
        resource: Resource,
        namespace: str,
        *,
        labels: str = "",
        fields: str = "",
        limit: int = 500,
    ) -> Listed:
        self.begun.append((resource, namespace))
        self.first_begun.set()
        await self.go.wait()
        if self.error is not None and resource == port.PODS:
            raise self.error
        return await super().list(resource, namespace, labels=labels, fields=fields, limit=limit)


@pytest.fixture
async def cluster() -> _Counted:
    made = _Counted()
    await made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    return made


def _shared(cluster: SimulatedCluster) -> Shared:
    return Shared.of(cluster, lambda: cluster.now)


async def test_looks_of_the_same_moment_are_given_one_world_that_was_read_once(cluster: _Counted) -> None:
    cluster.go.set()
    shared = _shared(cluster)
    found = await asyncio.gather(*(shared.namespaces.read("shop") for _ in range(50)))
    assert len({id(common.world) for common in found}) == 1
    assert len(cluster.begun) == len(set(cluster.begun)) > 1


async def test_who_asks_while_a_namespace_is_read_sees_what_has_happened_since(cluster: _Counted) -> None:
    shared = _shared(cluster)
    early = asyncio.create_task(shared.namespaces.read("shop"))
    await asyncio.wait_for(cluster.first_begun.wait(), 10)
    later = [asyncio.create_task(shared.namespaces.read("shop")) for _ in range(3)]
    await cluster.deploy("shop/web", image="web:1")
    cluster.go.set()
    first, others = await early, await asyncio.gather(*later)
    assert first.world not in [common.world for common in others]
    assert len({id(common.world) for common in others}) == 1
    await cluster.remove(port.DEPLOYMENTS, "shop", "web")
    assert (await shared.namespaces.read("shop")).world.named("Deployment", "shop", "web") is None


async def test_each_namespace_is_a_world_of_its_own(cluster: _Counted) -> None:
    cluster.go.set()
    await cluster.deploy("bank/teller", image="teller:1")
    shared = _shared(cluster)
    shop, bank = await asyncio.gather(shared.namespaces.read("shop"), shared.namespaces.read("bank"))
    assert (len(shop.world.of("Deployment")), len(bank.world.of("Deployment"))) == (0, 1)


async def test_an_optional_list_that_is_refused_is_named_and_another_is_everybodys_error(cluster: _Counted) -> None:
    cluster.go.set()
    shared = _shared(cluster)
    cluster.access.revoke(Right("list", port.LEASES))
    assert (await shared.namespaces.read("shop")).denied == {"leases"}
    cluster.access.revoke(Right("list", port.PODS))
    answers = await asyncio.gather(*(shared.namespaces.read("shop") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotPermitted] * 3


async def test_a_list_that_fails_spoils_only_the_looks_of_its_moment(cluster: _Counted) -> None:
    cluster.go.set()
    shared = _shared(cluster)
    cluster.error = Unavailable("the API server does not answer")
    answers = await asyncio.gather(*(shared.namespaces.read("shop") for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    cluster.error = None
    assert (await shared.namespaces.read("shop")).denied == frozenset()


async def test_a_look_that_is_given_up_takes_nothing_from_those_that_share_with_it(cluster: _Counted) -> None:
    shared = _shared(cluster)
    looks = [asyncio.create_task(shared.namespaces.read("shop")) for _ in range(3)]
    await asyncio.wait_for(cluster.first_begun.wait(), 10)
    looks[0].cancel()
    cluster.go.set()
    assert len({id((await look).world) for look in looks[1:]}) == 1
