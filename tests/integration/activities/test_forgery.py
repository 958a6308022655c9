"""Every single leaf of a warrant, changed by itself: whatever an attacker edits on the way, nothing is written.

The leaves that may differ are listed, each with why; a new field of the warrant is refused by this test until somebody
has thought about it.
"""

import copy
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from byteport.domain.warrants import Warrant
from tests.integration.activities.bench import DRY_RUN_POLICY
from tests.integration.activities.simulated_bench import SimulatedBench

HARMLESS = {
    # what the symptom measured: only a judgement made again looks at it, and that is made on what is there
    "signal.value",
    "signal.threshold",
    "signal.type",
    "signal.observed_at",
    "signal.source",
    "signal.evidence_digest",
    "signal.reporter",
    "signal.recurrence_of",
    "signal.target.uid",
    # what people were shown beside the plan; the plan itself is in the digest that they signed
    "request.cluster_name",
    "request.remediation_id",
    "request.signal_type",
    "request.signal_value",
    "request.target",
    "request.command",
    "request.inverse_command",
    "request.evidence",
    # who caused the request: whoever reported the symptom cannot approve in any case, and both are the workflow's word
    "request.requester",
    # the worker's own mount and the answer's own expiry count
    "request.quorum",
    "request.approvers",
    "request.expires_at",
    # names the pod's version when the plan was made; the worker takes it from its own read
    "plan.pod.resource_version",
    # who says they answer counts for unsigned answers only
    "answers.0.claimed_by",
}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def others(value: Any) -> list[Any]:
    """Values that `value` could be replaced by."""
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 1, value - 1]
        case float():
            return [value + 1]
        case str():
            return [value + "x", _another_letter(value), *_later(value)]
        case None:
            return ["x", 1]
        case _:
            return [["x"], ["paused"]]


def _another_letter(text: str) -> str:
    return text[:-1] + ("0" if not text.endswith("0") else "1")


def _later(text: str) -> list[str]:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return []
    return [(moment + timedelta(seconds=30)).isoformat()]


def forgeries(warrant: Warrant) -> Iterator[tuple[str, Warrant]]:
    plain = warrant.model_dump(mode="json")
    for path in leaves(plain):
        name = ".".join(str(part) for part in path)
        if name in HARMLESS:
            continue
        forged = copy.deepcopy(plain)
        place: Any = forged
        for part in path[:-1]:
            place = place[part]
        for other in others(place[path[-1]]):
            place[path[-1]] = other
            try:
                yield name, Warrant.model_validate(forged)
            except ValidationError:
                continue


@pytest.mark.claim("C-071")
@pytest.mark.parametrize("act", ["deletion", "rollback"])
async def test_no_leaf_of_a_warrant_can_be_changed(bench: SimulatedBench, act: str) -> None:
    bench.set_policy(DRY_RUN_POLICY)
    if act == "deletion":
        warrant = bench.warrant(await bench.deletion(await bench.one_pod_crashes()), auto=False)
    else:
        await bench.a_release_fails()
        warrant = bench.warrant(await bench.rollback(), auto=False)
    tried = set()
    for name, forged in forgeries(warrant):
        with pytest.raises(ApplicationError) as caught:
            await bench.act(forged)
        assert caught.value.type in ("not_permitted", "precondition_failed"), name
        assert bench.written() == [], name
        tried.add(name)
    assert len(tried) > 30
    await bench.act(warrant)
    assert len(bench.written()) == 1
