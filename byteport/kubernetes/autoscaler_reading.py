"""A HorizontalPodAutoscaler as an `AutoscalerReading`: bounds, metrics, what holds it back, and whose it is.

The conditions are the controller's own word and come first; the metrics beside them tell *at its maximum and content*
from *at its maximum and short*. Asked by `scaling_reading.py` for one workload and by `load_symptoms.py` for each
autoscaler. The reasons' texts are looked into for names of objects that are there, and dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from byteport.domain.targets import Target
from byteport.kubernetes import fields
from byteport.kubernetes.autoscaler_faults import aim_of, blindness, misfit
from byteport.kubernetes.autoscaler_metrics import metrics_of
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_UNTIL, floor_of, rest_digest
from byteport.kubernetes.ownership import keeper_of, manager_name
from byteport.kubernetes.patches import ACTION_ID
from byteport.kubernetes.scaling import AutoscalerReading, Brake
from byteport.kubernetes.world import JSON, World

_WORD = re.compile(r"[A-Za-z]{1,64}\Z")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}\Z")
_DIGITS = re.compile(r"[0-9]{1,9}\Z")
_CONDITIONS_V1 = "autoscaling.alpha.kubernetes.io/conditions"
"""Where the API's first version keeps what has no field there."""
_BACKING_OFF = frozenset({"BackoffBoth", "BackoffDownscale", "BackoffUpscale"})


class _Floor(NamedTuple):
    """Who wrote `minReplicas`."""

    manager: str = ""
    applied_by: str = ""


def autoscalers_of(world: World, target: Target) -> list[JSON]:
    """Every autoscaler that names `target`, in the order that they were read."""
    found = world.of("HorizontalPodAutoscaler", target.namespace)
    return [item for item in found if aim_of(item) == (target.kind, target.name)]


def read_autoscaler(world: World, item: JSON) -> AutoscalerReading:
    """One autoscaler. Never raises for what it reads."""
    meta = fields.metadata(item)
    namespace, name = fields.name(meta.get("namespace")), fields.name(meta.get("name"))
    kind, workload_name = aim_of(item)
    workload = world.named(kind, namespace, workload_name)
    conditions = _conditions(item)
    brake, told = _brake(item, conditions, workload)
    others = _others(world, item)
    unfit, unfit_culprit = misfit(world, item, workload, told, others)
    blind, blind_culprit = blindness(world, item, workload, told) if brake is Brake.BLIND else (None, "")
    writer = _writer(item)
    keeper = keeper_of(item, [writer.manager] if writer.manager else [])
    keda = name.startswith("keda-hpa-") and not keeper.controller
    annotations = fields.annotated(item)
    status = fields.mapping(item.get("status"))
    return AutoscalerReading(
        name=name,
        uid=fields.uid(meta.get("uid")),
        rest_digest=_rest(item),
        floor=floor_of(item),
        ceiling=fields.count(fields.at(item, "spec", "maxReplicas")),
        current=fields.count(status.get("currentReplicas")),
        desired=fields.count(status.get("desiredReplicas")),
        brake=brake,
        brake_reason=_word(told.get("reason")),
        braked_since=fields.instant(told.get("lastTransitionTime")) if brake is not Brake.NONE else None,
        metrics=tuple(metrics_of(item)),
        scaled_at=fields.instant(status.get("lastScaleTime")),
        owned_by=keeper.gitops or keeper.controller or ("keda" if keda else ""),
        gitops=bool(keeper.gitops),
        floor_before=_decimal(annotations.get(FLOOR_BEFORE)),
        floor_until=fields.instant(annotations.get(FLOOR_UNTIL)),
        floor_action=_matched(_ID, annotations.get(ACTION_ID)),
        floor_manager=writer.manager,
        applied_by=writer.applied_by,
        deleting=meta.get("deletionTimestamp") is not None,
        several=bool(others),
        observed=fields.count(meta.get("generation")) <= fields.count(status.get("observedGeneration"))
        or status.get("observedGeneration") is None,
        stabilising=conditions["AbleToScale"].get("reason") == "ScaleUpStabilized",
        blindness=blind,
        misfit=unfit,
        culprit=unfit_culprit or blind_culprit,
        wanted=fields.whole(fields.at(workload, "spec", "replicas")) if workload is not None else None,
        ready=fields.count(fields.at(workload, "status", "readyReplicas")) if workload is not None else None,
    )


def _others(world: World, item: JSON) -> tuple[str, ...]:
    """Other autoscalers that name the same workload."""
    kind, name = aim_of(item)
    namespace = fields.name(fields.metadata(item).get("namespace"))
    found = [other for other in world.of("HorizontalPodAutoscaler", namespace) if other is not item]
    own = fields.metadata(item).get("uid")
    return tuple(
        sorted(
            fields.name(fields.metadata(other).get("name")) or "unnamed"
            for other in found
            if name and aim_of(other) == (kind, name) and (not own or fields.metadata(other).get("uid") != own)
        )
    )


def _rest(item: JSON) -> str:
    """What the patch tests; empty where the spec has no canonical form, and then nothing can be planned."""
    try:
        return rest_digest(item)
    except (ValueError, TypeError, RecursionError):
        return ""


def _conditions(item: JSON) -> dict[str, Mapping[str, Any]]:
    kinds = ("ScalingActive", "AbleToScale", "ScalingLimited")
    found = {kind: fields.condition(item, kind) for kind in kinds}
    if any(found.values()):
        return found
    saved = fields.annotated(item).get(_CONDITIONS_V1)
    try:
        listed = fields.entries(json.loads(saved)) if isinstance(saved, str) and len(saved) < 16384 else []
    except (ValueError, RecursionError):
        listed = []
    return {kind: next((entry for entry in listed if entry.get("type") == kind), {}) for kind in kinds}


def _brake(
    item: JSON, conditions: Mapping[str, Mapping[str, Any]], workload: JSON | None
) -> tuple[Brake, Mapping[str, Any]]:
    """What holds it back, and the condition that says so; the nearer to the root, the earlier."""
    active, able, limited = (conditions[kind] for kind in ("ScalingActive", "AbleToScale", "ScalingLimited"))
    if fields.at(workload, "spec", "replicas") == 0 or (_no(active) and active.get("reason") == "ScalingDisabled"):
        return Brake.OFF, active
    if _no(able) and able.get("reason") not in _BACKING_OFF:
        return Brake.UNABLE, able
    if _no(active):
        return Brake.BLIND, active
    if limited.get("status") == "True":
        if limited.get("reason") == "TooManyReplicas":
            return Brake.AT_MAX, limited
        if limited.get("reason") == "ScaleUpLimit":
            off = fields.at(item, "spec", "behavior", "scaleUp", "selectPolicy") == "Disabled"
            return Brake.OFF if off else Brake.RATE, limited
    return Brake.NONE, {}


def _no(condition: Mapping[str, Any]) -> bool:
    return condition.get("status") == "False"


def _writer(item: JSON) -> _Floor:
    """Who set `minReplicas` last, and who applies it server-side, by the API server's own book-keeping."""
    last, at, applied = "", None, ""
    for entry in fields.entries(fields.metadata(item).get("managedFields")):
        owned = fields.mapping(fields.at(entry.get("fieldsV1"), "f:spec"))
        if entry.get("subresource") or "f:minReplicas" not in owned:
            continue
        name, when = manager_name(entry.get("manager")), fields.instant(entry.get("time"))
        if entry.get("operation") == "Apply" and not name.startswith("byteport"):
            applied = name
        if not last or (when is not None and (at is None or when >= at)):
            last, at = name, when
    return _Floor(last, applied)


def _word(value: object) -> str:
    return _matched(_WORD, value)


def _matched(form: re.Pattern[str], value: object) -> str:
    return value if isinstance(value, str) and form.match(value) else ""


def _decimal(value: object) -> int | None:
    return int(value) if isinstance(value, str) and _DIGITS.match(value) else None
