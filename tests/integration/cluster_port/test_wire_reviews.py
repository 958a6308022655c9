"""The questions about ourselves, as they go over the wire: whose, how long an answer may be, and answers that say nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from activities.kubernetes.client import LARGEST_REVIEW, KubernetesCluster, connect
from byteport.errors import NotPermitted, PermanentError, Unavailable
from byteport.kubernetes.port import DEPLOYMENTS
from tests.integration.cluster_port.liar import Liar, liar, says, status

AGENT = "system:serviceaccount:byteport-agent:byteport-agent"
LISTED = {"resourceRules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}], "incomplete": True}


async def test_each_question_is_asked_of_its_own_api_and_its_status_is_the_answer(
    server: Liar, port: KubernetesCluster
) -> None:
    server.answers = [
        says(200, {"status": LISTED}),
        says(200, {"status": {"userInfo": {"username": "ada", "groups": ["a"]}}}),
        says(200, {"status": {"allowed": True}}),
        says(200, {"gitVersion": "v1.37.2"}),
    ]
    assert await port.rules("shop") == LISTED
    assert await port.identity() == {"username": "ada", "groups": ["a"]}
    assert await port.review("patch", DEPLOYMENTS, "shop", name="api")
    assert await port.server_version() == "v1.37.2"
    assert [one.path.rpartition("/")[2] for one in server.heard] == [
        "selfsubjectrulesreviews",
        "selfsubjectreviews",
        "selfsubjectaccessreviews",
        "version",
    ]
    assert json.loads(server.heard[0].body)["spec"] == {"namespace": "shop"}
    assert json.loads(server.heard[2].body)["spec"]["resourceAttributes"]["name"] == "api"
    assert not any("impersonate" in name.lower() for one in server.heard for name in one.headers)


async def test_whoever_acts_as_another_says_so_with_every_request(tmp_path: Path) -> None:
    async with liar(tmp_path) as server, await connect(server.kubeconfig, act_as=AGENT) as port:
        server.answers = [says(200, {"status": {}})]
        await port.rules("shop")
        await port.identity()
        await port.get(DEPLOYMENTS, "shop", "web")
        sent = [{name.lower(): value for name, value in one.headers.items()} for one in server.heard]
        assert [one.get("impersonate-user") for one in sent] == [AGENT] * 3


async def test_and_as_if_by_a_token_of_a_pod_where_that_is_asked_for(tmp_path: Path) -> None:
    async with liar(tmp_path) as server, await connect(server.kubeconfig, act_as=AGENT, of_pod="byteport-x") as port:
        server.answers = [says(200, {"status": {}})]
        await port.rules("shop")
        sent = {name.lower(): value for name, value in server.heard[0].headers.items()}
        assert sent["impersonate-extra-authentication.kubernetes.io%2fpod-name"] == "byteport-x"


async def test_one_who_may_not_is_not_permitted(tmp_path: Path) -> None:
    async with liar(tmp_path) as server, await connect(server.kubeconfig, act_as=AGENT) as port:
        server.answers = [says(403, status(403, "cannot impersonate"))]
        with pytest.raises(NotPermitted):
            await port.identity()


async def test_a_list_of_rights_longer_than_any_of_ours_is_not_taken(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [says(200, json.dumps({"status": {"x": "y" * LARGEST_REVIEW}}).encode())]
    with pytest.raises(PermanentError, match="larger than 4 MiB"):
        await port.rules("shop")


@pytest.mark.parametrize("answer", [{}, {"status": None}, {"status": []}, {"status": {"userInfo": "root"}}])
async def test_an_answer_that_says_nothing_grants_nothing(
    server: Liar, port: KubernetesCluster, answer: dict[str, object]
) -> None:
    server.answers = [says(200, answer)]
    assert not (await port.rules("shop")).get("resourceRules")
    assert await port.identity() == {}
    assert not await port.review("get", DEPLOYMENTS, "shop")


async def test_a_question_that_is_not_answered_has_no_unknown_outcome(server: Liar, port: KubernetesCluster) -> None:
    """Nothing is stored by it, so that it may be asked again."""
    server.answers = [says(500, status(500, "x"))]
    with pytest.raises(Unavailable):
        await port.rules("shop")
