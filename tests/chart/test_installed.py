"""The chart on a real API server: installed by one command, refused before anything is applied, and gone without a trace.

On a control plane of its own, since the policies bind every account of our namespaces. Its nodes are simulated and it has
no storage, so that pods are admitted here and never run; `byteport worker` runs as a process in other tests.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest

from activities.kubernetes.administer import administrator
from byteport.boundary import whole
from byteport.boundary.names import CEILINGS, MAY_ACT, NAMESPACE, role_ref
from byteport.boundary.policies import deployments
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.roles import binding
from byteport.cli.switch import Side, Turn, Turned
from byteport.cli.turning import give_back, take_away
from byteport.kubernetes.port import JSON
from byteport.sandbox.controlplane import ApiRefused, ControlPlane, ensure_built
from tests.chart.chart import CHART, RELEASE, default_choices, objects
from tests.cluster.boundary.installed import path_of
from tests.cluster.workloads import eventually

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(600)]

NOT_FOUND = 404
SECONDS = 120
"""From nothing to the first plan; what is installed here is the larger part of it that is Helm's."""
LISTED = (
    "namespaces,configmaps,secrets,services,serviceaccounts,persistentvolumeclaims,pods,deployments,daemonsets,replicasets,"
    "poddisruptionbudgets,networkpolicies,roles,rolebindings,clusterroles,clusterrolebindings,validatingadmissionpolicies,"
    "validatingadmissionpolicybindings,mutatingadmissionpolicies,mutatingadmissionpolicybindings"
)
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
ENABLED = "byteport.io/enabled=true"


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of this module's own, by the name for which `tests/cluster` builds the programs."""
    ensure_built(lambda _: None)
    started = ControlPlane(tmp_path_factory.mktemp("charted")).start()
    yield started
    started.stop()


def make_namespace(control_plane: ControlPlane, name: str, *labels: str) -> None:
    """Returns when controllers have put into it what they put into each: else it is not as it was a moment later."""
    control_plane.kubectl("create", "namespace", name)
    if labels:
        control_plane.kubectl("label", "namespace", name, *labels)

    def furnished() -> bool:
        found = control_plane.kubectl("get", "configmaps,serviceaccounts", "-n", name, "-o", "name").split()
        return {"configmap/kube-root-ca.crt", "serviceaccount/default"} <= {*found}

    eventually(furnished)


@pytest.fixture
def helm(control_plane: ControlPlane) -> Iterator[helm_python.Config]:
    """Helm as the administrator, in our namespace at the `restricted` level; whatever is installed is taken away again."""
    make_namespace(control_plane, NAMESPACE, RESTRICTED)
    with helm_python.Config(kubeconfig_path=control_plane.kubeconfig, namespace=NAMESPACE) as config:
        yield config
        config.uninstall(RELEASE, ignore_not_found=True)
    control_plane.kubectl("delete", "namespace", NAMESPACE, "--wait=true")


def standing(control_plane: ControlPlane) -> set[str]:
    """Everything that is there, by kind, namespace and name; what comes and goes by itself is left out."""
    columns = "custom-columns=K:.kind,S:.metadata.namespace,N:.metadata.name"
    lines = control_plane.kubectl("get", LISTED, "--all-namespaces", "--no-headers", "-o", columns).splitlines()
    return {" ".join(line.split()) for line in lines if "kube-" not in line.split()[1]}


def install(helm: helm_python.Config, values: dict[str, Any] | None = None, **more: Any) -> helm_python.config.Release:
    return helm.install(str(CHART), RELEASE, values, namespace=NAMESPACE, **more)


def live(control_plane: ControlPlane, item: JSON) -> JSON | None:
    try:
        return control_plane.api.call("GET", path_of(item))
    except ApiRefused as error:
        if error.status == NOT_FOUND:
            return None
        raise


@pytest.mark.claim("C-147")
def test_one_command_installs_everything_and_the_policies_stand_as_rendered(
    control_plane: ControlPlane, helm: helm_python.Config
) -> None:
    began = time.monotonic()
    release = install(helm)
    assert time.monotonic() - began < SECONDS
    assert release["status"] == "deployed"
    there = standing(control_plane)
    for item in objects():
        if item["kind"] != "Pod":
            namespace = item["metadata"].get("namespace", "<none>")
            assert f"{item['kind']} {namespace} {item['metadata']['name']}" in there
    wanted = policies(default_choices())
    found = {(item["kind"], item["metadata"]["name"]): live(control_plane, item) for item in wanted}
    assert whole.policies(wanted, found) == []


@pytest.mark.claim("C-141")
def test_review_17_the_restricted_level_admits_every_pod(control_plane: ControlPlane, helm: helm_python.Config) -> None:
    install(helm)

    def admitted() -> bool | None:
        pods = {
            line.split("/")[1].rsplit("-", 2)[0]
            for line in control_plane.kubectl("get", "pods", "-n", NAMESPACE, "-o", "name").split()
        }
        return pods == {"byteport-agent", "byteport-rest", "byteport-signer"} or None

    eventually(admitted)


@pytest.mark.claim("C-145")
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"namespaces": [{"name": "nowhere"}]}, "there is no such namespace"),
        ({"namespaces": [{"name": "unlabelled"}]}, "has no label byteport.io/enabled=true"),
        ({"namespaces": [{"name": "kube-system"}]}, "is a protected namespace"),
        ({"namespaces": [{"name": "unlabelled", "rollback": ["a*"]}]}, "rollback"),
        ({"polcy": {}}, "polcy"),
    ],
    ids=str,
)
def test_bad_values_are_one_error_and_nothing_is_applied(
    control_plane: ControlPlane, helm: helm_python.Config, values: dict[str, Any], says: str
) -> None:
    make_namespace(control_plane, "unlabelled")
    try:
        before = standing(control_plane)
        with pytest.raises(helm_python.HelmError, match=says):
            install(helm, values)
        assert standing(control_plane) == before
    finally:
        control_plane.kubectl("delete", "namespace", "unlabelled", "--wait=true")


@pytest.mark.claim("C-145")
def test_a_name_that_is_taken_is_one_error_and_nothing_is_applied(
    control_plane: ControlPlane, helm: helm_python.Config
) -> None:
    taken = policies(default_choices())[0]
    control_plane.api.apply(path_of(taken), taken)
    try:
        before = standing(control_plane)
        with pytest.raises(helm_python.HelmError, match="is there already and is nobody's release"):
            install(helm)
        assert standing(control_plane) == before
    finally:
        control_plane.api.call("DELETE", path_of(taken))


@pytest.mark.claim("C-146")
def test_review_25_an_uninstall_leaves_nothing_behind(control_plane: ControlPlane, helm: helm_python.Config) -> None:
    make_namespace(control_plane, "shop", ENABLED)
    try:
        before = standing(control_plane)
        given = {"namespaces": [{"name": "shop", "mode": "auto", "rollback": ["api"], "hpa": ["*"]}]}
        install(helm, {**given, "nodeHelper": {"enabled": True}})
        assert "RoleBinding shop byteport-agent-named" in standing(control_plane)
        helm.uninstall(RELEASE, wait="watcher", timeout=120)
        eventually(lambda: standing(control_plane) == before or None)
    finally:
        control_plane.kubectl("delete", "namespace", "shop", "--wait=true")


@pytest.mark.claim("C-146")
def test_review_25_an_upgrade_to_fewer_values_leaves_what_they_would_have_installed(
    control_plane: ControlPlane, helm: helm_python.Config
) -> None:
    make_namespace(control_plane, "shop", ENABLED)
    try:
        install(helm)
        plain = released(control_plane)
        helm.uninstall(RELEASE, wait="watcher", timeout=120)
        wide = {
            "namespaces": [{"name": "shop", "mode": "auto", "rollback": ["api"], "hpa": ["*"]}],
            "nodeHelper": {"enabled": True},
            "sight": "cluster",
        }
        install(helm, wide)
        assert "RoleBinding shop byteport-agent-named" in released(control_plane)
        # Given no values at all, Helm would take those of the release before.
        helm.upgrade(str(CHART), RELEASE, {"sight": "namespaced"}, namespace=NAMESPACE)
        eventually(lambda: released(control_plane) == plain or None)
    finally:
        control_plane.kubectl("delete", "namespace", "shop", "--wait=true")


def released(control_plane: ControlPlane) -> set[str]:
    """What Helm itself made; ReplicaSets, pods and what their controllers write are made by others, under names of the day."""
    made_by_others = (
        "ReplicaSet",
        "Pod",
        "ControllerRevision",
        "EndpointSlice",
        "Endpoints",
        "Secret",
        "Event",
        "Lease",
    )
    return {line for line in standing(control_plane) if line.split()[0] not in made_by_others}


def test_no_upgrade_takes_the_proof_of_a_rollback_away(control_plane: ControlPlane, helm: helm_python.Config) -> None:
    """An API server from which it was once gone proves none any more. Releases come and go on this control plane: nobody
    can ask it for a proof."""
    install(helm)
    before = [live(control_plane, item) for item in deployments.proof(default_choices())]
    since = control_plane.audit_position()
    for values in (
        {"runbooks": {"failedDeployRollback": False}},
        {"sight": "cluster", "nodeHelper": {"enabled": True}},
        {"protectedNamespaces": ["payments"]},
        {},
    ):
        helm.upgrade(str(CHART), RELEASE, values, namespace=NAMESPACE)
    after = [live(control_plane, item) for item in deployments.proof(default_choices())]
    assert [one and one["metadata"]["uid"] for one in after] == [one and one["metadata"]["uid"] for one in before]
    assert None not in after
    gone = [event["objectRef"]["resource"] for event in control_plane.audit_events(verbs={"delete"}, since=since)]
    assert not [resource for resource in gone if resource.startswith("mutatingadmissionpolic")]


@pytest.mark.claim("C-084")
def test_review_22_an_upgrade_keeps_what_enable_wrote_and_ends_no_halt(
    control_plane: ControlPlane, helm: helm_python.Config
) -> None:
    install(helm)
    written = '{"data":{"shop":"{\\"mode\\":\\"auto\\",\\"rollback\\":[],\\"hpa\\":[]}"}}'
    control_plane.kubectl("patch", "configmap", CEILINGS, "-n", NAMESPACE, "--type=merge", "-p", written)
    helm.upgrade(str(CHART), RELEASE, {"telemetry": {"log_level": "debug"}}, namespace=NAMESPACE)
    assert "shop" in control_plane.kubectl("get", "configmap", CEILINGS, "-n", NAMESPACE, "-o", "jsonpath={.data}")
    switch = binding("ClusterRoleBinding", MAY_ACT, {})
    control_plane.api.call("DELETE", path_of(switch))
    with pytest.raises(helm_python.HelmError, match="this upgrade would end the halt"):
        helm.upgrade(str(CHART), RELEASE, {}, namespace=NAMESPACE)
    helm.upgrade(str(CHART), RELEASE, {"mayAct": False}, namespace=NAMESPACE)
    assert live(control_plane, switch) is None


SWITCH = binding("ClusterRoleBinding", MAY_ACT, role_ref("ClusterRole", MAY_ACT))
ENDS, STAYS = "this upgrade would end the halt", "it would stay; run `byteport halt` first"


def turned(control_plane: ControlPlane, how: Turn) -> None:
    """As `byteport halt` and `byteport resume` turn the API server's switch."""

    async def turning() -> Turned:
        async with await administrator(control_plane.kubeconfig) as hands:
            return await how(hands, None)

    assert asyncio.run(turning()).side is Side.DONE


@pytest.mark.claim("C-084")
@pytest.mark.parametrize("kept", [False, True], ids=["acting", "kept-away"])
def test_whatever_comes_of_halts_and_upgrades_nothing_acts_again_but_by_a_resume(
    control_plane: ControlPlane, helm: helm_python.Config, kept: bool
) -> None:
    """Every sequence of halt, resume and upgrade from either value of `mayAct`, and what is left of the last one: nothing.

    On: what stands after the steps. Then what an upgrade to either value says, and leaves.
    """
    before = standing(control_plane)
    install(helm, {"mayAct": not kept})
    steps: list[tuple[list[Turn], bool]] = [([], not kept), ([take_away], False), ([take_away, give_back], True)]
    for turns, on in steps:
        for may_act in (True, False):
            for turn in turns:
                turned(control_plane, turn)
            assert (live(control_plane, SWITCH) is not None) is on
            refused = ENDS if may_act and not on else STAYS if kept and on and not may_act else ""
            if refused:
                with pytest.raises(helm_python.HelmError, match=refused):
                    upgrade(helm, may_act)
                assert (live(control_plane, SWITCH) is not None) is on
            else:
                upgrade(helm, may_act)
                assert (live(control_plane, SWITCH) is not None) is may_act
            turned(control_plane, take_away if kept else give_back)
            upgrade(helm, not kept)
            if kept:
                assert live(control_plane, SWITCH) is None
    turned(control_plane, give_back)
    helm.uninstall(RELEASE, wait="watcher", timeout=120)
    eventually(lambda: standing(control_plane) == before or None)


def test_helms_own_rollback_asks_nobody_and_puts_the_switch_back(
    control_plane: ControlPlane, helm: helm_python.Config
) -> None:
    """What docs/how-to/install.md says of it: no template is rendered, so that the chart cannot refuse."""
    install(helm)
    turned(control_plane, take_away)
    upgrade(helm, may_act=False)
    helm.rollback(RELEASE, version=1)
    assert live(control_plane, SWITCH) is not None
    turned(control_plane, take_away)
    assert live(control_plane, SWITCH) is None


def upgrade(helm: helm_python.Config, may_act: bool) -> None:
    helm.upgrade(str(CHART), RELEASE, {"mayAct": may_act}, namespace=NAMESPACE)
