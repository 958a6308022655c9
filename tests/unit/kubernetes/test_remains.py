"""What a thing that is gone may have belonged to, by its name."""

from __future__ import annotations

import pytest

from byteport.kubernetes.remains import could_have_been


@pytest.mark.parametrize(
    ("kind", "name", "first"),
    [
        ("Pod", "web-6c9d7f5b8-abcde", ("Deployment", "web")),
        ("Pod", "checkout-api-7d4b9-x2x4z", ("Deployment", "checkout-api")),
        ("ReplicaSet", "web-6c9d7f5b8", ("Deployment", "web")),
        ("Deployment", "web", ("Deployment", "web")),
        ("Node", "node-1", ("Node", "node-1")),
    ],
)
def test_a_pod_was_its_deployments(kind: str, name: str, first: tuple[str, str]) -> None:
    assert could_have_been(kind, name)[0] == first


def test_a_numbered_pod_was_a_stateful_sets_and_any_may_have_been_nobodys() -> None:
    assert could_have_been("Pod", "db-0") == (("Pod", "db-0"), ("StatefulSet", "db"))
    assert ("DaemonSet", "agent") in could_have_been("Pod", "agent-x7k2p")
    assert ("Pod", "web") in could_have_been("Pod", "web")
