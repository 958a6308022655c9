"""Whose fields are whose stays as the API server itself writes it: on objects that many have written, and against forgeries.

A forged book-keeping does nothing by itself. It has somebody else's next apply delete what a third has set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from byteport.boundary.names import AGENT_MANAGER
from byteport.boundary.policies.ownership import MERGED, MOST_UPDATERS, TEMPLATE_DEPTH, unforged
from byteport.kubernetes.patches import ACTION_ID, VERIFIED
from tests.cluster.boundary.installed import Installed, Said, asked, once
from tests.cluster.boundary.ownership import (
    APPLY,
    FLUX,
    FORGERIES,
    SRE,
    Entries,
    Place,
    by,
    entries_of,
    entry,
    flux_applies,
    path_of,
    raised,
    rolled_back,
    with_a_field_put_down_to_flux_and_taken_from_a_person,
    without_a_status,
    written_by_many,
)
from tests.cluster.boundary.test_autoscalers import MERGE, Scaler
from tests.cluster.boundary.test_deployments import OK, WEB, Release, by_json_patch, by_merge_patch, released
from tests.cluster.workloads import Namespace

JSON = dict[str, Any]
APPLIERS = (FLUX, "argocd", "kustomize")
CONTAINERS, VARIABLES = 6, 100
UNDER_ITS_NAME, GIVEN, TAKEN = (rule.message for rule in unforged("", [], []))
POD_TEMPLATE = "io.k8s.api.core.v1.PodTemplateSpec"


@pytest.fixture
def release(guarded: Installed, shop: Namespace) -> Release:
    return released(guarded, shop)


@pytest.fixture
def scaler(guarded: Installed, shop: Namespace) -> Scaler:
    return Scaler(guarded, shop)


@pytest.mark.claim("C-222")
def test_a_rollback_of_what_many_have_written_takes_from_each_only_what_changes(release: Release) -> None:
    written_by_many(release)
    before = entries_of(release)
    said = by_json_patch(release, rolled_back(release))
    assert said.status == OK, said
    after = said.body["metadata"]["managedFields"]
    assert VERIFIED in said.body["metadata"]["annotations"]
    assert {one["manager"] for one in before} <= {one["manager"] for one in after}
    held = entry(after, AGENT_MANAGER)["fieldsV1"]
    assert set(held) == {"f:metadata", "f:spec"}
    assert set(held["f:spec"]) == {"f:template"}
    assert entry(after, SRE)["fieldsV1"]["f:spec"] == entry(before, SRE)["fieldsV1"]["f:spec"]


@pytest.mark.claim("C-223")
def test_a_raise_and_its_restore_of_what_many_have_written(scaler: Scaler) -> None:
    written_by_many(scaler)
    assert scaler.patch(raised(scaler)).status == OK
    assert "f:minReplicas" not in entry(entries_of(scaler), FLUX)["fieldsV1"]["f:spec"]
    assert scaler.patch(raised(scaler) | scaler.restored()).status == OK
    by(scaler, SRE, {"metadata": {"annotations": {ACTION_ID: "ef" * 32}}})
    assert scaler.patch(scaler.raised()).status == OK, "an entry of which nothing is left is taken away"


@pytest.mark.claim("C-222", "C-223")
@pytest.mark.parametrize("kind", ["Deployment", "HorizontalPodAutoscaler"])
def test_an_act_is_let_through_where_the_api_server_merges_the_oldest_of_too_many_updates(
    guarded: Installed, shop: Namespace, kind: str
) -> None:
    place: Place = released(guarded, shop) if kind == "Deployment" else Scaler(guarded, shop)
    written_by_many(place)
    for one in range(MOST_UPDATERS + 3):
        by(place, f"tool-{one}", {"metadata": {"annotations": {f"example.com/{one}": "x"}}})
    if isinstance(place, Release):
        release = place
        said = once(lambda said: said.status == OK, lambda: by_json_patch(release, rolled_back(release)))
    else:
        said = place.patch(raised(place))
    assert said.status == OK, said
    assert MERGED in {one["manager"] for one in said.body["metadata"]["managedFields"]}


@pytest.mark.claim("C-222", "C-223")
def test_an_act_is_let_through_where_nobody_keeps_who_set_what(release: Release, scaler: Scaler) -> None:
    for place in (release, scaler):
        nobody: JSON = {"metadata": {"managedFields": [{}]}}
        reset = asked(place.guarded.plane.api, "PATCH", path_of(place), nobody, content_type=MERGE)
        assert reset.status == OK, reset
    assert scaler.patch(raised(scaler)).status == OK
    assert by_json_patch(release, rolled_back(release)).status == OK


@pytest.mark.claim("C-214")
def test_a_raise_with_a_forged_book_keeping_is_refused(scaler: Scaler) -> None:
    written_by_many(scaler)
    assert let_through(lambda forge: scaler.patch(raised(scaler, forge))) == []
    once(lambda said: said.status == OK, lambda: scaler.patch(raised(scaler, as_read)))


def as_read(entries: Entries) -> Entries:
    """Until it is the book-keeping as it still is when it comes: the controllers write of a status meanwhile."""
    return entries


def with_a_container_put_down_to_flux(entries: Entries) -> Entries:
    """Deep in the template: the next apply would take it away."""
    held = entry(entries, FLUX)["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    held['k:{"name":"sidecar"}'] = {".": {}, "f:name": {}}
    return entries


def with_a_probe_put_down_to_flux(entries: Entries) -> Entries:
    held = entry(entries, FLUX)["fieldsV1"]["f:spec"]["f:template"]["f:spec"]["f:containers"]
    held['k:{"name":"app"}']["f:readinessProbe"] = {"f:periodSeconds": {}}
    return entries


@pytest.mark.claim("C-214")
def test_a_rollback_with_a_forged_book_keeping_is_refused(release: Release) -> None:
    written_by_many(release)
    deep = (without_a_status, with_a_container_put_down_to_flux, with_a_probe_put_down_to_flux)
    assert let_through(lambda forge: by_json_patch(release, rolled_back(release, forge)), *deep) == []
    assert let_through(lambda forge: by_merge_patch(release, rolled_back(release, forge)), *deep) == []
    once(lambda said: said.status == OK, lambda: by_json_patch(release, rolled_back(release, as_read)))


def let_through(sent: Callable[[Callable[[Entries], Entries]], Said], *more: Callable[[Entries], Entries]) -> list[str]:
    """The forgeries that anything but a rule of whose fields are whose answers."""
    found = []
    for forge in (*FORGERIES, *more):
        said = sent(forge)
        if not said.by_policy or not said.message.endswith((GIVEN, TAKEN)):
            found.append(f"{forge.__name__}: {said.status} {said.message[:200]}")
    return found


@pytest.mark.claim("C-214")
def test_what_somebody_set_beside_its_owner_outlives_an_act_and_the_owners_next_apply(scaler: Scaler) -> None:
    written_by_many(scaler)
    forged = raised(scaler, with_a_field_put_down_to_flux_and_taken_from_a_person)
    assert scaler.patch(forged).by_policy
    assert scaler.patch(raised(scaler)).status == OK
    flux_applies(scaler)
    assert scaler.now()["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 1200


@pytest.mark.claim("C-214")
@pytest.mark.parametrize("name", [FLUX, "byteport-doctor", ""])
def test_under_another_name_than_its_own_the_agent_writes_nothing(release: Release, scaler: Scaler, name: str) -> None:
    query = f"?dryRun=All&fieldManager={name}"
    for said in (by_json_patch(release, rolled_back(release), query), scaler.patch(raised(scaler), query=query)):
        assert said.by_policy, said
        assert said.message.endswith(UNDER_ITS_NAME), said.message


@pytest.mark.claim("C-214")
def test_an_apply_is_none_of_its_ways(scaler: Scaler) -> None:
    """What it named once and names no more would be deleted."""
    applied = raised(scaler) | {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
    applied["metadata"]["name"] = scaler.now()["metadata"]["name"]
    said = scaler.patch(applied, APPLY, query="?force=true")
    assert said.by_policy
    assert said.message.endswith(GIVEN)


@pytest.mark.claim("C-222")
def test_a_rollback_of_a_large_template_that_several_apply_costs_the_policy_no_more_than_it_may(
    guarded: Installed, shop: Namespace
) -> None:
    """CEL stops at a budget, and what it has not computed is refused."""
    environment = [{"name": f"VARIABLE_{one}", "value": "x"} for one in range(VARIABLES)]
    containers = [
        {"name": name, "image": "registry.example/app:1", "env": environment}
        for name in ("app", *(f"side-{one}" for one in range(CONTAINERS - 1)))
    ]

    def grown(release: Release) -> None:
        spec = {"template": {"spec": {"containers": containers}}}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": WEB}, "spec": spec}
        for manager in APPLIERS:
            path = f"{release.path}?fieldManager={manager}&force=true"
            said = asked(guarded.plane.api, "PATCH", path, body, content_type=APPLY)
            assert said.status == OK, said

    release = released(guarded, shop, grown)
    said = by_json_patch(release, rolled_back(release))
    assert said.status == OK, said
    kept = entry(said.body["metadata"]["managedFields"], APPLIERS[0])
    assert len(str(kept)) > CONTAINERS * VARIABLES * 40


@pytest.mark.claim("C-212")
def test_no_field_of_a_template_lies_deeper_than_the_policy_looks(guarded: Installed) -> None:
    document = guarded.plane.api.call("GET", "/openapi/v3/apis/apps/v1")
    schemas = document["components"]["schemas"]

    def depth(schema: JSON) -> int:
        """Keys below a field of that schema, as the API server keeps who set it."""
        merged = schema | {key: value for one in schema.get("allOf", ()) for key, value in resolved(one).items()}
        if "$ref" in merged:
            merged = resolved(merged) | {key: value for key, value in merged.items() if key != "$ref"}
        if schema.get("x-kubernetes-map-type") == "atomic" or merged.get("x-kubernetes-map-type") == "atomic":
            return 0
        if merged.get("type") == "array":
            granular = schema.get("x-kubernetes-list-type", "atomic") in ("map", "set")
            return 1 + depth(merged["items"]) if granular else 0
        if "additionalProperties" in merged:
            return 1 + depth(merged["additionalProperties"])
        return 1 + max(map(depth, merged["properties"].values())) if merged.get("properties") else 0

    def resolved(schema: JSON) -> JSON:
        found: JSON = schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
        return found

    assert 5 < depth(schemas[POD_TEMPLATE]) <= TEMPLATE_DEPTH
