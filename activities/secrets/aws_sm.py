"""AWS Secrets Manager: the version of a secret that bears the stage which the settings name, by this pod's own identity.

botocore signs and reads answers, in a thread; what is sent goes through the guarded client. It tries once. Comes after
`activities/export/aws.py` (who we are).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError
from yarl import URL

from activities.export.answers import Answer, Asked
from activities.export.aws import HOW, WEB_IDENTITY, region_of, session_of, sts_of
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from activities.secrets.asking import CA_SETTING, Line, kept_by_a_cache
from activities.secrets.backend import Fetched, Named, member_of, said, unreadable
from activities.secrets.strict_json import LARGEST
from byteport.contracts.secret_backends import AwsSmConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, TargetGone, Throttled, Unavailable

SETTING = "secret.aws_sm"
WHAT = "aws-sm"
RIGHT = "secretsmanager:GetSecretValue"
_GONE = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
"""The second: it is marked for deletion."""
_REFUSED = frozenset({"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidIdentityToken"})
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"})
_PASSING = frozenset({"InternalServiceError", "ExpiredToken", "ExpiredTokenException"})
_OF_THE_KEY = frozenset({"DecryptionFailure", "DecryptionFailureException", "KMSAccessDeniedException"})
_KNOWN = _GONE | _REFUSED | _THROTTLED | _PASSING | _OF_THE_KEY
"""Codes that a message may repeat: any other word of an answer could be anything."""
_SECRET = frozenset({"authorization", "x-amz-security-token"})


class AwsSecrets:
    """One region, and one set of short credentials."""

    what = WHAT

    def __init__(self, config: AwsSmConfig, line: Line) -> None:
        """Raises `ConfigError` where no region is known."""
        self._config = config
        self._line = line
        self._region = region_of(config.region, of=SETTING)
        self._home = config.endpoint or _home(self._region)
        self._guarded = GuardedClient(self._home, ca_file=line.ca_file, ca_setting=CA_SETTING, clock=line.clock)
        self._client: Any = None
        self._one_at_a_time = asyncio.Lock()
        self._status = 0
        """Of the last answer, where botocore makes nothing of it."""

    async def fetch(self, named: Named) -> Fetched:
        async with self._one_at_a_time:
            answer = await asyncio.to_thread(self._ask, named, self._send(named, asyncio.get_running_loop()))
        if isinstance(answer, BytePortError):
            raise answer
        named_so, stages, created = answer.get("Name"), answer.get("VersionStages"), answer.get("CreatedDate")
        if named_so != named.path or created is None or self._config.stage not in (stages or ()):
            raise unreadable(WHAT, named)
        order = (created.isoformat(timespec="microseconds"), 0)
        return Fetched(member_of(WHAT, named, answer.get("SecretString")), order)

    async def close(self) -> None:
        self._client = None
        await self._guarded.close()

    def _ask(self, named: Named, send: Callable[[AWSPreparedRequest], Answer]) -> dict[str, Any] | BytePortError:
        """What botocore makes of it, or what its exception means: that one holds the answer, and dies here. Blocks."""
        try:
            if self._client is None:
                session = session_of(self._region, send, of=SETTING)
                self._client = session.create_client("secretsmanager", endpoint_url=self._home)
            found: dict[str, Any] = self._client.get_secret_value(SecretId=named.path, VersionStage=self._config.stage)
        except BytePortError as error:
            return error
        except ClientError as error:
            return _meaning(named, error)
        except OSError as error:
            return ConfigError(WEB_IDENTITY[0], f"{error.strerror or 'cannot be read'}; {HOW}")
        except Exception as error:  # noqa: BLE001  whatever botocore makes of an answer that is none
            return self._unreadable(named, type(error).__name__)
        return found

    def _unreadable(self, named: Named, why: str) -> BytePortError:
        if self._status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return NotPermitted(said(WHAT, named, f"the backend answers {self._status}; look at {SETTING}"))
        return Unavailable(said(WHAT, named, f"an answer that cannot be read ({why})"))

    def _send(self, named: Named, loop: asyncio.AbstractEventLoop) -> Callable[[AWSPreparedRequest], Answer]:
        asked = Asked(f"{WHAT}: {named.name}", url=f"{SETTING}.endpoint", credential=SETTING)

        def send(request: AWSPreparedRequest) -> Answer:
            going = self._guarded.ask(_request(request, self._line.seconds), asked)
            answer = asyncio.run_coroutine_threadsafe(going, loop).result()
            self._status = answer.status
            if answer.taken and kept_by_a_cache(answer.headers):
                raise Unavailable(said(WHAT, named, f"a cache answered, not the backend; look at {SETTING}.endpoint"))
            if len(answer.body) > LARGEST:
                raise unreadable(WHAT, named)
            return answer

        return send


def _home(region: str) -> str:
    """In the region's own partition, as STS is."""
    return sts_of(region).replace("https://sts.", "https://secretsmanager.", 1)


def _request(request: AWSPreparedRequest, seconds: float) -> Request:
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
        URL(request.url, encoded=True),
        body=body.encode("utf-8") if isinstance(body, str) else body,
        headers=headers,
        secrets=shown,
        seconds=seconds,
        largest_answer=LARGEST + 1,
        redirects=Redirects.REFUSED,
    )


def _meaning(named: Named, error: ClientError) -> BytePortError:
    """The error that AWS's answer stands for; of its text only the code is taken, where it is a known one."""
    given = str(error.response.get("Error", {}).get("Code", ""))
    code = given if given in _KNOWN else "with a code of its own"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    words = said(WHAT, named, f"{status} {code} to {error.operation_name}")
    if error.operation_name == "AssumeRoleWithWebIdentity" and 400 <= status < 500 and code not in _PASSING:
        return NotPermitted(f"{words}: the role's trust policy does not name this ServiceAccount")
    if code in _THROTTLED or status == 429:
        return Throttled(words)
    if code in _GONE:
        return TargetGone(f"{words}: there is no such secret or stage, or it is marked for deletion")
    if code in _OF_THE_KEY:
        return NotPermitted(f"{words}: the role needs kms:Decrypt on the secret's key")
    if status >= 500 or code in _PASSING:
        return Unavailable(words)
    if code in _REFUSED or status in (401, 403):
        return NotPermitted(f"{words}: the role needs {RIGHT} on this secret")
    return NotPermitted(f"{words}: it does not take what we ask; look at {SETTING}")
