"""What `byteport enable` plans: every widening and narrowing, in a safe order, from whatever an earlier run left."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from byteport.boundary.changes import Create, Delete, Plan, asks, gift
from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.expected import Expected
from byteport.boundary.installed import Obstacle
from byteport.boundary.names import (
    ACT_ROLE,
    CEILINGS,
    ENABLED_LABEL,
    NAMED_ROLE,
    NAMESPACE,
    PART_OF,
    ROLLBACK_LABEL,
    SIGHT_ROLE,
)
from byteport.boundary.roles import of_namespace
from byteport.boundary.whole import excess, granted, missing
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import Mode
from tests.builders.administered import (
    Administered,
    a_deployment,
    a_namespace,
    an_autoscaler,
    installed_cluster,
    keys,
    the_installation,
)
from workers.administration import carry_out, plan_enabling

JSON = dict[str, Any]

CEILINGS_OF_ALL_KINDS = [
    Ceiling(mode=Mode.OBSERVE),
    Ceiling(mode=Mode.DRY_RUN),
    Ceiling(mode=Mode.DRY_RUN, rollback=("api",)),
    Ceiling(mode=Mode.AUTO, rollback=("api", "web"), hpa=("web",)),
    Ceiling(mode=Mode.AUTO, rollback=("web",)),
    Ceiling(mode=Mode.AUTO, rollback=("*",), hpa=("*",)),
]
BY_NAME = ("--rollback", "--hpa")
MAY_ROLL_BACK = "may roll Deployment {} back to a revision of its own that serves"
PAIRS = list(itertools.product(CEILINGS_OF_ALL_KINDS, repeat=2))


def _name(ceiling: object) -> str:
    assert isinstance(ceiling, Ceiling)
    return f"{ceiling.mode.value}:{'+'.join(ceiling.rollback)}:{'+'.join(ceiling.hpa)}"


async def enabled(cluster: Administered, ceiling: Ceiling) -> Plan:
    """Enabled, with the plan that did it."""
    planned = await plan_enabling(cluster, "shop", ceiling)
    assert planned.problems == ()
    for change in planned.changes:
        await carry_out(cluster, change)
    return planned


def rights(cluster: Administered) -> frozenset[tuple[str, str, str, str]]:
    """What the bindings in the namespace give the agent."""
    found: frozenset[tuple[str, str, str, str]] = frozenset()
    for (plural, namespace, _), item in cluster.objects.items():
        if plural == "rolebindings" and namespace == "shop":
            ref = item["roleRef"]
            role = cluster.have(ref["kind"], ref["name"], "shop" if ref["kind"] == "Role" else "")
            found |= granted({"resourceRules": role["rules"] if role else []})[0]
    return found


@pytest.mark.claim("C-015")
@pytest.mark.parametrize(("before", "after"), PAIRS, ids=_name)
async def test_whatever_was_given_before_what_stands_is_what_was_asked_for_last(
    before: Ceiling, after: Ceiling
) -> None:
    moved, fresh = installed_cluster(), installed_cluster()
    await enabled(moved, before)
    await enabled(moved, after)
    await enabled(fresh, after)
    # With `*` labels are whoever's who owns a Deployment; those that an earlier run put on stay.
    if "*" not in after.rollback:
        assert moved.plain() == fresh.plain()
    assert rights(moved) == rights(fresh)
    assert (await plan_enabling(moved, "shop", after)).changes == ()


@pytest.mark.claim("C-015")
@pytest.mark.parametrize(("before", "after"), PAIRS, ids=_name)
async def test_on_no_step_of_the_way_are_there_rights_that_neither_ceiling_gives(
    before: Ceiling, after: Ceiling
) -> None:
    cluster = installed_cluster()
    await enabled(cluster, before)
    given, wanted = rights(cluster), installed_cluster()
    await enabled(wanted, after)
    allowed = given | rights(wanted)
    for change in (await plan_enabling(cluster, "shop", after)).changes:
        await carry_out(cluster, change)
        assert rights(cluster) <= allowed


@pytest.mark.claim("C-015")
@pytest.mark.parametrize("ceiling", CEILINGS_OF_ALL_KINDS, ids=_name)
async def test_a_run_that_stopped_anywhere_is_finished_by_the_next(ceiling: Ceiling) -> None:
    fresh = installed_cluster()
    changes = (await enabled(fresh, ceiling)).changes
    for done in range(len(changes)):
        cluster = installed_cluster()
        for change in (await plan_enabling(cluster, "shop", ceiling)).changes[:done]:
            await carry_out(cluster, change)
        rest = await enabled(cluster, ceiling)
        assert [one.ref for one in rest.changes] == [one.ref for one in changes[done:]]
        assert cluster.plain() == fresh.plain()


async def test_a_widening_gives_roles_before_bindings_then_tells_the_agent_and_labels_the_namespace_last() -> None:
    planned = await enabled(installed_cluster(), Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",)))
    assert [f"{one.verb} {one.ref}" for one in planned.changes] == [
        f"create RoleBinding shop/{SIGHT_ROLE}",
        f"create RoleBinding shop/{ACT_ROLE}",
        f"create Role shop/{NAMED_ROLE}",
        f"create RoleBinding shop/{NAMED_ROLE}",
        f"create ConfigMap {NAMESPACE}/{CEILINGS}",
        "label Deployment shop/api",
        "label Namespace shop",
    ]


async def test_a_narrowing_takes_labels_and_bindings_first_and_their_role_after_them() -> None:
    cluster = installed_cluster()
    await enabled(cluster, Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",)))
    planned = await enabled(cluster, Ceiling(mode=Mode.OBSERVE))
    assert [f"{one.verb} {one.ref}" for one in planned.changes] == [
        "label Deployment shop/api",
        f"delete RoleBinding shop/{NAMED_ROLE}",
        f"delete Role shop/{NAMED_ROLE}",
        f"delete RoleBinding shop/{ACT_ROLE}",
        f"entry ConfigMap {NAMESPACE}/{CEILINGS}",
    ]
    assert [line for one in planned.changes for line in one.lines if "pod" in line or "evict" in line] == [
        "- may delete pods that are not Ready and that a ReplicaSet makes again",
        "- may ask the disruption budgets by a dry run of an eviction; nothing is evicted",
    ]


async def test_every_right_that_comes_is_a_line_of_its_own_in_a_persons_words() -> None:
    planned = await enabled(installed_cluster(), Ceiling(mode=Mode.AUTO, rollback=("api", "web"), hpa=("web",)))
    lines = [line for one in planned.changes for line in one.lines]
    for told in (
        "+ may delete pods that are not Ready and that a ReplicaSet makes again",
        f"+ {MAY_ROLL_BACK.format('api')}",
        f"+ {MAY_ROLL_BACK.format('web')}",
        "+ may raise the floor of HorizontalPodAutoscaler web for a while, within its bounds, and put it back",
        "+ may read what containers print",
        "+ may read pods: get, list, watch",
        "+ mode: auto",
        f"+ label {ENABLED_LABEL}=true",
    ):
        assert lines.count(told) == 1, told


async def test_one_name_for_another_changes_the_role_in_place_and_says_both() -> None:
    cluster = installed_cluster()
    await enabled(cluster, Ceiling(mode=Mode.AUTO, rollback=("api",)))
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO, rollback=("web",)))
    assert [f"{one.verb} {one.ref}: {'; '.join(one.lines)}" for one in planned.changes] == [
        f"label Deployment shop/api: - label {ROLLBACK_LABEL}",
        f"replace Role shop/{NAMED_ROLE}: + {MAY_ROLL_BACK.format('web')}; - {MAY_ROLL_BACK.format('api')}",
        f"entry ConfigMap {NAMESPACE}/{CEILINGS}: + rollback: web; - rollback: api",
        f"label Deployment shop/web: + label {ROLLBACK_LABEL}=allowed",
    ]


async def test_the_keys_of_other_namespaces_stay() -> None:
    cluster = installed_cluster(a_namespace("till"))
    await enabled(cluster, Ceiling(mode=Mode.AUTO))
    for change in (await plan_enabling(cluster, "till", Ceiling(mode=Mode.OBSERVE))).changes:
        await carry_out(cluster, change)
    assert {name: Ceiling.model_validate_json(text).mode for name, text in keys(cluster).items()} == {
        "shop": Mode.AUTO,
        "till": Mode.OBSERVE,
    }


async def test_a_key_that_nobody_can_read_is_written_again() -> None:
    broken = {
        "kind": "ConfigMap",
        "metadata": {"name": CEILINGS, "namespace": NAMESPACE, "labels": PART_OF},
        "data": {"shop": "mode: yolo"},
    }
    cluster = installed_cluster(broken)
    await enabled(cluster, Ceiling())
    assert Ceiling.model_validate_json(keys(cluster)["shop"]) == Ceiling()


async def test_when_the_installation_changes_its_sight_the_namespaces_own_binding_goes_and_comes() -> None:
    cluster = installed_cluster()
    await enabled(cluster, Ceiling())
    for item in the_installation(Choices(sight=Sight.CLUSTER)):
        cluster.put(item)
    planned = await enabled(cluster, Ceiling())
    assert [f"{one.verb} {one.ref}" for one in planned.changes] == [f"delete RoleBinding shop/{SIGHT_ROLE}"]
    cluster.drop("ClusterRoleBinding", SIGHT_ROLE)
    for item in the_installation(Choices()):
        cluster.put(item)
    planned = await enabled(cluster, Ceiling())
    assert [f"{one.verb} {one.ref}" for one in planned.changes] == [f"create RoleBinding shop/{SIGHT_ROLE}"]


async def test_a_runbook_that_is_off_gets_no_right_by_name_and_it_is_said() -> None:
    choices = Choices(runbooks=EVERY_RUNBOOK - {"MemoryPressureRunbook", "CpuSpikeRunbook"})
    planned = await enabled(installed_cluster(choices=choices), Ceiling(mode=Mode.AUTO, hpa=("web",)))
    assert NAMED_ROLE not in [one.name for one in planned.changes]
    assert [note for note in planned.notes if "--hpa" in note] != []


async def test_a_binding_to_another_role_is_deleted_and_made_again_since_it_cannot_be_changed() -> None:
    cluster = installed_cluster()
    await enabled(cluster, Ceiling(mode=Mode.AUTO))
    bound = cluster.have("RoleBinding", ACT_ROLE, "shop")
    assert bound is not None
    bound["roleRef"] = {**bound["roleRef"], "name": "cluster-admin"}
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO))
    assert [type(one) for one in planned.changes] == [Delete, Create]
    again = cluster.have("RoleBinding", ACT_ROLE, "shop")
    assert again is not None
    assert again["roleRef"]["name"] == ACT_ROLE


async def test_a_binding_with_other_subjects_is_ours_alone_again() -> None:
    cluster = installed_cluster()
    await enabled(cluster, Ceiling(mode=Mode.AUTO))
    bound = cluster.have("RoleBinding", ACT_ROLE, "shop")
    assert bound is not None
    bound["subjects"] = [*bound["subjects"], {"kind": "User", "name": "mallory"}]
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO))
    assert [one.lines for one in planned.changes] == [("~ subjects: the agent's account, and nobody else",)]


@pytest.mark.claim("C-016")
@pytest.mark.parametrize(("kind", "name"), [("RoleBinding", SIGHT_ROLE), ("Role", NAMED_ROLE)])
async def test_an_object_of_our_name_that_is_not_ours_stops_everything(kind: str, name: str) -> None:
    theirs: JSON = {"kind": kind, "metadata": {"name": name, "namespace": "shop"}, "rules": [], "roleRef": {}}
    planned = await plan_enabling(installed_cluster(theirs), "shop", Ceiling(mode=Mode.AUTO, rollback=("api",)))
    assert [(one.kind, name in one.text) for one in planned.problems] == [(Obstacle.FOREIGN, True)]


@pytest.mark.claim("C-016")
async def test_a_config_map_of_our_name_that_is_not_ours_stops_everything() -> None:
    theirs: JSON = {"kind": "ConfigMap", "metadata": {"name": CEILINGS, "namespace": NAMESPACE}, "data": {}}
    planned = await plan_enabling(installed_cluster(theirs), "shop", Ceiling())
    assert [one.kind for one in planned.problems] == [Obstacle.FOREIGN]


async def test_rights_that_somebody_else_bound_to_our_account_are_told() -> None:
    subject = {"kind": "ServiceAccount", "name": "byteport-agent", "namespace": NAMESPACE}
    theirs = {"kind": "RoleBinding", "metadata": {"name": "edit", "namespace": "shop"}, "subjects": [subject]}
    planned = await enabled(installed_cluster(theirs), Ceiling())
    assert planned.notes == ("RoleBinding shop/edit gives the agent's account rights besides: take it away",)


async def test_with_a_star_no_deployment_is_labelled_and_it_is_said() -> None:
    planned = await enabled(installed_cluster(), Ceiling(mode=Mode.AUTO, rollback=("*",)))
    assert "Deployment" not in [one.kind for one in planned.changes]
    assert [note for note in planned.notes if "no Deployment is labelled" in note] != []


async def test_the_word_of_a_deployments_owner_is_never_written_over() -> None:
    cluster = installed_cluster()
    cluster.put(a_deployment("api", labels={ROLLBACK_LABEL: "approval"}))
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO, rollback=("api",)))
    assert "Deployment" not in [one.kind for one in planned.changes]
    assert [note for note in planned.notes if "refuses rollbacks" in note] != []


async def test_a_label_that_its_owner_put_on_a_deployment_that_was_never_named_stays() -> None:
    cluster = installed_cluster()
    cluster.put(a_deployment("web", labels={ROLLBACK_LABEL: "allowed"}))
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO, rollback=("api",)))
    assert [one.ref for one in planned.changes if one.kind == "Deployment"] == ["Deployment shop/api"]


async def test_a_label_of_ours_goes_even_if_the_key_was_never_written() -> None:
    cluster = installed_cluster()
    wide = Ceiling(mode=Mode.AUTO, rollback=("api",))
    labelled = next(one for one in (await plan_enabling(cluster, "shop", wide)).changes if one.kind == "Deployment")
    await carry_out(cluster, labelled)
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO))
    assert (planned.changes[0].verb, planned.changes[0].ref) == ("label", "Deployment shop/api")


SUBSETS = [frozenset(names) for count in range(6) for names in itertools.combinations(sorted(EVERY_RUNBOOK), count)]
ROLLS_BACK = "FailedDeployAutoRollbackRunbook"


@pytest.mark.claim("C-004")
@pytest.mark.parametrize("sight", Sight)
@pytest.mark.parametrize("runbooks", SUBSETS, ids=lambda names: "+".join(name[:4] for name in sorted(names)) or "none")
async def test_what_is_given_is_what_the_agents_own_check_asks_for_whichever_runbooks_are_on(
    runbooks: frozenset[str], sight: Sight
) -> None:
    """The command reads the choices off the cluster, the agent has them from its settings: they must not disagree."""
    choices = Choices(runbooks=runbooks, sight=sight)
    cluster = installed_cluster(choices=choices)
    for ceiling in CEILINGS_OF_ALL_KINDS:
        await enabled(cluster, ceiling)
        expected = Expected(choices, {"shop": Ceiling.model_validate_json(keys(cluster)["shop"])})
        given = rights(cluster)
        assert excess(given, expected.allowed("shop"), "shop") == []
        assert missing(expected.needed("shop"), given, "shop") == []


async def test_a_name_for_a_runbook_that_is_off_gives_no_right_and_no_label_and_that_is_said() -> None:
    cluster = installed_cluster(choices=Choices(runbooks=frozenset({"PodCrashloopRunbook"})))
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",)))
    assert [
        f"no runbook that is switched on wants {word}: it is written down and gives no right" for word in BY_NAME
    ] == [*planned.notes]
    assert not [one for one in rights(cluster) if one[2] == "patch"]
    deployment = cluster.have("Deployment", "api", "shop")
    assert deployment is not None
    assert ROLLBACK_LABEL not in deployment["metadata"].get("labels", {})


async def test_a_right_of_a_runbook_that_was_switched_off_since_is_taken_away() -> None:
    cluster = installed_cluster()
    ceiling = Ceiling(mode=Mode.AUTO, rollback=("api",))
    await enabled(cluster, ceiling)
    for item in the_installation(Choices(runbooks=EVERY_RUNBOOK - {ROLLS_BACK})):
        cluster.put(item)
    await enabled(cluster, ceiling)
    assert ("apps", "deployments", "patch", "api") not in rights(cluster)


async def test_who_else_has_an_object_in_hand_is_told() -> None:
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "api", "uid": "u", "controller": True}
    cluster = installed_cluster()
    cluster.put(a_deployment("api", ownerReferences=[owner]))
    cluster.put(an_autoscaler("web", annotations={"argocd.argoproj.io/tracking-id": "shop"}))
    planned = await enabled(cluster, Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",)))
    assert "Deployment api is owned by another object (Rollout/api): it is never changed" in planned.notes
    assert "HorizontalPodAutoscaler web is kept by argocd, which may put back what the agent changes" in planned.notes


@pytest.mark.claim("C-016")
@pytest.mark.parametrize(
    "name", ["kube-system", "kube-flannel", "kube-", "byteport-agent", "default", "temporal", "byteport-node"]
)
async def test_a_protected_namespace_is_refused_those_of_the_installations_own_policies_too(name: str) -> None:
    cluster = installed_cluster(a_namespace(name), choices=Choices(protected=("temporal",)))
    planned = await plan_enabling(cluster, name, Ceiling())
    assert [one.kind for one in planned.problems] == [Obstacle.PROTECTED]


@pytest.mark.claim("C-016")
async def test_a_namespace_that_is_not_there_or_is_on_its_way_out_is_refused() -> None:
    cluster = installed_cluster()
    assert [one.kind for one in (await plan_enabling(cluster, "till", Ceiling())).problems] == [Obstacle.NO_SUCH]
    cluster.put({**a_namespace("shop"), "status": {"phase": "Terminating"}})
    assert [one.kind for one in (await plan_enabling(cluster, "shop", Ceiling())).problems] == [Obstacle.BEING_DELETED]


@pytest.mark.claim("C-016")
async def test_each_name_that_is_not_there_is_a_problem_of_its_own() -> None:
    planned = await plan_enabling(
        installed_cluster(), "shop", Ceiling(mode=Mode.AUTO, rollback=("api", "pai"), hpa=("bew",))
    )
    assert [one.text for one in planned.problems] == [
        "there is no Deployment pai in the namespace shop",
        "there is no HorizontalPodAutoscaler bew in the namespace shop",
    ]


@pytest.mark.parametrize("ceiling", CEILINGS_OF_ALL_KINDS, ids=_name)
async def test_whoever_gives_rights_away_is_asked_for_the_leave_or_for_each_of_them(ceiling: Ceiling) -> None:
    planned = await plan_enabling(installed_cluster(), "shop", ceiling)
    given = {
        (one.resource.group, one.resource.plural, one.verb)
        for change in planned.changes
        if (found := gift(change))
        for one in found.rights
        if not one.subresource
    }
    roles = {item["metadata"]["name"]: item for item in the_installation() if item["kind"] == "ClusterRole"}
    rules = [
        rule
        for item in of_namespace("shop", ceiling, Choices())
        for rule in (
            item["rules"] if item["kind"] == "Role" else roles.get(item["roleRef"]["name"], {}).get("rules", [])
        )
    ]
    held = {right[:3] for right in granted({"resourceRules": rules})[0] if "/" not in right[1]}
    assert given == held
    assert {asks(change).verb for change in planned.changes} <= {"create", "patch", "delete"}
