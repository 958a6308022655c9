"""One look at the boundary, over an API server in a dictionary: each thing that can be wrong, and where it refuses `auto`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.names import (
    ACT_ROLE,
    ADMISSION,
    CEILINGS,
    CLUSTER_ROLE,
    EVENTS_ROLE,
    HELPER_NAMESPACE,
    MAY_ACT,
    NAMED_ROLE,
    NAMESPACE,
    OWN_ROLE,
    SIGHT_ROLE,
    role_ref,
)
from byteport.boundary.policies import everything, pods
from byteport.boundary.roles import binding, rule
from byteport.boundary.whole import DANGEROUS, Kind
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.modes import Mode
from byteport.domain.policy import PROTECTED_NAMESPACES, PolicyConfig
from byteport.errors import PermanentError, Unavailable
from byteport.kubernetes.port import JSON
from byteport.settings.model import BoundaryConfig
from tests.builders.guarded import Guarded
from workers.boundary_check import AT_ONCE, MOST_BESIDE, Report, at_least, choices_of, look_at_boundary

AUTO = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("*",))
AGAIN = "byteport enable shop --mode auto --rollback api --hpa '*'"
SECRETS = rule("", "secrets", ["get"])
POLICY = PolicyConfig()


def config_of(choices: Choices) -> BoundaryConfig:
    return BoundaryConfig(runbooks=choices.runbooks, sight=choices.sight, helper=choices.helper)


async def look(cluster: Guarded, policy: PolicyConfig = POLICY) -> Report:
    return await look_at_boundary(cluster, config_of(cluster.choices), policy)


async def found(cluster: Guarded) -> list[tuple[Kind, str, str]]:
    return [(one.kind, one.what, one.namespace) for one in (await look(cluster)).findings]


@pytest.fixture
def cluster() -> Guarded:
    """Two namespaces given to us, in different measure."""
    return Guarded(given={"shop": AUTO, "till": Ceiling(mode=Mode.OBSERVE)})


@pytest.mark.parametrize("sight", list(Sight))
@pytest.mark.parametrize("helper", [False, True])
@pytest.mark.parametrize("mode", list(Mode))
async def test_an_installation_as_rendered_is_whole(sight: Sight, helper: bool, mode: Mode) -> None:
    choices = Choices(sight=sight, helper=helper)
    report = await look(Guarded(choices, {"shop": Ceiling(mode=mode, rollback=("api",)), "till": AUTO}))
    assert report.findings == ()
    assert not report.halted
    assert report.blindness == ()
    assert report.choices == choices


@pytest.mark.parametrize("off", sorted(Choices().runbooks))
async def test_with_a_runbook_switched_off_its_rights_are_neither_missed_nor_allowed(off: str) -> None:
    narrower = Choices(runbooks=Choices().runbooks - {off}, helper=True)
    assert await found(Guarded(narrower, {"shop": AUTO})) == []
    wide = Guarded(Choices(helper=True), {"shop": AUTO})
    held = await look_at_boundary(wide, config_of(narrower), POLICY)
    assert {one.kind for one in held.findings} <= {Kind.EXCESS}


async def test_on_an_older_api_server_nothing_is_missed_that_it_does_not_have() -> None:
    older = Guarded(Choices(proves_rollbacks=False), {"shop": AUTO}, version="v1.35.4-gke.100")
    report = await look(older)
    assert report.findings == ()
    assert not report.choices.proves_rollbacks


@pytest.mark.parametrize(
    ("version", "yes"),
    [
        ("v1.36.0", True),
        ("v1.37.2+simulated", True),
        ("v2.0.0", True),
        ("1.36", True),
        ("v1.35.9", False),
        ("v1.3.6", False),
        ("", False),
        ("v1.x", False),
    ],
)
def test_a_version_is_read_or_counts_as_too_old(version: str, yes: bool) -> None:
    assert at_least(version, (1, 36)) is yes


def test_the_choices_are_those_of_the_settings_and_the_policy() -> None:
    config = BoundaryConfig(sight=Sight.CLUSTER, runbooks=frozenset({"PodCrashloopRunbook"}), helper=True, events=True)
    policy = PolicyConfig(protected_namespaces=frozenset({"kube-system", "temporal", "db"}), helper_namespace="hands")
    assert choices_of(config, policy, "v1.36.1") == Choices(
        runbooks=frozenset({"PodCrashloopRunbook"}),
        sight=Sight.CLUSTER,
        helper=True,
        helper_namespace="hands",
        protected=("db", "temporal"),
        events=True,
        proves_rollbacks=True,
    )


# -- what is not granted -------------------------------------------------------------------------------------------------


async def test_a_missing_binding_in_one_namespace_refuses_there_and_lets_the_process_start(cluster: Guarded) -> None:
    cluster.remove("RoleBinding", ACT_ROLE, "shop")
    report = await look(cluster)
    assert {(one.kind, one.what, one.namespace, one.remedy) for one in report.findings} == {
        (Kind.MISSING, what, "shop", AGAIN) for what in ("create pods/eviction", "delete pods")
    }
    assert report.refuses_auto("shop")
    assert not report.refuses_auto("till")
    assert not report.refuses_auto("")
    assert report.keeps_from_starting == []


async def test_a_name_that_the_ceiling_has_and_the_role_has_not_is_missing(cluster: Guarded) -> None:
    cluster.objects["Role", "shop", NAMED_ROLE]["rules"] = [rule("autoscaling", "horizontalpodautoscalers", ["patch"])]
    assert await found(cluster) == [(Kind.MISSING, "patch deployments.apps/api", "shop")]


async def test_without_sight_of_a_namespace_its_reads_are_missing(cluster: Guarded) -> None:
    cluster.remove("RoleBinding", SIGHT_ROLE, "till")
    report = await look(cluster)
    assert {(one.kind, one.namespace) for one in report.findings} == {(Kind.MISSING, "till")}
    assert "list pods" in [one.what for one in report.findings]
    assert "list services" in [one.right for one in report.blindness]


@pytest.mark.parametrize(
    ("kind", "name", "namespace", "what", "where"),
    [
        ("ClusterRoleBinding", CLUSTER_ROLE, "", "list nodes", ""),
        ("ClusterRole", CLUSTER_ROLE, "", "list nodes", ""),
        ("RoleBinding", EVENTS_ROLE, "default", "list events", "default"),
        ("RoleBinding", OWN_ROLE, NAMESPACE, f"get configmaps/{CEILINGS}", NAMESPACE),
    ],
)
async def test_what_the_chart_grants_and_is_not_there_keeps_the_process_from_starting(
    cluster: Guarded, kind: str, name: str, namespace: str, what: str, where: str
) -> None:
    cluster.remove(kind, name, namespace)
    report = await look(cluster)
    assert (Kind.MISSING, what, where) in {(one.kind, one.what, one.namespace) for one in report.keeps_from_starting}
    assert all(report.refuses_auto(name) for name in ("shop", "till", ""))


async def test_in_cluster_sight_what_is_missing_is_missing_everywhere() -> None:
    wide = Guarded(Choices(sight=Sight.CLUSTER), {"shop": AUTO})
    wide.remove("ClusterRoleBinding", SIGHT_ROLE)
    report = await look(wide)
    assert {one.namespace for one in report.findings} == {""}
    assert "list pods" in [one.what for one in report.keeps_from_starting]


async def test_an_optional_right_that_is_not_granted_is_told_and_refuses_nothing(cluster: Guarded) -> None:
    sight = cluster.objects["ClusterRole", "", SIGHT_ROLE]
    sight["rules"] = [one for one in sight["rules"] if one["resources"] != ["limitranges"]]
    report = await look(cluster)
    assert report.findings == ()
    ((right, because),) = report.blindness
    assert (right, because) == ("list limitranges", "whether a replacement would be admitted")


# -- what is too much ----------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-011")
@pytest.mark.parametrize("dangerous", DANGEROUS)
async def test_a_dangerous_right_everywhere_refuses_everywhere(
    cluster: Guarded, dangerous: tuple[str, str, str]
) -> None:
    group, resource, verb = dangerous
    cluster.bind([rule(group, resource, [verb])])
    report = await look(cluster)
    assert [(one.kind, one.namespace) for one in report.findings] == [(Kind.EXCESS, "")]
    assert all(report.refuses_auto(name) for name in ("shop", "till", "other", ""))
    assert report.keeps_from_starting == []


@pytest.mark.claim("C-011")
async def test_what_a_tenant_binds_to_us_refuses_in_that_namespace_alone(cluster: Guarded) -> None:
    cluster.bind([SECRETS], "shop")
    report = await look(cluster)
    ((kind, what, where),) = [(one.kind, one.what, one.namespace) for one in report.findings]
    assert (kind, what, where) == (Kind.EXCESS, "get secrets", "shop")
    assert report.refuses_auto("shop")
    assert not report.refuses_auto("till")
    assert not report.refuses_auto("")
    assert "-n shop rolebindings" in report.findings[0].remedy


@pytest.mark.claim("C-011")
@pytest.mark.parametrize(
    "namespace", [NAMESPACE, "kube-system", "default", "kube-public", "kube-node-lease", HELPER_NAMESPACE]
)
async def test_what_is_bound_where_no_tenant_rules_refuses_everywhere(namespace: str) -> None:
    cluster = Guarded(Choices(helper=True), {"shop": AUTO, "till": Ceiling(mode=Mode.OBSERVE)})
    cluster.bind([SECRETS], namespace)
    report = await look(cluster)
    assert [(one.kind, one.namespace) for one in report.findings] == [(Kind.EXCESS, namespace)]
    assert all(report.refuses_auto(name) for name in ("shop", "till", ""))


@pytest.mark.claim("C-011")
async def test_what_is_bound_in_a_namespace_that_settings_protect_refuses_everywhere() -> None:
    cluster = Guarded(Choices(protected=("temporal",)), {"shop": AUTO})
    cluster.bind([SECRETS], "temporal")
    report = await look(cluster, PolicyConfig(protected_namespaces=PROTECTED_NAMESPACES | {"temporal"}))
    assert [(one.kind, one.what, one.namespace) for one in report.findings] == [
        (Kind.EXCESS, "get secrets", "temporal")
    ]
    assert report.refuses_auto("shop")


@pytest.mark.claim("C-011")
async def test_in_cluster_sight_what_is_bound_in_a_namespace_that_was_not_given_is_found_there() -> None:
    cluster = Guarded(Choices(sight=Sight.CLUSTER), {"shop": AUTO})
    cluster.apply({"kind": "Namespace", "metadata": {"name": "payroll"}})
    assert await found(cluster) == []
    cluster.bind([SECRETS], "payroll")
    report = await look(cluster)
    assert [(one.kind, one.what, one.namespace) for one in report.findings] == [(Kind.EXCESS, "get secrets", "payroll")]
    assert (report.refuses_auto("payroll"), report.refuses_auto("shop")) == (True, False)
    assert "payroll" not in report.given


async def test_of_namespaces_that_were_not_given_no_more_are_looked_at_than_is_said() -> None:
    cluster = Guarded(Choices(sight=Sight.CLUSTER), {"shop": AUTO})
    await look(cluster)
    before = cluster.asked["rules"]
    for number in range(MOST_BESIDE + 50):
        cluster.apply({"kind": "Namespace", "metadata": {"name": f"team-{number:04}"}})
    await look(cluster)
    assert cluster.asked["rules"] - before == before + MOST_BESIDE


async def test_in_namespaced_sight_one_that_was_not_given_is_not_known_of(cluster: Guarded) -> None:
    """The limit that the documents name: `byteport doctor --installation` looks there with an administrator's eyes."""
    cluster.apply({"kind": "Namespace", "metadata": {"name": "payroll"}})
    cluster.bind([SECRETS], "payroll")
    assert await found(cluster) == []


@pytest.mark.claim("C-011")
async def test_rights_beyond_the_ceiling_are_excess_whatever_mode_runs(cluster: Guarded) -> None:
    cluster.apply(binding("RoleBinding", ACT_ROLE, role_ref("ClusterRole", ACT_ROLE), "till"))
    cluster.objects["Role", "shop", NAMED_ROLE]["rules"][0]["resourceNames"].append("web")
    assert sorted(await found(cluster)) == sorted(
        [
            (Kind.EXCESS, "create pods/eviction", "till"),
            (Kind.EXCESS, "delete pods", "till"),
            (Kind.EXCESS, "patch deployments.apps/web", "shop"),
        ]
    )


async def test_rights_within_the_ceiling_are_no_excess_though_the_mode_that_runs_is_lower(cluster: Guarded) -> None:
    report = await look(cluster, PolicyConfig(mode=Mode.OBSERVE))
    assert report.findings == ()


@pytest.mark.claim("C-011")
@pytest.mark.parametrize("wildcard", [rule("*", "*", ["*"]), rule("", "*", ["get"]), rule("", "pods", ["*"])])
async def test_a_wildcard_is_excess(cluster: Guarded, wildcard: JSON) -> None:
    cluster.bind([wildcard], "shop")
    assert [(kind, where) for kind, _, where in await found(cluster)] == [(Kind.EXCESS, "shop")]


@pytest.mark.claim("C-011")
async def test_a_write_bound_for_the_whole_cluster_is_found_where_it_is_not_given(cluster: Guarded) -> None:
    cluster.apply(binding("ClusterRoleBinding", "wide", role_ref("ClusterRole", ACT_ROLE)))
    assert (Kind.EXCESS, "delete pods", "") in await found(cluster)


async def test_a_protected_namespace_is_given_to_nobody_whatever_is_written_down(cluster: Guarded) -> None:
    cluster.enable("kube-system", AUTO)
    report = await look(cluster)
    assert "kube-system" not in report.given
    assert (Kind.EXCESS, "delete pods", "kube-system") in [
        (one.kind, one.what, one.namespace) for one in report.findings
    ]


async def test_in_cluster_sight_a_label_alone_gives_no_right_to_write() -> None:
    wide = Guarded(Choices(sight=Sight.CLUSTER), {"shop": AUTO})
    del wide.objects["ConfigMap", NAMESPACE, CEILINGS]
    report = await look(wide)
    assert report.given == {"shop": Ceiling(mode=Mode.OBSERVE)}
    assert {(one.kind, one.namespace) for one in report.findings} == {(Kind.EXCESS, "shop")}


async def test_a_list_of_rights_that_is_too_long_refuses_in_that_namespace_alone(cluster: Guarded) -> None:
    cluster.unlisted = {"shop"}
    report = await look(cluster)
    assert [(one.kind, one.namespace) for one in report.findings] == [(Kind.UNLISTED, "shop")]
    assert report.refuses_auto("shop")
    assert not report.refuses_auto("till")
    cluster.unlisted = {NAMESPACE}
    with pytest.raises(PermanentError):
        await look(cluster)


async def test_so_many_rights_of_one_tenant_that_ours_are_lost_among_them_refuse_there_alone(cluster: Guarded) -> None:
    words = [f"w{number}" for number in range(1000)]
    cluster.bind([{"apiGroups": words, "resources": words, "verbs": words}], "shop")
    report = await look(cluster)
    assert {one.namespace for one in report.findings} == {"shop"}
    assert report.keeps_from_starting == []


# -- policies ------------------------------------------------------------------------------------------------------------


def _delete(kind: str) -> Callable[[Guarded], object]:
    return lambda cluster: cluster.remove(kind, everything.NAME)


@pytest.mark.claim("C-012")
@pytest.mark.parametrize(
    ("weaken", "kind"),
    [
        (_delete("ValidatingAdmissionPolicy"), Kind.POLICY_ABSENT),
        (_delete("ValidatingAdmissionPolicyBinding"), Kind.UNBOUND),
        (
            lambda one: one.edit("ValidatingAdmissionPolicyBinding", pods.DELETE).update(validationActions=["Audit"]),
            Kind.UNBOUND,
        ),
        (
            lambda one: one.edit("ValidatingAdmissionPolicy", pods.DELETE).update(failurePolicy="Ignore"),
            Kind.POLICY_CHANGED,
        ),
        (
            lambda one: one.edit("ValidatingAdmissionPolicy", pods.DELETE)["matchConditions"][0].update(
                expression="false"
            ),
            Kind.POLICY_CHANGED,
        ),
    ],
)
async def test_a_policy_that_is_gone_or_weakened_refuses_everywhere(
    cluster: Guarded, weaken: Callable[[Guarded], object], kind: Kind
) -> None:
    weaken(cluster)
    report = await look(cluster)
    assert [one.kind for one in report.findings] == [kind]
    assert all(report.refuses_auto(name) for name in ("shop", "till", ""))
    assert report.keeps_from_starting == []


async def test_a_policy_that_may_not_be_read_is_a_missing_right_and_no_missing_policy(cluster: Guarded) -> None:
    held = cluster.objects["ClusterRole", "", CLUSTER_ROLE]
    held["rules"] = [one for one in held["rules"] if everything.NAME not in one.get("resourceNames", [])]
    what = {one.what for one in (await look(cluster)).findings}
    assert f"get validatingadmissionpolicies.{ADMISSION}/{everything.NAME}" in what
    assert {one.kind for one in (await look(cluster)).findings} == {Kind.MISSING}


async def test_a_namespace_that_settings_protect_and_the_policies_do_not_is_found(cluster: Guarded) -> None:
    report = await look(cluster, PolicyConfig(protected_namespaces=frozenset({"temporal"})))
    assert {one.kind for one in report.findings} == {Kind.POLICY_CHANGED}


# -- who we are, the switch, ceilings ------------------------------------------------------------------------------------


@pytest.mark.claim("C-012")
async def test_an_account_that_no_policy_binds_is_found(cluster: Guarded) -> None:
    cluster.groups = ["system:serviceaccounts:elsewhere", "system:masters"]
    report = await look(cluster)
    assert [one.kind for one in report.findings] == [Kind.UNKNOWN_ACCOUNT]
    assert report.refuses_auto("shop")


async def test_the_switch_that_is_off_is_a_halt_and_no_finding(cluster: Guarded) -> None:
    cluster.remove("ClusterRoleBinding", MAY_ACT)
    report = await look(cluster)
    assert report.halted
    assert report.findings == ()


@pytest.mark.parametrize("text", ["", "{", '{"mode": "full"}', '{"mode": "auto", "exec": ["*"]}', "null"])
async def test_a_ceiling_that_nobody_can_read_is_one_of_observe_and_said(cluster: Guarded, text: str) -> None:
    cluster.write_down("shop", text)
    report = await look(cluster)
    assert report.given["shop"] is None
    assert (Kind.UNREADABLE, "shop") in [(one.kind, one.namespace) for one in report.findings]
    assert (Kind.EXCESS, "delete pods", "shop") in [(one.kind, one.what, one.namespace) for one in report.findings]
    assert report.refuses_auto("shop")
    assert not report.refuses_auto("till")


# -- an authoriser that cannot list ----------------------------------------------------------------------------------------


@pytest.mark.claim("C-013")
async def test_critique_b5_where_not_everything_is_listed_absence_cannot_be_proved_and_nothing_is_refused(
    cluster: Guarded,
) -> None:
    cluster.incomplete = True
    report = await look(cluster)
    assert [one.kind for one in report.findings] == [Kind.CANNOT_PROVE]
    assert not report.refuses_auto("shop")


@pytest.mark.claim("C-013")
@pytest.mark.parametrize("dangerous", DANGEROUS)
async def test_critique_b5_a_dangerous_right_is_asked_for_by_itself(
    cluster: Guarded, dangerous: tuple[str, str, str]
) -> None:
    cluster.incomplete = True
    cluster.elsewhere.add(("", (*dangerous, "")))
    report = await look(cluster)
    assert Kind.EXCESS in [one.kind for one in report.findings if one.namespace == ""]
    assert report.refuses_auto("till")


@pytest.mark.claim("C-013")
async def test_critique_b5_secrets_of_one_namespace_are_asked_for_there(cluster: Guarded) -> None:
    cluster.incomplete = True
    cluster.elsewhere.add(("shop", ("", "secrets", "get", "")))
    report = await look(cluster)
    assert (Kind.EXCESS, "shop") in [(one.kind, one.namespace) for one in report.findings]
    assert not report.refuses_auto("till")


async def test_what_another_authoriser_grants_is_not_missed(cluster: Guarded) -> None:
    cluster.incomplete = True
    cluster.remove("RoleBinding", ACT_ROLE, "shop")
    cluster.elsewhere |= {("shop", ("", "pods", "delete", "")), ("shop", ("", "pods/eviction", "create", ""))}
    cluster.remove("ClusterRoleBinding", CLUSTER_ROLE)
    assert "delete pods" not in [one.what for one in (await look(cluster)).findings]
    assert "list nodes" in [one.what for one in (await look(cluster)).findings]


# -- its cost ------------------------------------------------------------------------------------------------------------


async def test_a_look_asks_once_a_namespace_and_never_for_more_than_a_dozen_things_at_a_time() -> None:
    few, many = Guarded(), Guarded(given={f"team-{number}": AUTO for number in range(60)})
    await look(few)
    await look(many)
    assert sum(many.asked.values()) - sum(few.asked.values()) == 60 + 1, "and whether the policies are enforced"
    assert sum(few.asked.values()) <= 30
    assert many.most_at_once <= AT_ONCE


async def test_where_not_everything_is_listed_a_namespace_costs_three() -> None:
    few, many = Guarded(), Guarded(given={f"team-{number}": AUTO for number in range(20)})
    few.incomplete = many.incomplete = True
    await look(few)
    await look(many)
    assert sum(many.asked.values()) - sum(few.asked.values()) == 60 + 1
    assert many.most_at_once <= AT_ONCE


async def test_an_answer_that_does_not_come_is_no_report(cluster: Guarded) -> None:
    cluster.broken = True
    with pytest.raises(Unavailable):
        await look(cluster)
