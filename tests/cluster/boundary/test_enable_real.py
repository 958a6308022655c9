"""`byteport enable` on a real API server: what it writes, who wrote it, what the agent may then, and what stops it.

As it is typed at a shell, with the administrator's kubeconfig.
"""

from __future__ import annotations

import secrets

import pytest

from byteport.boundary.names import (
    ACT_ROLE,
    NAMED_ROLE,
    NAMESPACE,
    PART_OF,
    ROLLBACK_LABEL,
    SIGHT_ROLE,
    role_ref,
    subject,
)
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.roles import binding
from byteport.cli.exits import Exit
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import Mode
from byteport.sandbox.controlplane import WRITES
from tests.cluster.boundary.given import (
    APP,
    DELETES,
    MERGE,
    OTHER,
    QUESTIONS,
    RAISES_WEB,
    RBAC_ROOT,
    READS,
    ROLLS_BACK_API,
    ROLLS_BACK_WEB,
    Run,
    ceilings,
    done,
    has,
    namespace_label,
    rights,
    standing,
)
from tests.cluster.boundary.installed import FORBIDDEN, Installed
from tests.cluster.workloads import Namespace


@pytest.mark.claim("C-014")
def test_the_agent_may_what_was_shown_and_no_more_and_nothing_before(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    assert rights(guarded, untouched.name, QUESTIONS) == [False] * len(QUESTIONS)
    shown = byteport("enable", untouched.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER, "--dry-run")
    assert (shown.code, standing(guarded, untouched.name)) == (Exit.OK, {})
    said = byteport("enable", untouched.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert said.out.startswith(shown.out)
    has(guarded, untouched, READS, DELETES, ROLLS_BACK_API, RAISES_WEB)
    assert namespace_label(guarded, untouched.name) == "true"
    assert Ceiling.model_validate_json(ceilings(guarded)[untouched.name]) == Ceiling(
        mode=Mode.AUTO, rollback=(APP,), hpa=(OTHER,)
    )
    assert untouched.deployment(APP)["metadata"]["labels"][ROLLBACK_LABEL] == "allowed"
    assert ROLLBACK_LABEL not in untouched.deployment(OTHER)["metadata"].get("labels", {})
    for item in standing(guarded, untouched.name).values():
        assert {entry["manager"] for entry in item["metadata"]["managedFields"]} == {"byteport-enable"}
        assert item["metadata"]["labels"].items() >= PART_OF.items()


def test_a_second_run_writes_nothing_at_all(guarded: Installed, byteport: Run, untouched: Namespace) -> None:
    arguments = ("enable", untouched.name, "--mode", "auto", "--rollback", f"{APP},{OTHER}", "--hpa", "*")
    done(byteport(*arguments, "--yes"))
    since = guarded.plane.audit_position()
    again = byteport(*arguments)
    assert (again.code, "nothing changes" in again.out) == (Exit.OK, True)
    events = guarded.plane.audit_events(verbs=WRITES, since=since)
    ours = [event for event in events if "byteport/" in event.get("userAgent", "")]
    asked = ("review", "dryRun=All")  # whether rollbacks are proved is asked by a dry run
    tried = [event for event in ours if not any(word in event["requestURI"] for word in asked)]
    # Whether the policies are enforced is asked by a write that they refuse.
    assert [event["requestURI"] for event in tried if event["responseStatus"]["code"] != FORBIDDEN] == []


@pytest.mark.claim("C-015")
def test_what_is_no_longer_granted_is_gone_and_what_comes_is_there(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    generation = untouched.deployment(APP)["metadata"]["generation"]
    for arguments, wanted in (
        (("--mode", "auto", "--rollback", APP), (READS, DELETES, ROLLS_BACK_API)),
        (("--mode", "dry_run", "--rollback", OTHER, "--hpa", OTHER), (READS, DELETES, ROLLS_BACK_WEB, RAISES_WEB)),
        (("--mode", "observe"), (READS,)),
        (("--mode", "auto", "--rollback", "*"), (READS, DELETES, ROLLS_BACK_API, ROLLS_BACK_WEB)),
        ((), (READS, DELETES)),
    ):
        said = byteport("enable", untouched.name, *arguments, "--yes")
        assert (said.code, said.err) == (Exit.OK, ""), arguments
        has(guarded, untouched, *wanted)
    assert NAMED_ROLE not in {name.rpartition("/")[2] for name in standing(guarded, untouched.name)}
    for name in (APP, OTHER):
        assert ROLLBACK_LABEL not in untouched.deployment(name)["metadata"].get("labels", {})
    assert untouched.deployment(APP)["metadata"]["generation"] == generation  # a label rolls nothing out


def test_two_namespaces_keep_their_own_keys(guarded: Installed, byteport: Run, untouched: Namespace) -> None:
    till = Namespace(guarded.plane, f"till-{secrets.token_hex(3)}")
    till.create()
    done(byteport("enable", untouched.name, "--mode", "auto", "--yes"))
    done(byteport("enable", till.name, "--mode", "observe", "--yes"))
    told = ceilings(guarded)
    assert [Ceiling.model_validate_json(told[one.name]).mode for one in (untouched, till)] == [Mode.AUTO, Mode.OBSERVE]
    assert byteport("disable", untouched.name, "--yes").code == Exit.OK
    assert [one in ceilings(guarded) for one in (untouched.name, till.name)] == [False, True]
    done(byteport("disable", till.name, "--yes"))
    till.delete()


def test_a_binding_to_another_role_is_made_again(guarded: Installed, byteport: Run, untouched: Namespace) -> None:
    other = binding("RoleBinding", ACT_ROLE, role_ref("ClusterRole", "view"), untouched.name)
    guarded.apply([other])
    said = byteport("enable", untouched.name, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert standing(guarded, untouched.name)[f"rolebindings/{ACT_ROLE}"]["roleRef"]["name"] == ACT_ROLE


@pytest.mark.claim("C-015")
def test_a_role_and_a_binding_that_somebody_widened_are_as_rendered_again(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    done(byteport("enable", untouched.name, "--mode", "auto", "--rollback", APP, "--yes"))
    where = f"{RBAC_ROOT}/namespaces/{untouched.name}"
    wide = {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}
    more = [*subject(), {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]
    guarded.plane.api.call("PATCH", f"{where}/roles/{NAMED_ROLE}", {"rules": [wide]}, content_type=MERGE)
    guarded.plane.api.call("PATCH", f"{where}/rolebindings/{ACT_ROLE}", {"subjects": more}, content_type=MERGE)
    said = byteport("enable", untouched.name, "--mode", "auto", "--rollback", APP, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert "- may create pods" in said.out
    found = standing(guarded, untouched.name)
    assert found[f"roles/{NAMED_ROLE}"]["rules"] == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [APP], "verbs": ["patch"]}
    ]
    assert found[f"rolebindings/{ACT_ROLE}"]["subjects"] == subject()


def test_when_the_installation_changes_its_sight_the_namespaces_binding_goes_and_comes(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    assert byteport("enable", untouched.name, "--yes").code == Exit.OK
    wide = Installed(guarded.plane, guarded.choices.model_copy(update={"sight": Sight.CLUSTER}))
    everywhere = [item for item in wide.objects if item["kind"] == "ClusterRoleBinding" and item not in guarded.objects]
    try:
        wide.apply(wide.objects)
        said = byteport("enable", untouched.name, "--yes")
        assert (said.code, said.err) == (Exit.OK, "")
        assert f"rolebindings/{SIGHT_ROLE}" not in standing(guarded, untouched.name)
        has(guarded, untouched, READS, DELETES)
    finally:
        guarded.apply(guarded.objects)
        guarded.remove(everywhere)
    said = byteport("enable", untouched.name, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert f"rolebindings/{SIGHT_ROLE}" in standing(guarded, untouched.name)
    done(byteport("disable", untouched.name, "--yes"))
    has(guarded, untouched)


@pytest.mark.claim("C-016")
@pytest.mark.parametrize(
    ("namespace", "code", "says"),
    [
        ("kube-system", Exit.REFUSED, "the namespace kube-system is protected"),
        (NAMESPACE, Exit.REFUSED, f"the namespace {NAMESPACE} is protected"),
        ("byteport-node", Exit.REFUSED, "the namespace byteport-node is protected"),
        ("nosuch", Exit.NOT_FOUND, "there is no namespace nosuch"),
    ],
)
def test_a_namespace_that_cannot_be_given(byteport: Run, namespace: str, code: Exit, says: str) -> None:
    said = byteport("enable", namespace, "--yes")
    assert (said.code, said.err.splitlines()) == (
        code,
        [f"error: {line}" for line in _whole(says)] + ["nothing was changed"],
    )


def _whole(says: str) -> list[str]:
    return [f"{says}: nothing of ours is ever given rights in it" if "protected" in says else says]


@pytest.mark.claim("C-016")
def test_names_that_are_not_there_are_said_and_nothing_is_written(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    said = byteport("enable", untouched.name, "--rollback", "pai", "--hpa", "bew", "--yes")
    assert (said.code, said.err.count("error: there is no ")) == (Exit.NOT_FOUND, 2)
    assert standing(guarded, untouched.name) == {}


def test_a_namespace_on_its_way_out_is_refused_and_can_still_be_taken_back(guarded: Installed, byteport: Run) -> None:
    name = f"going-{secrets.token_hex(3)}"
    api, metadata = guarded.plane.api, {"name": name}
    api.call("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    assert byteport("enable", name, "--yes").code == Exit.OK
    finalizers = {"metadata": {"finalizers": ["byteport.example/held"]}}
    api.call("PATCH", f"/api/v1/namespaces/{name}", finalizers, content_type=MERGE)
    api.call("DELETE", f"/api/v1/namespaces/{name}")
    said = byteport("enable", name, "--mode", "auto", "--yes")
    assert (said.code, f"the namespace {name} is being deleted" in said.err) == (Exit.REFUSED, True)
    assert byteport("disable", name, "--yes").code == Exit.OK
    assert name not in ceilings(guarded)
    api.call("PATCH", f"/api/v1/namespaces/{name}", {"metadata": {"finalizers": None}}, content_type=MERGE)


@pytest.mark.claim("C-016")
def test_an_object_of_our_name_that_is_not_ours_stops_it(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    theirs = binding("RoleBinding", SIGHT_ROLE, role_ref("ClusterRole", "view"), untouched.name)
    theirs["metadata"].pop("labels")
    guarded.apply([theirs])
    said = byteport("enable", untouched.name, "--yes")
    assert (said.code, f"RoleBinding {untouched.name}/{SIGHT_ROLE} is not ours" in said.err) == (Exit.REFUSED, True)
    assert list(standing(guarded, untouched.name)) == [f"rolebindings/{SIGHT_ROLE}"]
    assert namespace_label(guarded, untouched.name) is None


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"])
def test_without_a_whole_policy_no_right_is_given(
    guarded: Installed, byteport: Run, untouched: Namespace, kind: str
) -> None:
    gone = next(item for item in policies(guarded.choices) if item["kind"] == kind)
    guarded.remove([gone])
    try:
        said = byteport("enable", untouched.name, "--yes")
    finally:
        guarded.apply([gone])
    assert (said.code, f"{kind} {gone['metadata']['name']} is not there" in said.err) == (Exit.REFUSED, True)
    assert standing(guarded, untouched.name) == {}


@pytest.mark.claim("C-016")
def test_without_an_installation_it_says_to_install_the_chart(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    role = next(
        item for item in guarded.objects if item["kind"] == "ClusterRole" and item["metadata"]["name"] == ACT_ROLE
    )
    guarded.remove([role])
    try:
        said = byteport("enable", untouched.name, "--yes")
    finally:
        guarded.apply([role])
    assert (said.code, "install the chart first" in said.err) == (Exit.REFUSED, True)
