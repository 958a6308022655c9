"""Pods: the agent may delete one that is not Ready and that a ReplicaSet makes again, and may only ask about evictions.

An eviction's own delete skips DELETE admission, so that an eviction is a write that no policy can judge: it is refused
but for a dry run, which asks the disruption budgets and changes nothing.
"""

from __future__ import annotations

from byteport.boundary.choices import Choices
from byteport.boundary.policies.shape import ENABLED, Rule, not_protected, resources, validating
from byteport.kubernetes.port import JSON

DELETE = "byteport-pods-delete"
EVICTION = "byteport-pods-eviction"

_BY_REPLICA_SET = Rule(
    "has(oldObject.metadata.ownerReferences) && oldObject.metadata.ownerReferences.exists(o,"
    " has(o.controller) && o.controller && o.apiVersion == 'apps/v1' && o.kind == 'ReplicaSet')",
    "no ReplicaSet would make the pod again",
)
_NOT_READY = Rule("!variables.ready", "the pod is Ready")
_NO_CLAIM = Rule(
    "!has(oldObject.spec.volumes) || oldObject.spec.volumes.all(v, !has(v.persistentVolumeClaim) && !has(v.ephemeral))",
    "the pod holds a claim",
)
_PRECONDITIONS = Rule(
    "has(request.options.preconditions) && has(request.options.preconditions.uid)"
    " && has(request.options.preconditions.resourceVersion)",
    "a delete needs uid and resourceVersion as preconditions",
)
_ENDED_ALREADY = (
    "oldObject.spec.?nodeName.orValue('') == '' || oldObject.status.?phase.orValue('') in ['Failed', 'Succeeded']"
)
"""Nothing of it runs on any node: the API server deletes such a pod at once, whoever asks."""
_AS_LONG_AS_IT_ASKS = Rule(
    "!has(request.options.gracePeriodSeconds)"
    f" || request.options.gracePeriodSeconds == (({_ENDED_ALREADY}) ? 0"
    " : oldObject.spec.?terminationGracePeriodSeconds.orValue(30))",
    "a pod is given the time that it asks for to end",
)
"""Absent is not seen as absent: the API server has filled its own choice in by the time that it asks."""
_PLAIN = Rule(
    "(!has(request.options.propagationPolicy) || request.options.propagationPolicy == 'Background')"
    " && !has(request.options.orphanDependents)"
    " && !has(request.options.ignoreStoreReadErrorWithClusterBreakingPotential)",
    "a delete orphans nothing and waits for nothing",
)
_READY = (
    "has(oldObject.status.conditions) && oldObject.status.conditions.exists(c, c.type == 'Ready' && c.status == 'True')"
)


def deletions(choices: Choices) -> list[JSON]:
    """Deleting pods. `deletecollection` reaches this once for each pod, without preconditions, and is refused."""
    rules = [ENABLED, not_protected(choices), _BY_REPLICA_SET, _NOT_READY, _NO_CLAIM, _PRECONDITIONS]
    rules += [_AS_LONG_AS_IT_ASKS, _PLAIN]
    return validating(DELETE, choices, resources("", "v1", ["DELETE"], "pods"), rules, {"ready": _READY})


def evictions(choices: Choices) -> list[JSON]:
    """Evictions: CEL sees neither the pod nor its labels here, only that nothing will come of it."""
    only_asked = Rule(
        "has(request.dryRun) && request.dryRun", "an eviction only as a dry run, to ask the disruption budgets"
    )
    return validating(
        EVICTION,
        choices,
        resources("", "v1", ["CREATE"], "pods/eviction"),
        [ENABLED, not_protected(choices), only_asked],
    )
