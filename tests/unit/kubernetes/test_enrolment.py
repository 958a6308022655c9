"""Which namespaces are given to us: by an exact label, never a protected one, never one on its way out."""

import pytest

from byteport.domain.policy import PolicyConfig
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.world import JSON


def namespace(name: str = "shop", label: object = "true", **metadata: object) -> JSON:
    return {"metadata": {"name": name, "labels": {"byteport.io/enabled": label}, **metadata}}


def test_a_labelled_namespace_is_ours() -> None:
    assert enrolled(namespace(), PolicyConfig())


@pytest.mark.parametrize("label", ["True", "yes", "1", "", "false", True, None, ["true"]])
def test_only_the_very_word_true_enables(label: object) -> None:
    assert not enrolled(namespace(label=label), PolicyConfig())


@pytest.mark.parametrize("name", ["kube-system", "default", "byteport-agent", "temporal"])
def test_a_protected_namespace_is_not_ours_whatever_its_label(name: str) -> None:
    policy = PolicyConfig(protected_namespaces=PolicyConfig().protected_namespaces | {"temporal"})
    assert not enrolled(namespace(name), policy)


def test_a_namespace_that_is_being_deleted_is_not_ours() -> None:
    assert not enrolled(namespace(deletionTimestamp="2026-03-10T09:00:00Z"), PolicyConfig())
    assert not enrolled(namespace() | {"status": {"phase": "Terminating"}}, PolicyConfig())


@pytest.mark.parametrize("item", [{}, {"metadata": None}, {"metadata": {"labels": []}}, {"metadata": {"name": "a"}}])
def test_an_object_that_says_nothing_is_not_ours(item: JSON) -> None:
    assert not enrolled(item, PolicyConfig())
