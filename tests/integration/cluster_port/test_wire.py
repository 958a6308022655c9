"""The real port against an API server that misbehaves: each fault of the wire becomes the right error, and no word leaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.kubernetes import watching
from activities.kubernetes.client import KubernetesCluster
from activities.kubernetes.credentials import load_credentials
from byteport.errors import (
    BudgetRefuses,
    BytePortError,
    NotPermitted,
    PermanentError,
    PreconditionFailed,
    TargetGone,
    Throttled,
    Unavailable,
    UnknownOutcome,
)
from byteport.kubernetes.port import DEPLOYMENTS, PODS
from tests.integration.cluster_port.liar import Answer, Liar, hangs, hangs_up, liar, says, status, streams
from tests.integration.cluster_port.stages import BY

SECRET = "hunter2-from-the-server"
POLICY = (
    "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'agent-scope' with binding 'b' denied request: "
)
OPERATIONS = [{"op": "test", "path": "/metadata/uid", "value": "u"}]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Liar]:
    async with liar(tmp_path) as said:
        yield said


@pytest.fixture
async def port(server: Liar) -> AsyncIterator[KubernetesCluster]:
    async with KubernetesCluster(await load_credentials(server.kubeconfig, None), call_seconds=0.5) as cluster:
        yield cluster


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
    async def answer_and_close(writer: asyncio.StreamWriter) -> None:
        await says(200, {"kind": "Deployment"})(writer)
        await writer.drain()
        await hangs_up(writer)

    server.answers = [answer_and_close]
    await _patch(port)
    await asyncio.sleep(0.05)
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


async def test_a_server_that_another_authority_vouches_for_is_not_spoken_to(server: Liar, tmp_path: Path) -> None:
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


def _line(type_: str, **item: Any) -> bytes:
    return json.dumps({"type": type_, "object": item}).encode() + b"\n"


async def _watched(port: KubernetesCluster, seconds: int = 5) -> list[str]:
    watch = port.watch(PODS, "shop", resource_version="7", timeout_seconds=seconds)
    return [event.type async for event in watch]


async def test_events_are_read_wherever_the_stream_is_cut_into_parts(server: Liar, port: KubernetesCluster) -> None:
    text = _line("ADDED", metadata={}) + _line("MODIFIED", metadata={"n": "ü" * 1000}) + b"\n" + _line("BOOKMARK")
    server.answers = [streams(*(text[at : at + 7] for at in range(0, len(text), 7)))]
    assert await _watched(port) == ["ADDED", "MODIFIED", "BOOKMARK"]
    assert dict(server.heard[0].query) == {
        "watch": "true",
        "resourceVersion": "7",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "5",
    }


async def test_gone_is_told_at_the_start_and_in_the_stream(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [
        says(410, status(410, "too old")),
        streams(_line("ADDED"), _line("ERROR", **status(410, "too old")), ends=False),
    ]
    assert await _watched(port) == ["GONE"]
    assert await _watched(port) == ["ADDED", "GONE"]


async def test_a_stream_that_is_cut_in_an_event_is_unavailable(server: Liar, port: KubernetesCluster) -> None:
    server.answers = [streams(_line("ADDED"), _line("MODIFIED")[:-9])]
    with pytest.raises(Unavailable):
        await _watched(port)


async def test_a_connection_that_is_lost_amid_a_watch_is_unavailable(server: Liar, port: KubernetesCluster) -> None:
    async def cut(writer: asyncio.StreamWriter) -> None:
        await streams(_line("ADDED"), ends=False)(writer)
        await hangs_up(writer)

    server.answers = [cut]
    with pytest.raises(Unavailable):
        await _watched(port)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"not json\n", Unavailable),
        (b"[]\n", Unavailable),
        (_line("SURPRISE"), Unavailable),
        (_line("ERROR", **status(403, SECRET)), NotPermitted),
        (_line("ERROR", **status(500, SECRET)), Unavailable),
    ],
)
async def test_a_line_that_is_no_event_ends_the_watch_with_an_error(
    server: Liar, port: KubernetesCluster, line: bytes, expected: type[BytePortError]
) -> None:
    server.answers = [streams(line)]
    with pytest.raises(expected) as caught:
        await _watched(port)
    assert SECRET not in caught.value.message


async def test_an_event_without_end_is_refused_before_it_fills_the_memory(
    server: Liar, port: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_LINE", 1 << 16)
    server.answers = [streams(*[b"x" * 10_000] * 20, ends=False)]
    with pytest.raises(PermanentError, match="longer"):
        await _watched(port)


async def test_a_silent_stream_is_given_up_and_nothing_is_raised(
    server: Liar, port: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "LONGEST_SILENCE_SECONDS", 0.2)
    server.answers = [streams(_line("ADDED"), ends=False)]
    assert await _watched(port, seconds=300) == ["ADDED"]


async def test_a_watch_that_nobody_reads_on_lets_go_of_its_connection(server: Liar, port: KubernetesCluster) -> None:
    closed = asyncio.Event()

    async def endless(writer: asyncio.StreamWriter) -> None:
        await streams(_line("ADDED"), ends=False)(writer)
        await writer.drain()
        while not writer.is_closing():
            writer.write(b"1\r\n\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)
        closed.set()
        raise ConnectionResetError

    server.answers = [endless]
    watch = port.watch(PODS, "shop", resource_version="7")
    async for _ in watch:
        break
    await watch.aclose()  # type: ignore[attr-defined]
    await asyncio.wait_for(closed.wait(), 5)


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
