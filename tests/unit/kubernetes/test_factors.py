"""What a target in trouble has in common with others, by name: only what may be the cause of several."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target
from byteport.kubernetes.factors import LONGEST, MOST_FACTORS, factors_of
from byteport.kubernetes.owners import Owner, OwnerKind
from byteport.kubernetes.pods import ContainerReading, PodReading, Role, Waiting
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.surroundings import CommonCause, Dependency, DependencyState, Surroundings, Suspect

NOW = datetime(2026, 3, 10, tzinfo=UTC)
TARGET = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web", uid="u")
PLACE = "Namespace/shop"


def pod(name: str, node: str, cause: Cause | None = Cause.CRASHING, **container: object) -> PodReading:
    made = ContainerReading.model_validate({"name": "web", "role": Role.MAIN, "cause": cause} | container)
    return PodReading(
        namespace="shop",
        name=name,
        uid=name,
        resource_version="1",
        owner=Owner(kind=OwnerKind.DEPLOYMENT, name="web"),
        node=node,
        cause=cause,
        containers=(made,),
    )


def factors(
    *pods: PodReading,
    around: Surroundings = Surroundings(),  # noqa: B008  a frozen value
    cause: Cause = Cause.CRASHING,
    culprit: str | None = None,
    target: Target = TARGET,
) -> tuple[str, ...]:
    diagnosis = Diagnosis(failure=Failure.CRASHLOOP, target=target, cause=cause, facts=(), culprit=culprit)
    return factors_of(Situation(target=target, now=NOW, pods=pods, surroundings=around), diagnosis)


def test_the_node_of_the_one_failing_pod_is_one() -> None:
    assert factors(pod("a", "node-1"), pod("b", "node-2", cause=None)) == ("Node/node-1", PLACE)


def test_what_fails_on_several_nodes_has_no_node_in_common_with_anything() -> None:
    assert factors(pod("a", "node-1"), pod("b", "node-2")) == (PLACE,)


def test_a_node_in_trouble_is_its_own() -> None:
    node = Target(cluster_uid="c", namespace="", kind="Node", name="node-1", uid="n")
    assert factors(target=node) == ("Node/node-1",)


def test_a_zone_only_when_it_is_suspected() -> None:
    around = Surroundings(suspects=(Suspect(kind=CommonCause.ZONE, name="eu-1a", targets=3, pods=5),))
    assert factors(around=around) == ("Zone/eu-1a", PLACE)


def test_a_registry_that_refuses_or_does_not_answer() -> None:
    waits = {"waiting": Waiting.IMAGE_PULL_BACKOFF, "registry": "registry.example.com"}
    pulls = pod("a", "node-1", cause=Cause.IMAGE_TIMEOUT, **waits)
    assert "Registry/registry.example.com" in factors(pulls)
    misspelt = pod("a", "node-1", cause=Cause.IMAGE_BAD_REFERENCE, **waits)
    assert "Registry/registry.example.com" not in factors(misspelt)
    assert "Registry/r" in factors(around=Surroundings(registries_failing=("r",)))


def test_a_dependency_with_its_own_namespace_unless_it_is_there() -> None:
    down = Dependency(pod="a", host="db.data.svc", culprit="Service/db", state=DependencyState.DOWN)
    assert factors(around=Surroundings(dependencies=(down,))) == ("Service/data/db", PLACE)
    near = down.model_copy(update={"host": "db"})
    assert factors(around=Surroundings(dependencies=(near,))) == ("Service/shop/db", PLACE)
    up = down.model_copy(update={"state": DependencyState.UP})
    assert factors(around=Surroundings(dependencies=(up,))) == (PLACE,)
    address = Dependency(pod="a", host="10.0.0.9", port=5432, culprit="10.0.0.9:5432")
    assert factors(around=Surroundings(dependencies=(address,))) == ("Address/10.0.0.9:5432", PLACE)


def test_the_culprit_of_the_diagnosis_where_nothing_better_was_read() -> None:
    assert factors(cause=Cause.DEPENDENCY_DOWN, culprit="Service/db") == ("Service/shop/db", PLACE)
    assert factors(cause=Cause.NODE_SUSPECT, culprit="Node/node-9") == ("Node/node-9", PLACE)


@given(st.lists(st.text(max_size=400), max_size=20))
def test_there_are_never_many_nor_long_ones(names: list[str]) -> None:
    found = factors(around=Surroundings(registries_failing=tuple(names)))
    assert len(found) <= MOST_FACTORS
    assert all(len(factor) <= LONGEST for factor in found)
    assert len(set(found)) == len(found)
