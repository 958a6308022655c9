"""What many have written, each under their own name, and what a thief might say of who set what: the API server's book-keeping."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from byteport.boundary.names import AGENT_MANAGER
from byteport.boundary.policies.ownership import LONGEST_OWN
from byteport.kubernetes.patches import CHANGE_CAUSE
from tests.cluster.boundary.installed import asked
from tests.cluster.boundary.test_autoscalers import MERGE, STRATEGIC, Scaler
from tests.cluster.boundary.test_deployments import OK, WEB, Release

JSON = dict[str, Any]
Entries = list[JSON]
Place = Release | Scaler

APPLY = "application/apply-patch+yaml"
FLUX, SRE = "flux", "sre"


def path_of(place: Place) -> str:
    return place.path if isinstance(place, Release) else place.path()


def entries_of(place: Place) -> Entries:
    found: Entries = place.now()["metadata"]["managedFields"]
    return found


def entry(entries: Entries, manager: str) -> JSON:
    return next(one for one in entries if one["manager"] == manager)


def by(place: Place, manager: str, body: JSON) -> None:
    """What somebody sets under their own name."""
    path = f"{path_of(place)}?fieldManager={manager}"
    said = asked(place.guarded.plane.api, "PATCH", path, body, content_type=STRATEGIC)
    assert said.status == OK, said


def flux_applies(place: Place) -> None:
    """The manifest that is in its owner's repository, as ever; it says nothing of what others have set beside it."""
    labels, now = {"app": WEB}, place.now()
    if isinstance(place, Release):
        container = {"name": "app", "image": now["spec"]["template"]["spec"]["containers"][0]["image"]}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        body: JSON = {"spec": {"selector": {"matchLabels": labels}, "template": template}}
    else:
        body = {"spec": {key: now["spec"][key] for key in ("maxReplicas", "scaleTargetRef", "minReplicas")}}
    body |= {"apiVersion": now["apiVersion"], "kind": now["kind"], "metadata": {"name": now["metadata"]["name"]}}
    path = f"{path_of(place)}?fieldManager={FLUX}&force=true"
    said = asked(place.guarded.plane.api, "PATCH", path, body, content_type=APPLY)
    assert said.status == OK, said


def written_by_many(place: Place) -> None:
    """By its owner's tool, by a person beside it, and by one who sets a scale or an annotation of ours."""
    flux_applies(place)
    if isinstance(place, Release):
        # Of the pods and not of the template: what is in the template is a revision.
        by(place, SRE, {"spec": {"minReadySeconds": 1}, "metadata": {"annotations": {CHANGE_CAUSE: "by hand"}}})
        path = f"{path_of(place)}/scale?fieldManager=scaler"
        scaled = asked(place.guarded.plane.api, "PATCH", path, {"spec": {"replicas": 3}}, content_type=MERGE)
        assert scaled.status == OK, scaled
    else:
        by(place, SRE, {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 1200}}}})


def rolled_back(release: Release, forge: Callable[[Entries], Entries] | None = None) -> JSON:
    wanted = release.rolled_back()
    wanted["metadata"]["annotations"].pop(CHANGE_CAUSE, None)
    if forge:
        wanted["metadata"]["managedFields"] = forge(copy.deepcopy(entries_of(release)))
    return wanted


def raised(scaler: Scaler, forge: Callable[[Entries], Entries] | None = None) -> JSON:
    patch = scaler.raised()
    if forge:
        patch["metadata"]["managedFields"] = forge(copy.deepcopy(entries_of(scaler)))
    return patch


def reset(entries: Entries) -> Entries:
    return [{}]


def without_a_person(entries: Entries) -> Entries:
    return [one for one in entries if one["manager"] != SRE]


def without_a_status(entries: Entries) -> Entries:
    return [one for one in entries if not one.get("subresource")]


def with_a_field_put_down_to_flux(entries: Entries) -> Entries:
    held = entry(entries, FLUX)["fieldsV1"]["f:spec"]
    held |= {"f:behavior": {"f:scaleDown": {"f:stabilizationWindowSeconds": {}}}, "f:minReadySeconds": {}}
    return entries


def with_a_field_put_down_to_flux_and_taken_from_a_person(entries: Entries) -> Entries:
    return without_a_person(with_a_field_put_down_to_flux(entries))


def with_a_label_put_down_to_flux(entries: Entries) -> Entries:
    entry(entries, FLUX)["fieldsV1"]["f:metadata"] = {"f:labels": {"f:byteport.io/rollback": {}}}
    return entries


def with_a_field_taken_from_flux(entries: Entries) -> Entries:
    held = entry(entries, FLUX)["fieldsV1"]["f:spec"]
    held.pop("f:maxReplicas", None)
    held.pop("f:selector", None)
    return entries


def with_somebody_new(entries: Entries) -> Entries:
    return [*entries, entry(entries, FLUX) | {"manager": "argocd"}]


def with_somebody_else_for_a_person(entries: Entries) -> Entries:
    entry(entries, SRE)["operation"] = "Apply"
    return entries


def at_another_time(entries: Entries) -> Entries:
    entry(entries, FLUX)["time"] = "2020-01-01T00:00:00Z"
    return entries


def of_a_subresource(entries: Entries) -> Entries:
    entry(entries, SRE)["subresource"] = "status"
    return entries


def of_our_own(held: JSON, **more: str) -> Callable[[Entries], Entries]:
    def forge(entries: Entries) -> Entries:
        mine = {"manager": AGENT_MANAGER, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": held}
        return [*entries, mine | {"apiVersion": entries[0]["apiVersion"], "time": "2026-01-01T00:00:00Z"} | more]

    forge.__name__ = f"of our own {str(held)[:60]} {more}"
    return forge


FORGERIES: tuple[Callable[[Entries], Entries], ...] = (
    reset,
    without_a_person,
    with_a_field_put_down_to_flux,
    with_a_field_put_down_to_flux_and_taken_from_a_person,
    with_a_label_put_down_to_flux,
    with_a_field_taken_from_flux,
    with_somebody_new,
    with_somebody_else_for_a_person,
    at_another_time,
    of_a_subresource,
    of_our_own({"f:spec": {"f:maxReplicas": {}, "f:replicas": {}}}),
    of_our_own({"f:metadata": {"f:labels": {"f:app": {}}}}),
    of_our_own({"f:metadata": {"f:annotations": {"f:example.com/mine": {}}}}),
    of_our_own({"f:metadata": {"f:annotations": {"f:" + "x" * 500_000: {}}}}),
    of_our_own({"f:spec": {"f:template": {"f:" + "x" * 2 * LONGEST_OWN: {}}, "f:minReplicas": {"f:x": {}}}}),
    of_our_own({"f:spec": {}}, operation="Apply"),
)
