"""The first look against the whole one: whatever is let go as calm, the symptoms find nothing in, now or later."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.canonical import digest
from byteport.errors import Unavailable
from byteport.kubernetes import fields
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.glimpses import Glimpse, looks_at
from byteport.kubernetes.node_symptoms import of_node, of_node_event
from byteport.kubernetes.port import AUTOSCALERS, DEPLOYMENTS, EVENTS, NODES, PODS, Resource
from byteport.kubernetes.ripening import ripens
from byteport.kubernetes.symptoms import symptom_of, too_young
from tests.builders.mutilate import mutilated
from tests.builders.objects import JSON, NOW, pod
from tests.builders.sampled import examples, some

RESOURCES: dict[str, Resource] = {
    "Pod": PODS,
    "Deployment": DEPLOYMENTS,
    "HorizontalPodAutoscaler": AUTOSCALERS,
    "Node": NODES,
    "Event": EVENTS,
}
TIMES = [timedelta(0), timedelta(minutes=2), timedelta(minutes=6), timedelta(minutes=40), timedelta(days=9)]


def _cases() -> list[tuple[datetime, JSON]]:
    """Every object of every bundle that is watched, as of its own time; nodes as if they were enabled."""
    found: list[tuple[datetime, JSON]] = []
    for path in sorted(Path("tests/cases").rglob("*.json")):
        case = json.loads(path.read_text())
        now = datetime.fromisoformat(case["now"]) if case.get("now") else NOW
        for item in case.get("objects") or []:
            if item.get("kind") == "Node":
                item["metadata"]["labels"] = {**(item["metadata"].get("labels") or {}), ENABLED_LABEL: "true"}
            if item.get("kind") in RESOURCES:
                found.append((now, item))
    return found


CASES = _cases()
BY_KIND = {kind: [item for _, item in CASES if item["kind"] == kind] for kind in RESOURCES}


def looked_at(item: JSON) -> Glimpse:
    """As it comes from the wire, in a page and as an event, which are the same."""
    looks = looks_at(*_place(item))
    text = msgspec.json.encode(item)
    ((one,), version, token) = looks.page(b'{"metadata":{"resourceVersion":"7"},"items":[' + text + b"]}")
    _, other = looks.event(b'{"type":"ADDED","object":' + text + b"}")
    third = looks.of(item)
    assert (version, token) == ("7", "")
    assert len({(g.calm, g.namespace, g.name, g.uid, g.version) for g in (one, other, third)}) == 1
    assert one.whole() == other.whole() == third.whole() == msgspec.json.decode(text)
    return one


def _place(item: JSON) -> tuple[str, str]:
    resource = RESOURCES[item["kind"]]
    return resource.group, resource.plural


def troubles(item: JSON, now: datetime) -> list[str]:
    """What the symptom functions find in it, decoded whole; of a node only if it was given."""
    if item["kind"] == "Node":
        if fields.labels(item).get(ENABLED_LABEL) != "true":
            return []
        return [symptom.evidence_digest for symptom in of_node(item)]
    if item["kind"] == "Event":
        return [symptom.evidence_digest for symptom in of_node_event(item, now)]
    symptom, young = symptom_of(item["kind"], item, now=now), too_young(item["kind"], item, now=now)
    return ([symptom.evidence_digest] if symptom else []) + ([digest(["young", str(young)])] if young else [])


def both_ways(item: JSON, now: datetime) -> None:
    """Nothing is lost by the first look."""
    seen = looked_at(item)
    for later in TIMES:
        by_first_look = [] if seen.calm else troubles(seen.whole(), now + later)
        assert by_first_look == troubles(item, now + later)


@pytest.mark.sampled
@pytest.mark.parametrize("kind", RESOURCES)
def test_of_every_object_of_every_case_the_first_look_loses_no_symptom(kind: str) -> None:
    for now, item in some([(now, item) for now, item in CASES if item["kind"] == kind], 4, of=kind):
        both_ways(item, now)


@pytest.mark.parametrize("kind", RESOURCES)
@settings(max_examples=examples(150), deadline=None)
@given(data=st.data())
def test_of_a_damaged_object_the_first_look_loses_no_symptom(kind: str, data: st.DataObject) -> None:
    item, broken = data.draw(mutilated(BY_KIND[kind]))
    broken["kind"] = kind
    both_ways(broken, NOW + data.draw(st.timedeltas(timedelta(days=-400), timedelta(days=400))))
    assert item is not broken


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["Pod", "Deployment", "HorizontalPodAutoscaler"])
def test_what_becomes_a_symptom_by_time_alone_is_said_to_ripen(kind: str) -> None:
    for now, item in some([(now, item) for now, item in CASES if item["kind"] == kind], 4, of=kind):
        for before in (timedelta(days=30), timedelta(minutes=50), timedelta(minutes=4), timedelta(0)):
            begun = now - before
            symptom = symptom_of(kind, item, now=begun)
            if ripens(kind, item, symptom, now=begun):
                continue
            for later in TIMES:
                then = symptom_of(kind, item, now=begun + later)
                assert then is None or (symptom is not None and then.evidence_digest == symptom.evidence_digest)


def test_most_of_what_a_cluster_holds_is_calm() -> None:
    """Else there would be no point in it."""
    assert looked_at(pod("web-1")).calm
    finished = pod("web-1", phase="Running")
    finished["metadata"]["deletionTimestamp"] = "2026-03-10T08:59:00Z"
    assert looked_at(finished).calm
    assert not looked_at(pod("web-1", ready=False)).calm
    odd = copy.deepcopy(pod("web-1"))
    odd["status"]["containerStatuses"][0]["restartCount"] = "many"
    assert not looked_at(odd).calm


def test_a_page_with_an_odd_object_is_read_all_the_same() -> None:
    good, odd = pod("web-1"), pod("web-2") | {"status": "none"}
    body = msgspec.json.encode({"metadata": {"resourceVersion": "9", "continue": "more"}, "items": [good, odd, None]})
    glimpses, version, token = looks_at("", "pods").page(body)
    assert [(one.name, one.calm) for one in glimpses] == [("web-1", True), ("web-2", False)]
    assert (version, token) == ("9", "more")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b'{"metadata":{},"items":7}', b"{" * 100_000, b"\xff"],
    ids=["nothing", "list", "null", "items", "deep", "bytes"],
)
def test_what_is_no_list_and_no_event_is_a_value_error(body: bytes) -> None:
    looks = looks_at("", "pods")
    for read in (looks.page, looks.event):
        with pytest.raises(ValueError):
            read(body)


def test_an_object_that_turns_out_to_be_none_is_unavailable() -> None:
    """What was not read at first may be broken: the stream is opened again."""
    body = b'{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"},"spec":"\xff"}]}'
    ((glimpse,), _, _) = looks_at("", "pods").page(body)
    with pytest.raises(Unavailable):
        glimpse.whole()
