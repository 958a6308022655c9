"""The Deployment controller: revisions, rolling updates and recreation, pausing, history.

Comes after `scaling.py` (how many) and `rollouts.py` (what it says of itself), before `simulation.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from byteport.kubernetes.port import DEPLOYMENTS, PODS, REPLICA_SETS
from byteport.sandbox.simulated import events, rollouts, scaling
from byteport.sandbox.simulated.conditions import condition
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.scaling import Bounds, bounds_of, size
from byteport.sandbox.simulated.store import Store, owner_reference
from byteport.sandbox.simulated.templates import HASH_LABEL, same_template, template_hash

JSON = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
_OWN = (REVISION, HISTORY, scaling.DESIRED, scaling.MAXIMUM, "kubectl.kubernetes.io/last-applied-configuration")


class Deployments:
    """All Deployments of the cluster. `due` is when the next progress deadline passes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at_rest: dict[str, tuple[str, ...]] = {}
        """By uid, the versions of a Deployment and its ReplicaSets that the last look has left as they were."""
        self._due: tuple[int, datetime | None] = (-1, None)

    @property
    def due(self) -> datetime | None:
        if self._due[0] != self._store.changes:
            times = map(rollouts.times_out_at, self._store.all(DEPLOYMENTS))
            self._due = self._store.changes, min((at for at in times if at), default=None)
        return self._due[1]

    def sync(self, now: datetime) -> None:
        at_rest: dict[str, tuple[str, ...]] = {}
        for deployment in self._store.all(DEPLOYMENTS):
            metadata = deployment["metadata"]
            if metadata.get("deletionTimestamp"):
                continue
            versions = self._versions(deployment)
            if self._at_rest.get(metadata["uid"]) != versions or _by_more_than_these(deployment, now):
                _Sync(self._store, deployment, now).run()
                current = self._store.find(DEPLOYMENTS, metadata["namespace"], metadata["name"])
                if current is None or self._versions(current) != versions:
                    continue
            at_rest[metadata["uid"]] = versions
        self._at_rest = at_rest

    def _versions(self, deployment: JSON) -> tuple[str, ...]:
        own = deployment["metadata"]["resourceVersion"]
        return own, *(item["metadata"]["resourceVersion"] for item in self._store.owned(REPLICA_SETS, deployment))


class _Sync:
    """One look at one Deployment."""

    def __init__(self, store: Store, deployment: JSON, now: datetime) -> None:
        self._store, self._now, self._was = store, now, deployment
        self._deployment = copied(deployment)
        self._status: JSON = self._deployment.setdefault("status", {})
        self._bounds: Bounds = bounds_of(deployment)

    def run(self) -> None:
        spec = self._deployment["spec"]
        self._mark_paused(paused=spec.get("paused", False))
        resting = spec.get("paused") or self._is_scaling()
        if resting:
            self._scale_all()
        elif spec["strategy"]["type"] == "Recreate":
            self._recreate()
        else:
            new = self._newest(create=True)
            self._resize(new, scaling.new_size(self._bounds, new, self._all()))
            new = self._newest(create=True)
            old = self._old(new)
            for item, wanted in zip(old, scaling.old_sizes(self._bounds, new, old), strict=True):
                self._resize(item, wanted)
        self._report(progress=not resting)

    def _all(self) -> list[JSON]:
        return self._store.owned(REPLICA_SETS, self._deployment)

    def _old(self, new: JSON | None) -> list[JSON]:
        """The others that still have replicas, oldest first."""
        uid = new["metadata"]["uid"] if new else ""
        return [item for item in self._all() if item["metadata"]["uid"] != uid and size(item) > 0]

    def _newest(self, *, create: bool) -> JSON:
        """The ReplicaSet of the template, with the newest revision; made if need be. Empty if there is none."""
        template, every = self._deployment["spec"]["template"], self._all()
        new = next((item for item in every if same_template(item["spec"]["template"], template)), None)
        if new is None and not create:
            return {}
        older = [item for item in every if item is not new]
        revision = max([_revision(item) for item in older], default=0) + 1
        if new is None:
            new = self._create(template, revision)
        else:
            revision = max(revision, _revision(new))
            self._renew(new, revision)
            if not condition(self._status, "Progressing"):
                message = f'Found new replica set "{new["metadata"]["name"]}"'
                rollouts.announce(self._status, self._now, "FoundNewReplicaSet", message)
        self._deployment["metadata"].setdefault("annotations", {})[REVISION] = str(revision)
        return self._again(new)

    def _renew(self, new: JSON, revision: int) -> None:
        annotations = dict(new["metadata"]["annotations"])
        self._annotate(annotations)
        if _revision(new) < revision:
            past = [*annotations.get(HISTORY, "").split(","), annotations[REVISION]]
            annotations |= {HISTORY: ",".join(filter(None, past)), REVISION: str(revision)}
        wait = self._deployment["spec"].get("minReadySeconds", 0)
        if annotations == new["metadata"]["annotations"] and wait == new["spec"].get("minReadySeconds", 0):
            return
        with self._store.edited(new) as draft:
            draft["metadata"]["annotations"] = annotations
            draft["spec"].pop("minReadySeconds", None)
            if wait:
                draft["spec"]["minReadySeconds"] = wait

    def _create(self, template: JSON, revision: int) -> JSON:
        metadata, spec = self._deployment["metadata"], self._deployment["spec"]
        hashed = template_hash(template, self._status.get("collisionCount", 0))
        made = copied(template)
        made["metadata"].setdefault("labels", {})[HASH_LABEL] = hashed
        selector = copied(spec["selector"])
        selector.setdefault("matchLabels", {})[HASH_LABEL] = hashed
        annotations: dict[str, str] = {REVISION: str(revision)} | self._sizes()
        self._annotate(annotations)
        new = self._store.create(
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": f"{metadata['name']}-{hashed}",
                    "namespace": metadata["namespace"],
                    "labels": dict(made["metadata"]["labels"]),
                    "annotations": annotations,
                    "ownerReferences": [owner_reference(self._deployment)],
                },
                "spec": {
                    "replicas": 0,
                    "selector": selector,
                    "template": made,
                    **({"minReadySeconds": spec["minReadySeconds"]} if "minReadySeconds" in spec else {}),
                },
                "status": {"replicas": 0},
            }
        )
        message = f'Created new replica set "{new["metadata"]["name"]}"'
        rollouts.announce(self._status, self._now, "NewReplicaSetCreated", message)
        return new

    def _annotate(self, annotations: dict[str, str]) -> None:
        """A ReplicaSet keeps its Deployment's annotations."""
        theirs = self._deployment["metadata"].get("annotations") or {}
        annotations |= {key: value for key, value in theirs.items() if key not in _OWN}

    def _sizes(self) -> dict[str, str]:
        """The sizes that a ReplicaSet was last scaled for, kept in its annotations."""
        return {
            scaling.DESIRED: str(self._bounds.replicas),
            scaling.MAXIMUM: str(self._bounds.replicas + self._bounds.surge),
        }

    def _recreate(self) -> None:
        new = self._newest(create=False)
        for item in self._old(new or None):
            self._resize(item, 0)
        uid = new["metadata"]["uid"] if new else ""
        older = [item for item in self._all() if item["metadata"]["uid"] != uid]
        running = [pod for item in older for pod in self._store.owned(PODS, item)]
        if not [pod for pod in running if pod["status"].get("phase") not in ("Succeeded", "Failed")]:
            new = self._newest(create=True)
            self._resize(new, self._bounds.replicas)

    def _is_scaling(self) -> bool:
        """Whether `spec.replicas` was changed since the ReplicaSets were last sized for it."""
        active = [item for item in self._all() if size(item) > 0]
        wanted = str(self._bounds.replicas)
        return any(item["metadata"]["annotations"].get(scaling.DESIRED, wanted) != wanted for item in active)

    def _scale_all(self) -> None:
        every = self._all()
        active = [item for item in every if size(item) > 0]
        if len(active) <= 1:
            target = active[0] if active else max(every, key=_revision, default=None)
            if target is not None:
                self._resize(target, self._bounds.replicas)
            return
        new = self._newest(create=False)
        if new and size(new) == scaling.available(new) == self._bounds.replicas:
            for item in self._old(new):
                self._resize(item, 0)
            return
        active.sort(key=lambda item: item["metadata"]["creationTimestamp"], reverse=True)
        for item, wanted in zip(active, scaling.proportional_sizes(self._bounds, active), strict=True):
            self._resize(item, wanted)

    def _resize(self, replica_set: JSON, wanted: int) -> None:
        before = size(replica_set)
        current = self._again(replica_set)
        sized = {**current["metadata"]["annotations"], **self._sizes()}
        if sized != current["metadata"]["annotations"] or wanted != before:
            with self._store.edited(current) as draft:
                draft["metadata"]["annotations"] = sized
                draft["spec"]["replicas"] = wanted
        if wanted != before:
            way = "up" if wanted > before else "down"
            self._says(f"Scaled {way} replica set {replica_set['metadata']['name']} from {before} to {wanted}")

    def _mark_paused(self, *, paused: bool) -> None:
        current = condition(self._status, "Progressing").get("reason")
        if paused and current not in ("DeploymentPaused", "ProgressDeadlineExceeded"):
            rollouts.announce(self._status, self._now, "DeploymentPaused", "Deployment is paused", value="Unknown")
        elif not paused and current == "DeploymentPaused":
            rollouts.announce(self._status, self._now, "DeploymentResumed", "Deployment is resumed", value="Unknown")

    def _report(self, *, progress: bool) -> None:
        every, new = self._all(), self._newest(create=False)
        status = rollouts.status_of(self._deployment, new or None, every, self._now)
        if progress:
            rollouts.note_progress(self._was, status, new or None, self._now)
            if rollouts.is_complete(self._deployment, status):
                self._forget(every, new)
        self._deployment["status"] = status
        self._store.replace(self._deployment, through_status=True)

    def _forget(self, every: Sequence[JSON], new: JSON) -> None:
        """Only as many old ReplicaSets as the history may hold, once the rollout is done."""
        uid = new["metadata"]["uid"] if new else ""
        old = [item for item in every if item["metadata"]["uid"] != uid]
        surplus = len(old) - int(self._deployment["spec"]["revisionHistoryLimit"])
        for item in sorted(old, key=_revision)[: max(0, surplus)]:
            if size(item) == 0 and int(item["status"].get("replicas", 0)) == 0:
                self._store.remove(REPLICA_SETS, item["metadata"]["namespace"], item["metadata"]["name"])

    def _again(self, replica_set: JSON) -> JSON:
        metadata = replica_set["metadata"]
        found = self._store.find(REPLICA_SETS, metadata["namespace"], metadata["name"])
        return found or replica_set

    def _says(self, message: str) -> None:
        events.send(
            self._store,
            self._now,
            self._deployment,
            type_="Normal",
            reason="ScalingReplicaSet",
            message=message,
            component="deployment-controller",
        )


def _by_more_than_these(deployment: JSON, now: datetime) -> bool:
    """Whether the next step hangs on more than the Deployment and its ReplicaSets: on its pods, or on the time."""
    late = rollouts.times_out_at(deployment)
    return deployment["spec"]["strategy"]["type"] == "Recreate" or (late is not None and late <= now)


def _revision(replica_set: JSON) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, "0"))
