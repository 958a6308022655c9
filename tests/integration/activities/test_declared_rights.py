"""No act asks for a right that it has not declared: each one on the simulated cluster, with every request written down.

The roles are made from the declarations, so that a right which is used and not declared is granted by accident: by another
runbook that happens to be on. The port is an account with the widest roles, so that nothing here is refused and hidden.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from temporalio.testing import ActivityEnvironment

from activities.kubernetes import watch
from activities.kubernetes.counting import Counting
from activities.kubernetes.floors import Floors
from activities.kubernetes.outside import Outside
from activities.kubernetes.situations import Looker
from activities.kubernetes.telling import Events
from byteport.boundary.choices import Choices
from byteport.boundary.needs import ALWAYS
from byteport.contracts.acts import AnyAct, Queue
from byteport.contracts.events import TELL_EVENT, EventFate, TellEvent
from byteport.contracts.kubernetes import (
    COUNT_TARGETS,
    DELETE_POD,
    PRUNE_IMAGES,
    RAISE_FLOOR,
    READ_FLOOR,
    READ_LOAD,
    READ_NODE,
    READ_SITUATION,
    RESOLVE_OUTCOME,
    RESTORE_FLOOR,
    ROLL_BACK,
    WATCH_CLUSTER,
    CountTargets,
    ReadFloor,
    ReadSituation,
)
from byteport.contracts.symptoms import REPORT_SYMPTOMS, OutsideSymptom, ReportSymptoms, Subject
from byteport.contracts.workflows import REMEDIATION
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.scopes import Rights, union
from byteport.domain.signals import SignalType, Source
from byteport.domain.targets import Target
from byteport.domain.warrants import Warrant
from byteport.kubernetes import port
from byteport.kubernetes.told_events import EventReason, Telling
from byteport.runbooks.catalogue import RUNBOOKS
from tests.integration.activities.asking import outcome
from tests.integration.activities.autoscaled import autoscaled, planned, raised, restore, short_of_replicas
from tests.integration.activities.bench import environment_of
from tests.integration.activities.granted import Granted, give
from tests.integration.activities.pruned import NODE, full_of_images, pruning
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import Inbox, watching
from workers.processes import ACTS

EVERY_ACT: dict[str, AnyAct] = {act.name: act for act in ACTS if act.queue is Queue.CLUSTER}
OWN = ("", "configmaps", "get")
"""Which namespaces were given to us: the agent's own, and no act's."""
LENT: dict[str, Rights] = {
    READ_SITUATION.name: Rights.on("pods/eviction", "create"),
    WATCH_CLUSTER.name: READ_LOAD.needs,
}
"""What an act asks for only where another one's rights are granted, as its own comment says."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(watch, "REFRESH_SECONDS", 0.05)


class Account:
    """A worker with the widest roles on `bench`, of which every request is known by the act that made it."""

    def __init__(self, bench: SimulatedBench, sight: Sight) -> None:
        self.bench, self.sight = bench, sight
        self.port = Granted(bench, Choices(sight=sight, helper=True, events=True))
        self.port.bind("shop")
        self._plain = bench.port

    async def limited(self) -> SimulatedBench:
        """From here on every request of the worker is written down."""
        await give(self.bench, "shop")
        self.bench.start_again(sight=self.sight, cluster=self.port)
        self.port.asked.clear()
        return self.bench

    async def look(self, looker: Callable[[SimulatedBench], Looker], failure: Failure, target: Target) -> None:
        seen = await looker(await self.limited()).look(ReadSituation(target=target, failure=failure))
        assert seen.enabled

    def workload(self) -> Target:
        return Target(cluster_uid=self.bench.uid, namespace="shop", kind="Deployment", name="web")

    def node(self) -> Target:
        return Target(cluster_uid=self.bench.uid, namespace="", kind="Node", name=NODE)


async def deletion(account: Account) -> Warrant:
    bench = account.bench
    return bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=True)


async def rollback(account: Account) -> Warrant:
    await account.bench.a_release_fails()
    return account.bench.warrant(await account.bench.rollback(), auto=True)


async def prune(account: Account) -> Warrant:
    await full_of_images(account.bench)
    alone = account.sight is Sight.CLUSTER  # elsewhere a person must say yes, since not every pod is seen
    return account.bench.warrant(await pruning(account.bench), auto=alone)


async def raise_(account: Account) -> Warrant:
    await short_of_replicas(account.bench)
    return account.bench.warrant(await planned(account.bench), auto=True)


async def restoring(account: Account) -> Warrant:
    await autoscaled(account.bench)
    return restore(account.bench, await raised(account.bench))


WARRANTS = {
    DELETE_POD.name: deletion,
    ROLL_BACK.name: rollback,
    PRUNE_IMAGES.name: prune,
    RAISE_FLOOR.name: raise_,
    RESTORE_FLOOR.name: restoring,
}


async def read_situation(account: Account) -> None:
    await account.bench.one_pod_crashes()
    for failure in (Failure.CRASHLOOP, Failure.BAD_ROLLOUT):
        await account.look(lambda bench: bench.reader, failure, account.workload())


async def read_load(account: Account) -> None:
    await short_of_replicas(account.bench)
    for failure in (Failure.CPU, Failure.MEMORY):
        await account.look(lambda bench: bench.load, failure, account.workload())


async def read_node(account: Account) -> None:
    await full_of_images(account.bench)
    await account.look(lambda bench: bench.nodes, Failure.DISK, account.node())


async def read_floor(account: Account) -> None:
    await autoscaled(account.bench)
    bench = await account.limited()
    floors = Floors(bench.port, bench.reader, bench.policy, cluster_uid=bench.uid)
    assert (await floors.read_floor(ReadFloor(target=account.workload(), autoscaler="web"))).found


async def count_targets(account: Account) -> None:
    await autoscaled(account.bench)
    bench = await account.limited()
    counting = Counting(bench.port, bench.policy, cluster_uid=bench.uid, sight=account.sight)
    assert (await counting.count_targets(CountTargets(cluster_uid=bench.uid))).workloads == 1


async def watch_cluster(account: Account) -> None:
    await full_of_images(account.bench)
    await account.bench.one_pod_crashes()
    bench, inbox = await account.limited(), Inbox()
    async with watching(bench, inbox, cluster=account.port, sight=account.sight, look_again_seconds=0.02) as under_way:
        await under_way.until(lambda: len(under_way.heartbeats) > 30 and bool(inbox.signals))


async def report_symptoms(account: Account) -> None:
    await full_of_images(account.bench)
    pod = (await account.bench.one_pod_crashes())["metadata"]["name"]
    bench, inbox = await account.limited(), Inbox()
    outside = Outside(bench.port, cluster_uid=bench.uid, sink=inbox, policy=bench.policy, sight=account.sight)
    told = tuple(
        OutsideSymptom(
            type=kind,
            subject=subject,
            value=1,
            threshold=1,
            observed_at=bench.clock(),
            source=Source.ALERTMANAGER,
            evidence_digest="e",
        )
        for kind, subject in (
            (SignalType.POD_CRASHLOOP, Subject(kind="Pod", namespace="shop", name=pod)),
            (SignalType.FAILED_DEPLOY, Subject(kind="Deployment", namespace="shop", name="web")),
            (SignalType.DISK_PRESSURE, Subject(kind="Node", name=NODE)),
            (SignalType.DISK_PRESSURE, Subject(kind="Node", provider_id="i-1")),
        )
    )
    call = ReportSymptoms(cluster_uid=bench.uid, symptoms=told)
    await ActivityEnvironment().run(outside.report_symptoms, call)
    assert len(inbox.signals) == 3


async def done(account: Account, make: Callable[[Account], Awaitable[Warrant]]) -> None:
    warrant = await make(account)
    await (await account.limited()).act(warrant)


async def outcome_of(account: Account, make: Callable[[Account], Awaitable[Warrant]]) -> None:
    warrant = await make(account)
    account.bench.cluster.advance(100)  # past the grant's end: until then it may still be on its way
    assert (await outcome(await account.limited(), warrant)).applied is not True


async def tell_event(account: Account) -> None:
    await account.bench.one_pod_crashes()
    item = await account.bench.port.get(port.DEPLOYMENTS, "shop", "web")
    target = account.workload().model_copy(update={"uid": item["metadata"]["uid"]})
    bench = await account.limited()
    events = Events(
        bench.port,
        bench.reader,
        cluster_uid=bench.uid,
        policy=bench.policy,
        halt=bench.switch,
        clock=bench.clock,
        on=True,
        bounds=bench.bounds,
    )
    telling = Telling(reason=EventReason.PLANNED, target=target, incident_id="inc-" + "a" * 24)
    call = TellEvent(telling=telling, failure=Failure.CRASHLOOP)
    assert (await environment_of(workflow_type=REMEDIATION).run(events.tell_event, call)).fate is EventFate.TOLD


DRIVEN: dict[str, Callable[[Account], Awaitable[object]]] = {
    READ_SITUATION.name: read_situation,
    READ_LOAD.name: read_load,
    READ_NODE.name: read_node,
    READ_FLOOR.name: read_floor,
    COUNT_TARGETS.name: count_targets,
    WATCH_CLUSTER.name: watch_cluster,
    REPORT_SYMPTOMS.name: report_symptoms,
    TELL_EVENT.name: tell_event,
    **{name: partial(done, make=make) for name, make in WARRANTS.items()},
}


def used(account: Account) -> set[tuple[str, str, str]]:
    assert account.port.refused == []
    return {(one.group, one.resource, one.verb) for one in account.port.asked}


def declared(*scopes: Rights) -> set[tuple[str, str, str]]:
    return {right.key for right in union(scopes).rights}


def test_every_act_on_a_cluster_is_among_these() -> None:
    assert {*DRIVEN, RESOLVE_OUTCOME.name} == {*EVERY_ACT}


@pytest.mark.claim("C-009")
@pytest.mark.parametrize("sight", list(Sight))
@pytest.mark.parametrize("name", sorted(DRIVEN))
async def test_an_act_asks_for_nothing_that_it_has_not_declared(bench: SimulatedBench, name: str, sight: Sight) -> None:
    account = Account(bench, sight)
    await DRIVEN[name](account)
    found, act = used(account), EVERY_ACT[name]
    assert found - {OWN} <= declared(act.needs, LENT.get(name, Rights()))
    assert found


@pytest.mark.claim("C-009")
@pytest.mark.parametrize("name", sorted(WARRANTS))
async def test_so_does_a_look_at_what_came_of_an_act_whose_answer_was_lost(bench: SimulatedBench, name: str) -> None:
    """It has no rights of its own: whoever may do the act may look at what came of it."""
    account = Account(bench, Sight.NAMESPACED)
    await outcome_of(account, WARRANTS[name])
    assert used(account) <= declared(RESOLVE_OUTCOME.needs) & declared(EVERY_ACT[name].needs)


@pytest.mark.claim("C-009")
@pytest.mark.parametrize("sight", list(Sight))
async def test_a_node_that_is_short_of_memory_is_read_with_the_rights_of_reading_a_node(
    bench: SimulatedBench, sight: Sight
) -> None:
    account = Account(bench, sight)
    await full_of_images(bench)
    await account.look(lambda bench: bench.load, Failure.MEMORY, account.node())
    found = used(account)
    assert ("", "pods/exec", "create") in found
    assert found - {OWN} <= declared(READ_NODE.needs)
    (memory,) = [runbook for runbook in RUNBOOKS if runbook.failure is Failure.MEMORY]
    assert READ_NODE in memory.acts


def test_every_act_that_declares_rights_is_granted_them_by_a_runbook_or_always() -> None:
    """Else its declaration would be a comment."""
    granted = declared(*(act.needs for act in ALWAYS), *(runbook.scope for runbook in RUNBOOKS))
    assert declared(*(act.needs for act in EVERY_ACT.values())) <= granted
