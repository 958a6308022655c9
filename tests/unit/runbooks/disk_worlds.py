"""A node whose disk fills up, as its own object, its events, its pods and its helper show it.

By default it is full of unused images at 90 %, under pressure for half an hour, and a prune is right; each test changes
the one thing that it is about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, PruneImagesPlan, Refused
from byteport.domain.policy import Mode, PolicyConfig, Standing, Verdict, VerdictKind, judge
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from byteport.domain.targets import Target
from byteport.kubernetes.node_commands import HELPER_LABEL, HELPER_NAME
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.world import World
from byteport.runbooks.base import Checked
from byteport.runbooks.disk_reclaim import DiskSpaceAutoReclaimRunbook
from tests.builders.asking import CLUSTER, signal_on
from tests.builders.objects import (
    JSON,
    NOW,
    When,
    container,
    event,
    node,
    pod,
    running,
    stamp,
    status,
    terminated,
    uid_of,
    waiting,
)

RUNBOOK = DiskSpaceAutoReclaimRunbook()
AUTO = PolicyConfig(mode=Mode.AUTO, log_store_named=True)
GIB = 2**30
USED_IMAGE = "registry.example.internal/shop/web:7"
TARGET = Target(cluster_uid=CLUSTER, namespace="", kind="Node", name="node-1", uid=uid_of("Node", "node-1"))


class Said(NamedTuple):
    """Everything that runbook and policy said of one look."""

    situation: Situation
    diagnosis: Diagnosis
    plan: AnyPlan | Refused
    verdict: Verdict

    @property
    def acts(self) -> bool:
        return self.verdict.kind is VerdictKind.ACT and isinstance(self.plan, PruneImagesPlan)

    @property
    def silent(self) -> bool:
        return self.diagnosis.silent

    @property
    def waits(self) -> bool:
        return self.diagnosis.look_again_seconds is not None

    @property
    def escalates(self) -> bool:
        return self.verdict.kind is VerdictKind.ESCALATE and not self.waits

    @property
    def cause(self) -> Cause:
        return self.diagnosis.cause

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.diagnosis.reasons

    def fact(self, name: str) -> object:
        return next((fact.value for fact in self.diagnosis.facts if fact.name == name), None)


@dataclass
class Disk:
    """One node of a hundred GiB, `node-1`."""

    percent: int = 90
    images_gib: int = 70
    logs_gib: int = 3
    kubelet_gib: int = 5
    pressure: When | None = 30
    """Minutes since the condition is True; None for False."""
    unused: int = 12
    unused_gib: float = 2
    used_gib: float = 1
    labels: dict[str, str] = field(default_factory=lambda: {"byteport.io/enabled": "true"})
    runtime: str = "containerd://1.7.27"
    info: dict[str, str] = field(default_factory=dict)
    ready: str = "True"
    cordoned: bool = False
    helper: bool = True
    helper_ready: bool = True
    df: str | None = None
    """All of `df -h`, where it is not one filesystem."""
    more: list[str] = field(default_factory=list)
    """Further lines of `du -sh`."""
    silent_helper: bool = False
    pods: list[JSON] = field(default_factory=list)
    events: list[JSON] = field(default_factory=list)
    denied: frozenset[str] = frozenset()
    saved: bool = False

    def node(self) -> JSON:
        found = node("node-1", ready=self.ready, unschedulable=self.cordoned)
        found["metadata"]["labels"] = dict(self.labels)
        for condition in found["status"]["conditions"]:
            if condition["type"] == "DiskPressure" and self.pressure is not None:
                condition |= {"status": "True", "lastTransitionTime": stamp(self.pressure)}
        unused = [
            {"names": [f"registry.example.internal/ci/build:{number}"], "sizeBytes": int(self.unused_gib * GIB)}
            for number in range(self.unused)
        ]
        used = {"names": [USED_IMAGE], "sizeBytes": int(self.used_gib * GIB)}
        found["status"]["images"] = [*unused, used]
        found["status"]["nodeInfo"] = {"containerRuntimeVersion": self.runtime, **self.info}
        return found

    def says(self, reason: str, message: str = "", *, last: When = 1) -> None:
        """An event of the node's kubelet."""
        self.events.append(event(node("node-1"), reason, message, first=last, last=last))

    def pod_says(self, reason: str, message: str = "", *, last: When = 1, host: str = "node-1") -> None:
        """An event of a pod that the kubelet of `host` wrote."""
        self.events.append(event(pod("build-1"), reason, message, first=last, last=last, host=host))

    def lines(self) -> list[str]:
        used, free = self.percent, 100 - self.percent
        kept = {"docker": "/var/lib/docker", "cri-o": "/var/lib/containers"}.get(
            self.runtime.split(":")[0], "/var/lib/containerd"
        )
        df = self.df or (
            "Filesystem      Size  Used Avail Use% Mounted on\n"
            "overlay         100G   90G   10G  90% /\n"
            "tmpfs            64M     0   64M   0% /dev\n"
            f"/dev/vda1       100G  {used}G  {free}G  {used}% /var/lib/kubelet\n"
            f"/dev/vda1       100G  {used}G  {free}G  {used}% {kept}\n"
            f"/dev/vda1       100G  {used}G  {free}G  {used}% /var/log"
        )
        measured = [(self.images_gib, kept), (self.logs_gib, "/var/log"), (self.kubelet_gib, "/var/lib/kubelet")]
        return [*df.split("\n"), *(f"{size}G\t{path}" for size, path in measured if size), *self.more]

    def world(self) -> World:
        helper = pod(
            f"{HELPER_NAME}-x2x4z",
            namespace="byteport-node",
            labels={HELPER_LABEL: HELPER_NAME},
            containers=[container("helper", "registry.example.internal/byteport/node-helper:1")],
            ready=self.helper_ready,
        )
        mine = [helper] if self.helper else []
        web = pod("web-1", containers=[container(image=USED_IMAGE)])
        text = "\n".join(self.lines()) if not self.silent_helper else ""
        return World(
            now=NOW,
            objects=(self.node(), *mine, web, *self.pods, *self.events),
            node_output="" if self.saved or not (self.helper and self.helper_ready) else text,
            log_tail=text if self.saved else "",
            denied=self.denied,
            complete=not self.saved,
        )

    def situation(self) -> Situation:
        return read_situation(self.world(), TARGET, Failure.DISK)

    def ask(self, config: PolicyConfig = AUTO) -> Said:
        world = self.world()
        situation = read_situation(world, TARGET, Failure.DISK)
        diagnosis = RUNBOOK.diagnose(signal_on(TARGET, SignalType.DISK_PRESSURE, at=world), situation)
        plan = RUNBOOK.plan(diagnosis, situation, config)
        verdict = judge(config.mode_for(RUNBOOK.name, ""), plan, diagnosis, Standing(), config)
        return Said(situation, diagnosis, plan, verdict)

    def check(self, plan: AnyPlan, *, after_minutes: float) -> Checked:
        """A look `after_minutes` after the act; now is always the clock of the world."""
        acted = NOW - timedelta(minutes=after_minutes)
        return RUNBOOK.health(plan, self.situation(), acted_at=acted, now=NOW)


def never_pulling(name: str = "preloaded") -> JSON:
    return pod(name, containers=[container(image="local/tool:1", imagePullPolicy="Never")])


def being_created(minutes: When) -> JSON:
    made = pod("fresh", phase="Pending", ready=False, created=minutes)
    made["status"]["containerStatuses"] = [status(ready=False, state=waiting("ContainerCreating"))]
    return made


def initialised(name: str = "ingress") -> JSON:
    """A live pod whose init container has ended: Docker's prune would remove its record."""
    done = status("init", state=terminated(0, "Completed", started=90, finished=89))
    return pod(name, init=[container("init")], init_statuses=[done], statuses=[status(state=running())])


def writer(volumes: list[dict[str, Any]], name: str = "spool") -> JSON:
    return pod(name, spec={"volumes": volumes})
