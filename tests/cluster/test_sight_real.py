"""Namespaced sight on a real API server: the agent's own token, the roles of an installation, and nothing else.

Two namespaces are given, one fails beside them without a label. What was asked, and what was refused, is told by the API
server's own audit log.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.kubernetes.client import KubernetesCluster, connect, kube_system_uid
from activities.kubernetes.counting import Counting
from activities.kubernetes.node_situations import NodeReader
from activities.kubernetes.situations import SituationReader
from byteport.boundary.names import CEILINGS, ENABLED_LABEL, NAMESPACE
from byteport.boundary.roles import of_namespace
from byteport.contracts.kubernetes import CountTargets, ReadSituation
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.failures import Failure
from byteport.domain.modes import Mode
from byteport.domain.targets import Target
from byteport.kubernetes.node_reading import OTHER_PODS, PULL_EVENTS
from byteport.sandbox.controlplane import AGENT_USER, ControlPlane, Fault
from byteport.sandbox.controlplane.components import write_kubeconfig
from tests.cluster.boundary.conftest import guarded
from tests.cluster.boundary.installed import FORBIDDEN, Installed, asked
from tests.cluster.workloads import Namespace, eventually, fault_annotations
from tests.integration.activities.real_bench import RealBench
from tests.integration.activities.watching import Inbox, Watching, watching
from tests.integration.cluster_port.stages import RealStage

__all__ = ["guarded"]

JSON = dict[str, Any]

MERGE = "application/merge-patch+json"
NOTICED_AT = 2
"""By which of its looks at what is given the watch has noticed a namespace: the first may have begun just before."""
CEILING = Ceiling(mode=Mode.DRY_RUN)


@pytest.fixture
def places(guarded: Installed) -> Iterator[dict[str, Namespace]]:
    """`shop` and `stock`, which are given; `late`, which will be; `private`, which never is. In each `web` crashes."""
    made = {name: Namespace(guarded.plane, f"{name}-{secrets.token_hex(3)}") for name in PLACES}
    for place in made.values():
        place.create()
        fails(place, "web")
    for name in ("shop", "stock"):
        give(guarded, made[name].name)
    yield made
    for place in made.values():
        name_in_config(guarded, place.name, None)
        place.delete()


PLACES = ("shop", "stock", "late", "private")


@pytest_asyncio.fixture
async def agent(guarded: Installed, tmp_path: Path) -> AsyncIterator[KubernetesCluster]:
    """The agent's port, with a token that is bound to its pod."""
    plane = guarded.plane
    authority = plane.state_dir / "pki" / "ca.crt"
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", plane.server, authority, "agent", guarded.token())
    async with await connect(kubeconfig) as port:
        yield port


@pytest_asyncio.fixture
async def bench(
    guarded: Installed, agent: KubernetesCluster, places: dict[str, Namespace], tmp_path: Path
) -> AsyncIterator[RealBench]:
    async with await connect(guarded.plane.kubeconfig) as admin:
        stage = RealStage(guarded.plane, admin, places["shop"].name)
        yield RealBench(tmp_path, guarded.plane, agent, stage, await kube_system_uid(admin))


def fails(place: Namespace, name: str) -> None:
    """A Deployment whose only pod is in a crash loop."""
    place.deploy(name, annotations=fault_annotations(Fault.CRASH))
    eventually(lambda: "CrashLoopBackOff" in str(place.container(name)))


def name_in_config(guarded: Installed, name: str, value: str | None) -> None:
    """A key of the installation's ConfigMap by which namespaces are given; None takes it away."""
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}"
    guarded.plane.api.call("PATCH", path, {"data": {name: value}}, content_type=MERGE)


def give(guarded: Installed, name: str) -> None:
    """As `byteport enable`: roles, label, and the name last."""
    guarded.enable(name, CEILING)
    name_in_config(guarded, name, CEILING.model_dump_json())


def take(guarded: Installed, name: str) -> None:
    """As `byteport disable`: the name first, then label and roles."""
    name_in_config(guarded, name, None)
    guarded.plane.kubectl("label", "namespace", name, f"{ENABLED_LABEL}-")
    bindings = [item for item in of_namespace(name, CEILING, guarded.choices) if item["kind"].endswith("Binding")]
    guarded.remove(bindings)


def requests(plane: ControlPlane, since: int) -> list[JSON]:
    """What the agent asked of the API server since then, from its audit log."""
    return plane.audit_events(user=AGENT_USER, since=since)


def about(events: list[JSON], name: str) -> list[JSON]:
    """Those that name a namespace, or are about its own object."""

    def names(event: JSON) -> bool:
        reference = event.get("objectRef") or {}
        itself = reference.get("resource") == "namespaces" and reference.get("name") == name
        return itself or reference.get("namespace") == name

    return [event for event in events if names(event)]


def looks_before(events: list[JSON], name: str) -> int:
    """How often the agent looked at what is given from when the name was written there until it first asked about it."""
    where = [(event.get("objectRef") or {}).get("name") for event in events]
    told = next(at for at, event in enumerate(events) if where[at] == CEILINGS and event["verb"] == "patch")
    mine = [event for event in events[told:] if event["user"]["username"] == AGENT_USER]
    asked = next(at for at, event in enumerate(mine) if about([event], name))
    return sum((event.get("objectRef") or {}).get("name") == CEILINGS for event in mine[:asked])


def reported(inbox: Inbox) -> set[str]:
    return {signal.target.namespace for signal in inbox.signals}


def streams(watched: Watching, place: Namespace) -> list[str]:
    """Bookmarks of that namespace in the last heartbeat."""
    last = watched.heartbeats[-1] if watched.heartbeats else {}
    return [name for name in last if name.endswith(f"/{place.name}")]


@pytest.mark.claim("C-025")
async def test_namespaces_come_and_go_under_the_watch_and_the_unlabelled_one_is_never_asked_about(
    guarded: Installed, bench: RealBench, places: dict[str, Namespace]
) -> None:
    inbox, since = Inbox(), guarded.plane.audit_position()
    shop, stock, late, private = (places[name] for name in PLACES)
    async with watching(bench, inbox, sight=Sight.NAMESPACED) as watched:
        await watched.until(lambda: reported(inbox) == {shop.name, stock.name})
        await watched.until(lambda: len(streams(watched, shop)) == 3)

        given = guarded.plane.audit_position()
        await asyncio.to_thread(give, guarded, late.name)
        await watched.until(lambda: late.name in reported(inbox))
        assert looks_before(guarded.plane.audit_events(since=given), late.name) <= NOTICED_AT

        await asyncio.to_thread(take, guarded, stock.name)
        await watched.until(lambda: not streams(watched, stock))
        before = guarded.plane.audit_position()
        for place in (private, stock, shop):
            await asyncio.to_thread(fails, place, "api")
        await watched.until(lambda: (shop.name, "api") in targets(inbox))
        assert (stock.name, "api") not in targets(inbox)
        assert about(requests(guarded.plane, before), stock.name) == []
    asked_for = requests(guarded.plane, since)
    assert asked_for
    assert about(asked_for, private.name) == []
    assert private.name not in reported(inbox)
    refused = [event for event in asked_for if event.get("responseStatus", {}).get("code") == FORBIDDEN]
    assert {(event["objectRef"].get("namespace"), event["objectRef"].get("name")) for event in refused} <= {
        (stock.name, None),
        (stock.name, stock.name),
    }


def targets(inbox: Inbox) -> set[tuple[str, str]]:
    return {(signal.target.namespace, signal.target.name) for signal in inbox.signals}


@pytest.mark.claim("C-025")
async def test_readers_ask_only_for_what_was_given_and_say_what_they_cannot_tell(
    guarded: Installed, bench: RealBench, places: dict[str, Namespace]
) -> None:
    since, uid, sight = guarded.plane.audit_position(), bench.uid, Sight.NAMESPACED
    reader = SituationReader(bench.port, cluster_uid=uid, policy=bench.policy, clock=bench.clock, sight=sight)
    for name, enabled in (("shop", True), ("stock", True), ("private", False), ("late", False)):
        target = Target(cluster_uid=uid, namespace=places[name].name, kind="Deployment", name="web")
        seen = await reader.look(ReadSituation(target=target, failure=Failure.CRASHLOOP))
        assert seen.enabled is enabled
        assert bool(seen.situation.pods) is enabled
    nodes = NodeReader(bench.port, cluster_uid=uid, policy=bench.policy, clock=bench.clock, sight=sight)
    node = guarded.plane.api.call("GET", "/api/v1/nodes")["items"][0]["metadata"]["name"]
    guarded.plane.kubectl("label", "node", node, f"{ENABLED_LABEL}=true", "--overwrite")
    try:
        of_node = Target(cluster_uid=uid, namespace="", kind="Node", name=node)
        seen = await nodes.look(ReadSituation(target=of_node, failure=Failure.DISK))
    finally:
        guarded.plane.kubectl("label", "node", node, f"{ENABLED_LABEL}-")
    assert seen.situation.node is not None
    assert seen.situation.node.unseen_pods
    assert {OTHER_PODS, PULL_EVENTS} <= seen.situation.denied
    counting = Counting(bench.port, bench.policy, cluster_uid=uid, sight=sight)
    counted = await counting.count_targets(CountTargets(cluster_uid=uid))
    assert counted.workloads >= 2
    asked_for = requests(guarded.plane, since)
    for name in ("private", "late"):
        assert about(asked_for, places[name].name) == []
    assert [event for event in asked_for if event.get("responseStatus", {}).get("code") == FORBIDDEN] == []


@pytest.mark.claim("C-007")
def test_what_was_not_given_cannot_be_read_at_all(guarded: Installed, places: dict[str, Namespace]) -> None:
    api, private = guarded.agent(), places["private"].name
    for path in ("", "/pods", "/events", "/services", "/configmaps", "/secrets"):
        assert asked(api, "GET", f"/api/v1/namespaces/{private}{path}").by_rights
    for path in ("/api/v1/pods", "/api/v1/namespaces", "/apis/apps/v1/deployments", "/api/v1/events"):
        assert asked(api, "GET", path).by_rights
    assert asked(api, "GET", f"/api/v1/namespaces/{places['shop'].name}/pods").status == 200
