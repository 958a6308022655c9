"""Objects as nobody should send them: whatever is damaged, nothing raises and nothing else is acted upon."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byteport.domain.policy import Mode
from byteport.errors import MalformedInput
from byteport.kubernetes import fields
from byteport.kubernetes.symptoms import symptom_of
from byteport.kubernetes.world import World
from byteport.runbooks.bundles import bundle_of
from byteport.runbooks.explain import Incident, assumed_policy, explain
from tests.builders.mutilate import JUNK, mutilated
from tests.builders.sampled import examples
from tests.builders.workload import Workload

FOLDER = Path(__file__).parents[2] / "cases"
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
SAVED = [json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))]


def bundle(shop: Workload, log: str = "") -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(
        json.dumps({"now": "2026-03-10T09:00:00Z", "objects": shop.objects(), "log_tail": [log]})
    )
    return plain


def acting() -> list[dict[str, Any]]:
    crash, wedge = Workload(), Workload()
    crash.crash(0)
    wedge.unready(2)
    return [bundle(crash), bundle(wedge)]


ACTING = acting() + [case for case in SAVED if case["expect"]["act"] in ("delete_pod", "rollback")]


def chain_holds(incident: Incident, objects: list[dict[str, Any]]) -> bool:
    """By the raw objects: the pod that would be deleted is there, unready, and controlled by the target."""
    assert incident.command is not None
    words = incident.command.split()
    name, namespace = words[3], words[5]
    place, kind, target = [*incident.target.split("/"), "", ""][:3]

    def named(wanted: str, called: object) -> list[dict[str, Any]]:
        return [
            item
            for item in objects
            if item.get("kind") == wanted
            and fields.metadata(item).get("name") == called
            and fields.metadata(item).get("namespace") == namespace
        ]

    def above(item: dict[str, Any], wanted: str) -> list[dict[str, Any]]:
        refs = [
            ref for ref in fields.entries(fields.metadata(item).get("ownerReferences")) if ref.get("controller") is True
        ]
        found = [match for ref in refs for match in named(wanted, ref.get("name")) if ref.get("kind") == wanted]
        return [match for match in found if fields.metadata(match).get("uid") in {ref.get("uid") for ref in refs}]

    pods = [pod for pod in named("Pod", name) if fields.condition(pod, "Ready").get("status") != "True"]
    sets = [found for pod in pods for found in above(pod, "ReplicaSet")]
    tops = [found for item in sets for found in above(item, "Deployment")]
    return place == namespace and kind == "Deployment" and target in {fields.metadata(top).get("name") for top in tops}


def check(broken: dict[str, Any]) -> None:
    try:
        read = bundle_of("bundle", [broken], now=NOW)
    except MalformedInput:
        return
    said = explain(read.world, assumed_policy(read.world), Mode.AUTO, alert=read.alert)
    said.model_dump_json(by_alias=True)
    for incident in said.incidents:
        if incident.act == "delete_pod":
            assert chain_holds(incident, list(read.world.objects))


@settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(mutilated(SAVED))
def test_a_damaged_bundle_never_raises(documents: tuple[dict[str, Any], dict[str, Any]]) -> None:
    check(documents[1])


@settings(
    max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(mutilated(ACTING))
def test_damage_to_a_bundle_with_an_act_never_turns_it_upon_another_object(
    documents: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    whole, broken = documents
    check(broken)
    try:
        read = bundle_of("bundle", [broken], now=NOW)
    except MalformedInput:
        return
    original = bundle_of("bundle", [whole], now=NOW)
    right = explain(original.world, assumed_policy(original.world), Mode.AUTO)
    said = explain(read.world, assumed_policy(read.world), Mode.AUTO)
    targets = {incident.target for incident in right.incidents if incident.act is not None}
    assert {incident.target for incident in said.incidents if incident.act is not None} <= targets


@settings(max_examples=examples(200), deadline=None)
@given(
    mutilated([json.loads(json.dumps(item)) for item in Workload().objects()]),
    st.sampled_from(["Pod", "Deployment", "Event"]),
)
def test_the_watch_survives_any_object(documents: tuple[dict[str, Any], dict[str, Any]], kind: str) -> None:
    symptom_of(kind, documents[1], now=NOW)


def test_every_value_of_a_pod_may_be_anything() -> None:
    shop = Workload()
    pod = shop.crash(0)
    for section in ("metadata", "spec", "status"):
        for key in list(pod[section]):
            for junk in JUNK:
                spoiled = json.loads(json.dumps(pod))
                spoiled[section][key] = junk
                symptom_of("Pod", spoiled, now=NOW)
                world = World(now=NOW, objects=(spoiled,), complete=False)
                explain(world, assumed_policy(world), Mode.AUTO)
