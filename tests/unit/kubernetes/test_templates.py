"""Templates by digest: equal exactly when a rollback between them would change nothing, or nothing that runs."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.templates import (
    guard_digest,
    release_digest,
    template_digest,
    template_of,
    template_to_restore,
)
from tests.builders.rollouts import replica_set, shop, template

BASE = template("registry.example/web:1", annotations={"a": "b"})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=10,
)


def with_label(name: str, value: str) -> dict[str, Any]:
    changed = copy.deepcopy(BASE)
    changed["metadata"]["labels"][name] = value
    return changed


def test_what_a_replica_set_restores_is_the_template_that_the_deployment_had() -> None:
    made = replica_set(1, BASE, wanted=1, ready=1)
    assert made["spec"]["template"] != BASE
    assert template_to_restore(made) == BASE
    assert made["spec"]["template"]["metadata"]["labels"]["pod-template-hash"] == "111111111"


def test_the_exact_digest_sees_every_byte() -> None:
    digests = {
        template_digest(changed)
        for changed in (
            BASE,
            with_label("pod-template-hash", "x"),
            with_label("team", "a"),
            template("registry.example/web:2", annotations={"a": "b"}),
            template("registry.example/web:1"),
        )
    }
    assert len(digests) == 5


def test_a_release_is_the_same_without_the_hash_label_and_all_annotations() -> None:
    same = [
        BASE,
        with_label("pod-template-hash", "x"),
        template("registry.example/web:1", annotations={"restartedAt": "now"}),
    ]
    same.append(template("registry.example/web:1"))
    assert len({release_digest(item) for item in same}) == 1


@pytest.mark.parametrize(
    "other",
    [
        template("registry.example/web:2"),
        template("registry.example/web:1", container={"env": [{"name": "A", "value": "1"}]}),
        template("registry.example/web:1", initContainers=[{"name": "i", "image": "x"}]),
        template("registry.example/web:1", labels={"team": "a"}),
        template("registry.example/web:1", nodeSelector={"disk": "gold"}),
    ],
)
def test_a_release_is_another_when_anything_that_runs_differs(other: dict[str, Any]) -> None:
    assert release_digest(other) != release_digest(BASE)


def test_a_null_creation_time_that_servers_write_is_no_difference() -> None:
    changed = copy.deepcopy(BASE)
    changed["metadata"]["creationTimestamp"] = None
    assert release_digest(changed) == release_digest(BASE)


@given(json_values)
def test_every_json_value_has_one_exact_digest(value: object) -> None:
    assert template_digest(value) == template_digest(copy.deepcopy(value))


def test_whole_numbers_beyond_doubles_stay_apart() -> None:
    assert template_digest({"runAsUser": 2**60}) != template_digest({"runAsUser": 2**60 + 1})


@pytest.mark.parametrize("value", [float("nan"), "\ud800"])
def test_what_json_cannot_hold_has_no_digest(value: object) -> None:
    with pytest.raises(ValueError):
        template_digest({"a": value})


@pytest.mark.parametrize("broken", [{}, {"spec": None}, {"spec": {"template": "text"}}, {"spec": {"template": None}}])
def test_an_object_without_a_template_has_an_empty_one(broken: dict[str, Any]) -> None:
    assert template_of(broken) == {}
    assert template_to_restore(broken) == {}


def test_the_guard_sees_paused_selector_and_strategy_and_not_what_an_autoscaler_writes() -> None:
    deployment = shop().deployment
    before = guard_digest(deployment)
    deployment["spec"]["replicas"] = 40
    deployment["metadata"]["generation"] = 99
    assert guard_digest(deployment) == before
    for field, value in (("paused", True), ("selector", {}), ("strategy", {"type": "Recreate"})):
        changed = copy.deepcopy(deployment)
        changed["spec"][field] = value
        assert guard_digest(changed) != before
