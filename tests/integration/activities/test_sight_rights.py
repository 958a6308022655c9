"""Not one right is used beyond those that the roles grant: every reader and a round of the watch, for each runbook alone.

The port is an account with exactly the roles that an installation and `byteport enable` make. What is refused there must
be what the runbooks themselves call optional, and nothing is ever asked about a namespace that was not given.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from activities.kubernetes import watch
from activities.kubernetes.counting import Counting
from activities.kubernetes.floors import Floors
from activities.kubernetes.gather_load import LoadReader
from activities.kubernetes.node_situations import NodeReader
from activities.kubernetes.situations import Looker, SituationReader
from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.needs import placed_rights
from byteport.contracts.kubernetes import (
    READ_LOAD,
    READ_NODE,
    CountTargets,
    ReadFloor,
    ReadSituation,
    Seen,
)
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.policy import Mode, VerdictKind, judge
from byteport.domain.reasons import Reason
from byteport.domain.signals import SignalType
from byteport.domain.targets import Target
from byteport.kubernetes import port
from byteport.kubernetes.world import World
from byteport.runbooks.catalogue import RUNBOOKS, switched_off
from tests.builders.asking import signal_on
from tests.integration.activities.autoscaled import autoscaler
from tests.integration.activities.granted import Asked, Granted, give
from tests.integration.activities.pruned import NODE, full_of_images
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import Inbox, watching

CHOSEN = (EVERY_RUNBOOK, *(frozenset({runbook.name}) for runbook in RUNBOOKS))
"""All of them, and each alone."""
QUIET = {"MemoryPressureRunbook", "CpuSpikeRunbook"}
"""Nothing of theirs is wrong here."""
FOREIGN = "guards"
"""Where the service behind a webhook lies: nobody gave that namespace to us."""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_SECONDS", 0.02)
    monkeypatch.setattr(watch, "REFRESH_SECONDS", 0.05)


@pytest.fixture
async def busy(bench: SimulatedBench) -> SimulatedBench:
    """Trouble of every kind in `shop`, the same beside it in `stock` and, unlabelled, in `private`; a full node."""
    await full_of_images(bench)  # first: the time that this takes would be lived through by every crashing pod
    for name in ("stock", "private"):
        await bench.cluster.deploy(f"{name}/web", image="web:1", fault="crash", replicas=6)
    await give(bench, "shop", "stock")
    await bench.one_pod_crashes()
    await bench.a_release_fails("api")
    await bench.create(autoscaler("web"))
    await bench.cluster.apply(webhook())
    return bench


def webhook() -> port.JSON:
    """Asked before any pod is made, and answered in a namespace of its own."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "guard"},
        "webhooks": [
            {
                "name": "guard.example.com",
                "failurePolicy": "Fail",
                "clientConfig": {"service": {"namespace": FOREIGN, "name": "guard"}},
                "rules": [{"resources": ["pods"], "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"]}],
            }
        ],
    }


def endpoints() -> port.JSON:
    """Somebody does answer it."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "guard-1", "namespace": FOREIGN, "labels": {"kubernetes.io/service-name": "guard"}},
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
    }


def account(bench: SimulatedBench, choices: Choices) -> Granted:
    granted = Granted(bench, choices)
    granted.bind("shop")
    granted.bind("stock")
    return granted


class Readers:
    """Every reader of the cluster worker, on one account."""

    def __init__(self, bench: SimulatedBench, agent: Granted, sight: Sight, off: frozenset[Failure]) -> None:
        self._bench, self._uid, policy, clock = bench, bench.uid, bench.policy, bench.clock
        self.situation = SituationReader(agent, cluster_uid=bench.uid, policy=policy, clock=clock, sight=sight, off=off)
        self.node = NodeReader(agent, cluster_uid=bench.uid, policy=policy, clock=clock, sight=sight, off=off)
        self.load = LoadReader(
            agent, cluster_uid=bench.uid, policy=policy, clock=clock, nodes=self.node, sight=sight, off=off
        )
        self.floors = Floors(agent, self.situation, policy, cluster_uid=bench.uid)
        self.counting = Counting(agent, policy, cluster_uid=bench.uid, sight=sight)

    async def look(self, failure: Failure) -> list[Seen]:
        """As the failure's runbook looks: at a workload, at a node, or at either."""
        runbook = next(one for one in RUNBOOKS if one.failure is failure)
        readers: dict[str, Looker] = {READ_LOAD.name: self.load, READ_NODE.name: self.node}
        reader = readers.get(runbook.reads.name, self.situation)
        node = Target(cluster_uid=self._uid, namespace="", kind="Node", name=NODE)
        of_workload = Target(cluster_uid=self._uid, namespace="shop", kind="Deployment", name="web")
        targets = {Failure.DISK: [node], Failure.MEMORY: [of_workload, node]}.get(failure, [of_workload])
        return [await reader.look(ReadSituation(target=target, failure=failure)) for target in targets]


def optional(choices: Choices) -> set[tuple[str, str, str]]:
    """What a runbook that is on calls optional, and what no runbook that is on wants at all."""
    every = placed_rights(choices.model_copy(update={"runbooks": EVERY_RUNBOOK}))
    chosen = {placed.key for placed in placed_rights(choices)}
    return {placed.key for placed in every if placed.right.optional or placed.key not in chosen}


def keys(asked: Iterable[Asked]) -> set[tuple[str, str, str]]:
    return {(one.group, one.resource, one.verb) for one in asked}


@pytest.mark.claim("C-025")
@pytest.mark.parametrize("sight", list(Sight))
async def test_no_reader_needs_a_right_that_the_roles_do_not_grant(busy: SimulatedBench, sight: Sight) -> None:
    for on in CHOSEN:
        choices = Choices(runbooks=on, sight=sight, helper=True)
        agent, off = account(busy, choices), switched_off(on)
        readers = Readers(busy, agent, sight, off)
        for failure in Failure:
            for seen in await readers.look(failure):
                assert seen.enabled is (failure not in off)
        assert (await readers.counting.count_targets(CountTargets(cluster_uid=busy.uid))).workloads == 3
        if Failure.CPU not in off:
            target = Target(cluster_uid=busy.uid, namespace="shop", kind="Deployment", name="web")
            assert (await readers.floors.read_floor(ReadFloor(target=target, autoscaler="web"))).found
        assert keys(agent.refused) <= optional(choices)
        if on == EVERY_RUNBOOK:
            foreign = {("discovery.k8s.io", "endpointslices", "list")} if sight is Sight.NAMESPACED else set()
            assert keys(agent.refused) == foreign
            assert {one.namespace for one in agent.refused} <= {FOREIGN}


@pytest.mark.claim("C-025")
@pytest.mark.parametrize("sight", list(Sight))
async def test_no_round_of_the_watch_needs_a_right_that_the_roles_do_not_grant(
    busy: SimulatedBench, sight: Sight
) -> None:
    for on in CHOSEN:
        choices = Choices(runbooks=on, sight=sight, helper=True)
        agent, off, inbox = account(busy, choices), switched_off(on), Inbox()
        async with watching(busy, inbox, cluster=agent, sight=sight, off=off, look_again_seconds=0.02) as watched:
            await watched.until(lambda: len(watched.heartbeats) > 30)
        assert agent.refused == []
        assert {signal.failure for signal in inbox.signals}.isdisjoint(off)
        assert {signal.target.namespace for signal in inbox.signals} <= {"shop", "stock", ""}
        assert inbox.signals or on <= QUIET


@pytest.mark.claim("C-025")
async def test_in_namespaced_sight_nothing_is_ever_asked_about_a_namespace_that_was_not_given(
    busy: SimulatedBench,
) -> None:
    agent, inbox = account(busy, Choices(helper=True)), Inbox()
    readers = Readers(busy, agent, Sight.NAMESPACED, frozenset())
    for failure in Failure:
        await readers.look(failure)
    target = Target(cluster_uid=busy.uid, namespace="private", kind="Deployment", name="web")
    for reader in (readers.situation, readers.load):
        assert not (await reader.look(ReadSituation(target=target, failure=Failure.CRASHLOOP))).enabled
    await readers.floors.read_floor(ReadFloor(target=target, autoscaler="web"))
    await readers.counting.count_targets(CountTargets(cluster_uid=busy.uid))
    async with watching(busy, inbox, cluster=agent, sight=Sight.NAMESPACED, look_again_seconds=0.05) as watched:
        await watched.until(lambda: bool(inbox.signals))
    assert agent.about("private") == []
    everywhere = {one.resource for one in agent.asked if one.namespace == "" and one.verb in ("list", "watch")}
    assert everywhere <= {"nodes", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"}


async def test_what_fails_beside_a_pod_is_seen_in_every_namespace_that_was_given_as_in_cluster_sight(
    busy: SimulatedBench,
) -> None:
    looked = {}
    for sight in Sight:
        agent = account(busy, Choices(sight=sight, helper=True))
        (seen,) = await Readers(busy, agent, sight, frozenset()).look(Failure.CRASHLOOP)
        looked[sight] = seen.situation.surroundings.suspects
    assert looked[Sight.NAMESPACED] == looked[Sight.CLUSTER]
    assert looked[Sight.CLUSTER]


async def test_who_answers_a_webhook_in_a_namespace_that_may_not_be_seen_cannot_be_told_so_no_pod_is_deleted_alone(
    bench: SimulatedBench,
) -> None:
    await give(bench, "shop", "stock")
    await bench.one_pod_crashes()
    await bench.cluster.apply(webhook(), endpoints())
    runbook = next(one for one in RUNBOOKS if one.failure is Failure.CRASHLOOP)
    reasons = {}
    for sight in Sight:
        agent = account(bench, Choices(sight=sight))
        (seen,) = await Readers(bench, agent, sight, frozenset()).look(Failure.CRASHLOOP)
        signal = signal_on(seen.situation.target, SignalType.POD_CRASHLOOP, at=World(now=bench.clock(), objects=()))
        diagnosis = runbook.diagnose(signal, seen.situation)
        plan = runbook.propose(diagnosis, seen.situation, seen.policy)
        verdict = judge(Mode.AUTO, plan, diagnosis, seen.standing, seen.policy)
        reasons[sight] = (verdict.kind, Reason.CANNOT_TELL in verdict.reasons)
    assert reasons == {
        Sight.NAMESPACED: (VerdictKind.ESCALATE, True),
        Sight.CLUSTER: (VerdictKind.ACT, False),
    }
