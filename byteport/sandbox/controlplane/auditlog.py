"""The API server's own audit log: what it writes down, and reading it back.

The log is written in blocking mode: an event is in the file before the answer is sent, so a test that has its answer
need not wait. Comes after `components.py`, which names policy and log on the API server's command line.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from byteport.boundary.names import ACCOUNT, NAMESPACE

JSON = dict[str, Any]

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
"""The verbs that can change something. An exec is logged as `get` or `create` on `pods/exec`."""

AGENT_USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
"""The agent's name in the audit log."""

OWN_USERS = ["supervisor", "kwok", "system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]


def policy() -> str:
    """The control plane's own traffic is left out, people are logged without bodies, service accounts with theirs."""
    rules = [
        {"level": "None", "users": OWN_USERS},
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*", "/openapi*", "/version"]},
        {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets", "serviceaccounts/token"]}]},
        {"level": "Request", "userGroups": ["system:serviceaccounts"]},
        {"level": "Metadata"},
    ]
    document = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": rules,
    }
    return yaml.safe_dump(document, sort_keys=False)


def read_events(
    log: Path, *, user: str | None = None, verbs: Collection[str] | None = None, since: int = 0
) -> list[JSON]:
    """The events in the order written, of one user and of some verbs if these are given.

    `since` is a size of the file in bytes, taken earlier: only what came after it is read. A last line that is still
    being written is left out.
    """
    try:
        with log.open("rb") as file:
            file.seek(since)
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    events: list[JSON] = [json.loads(line) for line in lines]
    return [
        event
        for event in events
        if (user is None or event["user"].get("username") == user) and (verbs is None or event["verb"] in verbs)
    ]
