"""Events on a real API server: ours are written and `kubectl describe` shows them; nothing else of that kind is, by any verb."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from byteport.boundary.names import MAY_ACT, NAMESPACE
from byteport.boundary.policies import events
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target
from byteport.kubernetes.told_events import REPORTER, Deed, EventReason, Telling, event_of, note_of
from byteport.sandbox.controlplane.noticed import await_noticed
from tests.cluster.boundary.conftest import APP
from tests.cluster.boundary.installed import NO_POD, Installed, Said, asked, once, path_of
from tests.cluster.boundary.test_rights import expected, listed
from tests.cluster.switched import HALT_SECONDS, in_force_after
from tests.cluster.workloads import Namespace, eventually

JSON = dict[str, Any]
Change = Callable[[JSON], object]

OTHER = "inc-" + "b" * 24
OURS = "?fieldManager=byteport-agent"
DRY = f"{OURS}&dryRun=All"
NEWER = "/apis/events.k8s.io/v1"
LABEL = {"metadata": {"labels": {"a": "b"}}}
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


@pytest.fixture
def chosen(guarded: Installed) -> Iterator[Installed]:
    """The same installation with Events chosen; afterwards it is as it was."""
    wider = Installed(guarded.plane, guarded.choices.model_copy(update={"events": True}))
    try:
        wider.apply(wider.objects)
        await_noticed(guarded.plane.api)
        yield wider
    finally:
        wider.remove([item for item in wider.objects if item["metadata"]["name"] == events.NAME])
        guarded.apply(guarded.objects)


def telling(shop: Namespace, reason: EventReason = EventReason.ACTED, incident: str = "inc-" + "a" * 24) -> Telling:
    found = shop.plane.api.call("GET", f"/apis/apps/v1/namespaces/{shop.name}/deployments/{APP}")
    uid = found["metadata"]["uid"]
    target = Target(cluster_uid="c", namespace=shop.name, kind="Deployment", name=APP, uid=uid)
    return Telling(
        reason=reason, target=target, incident_id=incident, cause=Cause.RELEASE_CRASHES, deed=Deed.ROLLBACK, number=3
    )


def path(namespace: str, name: str = "", *, api: str = "/api/v1") -> str:
    return f"{api}/namespaces/{namespace}/events" + (f"/{name}" if name else "")


def written(chosen: Installed, namespace: str, event: JSON, *, query: str = OURS, token: str | None = None) -> Said:
    """What is answered to the agent's token."""
    return asked(chosen.agent(token), "POST", path(namespace) + query, event)


def _set(*way: str, to: object) -> Change:
    def change(event: JSON) -> None:
        *inner, last = way
        for key in inner:
            event = event.setdefault(key, {})
        event[last] = to

    return change


def _without(key: str) -> Change:
    return lambda event: event.pop(key)


def _at(minutes: int) -> Change:
    def change(event: JSON) -> None:
        then = datetime.now(UTC) + timedelta(minutes=minutes)
        event["firstTimestamp"] = event["lastTimestamp"] = f"{then:%Y-%m-%dT%H:%M:%SZ}"

    return change


def _in_the_newer_form(event: JSON) -> None:
    event["eventTime"], event["action"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "Binding"


OWNER = [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "y"}]
FORGED = {"manager": "byteport-agent", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1"}
SPOILT: dict[str, Change] = {
    "reporter": _set("reportingComponent", to="kubelet"),
    "no reporter": _without("reportingComponent"),
    "instance": _set("reportingInstance", to="node-1"),
    "source": _set("source", "component", to="kubelet"),
    "no source": _without("source"),
    "host": _set("source", "host", to="node-1"),
    "kind": _set("involvedObject", "kind", to="Secret"),
    "node": _set("involvedObject", "kind", to="Node"),
    "version": _set("involvedObject", "apiVersion", to="extensions/v1beta1"),
    "no name": _set("involvedObject", "name", to=""),
    "long name": _set("involvedObject", "name", to="a" * 254),
    "words as name": _set("involvedObject", "name", to="web is down"),
    "no uid": _set("involvedObject", "uid", to=""),
    "long uid": _set("involvedObject", "uid", to="a" * 65),
    "field path": _set("involvedObject", "fieldPath", to="spec.containers{app}"),
    "resource version": _set("involvedObject", "resourceVersion", to="1"),
    "type": _set("type", to="Warning"),
    "no type": _without("type"),
    "reason": _set("reason", to="Killing"),
    "long message": _set("message", to="x" * 1025),
    "escapes": _set("message", to="\x1b[2J"),
    "lines": _set("message", to="one\ntwo"),
    "letters": _set("message", to="\u202eevil"),
    "long ago": _at(-10),
    "to come": _at(10),
    "no times": _without("lastTimestamp"),
    "two times": _set("firstTimestamp", to="2026-01-01T00:00:00Z"),
    "count": _set("count", to=1000),
    "no count": _without("count"),
    "event time": _in_the_newer_form,
    "series": _set("series", to={"count": 2, "lastObservedTime": "2026-01-01T00:00:00.000000Z"}),
    "related": _set("related", to={"kind": "Secret", "name": "x"}),
    "action": _set("action", to="Binding"),
    "another name": _set("metadata", "name", to="web.17a"),
    "generated name": _set("metadata", to={"generateName": "byteport."}),
    "labels": _set("metadata", "labels", to={"a": "b"}),
    "annotations": _set("metadata", "annotations", to={"a": "b"}),
    "finalizers": _set("metadata", "finalizers", to=["example.com/held"]),
    "owners": _set("metadata", "ownerReferences", to=OWNER),
    "forged fields": _set("metadata", "managedFields", to=[{**FORGED, "fieldsV1": {"f:x" * 999: {}}}]),
}


@pytest.mark.claim("C-480", "C-482", "C-483")
def test_each_moment_is_written_once_and_kubectl_describe_tells_it_whatever_it_says(
    chosen: Installed, shop: Namespace
) -> None:
    first = event_of(telling(shop), now=datetime.now(UTC))
    once(lambda said: said.status == 200, lambda: written(chosen, shop.name, first, query=DRY))
    for reason in EventReason:
        event = event_of(telling(shop, reason), now=datetime.now(UTC))
        assert written(chosen, shop.name, event).status == 200
        assert written(chosen, shop.name, event).status == 409
    described = chosen.plane.kubectl("describe", "deployment", APP, "-n", shop.name)
    for reason in EventReason:
        (line,) = [line for line in described.splitlines() if f" {reason.value} " in line]
        assert REPORTER in line
        assert note_of(telling(shop, reason)) in line
    misleading = event_of(telling(shop, incident=OTHER), now=datetime.now(UTC)) | {
        "message": "All is well: nobody need look."
    }
    assert written(chosen, shop.name, misleading).status == 200, "what a stolen token can say"


@pytest.mark.claim("C-480")
@pytest.mark.usefixtures("everything_granted")
def test_whatever_is_not_just_so_is_refused_whatever_is_granted(chosen: Installed, shop: Namespace) -> None:
    event = event_of(telling(shop), now=datetime.now(UTC))
    once(lambda said: said.status == 200, lambda: written(chosen, shop.name, event, query=DRY))
    let_through = []
    for what, change in SPOILT.items():
        spoilt = copy.deepcopy(event)
        change(spoilt)
        said = written(chosen, shop.name, spoilt, query=DRY)
        if not said.by_policy:
            let_through.append((what, said.status, said.message))
    assert let_through == []
    another = {**FORGED, "manager": "kubectl", "fieldsV1": {"f:type": {}}}
    said = written(
        chosen, shop.name, {**event, "metadata": {**event["metadata"], "managedFields": [another]}}, query=DRY
    )
    assert [one["manager"] for one in said.body["metadata"]["managedFields"]] == ["byteport-agent"], "taken off"
    for query in ("?dryRun=All", "?dryRun=All&fieldManager=kubectl"):
        assert written(chosen, shop.name, event, query=query).by_policy, query
    assert written(chosen, shop.name, event, query=DRY, token=chosen.token(pod=None)).by_policy


@pytest.mark.claim("C-480")
@pytest.mark.usefixtures("everything_granted")
def test_no_other_verb_no_other_place_and_no_other_version_is_open(chosen: Installed, shop: Namespace) -> None:
    event = event_of(telling(shop), now=datetime.now(UTC))
    once(lambda said: said.status == 200, lambda: written(chosen, shop.name, event))
    name, agent = event["metadata"]["name"], chosen.agent()
    found = agent.call("GET", path(shop.name, name))
    merge = "application/merge-patch+json"
    newer = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "byteport." + "0" * 32}}
    newer |= {"regarding": event["involvedObject"], "type": "Normal", "reason": event["reason"], "action": "x"}
    newer |= {"reportingController": REPORTER, "reportingInstance": REPORTER, "note": "x"}
    newer |= {"eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"}
    tried = {
        "update": asked(agent, "PUT", path(shop.name, name) + OURS, {**found, "message": "another"}),
        "patch": asked(agent, "PATCH", path(shop.name, name) + OURS, {"count": 2}, content_type=merge),
        "apply": asked(
            agent, "PATCH", path(shop.name, name) + OURS, event, content_type="application/apply-patch+yaml"
        ),
        "delete": asked(agent, "DELETE", path(shop.name, name)),
        "delete all": asked(agent, "DELETE", path(shop.name)),
        "newer": asked(agent, "POST", path(shop.name, api=NEWER) + OURS, newer),
        "newer update": asked(agent, "PATCH", path(shop.name, name, api=NEWER) + OURS, LABEL, content_type=merge),
        "newer delete": asked(agent, "DELETE", path(shop.name, name, api=NEWER)),
    }
    assert [what for what, said in tried.items() if not said.by_policy] == [], tried
    assert agent.call("GET", path(shop.name, name))["message"] == event["message"]
    for namespace in ("default", "kube-system", NAMESPACE):
        there = copy.deepcopy(event)
        there["metadata"]["namespace"] = there["involvedObject"]["namespace"] = namespace
        assert written(chosen, namespace, there, query=DRY).by_policy, namespace
    elsewhere = copy.deepcopy(event)
    elsewhere["involvedObject"]["namespace"] = "default"
    assert written(chosen, shop.name, elsewhere, query=DRY).status in (403, 422)
    chosen.plane.kubectl("label", "namespace", shop.name, "byteport.io/enabled-")
    said = once(lambda said: said.status != 200, lambda: written(chosen, shop.name, event, query=DRY))
    assert said.by_policy
    neighbours = {**event, "reason": "Anything", "reportingComponent": "us", "metadata": {"generateName": "x-"}}
    assert asked(chosen.plane.api, "POST", path(shop.name), neighbours).status == 200
    assert asked(chosen.plane.api, "DELETE", path(shop.name, name)).status == 200


@pytest.mark.claim("C-207")
@pytest.mark.usefixtures("switch")
def test_the_switch_stops_events_as_it_stops_acts(chosen: Installed, shop: Namespace) -> None:
    event = event_of(telling(shop), now=datetime.now(UTC))
    once(lambda said: said.status == 200, lambda: written(chosen, shop.name, event, query=DRY))
    switch = next(
        item for item in chosen.objects if item["kind"] == "ClusterRoleBinding" and item["metadata"]["name"] == MAY_ACT
    )
    since = chosen.plane.audit_position()
    chosen.remove([switch])
    said = once(lambda said: said.status != 200, lambda: written(chosen, shop.name, event, query=DRY))
    assert said.by_policy
    assert "halted" in said.message
    assert in_force_after(chosen.plane, since) < HALT_SECONDS


@pytest.mark.claim("C-480")
def test_a_token_that_no_pod_of_the_agent_holds_and_one_in_observe_write_none(
    chosen: Installed, shop: Namespace
) -> None:
    event = event_of(telling(shop), now=datetime.now(UTC))
    said = once(
        lambda said: not said.by_rights, lambda: written(chosen, shop.name, event, token=chosen.token(pod=None))
    )
    assert NO_POD in said.message
    for mode in Mode:
        ceiling = Ceiling(mode=mode)
        wanted = expected(chosen.choices, ceiling)
        assert (("", "events", "create", "") in wanted) is (mode is not Mode.OBSERVE)
    observed = Namespace(chosen.plane, f"{shop.name}-seen")
    observed.create()
    try:
        ceiling = Ceiling(mode=Mode.OBSERVE)
        chosen.enable(observed.name, ceiling)
        assert eventually(lambda: listed(chosen, observed.name) == expected(chosen.choices, ceiling))
        there = copy.deepcopy(event)
        there["metadata"]["namespace"] = there["involvedObject"]["namespace"] = observed.name
        assert written(chosen, observed.name, there).by_rights
    finally:
        observed.delete()


@pytest.mark.claim("C-480")
def test_where_events_were_not_chosen_the_policy_over_everything_refuses_them(
    guarded: Installed, shop: Namespace, everything_granted: None
) -> None:
    event = event_of(telling(shop), now=datetime.now(UTC))
    assert once(lambda said: not said.by_rights, lambda: written(guarded, shop.name, event)).by_policy


@pytest.mark.claim("C-212", "C-480")
def test_no_field_of_an_event_is_left_out_and_its_policy_type_checks_clean(chosen: Installed) -> None:
    schemas = chosen.plane.api.call("GET", "/openapi/v3/api/v1")["components"]["schemas"]

    def fields(name: str) -> set[str]:
        return set(schemas[name]["properties"])

    core = "io.k8s.api.core.v1."
    assert fields(f"{core}Event") == {"apiVersion", "kind", *events.CHECKED, *events.ABSENT}
    assert fields(f"{core}ObjectReference") == {*events.INVOLVED, *events.NOT_INVOLVED}
    assert fields(f"{core}EventSource") == {"component", "host"}
    assert fields(META) == {*events.NO_METADATA, *events.FREE_METADATA}
    (policy,) = [item for item in chosen.objects if path_of(item).endswith(f"policies/{events.NAME}")]

    def looked_at() -> JSON | None:
        status: JSON = chosen.plane.api.call("GET", path_of(policy)).get("status", {})
        return status if "typeChecking" in status or "observedGeneration" in status else None

    assert (eventually(looked_at).get("typeChecking") or {}) == {}
