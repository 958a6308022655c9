"""What keeps a process from starting, and how that reads."""

from pathlib import Path

import pytest

from byteport.contracts.kubernetes import DELETE_POD, PRUNE_IMAGES, READ_SITUATION
from byteport.errors import ConfigError, NotPermitted
from byteport.kubernetes.port import PODS, RESOURCE_QUOTAS
from byteport.sandbox.simulated import Right, SimulatedCluster
from byteport.settings import load
from workers.preflight import Check, Outcome, check_cluster_uid, check_packages, check_rights, must_pass


async def test_a_cluster_that_grants_everything_is_ok() -> None:
    (check,) = await check_rights(SimulatedCluster(), [DELETE_POD, READ_SITUATION])
    assert check.outcome is Outcome.OK


@pytest.mark.claim("C-008")
async def test_a_right_that_is_missing_is_named_and_refuses() -> None:
    cluster = SimulatedCluster()
    cluster.access.revoke(Right("delete", PODS))
    (check,) = await check_rights(cluster, [DELETE_POD])
    assert (check.outcome, check.finding) == (Outcome.FAILED, "the cluster does not grant delete pods")
    assert check.remedy.startswith("kubectl auth can-i delete pods --all-namespaces ")


async def test_an_optional_read_that_is_missing_is_a_warning_with_its_reason() -> None:
    cluster = SimulatedCluster()
    cluster.access.revoke(Right("list", RESOURCE_QUOTAS))
    (check,) = await check_rights(cluster, [READ_SITUATION])
    assert check.outcome is Outcome.WARNING
    assert "list resourcequotas" in check.finding
    assert "replacement" in check.finding
    assert check.remedy.startswith("kubectl auth can-i list resourcequotas --all-namespaces ")


async def test_a_right_to_a_subresource_is_asked_for_as_kubectl_takes_it() -> None:
    cluster = SimulatedCluster()
    cluster.access.revoke(Right("create", PODS, "exec"))
    (check,) = await check_rights(cluster, [PRUNE_IMAGES])
    assert check.remedy.startswith("kubectl auth can-i create pods --subresource=exec --all-namespaces ")


def test_the_packages_are_ours() -> None:
    assert check_packages().outcome is Outcome.OK


def test_another_cluster_than_the_settings_mean_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("cluster: {name: prod, uid: 00000000-0000-0000-0000-000000000001}\n")
    settings = load(config, {})
    assert check_cluster_uid(settings, "00000000-0000-0000-0000-000000000001").outcome is Outcome.OK
    with pytest.raises(ConfigError, match=r"cluster\.uid: is 0.*1 but this cluster's is 0.*2; kubectl config "):
        must_pass([check_cluster_uid(settings, "00000000-0000-0000-0000-000000000002")])


def test_missing_rights_are_not_permitted_and_a_warning_is_no_obstacle() -> None:
    must_pass([Check("a", Outcome.OK, ""), Check("b", Outcome.WARNING, "")])
    with pytest.raises(NotPermitted, match="delete pods"):
        must_pass([Check("rights", Outcome.FAILED, "the cluster does not grant delete pods")])
