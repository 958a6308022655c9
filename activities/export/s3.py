"""Amazon S3, or a store that speaks it: each object made once, with its checksum, in a bucket that is the right account's.

Comes after `objects.py` (which objects) and `aws.py` (who we are). botocore signs and reads answers, in a thread; what is
sent goes through `guarded.py`, like everything that leaves. It tries once: when to try again is the workflow's to say.
"""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from yarl import URL

from activities.clock import Clock, utc_now
from activities.export.answers import Answer, Asked, retry_after
from activities.export.aws import HOW, SETTING, WEB_IDENTITY, region_of, session_of, sts_of
from activities.export.guarded import GuardedClient, NotFollowed
from activities.export.objects import LARGEST_OBJECT, ObjectTarget, Thing
from activities.export.requests import Redirects, Request
from byteport.contracts.receivers import BUCKET, S3Config, TargetKind
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable

SECONDS = 60.0
"""For one request, whose body is an hour's records at most."""
_EXISTS = frozenset({"PreconditionFailed"})
_THROTTLED = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests", "RequestThrottled"}
)
_PASSING = frozenset(
    {"ConditionalRequestConflict", "OperationAborted", "RequestTimeout", "ExpiredToken", "ExpiredTokenException"}
)
"""Answers below 500 that another try, with fresh credentials, can change."""
_ELSEWHERE = frozenset({"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IncorrectEndpoint"})
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")

Result = TypeVar("Result")


def s3_target(
    config: S3Config,
    cluster_uid: str,
    *,
    ca_file: Path | None = None,
    proxy: str | None = None,
    clock: Clock = utc_now,
) -> ObjectTarget:
    """The receiver that the settings name. Its identity is asked for at the first batch, not here."""
    store = S3Objects(config, cluster_uid, ca_file=ca_file, proxy=proxy, clock=clock)
    return ObjectTarget(TargetKind.S3.value, store, prefix=config.prefix)


class S3Objects:
    """One bucket."""

    def __init__(
        self, config: S3Config, cluster_uid: str, *, ca_file: Path | None, proxy: str | None, clock: Clock
    ) -> None:
        self._config = config
        self._bucket = config.bucket or BUCKET.format(cluster_uid=cluster_uid)
        self._ca_file = ca_file
        self._proxy = proxy
        self._clock = clock
        self._guarded: GuardedClient | None = None
        self._client: Any = None
        self._owner: dict[str, str] = {}
        self._one_at_a_time = asyncio.Lock()

    async def make(self, thing: Thing) -> bool:
        wanted: dict[str, Any] = {
            "Bucket": self._bucket,
            "Key": thing.key,
            "Body": thing.body,
            "ContentType": thing.content_type,
            "ChecksumSHA256": base64.b64encode(thing.sha256).decode("ascii"),
            "IfNoneMatch": "*",
        }
        if self._config.kms_key is not None:
            wanted |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._config.kms_key}
        try:
            said = await self._asked(lambda client, owner: client.put_object(**wanted, **owner))
        except ClientError as error:
            if _code(error) in _EXISTS:
                return False
            raise self._meaning(error) from None
        if not said.get("ETag") or said.get("ChecksumSHA256", wanted["ChecksumSHA256"]) != wanted["ChecksumSHA256"]:
            raise Unavailable(f"s3: {thing.key} was taken, but not said to be what was sent")
        return True

    async def read(self, key: str) -> bytes:
        def there(client: Any, owner: dict[str, str]) -> bytes:
            body: bytes = client.get_object(Bucket=self._bucket, Key=key, **owner)["Body"].read()
            return body

        try:
            return await self._asked(there)
        except ClientError as error:
            if _code(error) == "NoSuchKey":
                raise Unavailable(f"s3: {key} was there, and is not any more") from None
            raise self._meaning(error) from None

    async def close(self) -> None:
        if self._guarded is not None:
            await self._guarded.close()
        self._guarded = self._client = None

    async def _asked(self, question: Callable[[Any, dict[str, str]], Result]) -> Result:
        """`question` put to S3 in a thread. Raises `ClientError` for S3's own answers, and ours for all others."""
        async with self._one_at_a_time:
            loop = asyncio.get_running_loop()
            region = region_of(self._config.region)
            if self._guarded is None:
                home = self._config.endpoint or f"https://s3.{region}.amazonaws.com"
                self._guarded = GuardedClient(home, ca_file=self._ca_file, proxy=self._proxy, clock=self._clock)
            guarded, asked = self._guarded, self._names(region)

            def send(request: AWSPreparedRequest) -> Answer:
                going = guarded.ask(_request(request), asked)
                try:
                    return asyncio.run_coroutine_threadsafe(going, loop).result()
                except NotFollowed as error:
                    raise ConfigError(
                        f"{SETTING}.region", f"{error.message}; the bucket is in another region than {region}"
                    ) from None

            try:
                return await asyncio.to_thread(self._ask, question, region, send)
            except ClientError as error:
                self._client = None if _code(error) in _PASSING else self._client
                raise
            except BotoCoreError as error:
                self._client = None
                raise Unavailable(f"s3: no answer ({type(error).__name__})") from None
            except OSError as error:
                self._client = None
                raise ConfigError(WEB_IDENTITY[0], f"{error.strerror or 'cannot be read'}; {HOW}") from None
            except BytePortError:
                raise
            except Exception as error:  # noqa: BLE001  whatever botocore makes of an answer that is none
                raise Unavailable(f"s3: an answer that cannot be read ({type(error).__name__})") from None

    def _ask(
        self, question: Callable[[Any, dict[str, str]], Result], region: str, send: Callable[[Any], Answer]
    ) -> Result:
        if self._client is None:
            session = session_of(region, send)
            self._owner = self._expected(session, region)
            addressing = {"addressing_style": "path" if self._config.endpoint else "virtual"}
            self._client = session.create_client(
                "s3",
                endpoint_url=self._config.endpoint,
                config=Config(s3=addressing, request_checksum_calculation="when_required"),
            )
        return question(self._client, self._owner)

    def _expected(self, session: Any, region: str) -> dict[str, str]:
        """Whose the bucket must be: the setting's account, or our own where anybody could have taken its name."""
        owner = self._config.owner
        if owner is None and self._config.bucket is None:
            asked = session.create_client("sts", endpoint_url=sts_of(region))
            owner = str(asked.get_caller_identity()["Account"])
        return {} if owner is None else {"ExpectedBucketOwner": owner}

    def _names(self, region: str) -> Asked:
        return Asked(
            what=f"s3: bucket {self._bucket} in {region}", url=f"{SETTING}.endpoint", credential=SETTING, size=SETTING
        )

    def _meaning(self, error: ClientError) -> BytePortError:
        """The error that S3's answer stands for; of its text only the code is taken, a word of a known form."""
        answer, code = error.response.get("ResponseMetadata", {}), _code(error)
        status = int(answer.get("HTTPStatusCode", 0))
        said = f"s3: {status} {code} to {error.operation_name}"
        delay: timedelta | None = retry_after(answer.get("HTTPHeaders", {}).get("retry-after"), self._clock())
        if code in _THROTTLED or status in (429, 503):
            return Throttled(said, delay)
        if code == "NoSuchBucket":
            return ConfigError(f"{SETTING}.bucket", f"there is no bucket {self._bucket}; make it, or name another")
        if code == "NotImplemented":
            return ConfigError(f"{SETTING}.endpoint", "this store cannot refuse to replace an object (If-None-Match)")
        if code in _ELSEWHERE:
            return ConfigError(f"{SETTING}.region", f"{said}: the bucket is in another region")
        if code in _CLOCK:
            return NotPermitted(f"{said}: this machine's clock is wrong; nothing is the matter with the role")
        if code == "SignatureDoesNotMatch":
            return NotPermitted(
                f"{said}: what arrived is not what was signed; look at {SETTING}.endpoint and at the proxy"
            )
        if code.startswith("KMS."):
            return ConfigError(f"{SETTING}.kms_key", f"{said}; look at the key's state and policy")
        if status >= 500 or code in _PASSING:
            return Unavailable(said, delay)
        if error.operation_name == "AssumeRoleWithWebIdentity":
            return NotPermitted(f"{said}: the role's trust policy does not name this ServiceAccount")
        if status in (401, 403):
            of = f", and the bucket in account {owner}" if (owner := self._owner.get("ExpectedBucketOwner")) else ""
            needs = f"s3:PutObject and s3:GetObject on {self._bucket}/{self._config.prefix or '*'}"
            return NotPermitted(f"{said}: the role needs {needs}{of}")
        return ConfigError(f"{SETTING}.bucket", f"{said}: it does not take what we send")


def _code(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else "no code"


def _request(request: AWSPreparedRequest) -> Request:
    """As it was signed: the path goes out byte for byte, and what says who we are stays with its host."""
    headers = {
        name: value.decode("latin-1") if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
        if name.lower() not in ("expect", "content-length")  # neither is signed; the client sets its own
    }
    secret = {name: headers.pop(name) for name in list(headers) if name.lower() in _SECRET}
    return Request(
        request.method,
        URL(request.url, encoded=True),
        body=_bytes(request.body),
        headers=headers,
        secrets=secret,
        seconds=SECONDS,
        largest_answer=LARGEST_OBJECT,
        redirects=Redirects.REFUSED,  # what is signed, is for the host that was asked
    )


def _bytes(body: Any) -> bytes:
    """Of what botocore calls a body: nothing, text, bytes, or a file of bytes in memory."""
    if isinstance(body, io.BytesIO):
        return body.getvalue()
    return body.encode("utf-8") if isinstance(body, str) else body or b""


_SECRET = ("authorization", "x-amz-security-token")
