"""`byteport halt` and `resume` on a real API server: in force there and in the ledger, by whoever may."""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.boundary.names import (
    ACCOUNT,
    MAY_ACT,
    role_ref,
)
from byteport.boundary.policies import everything
from byteport.boundary.roles import binding
from byteport.cli.exits import Exit
from byteport.sandbox.controlplane.components import write_kubeconfig
from tests.cluster.boundary.given import OK, OTHER, Run, documented, done, person, raise_floor, raises
from tests.cluster.boundary.installed import Installed, once, path_of
from tests.cluster.switched import HALT_SECONDS, in_force_after
from tests.cluster.workloads import Namespace


@pytest.fixture
def settings(guarded: Installed, byteport: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of this very cluster, with a ledger; after `byteport`, which unsets whatever there were."""
    uid = guarded.plane.api.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
    config = tmp_path / "config.yaml"
    config.write_text(f"cluster: {{name: real, uid: {uid}}}\nstate_dir: state\n")
    monkeypatch.setenv("BYTEPORT_CONFIG", str(config))
    return config


@pytest.mark.claim("C-083")
@pytest.mark.usefixtures("switch", "settings")
def test_critique_0_6_a_halt_is_in_force_at_the_api_server_within_five_seconds_and_a_resume_ends_it(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    done(byteport("enable", untouched.name, "--mode", "auto", "--hpa", OTHER, "--yes"))
    raise_floor(guarded, untouched)
    assert raises(guarded, untouched, 5, dry_run=True).status == OK
    since = guarded.plane.audit_position()
    said = byteport("halt", "-m", "drill", "--as", "ada")
    assert (said.code, said.err) == (Exit.OK, "")
    assert "API server: halted: the API server refuses every write of the agent" in said.out
    assert f"kept up by the halt: {untouched.name}/{OTHER}: minReplicas 4" in said.out
    once(lambda said: said.by_policy and "halted" in said.message, lambda: raises(guarded, untouched, 5, dry_run=True))
    assert in_force_after(guarded.plane, since) < HALT_SECONDS
    again = byteport("halt")
    assert (again.code, "was gone already" in again.out, "already halted by ada" in again.out) == (Exit.OK, True, True)
    said = byteport("resume")
    assert (said.code, said.err) == (Exit.OK, "")
    once(lambda said: said.status == OK, lambda: raises(guarded, untouched, 5, dry_run=True))
    wanted = next(
        item for item in guarded.objects if item["kind"] == "ClusterRoleBinding" and item["metadata"]["name"] == MAY_ACT
    )
    live = guarded.plane.api.call("GET", path_of(wanted))
    assert {key: live[key] for key in ("roleRef", "subjects")} == {key: wanted[key] for key in ("roleRef", "subjects")}
    assert live["metadata"]["labels"] == wanted["metadata"]["labels"]


@pytest.mark.usefixtures("switch")
def test_the_documented_role_of_whoever_is_on_call_halts_and_resumes(
    guarded: Installed, byteport: Run, settings: Path, tmp_path: Path
) -> None:
    with person(guarded, "oncall", documented("byteport-on-call"), folder=tmp_path) as kubeconfig:
        for command in ("halt", "resume"):
            said = byteport(command, kubeconfig=kubeconfig)
            assert (said.code, said.err) == (Exit.OK, ""), command


@pytest.mark.claim("C-083")
@pytest.mark.usefixtures("switch")
def test_whoever_may_not_throw_the_switch_halts_the_ledger_and_is_told(
    guarded: Installed, byteport: Run, settings: Path, tmp_path: Path
) -> None:
    role = documented("byteport-on-call")
    role["rules"] = [{**rule, "verbs": [verb for verb in rule["verbs"] if verb != "delete"]} for rule in role["rules"]]
    with person(guarded, "junior", role, folder=tmp_path) as kubeconfig:
        said = byteport("halt", kubeconfig=kubeconfig)
    assert said.code == Exit.REFUSED
    assert "API server: not halted: " in said.err
    assert "kubectl delete clusterrolebinding byteport-may-act" in said.err
    assert "halted: nothing is acted until `byteport resume`" in said.out


@pytest.mark.claim("C-083")
@pytest.mark.usefixtures("switch")
def test_another_binding_that_lets_the_agent_act_is_found(guarded: Installed, byteport: Run) -> None:
    other = binding("ClusterRoleBinding", "byteport-besides", role_ref("ClusterRole", MAY_ACT))
    guarded.apply([other])
    try:
        said = byteport("halt", "--no-ledger")
    finally:
        guarded.remove([other])
    assert (said.code, "another binding still lets the agent act" in said.err) == (Exit.REFUSED, True)


@pytest.mark.claim("C-083")
@pytest.mark.usefixtures("switch")
@pytest.mark.parametrize("actions", [None, ["Audit"]], ids=["deleted", "audit"])
def test_a_halt_whose_policy_denies_nothing_is_said_to_be_none(
    guarded: Installed, byteport: Run, actions: list[str] | None
) -> None:
    bound = next(
        item
        for item in guarded.objects
        if (item["kind"], item["metadata"]["name"]) == ("ValidatingAdmissionPolicyBinding", everything.NAME)
    )
    if actions is None:
        guarded.remove([bound])
    else:
        guarded.apply([{**bound, "spec": {**bound["spec"], "validationActions": actions}}])
    try:
        said = byteport("halt", "--no-ledger")
    finally:
        guarded.apply([bound])
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert f"what would refuse is not whole: ValidatingAdmissionPolicyBinding {everything.NAME}" in said.err


@pytest.mark.claim("C-083")
@pytest.mark.usefixtures("switch", "shop")
@pytest.mark.parametrize(
    ("resources", "why"),
    [
        (["serviceaccounts"], "you may not act as the agent"),
        (["validatingadmissionpolicies", "validatingadmissionpolicybindings"], "as installed could not be read"),
    ],
)
def test_whoever_may_not_look_at_what_refuses_is_not_told_that_it_does(
    guarded: Installed, byteport: Run, tmp_path: Path, resources: list[str], why: str
) -> None:
    role = documented("byteport-on-call")
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != resources]
    with person(guarded, "unseeing", role, folder=tmp_path) as kubeconfig:
        said = byteport("halt", "--no-ledger", kubeconfig=kubeconfig)
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert "not known to be halted: byteport-may-act is gone; " in said.err
    assert why in said.err


@pytest.mark.claim("C-083")
@pytest.mark.usefixtures("switch", "settings")
def test_whoever_may_not_ask_about_the_agent_is_not_told_that_it_is_halted(
    guarded: Installed, byteport: Run, tmp_path: Path
) -> None:
    role = documented("byteport-on-call")
    role["rules"] = [rule for rule in role["rules"] if rule["resources"] != ["subjectaccessreviews"]]
    other = binding("ClusterRoleBinding", "byteport-besides", role_ref("ClusterRole", MAY_ACT))
    guarded.apply([other])
    try:
        with person(guarded, "unasking", role, folder=tmp_path) as kubeconfig:
            said = byteport("halt", "--no-ledger", kubeconfig=kubeconfig)
    finally:
        guarded.remove([other])
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert f"not known to be halted: {MAY_ACT} is gone; whether another binding lets the agent act" in said.err


def test_critique_0_6_the_agents_own_credential_turns_nothing(
    guarded: Installed, byteport: Run, tmp_path: Path
) -> None:
    authority = guarded.plane.state_dir / "pki" / "ca.crt"
    own = write_kubeconfig(tmp_path / "agent.kubeconfig", guarded.plane.server, authority, ACCOUNT, guarded.token())
    assert byteport("halt", "--no-ledger", kubeconfig=own).code == Exit.REFUSED
    assert byteport("enable", "default", "--yes", kubeconfig=own).code == Exit.REFUSED
