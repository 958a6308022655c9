"""A real Prometheus, asked over mutual TLS: whose each series is, what it no longer measures, and what it lets everybody do."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from activities.cloud.poll import LATE, polled
from activities.cloud.prometheus import MOST_SERIES, PrometheusMetrics
from activities.cloud.source import Excess, Measured, Window
from activities.secrets.port import Secret, SecretSource
from byteport.contracts.cloud import CloudSource, Metric, PollMetrics
from byteport.contracts.cloud_sources import PrometheusSource
from byteport.contracts.symptoms import Subject
from byteport.domain.policy import PolicyConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Throttled, Unavailable
from tests.integration.cloud.prometheus_answering import PROVIDER, Answering, answering, disk, dripping
from tests.integration.cloud.prometheus_real import Real, Series, prometheus
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers

UID = "00000000-0000-4000-8000-000000000001"
MACHINE = Subject(kind="Node", provider_id=PROVIDER)
LIMIT = 1000.0


class Kept:
    """One secret, and how often it was asked for."""

    def __init__(self, value: str) -> None:
        self._value = value
        self.asked: list[str] = []

    async def read(self, name: str) -> Secret:
        self.asked.append(name)
        return Secret(self._value)

    async def close(self) -> None:
        """Nothing is open."""


def no_secrets() -> SecretSource:
    raise AssertionError("no setting names a token")


@pytest_asyncio.fixture
async def real(authority: Authority, tmp_path: Path) -> AsyncIterator[Real]:
    async with prometheus(authority, tmp_path) as running:
        yield running


@pytest_asyncio.fixture
async def there(authority: Authority) -> AsyncIterator[Answering]:
    async with answering(authority) as listening:
        yield listening


def source(real: Real, authority: Authority, **config: Any) -> PrometheusMetrics:
    shown = {"client_cert_file": real.certificate, "client_key_file": real.key}
    made = PrometheusSource(url=real.url, ca_file=authority.ca_file, **{**shown, **config})
    return PrometheusMetrics(made, "production", secrets=no_secrets)


def window(now: datetime) -> Window:
    return Window(now - LATE, now)


async def read(from_source: PrometheusMetrics, now: datetime) -> Measured:
    try:
        return await from_source.read(window(now))
    finally:
        await from_source.close()


def minutes(now: datetime, value: float, *, until: int = 0) -> list[tuple[float, float]]:
    """One value a minute for a quarter of an hour, the last `until` minutes ago."""
    return [((now - timedelta(minutes=ago)).timestamp(), value) for ago in range(15, until - 1, -1)]


def filesystem(now: datetime, used: float, *, until: int = 0, **labels: str) -> list[Series]:
    named = {"mountpoint": "/", "fstype": "ext4", "device": "/dev/nvme0n1p1", **labels}
    figures = {"size": LIMIT, "free": LIMIT * (1 - used), "avail": LIMIT * (1 - used)}
    return [
        ({"__name__": f"node_filesystem_{name}_bytes", **named}, minutes(now, value, until=until))
        for name, value in figures.items()
    ]


def node_info(now: datetime, address: str = "10.0.0.7", provider_id: str = PROVIDER, **labels: str) -> Series:
    return (
        {"__name__": "kube_node_info", "internal_ip": address, "provider_id": provider_id, "node": "n1", **labels},
        minutes(now, 1),
    )


def moment() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def latest(measured: Measured, subject: Subject, metric: Metric) -> float:
    found = [point for point in measured.points if (point.subject, point.metric) == (subject, metric)]
    return max(found, key=lambda point: point.at).percent


@pytest.mark.claim("C-412")
async def test_machines_are_known_by_their_address_and_never_by_a_name(real: Real, authority: Authority) -> None:
    now = moment()
    await real.wrote(
        node_info(now),
        *filesystem(now, 0.91, instance="10.0.0.7:9100"),
        *filesystem(now, 0.97, instance="10.0.0.8:9100", node="n1"),
        *filesystem(now, 0.98, instance="n1", node="n1", nodename="n1"),
    )
    found = await read(source(real, authority), now)
    assert {point.subject for point in found.points} == {MACHINE}
    assert latest(found, MACHINE, Metric.DISK) == pytest.approx(91)
    assert found.series == 1
    assert not found.truncated
    assert found.source_now is not None
    assert abs(found.source_now - now) < timedelta(minutes=1)


async def test_an_address_that_two_machines_claim_is_nobodys(real: Real, authority: Authority) -> None:
    now = moment()
    await real.wrote(
        node_info(now),
        node_info(now, provider_id="aws:///x/i-other", node="n2"),
        *filesystem(now, 0.91, instance="10.0.0.7:9100"),
    )
    found = await read(source(real, authority), now)
    assert (list(found.points), found.truncated) == ([], True), "which is not that all was read"


async def test_every_metric_of_machines_and_containers_is_in_percent(real: Real, authority: Authority) -> None:
    now = moment()
    of_pod = {"namespace": "shop", "pod": "web-1", "container": "web"}
    seconds = [(at, number * 60 * 0.19) for number, (at, _) in enumerate(minutes(now, 0))]
    idle = [(at, number * 60 * 0.05) for number, (at, _) in enumerate(minutes(now, 0))]
    await real.wrote(
        node_info(now),
        ({"__name__": "node_cpu_seconds_total", "mode": "idle", "cpu": "0", "instance": "10.0.0.7:9100"}, idle),
        ({"__name__": "node_memory_MemAvailable_bytes", "instance": "10.0.0.7:9100"}, minutes(now, 80.0)),
        ({"__name__": "node_memory_MemTotal_bytes", "instance": "10.0.0.7:9100"}, minutes(now, 1000.0)),
        ({"__name__": "container_memory_working_set_bytes", **of_pod}, minutes(now, 93.0)),
        ({"__name__": "container_cpu_usage_seconds_total", **of_pod}, seconds),
        ({"__name__": "kube_pod_container_resource_limits", "resource": "memory", **of_pod}, minutes(now, 100.0)),
        ({"__name__": "kube_pod_container_resource_limits", "resource": "cpu", **of_pod}, minutes(now, 0.2)),
    )
    found = await read(source(real, authority), now)
    pod = Subject(kind="Pod", namespace="shop", name="web-1")
    assert latest(found, MACHINE, Metric.CPU) == pytest.approx(95, abs=0.5)
    assert latest(found, MACHINE, Metric.MEMORY) == pytest.approx(92)
    assert latest(found, pod, Metric.MEMORY) == pytest.approx(93)
    assert latest(found, pod, Metric.CPU) == pytest.approx(95, abs=0.5)


@pytest.mark.claim("C-412")
async def test_a_value_is_not_repeated_after_it_is_measured_no_more(real: Real, authority: Authority) -> None:
    now = moment()
    await real.wrote(node_info(now), *filesystem(now, 0.91, until=4, instance="10.0.0.7:9100"))
    found = await read(source(real, authority), now)
    assert max(point.at for point in found.points) <= now - timedelta(minutes=3)


async def test_only_series_of_this_cluster_count_where_several_are_kept(real: Real, authority: Authority) -> None:
    now = moment()
    for cluster, used in (("production", 0.5), ("elsewhere", 0.99)):
        await real.wrote(
            node_info(now, cluster=cluster), *filesystem(now, used, instance="10.0.0.7:9100", cluster=cluster)
        )
    found = await read(source(real, authority, cluster_label="cluster"), now)
    assert latest(found, MACHINE, Metric.DISK) == pytest.approx(50)


@pytest.mark.claim("C-494")
async def test_a_real_one_is_asked_for_no_more_series_than_are_taken_and_says_that_there_are(
    real: Real, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.cloud.prometheus.MOST_SERIES", 2)
    now = moment()
    mountpoints = ("/", "/var", "/var/lib", "/var/lib/kubelet")
    await real.wrote(
        node_info(now),
        *(one for path in mountpoints for one in filesystem(now, 0.5, instance="10.0.0.7:9100", mountpoint=path)),
    )
    found = await read(source(real, authority), now)
    assert (found.series, found.truncated) == (2, True)


@pytest.mark.claim("C-408")
async def test_what_a_real_one_measures_becomes_one_symptom_for_as_long_as_it_lasts(
    real: Real, authority: Authority
) -> None:
    now = moment()
    await real.wrote(node_info(now), *filesystem(now, 0.91, instance="10.0.0.7:9100"))
    measured = await read(source(real, authority), now)
    call = PollMetrics(cluster_uid=UID, source=CloudSource.PROMETHEUS)
    first = polled(call, window(now), measured, PolicyConfig(), now=now)
    (symptom,) = first.symptoms
    assert symptom.subject == MACHINE
    assert symptom.value == pytest.approx(91)
    again = polled(call.model_copy(update={"open": first.open}), window(now), measured, PolicyConfig(), now=now)
    assert again.symptoms[0].evidence_digest == first.symptoms[0].evidence_digest


@pytest.mark.claim("C-412")
async def test_without_the_certificate_that_it_asks_for_nothing_is_read(real: Real, authority: Authority) -> None:
    bare = source(real, authority, client_cert_file=None, client_key_file=None)
    with pytest.raises((Unavailable, NotPermitted)):
        await read(bare, moment())


async def test_what_its_flags_let_everybody_do_is_found(real: Real, authority: Authority) -> None:
    asking = source(real, authority)
    findings = await asking.check()
    await asking.close()
    assert [(one.what, one.permission) for one in findings] == [(Excess.IN_EXCESS, "web.enable-remote-write-receiver")]
    assert not findings[0].never_requested, "it is the server's, and no right of ours: what it measures is read"


# -- what no real one answers when asked ------------------------------------------------------------------------------


def of(there: Answering, authority: Authority, secrets: Kept | None = None, **config: Any) -> PrometheusMetrics:
    made = PrometheusSource(url=there.url, ca_file=authority.ca_file, **config)
    return PrometheusMetrics(made, "production", secrets=no_secrets if secrets is None else lambda: secrets)


async def test_warnings_mean_that_something_is_missing(there: Answering, authority: Authority) -> None:
    there.measured, there.more = disk(91.0), {"warnings": ["the words of Prometheus"]}
    assert (await read(of(there, authority), moment())).truncated


@pytest.mark.claim("C-494")
async def test_more_series_than_a_poll_takes_are_said_to_be_cut(there: Answering, authority: Authority) -> None:
    row = {"metric": {"instance": "10.0.0.7:9100", "mountpoint": "/"}, "values": [[0, "1"]]}
    there.measured = lambda query, _s, _e: [row] * (MOST_SERIES + 1) if "filesystem" in query else []
    found = await read(of(there, authority), moment())
    assert (found.series, found.truncated) == (MOST_SERIES, True)


def rows(number: int, values: int) -> list[dict[str, Any]]:
    """So many filesystems of one machine, each with so many values."""
    end = int(moment().timestamp()) // 60 * 60
    return [
        {
            "metric": {"instance": "10.0.0.7:9100", "mountpoint": f"/{one}"},
            "values": [[end - 60 * minute, "50"] for minute in range(values)],
        }
        for one in range(number)
    ]


@pytest.mark.claim("C-494")
async def test_more_points_than_a_poll_takes_are_left_out_and_said(
    there: Answering, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.cloud.prometheus.MOST_POINTS", 40)
    there.measured = lambda query, _s, _e: rows(9, 15) if "filesystem" in query else []
    found = await read(of(there, authority), moment())
    assert (len(found.points), found.series, found.truncated) == (30, 2, True)


@pytest.mark.claim("C-494")
async def test_a_series_with_more_values_than_there_are_minutes_is_left_out_and_hides_no_other(
    there: Answering, authority: Authority
) -> None:
    there.measured = lambda query, _s, _e: [*rows(1, 5000), *rows(2, 15)] if "filesystem" in query else []
    found = await read(of(there, authority), moment())
    assert (len(found.points), found.series, found.truncated) == (30, 2, True)


@pytest.mark.claim("C-494")
async def test_an_answer_that_does_not_end_is_given_up_and_what_to_do_is_said(
    there: Answering, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.cloud.prometheus.LARGEST_ANSWER", 4096)
    there.measured = lambda query, _s, _e: rows(40, 15) if "filesystem" in query else []
    with pytest.raises(PermanentError, match=r"larger than .* set clouds\.prometheus\.cluster_label"):
        await read(of(there, authority), moment())


@pytest.mark.claim("C-494")
async def test_an_answer_that_is_cut_off_is_none(there: Answering, authority: Authority) -> None:
    def cut() -> web.Response:
        return web.Response(body=b'{"status": "success", "data": {"resultType": "vector", "result": [{"metric"')

    there.instead = cut
    with pytest.raises(Unavailable, match="cannot be read"):
        await read(of(there, authority), moment())


@pytest.mark.claim("C-494")
async def test_fault_6_one_that_answers_a_byte_at_a_time_is_not_waited_for(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.cloud.prometheus.SECONDS", 0.4)
    began = asyncio.get_running_loop().time()
    async with dripping(authority) as port:
        slow = PrometheusMetrics(
            PrometheusSource(url=f"https://localhost:{port}", ca_file=authority.ca_file),
            "production",
            secrets=no_secrets,
        )
        with pytest.raises(Unavailable, match="in time"):
            await read(slow, moment())
    assert asyncio.get_running_loop().time() - began < 60


@pytest.mark.claim("C-412")
async def test_the_token_is_read_at_every_poll_and_shown_as_a_header(there: Answering, authority: Authority) -> None:
    kept = Kept("t0ken\n")
    source = of(there, authority, kept, token="metrics/token")
    for _ in range(2):
        await read(source, moment())
    assert kept.asked == ["metrics/token"] * 2
    assert {got.headers["authorization"] for got in there.receiver.got} == {"Bearer t0ken"}
    assert not any("t0ken" in got.path or b"t0ken" in got.body for got in there.receiver.got)


async def test_a_secret_that_is_no_token_is_shown_to_nobody(there: Answering, authority: Authority) -> None:
    with pytest.raises(ConfigError, match=r"clouds\.prometheus\.token") as refused:
        await read(of(there, authority, Kept("two words"), token="metrics/token"), moment())
    assert "two words" not in str(refused.value)
    assert there.receiver.got == []


async def test_its_clock_is_told(there: Answering, authority: Authority) -> None:
    late = moment() - timedelta(hours=1)
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}})
    there.instead = lambda: web.Response(text=body, headers={"Date": format_datetime(late, usegmt=True)})
    assert (await read(of(there, authority), moment())).source_now == late


@pytest.mark.claim("C-412")
@pytest.mark.parametrize(
    ("status", "body", "headers", "meaning", "words"),
    [
        (401, "no", {}, NotPermitted, r"clouds\.prometheus\.token"),
        (403, "no", {}, NotPermitted, "does not let us in"),
        (404, "<html>", {}, ConfigError, r"clouds\.prometheus\.url"),
        (422, '{"status": "error", "errorType": "execution"}', {}, PermanentError, "max-samples"),
        (429, "slower", {"Retry-After": "7"}, Throttled, "429"),
        (503, '{"status": "error", "errorType": "timeout"}', {}, Unavailable, "timeout"),
        (200, "<html>words</html>", {}, Unavailable, "cannot be read"),
        (200, '{"status": "error", "errorType": "words"}', {}, Unavailable, "not one"),
        (200, '{"status": "success", "data": {"result": ' + "[" * 9999, {}, Unavailable, "cannot be read"),
        (302, "", {"Location": "https://elsewhere.example/"}, NotPermitted, "302"),
    ],
)
async def test_every_other_answer_ends_in_an_error_that_says_what_to_do(
    there: Answering,
    authority: Authority,
    status: int,
    body: str,
    headers: dict[str, str],
    meaning: type[BytePortError],
    words: str,
) -> None:
    there.instead = lambda: web.Response(status=status, text=body, headers=headers)
    with pytest.raises(meaning, match=words) as refused:
        await read(of(there, authority), moment())
    assert "words" not in str(refused.value)
    if isinstance(refused.value, Throttled):
        assert refused.value.delay == timedelta(seconds=7)


async def test_values_that_are_none_are_no_points(there: Answering, authority: Authority) -> None:
    values = [[0, "NaN"], [60, "words"], [1e300, "1"]]
    row = {"metric": {"instance": "10.0.0.7:9100", "mountpoint": "/"}, "values": values}
    there.measured = lambda query, _s, _e: [row] if "filesystem" in query else []
    (point,) = (await read(of(there, authority), moment())).points
    assert math.isnan(point.percent)
