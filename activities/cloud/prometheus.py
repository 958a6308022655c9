"""Prometheus, or what speaks its HTTP API: machines by node_exporter, containers by the kubelet, all by range queries.

Only over TLS, by a bearer token or a certificate that we show, and bounded in series and in bytes. A value is asked for at
whole minutes, and only where one was scraped in the minute before: Prometheus would else repeat the last for five. Comes after
`prometheus_queries.py` and `prometheus_answers.py`; `poll.py` makes symptoms of the points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from urllib.parse import urlencode

from activities.clock import Clock, utc_now
from activities.cloud.dates import time_said
from activities.cloud.prometheus_answers import (
    LONGEST_LABEL,
    Answered,
    Machines,
    error_type,
    pod_of,
    points_of,
    rows_of,
)
from activities.cloud.prometheus_queries import NODE_INFO, Query, queries, selector
from activities.cloud.source import Excess, Measured, Point, RightFinding, Window
from activities.export.answers import Answer, Asked, retry_after
from activities.export.guarded import GuardedClient
from activities.export.requests import ClientCertificate, Redirects, Request
from activities.secrets.port import SecretSource
from byteport.contracts.cloud import CloudSource
from byteport.contracts.cloud_sources import PrometheusSource
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Throttled, Unavailable

SETTING = "clouds.prometheus"
URL, TOKEN = f"{SETTING}.url", f"{SETTING}.token"
STEP = timedelta(minutes=1)
MOST_SERIES = 20_000
"""Of one query. Kubernetes has at most 5,000 machines in a cluster."""
MOST_POINTS = 400_000
"""Of one poll: about 70 MiB. Machines are asked about first, so that what is left out is of pods, which is said."""
LARGEST_ANSWER = 16 << 20
SECONDS = 20.0
"""For one query; Prometheus is told to give up before."""
THROTTLED_FOR = timedelta(seconds=10)
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_FLAGS = {
    "web.enable-admin-api": "series can be deleted",
    "web.enable-lifecycle": "it can be ended",
    "web.enable-remote-write-receiver": "values can be written",
}
"""What Prometheus itself, which knows no rights, lets everybody do who may ask it anything."""


class PrometheusMetrics:
    """One Prometheus."""

    source = CloudSource.PROMETHEUS

    def __init__(
        self,
        config: PrometheusSource,
        cluster_name: str,
        *,
        secrets: Callable[[], SecretSource],
        clock: Clock = utc_now,
    ) -> None:
        """`secrets` is asked only where the settings name a token. Raises `ConfigError` for settings that cannot be used."""
        if config.url is None:
            raise ConfigError(URL, "must be set where clouds.sources names prometheus")
        self._config = config
        self._cluster = cluster_name
        self._url = config.url.rstrip("/")
        self._secrets = secrets
        self._clock = clock
        self._now_there: datetime | None = None
        certificate = None
        if config.client_cert_file is not None and config.client_key_file is not None:
            named = f"{SETTING}.client_cert_file"
            certificate = ClientCertificate(config.client_cert_file, config.client_key_file, named)
        self._client = GuardedClient(
            config.url, ca_file=config.ca_file, ca_setting=f"{SETTING}.ca_file", certificate=certificate, clock=clock
        )

    async def read(self, window: Window) -> Measured:
        token = await self._token()
        known = await self._ask("query", {"query": selector(self._config, self._cluster, NODE_INFO)}, token)
        machines = Machines(known.rows)
        points: list[Point] = []
        series, whole = 0, not known.partial and not machines.doubtful
        steps = (window.end - window.start) // STEP + 2
        for query in queries(self._config, self._cluster):
            found = await self._ask("query_range", _range(query, window), token)
            whole &= not found.partial and len(found.rows) <= MOST_SERIES
            for row in found.rows[:MOST_SERIES]:
                subject = pod_of(row.metric) if query.of_pods else machines.subject(row.metric)
                if subject is None:
                    continue
                if len(row.values) > steps or len(points) + len(row.values) > MOST_POINTS:
                    whole = False
                    continue
                series += 1
                part = row.metric.get("container" if query.of_pods else "mountpoint", "")[:LONGEST_LABEL]
                points += [Point(subject, query.metric, value, at, STEP, part) for at, value in points_of(row)]
        return Measured(points, series, self._now_there, truncated=not whole)

    async def check(self) -> tuple[RightFinding, ...]:
        """Prometheus knows no rights: whoever may read may do all that its flags allow."""
        token = await self._token()
        try:
            await self._ask("query", {"query": "vector(1)"}, token)
        except NotPermitted as error:
            return (RightFinding(Excess.MISSING, "query", f"query: is missing; {error.message}"),)
        answer = await self._client.ask(self._request("GET", "status/flags", token), _ASKED)
        if not answer.taken:
            says = (
                f"status/flags: cannot be told; it answers {answer.status}. See to it that only queries are let through"
            )
            return (RightFinding(Excess.CANNOT_TELL, "status/flags", says),)
        flags = answer.body.replace(b" ", b"")
        return tuple(
            RightFinding(
                Excess.IN_EXCESS,
                flag,
                f"{flag}: is on, so that {what} by whoever may read; take the flag away, or let only queries through",
            )
            for flag, what in _FLAGS.items()
            if f'"{flag}":"true"'.encode() in flags
        )

    async def close(self) -> None:
        await self._client.close()

    # -- asking -----------------------------------------------------------------------------------------------------

    async def _token(self) -> Mapping[str, str]:
        """What shows who we are; read at every poll, and kept by none."""
        if self._config.token is None:
            return {}
        secrets = self._secrets()
        try:
            value = (await secrets.read(self._config.token)).reveal().strip()
        finally:
            await secrets.close()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigError(TOKEN, "the secret is no bearer token: write it on one line, without spaces")
        return {"Authorization": f"Bearer {value}"}

    async def _ask(self, what: str, form: Mapping[str, str], token: Mapping[str, str]) -> Answered:
        limits = {"timeout": f"{SECONDS * 0.8:.0f}s", "lookback_delta": f"{STEP.total_seconds():.0f}s"}
        body = urlencode({**form, **limits, "limit": str(MOST_SERIES + 1)}).encode("ascii")
        answer = await self._client.ask(self._request("POST", what, token, body), _ASKED)
        self._now_there = time_said(answer.headers.get("date")) or self._now_there
        if not answer.taken:
            raise _meaning(answer, self._clock())
        if len(answer.body) >= LARGEST_ANSWER:
            raise PermanentError(
                f"prometheus: an answer is larger than {LARGEST_ANSWER >> 20} MiB; set {SETTING}.cluster_label"
            )
        return rows_of(answer.body)

    def _request(self, method: str, what: str, token: Mapping[str, str], body: bytes = b"") -> Request:
        return Request(
            method,
            f"{self._url}/api/v1/{what}",
            body=body,
            headers=_FORM,
            secrets=token,
            seconds=SECONDS,
            largest_answer=LARGEST_ANSWER,
            redirects=Redirects.REFUSED,
        )


_ASKED = Asked("prometheus: query", url=URL, credential=TOKEN)


def _range(query: Query, window: Window) -> dict[str, str]:
    """At whole minutes, so that every poll asks for the same moments again."""
    step = STEP.total_seconds()
    start, end = (moment.timestamp() // step * step for moment in (window.start, window.end))
    return {"query": query.text, "start": f"{start:.0f}", "end": f"{end:.0f}", "step": f"{step:.0f}"}


def _meaning(answer: Answer, now: datetime) -> BytePortError:
    """What an answer that is none stands for; of its text only the class of Prometheus's own error is taken."""
    status, kind = answer.status, error_type(answer.body)
    said = f"prometheus: it answers {status}{f' ({kind})' if kind else ''}"
    delay = retry_after(answer.headers.get("retry-after"), now)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(said, delay or THROTTLED_FOR)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or kind in ("timeout", "canceled", "unavailable"):
        return Unavailable(said, delay)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return NotPermitted(f"{said}: it does not let us in; look at {TOKEN} and {SETTING}.client_cert_file")
    if kind == "execution":
        return PermanentError(f"{said}: a query is more than it takes; look at its --query.max-samples")
    return ConfigError(URL, f"{said}: there is no API of Prometheus's there")
