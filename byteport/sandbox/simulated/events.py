"""Events, as the kubelet and the controllers send them: said again, one is counted up; after an hour they are gone.

Comes after `store.py`, before the controllers.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from byteport.kubernetes.port import EVENTS
from byteport.sandbox.simulated.clocks import instant, microstamp, stamp
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

KEPT_FOR = timedelta(hours=1)


def send(
    store: Store,
    now: datetime,
    about: JSON,
    *,
    type_: str,
    reason: str,
    message: str,
    component: str,
    field_path: str = "",
    attempt: str = "",
    modern: bool = False,
) -> None:
    """Send one. Events of different `attempt` are different; the same words of one attempt are counted.

    A `modern` sender, the scheduler, writes `eventTime` and leaves source and the older times empty.
    """
    metadata = about["metadata"]
    namespace = metadata.get("namespace") or "default"
    told = "/".join([metadata["uid"], reason, message, attempt])
    name = f"{metadata['name']}.{hashlib.sha256(told.encode()).hexdigest()[:16]}"
    before = store.find(EVENTS, namespace, name)
    if before is not None and not modern:
        with store.edited(before) as event:
            event["count"] += 1
            event["lastTimestamp"] = stamp(now)
        return
    if before is not None:
        return
    involved = {
        "apiVersion": about["apiVersion"],
        "kind": about["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        **({"namespace": metadata["namespace"]} if metadata.get("namespace") else {}),
        **({"fieldPath": field_path} if field_path else {}),
    }
    source = {} if modern else {"component": component}
    if component == "kubelet":
        source["host"] = metadata["name"] if about["kind"] == "Node" else about["spec"]["nodeName"]
    times = (
        {"eventTime": microstamp(now), "firstTimestamp": None, "lastTimestamp": None, "action": "Binding"}
        if modern
        else {"eventTime": None, "firstTimestamp": stamp(now), "lastTimestamp": stamp(now), "count": 1}
    )
    store.create(
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "type": type_,
            "reason": reason,
            "message": message,
            "involvedObject": involved,
            "source": source,
            "reportingComponent": component,
            "reportingInstance": source.get("host", ""),
            **times,
        }
    )


def expire(store: Store, now: datetime) -> datetime:
    """Forget events that nothing has said again for an hour, as the API server's default is.

    Returns when the next one can be forgotten: whatever is said after `now` is kept for an hour from then.
    """
    oldest = now
    for event in store.all(EVENTS):
        said = instant(event.get("lastTimestamp") or event["metadata"]["creationTimestamp"])
        if said + KEPT_FOR <= now:
            store.remove(EVENTS, event["metadata"]["namespace"], event["metadata"]["name"])
        else:
            oldest = min(oldest, said)
    return oldest + KEPT_FOR
