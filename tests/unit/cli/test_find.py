"""What a person types names one thing, or is refused."""

import pytest

from byteport.cli.find import parse_target
from byteport.domain.targets import Target
from byteport.errors import MalformedInput


@pytest.mark.parametrize(
    ("text", "namespace"),
    [("shop/deployment/web", None), ("shop/Deployment/web", None), ("deploy/web", "shop"), ("deployments/web", "shop")],
)
def test_a_target_may_be_written_as_kubectl_lets_one_write_it(text: str, namespace: str | None) -> None:
    found = parse_target(text, cluster_uid="c", namespace=namespace)
    assert found == Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web")


@pytest.mark.parametrize("text", ["web", "deployment/web", "a/b/c/d", "shop//web", "shop/secret/web", ""])
def test_anything_else_is_refused_with_the_form_that_is_meant(text: str) -> None:
    with pytest.raises(MalformedInput, match="target: "):
        parse_target(text, cluster_uid="c", namespace=None)
