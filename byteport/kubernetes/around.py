"""The surroundings of one target, filled from a `World`: the readings of `nodes`, `neighbours`, `replacement` and more.

Called by `reading.py` with the target's pods already classed. Everything here is optional evidence: a kind that was
refused leaves its part empty, and `World.denied` tells the runbook that it cannot tell.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from byteport.kubernetes import fields
from byteport.kubernetes.dependencies import dependencies
from byteport.kubernetes.events import EventReading
from byteport.kubernetes.label_selectors import selects
from byteport.kubernetes.logs import log_signature
from byteport.kubernetes.neighbours import Key, failing_registries, suspects
from byteport.kubernetes.nodes import read_node
from byteport.kubernetes.pods import Phase, PodReading
from byteport.kubernetes.replacement import blockers
from byteport.kubernetes.surroundings import Hold, RunningJob, Surroundings
from byteport.kubernetes.world import JSON, World

_INSTANCE = "app.kubernetes.io/instance"
_MIGRATION = re.compile(r"migrat|schema|db-?(?:upgrade|update|init|setup)|liquibase|flyway|alembic")
_BUDGET = re.compile(r"disruption budget ([a-z0-9][-a-z0-9.]{0,252})")


def read_surroundings(
    world: World,
    target: JSON | None,
    key: Key,
    own: Sequence[PodReading],
    everyone: Sequence[PodReading],
    events: tuple[EventReading, ...],
    *,
    holds: bool,
) -> Surroundings:
    """What is around the pods `own` of the target `key`; `target` is its object, where it was read.

    `holds` asks who holds on to single pods (leases, disruption budgets), which matters only where one may be deleted.
    """
    namespace = key[0]
    place = world.named("Namespace", "", namespace)
    of_nodes = tuple(event for event in events if event.about_kind == "Node")
    nodes = tuple(found for found in (read_node(node, of_nodes) for node in world.of("Node")) if found is not None)
    replica_sets = list(dict.fromkeys(pod.owner.replica_set for pod in own if pod.owner.replica_set))
    specs = _specs(world, namespace, own, target)
    refused = [found for spec in specs for found in blockers(world, namespace, replica_sets, spec, events)]
    return Surroundings(
        terminating=place is not None
        and (
            fields.metadata(place).get("deletionTimestamp") is not None
            or fields.at(place, "status", "phase") == "Terminating"
        ),
        not_enabled=fields.labels(place).get("byteport.io/enabled") == "false",
        nodes=nodes,
        suspects=suspects(everyone, nodes, events),
        registries_failing=failing_registries(everyone, key),
        blockers=tuple(dict.fromkeys(refused)),
        leases=_leases(world, namespace, own) if holds else (),
        budgets=_budgets(world, namespace, own) if holds else (),
        jobs=_jobs(world, namespace, target),
        dependencies=dependencies(world, own, everyone, events),
        loose_log=log_signature(world.log_tail),
    )


def _specs(world: World, namespace: str, own: Sequence[PodReading], target: JSON | None) -> list[object]:
    """The pod specs that would be made again: those of the failing pods, else the target's template."""
    wanted = [pod.name for pod in own if not pod.ready and not pod.finished][:3]
    found = [world.named("Pod", namespace, name) for name in wanted]
    live = [item.get("spec") for item in found if item is not None]
    return live or [fields.at(target, "spec", "template", "spec")]


def _leases(world: World, namespace: str, own: Sequence[PodReading]) -> tuple[Hold, ...]:
    """A holder's identity contains its pod's name, by every client library's habit."""
    found = []
    for lease in world.of("Lease", namespace):
        holder = fields.at(lease, "spec", "holderIdentity")
        name = fields.name(fields.metadata(lease).get("name"))
        found += [Hold(pod=pod.name, holder=name) for pod in own if isinstance(holder, str) and pod.name in holder]
    for kind in ("ConfigMap", "Endpoints"):
        for item in world.of(kind, namespace):
            record = fields.annotated(item).get("control-plane.alpha.kubernetes.io/leader")
            name = fields.name(fields.metadata(item).get("name"))
            found += [Hold(pod=pod.name, holder=name) for pod in own if isinstance(record, str) and pod.name in record]
    return tuple(found)


def _budgets(world: World, namespace: str, own: Sequence[PodReading]) -> tuple[Hold, ...]:
    found = {}
    for pod in own:
        answer = world.budget_refusals.get(pod.name)
        if answer is not None:
            named = _BUDGET.search(answer) if isinstance(answer, str) else None
            found[pod.name] = named.group(1) if named else fields.name(answer) or "unnamed"
    for pod in own:
        labels = fields.labels(world.named("Pod", namespace, pod.name))
        over = [
            budget
            for budget in world.of("PodDisruptionBudget", namespace)
            if selects(fields.at(budget, "spec", "selector"), labels) and pod.phase is not Phase.PENDING
        ]
        # The eviction API asks one budget; where several take the pod in, it refuses to answer.
        refusing = over if len(over) > 1 else [budget for budget in over if _budget_refuses(budget, pod)]
        if pod.name not in found and refusing:
            found[pod.name] = fields.name(fields.metadata(refusing[0]).get("name"))
    return tuple(Hold(pod=pod, holder=holder) for pod, holder in found.items())


def _budget_refuses(budget: JSON, pod: PodReading) -> bool:
    """The eviction API's own rule, for saved objects: nobody can be asked there."""
    spec, status = fields.mapping(budget.get("spec")), fields.mapping(budget.get("status"))
    if not pod.ready:
        healthy, desired = fields.count(status.get("currentHealthy")), fields.count(status.get("desiredHealthy"))
        if spec.get("unhealthyPodEvictionPolicy") == "AlwaysAllow" or (healthy >= desired > 0):
            return False
    return fields.count(status.get("disruptionsAllowed")) == 0


def _jobs(world: World, namespace: str, target: JSON | None) -> tuple[RunningJob, ...]:
    instance = fields.labels(target).get(_INSTANCE)
    found = []
    for job in world.of("Job", namespace):
        ended = any(fields.condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed", "Suspended"))
        if ended or fields.at(job, "status", "completionTime") is not None:
            continue
        name = fields.name(fields.metadata(job).get("name"))
        hook = fields.annotated(job).get("helm.sh/hook")
        migrating = bool(_MIGRATION.search(name)) or (
            isinstance(hook, str) and ("upgrade" in hook or "install" in hook)
        )
        same = isinstance(instance, str) and bool(instance) and fields.labels(job).get(_INSTANCE) == instance
        if same or migrating:
            found.append(RunningJob(name=name, same_instance=same, migration=migrating))
    return tuple(found)
