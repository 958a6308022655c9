"""What an object that is gone may have belonged to, by its name alone: an alert often ends because its pod was replaced.

Good for finding a run that is open, which looks at its target itself; never for acting. `activities/kubernetes/outside.py` asks.
"""

from __future__ import annotations

import re

_SUFFIX = re.compile(r"-[a-z0-9]{5}\Z")
_HASH = re.compile(r"-[a-z0-9]{1,10}\Z")
_ORDINAL = re.compile(r"-[0-9]{1,5}\Z")


def could_have_been(kind: str, name: str) -> tuple[tuple[str, str], ...]:
    """Kinds and names, the likeliest first: for a pod its Deployment, StatefulSet or DaemonSet, or itself."""
    found = [(kind, name)]
    replica_set = name if kind == "ReplicaSet" else _without(_SUFFIX, name) if kind == "Pod" else ""
    deployment = _without(_HASH, replica_set)
    if deployment:
        found.insert(0, ("Deployment", deployment))
    if kind == "Pod":
        stateful = _without(_ORDINAL, name)
        found += [("StatefulSet", stateful)] if stateful else []
        found += [("DaemonSet", replica_set)] if replica_set else []
    return tuple(found)


def _without(end: re.Pattern[str], name: str) -> str:
    shorter = end.sub("", name)
    return shorter if shorter != name else ""
