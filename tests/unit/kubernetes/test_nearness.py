"""One pod near its limit, and what is kept of it: of no workload that is a symptom are all pods let go."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.signals import Signal
from byteport.kubernetes import fields
from byteport.kubernetes.load_symptoms import usage_symptoms
from byteport.kubernetes.memory_symptoms import memory_symptoms
from byteport.kubernetes.nearness import near_limit, of_use
from byteport.kubernetes.world import World
from tests.builders.loads import Spiking
from tests.builders.objects import JSON, NOW
from tests.builders.sampled import examples, some

KEPT = ("Pod", "PodMetrics", "ReplicaSet", "HorizontalPodAutoscaler")


def _bundles() -> list[tuple[datetime, list[JSON]]]:
    found = []
    for path in sorted(Path("tests/cases").rglob("*.json")):
        case = json.loads(path.read_text())
        objects = [item for item in case.get("objects") or [] if item.get("kind") in KEPT]
        if any(item["kind"] == "PodMetrics" for item in objects):
            found.append((datetime.fromisoformat(case["now"]) if case.get("now") else NOW, objects))
    return found


BUNDLES = _bundles()


def signals(now: datetime, objects: list[JSON]) -> list[Signal]:
    world = World(now=now, objects=tuple(objects))
    return [*memory_symptoms(world, "uid"), *usage_symptoms(world, "uid")]


def near(now: datetime, objects: list[JSON]) -> bool:
    pods = {_name(item): item for item in objects if item["kind"] == "Pod"}
    measured = [item for item in objects if item["kind"] == "PodMetrics" and _name(item) in pods]
    return any(near_limit(of_use(pods[_name(item)]), item, now, memory_percent=90, cpu_percent=90) for item in measured)


def _name(item: JSON) -> str:
    return fields.name(fields.metadata(item).get("name"))


def trimmed(objects: list[JSON]) -> list[JSON]:
    return [
        of_use(item) | {"kind": item["kind"]} if item["kind"] in ("Pod", "ReplicaSet") else item for item in objects
    ]


@pytest.mark.sampled
def test_of_every_case_with_measurements_what_is_kept_shows_the_same_symptoms() -> None:
    for now, objects in some(BUNDLES, 3, of="measured"):
        for at in (now, now - timedelta(minutes=3), now + timedelta(minutes=30)):
            found = signals(at, objects)
            assert signals(at, trimmed(objects)) == found
            assert near(at, objects) or not found


@settings(max_examples=examples(100), deadline=None)
@given(used=st.lists(st.floats(0, 1.4), min_size=4, max_size=4), limit=st.sampled_from(["1", "500m", "1.3"]))
def test_a_workload_at_its_limit_has_a_pod_that_is_near_by_itself(used: list[float], limit: str) -> None:
    shop = Spiking().using(*used, limit=limit)
    objects = [item for item in (*shop.objects(), *shop.metrics) if item["kind"] in KEPT]
    found = signals(NOW, objects)
    assert signals(NOW, trimmed(objects)) == found
    assert near(NOW, objects) or not found


def test_a_pod_that_uses_little_is_not_near() -> None:
    shop = Spiking().using(0.1, 0.1, 0.1, 0.1)
    assert not near(NOW, [*shop.pods, *shop.metrics])
