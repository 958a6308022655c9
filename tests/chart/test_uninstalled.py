"""`helm uninstall` on a real API server when nobody thought of `byteport disable`: what stands, who says so, what removes it.

And in which order Helm takes its own away: no right of the agent's outlives the policies that bound it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import helm_python
import pytest

from byteport.boundary.names import ACCOUNT, ENABLED_LABEL, NAMED_ROLE, NAMESPACE
from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.rest import Api
from byteport.sandbox.strains import autoscaler
from tests.chart.chart import RELEASE
from tests.chart.test_installed import control_plane, helm, install
from tests.cluster.boundary.installed import asked
from tests.cluster.workloads import Namespace, eventually

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(600)]

__all__ = ["control_plane", "helm"]
"""Fixtures, of this module's own since they are made anew here."""
FORBIDDEN, OK = 403, 200


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Typed:
    """The command line with the administrator's kubeconfig."""

    def __init__(self, plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
        self._plane, self._capsys = plane, capsys

    def __call__(self, *arguments: str) -> Said:
        code = invoke([*arguments, "--kubeconfig", str(self._plane.kubeconfig)])
        captured = self._capsys.readouterr()
        return Said(code, captured.out, captured.err)


@pytest.fixture
def typed(
    control_plane: ControlPlane, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Typed:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    return Typed(control_plane, capsys)


@pytest.fixture
def shop(control_plane: ControlPlane) -> Iterator[Namespace]:
    namespace = Namespace(control_plane, f"left-{secrets.token_hex(3)}")
    namespace.create()
    namespace.deploy("api", replicas=1)
    where = f"/apis/autoscaling/v2/namespaces/{namespace.name}/horizontalpodautoscalers"
    control_plane.api.call("POST", where, autoscaler(namespace.name, "api", ceiling=6))
    yield namespace
    namespace.delete()


def of_that_name(control_plane: ControlPlane) -> Api:
    """A new ServiceAccount of the agent's name, without any policy."""
    control_plane.kubectl("create", "serviceaccount", ACCOUNT, "-n", NAMESPACE)
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
    made = control_plane.api.call("POST", path, {"spec": {"expirationSeconds": 3600}})
    return Api(control_plane.server, control_plane.state_dir / "pki" / "ca.crt", made["status"]["token"])


def sets_the_image(account: Api, shop: Namespace) -> int:
    path = f"/apis/apps/v1/namespaces/{shop.name}/deployments/api"
    name = shop.deployment("api")["spec"]["template"]["spec"]["containers"][0]["name"]
    patch = {"spec": {"template": {"spec": {"containers": [{"name": name, "image": "evil.example/x:1"}]}}}}
    return asked(account, "PATCH", path, patch, content_type="application/strategic-merge-patch+json").status


@pytest.mark.claim("C-028")
@pytest.mark.claim("C-146")
def test_what_an_uninstall_leaves_is_told_and_disable_all_removes_it(
    control_plane: ControlPlane, helm: helm_python.Config, typed: Typed, shop: Namespace
) -> None:
    install(helm)
    assert typed("enable", shop.name, "--mode", "auto", "--rollback", "*", "--yes").code in (Exit.OK, Exit.FINDING)
    marks = (f"{FLOOR_BEFORE}=1", f"{FLOOR_RAISED}=4")
    control_plane.kubectl("annotate", "hpa", "api", "-n", shop.name, *marks)
    helm.uninstall(RELEASE, wait="watcher", timeout=120)
    account = of_that_name(control_plane)
    eventually(lambda: sets_the_image(account, shop) == OK or None)  # which is why it must be told
    found = typed("doctor", "--installation")
    assert found.code == Exit.FINDING
    assert "install the chart first" in found.out
    assert f"in {shop.name}: " in found.out
    for word in (
        f"Role {NAMED_ROLE}",
        f"label {ENABLED_LABEL}",
        f"byteport disable {shop.name}",
        f"{shop.name}/api (floor",
    ):
        assert word in found.out
    said = typed("disable", "--all", "--yes")
    assert f"- RoleBinding {shop.name}/{NAMED_ROLE}" in said.out
    assert "kubectl annotate hpa api" in said.err, "a floor that the agent never raised is a person's"
    eventually(lambda: sets_the_image(account, shop) == FORBIDDEN or None)
    control_plane.kubectl("annotate", "hpa", "api", "-n", shop.name, f"{FLOOR_BEFORE}-", f"{FLOOR_RAISED}-")
    assert typed("disable", "--all", "--yes").code == Exit.OK
    assert "left over" not in typed("doctor", "--installation").out


@pytest.mark.claim("C-146")
def test_helm_takes_rights_and_account_away_before_the_policies_that_bound_them(
    control_plane: ControlPlane, helm: helm_python.Config, shop: Namespace
) -> None:
    control_plane.kubectl("label", "namespace", shop.name, f"{ENABLED_LABEL}=true")
    install(
        helm,
        {"namespaces": [{"name": shop.name, "mode": "auto", "rollback": ["api"]}], "nodeHelper": {"enabled": True}},
    )
    since = control_plane.audit_position()
    helm.uninstall(RELEASE, wait="watcher", timeout=120)
    deleted = control_plane.audit_events(verbs={"delete"}, since=since)
    gone = [event["objectRef"]["resource"] for event in deleted if event["responseStatus"]["code"] == OK]
    rights = {"rolebindings", "clusterrolebindings", "serviceaccounts"}
    policies = {"validatingadmissionpolicies", "validatingadmissionpolicybindings"}
    policies |= {"mutatingadmissionpolicies", "mutatingadmissionpolicybindings"}
    assert {*rights, *policies} <= {*gone}
    last_right = max(number for number, resource in enumerate(gone) if resource in rights)
    assert last_right < min(number for number, resource in enumerate(gone) if resource in policies)
