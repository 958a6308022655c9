"""Admission webhooks that must be asked about a new pod and have nobody behind them: they refuse every pod there is.

Comes before `replacement.py`, which asks whether a deleted pod would come back. The cluster worker reads which webhooks
there are, and of the ones that are asked here whether anybody answers (`activities/kubernetes/reads.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from byteport.kubernetes import fields
from byteport.kubernetes.label_selectors import selects
from byteport.kubernetes.world import World

KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
SERVICE_NAME = "kubernetes.io/service-name"


class Backing(NamedTuple):
    """The Service that answers a webhook."""

    namespace: str
    name: str


def dead_webhooks(world: World, namespace: str) -> Iterator[str]:
    """Names of configurations with a fail-closed webhook on pods of `namespace` whose own Service has nobody behind it."""
    for configuration, webhook in _asked(world, namespace):
        if _dead(world, webhook):
            yield fields.name(fields.metadata(configuration).get("name"))


def backing_services(world: World, namespace: str) -> frozenset[Backing]:
    """The Services that must answer before a pod of `namespace` is made."""
    found = (_backing(webhook) for _, webhook in _asked(world, namespace))
    return frozenset(backing for backing in found if backing.name)


def _asked(world: World, namespace: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    place = world.named("Namespace", "", namespace)
    labels = {**fields.labels(place), "kubernetes.io/metadata.name": namespace}
    for kind in KINDS:
        for configuration in world.of(kind):
            for webhook in fields.entries(configuration.get("webhooks")):
                closed = webhook.get("failurePolicy", "Fail") == "Fail" and _on_pods(webhook)
                chosen = webhook.get("namespaceSelector")
                if closed and (not isinstance(chosen, Mapping) or selects(chosen, labels)):
                    yield configuration, webhook


def _on_pods(webhook: Mapping[str, Any]) -> bool:
    return any(
        {"pods", "*", "*/*"} & set(fields.strings(rule.get("resources")))
        and {"CREATE", "*"} & set(fields.strings(rule.get("operations")))
        for rule in fields.entries(webhook.get("rules"))
    )


def _backing(webhook: Mapping[str, Any]) -> Backing:
    service = fields.mapping(fields.at(webhook, "clientConfig", "service"))
    return Backing(fields.name(service.get("namespace")), fields.name(service.get("name")))


def _dead(world: World, webhook: Mapping[str, Any]) -> bool:
    """Nobody is seen to answer. A webhook outside the cluster cannot be judged, and is taken to be well."""
    namespace, name = _backing(webhook)
    if not name:
        return False
    endpoints = world.named("Endpoints", namespace, name)
    if endpoints is not None:
        return not any(fields.entries(subset.get("addresses")) for subset in fields.entries(endpoints.get("subsets")))
    if world.complete and "endpointslices" not in world.denied:
        slices = [one for one in world.of("EndpointSlice", namespace) if fields.labels(one).get(SERVICE_NAME) == name]
        return not any(_ready(one) for found in slices for one in fields.entries(found.get("endpoints")))
    selector = fields.mapping(fields.at(world.named("Service", namespace, name), "spec", "selector"))
    pods = [pod for pod in world.of("Pod", namespace) if selector and selector.items() <= fields.labels(pod).items()]
    return bool(pods) and not any(fields.condition(pod, "Ready").get("status") == "True" for pod in pods)


def _ready(endpoint: Mapping[str, Any]) -> bool:
    """An endpoint that does not say is ready, as the API defines it."""
    return fields.at(endpoint, "conditions", "ready") is not False
