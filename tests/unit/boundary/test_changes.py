"""What is written on objects that others write to as well: never over what somebody has written since the look."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from byteport.boundary.names import CEILINGS, ENABLED_LABEL, NAMESPACE, PART_OF, ROLLBACK_LABEL
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.errors import PreconditionFailed
from tests.builders.administered import Administered, a_deployment, a_namespace, installed_cluster, keys
from workers.administration import carry_out, plan_disabling, plan_enabling

JSON = dict[str, Any]

WIDE = Ceiling(mode=Mode.AUTO, rollback=("api",))


def _deployment_says_never(cluster: Administered) -> None:
    found = cluster.have("Deployment", "api", "shop")
    assert found is not None
    found["metadata"]["labels"] = {ROLLBACK_LABEL: "never"}


def _namespace_says_no(cluster: Administered) -> None:
    found = cluster.have("Namespace", "shop")
    assert found is not None
    found["metadata"]["labels"] = {ENABLED_LABEL: "false"}


def _another_label(cluster: Administered) -> None:
    found = cluster.have("Namespace", "shop")
    assert found is not None
    found["metadata"]["labels"] = {"team": "till"}


def _another_of_that_name(cluster: Administered) -> None:
    cluster.put(a_deployment("api", labels={"app": "api"}))


def _another_ceiling(cluster: Administered) -> None:
    found = cluster.have("ConfigMap", CEILINGS, NAMESPACE)
    assert found is not None
    found["data"] = {**found["data"], "shop": Ceiling(mode=Mode.OBSERVE).model_dump_json()}


def a_cluster() -> Administered:
    """An installation that has given `till`; `shop` and `api` in it have labels of their own."""
    labelled = (a_deployment("api", labels={"app": "api"}), a_namespace("shop", team="shop"))
    return installed_cluster(told({"till": "{}"}), *labelled)


def told(data: JSON) -> JSON:
    """The ConfigMap of ceilings."""
    metadata = {"name": CEILINGS, "namespace": NAMESPACE, "labels": PART_OF}
    return {"kind": "ConfigMap", "metadata": metadata, "data": data}


@pytest.mark.claim("C-019")
@pytest.mark.parametrize(
    ("meanwhile", "written"),
    [
        (_deployment_says_never, "Deployment"),
        (_another_of_that_name, "Deployment"),
        (_namespace_says_no, "Namespace"),
        (_another_label, "Namespace"),
        (_another_ceiling, "ConfigMap"),
    ],
)
@pytest.mark.parametrize("labelled", [True, False])
async def test_what_somebody_wrote_since_the_look_stands_and_the_next_run_sees_it(
    meanwhile: Callable[[Administered], None], written: str, labelled: bool
) -> None:
    cluster = a_cluster() if labelled else installed_cluster(told({}))
    planned = await plan_enabling(cluster, "shop", WIDE)
    meanwhile(cluster)
    before = cluster.plain()
    refused = next(one for one in planned.changes if one.kind == written)
    with pytest.raises(PreconditionFailed, match="somebody has changed it since it was looked at"):
        await carry_out(cluster, refused)
    assert cluster.plain() == before
    for change in (await plan_enabling(cluster, "shop", WIDE)).changes:
        await carry_out(cluster, change)
    assert (await plan_enabling(cluster, "shop", WIDE)).changes == ()
    if meanwhile is _deployment_says_never:
        found = cluster.have("Deployment", "api", "shop")
        assert found is not None
        assert found["metadata"]["labels"] == {ROLLBACK_LABEL: "never"}, "its owner's word is never written over"


async def test_what_somebody_wrote_into_another_key_since_is_nobodys_business() -> None:
    cluster = a_cluster()
    planned = await plan_enabling(cluster, "shop", WIDE)
    found = cluster.have("ConfigMap", CEILINGS, NAMESPACE)
    assert found is not None
    found["data"]["bank"] = "{}"
    found["metadata"]["resourceVersion"] = "moved"
    for change in planned.changes:
        await carry_out(cluster, change)
    assert {**keys(cluster)}.keys() == {"bank", "till", "shop"}


async def test_a_label_that_came_since_keeps_disable_from_writing_over_it() -> None:
    cluster = a_cluster()
    for change in (await plan_enabling(cluster, "shop", WIDE)).changes:
        await carry_out(cluster, change)
    planned = await plan_disabling(cluster, "shop")
    _deployment_says_never(cluster)
    label = next(one for one in planned.changes if one.kind == "Deployment")
    with pytest.raises(PreconditionFailed):
        await carry_out(cluster, label)


async def test_what_was_seen_is_no_part_of_what_a_script_is_told() -> None:
    planned = await plan_enabling(a_cluster(), "shop", WIDE)
    assert "team" not in json.dumps([one.model_dump(mode="json") for one in planned.changes])
