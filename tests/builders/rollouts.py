"""A Deployment in the middle of a rollout, as an API server would show it: `shop/web`, with revisions and pods.

By default revision 1 serves with three Ready pods, and revision 2, released twenty minutes ago with another image, has
one surge pod that nothing is said about yet. Each test changes the one thing that it is about.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import Refused, RollbackPlan
from byteport.domain.policy import Mode, PolicyConfig, Standing, Verdict, judge
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.templates import template_of
from byteport.kubernetes.world import World
from byteport.runbooks.failed_deploy_rollback import FailedDeployAutoRollbackRunbook

JSON = dict[str, Any]
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
UID = "d0000000-0000-4000-8000-000000000001"
RUNBOOK = FailedDeployAutoRollbackRunbook()
ALLOWED = PolicyConfig(mode=Mode.AUTO, rollback_allowed=frozenset({"shop/web"}))


def ago(**since: float) -> str:
    """An RFC 3339 time before `NOW`."""
    return (NOW - timedelta(**since)).isoformat().replace("+00:00", "Z")


def template(image: str = "registry.example/web:1", annotations: Mapping[str, str] | None = None, **spec: Any) -> JSON:
    """A pod template of one container `web`; `container` entries go into it, all else into the pod spec."""
    container = {"name": "web", "image": image, **spec.pop("container", {})}
    metadata: JSON = {"labels": {"app": "web", **spec.pop("labels", {})}}
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"metadata": metadata, "spec": {"containers": [container, *spec.pop("beside", [])], **spec}}


def replica_set(
    number: int, pod_template: JSON, *, wanted: int, ready: int, available: int | None = None, **more: Any
) -> JSON:
    """One revision, called `web-<number><number>…`, of the Deployment `shop/web`."""
    hashed = str(number) * 9
    labelled = copy.deepcopy(pod_template)
    labelled["metadata"]["labels"]["pod-template-hash"] = hashed
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"web-{hashed}",
            "namespace": "shop",
            "uid": f"a0000000-0000-4000-8000-00000000000{number}",
            "creationTimestamp": more.get("created", ago(days=20 - number)),
            "labels": {"app": "web", "pod-template-hash": hashed},
            "annotations": {"deployment.kubernetes.io/revision": str(number), **more.get("annotations", {})},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": UID, "controller": True}
            ],
        },
        "spec": {"replicas": wanted, "selector": {"matchLabels": {"app": "web"}}, "template": labelled},
        "status": {
            "replicas": wanted,
            "readyReplicas": ready,
            "availableReplicas": ready if available is None else available,
        },
    }


def pod(
    owner: JSON, suffix: str, *, node: str = "node-a", ready: bool = False, since: str = ago(minutes=19), **more: Any
) -> JSON:
    """A pod of `owner`; `statuses` and `init` give its container statuses, by default one that is Ready or starting."""
    spec = copy.deepcopy(template_of(owner)["spec"])
    spec["nodeName"] = node
    spec["restartPolicy"] = "Always"
    mark = "True" if ready else "False"
    running = {"name": "web", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": since}}}
    waiting = {"name": "web", "ready": False, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}
    meta = owner["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{meta['name']}-{suffix}",
            "namespace": meta["namespace"],
            "uid": f"p-{meta['name']}-{suffix}",
            "resourceVersion": "7",
            "creationTimestamp": more.get("created", since),
            "labels": {"app": "web", "pod-template-hash": meta["labels"]["pod-template-hash"]},
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": spec,
        "status": {
            "phase": more.get("phase", "Running"),
            "startTime": more.get("created", since),
            "conditions": [
                {"type": "Ready", "status": mark, "lastTransitionTime": since},
                {"type": "PodScheduled", "status": "True"},
                *more.get("conditions", []),
            ],
            "containerStatuses": more.get("statuses", [running if ready else waiting]),
            "initContainerStatuses": more.get("init", []),
        },
    }


def crashing(name: str = "web", *, code: int = 1, restarts: int = 6, reason: str = "Error", lasted: float = 2) -> JSON:
    """A container in CrashLoopBackOff."""
    ended = {
        "exitCode": code,
        "reason": reason,
        "startedAt": ago(minutes=2, seconds=lasted),
        "finishedAt": ago(minutes=2),
    }
    return {
        "name": name,
        "ready": False,
        "started": False,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": ended},
    }


def waiting(reason: str, name: str = "web", message: str = "") -> JSON:
    """A container that has not been started, for `reason`."""
    return {
        "name": name,
        "ready": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}},
    }


def event(
    about: JSON, reason: str, message: str, *, count: int = 6, first: str = "", last: str = "", kind: str = "Warning"
) -> JSON:
    """An event about `about`, seen `count` times."""
    meta = about["metadata"]
    return {
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{reason.lower()}", "namespace": meta["namespace"]},
        "involvedObject": {"kind": about["kind"], "name": meta["name"], "namespace": meta["namespace"]},
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
        "firstTimestamp": first or ago(minutes=18),
        "lastTimestamp": last or ago(minutes=1),
    }


def not_found(about: JSON, **more: Any) -> JSON:
    return event(about, "Failed", 'Failed to pull image "x": rpc error: code = NotFound desc = not found', **more)


@dataclass
class Shop:
    """The world of one Deployment; change its parts, then ask `situation`, `diagnose`, `plan` or `verdict`."""

    deployment: JSON
    old: JSON
    new: JSON
    earlier: list[JSON] = field(default_factory=list)
    pods: list[JSON] = field(default_factory=list)
    others: list[JSON] = field(default_factory=list)
    events: list[JSON] = field(default_factory=list)
    denied: frozenset[str] = frozenset()
    partial: bool = False
    log_tail: str = ""
    config: PolicyConfig = ALLOWED
    source: Source = Source.WATCH

    @property
    def objects(self) -> tuple[JSON, ...]:
        sets = [self.new, self.old, *self.earlier]
        return (self.deployment, *sets, *self.pods, *self.others, *self.events)

    def world(self) -> World:
        return World(
            now=NOW, objects=self.objects, denied=self.denied, complete=not self.partial, log_tail=self.log_tail
        )

    def target(self) -> Target:
        meta = self.deployment["metadata"]
        return Target(
            cluster_uid="c1", namespace=meta["namespace"], kind="Deployment", name=meta["name"], uid=meta["uid"]
        )

    def signal(self) -> Signal:
        return Signal(
            type=SignalType.FAILED_DEPLOY,
            value=1,
            threshold=0,
            target=self.target(),
            observed_at=NOW,
            source=self.source,
            evidence_digest="e",
        )

    def situation(self) -> Situation:
        return read_situation(self.world(), self.target(), Failure.BAD_ROLLOUT)

    def diagnose(self) -> Diagnosis:
        return RUNBOOK.diagnose(self.signal(), self.situation())

    def plan(self) -> RollbackPlan | Refused:
        situation = self.situation()
        return RUNBOOK.plan(RUNBOOK.diagnose(self.signal(), situation), situation, self.config)

    def verdict(self, mode: Mode = Mode.AUTO) -> Verdict:
        return judge(mode, self.plan(), self.diagnose(), Standing(), self.config)

    def fails(self, *statuses: JSON, nodes: Iterable[str] = ("node-a", "node-b"), **more: Any) -> list[JSON]:
        """Give the newest revision failing pods, one a node, each with `statuses`; returns them."""
        made = [
            pod(self.new, f"bad{number}", node=node, statuses=copy.deepcopy(list(statuses)), **more)
            for number, node in enumerate(nodes)
        ]
        self.pods += made
        self.counts(new_pods=len(made))
        return made

    def counts(
        self, *, new_pods: int, new_ready: int = 0, new_available: int | None = None, old_ready: int = 3
    ) -> None:
        """Set the counters of both revisions and of the Deployment."""
        available = new_ready if new_available is None else new_available
        self.new["spec"]["replicas"] = new_pods
        self.new["status"] = {"replicas": new_pods, "readyReplicas": new_ready, "availableReplicas": available}
        self.old["status"] = {
            "replicas": self.old["spec"]["replicas"],
            "readyReplicas": old_ready,
            "availableReplicas": old_ready,
        }
        self.deployment["status"].update(
            replicas=new_pods + self.old["spec"]["replicas"],
            updatedReplicas=new_pods,
            readyReplicas=new_ready + old_ready,
            availableReplicas=available + old_ready,
            unavailableReplicas=new_pods - available,
        )

    def progress(self, reason: str, *, status: str = "True", since: str = ago(minutes=1)) -> None:
        """Set the condition `Progressing`."""
        for condition in self.deployment["status"]["conditions"]:
            if condition["type"] == "Progressing":
                condition.update(reason=reason, status=status, lastUpdateTime=since, lastTransitionTime=since)

    def released(self, **since: float) -> None:
        """Let the newest revision be made so long ago, its rollout being under way."""
        self.new["metadata"]["creationTimestamp"] = ago(**since)
        self.progress("ReplicaSetUpdated", since=ago(**since))


def shop(old: JSON | None = None, new: JSON | None = None, *, replicas: int = 3, old_pods: bool = True) -> Shop:
    """The world as the module says; templates may be given."""
    before = old or template("registry.example/web:1")
    after = new or template("registry.example/web:2")
    serving = replica_set(1, before, wanted=replicas, ready=replicas)
    newest = replica_set(2, after, wanted=1, ready=0, created=ago(minutes=20))
    deployment: JSON = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": UID,
            "generation": 4,
            "resourceVersion": "900",
            "creationTimestamp": ago(days=90),
            "labels": {"app": "web"},
            "annotations": {"deployment.kubernetes.io/revision": "2"},
        },
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": 600,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "template": copy.deepcopy(after),
        },
        "status": {
            "observedGeneration": 4,
            "conditions": [
                {"type": "Available", "status": "True", "lastTransitionTime": ago(days=30)},
                {
                    "type": "Progressing",
                    "status": "False",
                    "reason": "ProgressDeadlineExceeded",
                    "lastUpdateTime": ago(minutes=9),
                    "lastTransitionTime": ago(minutes=9),
                },
            ],
        },
    }
    made = Shop(deployment=deployment, old=serving, new=newest)
    made.counts(new_pods=1, old_ready=replicas)
    if old_pods:
        made.pods = [
            pod(serving, f"ok{n}", node=f"node-{'cde'[n % 3]}", ready=True, since=ago(days=3)) for n in range(replicas)
        ]
    return made
