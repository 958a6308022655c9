"""What stands between a failed release and going back: whose Deployment it is, what it may have changed, what would break.

`failed_deploy_rollback.py` asks these once `byteport/kubernetes/release.py` has tried the release. A *hard* reason
refuses the act for everybody; a *soft* one keeps it from being done alone, and a person may still say yes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.blame import argued_otherwise
from byteport.kubernetes.ownership import Word
from byteport.kubernetes.pods import ContainerReading, PodReading, Role, State
from byteport.kubernetes.release import Trial
from byteport.kubernetes.revisions import KnownGood, pods_of
from byteport.kubernetes.rollouts import RolloutReading
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import CommonCause


class Guard(NamedTuple):
    """A reason, and the object or tool that it names."""

    reason: Reason
    culprit: str = ""


SOFT = frozenset(
    {
        Reason.SERVER_SIDE_APPLIED,
        Reason.OWNER_ASKS_APPROVAL,
        Reason.REVISION_HAS_SERVED,
        Reason.MIGRATION_UNDER_WAY,
        Reason.HOLDS_CLAIM,
        Reason.SHARED_SERVICE,
        Reason.CANARY,
        Reason.TARGET_NOT_AVAILABLE_NOW,
        Reason.CANNOT_TELL,
        Reason.NOT_ALLOW_LISTED,
    }
)
"""A person may say yes to a plan in spite of these; every other reason means that there is no plan."""

OWNERS = frozenset({Reason.GITOPS_MANAGED, Reason.OWNED_BY_CONTROLLER, Reason.SERVER_SIDE_APPLIED})
MUTATED = "mutated "
"""How a culprit begins that is a container which somebody else rewrites on its way."""
_NEEDED_READS = ("services", "jobs", "horizontalpodautoscalers", "events", "resourcequotas")
"""Optional reads: without one of them a guard of ours cannot tell, and a person must."""

_WAITING = frozenset({None, Cause.SLOW_START, Cause.UNSCHEDULABLE})


def owner_guards(rollout: RolloutReading) -> Iterator[Guard]:
    """Whose object it is, and who would undo us."""
    owner = rollout.ownership
    if owner.gitops:
        yield Guard(Reason.GITOPS_MANAGED, owner.gitops)
    if owner.controller or owner.robot:
        yield Guard(Reason.OWNED_BY_CONTROLLER, owner.controller or owner.robot)
    if rollout.foreign_autoscaler:
        yield Guard(Reason.OWNED_BY_CONTROLLER, f"HorizontalPodAutoscaler/{rollout.foreign_autoscaler}")
    if owner.applied_by:
        yield Guard(Reason.SERVER_SIDE_APPLIED, owner.applied_by)
    if owner.word is Word.APPROVAL:
        yield Guard(Reason.OWNER_ASKS_APPROVAL)


def traffic_guards(rollout: RolloutReading) -> Iterator[Guard]:
    """Several Deployments behind one name: then neither the blame nor the cure is this one's alone."""
    if rollout.ownership.canary:
        yield Guard(Reason.CANARY, rollout.ownership.canary)
    for service in rollout.shared_services[:1]:
        yield Guard(Reason.SHARED_SERVICE, f"Service/{service}")


def data_guards(situation: Situation, rollout: RolloutReading, good: KnownGood | None) -> Iterator[Guard]:
    """What the release may have changed for good, or holds on to: stored data, claims."""
    if rollout.migration_mark or rollout.migration_jobs:
        culprit = f"Job/{rollout.migration_jobs[0]}" if rollout.migration_jobs else rollout.migration_mark
        yield Guard(Reason.MIGRATION_UNDER_WAY, culprit)
    elif situation.surroundings.migrating:
        yield Guard(Reason.MIGRATION_UNDER_WAY, f"Job/{situation.surroundings.jobs[0].name}")
    elif good is not None and (name := _migrated_by(situation, rollout, good)):
        yield Guard(Reason.MIGRATION_UNDER_WAY, f"container {name}")
    claims = [*(rollout.newest.claims if rollout.newest else ()), *(good.revision.claims if good else ())]
    if claims:
        yield Guard(Reason.HOLDS_CLAIM, f"volume {claims[0]}")


def _migrated_by(situation: Situation, rollout: RolloutReading, good: KnownGood) -> str:
    """A container of the new release that may have run a migration: by its words, or an init container that is done.

    One that is as it was before has nothing new to migrate, and one that never ran has migrated nothing.
    """
    newest = rollout.newest
    if newest is None:
        return ""
    own = pods_of(newest, situation.pods)
    changes = good.revision.changes
    whole = bool(own) and len(own) >= newest.present
    for name in newest.migrating:
        if changes.of(name) and not (whole and all(_never_ran(pod, name) for pod in own)):
            return name
    for pod in own:
        for item in pod.containers:
            if item.role is Role.INIT and changes.of(item.name) and _done(item):
                return item.name
    return ""


def _done(container: ContainerReading) -> bool:
    return container.ended is not None and container.ended.exit_code == 0


def _never_ran(pod: PodReading, name: str) -> bool:
    item = next((found for found in pod.containers if found.name == name), None)
    return item is not None and item.state is State.WAITING and item.restarts == 0 and item.last is None


def target_guards(situation: Situation, good: KnownGood) -> Iterator[Guard]:
    """Whether what we would go back to can run now."""
    revision = good.revision
    if not revision.number:  # which one it is cannot be said to kubectl, to a person, or in a record
        yield Guard(Reason.CANNOT_TELL, f"ReplicaSet/{revision.name}")
    if not good.serves:
        yield Guard(Reason.TARGET_NOT_AVAILABLE_NOW, f"ReplicaSet/{revision.name}")
        held = {(ref.kind, ref.name) for pod in situation.pods if pod.ready for ref in pod.references}
        missing = [ref for ref in revision.references if not ref.optional and (ref.kind, ref.name) not in held]
        if missing:
            yield Guard(Reason.REFERENCES_MISSING, f"{missing[0].kind.value}/{missing[0].name}")
    elif gone := _gone_reference(situation, good):
        yield Guard(Reason.REFERENCES_MISSING, gone)
    if revision.quota_short:
        yield Guard(Reason.QUOTA_BLOCKS, f"ReplicaSet/{revision.name}")


def _gone_reference(situation: Situation, good: KnownGood) -> str:
    """A serving revision's configuration that its own pods cannot find any more: pods that still run have kept theirs."""
    for pod in pods_of(good.revision, situation.pods):
        if not pod.ready and pod.cause is Cause.CONFIG_ERROR:
            return f"Pod/{pod.name}"
    return ""


def place_guards(situation: Situation, rollout: RolloutReading, trial: Trial) -> Iterator[Guard]:
    """Causes that the release shares with others: a registry, a node, a zone; a mutator in between."""
    newest = rollout.newest
    own = pods_of(newest, situation.pods) if newest is not None else []
    mutated = next(((pod, item) for pod in own for item in pod.containers if item.mutated), None)
    if mutated is not None:
        yield Guard(Reason.OWNED_BY_CONTROLLER, f"{MUTATED}container {mutated[1].name} of Pod/{mutated[0].name}")
    failing = [pod for pod in own if pod.cause is not None]
    if trial.cause is Cause.BAD_IMAGE:
        registries = {item.registry for pod in failing for item in pod.containers if item.waiting.is_image}
        shared = registries & {*rollout.troubled_registries, *situation.surroundings.registries_failing}
        if shared:
            yield Guard(Reason.COMMON_CAUSE, f"registry {min(shared)}")
    alike = [pod for pod in situation.pods if newest is not None and _fails_alike(pod, newest.uid, trial.cause)]
    for pod in alike[:1]:
        yield Guard(Reason.COMMON_CAUSE, f"Pod/{pod.name}")
    nodes = {pod.node for pod in failing if pod.node}
    for node in sorted(nodes):
        if nodes == {node} and situation.surroundings.suspect(CommonCause.NODE, node) is not None:
            yield Guard(Reason.COMMON_CAUSE, f"Node/{node}")


def _fails_alike(pod: PodReading, newest_uid: str, cause: Cause) -> bool:
    """An older revision's pod that fails as well: by its image when that is the trouble, by anything else otherwise."""
    if pod.owner.replica_set_uid == newest_uid or pod.finished or pod.deleting or pod.cause in _WAITING:
        return False
    by_image = pod.cause is not None and pod.cause.value.startswith("image_")
    return by_image if cause is Cause.BAD_IMAGE else not pod.ready


def log_cause(situation: Situation) -> Cause | None:
    """What a log tail of unknown origin argues for; it may only ever argue for leaving things alone."""
    return argued_otherwise([situation.surroundings.loose_log])


def unread_guards(situation: Situation) -> Iterator[Guard]:
    """Reads that were refused, each of which answers a question above."""
    for plural in _NEEDED_READS:
        if plural in situation.denied:
            yield Guard(Reason.CANNOT_TELL, plural)
