"""`byteport enable` and `byteport disable` at the keyboard: shown, asked, done in order, looked at again; or one line why not."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.names import ACT_ROLE, CEILINGS, ENABLED_LABEL, NAMED_ROLE, NAMESPACE, SIGHT_ROLE
from byteport.cli.exits import Exit
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.errors import BytePortError, NotPermitted, PreconditionFailed, Unavailable, UnknownOutcome
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.port import Resource
from tests.builders.administered import Administered, a_namespace, an_autoscaler, installed_cluster, keys
from tests.builders.guarded import Guarded
from tests.builders.proving import Proving
from tests.unit.cli.conftest import Run, Said
from workers import boundary_enforced, boundary_proof

JSON = dict[str, Any]
On = Callable[..., Said]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Administered:
    """The cluster that the command reaches, whatever its options say."""
    cluster = installed_cluster()

    @asynccontextmanager
    async def hands_of(*_: object, **__: object) -> AsyncIterator[Administered]:
        yield cluster

    monkeypatch.setattr("byteport.cli.enrolment.hands_of", hands_of)
    monkeypatch.setattr(boundary_enforced, "PAUSES", (0.0,))
    return cluster


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A terminal at which somebody types that."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    return lambda typed: monkeypatch.setattr("sys.stdin", Terminal(typed))


@pytest.mark.claim("C-014")
def test_what_changes_is_shown_then_made_and_a_second_run_changes_nothing(byteport: Run, cluster: Administered) -> None:
    said = byteport("enable", "shop", "--mode", "auto", "--rollback", "api", "--hpa", "web", "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    for line in (
        "shop on https://cluster.example:6443:",
        f"  + RoleBinding shop/{ACT_ROLE}: it may repair crash loops in this namespace",
        "      + may delete pods that are not Ready and that a ReplicaSet makes again",
        "      + may roll Deployment api back to a revision of its own that serves",
        "done; the cluster was read again, and is as shown",
    ):
        assert line in said.out.splitlines()
    assert Ceiling.model_validate_json(keys(cluster)["shop"]) == Ceiling(
        mode=Mode.AUTO, rollback=("api",), hpa=("web",)
    )
    written = len(cluster.writes)
    again = byteport("enable", "shop", "--mode", "auto", "--rollback", "api", "--hpa", "web")
    assert (again.code, again.out) == (Exit.OK, "shop on https://cluster.example:6443: nothing changes\n")
    assert len(cluster.writes) == written


def stale(cluster: Administered, monkeypatch: pytest.MonkeyPatch) -> Proving:
    """The API server has stopped following ReplicaSets before `api` was released."""
    monkeypatch.setattr(boundary_proof, "PAUSES", (0.0,))
    agent = cluster.agent = Proving()
    agent.release("shop", "api", known=False)
    return agent


@pytest.mark.claim("C-018")
def test_an_api_server_that_proves_no_rollback_is_said_when_all_is_done(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale(cluster, monkeypatch)
    said = byteport("enable", "shop", "--rollback", "api", "--yes")
    assert said.code == Exit.FINDING
    assert "done; the cluster was read again, and is as shown" in said.out
    assert said.err.startswith("error: rollback proof: the API server does not prove rollbacks of shop/api")
    assert "Restart kube-apiserver" in said.err
    again = byteport("enable", "shop", "--rollback", "api", "--yes", "--json")
    assert (again.code, [one["outcome"] for one in json.loads(again.out)["checks"]]) == (Exit.FINDING, ["failed"])


def test_one_that_cannot_be_asked_is_a_word_and_no_defect(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale(cluster, monkeypatch).objects.clear()
    said = byteport("enable", "shop", "--rollback", "api", "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert "  ! rollback proof: could not be asked for" in said.out


@pytest.mark.claim("C-012")
@pytest.mark.parametrize("options", [["--rollback", "api"], []])
def test_an_api_server_that_enforces_no_policy_is_said_when_all_is_done(
    byteport: Run, cluster: Administered, options: list[str]
) -> None:
    agent = cluster.agent = Guarded(given={"shop": Ceiling(mode=Mode.DRY_RUN, rollback=("api",))})
    assert byteport("enable", "shop", "--yes").code == Exit.OK
    agent.enforces = False
    said = byteport("enable", "shop", *options, "--yes")
    assert said.code == Exit.FINDING
    assert said.err.startswith("error: boundary: the admission policies are not enforced: ")
    assert "byteport disable shop; " in said.err


def test_whoever_may_not_act_as_the_agent_is_told_that_it_could_not_be_asked(
    byteport: Run, cluster: Administered
) -> None:
    class Refusing(Guarded):
        async def rules(self, namespace: str) -> JSON:
            raise NotPermitted(f"review of all rules in {namespace}: forbidden")

    cluster.agent = Refusing()
    said = byteport("enable", "shop", "--yes")
    assert said.code == Exit.OK
    assert "  ! boundary: whether the admission policies are enforced could not be asked" in said.out
    assert "kubectl auth can-i impersonate serviceaccounts/byteport-agent" in said.out


@pytest.mark.parametrize("options", [["--rollback", "api", "--dry-run"], ["--mode", "observe", "--yes"]])
def test_where_nothing_is_written_and_for_a_dry_run_nobody_is_asked(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    agent = stale(cluster, monkeypatch)
    assert byteport("enable", "shop", *options).code == Exit.OK
    assert not agent.asked


@pytest.mark.claim("C-014")
def test_a_dry_run_shows_the_same_and_changes_nothing(byteport: Run, cluster: Administered) -> None:
    said = byteport("enable", "shop", "--dry-run")
    assert said.code == Exit.OK
    assert f"  + RoleBinding shop/{SIGHT_ROLE}: it may read in this namespace" in said.out.splitlines()
    assert "done" not in said.out
    assert cluster.writes == []


@pytest.mark.claim("C-014")
def test_nothing_is_written_before_somebody_has_said_yes(
    byteport: Run, cluster: Administered, keyboard: Callable[[str], None]
) -> None:
    keyboard("n\n")
    said = byteport("enable", "shop")
    assert (said.code, cluster.writes) == (Exit.FINDING, [])
    assert "Make these changes on https://cluster.example:6443?" in said.err
    keyboard("y\n")
    assert byteport("enable", "shop").code == Exit.OK
    assert cluster.writes[-1] == "patch namespaces/shop"


@pytest.mark.claim("C-014")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_where_nobody_can_be_asked_it_wants_to_be_told(
    byteport: Run, cluster: Administered, options: list[str]
) -> None:
    said = byteport("enable", "shop", *options)
    assert (said.code, cluster.writes) == (Exit.USAGE, [])
    assert said.err.startswith("error: --yes: is needed ")


def test_json_is_one_document_with_every_change_and_its_reason(byteport: Run, cluster: Administered) -> None:
    told = json.loads(byteport("enable", "shop", "--rollback", "api,web", "--yes", "--json").out)
    assert (told["namespace"], told["changed"], told["applied"]) == ("shop", True, True)
    assert [f"{one['verb']} {one['kind']} {one['name']}" for one in told["changes"]] == [
        f"create RoleBinding {SIGHT_ROLE}",
        f"create RoleBinding {ACT_ROLE}",
        f"create Role {NAMED_ROLE}",
        f"create RoleBinding {NAMED_ROLE}",
        f"create ConfigMap {CEILINGS}",
        "label Deployment api",
        "label Deployment web",
        "label Namespace shop",
    ]
    assert all(one["why"] for one in told["changes"])
    again = json.loads(byteport("enable", "shop", "--rollback", "web", "--rollback", "api", "--json").out)
    assert (again["changed"], again["applied"], again["changes"]) == (False, False, [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Shop"], "NAMESPACE: is not a name"),
        (["shop", "--mode", "yolo"], "--mode: must be one of observe, dry_run, auto"),
        (["shop", "--rollback", "a_b"], "--rollback: is not a name"),
        (["shop", "--hpa", "*,web"], "--hpa: write '*' alone, or names"),
        (["shop", "--mode", "observe", "--rollback", "api"], "--rollback: has no meaning with --mode observe"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_cluster_is_asked(
    byteport: Run, cluster: Administered, arguments: list[str], says: str
) -> None:
    cluster.down = Unavailable("nobody is asked")
    said = byteport("enable", *arguments, "--yes")
    assert said.code == Exit.USAGE
    assert said.err.startswith(f"error: {says}")


def _no_roles(cluster: Administered) -> None:
    cluster.drop("ClusterRole", SIGHT_ROLE)


def _other_roles(cluster: Administered) -> None:
    role = cluster.have("ClusterRole", SIGHT_ROLE)
    assert role is not None
    role["rules"].append({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]})


def _no_policy(cluster: Administered) -> None:
    cluster.drop("ValidatingAdmissionPolicy", "byteport-everything")


def _deleting(cluster: Administered) -> None:
    cluster.put({**a_namespace("shop"), "status": {"phase": "Terminating"}})


def _foreign(cluster: Administered) -> None:
    cluster.put({"kind": "RoleBinding", "metadata": {"name": ACT_ROLE, "namespace": "shop"}, "roleRef": {}})


def _old(cluster: Administered) -> None:
    cluster._version = "v1.29.3"


def _may_not_bind(cluster: Administered) -> None:
    cluster.refused = {("bind", "clusterroles"), ("delete", "pods")}


def _may_not_read(cluster: Administered) -> None:
    cluster.refused = {("get", "validatingadmissionpolicies")}


def _may_not_label(cluster: Administered) -> None:
    cluster.refused = {("patch", "namespaces")}


@pytest.mark.claim("C-016")
@pytest.mark.parametrize(
    ("trouble", "code", "says"),
    [
        (_no_roles, Exit.REFUSED, f"ClusterRole {SIGHT_ROLE} is not there; install the chart first"),
        (_other_roles, Exit.REFUSED, "the installation's roles are not ones that this version renders"),
        (_no_policy, Exit.REFUSED, "ValidatingAdmissionPolicy byteport-everything is not there"),
        (_deleting, Exit.REFUSED, "the namespace shop is being deleted"),
        (_foreign, Exit.REFUSED, f"RoleBinding shop/{ACT_ROLE} is not ours"),
        (_old, Exit.REFUSED, "the API server is v1.29; the policies that bound the agent need Kubernetes 1.30"),
        (
            _may_not_bind,
            Exit.REFUSED,
            f"you may not bind clusterroles.rbac.authorization.k8s.io/{ACT_ROLE} in shop, nor",
        ),
        (
            _may_not_read,
            Exit.REFUSED,
            "you may not get validatingadmissionpolicies.admissionregistration.k8s.io/byteport",
        ),
        (_may_not_label, Exit.REFUSED, "you may not patch namespaces/shop"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else "",
)
def test_whatever_is_in_the_way_is_said_before_anything_is_applied(
    byteport: Run, cluster: Administered, trouble: Callable[[Administered], None], code: Exit, says: str
) -> None:
    trouble(cluster)
    said = byteport("enable", "shop", "--mode", "auto", "--yes")
    assert said.code == code
    assert [line for line in said.err.splitlines() if line.startswith(f"error: {says}")] != [], said.err
    assert said.err.endswith("nothing was changed\n")
    assert (said.out, cluster.writes) == ("", [])


def test_whoever_holds_the_rights_themselves_needs_no_leave_to_give_them(byteport: Run, cluster: Administered) -> None:
    cluster.refused = {("bind", "clusterroles"), ("bind", "roles"), ("escalate", "roles")}
    assert byteport("enable", "shop", "--rollback", "api", "--yes").code == Exit.OK


@pytest.mark.claim("C-016")
def test_names_that_are_not_there_are_all_said_at_once(byteport: Run, cluster: Administered) -> None:
    said = byteport("enable", "shop", "--rollback", "pai", "--hpa", "bew", "--yes")
    assert (said.code, cluster.writes) == (Exit.NOT_FOUND, [])
    assert said.err.splitlines() == [
        "error: there is no Deployment pai in the namespace shop",
        "error: there is no HorizontalPodAutoscaler bew in the namespace shop",
        "nothing was changed",
    ]


def test_no_such_namespace_is_not_found(byteport: Run, cluster: Administered) -> None:
    for command in ("enable", "disable"):
        said = byteport(command, "till", "--yes")
        assert (said.code, said.err.splitlines()[0]) == (Exit.NOT_FOUND, "error: there is no namespace till")


@pytest.mark.parametrize("command", ["enable", "disable"])
def test_a_cluster_that_does_not_answer_is_one_line(byteport: Run, cluster: Administered, command: str) -> None:
    cluster.down = Unavailable("get the server's version: cluster.example:6443 cannot be reached")
    said = byteport(command, "shop", "--yes")
    assert (said.code, said.err.count("error: ")) == (Exit.UNREACHABLE, 1)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PreconditionFailed("another version"), Exit.REFUSED),
        (NotPermitted("the admission policy of-ours refuses"), Exit.REFUSED),
        (UnknownOutcome("no answer in time"), Exit.UNREACHABLE),
    ],
)
@pytest.mark.parametrize("at", [0, 2, 5])
def test_what_stops_half_way_says_how_far_it_came_and_the_next_run_does_the_rest(
    byteport: Run, cluster: Administered, error: BytePortError, code: Exit, at: int
) -> None:
    cluster.breaks_at = {at: error}
    said = byteport("enable", "shop", "--rollback", "api", "--yes")
    assert said.code == code
    assert f"{at} of 7 changes were made; run it again" in said.err
    assert byteport("enable", "shop", "--rollback", "api", "--yes").code == Exit.OK
    fresh = installed_cluster()
    assert cluster.plain().keys() - fresh.plain().keys() == {
        ("configmaps", NAMESPACE, CEILINGS),
        ("roles", "shop", NAMED_ROLE),
        *(("rolebindings", "shop", name) for name in (SIGHT_ROLE, ACT_ROLE, NAMED_ROLE)),
    }


def test_what_somebody_else_undoes_at_once_is_told(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = cluster.patch

    async def undone(*arguments: Any) -> None:
        await patch(*arguments)
        shop = cluster.have("Namespace", "shop")
        assert shop is not None
        shop["metadata"]["labels"].pop(ENABLED_LABEL, None)

    monkeypatch.setattr(cluster, "patch", undone)
    said = byteport("enable", "shop", "--yes")
    assert said.code == Exit.FINDING
    assert said.err == "error: Namespace shop is not as it was left: somebody else changes it; run the command again\n"


def test_notes_are_shown_and_stop_nothing(byteport: Run, cluster: Administered) -> None:
    said = byteport("enable", "shop", "--rollback", "*", "--yes")
    assert said.code == Exit.OK
    assert "  ! no Deployment is labelled: with * each is rolled back only if somebody labels it" in said.out


def test_a_weaker_policy_for_rollbacks_is_said(byteport: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    older = installed_cluster(choices=Choices(proves_rollbacks=False), version="v1.33.1")

    @asynccontextmanager
    async def hands_of(*_: object, **__: object) -> AsyncIterator[Administered]:
        yield older

    monkeypatch.setattr("byteport.cli.enrolment.hands_of", hands_of)
    said = byteport("enable", "shop", "--rollback", "api", "--yes")
    assert said.code == Exit.OK
    assert "does not prove that a rollback restores a template" in said.out


@pytest.mark.claim("C-017")
def test_disabling_puts_floors_back_and_takes_everything_away(byteport: Run, cluster: Administered) -> None:
    before = cluster.plain()
    byteport("enable", "shop", "--mode", "auto", "--rollback", "api", "--hpa", "web", "--yes")
    marks = {FLOOR_BEFORE: "2", FLOOR_RAISED: "6", ACTION_ID: "a" * 64}
    cluster.put(an_autoscaler("web", floor=6, annotations=marks))
    said = byteport("disable", "shop", "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert "      ~ minReplicas: 6 -> 2" in said.out.splitlines()
    after = cluster.plain()
    assert after["configmaps", NAMESPACE, CEILINGS]["data"] == {}
    assert {place for place in after if place not in before} == {("configmaps", NAMESPACE, CEILINGS)}
    assert byteport("disable", "shop").out == "shop on https://cluster.example:6443: nothing changes\n"


@pytest.mark.claim("C-017")
def test_a_floor_that_is_raised_while_rights_are_taken_away_goes_back_too(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    byteport("enable", "shop", "--mode", "auto", "--hpa", "web", "--yes")
    delete = cluster.delete

    async def raised_meanwhile(*arguments: Any, **options: Any) -> None:
        cluster.put(
            an_autoscaler("web", floor=6, annotations={FLOOR_BEFORE: "2", FLOOR_RAISED: "6", ACTION_ID: "a" * 64})
        )
        monkeypatch.setattr(cluster, "delete", delete)
        await delete(*arguments, **options)

    monkeypatch.setattr(cluster, "delete", raised_meanwhile)
    assert byteport("disable", "shop", "--yes").code == Exit.OK
    web = cluster.have("HorizontalPodAutoscaler", "web", "shop")
    assert web is not None
    assert (web["spec"]["minReplicas"], FLOOR_BEFORE in web["metadata"]["annotations"]) == (2, False)


@pytest.mark.claim("C-017")
@pytest.mark.parametrize("marks", [{FLOOR_BEFORE: "2"}, {FLOOR_BEFORE: "9" * 40}, {FLOOR_BEFORE: ""}], ids=str)
def test_a_floor_that_somebody_took_over_keeps_nothing_with_the_agent_and_is_told(
    byteport: Run, cluster: Administered, marks: dict[str, str]
) -> None:
    before = cluster.plain()
    byteport("enable", "shop", "--mode", "auto", "--rollback", "api", "--hpa", "web", "--yes")
    cluster.put(an_autoscaler("api", floor=6, annotations={FLOOR_BEFORE: "2", FLOOR_RAISED: "6", ACTION_ID: "a" * 64}))
    taken = cluster.put(an_autoscaler("web", floor=6, annotations=marks))
    said = byteport("disable", "shop", "--yes")
    assert said.code == Exit.FINDING
    assert said.err.startswith("error: the agent raised the floor of HorizontalPodAutoscaler shop/web and ")
    assert "done; the cluster was read again" in said.out
    after = cluster.plain()
    assert {place for place in after if place not in before} == {
        ("configmaps", NAMESPACE, CEILINGS),
        ("horizontalpodautoscalers", "shop", "api"),
    }
    assert after["horizontalpodautoscalers", "shop", "api"]["spec"]["minReplicas"] == 2
    assert cluster.have("HorizontalPodAutoscaler", "web", "shop") == taken
    again = byteport("disable", "shop", "--json")
    assert (again.code, json.loads(again.out)["changed"]) == (Exit.FINDING, False)
    assert len(json.loads(again.out)["left"]) == 1


@pytest.mark.claim("C-017")
def test_a_floor_that_cannot_be_put_back_keeps_neither_rights_nor_another_floor(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    byteport("enable", "shop", "--mode", "auto", "--hpa", "web", "--yes")
    for name in ("api", "web"):
        cluster.put(
            an_autoscaler(name, floor=6, annotations={FLOOR_BEFORE: "2", FLOOR_RAISED: "6", ACTION_ID: "a" * 64})
        )
    patch = cluster.patch

    async def always_another(resource: Resource, namespace: str, name: str, *rest: Any, **options: Any) -> None:
        if name == "api":
            raise PreconditionFailed("it was written meanwhile")
        await patch(resource, namespace, name, *rest, **options)

    monkeypatch.setattr(cluster, "patch", always_another)
    said = byteport("disable", "shop", "--yes")
    assert said.code == Exit.FINDING
    assert "HorizontalPodAutoscaler shop/api is not as it was left" in said.err
    web = cluster.have("HorizontalPodAutoscaler", "web", "shop")
    assert web is not None
    assert web["spec"]["minReplicas"] == 2
    assert keys(cluster) == {}
