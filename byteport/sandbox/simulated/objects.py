"""What the API server makes of an object that it is given: defaults, and the checks that tests meet by mistake.

Comes after `templates.py`; both the port's patches and the administrator's writes go through it.
"""

from __future__ import annotations

from typing import Any

from byteport.errors import PermanentError
from byteport.sandbox.simulated import autoscaling
from byteport.sandbox.simulated.admission import checked_quota
from byteport.sandbox.simulated.copies import copied
from byteport.sandbox.simulated.kinds import kind_of_object
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.selectors import object_selector_matches
from byteport.sandbox.simulated.templates import pod_of, with_defaults

JSON = dict[str, Any]


def checked(item: JSON) -> JSON:
    """`item` with its defaults. Raises `PermanentError` when it is invalid, `NotModelled` when it cannot be kept."""
    kind, item = kind_of_object(item), copied(item)
    if not (item.get("metadata") or {}).get("name"):
        raise PermanentError(f"a {kind.name} without a name")
    match kind.name:
        case "Deployment" | "ReplicaSet":
            _workload(item)
        case "Pod":
            item["spec"] = pod_of(item["spec"])
            item.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})
        case "Node":
            item.setdefault("spec", {})
            item.setdefault("status", {})
        case "Namespace":
            labels = item["metadata"].setdefault("labels", {})
            labels.setdefault("kubernetes.io/metadata.name", item["metadata"]["name"])
            item.setdefault("status", {"phase": "Active"})
        case "ResourceQuota":
            checked_quota(item)
        case "PodDisruptionBudget":
            if len({"minAvailable", "maxUnavailable"} & item["spec"].keys()) != 1:
                raise PermanentError("a disruption budget has one of minAvailable and maxUnavailable")
        case "HorizontalPodAutoscaler":
            item["spec"] = autoscaling.with_defaults(item["spec"])
        case _:
            pass
    return item


def _workload(item: JSON) -> None:
    spec = item["spec"]
    spec.setdefault("replicas", 1)
    template = spec["template"]
    template.setdefault("metadata", {})
    if not object_selector_matches(spec.get("selector") or {}, template["metadata"].get("labels") or {}):
        raise PermanentError("the selector does not match the labels of the template")
    if not template["spec"].get("containers"):
        raise PermanentError("a template without containers")
    template["spec"] = with_defaults(template["spec"])
    if item["kind"] != "Deployment":
        return
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    elif strategy["type"] != "Recreate":
        raise NotModelled(f"the strategy {strategy['type']!r}")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
