"""Before the demo writes to a cluster of the user's own: what it would make, tried as a dry run, and asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from activities.kubernetes.client import connect
from activities.kubernetes.kubeconfig import default_paths
from byteport.contracts.acts import Queue
from byteport.kubernetes.port import NAMESPACES
from byteport.sandbox.controlplane.kubectl import KubectlFailed
from byteport.sandbox.demo.hands import ENABLED, PROGRESS_DEADLINE_SECONDS, KubectlHands
from byteport.sandbox.demo.manifests import deployment, namespace
from byteport.sandbox.demo.scenarios import ON_ANY_CLUSTER, SCENARIOS
from byteport.sandbox.demo.stage import APP, NEIGHBOUR
from workers.preflight import Check, Outcome, check_rights
from workers.processes import ROLES, Process
from workers.remedies import Amiss, remedy
from workers.wiring import uid_of

JSON = dict[str, Any]


class Preview(NamedTuple):
    """What was found without changing anything."""

    server: str
    cluster_uid: str
    checks: tuple[Check, ...]
    would_make: tuple[str, ...]
    left_out: tuple[str, ...]
    """Titles of the scenarios that are not shown: load and disks of a cluster of one's own are not the demo's."""
    in_the_way: tuple[str, ...]
    """Namespaces of the demo's names that exist already, and others that are enabled: neither is the demo's to touch."""

    @property
    def may_go_on(self) -> bool:
        return not self.in_the_way and all(check.outcome is not Outcome.FAILED for check in self.checks)


def default_kubeconfig() -> Path:
    """Where kubectl would look."""
    return default_paths()[0]


async def look(kubeconfig: Path, context: str) -> Preview:
    """Rights, the demo's objects as a server-side dry run, and what is in the way. Changes nothing."""
    hands = KubectlHands(kubeconfig, context, containers_run=True)
    async with await connect(kubeconfig, context) as cluster:
        uid = await uid_of(cluster)
        acts = [act for act in ROLES[Process.CLUSTER].acts if act.queue is Queue.CLUSTER]
        checks = [*await check_rights(cluster, acts), await _dry_run(hands)]
        enabled = await cluster.list(NAMESPACES, "", labels=f"{ENABLED}=true")
        taken = {
            *await hands.existing([scenario.namespace for scenario in ON_ANY_CLUSTER]),
            *(item["metadata"]["name"] for item in enabled.items),
        }
        would_make = tuple(f"{item['kind']} {item['metadata']['name']}" for item in objects())
        left_out = tuple(scenario.title for scenario in SCENARIOS if not scenario.any_cluster)
        return Preview(cluster.server, uid, tuple(checks), would_make, left_out, tuple(sorted(taken)))


def objects() -> Sequence[JSON]:
    """Everything that the demo makes at first."""
    made: list[JSON] = []
    for scenario in ON_ANY_CLUSTER:
        made.append(namespace(scenario.namespace, {ENABLED: "true"} if scenario.enabled else {}))
        made += [
            deployment(
                scenario.namespace,
                name,
                version=1,
                replicas=2,
                fault=None,
                deadline_seconds=PROGRESS_DEADLINE_SECONDS,
            )
            for name in (APP, NEIGHBOUR)
        ]
    return made


async def _dry_run(hands: KubectlHands) -> Check:
    """The API server's own opinion of one scenario's objects, in a namespace that exists: `default`."""
    tried = [item for item in objects() if item["kind"] == "Namespace"]
    tried.append(
        deployment("default", APP, version=1, replicas=2, fault=None, deadline_seconds=PROGRESS_DEADLINE_SECONDS)
    )
    try:
        await hands.try_all(tried)
    except KubectlFailed as error:
        said = error.stderr.strip().splitlines()[0] if error.stderr else "refused"
        return Check("dry run", Outcome.FAILED, said, remedy(Amiss.DEMO_REFUSED))
    return Check("dry run", Outcome.OK, "the API server would take every kind of object that the demo makes")
