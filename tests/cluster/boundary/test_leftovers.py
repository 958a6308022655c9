"""What a test leaves on the control plane that it shares is found, named and put back."""

from __future__ import annotations

import secrets

import pytest

from byteport.boundary.names import CEILINGS, MAY_ACT, NAMESPACE, PART_OF, role_ref
from byteport.boundary.policies import everything
from byteport.boundary.roles import binding
from byteport.sandbox.controlplane.rest import Api
from tests.cluster.boundary.given import MERGE
from tests.cluster.boundary.installed import Installed, path_of
from tests.cluster.boundary.leftovers import Shared, differences, policies_moved, put_back, shared
from tests.cluster.workloads import Namespace

ENABLED = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}"


@pytest.fixture
def before(guarded: Installed) -> Shared:
    return shared(guarded.plane.api)


def found(api: Api, before: Shared) -> list[str]:
    """What is amiss; afterwards all of it is as before."""
    amiss = differences(before, shared(api))
    put_back(api, before, amiss)
    assert differences(before, shared(api)) == {}
    return sorted(f"{word}: {place}" for place, word in amiss.items())


def test_a_config_map_that_somebody_made_without_our_label_is_named(guarded: Installed, before: Shared) -> None:
    api = guarded.plane.api
    api.call("DELETE", ENABLED)
    api.call("POST", ENABLED.rpartition("/")[0], {"metadata": {"name": CEILINGS}, "data": {"gone": "{}"}})
    assert found(api, before) == [f"changed: {NAMESPACE}/configmaps/{CEILINGS}"]
    assert api.call("GET", ENABLED)["metadata"]["labels"] == PART_OF


def test_a_namespace_that_is_still_told_of_is_named(guarded: Installed, before: Shared) -> None:
    guarded.plane.api.call("PATCH", ENABLED, {"data": {"forgotten": "{}"}}, content_type=MERGE)
    assert found(guarded.plane.api, before) == [f"changed: {NAMESPACE}/configmaps/{CEILINGS}"]


def test_a_switch_that_is_off_and_a_right_that_is_left_are_named(guarded: Installed, before: Shared) -> None:
    switch = binding("ClusterRoleBinding", MAY_ACT, role_ref("ClusterRole", MAY_ACT))
    wide = binding("ClusterRoleBinding", f"wide-{secrets.token_hex(3)}", role_ref("ClusterRole", "cluster-admin"))
    guarded.remove([switch])
    guarded.apply([wide])
    assert found(guarded.plane.api, before) == [
        f"gone: clusterrolebindings/{MAY_ACT}",
        f"left: clusterrolebindings/{wide['metadata']['name']}",
    ]


def test_a_namespace_with_what_is_in_it_and_a_label_are_named(guarded: Installed, before: Shared) -> None:
    other = Namespace(guarded.plane, f"left-{secrets.token_hex(3)}")
    other.create()
    guarded.plane.kubectl("label", "namespace", "default", "byteport.io/enabled=true")
    guarded.plane.kubectl("create", "deployment", "victim", "--image=registry.example/a:1", "-n", "default")
    guarded.plane.kubectl("create", "serviceaccount", "another", "-n", NAMESPACE)
    assert found(guarded.plane.api, before) == [
        "changed: namespaces/default",
        f"left: {NAMESPACE}/serviceaccounts/another",
        "left: default/deployments/victim",
        f"left: namespaces/{other.name}",
    ]


def test_a_policy_that_is_weaker_is_named_and_one_that_was_away_is_known_to_have_been(
    guarded: Installed, before: Shared
) -> None:
    policy = next(item for item in guarded.objects if item["metadata"]["name"] == everything.NAME)
    assert not policies_moved(before, shared(guarded.plane.api))
    weak = {"spec": {"failurePolicy": "Ignore"}}
    guarded.plane.api.call("PATCH", path_of(policy), weak, content_type=MERGE)
    assert found(guarded.plane.api, before) == [f"changed: {path_of(policy).rpartition('/v1/')[2]}"]
    assert policies_moved(before, shared(guarded.plane.api))
