"""A situation crosses Temporal: it survives the journey, and no text from outside is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from byteport.domain.failures import Failure
from byteport.domain.targets import Target
from byteport.kubernetes.reading import FINISHED, FULL_HEALTHY, read_situation
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.symptoms import symptoms_of
from byteport.kubernetes.told_events import REPORTER
from byteport.kubernetes.world import World
from tests.builders.asking import deployment
from tests.builders.objects import NOW, container, event, owner, pod, stamp
from tests.builders.workload import Workload

FOLDER = Path(__file__).parents[2] / "cases"
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
MARK = "Zq7secretMARKERx9"
FREE = frozenset({"message", "note", "value", "command", "args", "path"})


def situations(world: World) -> list[Situation]:
    found = [read_situation(world, signal.target, signal.failure) for signal in symptoms_of(world)]
    return found + [read_situation(world, deployment(), failure) for failure in Failure]


def marked(value: Any) -> Any:
    """`value` with the marker in every field that holds free text."""
    if isinstance(value, dict):
        told: dict[str, Any] = {
            key: f"{inner} {MARK} password={MARK}" if key in FREE and isinstance(inner, str) else marked(inner)
            for key, inner in value.items()
        }
        if "metadata" in told and "kind" in told:
            told["metadata"].setdefault("annotations", {})["note"] = MARK
            told["metadata"].setdefault("labels", {})[f"x/{MARK}"] = MARK
        return told
    return [marked(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_situation_is_the_same_after_the_journey(case: dict[str, Any]) -> None:
    tail = "\n".join(case.get("log_tail", []))
    world = World(now=NOW, objects=tuple(case["objects"]), log_tail=tail, complete=False)
    for situation in situations(world):
        assert Situation.model_validate_json(situation.model_dump_json()) == situation


@pytest.mark.claim("C-100")
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_no_word_of_messages_logs_annotations_or_environments_is_in_it(case: dict[str, Any]) -> None:
    tail = "\n".join([*case.get("log_tail", []), f"panic: {MARK}", f"token={MARK}"])
    world = World(now=NOW, objects=tuple(marked(case["objects"])), log_tail=tail, complete=False)
    for situation in situations(world):
        assert MARK not in situation.model_dump_json()


@pytest.mark.claim("C-100")
def test_values_of_the_environment_are_not_in_it() -> None:
    shop = Workload()
    found = shop.crash(0, log=f"token={MARK}", message=MARK)
    found["spec"]["containers"][0] |= {"env": [{"name": "TOKEN", "value": MARK}], "command": ["sh", "-c", MARK]}
    shop.deployment["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "TOKEN", "value": MARK}]
    for situation in situations(shop.world()):
        assert MARK not in situation.model_dump_json()


def test_only_the_targets_own_pods_are_in_it_oldest_first() -> None:
    shop, other = Workload(), Workload("other")
    situation = read_situation(shop.world(*other.objects()), deployment(), Failure.CRASHLOOP)
    assert {item.owner.name for item in situation.pods} == {"web"}
    born = [item.created_at for item in situation.pods if item.created_at is not None]
    assert born == sorted(born)


def test_of_very_many_healthy_pods_the_count_stays_and_the_detail_goes() -> None:
    shop = Workload(replicas=60)
    situation = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    assert len(situation.pods) == 60
    assert sum(1 for item in situation.pods if item.containers) == FULL_HEALTHY


def test_of_very_many_finished_pods_the_newest_are_kept() -> None:
    shop = Workload(replicas=1)
    meta = shop.current["metadata"]
    by = [owner("ReplicaSet", meta["name"], meta["uid"])]
    old = [
        pod(f"gone-{n}", owners=by, phase="Failed", created=9000 - n, statuses=[], more_status={"reason": "Evicted"})
        for n in range(200)
    ]
    situation = read_situation(shop.world(*old), deployment(), Failure.CRASHLOOP)
    names = {item.name for item in situation.pods}
    assert len(names) == FINISHED + 1
    assert "gone-199" in names


def test_another_object_of_the_same_name_is_not_the_target() -> None:
    shop = Workload()
    other = "99999999-0000-4000-8000-000000000000"
    assert read_situation(shop.world(), deployment(uid=other), Failure.CRASHLOOP).gone


def test_a_target_that_a_source_only_names_is_known_by_its_uid_afterwards() -> None:
    shop = Workload()
    assert read_situation(shop.world(), deployment(), Failure.CRASHLOOP).target.uid == shop.uid


def test_a_cluster_scoped_or_unknown_target_is_empty_and_no_error() -> None:
    target = Target(cluster_uid="c", namespace="", kind="Node", name="node-1")
    situation = read_situation(Workload().world(), target, Failure.DISK)
    assert (situation.pods, situation.rollout) == ((), None)


def test_containers_of_the_template_that_differ_live_are_marked() -> None:
    shop = Workload()
    shop.current["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "1Gi"}}
    for live, kept in zip(shop.pods, ("1024Mi", "1Gi", "512Mi", None, "1Gi"), strict=True):
        live["spec"]["containers"][0]["resources"] = {"limits": {"memory": kept}} if kept else {}
    shop.pods[4]["spec"]["containers"].append(container("injected", "mesh:1"))
    situation = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    by_name = {item.name: [found.mutated for found in item.containers] for item in situation.pods}
    assert [by_name[shop.name_of(index)] for index in range(5)] == [[False], [False], [True], [True], [False, False]]


def test_a_crash_event_with_a_time_in_the_future_is_no_crash_in_the_past() -> None:
    shop = Workload()
    found = shop.crash(0)
    shop.events.append(event(found, "Killing", "Container web failed liveness probe", last=-60))
    found["metadata"]["creationTimestamp"] = stamp(-30)
    read_situation(shop.world(), deployment(), Failure.CRASHLOOP)


def test_what_we_said_ourselves_of_a_pod_is_no_evidence() -> None:
    shop = Workload()
    found = shop.crash(0)
    before = read_situation(shop.world(), deployment(), Failure.CRASHLOOP)
    said = event(found, "RemediationEscalated", "BytePort hands over to a person.") | {"reportingComponent": REPORTER}
    shop.events.append(said)
    assert read_situation(shop.world(), deployment(), Failure.CRASHLOOP).pods == before.pods
    shop.events.append({**said, "reportingComponent": "kubelet"})
    assert read_situation(shop.world(), deployment(), Failure.CRASHLOOP).pods != before.pods
