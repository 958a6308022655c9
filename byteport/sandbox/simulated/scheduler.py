"""Where pods run: the Ready, schedulable node that has the fewest, among those with the pod's node labels.

Resources are not counted and affinity is refused (`templates.py`). Comes before `kubelet.py`, which starts them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from byteport.kubernetes.port import NODES, PODS
from byteport.sandbox.simulated import events
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.conditions import condition, is_true, set_condition
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

TOPOLOGY = {"topology.kubernetes.io/zone", "topology.kubernetes.io/region"}
"""Labels of a node that the API server copies to its pods."""

PRESSURES = {"MemoryPressure": "memory-pressure", "DiskPressure": "disk-pressure", "PIDPressure": "pid-pressure"}


def sync(store: Store, now: datetime) -> None:
    """Taint nodes by their conditions, and place every pod that can be placed."""
    for node in store.all(NODES):
        _taint(store, node)
    waiting = [pod for pod in store.all(PODS) if not pod["spec"].get("nodeName")]
    for pod in waiting:
        if not pod["metadata"].get("deletionTimestamp"):
            _place(store, pod, now)


def _taint(store: Store, node: JSON) -> None:
    """As the node controller does; a pod that is placed stays."""
    status = node["status"]
    keys = [key for type_, key in PRESSURES.items() if is_true(status, type_)]
    ready = condition(status, "Ready").get("status")
    if ready != "True":
        keys.append("not-ready" if ready == "False" else "unreachable")
    own = {f"node.kubernetes.io/{key}" for key in (*PRESSURES.values(), "not-ready", "unreachable")}
    others = [taint for taint in node["spec"].get("taints") or [] if taint["key"] not in own]
    taints = others + [{"key": f"node.kubernetes.io/{key}", "effect": "NoSchedule"} for key in keys]
    if taints == (node["spec"].get("taints") or []):
        return
    with store.edited(node) as draft:
        draft["spec"]["taints"] = taints


def _place(store: Store, pod: JSON, now: datetime) -> None:
    wanted: JSON = pod["spec"].get("nodeSelector") or {}
    nodes = store.all(NODES)
    open_ = [
        node
        for node in nodes
        if not node["spec"].get("unschedulable")
        and not any(taint["effect"] != "PreferNoSchedule" for taint in node["spec"].get("taints") or [])
    ]
    fitting = [node for node in open_ if wanted.items() <= (node["metadata"].get("labels") or {}).items()]
    if not fitting:
        _refuse(store, pod, now, f"0/{len(nodes)} nodes are available: {_why(len(nodes), len(open_))}.")
        return
    load = [p["spec"].get("nodeName") for p in store.all(PODS)]
    chosen = min(fitting, key=lambda node: load.count(node["metadata"]["name"]))["metadata"]
    with store.edited(pod) as draft:
        draft["spec"]["nodeName"] = chosen["name"]
        zones = {key: value for key, value in (chosen.get("labels") or {}).items() if key in TOPOLOGY}
        draft["metadata"]["labels"] = {**(pod["metadata"].get("labels") or {}), **zones}
        set_condition(draft["status"], "PodScheduled", "True", stamp(now), probed=True)
    name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    _say(store, pod, now, "Normal", "Scheduled", f"Successfully assigned {name} to {chosen['name']}")


def _why(nodes: int, open_: int) -> str:
    parts = [f"{nodes - open_} node(s) had untolerated taint(s) or were unschedulable"] if open_ < nodes else []
    if open_:
        parts.append(f"{open_} node(s) didn't match Pod's node affinity/selector")
    return ", ".join(parts)


def _refuse(store: Store, pod: JSON, now: datetime, message: str) -> None:
    if condition(pod["status"], "PodScheduled").get("message") == message:
        return
    with store.edited(pod) as draft:
        set_condition(
            draft["status"],
            "PodScheduled",
            "False",
            stamp(now),
            reason="Unschedulable",
            message=message,
            probed=True,
        )
    _say(store, pod, now, "Warning", "FailedScheduling", message)


def _say(store: Store, pod: JSON, now: datetime, type_: str, reason: str, message: str) -> None:
    events.send(
        store, now, pod, type_=type_, reason=reason, message=message, component="default-scheduler", modern=True
    )
