"""Google Cloud Monitoring: each refusal by its name, and nobody else who is asked."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from activities.clock import utc_now
from activities.cloud.gcp_channel import SCOPE, MonitoringApi
from activities.cloud.gcp_requests import nodes
from activities.cloud.source import Window
from activities.export.google import GoogleIdentity
from byteport.contracts.cloud import Metric
from byteport.contracts.cloud_gcp import GcpSource
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.cloud.gcp_monitoring import Monitoring, error_info, monitoring, retry_info
from tests.integration.cloud.gcp_reading import (
    CPU,
    NOW,
    every,
    machine,
    measured,
    minute,
    node,
    refusal,
    said,
    source,
)
from tests.integration.cloud.google_as_a_pod import PROJECT, Google
from tests.integration.export.authority import Authority
from tests.integration.export.test_proxied import proxy

pytestmark = pytest.mark.peers


@pytest.mark.claim("C-415")
@pytest.mark.parametrize(
    ("code", "details", "error", "says"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, (retry_info(17),), Throttled, "RESOURCE_EXHAUSTED"),
        (grpc.StatusCode.PERMISSION_DENIED, (), NotPermitted, "monitoring.timeSeries.list"),
        (grpc.StatusCode.PERMISSION_DENIED, (error_info("SERVICE_DISABLED"),), NotPermitted, "enable monitoring"),
        (grpc.StatusCode.UNAUTHENTICATED, (), NotPermitted, "clouds.gcp"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, (), Unavailable, "DEADLINE_EXCEEDED"),
        (grpc.StatusCode.UNAVAILABLE, (), Unavailable, "UNAVAILABLE"),
        (grpc.StatusCode.INTERNAL, (), Unavailable, "INTERNAL"),
        (grpc.StatusCode.NOT_FOUND, (), ConfigError, "clouds.gcp.project"),
        (grpc.StatusCode.INVALID_ARGUMENT, (), ConfigError, "clouds.gcp"),
    ],
)
async def test_each_refusal_has_its_name_and_none_of_its_words(
    metrics: Monitoring,
    authority: Authority,
    code: grpc.StatusCode,
    details: tuple[Any, ...],
    error: type[BytePortError],
    says: str,
) -> None:
    metrics.refusals = [(code, details)]
    refused = await refusal(metrics, authority, error)
    assert says in refused.message
    if isinstance(refused, Throttled):
        assert refused.delay == timedelta(seconds=17)
    assert len(metrics.asked) == 1


@pytest.mark.claim("C-415")
async def test_an_endless_delay_is_cut_short(metrics: Monitoring, authority: Authority) -> None:
    metrics.refusals = [(grpc.StatusCode.RESOURCE_EXHAUSTED, (retry_info(10**9),))]
    refused = await refusal(metrics, authority, Throttled)
    assert isinstance(refused, Throttled)
    assert refused.delay == timedelta(hours=1)


@pytest.mark.claim("C-415")
async def test_a_token_that_is_not_taken_is_not_used_again(
    metrics: Monitoring, authority: Authority, google_there: Google
) -> None:
    machine(metrics)
    asked = source(metrics, authority)
    await asked.read(Window(minute(6), NOW))
    google_there.tokens.clear()
    with pytest.raises(NotPermitted):
        await asked.read(Window(minute(6), NOW))
    google_there.tokens["spent"] = ""
    await asked.read(Window(minute(6), NOW))
    await asked.close()
    assert len(google_there.exchange.got) == 2


async def test_between_polls_no_connection_stays_and_the_token_does(
    metrics: Monitoring, authority: Authority, google_there: Google
) -> None:
    machine(metrics)
    node(metrics, CPU, every(0.4))
    asked = source(metrics, authority)
    found = []
    for _ in range(2):
        found.append(await asked.read(Window(minute(6), NOW)))
        await asked.close()
    assert found[0].points == found[1].points != ()
    assert len(google_there.exchange.got) == 1


async def test_another_project_than_the_identitys_is_refused_by_name(metrics: Monitoring, authority: Authority) -> None:
    assert PROJECT not in (await refusal(metrics, authority, NotPermitted, project="someone-else")).message


@pytest.mark.claim("C-415")
async def test_a_server_that_another_authority_vouches_for_is_told_nothing(
    google_there: Google, authority: Authority
) -> None:
    stranger = authority.stranger.issue_cert("localhost")
    async with monitoring(PROJECT, google_there.for_metrics, NOW, stranger) as there:
        refused = await refusal(there, authority, NotPermitted)
        assert "clouds.ca_file" in refused.message
        assert there.asked == []


async def test_what_grpc_would_say_of_a_stranger_is_not_written_past_our_log(
    google_there: Google, authority: Authority
) -> None:
    stranger = authority.stranger.issue_cert("localhost")
    async with monitoring(PROJECT, google_there.for_metrics, NOW, stranger) as there:
        program = f"""
import asyncio, datetime, pathlib
from activities.cloud.gcp import GcpMetrics
from activities.cloud.source import Window
from byteport.contracts.cloud_gcp import GcpSource
from byteport.errors import NotPermitted

now = datetime.datetime.now(datetime.UTC)
source = GcpMetrics(GcpSource(project="{PROJECT}", endpoint="localhost:{there.port}"), ca_file=pathlib.Path("{authority.ca_file}"))
try:
    asyncio.run(source.read(Window(now - datetime.timedelta(minutes=9), now)))
except NotPermitted as refused:
    print(refused.code)
"""
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, besides = await child.communicate()
    assert (said.strip(), besides) == (b"not_permitted", b"")


@pytest.mark.claim("C-415")
async def test_no_variable_of_the_environment_sends_it_elsewhere(
    metrics: Monitoring, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("grpc_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    machine(metrics)
    node(metrics, CPU, every(0.4))
    assert said(await measured(metrics, authority), Metric.CPU) == every(40.0)


async def test_a_proxy_of_the_settings_opens_a_tunnel_and_reads_nothing_of_it(
    metrics: Monitoring, authority: Authority, google_there: Google
) -> None:
    identity = GoogleIdentity(authority.ca_file, None, utc_now, scope=SCOPE)
    query, window = (
        nodes(GcpSource(project=PROJECT, cluster="prod", location="europe-west1"), CPU),
        Window(minute(6), NOW),
    )
    node(metrics, CPU, every(0.4))
    async with proxy(metrics.port) as between:
        endpoint = f"localhost:{metrics.port}"
        api = MonitoringApi(endpoint, PROJECT, identity, authority.ca_file, between.url)
        pages = [page async for page in api.pages(query, window)]
        await api.close()
    assert [len(page.time_series) for page in pages] == [1]
    (asked,) = between.asked
    assert asked.startswith(f"CONNECT {endpoint} ".encode())
    assert b"token-" not in asked + between.through


@pytest.mark.claim("C-415")
async def test_review_15_a_key_of_a_service_account_or_a_persons_login_is_not_taken(
    metrics: Monitoring, authority: Authority, google_there: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    for kind in ("service_account", "authorized_user"):
        path.write_text(json.dumps({"type": kind, "private_key": "k", "client_secret": "s", "refresh_token": "t"}))
        refused = await refusal(metrics, authority, ConfigError)
        assert "that never end" in refused.message
    assert metrics.asked == google_there.exchange.got == []


@pytest.mark.claim("C-415")
async def test_an_answer_that_does_not_come_is_not_waited_for(
    metrics: Monitoring, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.cloud.gcp_channel.SECONDS", 1.0)
    metrics.silent = True
    assert "DEADLINE_EXCEEDED" in (await refusal(metrics, authority, Unavailable)).message
    assert len(metrics.asked) <= 1, "nor asked again"


@pytest.mark.claim("C-415")
async def test_an_answer_with_times_that_are_none_is_unavailable(metrics: Monitoring, authority: Authority) -> None:
    machine(metrics)
    node(metrics, CPU, every(0.4))
    metrics.absurd = True
    assert "a time that is none" in (await refusal(metrics, authority, Unavailable)).message


async def test_nobody_listening_is_unavailable(metrics: Monitoring, authority: Authority, google_there: Google) -> None:
    free = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = free.sockets[0].getsockname()[1]
    free.close()
    await free.wait_closed()
    metrics.port = port
    await refusal(metrics, authority, Unavailable)
