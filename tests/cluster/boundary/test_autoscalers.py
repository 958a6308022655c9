"""What the agent's token can do to autoscalers: raise a floor with the owner's written down, and put back exactly that."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from byteport.boundary.policies.autoscalers import NAME
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL
from byteport.kubernetes.floor_patch import FLOOR_RESTORED
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.refusals import SAID_BY
from tests.cluster.boundary.conftest import APP
from tests.cluster.boundary.installed import BY_POLICY, Installed, Said, asked, once
from tests.cluster.boundary.managers import as_agent
from tests.cluster.workloads import Namespace

JSON = dict[str, Any]

UNTIL = "2030-01-01T00:00:00Z"
V2_ONLY_IN_V1 = "autoscaling.alpha.kubernetes.io/behavior"
BEHAVIOUR = (
    '{"ScaleDown":{"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":50,"PeriodSeconds":15}]},'
    '"ScaleUp":{"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":50,"PeriodSeconds":15}]}}'
)
JSON_PATCH = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class Scaler:
    """An autoscaler of `api`, floor 2, ceiling 6."""

    def __init__(self, guarded: Installed, shop: Namespace, *, floor: int = 2) -> None:
        self.guarded, self.shop = guarded, shop
        metric = {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
        }
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
            "minReplicas": floor,
            "maxReplicas": 6,
            "metrics": [metric],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
        }
        body = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": APP},
            "spec": spec,
        }
        guarded.plane.api.call("POST", self.path().rsplit("/", 1)[0], body)

    def path(self, version: str = "v2") -> str:
        return f"/apis/autoscaling/{version}/namespaces/{self.shop.name}/horizontalpodautoscalers/{APP}"

    def now(self) -> JSON:
        return self.guarded.plane.api.call("GET", self.path())

    def patch(self, patch: JSON | list[JSON], content_type: str = MERGE, version: str = "v2", query: str = "") -> Said:
        path = as_agent(self.path(version) + query)
        return asked(self.guarded.agent(), "PATCH", path, patch, content_type=content_type)

    def raised(self, to: int = 4, **spec: object) -> JSON:
        """A merge patch that raises the floor."""
        before = str(self.now()["spec"]["minReplicas"])
        marks = {ACTION_ID: "ab" * 32, FLOOR_BEFORE: before, FLOOR_RAISED: str(to), FLOOR_UNTIL: UNTIL}
        return {"metadata": {"annotations": marks}, "spec": {"minReplicas": to, **spec}}

    def restored(self, to: int = 2) -> JSON:
        gone = dict.fromkeys((FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL))
        marks = {ACTION_ID: "cd" * 32, **gone, FLOOR_RESTORED: "ab" * 32}
        return {"metadata": {"annotations": marks}, "spec": {"minReplicas": to}}


@pytest.fixture
def scaler(guarded: Installed, shop: Namespace) -> Scaler:
    return Scaler(guarded, shop)


@pytest.mark.claim("C-223")
@pytest.mark.parametrize("content_type", [MERGE, STRATEGIC])
def test_critique_b2_a_raise_within_the_bounds_that_writes_the_owners_floor_down_and_its_restore(
    scaler: Scaler, content_type: str
) -> None:
    assert scaler.patch(scaler.raised(), MERGE).status == 200
    assert scaler.patch(scaler.restored(), MERGE).status == 200
    assert scaler.now()["spec"]["minReplicas"] == 2


def test_a_second_raise_keeps_the_first_floor(scaler: Scaler) -> None:
    assert scaler.patch(scaler.raised(3)).status == 200
    kept = scaler.raised(5)
    kept["metadata"]["annotations"][FLOOR_BEFORE] = "2"
    assert scaler.patch(kept).status == 200
    assert scaler.patch(scaler.restored()).status == 200


def beyond_the_ceiling(patch: JSON) -> None:
    patch["spec"]["minReplicas"] = 7
    patch["metadata"]["annotations"][FLOOR_RAISED] = "7"


def below_what_it_was(patch: JSON) -> None:
    patch["spec"]["minReplicas"] = 1
    patch["metadata"]["annotations"][FLOOR_RAISED] = "1"


def without_the_owners_floor(patch: JSON) -> None:
    patch["metadata"]["annotations"].pop(FLOOR_BEFORE)


def with_another_floor_written_down(patch: JSON) -> None:
    patch["metadata"]["annotations"][FLOOR_BEFORE] = "1"


def without_its_own_floor(patch: JSON) -> None:
    patch["metadata"]["annotations"].pop(FLOOR_RAISED)


def with_another_floor_for_its_own(patch: JSON) -> None:
    patch["metadata"]["annotations"][FLOOR_RAISED] = "5"


def with_an_end_that_is_no_time(patch: JSON) -> None:
    patch["metadata"]["annotations"][FLOOR_UNTIL] = "9" * 255_000


def with_an_end_that_goes_on(patch: JSON) -> None:
    patch["metadata"]["annotations"][FLOOR_UNTIL] = UNTIL + "\n" + "x" * 9


def with_an_action_id_that_is_none(patch: JSON) -> None:
    patch["metadata"]["annotations"][ACTION_ID] = "x" * 255_000


def with_a_mark_of_a_restore_that_is_none(patch: JSON) -> None:
    patch["metadata"]["annotations"][FLOOR_RESTORED] = "x" * 65


def without_an_end(patch: JSON) -> None:
    patch["metadata"]["annotations"].pop(FLOOR_UNTIL)


def with_the_ceiling_along(patch: JSON) -> None:
    patch["spec"]["maxReplicas"] = 60


def beyond_the_ceiling_that_it_brings_along(patch: JSON) -> None:
    """Valid by itself, so that what refuses is a policy."""
    beyond_the_ceiling(patch)
    with_the_ceiling_along(patch)


def with_metrics_along(patch: JSON) -> None:
    patch["spec"]["metrics"] = []


def with_a_target_along(patch: JSON) -> None:
    patch["spec"]["scaleTargetRef"] = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "another"}


def with_behaviour_along(patch: JSON) -> None:
    patch["spec"]["behavior"] = {"scaleDown": {"selectPolicy": "Disabled"}}


def with_no_behaviour(patch: JSON) -> None:
    patch["spec"]["behavior"] = None


def with_a_label_along(patch: JSON) -> None:
    patch["metadata"]["labels"] = {"example.com/mine": "true"}


def with_a_foreign_annotation_along(patch: JSON) -> None:
    patch["metadata"]["annotations"]["example.com/mine"] = "true"


def with_a_finalizer_along(patch: JSON) -> None:
    patch["metadata"]["finalizers"] = ["example.com/hold"]


def with_a_prefix_of_its_name_along(patch: JSON) -> None:
    patch["metadata"]["generateName"] = "x"


def with_a_prefix_of_any_length_along(patch: JSON) -> None:
    """Nobody would have room to write anything to the object any more."""
    patch["metadata"]["generateName"] = "x" * 1_000_000


def with_a_link_to_itself_along(patch: JSON) -> None:
    patch["metadata"]["selfLink"] = "x"


FORGERIES: tuple[Callable[[JSON], None], ...] = (
    beyond_the_ceiling,
    below_what_it_was,
    without_the_owners_floor,
    with_another_floor_written_down,
    without_its_own_floor,
    with_another_floor_for_its_own,
    with_an_end_that_is_no_time,
    with_an_end_that_goes_on,
    with_an_action_id_that_is_none,
    with_a_mark_of_a_restore_that_is_none,
    without_an_end,
    with_the_ceiling_along,
    beyond_the_ceiling_that_it_brings_along,
    with_metrics_along,
    with_a_target_along,
    with_behaviour_along,
    with_no_behaviour,
    with_a_label_along,
    with_a_foreign_annotation_along,
    with_a_finalizer_along,
    with_a_prefix_of_its_name_along,
    with_a_prefix_of_any_length_along,
    with_a_link_to_itself_along,
)

INVALID = {beyond_the_ceiling.__name__}
"""No valid autoscaler, which the API server's own validation says before it asks any policy."""


@pytest.mark.claim("C-204")
def test_review_5_every_forged_raise_is_refused_by_every_kind_of_patch(scaler: Scaler) -> None:
    refused_by = {}
    for forge in FORGERIES:
        for way in (MERGE, STRATEGIC, "apply", JSON_PATCH):
            if forge is with_no_behaviour and way == "apply":
                continue  # what somebody else set is not taken away by not naming it
            patch = scaler.raised()
            forge(patch)
            refused_by[forge.__name__, way] = who_refused(_sent(scaler, patch, way))
            assert scaler.now()["spec"]["minReplicas"] == 2, forge.__name__
    assert refused_by == {key: expected_refusal(key[0]) for key in refused_by}


def who_refused(said: Said) -> str:
    """The policy of autoscalers by its name and in its own words, the API server's validation, or the answer itself."""
    if said.by_policy and f"'{NAME}'" in said.message and SAID_BY in said.message:
        return NAME
    validated = said.body.get("reason") == "Invalid" and BY_POLICY not in said.message
    return "validation" if said.status == 422 and validated else f"{said.status} {said.message[:160]}"


def expected_refusal(forgery: str) -> str:
    return "validation" if forgery in INVALID else NAME


def _sent(scaler: Scaler, patch: JSON, way: str) -> Said:
    if way == JSON_PATCH:
        return scaler.patch(_operations(scaler.now(), patch), way)
    if way == "apply":
        whole = copy.deepcopy(scaler.now())
        fields = {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": APP, **{k: v for k, v in patch["metadata"].items() if v is not None}},
            "spec": {k: v for k, v in (whole["spec"] | patch["spec"]).items() if v is not None},
        }
        return scaler.patch(fields, "application/apply-patch+yaml", query="?force=true")
    return scaler.patch(patch, way)


def _operations(now: JSON, patch: JSON) -> list[JSON]:
    found = []
    for part in ("metadata", "spec"):
        for key, value in patch[part].items():
            op = "remove" if value is None else "add"
            if op == "remove" and key not in now[part]:
                continue
            found.append({"op": op, "path": f"/{part}/{key}"} | ({} if value is None else {"value": value}))
    return found


@pytest.mark.claim("C-204")
def test_critique_b1_the_only_way_down_is_exactly_to_the_owners_floor(scaler: Scaler) -> None:
    assert scaler.patch(scaler.raised(4)).status == 200
    for lower in (1, 3):
        assert scaler.patch(scaler.restored(lower)).by_policy
    assert scaler.patch({"spec": {"minReplicas": 3}}).by_policy
    for mark in (FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL):
        emptied = scaler.restored()
        emptied["metadata"]["annotations"][mark] = ""
        assert scaler.patch(emptied).by_policy, f"{mark} stays, and says nothing"
    forgets = {"metadata": {"annotations": {FLOOR_BEFORE: "1"}}}
    assert scaler.patch(forgets).by_policy


def owner_sets(scaler: Scaler, floor: int) -> None:
    api, patch = scaler.guarded.plane.api, {"spec": {"minReplicas": floor}}
    api.call("PATCH", scaler.path(), patch, content_type=MERGE)


def taken_again(scaler: Scaler, floor: int) -> JSON:
    """A second raise that takes what stands for a floor of ours."""
    patch = scaler.raised(floor)
    patch["metadata"]["annotations"][FLOOR_BEFORE] = "2"
    return patch


@pytest.mark.claim("C-204")
@pytest.mark.parametrize("since", [3, 5])
def test_a_floor_that_its_owner_has_set_since_is_not_gone_below(scaler: Scaler, since: int) -> None:
    assert scaler.patch(scaler.raised(4)).status == 200
    owner_sets(scaler, since)
    tried = [scaler.restored(2), *(taken_again(scaler, floor) for floor in (since, 6))]
    tried.append({"metadata": {"annotations": {FLOOR_RAISED: str(since)}}})
    tried.append({"metadata": {"annotations": dict.fromkeys((FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL))}})
    assert [scaler.patch(one).by_policy for one in tried] == [True] * len(tried)
    assert scaler.now()["spec"]["minReplicas"] == since


@pytest.mark.claim("C-204")
def test_a_raise_that_does_not_say_what_it_was_raised_to_is_left_to_a_person(scaler: Scaler) -> None:
    assert scaler.patch(scaler.raised(4)).status == 200
    forgotten = {"metadata": {"annotations": {FLOOR_RAISED: None}}}
    scaler.guarded.plane.api.call("PATCH", scaler.path(), forgotten, content_type=MERGE)
    assert scaler.patch(scaler.restored(2)).by_policy


@pytest.mark.claim("C-204")
def test_a_mark_that_is_there_and_says_nothing_is_left_to_a_person(scaler: Scaler) -> None:
    emptied = {"metadata": {"annotations": {FLOOR_BEFORE: ""}}}
    scaler.guarded.plane.api.call("PATCH", scaler.path(), emptied, content_type=MERGE)
    assert scaler.patch(scaler.raised()).by_policy
    assert scaler.now()["spec"]["minReplicas"] == 2


@pytest.mark.claim("C-204")
def test_critique_b1_a_floor_of_nought_is_not_raised(guarded: Installed, shop: Namespace) -> None:
    """With an external metric an autoscaler may scale to zero, and its owner put it to sleep."""
    sleeping = Scaler(guarded, shop)
    external = {
        "type": "External",
        "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "5"}},
    }
    owner = {"spec": {"minReplicas": 0, "metrics": [external]}}
    guarded.plane.api.call("PATCH", sleeping.path(), owner, content_type=MERGE)
    patch = sleeping.raised(2)
    assert sleeping.patch(patch).by_policy


@pytest.mark.claim("C-204")
def test_critique_b1_an_owned_autoscaler_is_its_owners(scaler: Scaler) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "keda"}}
    api = scaler.guarded.plane.api
    made = api.call("POST", f"/api/v1/namespaces/{scaler.shop.name}/configmaps", config)
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "keda", "uid": made["metadata"]["uid"]}
    api.call("PATCH", scaler.path(), {"metadata": {"ownerReferences": [owner]}}, content_type=MERGE)
    assert scaler.patch(scaler.raised()).by_policy


@pytest.mark.claim("C-204")
@pytest.mark.parametrize(
    "along",
    [
        {"spec": {"targetCPUUtilizationPercentage": 1}},
        {"metadata": {"annotations": {V2_ONLY_IN_V1: BEHAVIOUR}}},
        {"spec": {"maxReplicas": 60}},
        {"spec": {"minReplicas": 1}},
    ],
    ids=["target", "behaviour", "ceiling", "lower"],
)
def test_critique_b1_the_older_version_of_the_api_carries_nothing_along(scaler: Scaler, along: JSON) -> None:
    patch = scaler.raised()
    for part, fields in along.items():
        for key, value in fields.items():
            patch[part][key] = (patch[part][key] | value) if isinstance(value, dict) else value
    assert scaler.patch(patch, version="v1").by_policy
    assert scaler.now()["spec"]["minReplicas"] == 2


def test_an_honest_raise_through_the_older_version_is_let_through(scaler: Scaler) -> None:
    assert scaler.patch(scaler.raised(), version="v1").status == 200


@pytest.mark.claim("C-204")
@pytest.mark.parametrize(("method", "sub"), [("PUT", ""), ("DELETE", ""), ("POST", ""), ("PUT", "/status")])
def test_review_4_nothing_else_is_granted(scaler: Scaler, method: str, sub: str) -> None:
    path = scaler.path().rsplit("/", 1)[0] if method == "POST" else scaler.path() + sub
    body = scaler.now() if method != "DELETE" else None
    assert asked(scaler.guarded.agent(), method, path, body).by_rights


@pytest.mark.claim("C-208")
def test_nothing_is_raised_once_the_label_is_gone(scaler: Scaler) -> None:
    scaler.guarded.plane.kubectl("label", "namespace", scaler.shop.name, "byteport.io/enabled-")
    dry = "?dryRun=All"  # one that is let through at first would itself be why the next is refused
    said = once(lambda said: said.by_policy, lambda: scaler.patch(scaler.raised(), query=dry))
    assert "byteport.io/enabled" in said.message
