"""One question to AWS after the other, by the pod's own identity, and what each refusal means.

Comes after `activities/export/aws.py` (who we are) and `activities/export/guarded.py` (how anything leaves); `aws.py` and
`aws_check.py` ask. botocore signs and reads answers, in a thread; it tries once, since when to try again is Temporal's to say.
"""

from __future__ import annotations

import asyncio
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from botocore import xform_name
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import BotoCoreError, ClientError
from yarl import URL

from activities.clock import Clock
from activities.cloud.dates import time_said
from activities.export.answers import Answer, Asked, retry_after
from activities.export.aws import HOW, WEB_IDENTITY, region_of, session_of
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from byteport.contracts.cloud_sources import AwsSource
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable

SETTING = "clouds.aws"
CA_SETTING = "clouds.ca_file"
SECONDS = 20.0
"""For one question."""
LARGEST_ANSWER = 16 << 20
THROTTLED_FOR = timedelta(seconds=5)
"""Where AWS does not say for how long, which it seldom does."""
_THROTTLED = frozenset(
    {"Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException"}
)
HOLDS = {"GetMetricData": "MetricDataResults", "ListMetrics": "Metrics", "DescribeInstances": "Reservations"}
"""What each answer has, be it empty: botocore takes a page of a proxy's, which says that all is well, for an answer that has nothing."""
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"})
"""The credentials have run out, or are of a session that AWS knows no more: fresh ones are fetched at the next try."""
_CLOCK = frozenset({"RequestExpired", "SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSignatureException"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ForbiddenException"})
_AUTH_FAILURE = "AuthFailure"
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_SECRET = frozenset({"authorization", "x-amz-security-token"})


class AwsApi:
    """One region, and one set of short credentials."""

    def __init__(self, config: AwsSource, *, ca_file: Path | None, proxy: str | None, clock: Clock) -> None:
        """Raises `ConfigError` where no region is known."""
        self.region = region_of(config.region, of=SETTING)
        self._endpoints = {"cloudwatch": config.cloudwatch_endpoint, "ec2": config.ec2_endpoint}
        self._ca_file = ca_file
        self._proxy = proxy
        self._clock = clock
        self._guarded: dict[URL, GuardedClient] = {}
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._one_at_a_time = asyncio.Lock()
        self._asking = ""
        self.now_there: datetime | None = None
        """AWS's own clock, as its last answer's `Date` had it."""

    def now(self) -> datetime:
        """By our clock."""
        return self._clock()

    async def ask(self, service: str, operation: str, needs: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one question. `needs` is the action that the role must have for it.

        Raises `NotPermitted`, `Throttled`, `Unavailable` and `ConfigError`; never with a word of AWS's but a code.
        """
        try:
            found = await self.answer(service, operation, **arguments)
        except ClientError as error:
            raise self.meaning(error, needs) from None
        if HOLDS.get(operation, "") not in {*found, ""}:
            raise Unavailable(f"aws: an answer to {operation} that is none of AWS's")
        return found

    async def answer(self, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """As `ask`, but raises `ClientError` for AWS's own refusals: for whoever looks at refusals themselves."""
        async with self._one_at_a_time:
            loop, self._asking = asyncio.get_running_loop(), operation
            try:
                return await asyncio.to_thread(self._ask, service, operation, arguments, loop)
            except ClientError as error:
                if code_of(error) in _EXPIRED:
                    self._forget()
                raise
            except BotoCoreError as error:
                self._forget()
                raise Unavailable(f"aws: no answer to {operation} ({type(error).__name__})") from None
            except OSError as error:
                self._forget()
                raise ConfigError(WEB_IDENTITY[0], f"{error.strerror or 'cannot be read'}; {HOW}") from None
            except BytePortError:
                raise
            except Exception as error:  # noqa: BLE001  whatever botocore makes of an answer that is none
                raise Unavailable(f"aws: an answer that cannot be read ({type(error).__name__})") from None

    async def close(self) -> None:
        """The short credentials are kept until they run out."""
        for client in self._guarded.values():
            await client.close()
        self._guarded.clear()

    def _forget(self) -> None:
        self._session = None
        self._clients.clear()

    def _ask(
        self, service: str, operation: str, arguments: dict[str, Any], loop: asyncio.AbstractEventLoop
    ) -> dict[str, Any]:
        """Blocks."""

        def send(request: AWSPreparedRequest) -> Answer:
            url = URL(request.url, encoded=True)
            going = self._send(url, _request(request, url))
            return asyncio.run_coroutine_threadsafe(going, loop).result()

        if self._session is None:
            self._session = session_of(self.region, send, of=SETTING)
        if service not in self._clients:
            endpoint = self._endpoints.get(service)
            self._clients[service] = self._session.create_client(service, endpoint_url=endpoint)
        found: dict[str, Any] = getattr(self._clients[service], xform_name(operation))(**arguments)
        return found

    async def _send(self, url: URL, request: Request) -> Answer:
        origin = url.origin()
        if origin not in self._guarded:
            self._guarded[origin] = GuardedClient(
                str(origin), ca_file=self._ca_file, ca_setting=CA_SETTING, proxy=self._proxy, clock=self._clock
            )
        asked = Asked(f"aws: {self._asking}", url=f"{SETTING}.region", credential=SETTING)
        answer = await self._guarded[origin].ask(request, asked)
        self.now_there = time_said(answer.headers.get("date")) or self.now_there
        return answer

    def meaning(self, error: ClientError, needs: str) -> BytePortError:
        """What a refusal stands for."""
        answer, code = error.response.get("ResponseMetadata", {}), code_of(error)
        status = int(answer.get("HTTPStatusCode", 0))
        said = f"aws: {status} {code} to {error.operation_name}"
        asked = error.operation_name == "AssumeRoleWithWebIdentity"
        if code in _THROTTLED or status == 429:
            return Throttled(said, retry_after(_header(answer, "retry-after"), self._clock()) or THROTTLED_FOR)
        if status >= 500:
            return Unavailable(said, retry_after(_header(answer, "retry-after"), self._clock()))
        if code in _EXPIRED:
            return Unavailable(f"{said}: the credentials have run out; fresh ones are fetched")
        if code in _CLOCK:
            return NotPermitted(f"{said}: this machine's clock is wrong, or a proxy has changed what was signed")
        if asked:
            return NotPermitted(f"{said}: the role's trust policy does not name this ServiceAccount")
        if code == _AUTH_FAILURE or status == 401:
            return NotPermitted(f"{said}: AWS does not know these credentials; {HOW}")
        if code in DENIED or status == 403:
            return NotPermitted(f"{said}: the role needs {needs}; docs/reference/integrations.md has its policy")
        return ConfigError(SETTING, f"{said}: AWS does not take what is asked")


def code_of(error: ClientError) -> str:
    """AWS's code, a word of a known form; nothing else of its text is taken."""
    code = str(error.response.get("Error", {}).get("Code", "")).removeprefix("Client.")
    return code if _CODE.fullmatch(code) else "no code"


def _header(answer: dict[str, Any], name: str) -> str | None:
    value = answer.get("HTTPHeaders", {}).get(name)
    return None if value is None else str(value)


def _request(request: AWSPreparedRequest, url: URL) -> Request:
    """As it was signed; what shows who we are stays with its host."""
    headers = {
        name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name.lower() not in ("expect", "content-length")  # neither is signed; the client sets its own
    }
    shown = {name: headers.pop(name) for name in list(headers) if name.lower() in _SECRET}
    body = request.body or b""
    return Request(
        request.method,
        url,
        body=body.encode("utf-8") if isinstance(body, str) else bytes(body),
        headers=headers,
        secrets=shown,
        seconds=SECONDS,
        largest_answer=LARGEST_ANSWER,
        redirects=Redirects.REFUSED,
    )
