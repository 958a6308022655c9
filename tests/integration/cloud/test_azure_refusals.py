"""Azure Monitor over TLS: whose token goes where, each refusal by its name, and nobody else who is asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from activities.cloud.source import Window
from byteport.contracts.cloud import Metric
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.cloud.azure_as_a_pod import (
    CPU,
    NOW,
    ends,
    every,
    machine,
    measured,
    minute,
    refusal,
    said,
    source,
)
from tests.integration.cloud.azure_state import (
    CLUSTER,
    LOGS,
    MANAGEMENT,
    METRICS,
    WORKSPACE,
    Azure,
    virtual_machine,
)
from tests.integration.export.authority import Authority, new_authority

pytestmark = pytest.mark.peers


@pytest.mark.claim("C-417")
async def test_each_service_is_shown_a_token_that_is_for_it_alone(azure_there: Azure, authority: Authority) -> None:
    machine(azure_there)
    await measured(azure_there, authority, cluster_id=CLUSTER, workspace=WORKSPACE)
    assert sorted(azure_there.tokens.values()) == sorted([METRICS, MANAGEMENT, LOGS])
    for service, audience in (
        (azure_there.metrics, METRICS),
        (azure_there.management, MANAGEMENT),
        (azure_there.logs, LOGS),
    ):
        shown = {got.headers["authorization"].removeprefix("Bearer ") for got in service.got}
        assert {azure_there.tokens[token] for token in shown} == {audience}


@pytest.mark.claim("C-417")
@pytest.mark.parametrize(
    ("service", "status", "headers", "error", "says"),
    [
        ("metrics", 429, {"Retry-After": "17"}, Throttled, "429"),
        ("metrics", 429, {"x-ms-retry-after-ms": "17000"}, Throttled, "429"),
        ("metrics", 529, {"retry-after-ms": "17000"}, Throttled, "529"),
        ("metrics", 503, {"Retry-After": "17"}, Throttled, "503"),
        ("metrics", 500, {}, Unavailable, "500"),
        ("metrics", 401, {}, NotPermitted, "on the subscription"),
        ("metrics", 403, {}, NotPermitted, "on the subscription"),
        ("metrics", 400, {}, ConfigError, "clouds.azure.metrics"),
        ("management", 429, {"Retry-After": "17"}, Throttled, "429"),
        ("management", 403, {}, NotPermitted, "Monitoring Reader"),
        ("management", 404, {}, ConfigError, "clouds.azure.node_resource_group"),
        ("management", 500, {}, Unavailable, "500"),
        ("login", 400, {}, NotPermitted, "token endpoint"),
        ("login", 401, {}, NotPermitted, "token endpoint"),
        ("login", 429, {"Retry-After": "17"}, Throttled, "429"),
        ("login", 503, {"Retry-After": "17"}, Throttled, "503"),
        ("logs", 403, {}, NotPermitted, "on the workspace"),
        ("logs", 429, {"Retry-After": "17"}, Throttled, "429"),
        ("logs", 400, {}, ConfigError, "clouds.azure.workspace"),
    ],
)
async def test_each_refusal_has_its_name_and_none_of_its_words(
    azure_there: Azure,
    authority: Authority,
    service: str,
    status: int,
    headers: dict[str, str],
    error: type[BytePortError],
    says: str,
) -> None:
    machine(azure_there)
    azure_there.refusals = [(service, status, headers)]
    refused = await refusal(azure_there, authority, error, cluster_id=CLUSTER, workspace=WORKSPACE)
    assert says in str(refused)
    if isinstance(refused, Throttled):
        assert refused.delay == timedelta(seconds=17)


@pytest.mark.claim("C-417")
async def test_a_token_that_is_not_taken_is_not_used_again(azure_there: Azure, authority: Authority) -> None:
    machine(azure_there)
    asked = source(azure_there, authority)
    await asked.read(Window(minute(6), NOW))
    azure_there.tokens = dict.fromkeys(azure_there.tokens, "")
    with pytest.raises(NotPermitted):
        await asked.read(Window(minute(6), NOW))
    await asked.read(Window(minute(6), NOW))
    await asked.close()
    assert [azure_there.tokens[token] for token in azure_there.tokens if azure_there.tokens[token]] == [METRICS]


async def test_one_batch_that_is_refused_ends_all_of_them(azure_there: Azure, authority: Authority) -> None:
    for number in range(1000):
        machine(azure_there, number)
    azure_there.refusals = [("metrics", 429, {"Retry-After": "17"})]
    await refusal(azure_there, authority, Throttled)
    assert len(azure_there.metrics.got) < 20


async def test_between_polls_no_connection_stays_and_what_was_learned_does(
    azure_there: Azure, authority: Authority
) -> None:
    azure_there.measure(machine(azure_there), CPU, every(50.0))
    asked = source(azure_there, authority)
    found = []
    for _ in range(2):
        found.append(await asked.read(Window(minute(6), NOW)))
        await asked.close()
    assert found[0].points == found[1].points != ()
    assert sorted(azure_there.tokens.values()) == sorted([METRICS, MANAGEMENT])
    assert len(azure_there.management.got) == 3


@pytest.mark.claim("C-417")
async def test_a_page_that_lies_elsewhere_is_not_asked_for(azure_there: Azure, authority: Authority) -> None:
    azure_there.page = 1
    azure_there.machines = [virtual_machine("one"), virtual_machine("two")]
    for elsewhere in ("https://elsewhere.example", "https://localhost:1", "http://localhost", "//[", "no address"):
        azure_there.next_page_at = elsewhere
        assert "lies elsewhere" in (await refusal(azure_there, authority, NotPermitted)).message


@pytest.mark.claim("C-417")
@pytest.mark.parametrize(
    "raw",
    [b"{}", b"[]", b'"words"', b"\xff", b'{"values": [{}, 1]}', b'{"values": null}', b'{"a":' * 99_999 + b"1"],
    ids=lambda raw: raw[:20].decode("ascii", "replace"),
)
async def test_an_answer_that_cannot_be_read_is_unavailable(
    azure_there: Azure, authority: Authority, raw: bytes
) -> None:
    machine(azure_there)
    azure_there.raw = raw
    await refusal(azure_there, authority, Unavailable)


@pytest.mark.claim("C-417")
async def test_a_server_that_another_authority_vouches_for_is_told_nothing(
    azure_there: Azure, authority: Authority, tmp_path: Path
) -> None:
    other = new_authority(tmp_path)
    refused = await refusal(azure_there, other, NotPermitted)
    assert "clouds.ca_file" in refused.message
    assert azure_there.login.got == []


@pytest.mark.claim("C-417")
async def test_no_variable_of_the_environment_sends_it_elsewhere(
    azure_there: Azure, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-taken")
    azure_there.measure(machine(azure_there), CPU, every(50.0))
    assert said(await measured(azure_there, authority), Metric.CPU) == ends(every(50.0))
    assert not any(b"not-taken" in got.body for got in azure_there.login.got)


@pytest.mark.claim("C-417")
async def test_review_15_only_a_workload_identity_is_taken(
    azure_there: Azure, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-taken")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "none"))
    assert "AZURE_FEDERATED_TOKEN_FILE" in str(await refusal(azure_there, authority, ConfigError))
    monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
    assert "workload identity" in (await refusal(azure_there, authority, ConfigError)).message
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(tmp_path / "azure-identity-token"))
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://localhost")
    assert "AZURE_AUTHORITY_HOST" in str(await refusal(azure_there, authority, ConfigError))
    assert azure_there.login.got == []
