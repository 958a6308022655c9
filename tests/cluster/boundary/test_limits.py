"""What no admission policy can hold: shown, so that nobody takes the boundary for more than it is."""

from __future__ import annotations

import pytest

from byteport.boundary.policies import everything
from tests.cluster.boundary.installed import Installed, asked, once
from tests.cluster.workloads import Namespace

OK = 200


@pytest.mark.claim("C-225")
@pytest.mark.usefixtures("everything_granted")
@pytest.mark.parametrize("kind", ["validatingadmissionpolicies", "validatingadmissionpolicybindings"])
def test_a_cluster_administrator_may_delete_the_policies_themselves_whatever_its_account(
    guarded: Installed, kind: str
) -> None:
    path = f"/apis/admissionregistration.k8s.io/v1/{kind}/{everything.NAME}?dryRun=All"
    said = once(lambda said: not said.by_rights, lambda: asked(guarded.agent(), "DELETE", path))
    assert said.status == OK, "the policies hold themselves now: the claim can say more"


@pytest.mark.claim("C-225")
@pytest.mark.usefixtures("everything_granted")
def test_a_cluster_administrator_may_act_as_somebody_whom_no_policy_binds(guarded: Installed, shop: Namespace) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    path = f"/api/v1/namespaces/{shop.name}/configmaps?dryRun=All"
    somebody = {"Impersonate-User": f"system:serviceaccount:{shop.name}:default", "Impersonate-Group": "system:masters"}
    agent = guarded.agent()
    assert once(lambda said: not said.by_rights, lambda: asked(agent, "POST", path, config)).by_policy
    assert agent.call("POST", path, config, headers=somebody)["metadata"]["name"] == "x"
