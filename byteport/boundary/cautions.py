"""What an administrator must know before the yes to `byteport enable`, and what stands in nobody's way.

Comes beside the plan of `enrol.py`, and is printed under it.
"""

from __future__ import annotations

from collections.abc import Sequence

from byteport.boundary.changes import AnyChange
from byteport.boundary.choices import Choices
from byteport.boundary.names import ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.boundary.needs import Place, in_place, placed_rights
from byteport.boundary.standing import BOUND, Standing, binds_us, is_ours
from byteport.domain.ceilings import ALL, Ceiling
from byteport.kubernetes import fields
from byteport.kubernetes.ownership import keeper_of
from byteport.kubernetes.port import JSON


def notes_of(name: str, ceiling: Ceiling, choices: Choices, standing: Standing) -> list[str]:
    """What a person must know before the yes."""
    notes = [*bound_besides(name, standing)]
    for word, named, plural in (
        ("--rollback", ceiling.rollback, "deployments"),
        ("--hpa", ceiling.hpa, "horizontalpodautoscalers"),
    ):
        if named and not may_patch(choices, plural):
            notes.append(f"no runbook that is switched on wants {word}: it is written down and gives no right")
    if ceiling.rollback and not choices.proves_rollbacks:
        notes.append("this API server does not prove that a rollback restores a template of the Deployment's own")
    if ALL in ceiling.rollback:
        notes.append(
            f"no Deployment is labelled: with * each is rolled back only if somebody labels it, "
            f"as in: kubectl label deployment NAME -n {name} {ROLLBACK_LABEL}={ROLLBACK_ALLOWED}"
        )
    for one in standing.deployments:
        if fields.metadata(one).get("name") in ceiling.rollback:
            notes += [*_kept(one, "Deployment"), *_worded(one)]
    for one in standing.autoscalers:
        if fields.metadata(one).get("name") in ceiling.hpa:
            notes += _kept(one, "HorizontalPodAutoscaler")
    return notes


def bound_besides(name: str, standing: Standing) -> list[str]:
    """Bindings that give our account rights in the namespace and that are none of ours."""
    ours = {binding for kind, binding in BOUND if kind == "RoleBinding"}
    found = []
    for one in standing.bindings:
        its_name = fields.metadata(one).get("name")
        if binds_us(one) and (its_name not in ours or not is_ours(one)):
            found.append(f"RoleBinding {name}/{its_name} gives the agent's account rights besides: take it away")
    return found


def of_a_release(standing: Standing, changes: Sequence[AnyChange]) -> list[str]:
    """Objects that Helm keeps and that are taken away or changed: its next upgrade makes them as its values say."""
    found = []
    for change in changes:
        have = standing.of_ours(change.kind, change.name) if change.verb in ("delete", "replace") else None
        release = fields.name(fields.annotated(have).get("meta.helm.sh/release-name"))
        if release:
            found.append(
                f"{change.ref} is of the Helm release {release}, whose next upgrade makes it again as its value "
                "`namespaces` says: change it there as well"
            )
    return found


def may_patch(choices: Choices, plural: str) -> bool:
    return any(placed.right.resource == plural for placed in in_place(placed_rights(choices), Place.NAMED))


def _kept(item: JSON, kind: str) -> list[str]:
    """Who else has it in hand: an owner, whom the policies do not touch, or a tool that puts things back."""
    name = fields.metadata(item).get("name")
    owners = fields.entries(fields.metadata(item).get("ownerReferences"))
    if owners:
        return [f"{kind} {name} is owned by another object ({keeper_of(item, ()).controller}): it is never changed"]
    keeper = keeper_of(item, ())
    who = keeper.gitops or keeper.controller
    return [f"{kind} {name} is kept by {who}, which may put back what the agent changes"] if who else []


def _worded(deployment: JSON) -> list[str]:
    word = fields.labels(deployment).get(ROLLBACK_LABEL)
    if word in (None, ROLLBACK_ALLOWED):
        return []
    name = fields.metadata(deployment).get("name")
    return [
        f"Deployment {name} has a label {ROLLBACK_LABEL} of its owner's: it is left as it is, and refuses rollbacks"
    ]
