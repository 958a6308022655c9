"""Whether a namespace was given to us: the one label that an administrator writes and that we cannot.

`activities/kubernetes` asks it before anything else of a namespace is read, at each reading, at each act, and at each
event of the watch. A namespace without the label is not inspected at all.
"""

from __future__ import annotations

from byteport.domain.policy import PolicyConfig
from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON

ENABLED_LABEL = "byteport.io/enabled"
ENABLED_SELECTOR = f"{ENABLED_LABEL}=true"


def enrolled(namespace: JSON, policy: PolicyConfig) -> bool:
    """The label says exactly `true`, nobody protects the namespace, and it is not on its way out."""
    name = fields.name(fields.metadata(namespace).get("name"))
    return (
        fields.labels(namespace).get(ENABLED_LABEL) == "true"
        and bool(name)
        and not policy.protects(name)
        and fields.metadata(namespace).get("deletionTimestamp") is None
        and fields.at(namespace, "status", "phase") != "Terminating"
    )
