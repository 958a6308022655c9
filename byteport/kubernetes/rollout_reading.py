"""From a Deployment and its ReplicaSets to a `RolloutReading`, as kubectl reads history, without a verdict.

Called by `reading.py`; `release.py` and the rollback runbook judge. A ReplicaSet is a revision when the Deployment
controls it (by uid) and its selector takes it in; its number is the annotation `deployment.kubernetes.io/revision`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.changes import Changes, changes, container_names
from byteport.kubernetes.events import EventReading, read_events
from byteport.kubernetes.label_selectors import selects
from byteport.kubernetes.migrations import annotated, migrating_containers, migration_jobs
from byteport.kubernetes.owners import controlled, deleted
from byteport.kubernetes.ownership import read_ownership
from byteport.kubernetes.quota_room import quota_short
from byteport.kubernetes.references import references_of
from byteport.kubernetes.rollout_neighbours import (
    foreign_autoscaler,
    shared_services,
    troubled_nodes,
    troubled_registries,
)
from byteport.kubernetes.rollout_status import (
    REVISION_HISTORY,
    progress,
    read_condition,
    refusals,
    rollout_began,
    strategy,
)
from byteport.kubernetes.rollouts import (
    NO_DEADLINE,
    USUAL_DEADLINE,
    RevisionReading,
    RolloutReading,
)
from byteport.kubernetes.templates import (
    annotations_of,
    guard_digest,
    release_digest,
    template_digest,
    template_of,
    template_to_restore,
)
from byteport.kubernetes.world import JSON, World

REVISION = "deployment.kubernetes.io/revision"
MOST_EVENTS = 40
MOST_REVISIONS = 25

_NUMBER = re.compile(r"[0-9]{1,9}\Z")


def read_rollout(world: World, target: Target, remembered: frozenset[str] = frozenset()) -> RolloutReading | None:
    """The Deployment that `target` names, with its revisions; None when there is none, or when it cannot be read.

    `remembered` holds release digests that were once seen Available for the set time, whatever became of their pods.
    """
    deployment = world.named("Deployment", target.namespace, target.name) if target.kind == "Deployment" else None
    if deployment is None or (target.uid and fields.metadata(deployment).get("uid") != target.uid):
        return None
    uid = fields.uid(fields.metadata(deployment).get("uid"))
    if not uid or not template_of(deployment):
        return None
    selector = fields.at(deployment, "spec", "selector")
    own = controlled(world, "ReplicaSet", uid, target.namespace)
    found = [item for item in own if selects(selector, fields.labels(item))]
    try:
        return _read(world, deployment, uid, sorted(found, key=_order, reverse=True), remembered)
    except ValueError:  # a template that has no canonical form: there is nothing that could be compared or restored
        return None


def revision_number(item: JSON) -> int:
    """kubectl's number of a ReplicaSet or Deployment; 0 when it has none."""
    value = annotations_of(item).get(REVISION)
    return int(value) if isinstance(value, str) and _NUMBER.match(value) else 0


def _order(item: JSON) -> tuple[int, str]:
    return revision_number(item), str(fields.metadata(item).get("creationTimestamp") or "")


def _read(
    world: World, deployment: JSON, uid: str, replica_sets: Sequence[JSON], remembered: frozenset[str]
) -> RolloutReading:
    spec, status = fields.mapping(deployment.get("spec")), fields.mapping(deployment.get("status"))
    template = template_of(deployment)
    newest = newest_of(deployment, replica_sets)
    events = read_events(world, fields.name(fields.metadata(deployment).get("namespace")))
    seen = frozenset(world.each(_pod_names))
    wanted = spec.get("replicas")
    replicas = 1 if wanted is None else fields.count(wanted)
    made = [at for item in replica_sets if (at := fields.instant(fields.metadata(item).get("creationTimestamp")))]
    ownership = read_ownership(deployment, made, world.now)

    def revision(item: JSON) -> RevisionReading:
        about = _about(events, item, seen) if item is newest else ()
        return _revision(world, item, newest, replicas, remembered, about)

    head = revision(newest) if newest is not None else None
    unavailable, all_at_once = strategy(spec, replicas)
    deadline = fields.whole(spec.get("progressDeadlineSeconds"))
    own = frozenset(fields.uid(fields.metadata(item).get("uid")) for item in replica_sets)
    began = rollout_began(newest, replica_sets, ownership.template_set_at)
    return RolloutReading(
        uid=uid,
        revision=revision_number(newest) if newest is not None else revision_number(deployment),
        template_digest=template_digest(template),
        release_digest=release_digest(template),
        guard_digest=guard_digest(deployment),
        generation=fields.count(fields.metadata(deployment).get("generation")),
        observed_generation=fields.count(status.get("observedGeneration")),
        created_at=fields.instant(fields.metadata(deployment).get("creationTimestamp")),
        paused=spec.get("paused") is True,
        deleting=deleted(deployment),
        replicas=replicas,
        present=fields.count(status.get("replicas")),
        updated=fields.count(status.get("updatedReplicas")),
        ready=fields.count(status.get("readyReplicas")),
        available=fields.count(status.get("availableReplicas")),
        unavailable=fields.count(status.get("unavailableReplicas")),
        max_unavailable=unavailable,
        min_ready_seconds=fields.count(spec.get("minReadySeconds")),
        deadline_seconds=USUAL_DEADLINE if deadline is None or deadline < 0 else min(deadline, NO_DEADLINE),
        history_limit=10
        if spec.get("revisionHistoryLimit") is None
        else fields.count(spec.get("revisionHistoryLimit")),
        recreate=fields.at(spec, "strategy", "type") == "Recreate",
        all_at_once=all_at_once,
        progress=progress(deployment, head.name if head is not None else ""),
        progressing=read_condition(deployment, "Progressing"),
        availability=read_condition(deployment, "Available"),
        refusals=refusals(deployment, head, world.now),
        began_at=began,
        newest=head,
        older=tuple(revision(item) for item in _worth_reading(replica_sets, newest)),
        ownership=ownership,
        foreign_autoscaler=foreign_autoscaler(world, deployment),
        shared_services=shared_services(world, deployment),
        troubled_nodes=troubled_nodes(world, own),
        troubled_registries=troubled_registries(world, own),
        migration_mark=annotated(deployment) or annotated(template),
        migration_jobs=migration_jobs(world, deployment, began),
    )


def _worth_reading(replica_sets: Sequence[JSON], newest: JSON | None) -> list[JSON]:
    """The older revisions: the latest of them, and whichever still have pods; a history may be kept very long."""
    older = [item for item in replica_sets if item is not newest]
    return older[:MOST_REVISIONS] + [
        item for item in older[MOST_REVISIONS:] if fields.count(fields.at(item, "status", "replicas")) > 0
    ]


def newest_of(deployment: JSON, replica_sets: Sequence[JSON]) -> JSON | None:
    """The ReplicaSet of the Deployment's present template; `replica_sets` are its own, newest first.

    As the controller finds it, by the template itself. Where none is equal (a saved object may lack what the server
    fills in), the number counts, provided that the controller has seen the present spec.
    """
    wanted = template_digest(template_of(deployment))
    for item in replica_sets:
        if template_digest(template_to_restore(item)) == wanted:
            return item
    seen = fields.count(fields.at(deployment, "status", "observedGeneration"))
    number = revision_number(deployment)
    if number and seen >= fields.count(fields.metadata(deployment).get("generation")):
        return next((item for item in replica_sets if revision_number(item) == number), None)
    return None


def _revision(
    world: World,
    item: JSON,
    newest: JSON | None,
    replicas: int,
    remembered: frozenset[str],
    events: tuple[EventReading, ...],
) -> RevisionReading:
    template = template_of(item)
    release = release_digest(template)
    images = [fields.image(found.get("image")) for found in fields.entries(fields.at(template, "spec", "containers"))]
    return RevisionReading(
        number=revision_number(item),
        name=fields.name(fields.metadata(item).get("name")),
        uid=fields.uid(fields.metadata(item).get("uid")),
        restore_digest=template_digest(template_to_restore(item)),
        release_digest=release,
        created_at=fields.instant(fields.metadata(item).get("creationTimestamp")),
        reused=REVISION_HISTORY in annotations_of(item),
        deleting=deleted(item),
        replicas=fields.count(fields.at(item, "spec", "replicas")),
        present=fields.count(fields.at(item, "status", "replicas")),
        ready=fields.count(fields.at(item, "status", "readyReplicas")),
        available=fields.count(fields.at(item, "status", "availableReplicas")),
        remembered=release in remembered,
        containers=container_names(template),
        images=tuple(images),
        references=references_of(fields.at(template, "spec")),
        changes=Changes() if newest is None or item is newest else changes(template, template_of(newest)),
        migrating=migrating_containers(template),
        quota_short=quota_short(world, item, newest if item is not newest else None, replicas),
        events=events,
    )


def _pod_names(world: World) -> tuple[str, ...]:
    return tuple(fields.name(fields.metadata(pod).get("name")) for pod in world.of("Pod"))


def _about(events: tuple[EventReading, ...], replica_set: JSON, seen: frozenset[str]) -> tuple[EventReading, ...]:
    """Events about the ReplicaSet, and about pods of its name whose objects are not there to be read."""
    name = fields.name(fields.metadata(replica_set).get("name"))
    of_pod = re.compile(re.escape(name) + r"-[a-z0-9]{4,10}\Z")
    found = [
        event
        for event in events
        if (event.about_kind == "ReplicaSet" and event.about == name)
        or (event.about_kind == "Pod" and event.about not in seen and bool(name) and of_pod.match(event.about))
    ]
    return tuple(found[-MOST_EVENTS:])
