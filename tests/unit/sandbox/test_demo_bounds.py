"""What the demo on the real control plane says of the boundary: whole and refusing, or broken, and then it has not passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from byteport.boundary.choices import Choices
from byteport.boundary.policies import deployments, pods
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted
from byteport.kubernetes.port import JSON, Attribution, Resource
from byteport.sandbox.demo.bounds import held
from byteport.settings.model import BoundaryConfig
from tests.builders.guarded import Guarded

GIVEN = {"byteport-demo-bad-release": Ceiling(mode=Mode.DRY_RUN, rollback=("web",))}


class Cluster(Guarded):
    """Answers a patch by `says`, or does it."""

    says: str | None = f"patch deployments: the admission policy {deployments.NAME} refuses"

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        by: Attribution,
        dry_run: bool = False,
    ) -> JSON:
        if self.says is not None:
            raise NotPermitted(self.says)
        return {}


async def look(cluster: Cluster) -> tuple[list[str], list[str]]:
    """What is said, and what is broken."""
    said: list[str] = []
    broken = await held(cluster, BoundaryConfig(helper=True), PolicyConfig(), said.append)
    return said, broken


def a_cluster() -> Cluster:
    return Cluster(Choices(helper=True), GIVEN)


async def test_where_it_is_whole_and_refuses_it_says_so_and_nothing_is_broken() -> None:
    said, broken = await look(a_cluster())
    assert broken == []
    assert said[0] == "self-check: whole and enforced; 1 namespace(s) given, Kubernetes v1.37.2"
    assert said[1].endswith("with the agent's own token: " + (Cluster.says or ""))


async def test_a_policy_that_is_gone_is_broken() -> None:
    cluster = a_cluster()
    cluster.remove("ValidatingAdmissionPolicy", pods.DELETE)
    _, broken = await look(cluster)
    assert [line for line in broken if "byteport-pods-delete is not there" in line]


async def test_a_write_that_is_done_or_that_only_a_missing_right_refused_is_broken() -> None:
    cluster = a_cluster()
    cluster.says = None
    said, broken = await look(cluster)
    assert (said[-1][-11:], len(broken)) == ("NOT refused", 1)
    cluster.says = "patch deployments: forbidden"
    assert (await look(cluster))[1] == [
        "the boundary: the patch of web to no replicas with the agent's own token met no policy"
    ]
