"""The kill switch at the keyboard: at the API server and in the ledger, each thrown even if the other cannot be."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from byteport.boundary.names import MAY_ACT, MAY_ACT_NOTE, role_ref
from byteport.boundary.policies import everything
from byteport.boundary.roles import binding
from byteport.cli.exits import Exit
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.errors import BytePortError, NotPermitted, PreconditionFailed, Unavailable
from byteport.kubernetes.autoscalers import FLOOR_BEFORE
from tests.builders.administered import CLUSTER_UID, Administered, a_namespace, an_autoscaler, installed_cluster
from tests.builders.guarded import Guarded
from tests.unit.cli.conftest import Run

JSON = dict[str, Any]
RENDERED = binding("ClusterRoleBinding", MAY_ACT, role_ref("ClusterRole", MAY_ACT))


@pytest.fixture
def ledger(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of the cluster that `cluster` is, with a ledger; a person's home without a kubeconfig."""
    monkeypatch.setenv("HOME", str(folder))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    config = folder / ".byteport" / "config.yaml"
    config.parent.mkdir()
    config.write_text(f"cluster: {{name: prod, uid: {CLUSTER_UID}}}\nstate_dir: .\n")
    return config


@pytest.fixture
def cluster(ledger: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Administered:
    """The cluster of the kubeconfig in that home."""
    cluster = installed_cluster()

    @asynccontextmanager
    async def hands_of(*_: object, **__: object) -> AsyncIterator[Administered]:
        yield cluster

    monkeypatch.setattr("byteport.cli.switch.hands_of", hands_of)
    monkeypatch.setattr("byteport.cli.turning.IN_FORCE_SECONDS", 0.1)
    monkeypatch.setattr("workers.boundary_enforced.PAUSES", (0.0,))
    cluster.agent = Guarded(given={"shop": Ceiling(mode=Mode.AUTO)})
    (folder / ".kube").mkdir()
    (folder / ".kube" / "config").write_text("apiVersion: v1\n")
    return cluster


def may_act(cluster: Administered) -> JSON | None:
    return cluster.have("ClusterRoleBinding", MAY_ACT)


def halted_in_the_ledger(byteport: Run) -> bool:
    """As another halt finds it, with the cluster left alone."""
    return "already halted" in byteport("halt", "--no-cluster").out


@pytest.mark.claim("C-083")
def test_a_halt_takes_the_binding_away_and_writes_the_row(byteport: Run, cluster: Administered) -> None:
    said = byteport("halt", "-m", "drill", "--as", "ada")
    assert (said.code, said.err) == (Exit.OK, "")
    assert said.out.startswith(
        "API server: halted: the API server refuses every write of the agent (https://cluster.example:6443)\n"
        "halted: nothing is acted until `byteport resume`; recorded as "
    )
    assert may_act(cluster) is None
    assert halted_in_the_ledger(byteport)


def test_halting_again_says_that_both_were_so_already(byteport: Run, cluster: Administered) -> None:
    byteport("halt", "--as", "ada")
    said = byteport("halt")
    assert said.code == Exit.OK
    assert f"ClusterRoleBinding {MAY_ACT} was gone already" in said.out
    assert "already halted by ada" in said.out


def test_a_resume_makes_the_binding_again_exactly_as_it_is_rendered(byteport: Run, cluster: Administered) -> None:
    byteport("halt")
    said = byteport("resume", "-m", "over")
    assert said.code == Exit.OK
    assert "resumed; recorded as " in said.out
    again = may_act(cluster)
    assert again is not None
    again["metadata"] = {key: again["metadata"][key] for key in RENDERED["metadata"]}
    assert again == RENDERED
    assert not halted_in_the_ledger(byteport)


RELEASE = {"meta.helm.sh/release-name": "byteport", "meta.helm.sh/release-namespace": "byteport-agent"}


def released(cluster: Administered, **notes: str) -> None:
    """The switch's role as Helm installed it, with what a GitOps tool writes beside it."""
    role = cluster.have("ClusterRole", MAY_ACT)
    assert role is not None
    role["metadata"]["labels"] |= {"app.kubernetes.io/managed-by": "Helm", "argocd.argoproj.io/instance": "byteport"}
    role["metadata"]["annotations"] = {**RELEASE, "argocd.argoproj.io/tracking-id": "byteport:x", **notes}


@pytest.mark.claim("C-084")
def test_of_a_helm_release_the_binding_is_made_again_as_a_part_of_it(byteport: Run, cluster: Administered) -> None:
    released(cluster)
    byteport("halt")
    said = byteport("resume")
    assert (said.code, "mayAct" in said.out) == (Exit.OK, False)
    again = may_act(cluster)
    assert again is not None
    assert again["metadata"]["labels"] == {**RENDERED["metadata"]["labels"], "app.kubernetes.io/managed-by": "Helm"}
    assert again["metadata"]["annotations"] == RELEASE


@pytest.mark.parametrize("missing", [*RELEASE, "app.kubernetes.io/managed-by"])
def test_half_of_what_helm_writes_is_not_made_up(byteport: Run, cluster: Administered, missing: str) -> None:
    released(cluster)
    role = cluster.have("ClusterRole", MAY_ACT)
    assert role is not None
    for notes in (role["metadata"]["labels"], role["metadata"]["annotations"]):
        notes.pop(missing, None)
    byteport("halt")
    byteport("resume")
    again = may_act(cluster)
    assert again is not None
    assert again["metadata"]["labels"] == RENDERED["metadata"]["labels"]
    assert "annotations" not in again["metadata"]


def test_the_binding_goes_with_its_role_when_the_release_is_taken_away(byteport: Run, cluster: Administered) -> None:
    byteport("halt")
    byteport("resume")
    role, again = cluster.have("ClusterRole", MAY_ACT), may_act(cluster)
    assert role is not None
    assert again is not None
    (owner,) = again["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("ClusterRole", MAY_ACT, role["metadata"]["uid"])


def test_a_resume_against_the_charts_values_says_what_the_next_upgrade_needs(
    byteport: Run, cluster: Administered
) -> None:
    released(cluster, **{MAY_ACT_NOTE: "false"})
    byteport("halt")
    said = byteport("resume")
    assert said.code == Exit.OK
    assert "the chart's value mayAct is false, and the next upgrade is refused until it is true" in said.out
    released(cluster, **{MAY_ACT_NOTE: "true"})
    assert "mayAct" not in byteport("resume").out


def test_floors_that_stand_raised_are_listed_since_a_halt_keeps_them_up(byteport: Run, cluster: Administered) -> None:
    cluster.put(an_autoscaler("web", floor=6, annotations={FLOOR_BEFORE: "2"}))
    cluster.put(an_autoscaler("api", floor=3))
    cluster.put(an_autoscaler("till", "till", floor=9, annotations={FLOOR_BEFORE: "\x1b[31m"}))
    said = byteport("halt")
    assert [line for line in said.out.splitlines() if line.startswith("kept up by the halt: ")] == [
        "kept up by the halt: shop/web: minReplicas 6, its owner's is 2",
        "kept up by the halt: till/till: minReplicas 9, its owner's is unknown",
    ]


def test_floors_that_cannot_be_listed_are_said_to_be_unknown(byteport: Run, cluster: Administered) -> None:
    cluster.refused = {("list", "horizontalpodautoscalers")}
    said = byteport("halt")
    assert (said.code, "which floors stand raised cannot be told" in said.err) == (Exit.OK, True)


def test_json_tells_both_halves(byteport: Run, cluster: Administered) -> None:
    told = json.loads(byteport("halt", "--as", "ada", "--json").out)
    assert (told["halted"], told["halt"]["by"], told["ledger_error"]) == (True, "ada", None)
    assert (told["api_server"]["side"], told["api_server"]["floors"]) == ("done", [])
    told = json.loads(byteport("resume", "--json").out)
    assert (told["halted"], told["api_server"]["side"]) == (False, "done")


@pytest.mark.claim("C-083")
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("cluster.example:6443 cannot be reached"), Exit.UNREACHABLE),
        (NotPermitted("delete clusterrolebindings byteport-may-act: forbidden"), Exit.REFUSED),
    ],
)
def test_when_the_api_server_cannot_be_halted_the_ledger_is_and_it_says_what_to_do(
    byteport: Run, cluster: Administered, error: Unavailable | NotPermitted, code: Exit
) -> None:
    cluster.breaks_at = {0: error}
    said = byteport("halt")
    assert said.code == code
    assert f"error: API server: not halted: {error.message}; by hand: kubectl delete clusterrolebinding" in said.err
    assert "halted: nothing is acted until `byteport resume`" in said.out
    assert "API server: halted" not in said.out
    assert halted_in_the_ledger(byteport)


@pytest.mark.claim("C-083")
def test_when_the_ledger_cannot_be_written_the_api_server_is_halted_all_the_same(
    byteport: Run, cluster: Administered, ledger: Path
) -> None:
    (ledger.parent / "ledger.db").mkdir()
    said = byteport("halt")
    assert said.code != Exit.OK
    assert "error: ledger: not halted: " in said.err
    assert may_act(cluster) is None


@pytest.mark.claim("C-083")
def test_without_settings_the_api_server_is_halted_all_the_same(
    byteport: Run, cluster: Administered, ledger: Path
) -> None:
    ledger.unlink()
    said = byteport("halt")
    assert said.code == Exit.USAGE
    assert "error: ledger: not halted: cluster: must be set" in said.err
    assert may_act(cluster) is None
    assert byteport("halt", "--no-ledger").code == Exit.OK
    assert byteport("resume", "--no-ledger").code == Exit.OK
    assert may_act(cluster) is not None


@pytest.mark.claim("C-083")
def test_when_neither_can_be_halted_both_are_said(byteport: Run, cluster: Administered, ledger: Path) -> None:
    cluster.down = Unavailable("cluster.example:6443 cannot be reached")
    (ledger.parent / "ledger.db").mkdir()
    said = byteport("halt")
    assert said.code == Exit.UNREACHABLE
    assert [line.split(":")[1] for line in said.err.splitlines()] == [" API server", " ledger"]


def test_a_resume_whose_ledger_fails_gives_nothing_back(byteport: Run, cluster: Administered, ledger: Path) -> None:
    byteport("halt", "--no-ledger")
    (ledger.parent / "ledger.db").mkdir()
    assert byteport("resume").code != Exit.OK
    assert may_act(cluster) is None


def test_another_cluster_than_the_settings_mean_is_not_touched(byteport: Run, cluster: Administered) -> None:
    cluster.put(a_namespace("kube-system"))
    said = byteport("halt")
    assert said.code == Exit.REFUSED
    assert f"and the settings' is {CLUSTER_UID}" in said.err
    assert may_act(cluster) is not None
    assert halted_in_the_ledger(byteport)


def test_a_binding_that_a_tool_puts_back_is_no_halt(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete = cluster.delete

    async def put_back(*arguments: Any, **options: Any) -> None:
        await delete(*arguments, **options)
        cluster.put(RENDERED)

    monkeypatch.setattr(cluster, "delete", put_back)
    said = byteport("halt")
    assert said.code == Exit.REFUSED
    assert "is still there after 5 deletes" in said.err


def test_a_binding_that_was_written_meanwhile_is_deleted_as_it_is_now(byteport: Run, cluster: Administered) -> None:
    cluster.breaks_at = {0: PreconditionFailed("another version")}
    assert byteport("halt").code == Exit.OK
    assert may_act(cluster) is None


@pytest.mark.claim("C-083")
def test_another_binding_that_lets_the_agent_act_is_no_halt(byteport: Run, cluster: Administered) -> None:
    cluster.agent_may_act = True
    said = byteport("halt")
    assert said.code == Exit.REFUSED
    assert "another binding still lets the agent act" in said.err
    assert (
        "kubectl auth can-i perform acts.byteport.io --as system:serviceaccount:byteport-agent:byteport-agent"
        in said.err
    )


def test_an_answer_that_took_longer_than_its_whole_time_is_asked_for_once_more(
    byteport: Run, cluster: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is of when it was asked, which was before the API server had noticed that the binding is gone."""
    answers = iter((True, False))

    async def slowly(*_: object) -> bool:
        given = next(answers)
        await asyncio.sleep(0.2 if given else 0)
        return given

    monkeypatch.setattr(cluster, "account_may", slowly)
    said = byteport("halt")
    assert (said.code, "API server: halted" in said.out) == (Exit.OK, True)


def _edited(kind: str, **spec: object) -> Callable[[Administered], object]:
    def edit(cluster: Administered) -> None:
        found = cluster.have(kind, everything.NAME)
        assert found is not None
        found["spec"] |= spec

    return edit


POLICY, BOUND = "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"


@pytest.mark.claim("C-083")
@pytest.mark.parametrize(
    "broken",
    [
        lambda cluster: cluster.drop(BOUND, everything.NAME),
        lambda cluster: cluster.drop(POLICY, everything.NAME),
        _edited(BOUND, validationActions=["Audit"]),
        _edited(BOUND, policyName="byteport-exec"),
        _edited(POLICY, failurePolicy="Ignore"),
        _edited(POLICY, validations=[]),
        _edited(POLICY, matchConditions=[{"name": "is-ours", "expression": "false"}]),
    ],
)
def test_a_switch_whose_policy_refuses_nothing_is_no_halt(
    byteport: Run, cluster: Administered, broken: Callable[[Administered], object]
) -> None:
    broken(cluster)
    said = byteport("halt")
    assert (said.code, "API server: halted" in said.out, may_act(cluster)) == (Exit.REFUSED, False, None)
    assert "error: API server: not halted: byteport-may-act is gone, but what would refuse is not whole: " in said.err
    assert "kubectl delete serviceaccount byteport-agent --namespace byteport-agent" in said.err
    assert halted_in_the_ledger(byteport)


@pytest.mark.claim("C-083")
def test_an_api_server_that_enforces_no_policy_is_no_halt(byteport: Run, cluster: Administered) -> None:
    agent(cluster).enforces = False
    said = byteport("halt")
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert "the admission policies are not enforced: a write of the agent was let through" in said.err
    assert json.loads(byteport("halt", "--json").out)["api_server"]["side"] == "failed"


@pytest.mark.claim("C-083")
def test_a_refusal_that_is_another_ones_is_no_halt_that_is_known(byteport: Run, cluster: Administered) -> None:
    agent(cluster).others = NotPermitted("the admission policy no-evictions refuses", policy="no-evictions")
    said = byteport("halt")
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert (
        "not known to be halted: byteport-may-act is gone; a write of the agent was refused, but not by ours"
        in said.err
    )


@pytest.mark.claim("C-083")
def test_a_caller_who_may_not_read_the_policy_is_not_told_that_the_api_server_refuses(
    byteport: Run, cluster: Administered
) -> None:
    cluster.refused = {("get", "validatingadmissionpolicies")}
    said = byteport("halt")
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert "whether the policy that refuses is as installed could not be read" in said.err


@pytest.mark.claim("C-083")
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (NotPermitted("review of all rules: forbidden"), "you may not act as the agent"),
        (Unavailable("no answer"), "no"),
    ],
)
def test_a_caller_who_may_not_try_a_write_as_the_agent_is_not_told_that_it_is_refused(
    byteport: Run, cluster: Administered, error: BytePortError, why: str
) -> None:
    class Refusing(Guarded):
        async def rules(self, namespace: str) -> JSON:
            raise error

    cluster.agent = Refusing()
    said = byteport("halt")
    assert (said.code, "API server: halted" in said.out) == (Exit.REFUSED, False)
    assert f"whether the API server enforces its policies could not be asked: {why}" in said.err
    assert "kubectl auth can-i impersonate serviceaccounts/byteport-agent" in said.err


def test_where_the_agent_holds_no_right_to_write_it_is_said_that_none_was_tried(
    byteport: Run, cluster: Administered
) -> None:
    cluster.agent = Guarded()
    said = byteport("halt")
    assert said.code == Exit.OK
    assert "refuses every write of the agent; none was tried, as it holds no right to write" in said.out


def agent(cluster: Administered) -> Guarded:
    assert isinstance(cluster.agent, Guarded)
    return cluster.agent


@pytest.mark.claim("C-083")
@pytest.mark.parametrize("besides", [True, None], ids=["another binding", "none"])
def test_a_caller_who_may_not_ask_about_the_agent_is_not_told_that_it_is_halted(
    byteport: Run, cluster: Administered, besides: bool | None
) -> None:
    cluster.refused, cluster.agent_may_act = {("create", "subjectaccessreviews")}, besides
    said = byteport("halt", "--as", "ada")
    assert (said.code, "API server: halted" in said.out, may_act(cluster)) == (Exit.REFUSED, False, None)
    assert said.err.startswith(
        f"error: API server: not known to be halted: {MAY_ACT} is gone; whether another binding lets the agent act "
        "could not be asked: you may not create subjectaccessreviews; whoever may asks: kubectl auth can-i perform "
    )
    assert halted_in_the_ledger(byteport)
    told = json.loads(byteport("halt", "--no-ledger", "--json").out)["api_server"]
    assert (told["side"], told["exit_code"]) == ("unknown", Exit.REFUSED)


def test_a_caller_who_may_not_ask_about_the_agent_resumes_what_was_read_again(
    byteport: Run, cluster: Administered
) -> None:
    cluster.refused = {("create", "subjectaccessreviews")}
    byteport("halt")
    said = byteport("resume")
    assert (said.code, may_act(cluster) is not None) == (Exit.OK, True)
    assert f"ClusterRoleBinding {MAY_ACT} is there again; whether the agent may act could not be asked" in said.out


def test_a_binding_of_that_name_that_gives_it_to_somebody_else_is_not_resumed(
    byteport: Run, cluster: Administered
) -> None:
    cluster.put({**RENDERED, "subjects": [{"kind": "User", "name": "mallory"}]})
    said = byteport("resume")
    assert said.code == Exit.REFUSED
    assert "is not as it was installed" in said.err


@pytest.mark.parametrize(("halted", "word"), [(["halt"], "halted"), (["resume"], "resumed")])
def test_a_cluster_without_our_switch_is_left_as_it_is(
    byteport: Run, cluster: Administered, halted: list[str], word: str
) -> None:
    cluster.drop("ClusterRoleBinding", MAY_ACT)
    cluster.drop("ClusterRole", MAY_ACT)
    said = byteport(*halted)
    assert (said.code, cluster.writes) == (Exit.OK, [])
    assert f"no ClusterRole {MAY_ACT} is on this cluster" in said.err
    said = byteport(*halted, "--no-ledger")
    assert (said.code, f"nothing was {word}" in said.err) == (Exit.FINDING, True)


def test_without_credentials_or_told_so_only_the_ledger_is_halted(byteport: Run, ledger: Path) -> None:
    said = byteport("halt")
    assert (said.code, said.err) == (Exit.OK, "API server: no credentials for a cluster were found here\n")
    said = byteport("resume", "--no-cluster")
    assert (said.code, said.err) == (Exit.OK, "API server: the API server's switch was left as it is\n")


def test_a_simulated_cluster_is_halted_in_the_ledger_whatever_the_persons_kubeconfig_names(
    byteport: Run, cluster: Administered, ledger: Path
) -> None:
    plain = yaml.safe_load(ledger.read_text())
    plain["cluster"]["name"] = "simulated"
    ledger.write_text(yaml.safe_dump(plain))
    said = byteport("halt")
    assert (said.code, "simulated" in said.err) == (Exit.OK, True)
    assert may_act(cluster) is not None


def test_both_left_out_is_a_wrong_command_line(byteport: Run, ledger: Path) -> None:
    for command in ("halt", "resume"):
        assert byteport(command, "--no-cluster", "--no-ledger").code == Exit.USAGE


def test_a_kubeconfig_without_that_context_is_said_and_the_ledger_is_halted(
    byteport: Run, ledger: Path, folder: Path
) -> None:
    (folder / "kubeconfig").write_text("apiVersion: v1\nkind: Config\ncontexts: []\n")
    said = byteport("halt", "--kubeconfig", "kubeconfig", "--context", "prod")
    assert said.code == Exit.USAGE
    assert "error: API server: not halted: cluster.context: kubeconfig has no context 'prod'" in said.err
    assert halted_in_the_ledger(byteport)


def test_an_api_server_that_never_answers_costs_three_seconds_and_no_more(
    byteport: Run, ledger: Path, folder: Path
) -> None:
    """It accepts the connection, and nothing else."""

    async def silent() -> tuple[float, Any]:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        cluster = {"server": f"https://127.0.0.1:{port}"}
        user = {"token": "t"}
        (folder / "kubeconfig").write_text(
            yaml.safe_dump(
                {
                    "current-context": "dead",
                    "contexts": [{"name": "dead", "context": {"cluster": "dead", "user": "dead"}}],
                    "clusters": [{"name": "dead", "cluster": cluster}],
                    "users": [{"name": "dead", "user": user}],
                }
            )
        )
        began = time.monotonic()
        said = await asyncio.to_thread(byteport, "halt", "--kubeconfig", "kubeconfig")
        took = time.monotonic() - began
        server.close()
        return took, said

    took, said = asyncio.run(silent())
    assert said.code == Exit.UNREACHABLE
    assert "error: API server: not halted: " in said.err
    assert "halted: nothing is acted until `byteport resume`" in said.out
    assert took < 9.5, "which is less than all of it may take"
