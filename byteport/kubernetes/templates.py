"""Pod templates by digest: what two revisions have in common, and exactly what a rollback restores.

A template is a pod spec and never leaves the room that read it; its digests do. `rollouts.py` puts them into readings,
`patches.py` turns two templates into a JSON Patch, and the cluster worker computes them again from the bytes it sends.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from byteport.domain.canonical import digest
from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON

HASH_LABEL = "pod-template-hash"
"""Written by the Deployment controller on a ReplicaSet's template; no part of what a person released."""

_EXACT = 2**53


def template_digest(template: object) -> str:
    """SHA-256 over the canonical bytes of the whole template as it was read, annotations and all.

    Raises `ValueError` for what JSON cannot hold (NaN, lone surrogates).
    """
    return digest(_exact(template))


def release_digest(template: object) -> str:
    """Equal for two templates that start the same software in the same way.

    The hash label and **all** annotations are left out: `kubectl rollout restart` and a `checksum/config` make a new
    revision of the very same release, and going back to it would only restart the same code.
    """
    bare = without_hash(template)
    metadata = bare.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("annotations", None)
        metadata.pop("creationTimestamp", None)
        if not metadata.get("labels"):
            metadata.pop("labels", None)
        if not metadata:
            bare.pop("metadata")
    return digest(_exact(bare))


def without_hash(template: object) -> dict[str, Any]:
    """A copy of `template` without the controller's hash label; an empty one for what is no template."""
    if not isinstance(template, dict):
        return {}
    bare = copy.deepcopy(template)
    metadata = bare.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if isinstance(labels, dict):
        labels.pop(HASH_LABEL, None)
    return bare


def annotations_of(item: JSON) -> Mapping[str, Any]:
    """Annotations of an object, or of a template; empty when it has none."""
    return fields.mapping(fields.at(item, "metadata", "annotations"))


def template_of(workload: JSON) -> dict[str, Any]:
    """The pod template of a Deployment or ReplicaSet, as it was read; empty when there is none."""
    template = fields.at(workload, "spec", "template")
    return template if isinstance(template, dict) else {}


def template_to_restore(replica_set: JSON) -> dict[str, Any]:
    """What `kubectl rollout undo` writes into the Deployment: the ReplicaSet's template without the hash label."""
    return without_hash(template_of(replica_set))


def guard_digest(deployment: JSON) -> str:
    """Digest of what a plan takes for granted besides the template: paused, selector, strategy.

    Not the replica count, which an autoscaler changes at will, and not the generation, which counts every such change.
    """
    spec = fields.mapping(deployment.get("spec"))
    return digest(
        _exact(
            {
                "paused": spec.get("paused") is True,
                "selector": spec.get("selector"),
                "strategy": spec.get("strategy"),
            }
        )
    )


def _exact(value: object) -> object:
    """`value` with whole numbers that RFC 8785 cannot hold written out (a `runAsUser` may have 63 bits)."""
    if isinstance(value, dict):
        return {str(key): _exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= _EXACT:
        return f"int:{value}"
    return value
