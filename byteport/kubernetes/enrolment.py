"""Whether a namespace was given to us: the one label that an administrator writes and that we cannot.

`activities/kubernetes` asks it before anything else of a namespace is read, at each reading, at each act, and at each
event of the watch. A namespace without the label is not inspected at all.

In namespaced sight there is no list of namespaces to select from: their names stand in one ConfigMap of our own
namespace, which only the administrator writes. A name in it is no enrolment, the label still is; it is only what may be
asked for.
"""

from __future__ import annotations

import re
from typing import Final

from byteport.domain.policy import PolicyConfig
from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON

ENABLED_LABEL = "byteport.io/enabled"
ENABLED_SELECTOR = f"{ENABLED_LABEL}=true"

OWN_NAMESPACE: Final = "byteport-agent"
GIVEN: Final = "byteport-enabled"
"""ConfigMap in our own namespace with one key for each namespace that was given to us."""
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def enrolled(namespace: JSON, policy: PolicyConfig) -> bool:
    """The label says exactly `true`, nobody protects the namespace, and it is not on its way out."""
    name = fields.name(fields.metadata(namespace).get("name"))
    return (
        labelled(namespace)
        and bool(name)
        and not policy.protects(name)
        and fields.metadata(namespace).get("deletionTimestamp") is None
        and fields.at(namespace, "status", "phase") != "Terminating"
    )


def labelled(namespace: JSON) -> bool:
    """Whether it is one of applications, by its label alone."""
    return fields.labels(namespace).get(ENABLED_LABEL) == "true"


def given_in(config: JSON) -> tuple[str, ...]:
    """The names in that ConfigMap, in order; a key that no namespace can be called is left out."""
    return tuple(sorted(key for key in fields.mapping(config.get("data")) if _NAMESPACE.fullmatch(str(key))))
