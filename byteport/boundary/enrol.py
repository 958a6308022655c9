"""What `byteport enable` changes: what stands in one namespace against what its administrator wants, as an ordered plan.

Pure. The order is that of safety: what is taken away goes first, roles come before their bindings, the agent is told
(the key) when it may, and the label that lets the policies pass anything at all comes last. A floor that the agent raised
where it has no right any more goes back when the right has gone. Whatever stopped half-way is found as it is by the next run,
which plans the rest.
"""

from __future__ import annotations

from collections.abc import Mapping

from byteport.boundary.cautions import may_patch, notes_of, of_a_release
from byteport.boundary.changes import AnyChange, Create, Label, Plan, Replace, meanings
from byteport.boundary.choices import Choices
from byteport.boundary.floors import put_back
from byteport.boundary.installed import Installed, Obstacle, Problem, rights_in
from byteport.boundary.names import (
    ACT_ROLE,
    CEILINGS,
    ENABLED_LABEL,
    NAMED_ROLE,
    NAMESPACE,
    PART_OF,
    ROLLBACK_ALLOWED,
    ROLLBACK_LABEL,
    SIGHT_ROLE,
)
from byteport.boundary.obstacles import in_the_way, left_behind
from byteport.boundary.roles import of_namespace
from byteport.boundary.standing import (
    BOUND,
    Standing,
    deletion,
    entry,
    is_ours,
    label,
    labelled_by_us,
    rules_of,
    told_ceiling,
)
from byteport.boundary.standing import going as is_going
from byteport.domain.ceilings import ALL, Ceiling
from byteport.domain.policy import Mode
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON


def plan_enable(name: str, ceiling: Ceiling, choices: Choices, installed: Installed, standing: Standing) -> Plan:
    """Everything that makes the namespace what its administrator wants; nothing when it is so already."""
    if standing.namespace is None:
        return Plan(problems=(Problem(kind=Obstacle.NO_SUCH, text=f"there is no namespace {name}"),))
    wanted = {(item["kind"], item["metadata"]["name"]): item for item in of_namespace(name, ceiling, choices)}
    going: list[AnyChange] = []
    coming: list[AnyChange] = []
    for key in BOUND:
        have, want = standing.of_ours(*key), wanted.get(key)
        if have is None and want is not None:
            coming.append(_create(want, wanted, installed))
        elif have is None or not is_ours(have) or is_going(have):
            continue  # told beside the changes, where it matters
        elif want is None:
            going.insert(
                0, deletion(have, "its ceiling does not have these rights", _bound_rules(have, standing, installed))
            )
        else:
            leaving, changed = _changed(have, want, wanted, installed)
            going[:0] = leaving
            coming += changed
    off, on = _deployment_labels(name, ceiling, choices, standing)
    told = _told(name, ceiling, standing.ceilings)
    given = label(
        standing.namespace, ENABLED_LABEL, "true", "gives the namespace to the agent; the policies ask for it"
    )
    back, stay = put_back(name, _left_out(ceiling, choices, standing))
    changes = (*off, *going, *coming, *told, *back, *on, *given)
    notes = [*notes_of(name, ceiling, choices, standing), *of_a_release(standing, changes)]
    problems = in_the_way(name, ceiling, choices, wanted, standing)
    left = (*left_behind(wanted, standing), *stay)
    return Plan(changes=changes, problems=tuple(problems), left=left, notes=tuple(notes))


def _left_out(ceiling: Ceiling, choices: Choices, standing: Standing) -> list[JSON]:
    """Autoscalers that the agent may not write to: a floor that it raised there, its time box cannot put back any more."""
    may = may_patch(choices, "horizontalpodautoscalers") and ceiling.mode is not Mode.OBSERVE
    named = set(ceiling.hpa) if may else set()
    return [one for one in standing.autoscalers if ALL not in named and fields.metadata(one).get("name") not in named]


def _create(want: JSON, wanted: Mapping[tuple[str, str], JSON], installed: Installed) -> Create:
    its_rules = _granted_by(want, wanted, installed)
    # Said once: a Role's rights count when it is bound.
    lines = meanings(its_rules) if want["kind"] == "RoleBinding" else ()
    return Create(
        kind=want["kind"],
        name=want["metadata"]["name"],
        namespace=want["metadata"]["namespace"],
        why=_why(want),
        lines=tuple(f"+ {line}" for line in lines),
        body=want,
        gives=tuple(its_rules),
    )


def _changed(
    have: JSON, want: JSON, wanted: Mapping[tuple[str, str], JSON], installed: Installed
) -> tuple[list[AnyChange], list[AnyChange]]:
    """What goes and what comes where an object of ours is not as it must be; nothing and nothing when it is."""
    its_rules = _granted_by(want, wanted, installed)
    if want["kind"] == "RoleBinding":
        if have.get("roleRef") != want["roleRef"]:
            again = _create(want, wanted, installed)
            return [deletion(have, "it is bound to another role, which cannot be changed in place", ())], [again]
        if have.get("subjects") == want["subjects"]:
            return [], []
        lines: tuple[str, ...] = ("~ subjects: the agent's account, and nobody else",)
    else:
        if rights_in(have) == rights_in(want):
            return [], []
        before, after = meanings(rules_of(have)), meanings(want["rules"])
        lines = (
            *(f"+ {line}" for line in after if line not in before),
            *(f"- {line}" for line in before if line not in after),
        )
    metadata = fields.metadata(have)
    seen = {"uid": metadata.get("uid"), "resourceVersion": metadata.get("resourceVersion")}
    changed = Replace(
        kind=want["kind"],
        name=want["metadata"]["name"],
        namespace=want["metadata"]["namespace"],
        why="it is not what this ceiling gives",
        lines=lines,
        body={**want, "metadata": {**want["metadata"], **{key: value for key, value in seen.items() if value}}},
        gives=tuple(its_rules),
    )
    return [], [changed]


def _granted_by(want: JSON, wanted: Mapping[tuple[str, str], JSON], installed: Installed) -> list[JSON]:
    """The rules that an object gives: a role its own, a binding those of its role."""
    if want["kind"] == "Role":
        return rules_of(want)
    ref = want["roleRef"]
    role = installed.objects.get((ref["kind"], ref["name"])) if ref["kind"] == "ClusterRole" else None
    return rules_of(role or wanted.get((ref["kind"], ref["name"])) or {})


def _bound_rules(have: JSON, standing: Standing, installed: Installed) -> list[JSON]:
    """The rules that a binding gives as it stands."""
    ref = fields.mapping(have.get("roleRef"))
    if ref.get("kind") == "ClusterRole":
        return rules_of(installed.objects.get(("ClusterRole", str(ref.get("name")))) or {})
    return rules_of(standing.role or {}) if ref.get("name") == NAMED_ROLE else []


_WHY = {
    SIGHT_ROLE: "it may read in this namespace",
    ACT_ROLE: "it may repair crash loops in this namespace",
    NAMED_ROLE: "it may change what you named, and nothing else by that kind",
}


def _why(item: JSON) -> str:
    if item["kind"] == "Role":
        return "the rights by name, which its binding gives"
    return _WHY[item["metadata"]["name"]]


def _told(name: str, ceiling: Ceiling, ceilings: JSON | None) -> list[AnyChange]:
    """The key by which the agent hears of the namespace and of its ceiling."""
    text = ceiling.model_dump_json()
    before = told_ceiling(name, ceilings)
    if before == ceiling:
        return []
    why = f"the agent is told of {name}, and how far it may go there"
    lines = _difference(before, ceiling)
    if ceilings is None:
        metadata = {"name": CEILINGS, "namespace": NAMESPACE, "labels": dict(PART_OF)}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {name: text}}
        return [Create(kind="ConfigMap", name=CEILINGS, namespace=NAMESPACE, why=why, lines=lines, body=body)]
    return [entry(ceilings, name, text, why, lines)]


def _difference(before: Ceiling | None, after: Ceiling) -> tuple[str, ...]:
    old = before or Ceiling(mode=after.mode)
    moved = f"mode: {before.mode.value} -> {after.mode.value}" if before else f"+ mode: {after.mode.value}"
    lines = [] if before and before.mode is after.mode else [moved if not before else f"~ {moved}"]
    for word, had, has in (("rollback", old.rollback, after.rollback), ("hpa", old.hpa, after.hpa)):
        lines += [f"+ {word}: {one}" for one in has if one not in had]
        lines += [f"- {word}: {one}" for one in had if one not in has]
    return tuple(lines)


def _deployment_labels(
    name: str, ceiling: Ceiling, choices: Choices, standing: Standing
) -> tuple[list[Label], list[Label]]:
    """Labels to be taken off and to be put on. With `*` none is touched: whoever owns a Deployment labels it."""
    if ALL in ceiling.rollback:
        return [], []
    may = may_patch(choices, "deployments") and ceiling.mode is not Mode.OBSERVE
    named = set(ceiling.rollback) if may else set()
    before = told_ceiling(name, standing.ceilings)
    earlier = set(before.rollback) if before else set()
    off: list[Label] = []
    on: list[Label] = []
    for one in standing.deployments:
        its_name, word = fields.metadata(one).get("name"), fields.labels(one).get(ROLLBACK_LABEL)
        if its_name in named and word is None:
            on += label(one, ROLLBACK_LABEL, ROLLBACK_ALLOWED, "it may be rolled back; the policies ask for it")
        elif its_name not in named and word == ROLLBACK_ALLOWED and (its_name in earlier or labelled_by_us(one)):
            off += label(one, ROLLBACK_LABEL, None, "it may not be rolled back any more")
    return off, on
