"""PodDisruptionBudgets: the disruption controller's counts, and the answer to an eviction.

Follows `pkg/controller/disruption` and the eviction storage of Kubernetes 1.37. Comes before `port.py`.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from byteport.errors import BudgetRefuses
from byteport.kubernetes.port import BUDGETS, DEPLOYMENTS, PODS, REPLICA_SETS
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.conditions import is_true, set_condition
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.selectors import object_selector_matches
from byteport.sandbox.simulated.store import Store, controller_uid

JSON = dict[str, Any]


def sync(store: Store, now: datetime) -> None:
    """Write every budget's status."""
    for budget in store.all(BUDGETS):
        pods = [pod for pod in _matching(store, budget) if pod["status"].get("phase") not in ("Succeeded", "Failed")]
        expected, desired = _wanted(store, budget, pods)
        healthy = sum(is_true(pod["status"], "Ready") and not pod["metadata"].get("deletionTimestamp") for pod in pods)
        allowed = max(0, healthy - desired) if expected else 0
        with store.edited(budget) as draft:
            status = draft.setdefault("status", {})
            status |= {
                "expectedPods": expected,
                "desiredHealthy": desired,
                "currentHealthy": healthy,
                "disruptionsAllowed": allowed,
                "observedGeneration": budget["metadata"]["generation"],
            }
            reason = "SufficientPods" if allowed else "InsufficientPods"
            set_condition(status, "DisruptionAllowed", "True" if allowed else "False", stamp(now), reason=reason)


def refusing(store: Store, pod: JSON) -> JSON | None:
    """The budget that refuses the eviction of `pod`, if one does. Raises `BudgetRefuses` when several select it."""
    status, metadata = pod["status"], pod["metadata"]
    if status.get("phase") in ("Pending", "Succeeded", "Failed") or metadata.get("deletionTimestamp"):
        return None
    budgets = [
        budget
        for budget in store.all(BUDGETS, metadata["namespace"])
        if object_selector_matches(budget["spec"]["selector"], metadata.get("labels") or {})
    ]
    if not budgets:
        return None
    if len(budgets) > 1:
        raise BudgetRefuses("several disruption budgets select the pod, which the API server refuses")
    budget = budgets[0]
    if not is_true(status, "Ready"):
        policy = budget["spec"].get("unhealthyPodEvictionPolicy", "IfHealthyBudget")
        enough = budget["status"]["currentHealthy"] >= budget["status"]["desiredHealthy"] > 0
        if policy == "AlwaysAllow" or enough:
            return None
    return budget if budget["status"]["disruptionsAllowed"] == 0 else None


def _matching(store: Store, budget: JSON) -> list[JSON]:
    selector = budget["spec"]["selector"]
    return [
        pod
        for pod in store.all(PODS, budget["metadata"]["namespace"])
        if object_selector_matches(selector, pod["metadata"].get("labels") or {})
    ]


def _wanted(store: Store, budget: JSON, pods: list[JSON]) -> tuple[int, int]:
    """Pods expected, and how many of them must be healthy."""
    spec = budget["spec"]
    if isinstance(least := spec.get("minAvailable"), int):
        return len(pods), least
    expected = _expected(store, pods)
    if least is not None:
        return expected, _share(least, expected)
    most = spec["maxUnavailable"]
    return expected, max(0, expected - (most if isinstance(most, int) else _share(most, expected)))


def _share(value: str, expected: int) -> int:
    return math.ceil(int(value.removesuffix("%")) * expected / 100)


def _expected(store: Store, pods: list[JSON]) -> int:
    """The replicas wanted by the controllers of these pods."""
    replica_sets = {item["metadata"]["uid"]: item for item in store.all(REPLICA_SETS)}
    deployments = {item["metadata"]["uid"]: item for item in store.all(DEPLOYMENTS)}
    scaled: dict[str, int] = {}
    for pod in pods:
        owner = replica_sets.get(controller_uid(pod) or "")
        if owner is None:
            raise NotModelled("a disruption budget by share for pods without a ReplicaSet")
        top = deployments.get(controller_uid(owner) or "", owner)
        scaled[top["metadata"]["uid"]] = int(top["spec"]["replicas"])
    return sum(scaled.values())
