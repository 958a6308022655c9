"""Whose hands give a namespace on a real API server: what an account must have, and what the hands do with what moved."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from activities.kubernetes.administer import Administrator, administrator
from byteport.boundary.names import (
    ACT_ROLE,
    SIGHT_ROLE,
    role_ref,
)
from byteport.boundary.roles import binding
from byteport.cli.exits import Exit
from byteport.errors import PermanentError, PreconditionFailed
from byteport.kubernetes.port import DEPLOYMENTS, NAMESPACES, Resource
from tests.cluster.boundary.given import (
    APP,
    JSON,
    OTHER,
    RBAC_ROOT,
    Run,
    documented,
    home_of,
    person,
    standing,
    writes_by,
)
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace, eventually


def test_review_7_an_account_that_may_only_edit_the_namespace_is_told_what_it_lacks_and_changes_nothing(
    guarded: Installed, byteport: Run, untouched: Namespace, tmp_path: Path
) -> None:
    rules = eventually(lambda: guarded.plane.api.call("GET", f"{RBAC_ROOT}/clusterroles/admin").get("rules"))
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"tenant-{secrets.token_hex(2)}"},
        "rules": rules,
    }
    with person(guarded, "tenant", role, folder=tmp_path) as kubeconfig:
        since = guarded.plane.audit_position()
        said = byteport("enable", untouched.name, "--mode", "auto", "--yes", kubeconfig=kubeconfig)
        user = f"system:serviceaccount:{home_of(guarded, kubeconfig)}:tenant"
        assert writes_by(guarded, user, since) == []
    assert said.code == Exit.REFUSED
    assert (
        "error: you may not get validatingadmissionpolicies.admissionregistration.k8s.io/byteport-everything"
        in said.err
    )


def test_whoever_reads_the_installation_and_labels_but_may_not_give_rights_changes_nothing(
    guarded: Installed, byteport: Run, untouched: Namespace, tmp_path: Path
) -> None:
    role = documented("byteport-enrolment")
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"] != ["bind"]]
    with person(guarded, "almost", role, folder=tmp_path) as kubeconfig:
        said = byteport("enable", untouched.name, "--mode", "auto", "--yes", kubeconfig=kubeconfig)
    assert said.code == Exit.REFUSED
    assert (
        f"you may not bind clusterroles.rbac.authorization.k8s.io/{ACT_ROLE} in {untouched.name}, nor have" in said.err
    )
    assert standing(guarded, untouched.name) == {}


def test_the_documented_role_is_enough_to_give_widen_narrow_and_take_back(
    guarded: Installed, byteport: Run, untouched: Namespace, tmp_path: Path
) -> None:
    with person(guarded, "ada", documented("byteport-enrolment"), folder=tmp_path) as kubeconfig:
        for arguments in (
            ("enable", untouched.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER),
            ("enable", untouched.name, "--mode", "auto", "--rollback", OTHER),
            ("enable", untouched.name, "--mode", "observe"),
            ("disable", untouched.name),
        ):
            said = byteport(*arguments, "--yes", kubeconfig=kubeconfig)
            assert (said.code, said.err) == (Exit.OK, ""), arguments
    assert standing(guarded, untouched.name) == {}


async def test_what_moved_meanwhile_is_never_written_over(guarded: Installed, untouched: Namespace) -> None:
    bindings = Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
    async with await administrator(guarded.plane.kubeconfig) as hands:
        made = binding("RoleBinding", SIGHT_ROLE, role_ref("ClusterRole", "view"), untouched.name)
        await hands.create(bindings, untouched.name, made)
        with pytest.raises(PreconditionFailed):
            await hands.create(bindings, untouched.name, made)
        seen = await hands.find(bindings, untouched.name, SIGHT_ROLE)
        assert seen is not None
        version = {"uid": seen["metadata"]["uid"], "resourceVersion": seen["metadata"]["resourceVersion"]}
        moved = {**made, "metadata": {**made["metadata"], **version}, "subjects": []}
        await hands.apply(bindings, untouched.name, SIGHT_ROLE, moved)
        for stale in (version, {**version, "uid": "another"}):
            again = {**made, "metadata": {**made["metadata"], **stale}}
            with pytest.raises((PreconditionFailed, PermanentError)):
                await hands.apply(bindings, untouched.name, SIGHT_ROLE, again)
            with pytest.raises(PreconditionFailed):
                await _delete(hands, bindings, untouched.name, SIGHT_ROLE, stale)
        another = {"op": "test", "path": "/metadata/uid", "value": "another"}
        label = {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
        with pytest.raises(PreconditionFailed):
            await hands.patch(DEPLOYMENTS, untouched.name, APP, [another, label])
    assert "a" not in untouched.deployment(APP)["metadata"].get("labels", {})


async def _delete(hands: Administrator, resource: Resource, namespace: str, name: str, seen: JSON) -> None:
    await hands.delete(resource, namespace, name, uid=seen["uid"], resource_version=seen["resourceVersion"])


async def test_questions_about_rights_are_answered_by_name(guarded: Installed, untouched: Namespace) -> None:
    async with await administrator(guarded.plane.kubeconfig) as hands:
        assert await hands.may("patch", NAMESPACES, untouched.name, untouched.name)
        assert not await hands.account_may("nobody", ["system:authenticated"], {"verb": "get", "resource": "secrets"})
        assert (await hands.version()).startswith("v1.")
