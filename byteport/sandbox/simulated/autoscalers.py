"""The HorizontalPodAutoscaler controller: it looks at every autoscaler once in a period, and scales Deployments.

Comes after `autoscaling.py`, `autoscaler_metrics.py` and `pace.py`, before `simulation.py`. Conditions, reasons and
events are those of `horizontal.go` in Kubernetes 1.37. An autoscaler of anything but a Deployment is kept and not acted
upon.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from byteport.kubernetes.port import AUTOSCALERS, DEPLOYMENTS
from byteport.sandbox.simulated import autoscaling, events, ownership
from byteport.sandbox.simulated.autoscaler_metrics import MetricReader, Scope, Unmeasured, Wish
from byteport.sandbox.simulated.autoscaling import Memory, Scaled
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.conditions import condition, set_condition
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.loads import Loads
from byteport.sandbox.simulated.metrics import Metrics
from byteport.sandbox.simulated.pace import Pace
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

LONGEST_WINDOW = timedelta(hours=1)
CONDITIONS = ("AbleToScale", "ScalingActive", "ScalingLimited")
MANAGER = "kube-controller-manager"


class Autoscalers:
    """All autoscalers of the cluster."""

    def __init__(self, store: Store, loads: Loads, metrics: Metrics) -> None:
        self._store, self._loads, self._metrics = store, loads, metrics
        self._reader = MetricReader(store, loads, metrics)
        self._memories: dict[str, Memory] = {}
        self.pace = Pace()

    def due_after(self, now: datetime) -> datetime | None:
        """When they are looked at next; None while there are none, or nothing changes."""
        return self.pace.next_after(now, self._inputs()) if self._store.all(AUTOSCALERS) else None

    def sync(self, now: datetime) -> None:
        """Look at all of them if it is time to."""
        every = self._store.all(AUTOSCALERS)
        if not every:
            self.pace.skip(now)
        elif self.pace.begins(now, self._inputs()):
            for autoscaler in every:
                if not autoscaler["metadata"].get("deletionTimestamp"):
                    self._look_at(autoscaler, now)
            longest = max([2 * self._metrics.window, *map(_longest, every)])
            self.pace.ended(now, self._inputs(), moves=self._loads.leaks or not self._all_see(), longest=longest)

    def _look_at(self, autoscaler: JSON, now: datetime) -> None:
        if autoscaler["spec"]["scaleTargetRef"].get("kind") != "Deployment":
            return
        memory = self._memories.setdefault(autoscaler["metadata"]["uid"], Memory())
        memory.forget(now - LONGEST_WINDOW)
        _Look(self._store, self._reader, autoscaler, memory, now).run()

    def _inputs(self) -> tuple[int, int]:
        return self._store.changes, self._loads.version

    def _all_see(self) -> bool:
        """Whether none is without a metric or a scale, of which it would go on telling."""
        statuses = [item.get("status") or {} for item in self._store.all(AUTOSCALERS)]
        return not any(
            condition(status, type_).get("status") == "False"
            for status in statuses
            for type_ in ("AbleToScale", "ScalingActive")
        )


class _Look:
    """One look at one autoscaler."""

    def __init__(self, store: Store, reader: MetricReader, autoscaler: JSON, memory: Memory, now: datetime) -> None:
        self._store, self._reader, self._memory, self._now = store, reader, memory, now
        self._autoscaler = copied(autoscaler)
        self._spec: JSON = self._autoscaler["spec"]
        self._status: JSON = self._autoscaler.setdefault("status", {})
        self._namespace: str = autoscaler["metadata"]["namespace"]

    def run(self) -> None:
        self._status.setdefault("currentMetrics", None)
        self._status.setdefault("desiredReplicas", 0)
        name = self._spec["scaleTargetRef"]["name"]
        deployment = self._store.find(DEPLOYMENTS, self._namespace, name)
        if deployment is None:
            words = f'deployments.apps "{name}" not found'
            self._says("Warning", "FailedGetScale", words)
            message = f"the HPA controller was unable to get the target's current scale: {words}"
            self._condition("AbleToScale", "False", "FailedGetScale", message)
        else:
            self._scale(deployment)
        self._status["conditions"].sort(key=lambda one: CONDITIONS.index(one["type"]))
        self._store.replace(self._autoscaler, through_status=True)

    def _scale(self, deployment: JSON) -> None:
        words = "the HPA controller was able to get the target's current scale"
        self._condition("AbleToScale", "True", "SucceededGetScale", words)
        current = int(deployment["spec"]["replicas"])
        floor, ceiling = int(self._spec["minReplicas"]), int(self._spec["maxReplicas"])
        if not self._memory.recommendations:
            self._memory.recommendations.append((self._now, current))
        desired, reason = current, ""
        if current == 0 and floor != 0:
            words = "scaling is disabled since the replica count of the target is zero"
            self._condition("ScalingActive", "False", "ScalingDisabled", words)
        elif current > ceiling:
            desired, reason = ceiling, "Current number of replicas above Spec.MaxReplicas"
        elif current < floor:
            desired, reason = floor, "Current number of replicas below Spec.MinReplicas"
        else:
            wish = self._wish(deployment, current)
            if wish is None:
                self._status |= {"currentReplicas": current}
                return
            desired, reason = self._settled(wish, current)
        if desired != current:
            self._write(deployment, current, desired, reason)
        self._status |= {"currentReplicas": current, "desiredReplicas": desired}

    def _wish(self, deployment: JSON, current: int) -> Wish | None:
        """The metric that asks for most; None when nothing may be done by them, which is then said."""
        scope = Scope(self._namespace, deployment["spec"]["selector"], current, self._now)
        if rivals := self._rivals():
            message = f"pods by selector are controlled by multiple HPAs: {rivals}"
            self._blind("AmbiguousSelector", message)
            return None
        wishes, failures = [], []
        for metric in self._spec["metrics"]:
            try:
                wishes.append(self._reader.wish(metric, scope))
            except Unmeasured as failure:
                failures.append(failure)
                self._says("Warning", failure.reason, failure.words)
        best = max(wishes, key=lambda wish: wish.replicas, default=None)
        if best is None or (failures and best.replicas < current):
            message = f"the HPA was unable to compute the replica count: {failures[0].words}"
            self._condition("ScalingActive", "False", failures[0].reason, message)
            words = f"invalid metrics ({len(failures)} invalid out of {len(self._spec['metrics'])}), first error is: "
            self._says("Warning", "FailedComputeMetricsReplicas", f"{words}{failures[0].words}")
            self._status["currentMetrics"] = [wish.status for wish in wishes] or None
            return None
        message = f"the HPA was able to successfully calculate a replica count from {best.metric}"
        self._condition("ScalingActive", "True", "ValidMetricFound", message)
        self._status["currentMetrics"] = [wish.status for wish in wishes]
        return best

    def _rivals(self) -> list[str]:
        """Autoscalers that scale the same Deployment, itself among them; empty when it is alone."""
        reference = self._spec["scaleTargetRef"]
        rivals = [
            f"{self._namespace}/{other['metadata']['name']}"
            for other in self._store.all(AUTOSCALERS, self._namespace)
            if (other["spec"]["scaleTargetRef"].get("kind"), other["spec"]["scaleTargetRef"].get("name"))
            == (reference.get("kind"), reference.get("name"))
        ]
        return rivals if len(rivals) > 1 else []

    def _blind(self, reason: str, message: str) -> None:
        self._condition("ScalingActive", "False", reason, message)
        self._says("Warning", reason, message)
        self._says("Warning", "FailedComputeMetricsReplicas", message)

    def _settled(self, wish: Wish, current: int) -> tuple[int, str]:
        settled = autoscaling.settle(self._spec, self._memory, self._now, current=current, wanted=wish.replicas)
        self._condition("AbleToScale", "True", *settled.stable)
        within = settled.limit[0] == "DesiredWithinRange"
        self._condition("ScalingLimited", "False" if within else "True", *settled.limit)
        return (
            settled.replicas,
            f"{wish.metric} above target" if settled.replicas > current else "All metrics below target",
        )

    def _write(self, deployment: JSON, current: int, desired: int, reason: str) -> None:
        draft = copied(deployment)
        draft["spec"]["replicas"] = desired
        ownership.note(deployment, draft, manager=MANAGER, operation="Update", now=self._now)
        self._store.replace(draft)
        changed = Scaled(self._now, abs(desired - current))
        (self._memory.ups if desired > current else self._memory.downs).append(changed)
        words = f"the HPA controller was able to update the target scale to {desired}"
        self._condition("AbleToScale", "True", "SucceededRescale", words)
        self._status["lastScaleTime"] = stamp(self._now)
        self._says("Normal", "SuccessfulRescale", f"New size: {desired}; reason: {reason}")

    def _condition(self, type_: str, value: str, reason: str, message: str) -> None:
        set_condition(self._status, type_, value, stamp(self._now), reason=reason, message=message)

    def _says(self, type_: str, reason: str, message: str) -> None:
        events.send(
            self._store,
            self._now,
            self._autoscaler,
            type_=type_,
            reason=reason,
            message=message,
            component="horizontal-pod-autoscaler",
        )


def _longest(autoscaler: JSON) -> timedelta:
    """The longest window or period that its next recommendation may still depend on."""
    behavior: JSON = autoscaler["spec"].get("behavior") or {}
    seconds = [autoscaling.STABILIZATION_SECONDS]
    for rules in behavior.values():
        seconds.append(rules.get("stabilizationWindowSeconds") or 0)
        seconds.extend(policy["periodSeconds"] for policy in rules.get("policies") or [])
    return timedelta(seconds=max(seconds))
