"""The Monitoring API over gRPC, by Google's own client: TLS that verifies, this pod's identity, and one error per thing to do.

Google's library is imported here alone and when something is first asked: it costs about 25 MiB, which no process pays that does not
poll Google Cloud. Comes after `gcp_requests.py`; before `gcp.py`. gRPC resolves and connects by itself; so the name is looked
at before each read, and no variable of the environment sends it to a proxy.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activities.cloud.dates import time_said
from activities.cloud.source import Window
from activities.export.answers import LONGEST_DELAY
from activities.export.google import GoogleIdentity
from activities.export.reach import Reach
from activities.export.tls import verifying
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable

if TYPE_CHECKING:
    from google.cloud.monitoring_v3.services.metric_service import MetricServiceAsyncClient
    from google.cloud.monitoring_v3.types import ListTimeSeriesResponse

    from activities.cloud.gcp_requests import Query

SETTING = "clouds.gcp"
CA_SETTING = "clouds.ca_file"
SCOPE = "https://www.googleapis.com/auth/monitoring.read"
SECONDS = 20.0
"""For one page."""
PAGE = 10_000
"""Points in one page; of the library's 100,000 one would be 20 MB."""
LARGEST_PAGE = 16 << 20
_ALIGNMENT = 60


@dataclass
class MonitoringApi:
    """Connections to one endpoint."""

    endpoint: str
    project: str
    identity: GoogleIdentity
    ca_file: Path | None
    proxy: str | None
    source_now: datetime | None = None
    """By the `date` of the last answer that had one."""
    _client: MetricServiceAsyncClient | None = None

    async def pages(self, query: Query, window: Window) -> AsyncIterator[ListTimeSeriesResponse]:
        """Raises `NotPermitted`, `Throttled`, `Unavailable` and `ConfigError`."""
        # gRPC's core would write to standard error past our log, in words of the other side; it reads this as it is imported
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from google.api_core.exceptions import GoogleAPICallError

        host = self.endpoint.rpartition(":")[0].strip("[]")
        await Reach.of(host).check_as_seen_here(host)
        token = await self.identity.token()
        client = self._client = self._client or self._opened()
        try:
            pager = await client.list_time_series(
                request=_request(self.project, query, window),
                retry=None,  # Temporal tries again
                timeout=SECONDS,
                metadata=[("authorization", f"Bearer {token}")],
            )
            async for page in pager.pages:
                yield page
        except GoogleAPICallError as error:
            raise self._meaning(error) from None
        except Exception as error:  # noqa: BLE001  whatever gRPC and Google's client make of an answer that is none
            raise Unavailable(f"gcp: an answer that cannot be read ({type(error).__name__})") from None

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.transport.close()

    def _opened(self) -> MetricServiceAsyncClient:
        import grpc
        from google.cloud.monitoring_v3.services.metric_service import MetricServiceAsyncClient
        from google.cloud.monitoring_v3.services.metric_service.transports import (
            MetricServiceGrpcAsyncIOTransport,
        )

        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", LARGEST_PAGE),
            ("grpc.enable_retries", 0),
            ("grpc.enable_http_proxy", 0 if self.proxy is None else 1),
            ("grpc.service_config_disable_resolution", 1),
        ]
        if self.proxy is not None:
            options.append(("grpc.http_proxy", self.proxy))
        channel = grpc.aio.secure_channel(
            self.endpoint,
            grpc.ssl_channel_credentials(root_certificates=_roots(self.ca_file)),
            options=options,
            interceptors=[_dates(self._dated)],
        )
        return MetricServiceAsyncClient(transport=MetricServiceGrpcAsyncIOTransport(channel=channel))

    def _dated(self, text: str) -> None:
        self.source_now = time_said(text) or self.source_now

    def _meaning(self, error: Any) -> BytePortError:
        """Of what Google says only its code, the reason of a known list, and the delay; none of its words."""
        from google.api_core import exceptions

        said = f"gcp: Cloud Monitoring of {self.project} answers {error.grpc_status_code.name if error.grpc_status_code else 'nothing'}"
        match error:
            case exceptions.ResourceExhausted() | exceptions.TooManyRequests():
                return Throttled(said, _delay(error))
            case exceptions.Unauthenticated() | exceptions.Unauthorized():
                self.identity.forget()
                return NotPermitted(f"{said}: it does not take this pod's token; look at {SETTING}")
            case exceptions.PermissionDenied() | exceptions.Forbidden():
                if error.reason == "SERVICE_DISABLED":
                    return NotPermitted(f"{said}: enable monitoring.googleapis.com in the project")
                return NotPermitted(f"{said}: this identity needs monitoring.timeSeries.list on the project")
            case exceptions.NotFound():
                return ConfigError(f"{SETTING}.project", f"{said}: there is no such project, or no such metric in it")
            case exceptions.InvalidArgument() | exceptions.OutOfRange() | exceptions.MethodNotImplemented():
                return ConfigError(SETTING, f"{said}: it does not take what is asked")
            case _ if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return NotPermitted(f"gcp: the certificate of {self.endpoint} does not hold; look at {CA_SETTING}")
            case _:
                return Unavailable(said, _delay(error))


def _request(project: str, query: Query, window: Window) -> dict[str, Any]:
    """Means over whole minutes where values are wanted; else only which series there are."""
    from google.cloud.monitoring_v3.types import Aggregation, ListTimeSeriesRequest

    view = ListTimeSeriesRequest.TimeSeriesView
    asked: dict[str, Any] = {
        "name": f"projects/{project}",
        "filter": query.filter,
        "interval": {"start_time": window.start, "end_time": window.end},
        "view": view.FULL if query.values else view.HEADERS,
        "page_size": PAGE,
    }
    if query.values:
        asked["aggregation"] = {
            "alignment_period": timedelta(seconds=_ALIGNMENT),
            "per_series_aligner": Aggregation.Aligner.ALIGN_MEAN,
        }
    return asked


def _delay(error: Any) -> timedelta | None:
    """What `google.rpc.RetryInfo` asks for, at most `LONGEST_DELAY`."""
    for detail in error.details or ():
        if detail.DESCRIPTOR.full_name == "google.rpc.RetryInfo":
            asked = timedelta(seconds=detail.retry_delay.seconds, microseconds=detail.retry_delay.nanos // 1000)
            return min(max(asked, timedelta(0)), LONGEST_DELAY)
    return None


def _dates(heard: Callable[[str], None]) -> Any:
    """Reads the `date` that Google's front ends put into an answer's first metadata, where they do."""
    import grpc

    class Dates(grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc has no types
        async def intercept_unary_unary(
            self, continuation: Callable[[Any, Any], Awaitable[Any]], client_call_details: Any, request: Any
        ) -> Any:
            call = await continuation(client_call_details, request)
            for name, value in await call.initial_metadata() or ():
                if name == "date" and isinstance(value, str):
                    heard(value)
            return call

    return Dates()


def _roots(ca_file: Path | None) -> bytes | None:
    """The authorities that this machine trusts and those of `ca_file`, in PEM; None for gRPC's own where there are none."""
    trusted = verifying(ca_file, ca_setting=CA_SETTING).get_ca_certs(binary_form=True)
    return "".join(ssl.DER_cert_to_PEM_cert(one) for one in trusted).encode("ascii") or None
