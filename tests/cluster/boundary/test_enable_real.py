"""`byteport enable`, `disable`, `halt` and `resume` on a real API server: what they write, who wrote it, and what the agent may then.

As `byteport` is typed at a shell, with the administrator's kubeconfig or with one of an account that may less.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from activities.kubernetes.administer import Administrator, administrator
from byteport.boundary.names import (
    ACCOUNT,
    ACT_ROLE,
    CEILINGS,
    ENABLED_LABEL,
    MAY_ACT,
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
from byteport.cli.main import invoke
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.plans import RaiseFloorPlan
from byteport.domain.policy import Mode
from byteport.domain.targets import Target
from byteport.errors import PermanentError, PreconditionFailed
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, floor_of, rest_digest
from byteport.kubernetes.floor_patch import FLOOR_RESTORED, raise_patch
from byteport.kubernetes.port import DEPLOYMENTS, NAMESPACES, Resource
from byteport.sandbox.controlplane import WRITES
from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.strains import autoscaler
from tests.cluster.boundary.installed import Installed, Said, asked, once, path_of
from tests.cluster.workloads import Namespace, eventually
from tests.house.tree import ROOT

JSON = dict[str, Any]

APP, OTHER = "api", "web"
MERGE = "application/merge-patch+json"
HALT_SECONDS = 5.0
OK = 200
RAISED = "a" * 64
RBAC_ROOT = "/apis/rbac.authorization.k8s.io/v1"


class Typed(NamedTuple):
    """What a command line ended with."""

    code: int
    out: str
    err: str


Run = Callable[..., Typed]


@pytest.fixture
def byteport(
    guarded: Installed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """As the administrator, unless another kubeconfig is named."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("BYTEPORT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, kubeconfig: Path | None = None) -> Typed:
        code = invoke([*arguments, "--kubeconfig", str(kubeconfig or guarded.plane.kubeconfig)])
        captured = capsys.readouterr()
        # On a busy machine it says what it waits for.
        said = [line for line in captured.err.splitlines(keepends=True) if not line.endswith(" …\n")]
        return Typed(code, captured.out, "".join(said))

    return run


@pytest.fixture
def shop(guarded: Installed) -> Iterator[Namespace]:
    """Deployments `api` and `web`, an autoscaler `web`, and nothing of ours."""
    namespace = Namespace(guarded.plane, f"shop-{secrets.token_hex(3)}")
    namespace.create()
    for name in (APP, OTHER):
        namespace.deploy(name, replicas=2)
    where = f"/apis/autoscaling/v2/namespaces/{namespace.name}/horizontalpodautoscalers"
    guarded.plane.api.call("POST", where, _plain(autoscaler(namespace.name, OTHER, ceiling=6)))
    yield namespace
    namespace.delete()


def _plain(item: JSON) -> JSON:
    return {**item, "metadata": {"name": item["metadata"]["name"]}}


def rights(guarded: Installed, namespace: str, questions: Sequence[tuple[str, str, str, str]]) -> list[bool]:
    """Whether the agent may: verb, group, resource (with its subresource) and name."""
    agent, found = guarded.agent(), []
    for verb, group, resource, name in questions:
        plural, _, sub = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": plural,
            "subresource": sub,
            "name": name,
            "namespace": namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        found.append(bool(agent.call("POST", path, review)["status"]["allowed"]))
    return found


READS = ("list", "", "pods", "")
DELETES = ("delete", "", "pods", "")
ROLLS_BACK_API = ("patch", "apps", "deployments", APP)
ROLLS_BACK_WEB = ("patch", "apps", "deployments", OTHER)
RAISES_WEB = ("patch", "autoscaling", "horizontalpodautoscalers", OTHER)
QUESTIONS = (READS, DELETES, ROLLS_BACK_API, ROLLS_BACK_WEB, RAISES_WEB)


def has(guarded: Installed, namespace: Namespace, *wanted: tuple[str, str, str, str]) -> None:
    """The agent soon has exactly these of the questions above."""
    once(
        lambda found: found == [question in wanted for question in QUESTIONS],
        lambda: rights(guarded, namespace.name, QUESTIONS),
    )


def standing(guarded: Installed, namespace: str) -> dict[str, JSON]:
    """Everything of ours in the namespace, by kind and name."""
    found = {}
    for plural in ("roles", "rolebindings"):
        for item in guarded.plane.api.call("GET", f"{RBAC_ROOT}/namespaces/{namespace}/{plural}")["items"]:
            found[f"{plural}/{item['metadata']['name']}"] = item
    return found


def ceilings(guarded: Installed) -> dict[str, str]:
    said = asked(guarded.plane.api, "GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}")
    return dict(said.body.get("data") or {}) if said.status == 200 else {}


def namespace_label(guarded: Installed, namespace: str) -> str | None:
    labels: dict[str, str] = guarded.plane.api.call("GET", f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]
    return labels.get(ENABLED_LABEL)


def writes_by(guarded: Installed, user: str, since: int) -> list[str]:
    """What that user changed, by the API server's own audit log; questions about rights are none."""
    return [
        f"{event['verb']} {event['objectRef']['resource']}/{event['objectRef'].get('name', '')}"
        for event in guarded.plane.audit_events(user=user, verbs=WRITES, since=since)
        if not event["objectRef"]["resource"].endswith("reviews") and event["responseStatus"]["code"] < 300
    ]


def documented(name: str) -> JSON:
    """A ClusterRole of the page for administrators."""
    text = (ROOT / "docs" / "how-to" / "enable-a-namespace.md").read_text()
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return next(item for item in found if item["metadata"]["name"] == name)


@contextmanager
def person(guarded: Installed, name: str, *roles: JSON, folder: Path) -> Iterator[Path]:
    """A kubeconfig of an account that has exactly those ClusterRoles."""
    plane, api = guarded.plane, guarded.plane.api
    home = f"people-{secrets.token_hex(3)}"
    api.call("POST", "/api/v1/namespaces", {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": home}})
    api.call(
        "POST",
        f"/api/v1/namespaces/{home}/serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
    )
    made = []
    for role in roles:
        api.apply(f"{RBAC_ROOT}/clusterroles/{role['metadata']['name']}", role)
        bound = {
            **binding(
                "ClusterRoleBinding", role["metadata"]["name"], role_ref("ClusterRole", role["metadata"]["name"])
            ),
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": home}],
        }
        bound["metadata"] = {"name": role["metadata"]["name"]}
        api.apply(path_of(bound), bound)
        made += [f"{RBAC_ROOT}/clusterroles/{role['metadata']['name']}", path_of(bound)]
    token = guarded.token(pod=None, account=name, namespace=home)
    if roles:
        first = roles[0]["rules"][0]
        question = {"verb": first["verbs"][0], "resource": first["resources"][0], "group": first["apiGroups"][0]}
        question["name"] = (first.get("resourceNames") or [""])[0]
        _until_allowed(guarded, token, question)
    authority = plane.state_dir / "pki" / "ca.crt"
    try:
        yield write_kubeconfig(folder / f"{name}.kubeconfig", plane.server, authority, name, token)
    finally:
        for path in (*made, f"/api/v1/namespaces/{home}"):
            api.call("DELETE", path)


def _until_allowed(guarded: Installed, token: str, attributes: JSON) -> None:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    eventually(lambda: guarded.agent(token).call("POST", path, review)["status"]["allowed"])


# --- enable -------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-014")
def test_the_agent_may_what_was_shown_and_no_more_and_nothing_before(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    assert rights(guarded, shop.name, QUESTIONS) == [False] * len(QUESTIONS)
    shown = byteport("enable", shop.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER, "--dry-run")
    assert (shown.code, standing(guarded, shop.name)) == (Exit.OK, {})
    said = byteport("enable", shop.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert said.out.startswith(shown.out)
    has(guarded, shop, READS, DELETES, ROLLS_BACK_API, RAISES_WEB)
    assert namespace_label(guarded, shop.name) == "true"
    assert Ceiling.model_validate_json(ceilings(guarded)[shop.name]) == Ceiling(
        mode=Mode.AUTO, rollback=(APP,), hpa=(OTHER,)
    )
    assert shop.deployment(APP)["metadata"]["labels"][ROLLBACK_LABEL] == "allowed"
    assert ROLLBACK_LABEL not in shop.deployment(OTHER)["metadata"].get("labels", {})
    for item in standing(guarded, shop.name).values():
        assert {entry["manager"] for entry in item["metadata"]["managedFields"]} == {"byteport-enable"}
        assert item["metadata"]["labels"].items() >= PART_OF.items()
    byteport("disable", shop.name, "--yes")


def test_a_second_run_writes_nothing_at_all(guarded: Installed, byteport: Run, shop: Namespace) -> None:
    arguments = ("enable", shop.name, "--mode", "auto", "--rollback", f"{APP},{OTHER}", "--hpa", "*")
    byteport(*arguments, "--yes")
    since = guarded.plane.audit_position()
    again = byteport(*arguments)
    assert (again.code, "nothing changes" in again.out) == (Exit.OK, True)
    events = guarded.plane.audit_events(verbs=WRITES, since=since)
    assert [
        event for event in events if "byteport/" in event.get("userAgent", "") and "review" not in event["requestURI"]
    ] == []
    byteport("disable", shop.name, "--yes")


@pytest.mark.claim("C-015")
def test_what_is_no_longer_granted_is_gone_and_what_comes_is_there(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    generation = shop.deployment(APP)["metadata"]["generation"]
    for arguments, wanted in (
        (("--mode", "auto", "--rollback", APP), (READS, DELETES, ROLLS_BACK_API)),
        (("--mode", "dry_run", "--rollback", OTHER, "--hpa", OTHER), (READS, DELETES, ROLLS_BACK_WEB, RAISES_WEB)),
        (("--mode", "observe"), (READS,)),
        (("--mode", "auto", "--rollback", "*"), (READS, DELETES, ROLLS_BACK_API, ROLLS_BACK_WEB)),
        ((), (READS, DELETES)),
    ):
        said = byteport("enable", shop.name, *arguments, "--yes")
        assert (said.code, said.err) == (Exit.OK, ""), arguments
        has(guarded, shop, *wanted)
    assert NAMED_ROLE not in {name.rpartition("/")[2] for name in standing(guarded, shop.name)}
    for name in (APP, OTHER):
        assert ROLLBACK_LABEL not in shop.deployment(name)["metadata"].get("labels", {})
    assert shop.deployment(APP)["metadata"]["generation"] == generation  # a label rolls nothing out
    byteport("disable", shop.name, "--yes")


def test_two_namespaces_keep_their_own_keys(guarded: Installed, byteport: Run, shop: Namespace) -> None:
    till = Namespace(guarded.plane, f"till-{secrets.token_hex(3)}")
    till.create()
    byteport("enable", shop.name, "--mode", "auto", "--yes")
    byteport("enable", till.name, "--mode", "observe", "--yes")
    told = ceilings(guarded)
    assert [Ceiling.model_validate_json(told[one.name]).mode for one in (shop, till)] == [Mode.AUTO, Mode.OBSERVE]
    assert byteport("disable", shop.name, "--yes").code == Exit.OK
    assert [one in ceilings(guarded) for one in (shop.name, till.name)] == [False, True]
    byteport("disable", till.name, "--yes")
    till.delete()


def test_a_binding_to_another_role_is_made_again(guarded: Installed, byteport: Run, shop: Namespace) -> None:
    other = binding("RoleBinding", ACT_ROLE, role_ref("ClusterRole", "view"), shop.name)
    guarded.apply([other])
    said = byteport("enable", shop.name, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert standing(guarded, shop.name)[f"rolebindings/{ACT_ROLE}"]["roleRef"]["name"] == ACT_ROLE
    byteport("disable", shop.name, "--yes")


@pytest.mark.claim("C-015")
def test_a_role_and_a_binding_that_somebody_widened_are_as_rendered_again(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    byteport("enable", shop.name, "--mode", "auto", "--rollback", APP, "--yes")
    where = f"{RBAC_ROOT}/namespaces/{shop.name}"
    wide = {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]}
    more = [*subject(), {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "mallory"}]
    guarded.plane.api.call("PATCH", f"{where}/roles/{NAMED_ROLE}", {"rules": [wide]}, content_type=MERGE)
    guarded.plane.api.call("PATCH", f"{where}/rolebindings/{ACT_ROLE}", {"subjects": more}, content_type=MERGE)
    said = byteport("enable", shop.name, "--mode", "auto", "--rollback", APP, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert "- may create pods" in said.out
    found = standing(guarded, shop.name)
    assert found[f"roles/{NAMED_ROLE}"]["rules"] == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": [APP], "verbs": ["patch"]}
    ]
    assert found[f"rolebindings/{ACT_ROLE}"]["subjects"] == subject()
    byteport("disable", shop.name, "--yes")


def test_when_the_installation_changes_its_sight_the_namespaces_binding_goes_and_comes(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    assert byteport("enable", shop.name, "--yes").code == Exit.OK
    wide = Installed(guarded.plane, guarded.choices.model_copy(update={"sight": Sight.CLUSTER}))
    everywhere = [item for item in wide.objects if item["kind"] == "ClusterRoleBinding" and item not in guarded.objects]
    try:
        wide.apply(wide.objects)
        said = byteport("enable", shop.name, "--yes")
        assert (said.code, said.err) == (Exit.OK, "")
        assert f"rolebindings/{SIGHT_ROLE}" not in standing(guarded, shop.name)
        has(guarded, shop, READS, DELETES)
    finally:
        guarded.apply(guarded.objects)
        guarded.remove(everywhere)
    said = byteport("enable", shop.name, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert f"rolebindings/{SIGHT_ROLE}" in standing(guarded, shop.name)
    byteport("disable", shop.name, "--yes")
    has(guarded, shop)


# --- refused before anything is applied ---------------------------------------------------------------------------


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
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    said = byteport("enable", shop.name, "--rollback", "pai", "--hpa", "bew", "--yes")
    assert (said.code, said.err.count("error: there is no ")) == (Exit.NOT_FOUND, 2)
    assert standing(guarded, shop.name) == {}


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
def test_an_object_of_our_name_that_is_not_ours_stops_it(guarded: Installed, byteport: Run, shop: Namespace) -> None:
    theirs = binding("RoleBinding", SIGHT_ROLE, role_ref("ClusterRole", "view"), shop.name)
    theirs["metadata"].pop("labels")
    guarded.apply([theirs])
    said = byteport("enable", shop.name, "--yes")
    assert (said.code, f"RoleBinding {shop.name}/{SIGHT_ROLE} is not ours" in said.err) == (Exit.REFUSED, True)
    assert list(standing(guarded, shop.name)) == [f"rolebindings/{SIGHT_ROLE}"]
    assert namespace_label(guarded, shop.name) is None


@pytest.mark.parametrize("kind", ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"])
def test_without_a_whole_policy_no_right_is_given(
    guarded: Installed, byteport: Run, shop: Namespace, kind: str
) -> None:
    gone = next(item for item in policies(guarded.choices) if item["kind"] == kind)
    guarded.remove([gone])
    try:
        said = byteport("enable", shop.name, "--yes")
    finally:
        guarded.apply([gone])
    assert (said.code, f"{kind} {gone['metadata']['name']} is not there" in said.err) == (Exit.REFUSED, True)
    assert standing(guarded, shop.name) == {}


@pytest.mark.claim("C-016")
def test_without_an_installation_it_says_to_install_the_chart(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    role = next(
        item for item in guarded.objects if item["kind"] == "ClusterRole" and item["metadata"]["name"] == ACT_ROLE
    )
    guarded.remove([role])
    try:
        said = byteport("enable", shop.name, "--yes")
    finally:
        guarded.apply([role])
    assert (said.code, "install the chart first" in said.err) == (Exit.REFUSED, True)


# --- whose hands --------------------------------------------------------------------------------------------------


def test_an_account_that_may_only_edit_the_namespace_is_told_what_it_lacks_and_changes_nothing(
    guarded: Installed, byteport: Run, shop: Namespace, tmp_path: Path
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
        said = byteport("enable", shop.name, "--mode", "auto", "--yes", kubeconfig=kubeconfig)
        user = f"system:serviceaccount:{_home(guarded, kubeconfig)}:tenant"
        assert writes_by(guarded, user, since) == []
    assert said.code == Exit.REFUSED
    assert (
        "error: you may not get validatingadmissionpolicies.admissionregistration.k8s.io/byteport-everything"
        in said.err
    )


def test_whoever_reads_the_installation_and_labels_but_may_not_give_rights_changes_nothing(
    guarded: Installed, byteport: Run, shop: Namespace, tmp_path: Path
) -> None:
    role = documented("byteport-enrolment")
    role["rules"] = [rule for rule in role["rules"] if rule["verbs"] != ["bind"]]
    with person(guarded, "almost", role, folder=tmp_path) as kubeconfig:
        said = byteport("enable", shop.name, "--mode", "auto", "--yes", kubeconfig=kubeconfig)
    assert said.code == Exit.REFUSED
    assert f"you may not bind clusterroles.rbac.authorization.k8s.io/{ACT_ROLE} in {shop.name}, nor have" in said.err
    assert standing(guarded, shop.name) == {}


def test_the_documented_role_is_enough_to_give_widen_narrow_and_take_back(
    guarded: Installed, byteport: Run, shop: Namespace, tmp_path: Path
) -> None:
    with person(guarded, "ada", documented("byteport-enrolment"), folder=tmp_path) as kubeconfig:
        for arguments in (
            ("enable", shop.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER),
            ("enable", shop.name, "--mode", "auto", "--rollback", OTHER),
            ("enable", shop.name, "--mode", "observe"),
            ("disable", shop.name),
        ):
            said = byteport(*arguments, "--yes", kubeconfig=kubeconfig)
            assert (said.code, said.err) == (Exit.OK, ""), arguments
    assert standing(guarded, shop.name) == {}


def _home(guarded: Installed, kubeconfig: Path) -> str:
    """The namespace of the account of that kubeconfig, as the API server says it."""
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = guarded.agent(token).call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    return str(answer["status"]["userInfo"]["username"]).split(":")[2]


# --- the hands themselves -----------------------------------------------------------------------------------------


async def test_what_moved_meanwhile_is_never_written_over(guarded: Installed, shop: Namespace) -> None:
    bindings = Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
    async with await administrator(guarded.plane.kubeconfig) as hands:
        made = binding("RoleBinding", SIGHT_ROLE, role_ref("ClusterRole", "view"), shop.name)
        await hands.create(bindings, shop.name, made)
        with pytest.raises(PreconditionFailed):
            await hands.create(bindings, shop.name, made)
        seen = await hands.find(bindings, shop.name, SIGHT_ROLE)
        assert seen is not None
        version = {"uid": seen["metadata"]["uid"], "resourceVersion": seen["metadata"]["resourceVersion"]}
        moved = {**made, "metadata": {**made["metadata"], **version}, "subjects": []}
        await hands.apply(bindings, shop.name, SIGHT_ROLE, moved)
        for stale in (version, {**version, "uid": "another"}):
            again = {**made, "metadata": {**made["metadata"], **stale}}
            with pytest.raises((PreconditionFailed, PermanentError)):
                await hands.apply(bindings, shop.name, SIGHT_ROLE, again)
            with pytest.raises(PreconditionFailed):
                await _delete(hands, bindings, shop.name, SIGHT_ROLE, stale)
        label = {"metadata": {"uid": "another", "labels": {"a": "b"}}}
        with pytest.raises((PreconditionFailed, PermanentError)):
            await hands.merge(DEPLOYMENTS, shop.name, APP, label)
    assert "a" not in shop.deployment(APP)["metadata"].get("labels", {})


async def _delete(hands: Administrator, resource: Resource, namespace: str, name: str, seen: JSON) -> None:
    await hands.delete(resource, namespace, name, uid=seen["uid"], resource_version=seen["resourceVersion"])


async def test_questions_about_rights_are_answered_by_name(guarded: Installed, shop: Namespace) -> None:
    async with await administrator(guarded.plane.kubeconfig) as hands:
        assert await hands.may("patch", NAMESPACES, shop.name, shop.name)
        assert not await hands.account_may("nobody", ["system:authenticated"], {"verb": "get", "resource": "secrets"})
        assert (await hands.version()).startswith("v1.")


# --- disable ------------------------------------------------------------------------------------------------------


def raise_floor(guarded: Installed, namespace: Namespace, floor: int = 4) -> int:
    """The floor of `web`, raised by the agent's own token with the agent's own patch; what it was before."""
    before = floor_of(hpa(guarded, namespace))
    once(lambda said: said.status == OK, lambda: raises(guarded, namespace, floor))
    return before


def raises(guarded: Installed, namespace: Namespace, floor: int, *, dry_run: bool = False) -> Said:
    """What the API server answers to the agent's own patch with its own token."""
    now = hpa(guarded, namespace)
    marked = now["metadata"].get("annotations", {}).get(FLOOR_BEFORE)
    plan = RaiseFloorPlan(
        target=Target(cluster_uid="", namespace=namespace.name, kind="Deployment", name=OTHER),
        autoscaler=OTHER,
        autoscaler_uid=now["metadata"]["uid"],
        rest_digest=rest_digest(now),
        floor_before=int(marked) if marked else floor_of(now),
        floor_from=floor_of(now),
        floor_to=floor,
        box_seconds=3600,
    )
    patch = raise_patch(now, plan, RAISED, now=datetime.now(UTC))
    query = "?fieldManager=byteport-agent" + ("&dryRun=All" if dry_run else "")
    path = _hpa_path(namespace) + query
    return asked(guarded.agent(), "PATCH", path, patch, content_type="application/json-patch+json")


def _hpa_path(namespace: Namespace) -> str:
    return f"/apis/autoscaling/v2/namespaces/{namespace.name}/horizontalpodautoscalers/{OTHER}"


def hpa(guarded: Installed, namespace: Namespace) -> JSON:
    return guarded.plane.api.call("GET", _hpa_path(namespace))


@pytest.mark.claim("C-017")
def test_a_raised_floor_goes_back_first_and_then_nothing_of_ours_is_left(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    byteport("enable", shop.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER, "--yes")
    before = raise_floor(guarded, shop)
    since = guarded.plane.audit_position()
    said = byteport("disable", shop.name, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert f"~ minReplicas: 4 -> {before}" in said.out
    back = hpa(guarded, shop)
    assert floor_of(back) == before
    assert FLOOR_BEFORE not in back["metadata"]["annotations"]
    assert back["metadata"]["annotations"][FLOOR_RESTORED] == RAISED
    assert standing(guarded, shop.name) == {}
    assert shop.name not in ceilings(guarded)
    assert namespace_label(guarded, shop.name) is None
    assert ROLLBACK_LABEL not in shop.deployment(APP)["metadata"].get("labels", {})
    has(guarded, shop)
    written = [
        f"{event['verb']} {event['objectRef']['resource']}"
        for event in guarded.plane.audit_events(verbs=WRITES, since=since)
        if "byteport/" in event.get("userAgent", "") and not event["objectRef"]["resource"].endswith("reviews")
    ]
    assert written == [
        "patch horizontalpodautoscalers",
        "delete rolebindings",
        "delete rolebindings",
        "delete rolebindings",
        "delete roles",
        "patch configmaps",
        "patch namespaces",
        "patch deployments",
    ]
    assert "nothing changes" in byteport("disable", shop.name).out


@pytest.mark.claim("C-017")
def test_a_floor_that_somebody_set_since_stops_it_and_names_who_and_what_to_type(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    byteport("enable", shop.name, "--mode", "auto", "--hpa", OTHER, "--yes")
    raise_floor(guarded, shop)
    where = ("hpa", OTHER, "-n", shop.name)
    guarded.plane.kubectl("patch", *where, "--type=merge", "-p", json.dumps({"spec": {"minReplicas": 3}}))
    said = byteport("disable", shop.name, "--yes")
    assert said.code == Exit.REFUSED
    assert "kubectl-patch has set its floor since" in said.err
    assert len(standing(guarded, shop.name)) == 4
    (command,) = re.findall(r"kubectl (annotate hpa .*)$", said.err.splitlines()[0])
    guarded.plane.kubectl(*command.split())
    assert byteport("disable", shop.name, "--yes").code == Exit.OK
    assert floor_of(hpa(guarded, shop)) == 3


# --- the switch ---------------------------------------------------------------------------------------------------


@pytest.fixture
def settings(guarded: Installed, byteport: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of this very cluster, with a ledger; after `byteport`, which unsets whatever there were."""
    uid = guarded.plane.api.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
    config = tmp_path / "config.yaml"
    config.write_text(f"cluster: {{name: real, uid: {uid}}}\nstate_dir: state\n")
    monkeypatch.setenv("BYTEPORT_CONFIG", str(config))
    return config


@pytest.fixture
def switch(guarded: Installed) -> Iterator[None]:
    """Whatever the test does to it, it is on again afterwards."""
    yield
    guarded.apply([item for item in guarded.objects if item["metadata"]["name"] == MAY_ACT])


@pytest.mark.claim("C-083")
@pytest.mark.usefixtures("switch", "settings")
def test_a_halt_is_in_force_at_the_api_server_within_five_seconds_and_a_resume_ends_it(
    guarded: Installed, byteport: Run, shop: Namespace
) -> None:
    byteport("enable", shop.name, "--mode", "auto", "--hpa", OTHER, "--yes")
    raise_floor(guarded, shop)
    assert raises(guarded, shop, 5, dry_run=True).status == OK
    began = time.monotonic()
    said = byteport("halt", "-m", "drill", "--as", "ada")
    assert (said.code, said.err) == (Exit.OK, "")
    assert "API server: halted: the API server refuses every write of the agent" in said.out
    assert f"kept up by the halt: {shop.name}/{OTHER}: minReplicas 4" in said.out
    once(lambda said: said.by_policy and "halted" in said.message, lambda: raises(guarded, shop, 5, dry_run=True))
    assert time.monotonic() - began < HALT_SECONDS
    again = byteport("halt")
    assert (again.code, "was gone already" in again.out, "already halted by ada" in again.out) == (Exit.OK, True, True)
    said = byteport("resume")
    assert (said.code, said.err) == (Exit.OK, "")
    once(lambda said: said.status == OK, lambda: raises(guarded, shop, 5, dry_run=True))
    wanted = next(
        item for item in guarded.objects if item["kind"] == "ClusterRoleBinding" and item["metadata"]["name"] == MAY_ACT
    )
    live = guarded.plane.api.call("GET", path_of(wanted))
    assert {key: live[key] for key in ("roleRef", "subjects")} == {key: wanted[key] for key in ("roleRef", "subjects")}
    assert live["metadata"]["labels"] == wanted["metadata"]["labels"]
    byteport("disable", shop.name, "--yes")


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


def test_the_agents_own_credential_turns_nothing(guarded: Installed, byteport: Run, tmp_path: Path) -> None:
    authority = guarded.plane.state_dir / "pki" / "ca.crt"
    own = write_kubeconfig(tmp_path / "agent.kubeconfig", guarded.plane.server, authority, ACCOUNT, guarded.token())
    assert byteport("halt", "--no-ledger", kubeconfig=own).code == Exit.REFUSED
    assert byteport("enable", "default", "--yes", kubeconfig=own).code == Exit.REFUSED
