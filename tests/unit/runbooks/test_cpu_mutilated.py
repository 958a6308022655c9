"""One damaged field of a spike that would be acted upon: nothing raises, and an act stays within what the object says."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from byteport.kubernetes import fields
from tests.builders.mutilate import JUNK
from tests.builders.sampled import examples
from tests.unit.runbooks.test_cases import answer

CASE = json.loads((Path(__file__).parents[2] / "cases" / "54-real-spike-scale-rate-limited.json").read_text())
HPA = 1


def paths(value: object, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in ((*way, key), *paths(item, (*way, key)))]
    if isinstance(value, list):
        return [found for key, item in enumerate(value) for found in ((*way, key), *paths(item, (*way, key)))]
    return []


PLACES = [place for place in paths(CASE["objects"]) if place[1:] not in [("kind",), ("metadata",)] and len(place) > 1]


def changed(place: tuple[Any, ...], value: object) -> dict[str, Any]:
    case: dict[str, Any] = copy.deepcopy(CASE)
    at: Any = case["objects"]
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return case


@pytest.mark.claim("C-044")
@settings(max_examples=examples(300), deadline=None)
@given(place=st.sampled_from(PLACES), value=st.one_of(st.sampled_from(JUNK), st.integers(-5, 500)))
@example(place=(HPA, "spec", "maxReplicas"), value=7)
@example(place=(HPA, "status", "currentReplicas"), value=400)
@example(place=(HPA, "status", "currentMetrics", 0, "resource", "current", "averageUtilization"), value=10**9)
def test_a_damaged_field_never_leads_beyond_the_bounds_of_the_object_itself(
    place: tuple[Any, ...], value: object
) -> None:
    case = changed(place, value)
    said = answer(case)
    for incident in said.incidents:
        if incident.act is None:
            continue
        assert (incident.act, incident.target) == ("raise_hpa_floor", "front/Deployment/site")
        raised = re.search(r'kubectl patch hpa site -n front .*"minReplicas":([0-9]+)', incident.command or "")
        assert raised is not None
        spec = fields.mapping(case["objects"][HPA].get("spec"))
        assert fields.count(spec.get("minReplicas", 1)) < int(raised.group(1)) <= fields.count(spec.get("maxReplicas"))


FLIPS: list[tuple[str, tuple[Any, ...], object]] = [
    ("another workload", (HPA, "spec", "scaleTargetRef", "name"), "other"),
    ("another kind", (HPA, "spec", "scaleTargetRef", "kind"), "StatefulSet"),
    ("an owner", (HPA, "metadata", "ownerReferences"), [{"kind": "App", "name": "a", "uid": "u"}]),
    ("no uid", (HPA, "metadata", "uid"), ""),
    ("being deleted", (HPA, "metadata", "deletionTimestamp"), "2026-03-10T08:59:00Z"),
    ("floor zero", (HPA, "spec", "minReplicas"), 0),
    ("at its ceiling", (HPA, "spec", "maxReplicas"), 4),
    ("bounds cross", (HPA, "spec", "maxReplicas"), 2),
    ("another spec", (HPA, "status", "observedGeneration"), -1),
    ("paused", (0, "spec", "paused"), True),
    ("at zero", (0, "spec", "replicas"), 0),
    ("a spec that is not observed yet", (0, "metadata", "generation"), 6),
    ("a rollout under way", (0, "status", "conditions", 1, "reason"), "ReplicaSetUpdated"),
    ("a deployment that an operator owns", (0, "metadata", "ownerReferences"), [{"kind": "App", "name": "a"}]),
    ("a deployment of Git", (0, "metadata", "annotations"), {"argocd.argoproj.io/tracking-id": "x"}),
    ("a node under pressure", (2, "status", "conditions", 0, "status"), "True"),
    ("blind", (HPA, "status", "conditions", 1, "status"), "False"),
    ("no figure", (HPA, "status", "currentMetrics"), None),
    ("content", (HPA, "status", "currentMetrics", 0, "resource", "current", "averageUtilization"), 39),
    ("at its maximum", (HPA, "status", "conditions", 2, "reason"), "TooManyReplicas"),
]


@pytest.mark.parametrize(("place", "value"), [flip[1:] for flip in FLIPS], ids=[flip[0] for flip in FLIPS])
def test_one_fact_decides(place: tuple[Any, ...], value: object) -> None:
    case = changed(place, value)
    if value == -1:
        case["objects"][HPA]["metadata"]["generation"] = 2
        case["objects"][HPA]["status"]["observedGeneration"] = 1
    assert answer(case).act is None
