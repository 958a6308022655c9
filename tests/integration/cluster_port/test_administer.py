"""The administrator's hands against an API server that answers as it is told: what each verb sends, and what becomes of a fault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from activities.kubernetes.administer import Administrator, administrator
from activities.performs import activities_of
from byteport.errors import NotPermitted, PermanentError, PreconditionFailed, UnknownOutcome
from byteport.kubernetes.port import CONFIG_MAPS, NAMESPACES, Resource
from tests.integration.cluster_port.liar import Liar, hangs_up, liar, says, status

BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings")
BOUND = {"kind": "RoleBinding", "metadata": {"name": "ours", "namespace": "shop"}}
MANAGED = ("fieldManager", "byteport-enable")
Verb = Callable[[Administrator], Awaitable[object]]

WRITES: dict[str, Verb] = {
    "create": lambda hands: hands.create(BINDINGS, "shop", BOUND),
    "apply": lambda hands: hands.apply(BINDINGS, "shop", "ours", BOUND),
    "patch": lambda hands: hands.patch(CONFIG_MAPS, "shop", "c", [{"op": "test", "path": "/a", "value": 1}]),
    "delete": lambda hands: hands.delete(BINDINGS, "shop", "ours", uid="u", resource_version="7"),
}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Liar]:
    async with liar(tmp_path) as server:
        yield server


@pytest.fixture
async def hands(server: Liar) -> AsyncIterator[Administrator]:
    async with await administrator(server.kubeconfig, call_seconds=2) as hands:
        yield hands


@pytest.mark.parametrize(
    ("verb", "method", "path", "content_type"),
    [
        ("create", "POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings", "application/json"),
        (
            "apply",
            "PATCH",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/ours",
            "application/apply-patch+yaml",
        ),
        ("patch", "PATCH", "/api/v1/namespaces/shop/configmaps/c", "application/json-patch+json"),
        (
            "delete",
            "DELETE",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings/ours",
            "application/json",
        ),
    ],
)
async def test_each_verb_is_one_request_in_its_own_form(
    server: Liar, hands: Administrator, verb: str, method: str, path: str, content_type: str
) -> None:
    server.answers = [says(200, {})]
    await WRITES[verb](hands)
    (heard,) = server.heard
    sent = {name.lower(): value for name, value in heard.headers.items()}
    assert (heard.method, heard.path, sent["content-type"]) == (method, path, content_type)
    assert (MANAGED in heard.query) is (method != "DELETE")
    assert (("force", "true") in heard.query) is (verb == "apply")


async def test_a_delete_carries_both_preconditions(server: Liar, hands: Administrator) -> None:
    server.answers = [says(200, {})]
    await WRITES["delete"](hands)
    (deleted,) = (json.loads(heard.body) for heard in server.heard)
    assert deleted["preconditions"] == {"uid": "u", "resourceVersion": "7"}


@pytest.mark.parametrize("verb", WRITES)
@pytest.mark.parametrize(
    ("code", "error"), [(403, NotPermitted), (409, PreconditionFailed), (400, PermanentError), (500, UnknownOutcome)]
)
async def test_a_refusal_is_the_error_that_it_means(
    server: Liar, hands: Administrator, verb: str, code: int, error: type[Exception]
) -> None:
    server.answers = [says(code, status(code, "hunter2"))]
    with pytest.raises(error) as caught:
        await WRITES[verb](hands)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("verb", WRITES)
async def test_a_write_that_was_sent_and_not_answered_is_sent_once(
    server: Liar, hands: Administrator, verb: str
) -> None:
    server.answers = [hangs_up]
    with pytest.raises(UnknownOutcome):
        await WRITES[verb](hands)
    assert len(server.heard) == 1


async def test_what_is_not_there_is_none_and_what_may_not_be_read_is_an_error(
    server: Liar, hands: Administrator
) -> None:
    server.answers = [says(404, status(404, "")), says(403, status(403, ""))]
    assert await hands.find(NAMESPACES, "", "shop") is None
    with pytest.raises(NotPermitted):
        await hands.find(NAMESPACES, "", "shop")


async def test_a_question_about_rights_names_the_object_and_the_account(server: Liar, hands: Administrator) -> None:
    server.answers = [says(201, {"status": {"allowed": True}}), says(201, {"status": {}})]
    assert await hands.may("bind", BINDINGS, "shop", "ours")
    assert not await hands.account_may("them", ["all"], {"verb": "perform"})
    own, theirs = (json.loads(heard.body)["spec"] for heard in server.heard)
    assert own["resourceAttributes"]["name"] == "ours"
    assert theirs == {"user": "them", "groups": ["all"], "resourceAttributes": {"verb": "perform"}}


async def test_none_of_it_is_an_act(hands: Administrator) -> None:
    assert activities_of(hands) == []
