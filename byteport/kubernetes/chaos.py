"""Whether somebody breaks the target on purpose: repairing an experiment spoils it, and hides what it was to show.

LitmusChaos marks what it may break by `litmuschaos.io/chaos`, and runs each experiment as pods in the namespace that
carry the engine's id; Chaos Mesh leaves keys of `chaos-mesh.org` on what it works on. While such a mark is there, a
failure may be an experiment's, and nobody acts alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from byteport.kubernetes import fields
from byteport.kubernetes.world import JSON, World, place_of

_DOMAINS = ("chaos-mesh.org", "litmuschaos.io")
_OFF = frozenset({"false", "disabled", "no", "off"})
_ENGINE_LABELS = frozenset({"chaosUID", "chaosuid", "chaosengine", "chaosName"})


def experiment_seen(target: Iterable[JSON], neighbours: Iterable[JSON]) -> bool:
    """A chaos mark on the target's own objects (the owner and its pods), or an experiment's pod still running beside them."""
    return any(_marked(item) for item in target) or any(_runs_an_experiment(pod) for pod in neighbours)


def experiments_pods(world: World, namespace: str) -> list[JSON]:
    """Of the pods of a namespace, those of an experiment that still runs."""
    return [pod for pod in world.each(_experiments_pods) if place_of(pod)[0] == namespace]


def _experiments_pods(world: World) -> tuple[JSON, ...]:
    return tuple(pod for pod in world.of("Pod") if _runs_an_experiment(pod))


def experiment_running(objects: Iterable[JSON], namespace: str) -> bool:
    """An experiment's own object, in or aimed at `namespace`, that is not over: for saved objects, which may hold it."""
    return any(_is_experiment(item) and namespace in _aims(item) and not _over(item) for item in objects)


def _is_experiment(item: JSON) -> bool:
    return _of_a_tool(str(item.get("apiVersion") or "")) and item.get("kind") not in ("ChaosExperiment", "ChaosResult")


def _aims(item: JSON) -> set[object]:
    """The namespaces that it may break something in."""
    named = fields.strings(fields.at(item, "spec", "selector", "namespaces"))
    return {fields.metadata(item).get("namespace"), fields.at(item, "spec", "appinfo", "appns"), *named}


def _over(item: JSON) -> bool:
    recovered = fields.condition(item, "AllRecovered").get("status") == "True"
    paused = fields.condition(item, "Paused").get("status") == "True"
    ended = fields.at(item, "status", "engineStatus") in ("completed", "stopped")
    return recovered or paused or ended or fields.at(item, "spec", "engineState") == "stop"


def _marked(item: JSON) -> bool:
    found = [*fields.labels(item).items(), *fields.mapping(fields.at(item, "metadata", "annotations")).items()]
    return any(_of_a_tool(key) and str(value).lower() not in _OFF for key, value in found)


def _of_a_tool(key: str) -> bool:
    domain, slash, _ = key.partition("/")
    return bool(slash) and any(domain == known or domain.endswith(f".{known}") for known in _DOMAINS)


def _runs_an_experiment(pod: JSON) -> bool:
    over = fields.at(pod, "status", "phase") in ("Succeeded", "Failed")
    return not over and not _ENGINE_LABELS.isdisjoint(fields.labels(pod))
