"""Who we are to Google Cloud: the identity of this pod's ServiceAccount, or nobody.

Neither the key file of a service account nor a person's credentials are taken, which never end, nor the node's own
identity, which is everybody's on that node: only a federated identity (a projected token, exchanged), or GKE's own
metadata server, which answers for the pod. Comes before `gcs.py`, and whoever else of us asks something of Google Cloud; a
token is asked for when one is needed, for the one scope that its asker names.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
from google.auth import exceptions, identity_pool
from google.auth.transport import Request as GoogleRequest
from google.auth.transport import Response as GoogleResponse

from activities.clock import Clock
from activities.export.answers import Answer, Asked, error_of
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from activities.export.tls import CA_SETTING
from byteport.contracts.receiver_addresses import receiver_url
from byteport.errors import BytePortError, ConfigError, NotPermitted, Unavailable

SETTING = "audit.export.gcs"
FILE = "GOOGLE_APPLICATION_CREDENTIALS"
METADATA_HOST = "GCE_METADATA_HOST"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
HOW = (
    "give the ServiceAccount of this pod an identity: on GKE by Workload Identity Federation for GKE, elsewhere by a "
    f"credential configuration of type external_account whose source is a projected token, named by {FILE}"
)
EARLY = timedelta(minutes=5)
"""So long before its end a token is not used any more."""
METADATA_SECONDS = 5.0
_OURS = "GKE Metadata Server"
"""How the server that answers for pods calls itself; that of a node answers for the node."""
_POOL = re.compile(r"//iam\.googleapis\.com/projects/([0-9]{1,20})/locations/.+")


class Token(NamedTuple):
    """What a request carries, and until when."""

    text: str
    until: datetime


@dataclass
class GoogleIdentity:
    """This pod's, for one scope. `setting` and `what` are what messages name: the setting to look at, and who asks."""

    ca_file: Path | None
    proxy: str | None
    clock: Clock
    scope: str = SCOPE
    setting: str = SETTING
    what: str = "gcs"
    ca_setting: str = CA_SETTING
    _token: Token | None = field(default=None, repr=False)

    async def token(self) -> str:
        """Raises `ConfigError` where there is no identity to take, `NotPermitted` where it is refused."""
        if self._token is None or self._token.until - EARLY <= self.clock():
            self._token = await self._federated() if os.environ.get(FILE) else await self._of_the_pod()
        return self._token.text

    def forget(self) -> None:
        """The token was not taken."""
        self._token = None

    async def project_number(self) -> str:
        """Of the project that this identity is from."""
        if os.environ.get(FILE):
            found = _POOL.fullmatch(str(_configuration().get("audience", "")))
            if found is None:
                raise ConfigError(
                    f"{self.setting}.project_number", f"must be set: {FILE} names no project by its number"
                )
            return found[1]
        return (await self._metadata("project/numeric-project-id")).decode("ascii", "replace").strip()

    async def _of_the_pod(self) -> Token:
        try:
            scopes = quote(self.scope, safe="")
            plain = json.loads(await self._metadata(f"instance/service-accounts/default/token?scopes={scopes}"))
            return Token(str(plain["access_token"]), self.clock() + timedelta(seconds=float(plain["expires_in"])))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise Unavailable(f"{self.what}: the metadata server gives no token") from None

    async def _federated(self) -> Token:
        configuration = _configuration()
        client = GuardedClient(
            str(configuration["token_url"]), ca_file=self.ca_file, ca_setting=self.ca_setting, proxy=self.proxy
        )
        try:
            through = _Through(client, asyncio.get_running_loop(), self.clock, self.what)
            return await asyncio.to_thread(self._exchanged, configuration, through)
        finally:
            await client.close()

    def _exchanged(self, configuration: dict[str, Any], request: GoogleRequest) -> Token:
        """The projected token, exchanged for one of Google's. Blocks."""
        try:
            credentials = identity_pool.Credentials.from_info(configuration, scopes=[self.scope])
            credentials.refresh(request)
        except exceptions.OAuthError:
            raise NotPermitted(
                f"{self.what}: the token exchange refuses this pod's token; look at the pool's provider"
            ) from None
        except exceptions.RefreshError:
            raise NotPermitted(
                f"{self.what}: no token for this pod: its own cannot be read, or it may not act as the service account named"
            ) from None
        except (exceptions.GoogleAuthError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(FILE, f"cannot be used ({type(error).__name__}); {HOW}") from None
        except BytePortError:
            raise
        except Exception as error:  # noqa: BLE001  whatever Google's library makes of an answer that is none
            raise Unavailable(f"{self.what}: the token exchange gives no token ({type(error).__name__})") from None
        text, expiry = credentials.token, credentials.expiry
        if not isinstance(text, str) or not text:
            raise Unavailable(f"{self.what}: the token exchange gives no token")
        return Token(
            text, expiry.replace(tzinfo=self.clock().tzinfo) if expiry is not None else self.clock() + EARLY * 2
        )

    async def _metadata(self, path: str) -> bytes:
        """What GKE's metadata server says of this pod. This is the one address of its kind that is asked, and no log goes there."""
        host = os.environ.get(METADATA_HOST) or "metadata.google.internal"
        timeout = aiohttp.ClientTimeout(total=METADATA_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
                session.get(
                    f"http://{host}/computeMetadata/v1/{path}",
                    headers={"Metadata-Flavor": "Google"},
                    allow_redirects=False,
                ) as response,
            ):
                body = await response.content.read(1 << 16)
                server, status = response.headers.get("Server", ""), response.status
        except aiohttp.ClientConnectorDNSError:
            raise ConfigError(self.setting, f"this pod has no identity of its own; {HOW}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{self.what}: the metadata server does not answer ({type(error).__name__})") from None
        if server != _OURS:
            raise ConfigError(self.setting, f"what answers here is the node's identity, which is not taken; {HOW}")
        if status != 200:
            raise _refused(self.what, status)
        return body


def _configuration() -> dict[str, Any]:
    """What `GOOGLE_APPLICATION_CREDENTIALS` names. Raises `ConfigError` unless it only says how to be federated."""
    path = Path(os.environ[FILE])
    try:
        plain: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(FILE, f"{path}: {error.strerror or 'cannot be read'}") from None
    except ValueError:
        raise ConfigError(FILE, f"{path}: is not JSON") from None
    kind = plain.get("type") if isinstance(plain, dict) else None
    if kind != "external_account":
        raise ConfigError(FILE, f"{path} holds a key, or credentials, that never end; they are not taken: {HOW}")
    source = plain.get("credential_source")
    if not isinstance(source, dict) or not isinstance(source.get("file"), str):
        raise ConfigError(FILE, f"{path}: its credential_source must be a file, the projected token; {HOW}")
    for name in ("token_url", "service_account_impersonation_url"):
        url = plain.get(name)
        if url is None and name != "token_url":
            continue
        try:
            receiver_url(str(url))
        except ValueError as error:
            raise ConfigError(FILE, f"{path}: its {name} is none that is asked: {error}") from None
    return plain


class _Through(GoogleRequest):
    """google-auth's requests, sent by the one client that everything leaves by."""

    def __init__(self, client: GuardedClient, loop: asyncio.AbstractEventLoop, clock: Clock, what: str) -> None:
        self._client = client
        self._loop = loop
        self._clock = clock
        self._what = what

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002  google-auth's
        **_: Any,
    ) -> GoogleResponse:
        data = body.encode("utf-8") if isinstance(body, str) else body or b""
        asked = Asked(f"{self._what}: token exchange", url=FILE, credential=FILE)
        going = self._client.ask(
            Request(method, url, body=data, secrets=headers or {}, redirects=Redirects.REFUSED), asked
        )
        answer = asyncio.run_coroutine_threadsafe(going, self._loop).result()
        if answer.status >= 500 or answer.status == 429:
            raise error_of(asked, answer, self._clock())
        if answer.taken and not _is_json(answer.body):
            raise Unavailable(f"{asked.what}: an answer that cannot be read")
        return _Answered(answer)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


class _Answered(GoogleResponse):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Any:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


def _refused(what: str, status: int) -> BytePortError:
    said = f"{what}: the metadata server answers {status}"
    return Unavailable(said) if status >= 500 else NotPermitted(f"{said}: this ServiceAccount has no identity; {HOW}")
