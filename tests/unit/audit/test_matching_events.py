"""New Events of Kubernetes in the third verdict: ours are by design, and whatever is not just so is a write without a record."""

from __future__ import annotations

from datetime import timedelta

import pytest

from byteport.audit.matched import Matching
from byteport.domain.targets import Target
from byteport.kubernetes.told_events import Deed, EventReason, Telling, event_of
from tests.unit.audit.seen import DELETE, JSON, Told, action, event, lines, matched, moment, quiet, stamp, write

WEB = Target(cluster_uid="c1", namespace="shop", kind="Deployment", name="web", uid="d1")
WRITTEN = "/api/v1/namespaces/shop/events?fieldManager=byteport-agent"
BODY = event_of(
    Telling(reason=EventReason.ACTED, target=WEB, incident_id="inc-" + "a" * 24, deed=Deed.DELETE_POD), now=moment(70)
)
NAME = BODY["metadata"]["name"]
ABOUT: JSON = {"resource": "events", "namespace": "shop", "apiVersion": "v1", "name": NAME}


def told(changes: JSON | None = None, *, at: float = 70) -> JSON:
    """A new Event as the agent sends it, unless `changes` say otherwise."""
    plain = {
        "auditID": f"event-{at}",
        "verb": "create",
        "requestURI": WRITTEN,
        "objectRef": ABOUT,
        "responseStatus": {"metadata": {}, "code": 201},
    }
    return event(at, **{**plain, **(changes or {})})


def beside(*events: JSON) -> Matching:
    acts = Told()
    acts.act(1, DELETE, 60)
    acts.beside(500)
    return matched(acts, lines(write(1, DELETE, 62), events, quiet()))


def causes(found: Matching) -> list[str]:
    return [finding.cause.value for finding in found.findings]


@pytest.mark.claim("C-484")
@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"level": "Request", "requestObject": BODY},
        {"responseStatus": {"metadata": {}, "code": 409}},
        {"responseStatus": {"metadata": {}, "code": 403}},
    ],
    ids=["metadata", "body", "there already", "refused"],
)
def test_an_event_of_ours_is_by_design(shown: JSON) -> None:
    found = beside(told(shown))
    assert (found.verdict.value, found.findings, found.notices, found.matched) == ("matched", (), (), 1)


@pytest.mark.claim("C-484")
def test_its_stages_are_one_request_though_the_first_tells_no_name() -> None:
    unnamed = {key: value for key, value in ABOUT.items() if key != "name"}
    first = told({"stage": "RequestReceived", "objectRef": unnamed, "responseStatus": None})
    last = told({"stageTimestamp": stamp(71), "level": "Request", "requestObject": BODY})
    assert beside(first, last).verdict.value == "matched"
    assert beside(first).verdict.value == "matched", "under way when the log ended"


SPOILT: dict[str, JSON] = {
    "user agent": {"userAgent": "curl/8.5.0"},
    "field manager": {"requestURI": "/api/v1/namespaces/shop/events?fieldManager=kubectl"},
    "no field manager": {"requestURI": "/api/v1/namespaces/shop/events"},
    "two field managers": {"requestURI": f"{WRITTEN}&fieldManager=kubectl"},
    "name": {"objectRef": {**ABOUT, "name": "web.17a"}},
    "no name": {"objectRef": {key: value for key, value in ABOUT.items() if key != "name"}},
    "verb": {"verb": "delete"},
    "patch": {"verb": "patch"},
    "collection": {"verb": "deletecollection", "objectRef": {"resource": "events", "namespace": "shop"}},
    "group": {"objectRef": {**ABOUT, "apiGroup": "events.k8s.io"}},
    "resource": {"objectRef": {**ABOUT, "resource": "configmaps"}},
    "subresource": {"objectRef": {**ABOUT, "subresource": "status"}},
    "another name in the body": {
        "level": "Request",
        "requestObject": {**BODY, "metadata": {"name": "byteport." + "0" * 32, "namespace": "shop"}},
    },
    "another reason": {"level": "Request", "requestObject": {**BODY, "reason": "Killing"}},
    "another reporter": {"level": "Request", "requestObject": {**BODY, "reportingComponent": "kubelet"}},
    "no Event": {"level": "Request", "requestObject": ["x"]},
}


@pytest.mark.claim("C-484")
@pytest.mark.parametrize("changes", SPOILT.values(), ids=SPOILT)
def test_whatever_is_not_just_so_is_a_write_without_a_record(changes: JSON) -> None:
    found = beside(told(changes))
    assert (found.verdict.value, causes(found)) == ("unmatched", ["unrecorded_write"])


@pytest.mark.claim("C-484")
def test_two_of_one_request_are_none_of_ours() -> None:
    other = {"objectRef": {**ABOUT, "name": "byteport." + "0" * 32}}
    assert causes(beside(told(), told(other))) == ["unrecorded_write"]


@pytest.mark.claim("C-484")
def test_one_with_the_id_of_an_act_is_that_acts_and_another_object() -> None:
    of_act = write(1, DELETE, 62)
    found = beside(told({"auditID": of_act["auditID"], "userAgent": f"byteport/1.0.0 ({action(1)[:12]})"}))
    assert causes(found) == ["other_object"]


def test_a_dry_run_of_one_is_told_as_odd() -> None:
    found = beside(told({"requestURI": f"{WRITTEN}&dryRun=All"}))
    assert (found.verdict.value, [one.remark.value for one in found.notices]) == ("matched", ["odd_dry_run"])


def test_one_after_the_last_record_is_by_design_as_well() -> None:
    assert beside(told({"stageTimestamp": stamp(550.5)}, at=550)).verdict.value == "matched"
    assert moment(550) - moment(500) > timedelta(seconds=5)
