"""What a person types names one thing, or is refused."""

from datetime import UTC, datetime

import pytest

from byteport.cli.find import _same_target, parse_target
from byteport.domain.targets import Target
from byteport.errors import MalformedInput
from byteport.temporal.views import Run

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "namespace"),
    [("shop/deployment/web", None), ("shop/Deployment/web", None), ("deploy/web", "shop"), ("deployments/web", "shop")],
)
def test_a_target_may_be_written_as_kubectl_lets_one_write_it(text: str, namespace: str | None) -> None:
    found = parse_target(text, cluster_uid="c", namespace=namespace)
    assert found == Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web")


@pytest.mark.parametrize("text", ["node/worker-1", "Node/worker-1", "no/worker-1", "nodes/worker-1"])
def test_a_node_has_no_namespace(text: str) -> None:
    found = parse_target(text, cluster_uid="c", namespace=None)
    assert found == Target(cluster_uid="c", namespace="", kind="Node", name="worker-1")


def test_a_node_is_found_as_kubectl_lets_one_write_it() -> None:
    run = Run("remediate:c::Node:worker-1:disk", "r", "running", "c", "Node/worker-1", "", "", "", None, NOW, None)
    assert [_same_target(run, text) for text in ("node/worker-1", "Node/worker-1", "node/worker-2")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    "text", ["web", "deployment/web", "node/", "shop/node/worker-1", "a/b/c/d", "shop//web", "shop/secret/web", ""]
)
def test_anything_else_is_refused_with_the_form_that_is_meant(text: str) -> None:
    with pytest.raises(MalformedInput, match="target: "):
        parse_target(text, cluster_uid="c", namespace=None)
