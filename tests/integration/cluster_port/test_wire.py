"""The real port against an API server that misbehaves: each fault of the wire becomes the right error, and no word leaks."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.kubernetes.client import KubernetesCluster
from activities.kubernetes.credentials import load_credentials
from byteport.errors import (
    BudgetRefuses,
    BytePortError,
    Moved,
    NotPermitted,
    PermanentError,
    PreconditionFailed,
    TargetGone,
    Throttled,
    Unavailable,
    UnknownOutcome,
)
from byteport.kubernetes.port import DEPLOYMENTS, POD_METRICS, PODS
from byteport.kubernetes.refusals import RollbackRule
from tests.integration.cluster_port.liar import Answer, Liar, hangs, hangs_up, liar, says, status
from tests.integration.cluster_port.stages import BY

SECRET = "hunter2-from-the-server"
POLICY = (
    "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'agent-scope' with binding 'b' denied request: "
)
OPERATIONS = [{"op": "test", "path": "/metadata/uid", "value": "u"}]


async def _read(port: KubernetesCluster) -> object:
    return await port.get(DEPLOYMENTS, "shop", "web")


async def _patch(port: KubernetesCluster) -> object:
    return await port.patch(DEPLOYMENTS, "shop", "web", OPERATIONS, by=BY)


async def _delete(port: KubernetesCluster) -> None:
    await port.delete(PODS, "shop", "web-1", uid="u", resource_version="7", by=BY)


async def _evict(port: KubernetesCluster) -> None:
    await port.evict_dry_run("shop", "web-1")


@pytest.mark.parametrize("fault", [hangs, hangs_up, says(500, status(500, SECRET)), says(504, status(504, SECRET))])
@pytest.mark.parametrize("write", [_patch, _delete])
async def test_a_write_that_was_sent_and_not_answered_has_an_unknown_outcome_and_is_sent_once(
    server: Liar, port: KubernetesCluster, fault: Answer, write: Any
) -> None:
    server.answers = [fault]
    with pytest.raises(UnknownOutcome) as caught:
        await write(port)
    assert len(server.heard) == 1
    assert SECRET not in caught.value.message


async def test_a_write_over_a_connection_that_died_at_rest_is_sent_all_the_same(
    server: Liar, port: KubernetesCluster
) -> None:
    gone = asyncio.Event()

    async def answer_and_close(writer: asyncio.StreamWriter) -> None:
        await says(200, {"kind": "Deployment"})(writer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()  # the other side has heard of it
        gone.set()
        raise ConnectionResetError

    server.answers = [answer_and_close]
    await _patch(port)
    async with asyncio.timeout(30):
        await gone.wait()
    await _patch(port)
    assert len(server.heard) == 2


@pytest.mark.parametrize("fault", [hangs, hangs_up, says(500, status(500, SECRET)), says(503, b"<html>")])
async def test_a_read_without_an_answer_is_unavailable(server: Liar, port: KubernetesCluster, fault: Answer) -> None:
    server.answers = [fault]
    with pytest.raises(Unavailable) as caught:
        await _read(port)
    assert SECRET not in caught.value.message


@pytest.mark.parametrize("call", [_read, _patch, _delete])
async def test_nobody_listening_is_unavailable_also_for_a_write(tmp_path: Path, call: Any) -> None:
    async with liar(tmp_path) as said:
        credentials = await load_credentials(said.kubeconfig, None)
    await asyncio.sleep(0)
    async with KubernetesCluster(credentials) as port:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
            await call(port)


@pytest.mark.claim("C-108")
async def test_review_14_a_server_that_another_authority_vouches_for_is_not_spoken_to(
    server: Liar, tmp_path: Path
) -> None:
    async with liar(tmp_path / "other") as other:
        ours = await load_credentials(server.kubeconfig, None)
        theirs = await load_credentials(other.kubeconfig, None)
        server.kubeconfig.write_text(server.kubeconfig.read_text().replace(ours.server, theirs.server))
        async with KubernetesCluster(await load_credentials(server.kubeconfig, None)) as port:
            with pytest.raises(Unavailable, match="no TLS"):
                await _patch(port)
        assert other.heard == []


@pytest.mark.parametrize(
    ("answer", "expected", "code"),
    [
        (says(401, status(401, SECRET)), NotPermitted, "not_permitted"),
        (says(403, status(403, SECRET)), NotPermitted, "not_permitted"),
        (says(403, status(403, POLICY + SECRET)), NotPermitted, "not_permitted"),
        (says(404, status(404, SECRET)), TargetGone, "target_gone"),
        (says(409, status(409, SECRET)), PreconditionFailed, "precondition_failed"),
        (says(422, status(422, SECRET)), PreconditionFailed, "precondition_failed"),
        (says(422, status(422, POLICY + SECRET)), NotPermitted, "not_permitted"),
        (
            says(422, status(422, SECRET, causes=[{"reason": "FieldValueInvalid", "message": SECRET}])),
            PermanentError,
            "permanent",
        ),
        (says(400, status(400, SECRET)), PermanentError, "permanent"),
        (says(413, SECRET.encode()), PermanentError, "permanent"),
        (says(302, b"", Location="https://elsewhere.example/"), PermanentError, "permanent"),
        (says(429, status(429, SECRET)), Throttled, "throttled"),
    ],
)
async def test_an_answer_becomes_the_error_that_it_stands_for_without_its_words(
    server: Liar, port: KubernetesCluster, answer: Answer, expected: type[BytePortError], code: str
) -> None:
    server.answers = [answer]
    with pytest.raises(expected) as caught:
        await _patch(port)
    assert caught.value.code == code
    assert "deployments shop/web" in caught.value.message
    assert SECRET not in caught.value.message


@pytest.mark.parametrize(("reason", "moved"), [("Conflict", True), ("AlreadyExists", False), ("", False)])
async def test_of_a_409_only_a_conflict_says_that_the_object_moved(
    server: Liar, port: KubernetesCluster, reason: str, moved: bool
) -> None:
    server.answers = [says(409, {**status(409, SECRET), "reason": reason})]
    with pytest.raises(PreconditionFailed) as caught:
        await _patch(port)
    assert isinstance(caught.value, Moved) is moved


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        (f"byteport: {RollbackRule.NOT_PROVED}", RollbackRule.NOT_PROVED),
        (f"byteport: {RollbackRule.NO_ROLLBACK}", RollbackRule.NO_ROLLBACK),
        (f"{RollbackRule.NOT_PROVED}", ""),
        (f"byteport: {RollbackRule.NOT_PROVED}: {SECRET}", ""),
        (f"byteport: another rule, {SECRET}", ""),
    ],
)
async def test_of_the_rules_of_a_policy_only_those_that_are_known_go_on(
    server: Liar, port: KubernetesCluster, said: str, rule: str
) -> None:
    server.answers = [says(403, status(403, POLICY + said))]
    with pytest.raises(NotPermitted) as caught:
        await _patch(port)
    assert caught.value.rule == rule
    assert RollbackRule.NOT_PROVED not in caught.value.message


async def test_a_policy_that_refuses_is_named(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [says(422, status(422, POLICY + SECRET))]
    with pytest.raises(NotPermitted, match="agent-scope"):
        await _patch(port)


@pytest.mark.parametrize(
    ("answer", "delay"),
    [
        (says(429, b"{}", Retry_After="7"), timedelta(seconds=7)),
        (says(429, status(429, "", retryAfterSeconds=5)), timedelta(seconds=5)),
        (says(429, b"{}", Retry_After="Wed, 21 Oct 2037 07:28:00 GMT"), None),
        (says(429, b"{}", Retry_After="99999999"), timedelta(hours=1)),
        (says(429, b"not json"), None),
    ],
)
async def test_a_throttle_carries_the_servers_own_delay(
    server: Liar, port: KubernetesCluster, answer: Answer, delay: timedelta | None
) -> None:
    server.answers = [answer]
    with pytest.raises(Throttled) as caught:
        await _read(port)
    assert caught.value.delay == delay


async def test_a_budgets_429_is_no_throttle(server: Liar, port: KubernetesCluster) -> None:
    cause = {"reason": "DisruptionBudget", "message": "The disruption budget web-pdb needs 1 healthy pods and has 0"}
    server.answers = [says(429, status(429, SECRET, causes=[cause]), Retry_After="10")]
    with pytest.raises(BudgetRefuses) as caught:
        await _evict(port)
    assert caught.value.budget == "web-pdb"


async def test_an_answer_that_is_no_json_object_is_not_taken_for_one(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [says(200, b"[]"), says(200, b'{"half":'), says(200, b"[]")]
    with pytest.raises(Unavailable):
        await _read(port)
    with pytest.raises(Unavailable):
        await _read(port)
    with pytest.raises(UnknownOutcome):
        await _patch(port)


async def test_a_request_carries_what_the_audit_log_keeps(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [says(200, {"kind": "Deployment"})]
    await _patch(port)
    await _delete(port)
    await _read(port)
    patch, delete, read = server.heard
    assert (patch.method, patch.path) == ("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web")
    assert patch.query == [("fieldManager", "byteport-suite")]
    assert patch.headers["content-type"] == "application/json-patch+json"
    assert json.loads(patch.body) == OPERATIONS
    assert json.loads(delete.body)["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    for written in (patch, delete):
        assert written.headers["audit-id"] == BY.audit_id
        assert written.headers["user-agent"].startswith("byteport/")
        assert written.headers["user-agent"].endswith(f" ({'a' * 12})")
        assert written.headers["authorization"] == "Bearer a-token"
    assert "audit-id" not in read.headers
    assert "(" not in read.headers["user-agent"]


async def test_a_command_carries_what_the_audit_log_keeps_when_it_is_an_act(
    server: Liar, port: KubernetesCluster
) -> None:
    server.answers = [says(503, b"")]
    for by in (BY, None):
        with pytest.raises(Unavailable):
            await port.exec("shop", "web-1", "app", ["crictl", "rmi", "--prune"], by=by)
    act, question = server.heard
    assert act.headers["audit-id"] == BY.audit_id
    assert act.headers["user-agent"].endswith(f" ({'a' * 12})")
    assert "audit-id" not in question.headers
    assert "(" not in question.headers["user-agent"]


async def test_an_eviction_is_a_dry_run_in_the_query(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [says(201, {"kind": "Status"})]
    await _evict(port)
    assert server.heard[0].query == [("dryRun", "All")]
    assert "dryRun" not in json.loads(server.heard[0].body)
    assert server.heard[0].path.endswith("/pods/web-1/eviction")


@pytest.mark.parametrize("name", ["../secrets/x", "web/../x", "", "Web", "web?x", "web%2f"])
async def test_a_name_that_is_no_name_never_leaves(server: Liar, port: KubernetesCluster, name: str) -> None:
    with pytest.raises(PermanentError):
        await port.get(PODS, "shop", name)
    assert server.heard == []


def _page(token: str, *names: str) -> Answer:
    items = [{"metadata": {"name": name}} for name in names]
    return says(200, {"metadata": {"resourceVersion": "42", "continue": token}, "items": items})


async def test_a_list_that_expires_between_two_pages_begins_again(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [_page("t1", "a"), says(410, status(410, "expired")), _page("t2", "a", "b"), _page("", "c")]
    listed = await port.list(PODS, "shop", limit=2)
    assert [item["metadata"]["name"] for item in listed.items] == ["a", "b", "c"]
    assert listed.resource_version == "42"
    assert [dict(one.query).get("continue") for one in server.heard] == [None, "t1", None, "t2"]


async def test_a_list_that_expires_every_time_is_unavailable(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [says(410, status(410, "expired"))]
    with pytest.raises(Unavailable):
        await port.list(PODS, "shop")


async def test_exec_names_no_type_that_a_kubelet_would_have_to_answer_with(
    server: Liar, port: KubernetesCluster
) -> None:
    """One that takes websockets itself answers 406 to whoever wants JSON of a command."""
    server.answers = [says(503, b"")]
    with pytest.raises(Unavailable):
        await port.exec("shop", "web-1", "app", ["df", "-h"])
    sent = {name.lower(): value for name, value in server.heard[0].headers.items()}
    assert sent["accept"] == "*/*"


async def test_exec_that_is_refused_ran_nothing_and_one_that_is_cut_may_have(
    server: Liar, port: KubernetesCluster
) -> None:
    server.answers = [says(403, status(403, SECRET)), says(503, b""), hangs_up]
    with pytest.raises(NotPermitted):
        await port.exec("shop", "web-1", "app", ["df", "-h"])
    with pytest.raises(Unavailable):
        await port.exec("shop", "web-1", "app", ["df", "-h"])
    with pytest.raises(UnknownOutcome):
        await port.exec("shop", "web-1", "app", ["df", "-h"])
    query = server.heard[0].query
    assert [value for key, value in query if key == "command"] == ["df", "-h"]
    assert {key for key, _ in query} == {"container", "stdout", "stderr", "command"}


async def test_a_command_is_waited_for_as_long_as_was_said_and_then_its_outcome_is_unknown(
    server: Liar, port: KubernetesCluster
) -> None:
    server.answers = [hangs]
    async with asyncio.timeout(30):
        with pytest.raises(UnknownOutcome):
            await port.exec("shop", "web-1", "app", ["df", "-h"], seconds=0.2)


@pytest.mark.parametrize(
    ("answer", "error"),
    [(says(404, b"404 page not found\n"), TargetGone), (says(503, b"service unavailable"), Unavailable)],
)
async def test_a_metrics_api_that_is_not_there_is_told_from_one_that_does_not_answer(
    server: Liar, port: KubernetesCluster, answer: Answer, error: type[BytePortError]
) -> None:
    server.answers = [answer]
    with pytest.raises(error):
        await port.list(POD_METRICS, "shop")
    assert server.heard[0].path == "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods"
