"""Who we are to Azure: the workload identity of this pod's ServiceAccount, or nobody.

No client secret, certificate, person's login or machine's identity is taken: a projected token is exchanged, by Azure's own
library, for one that is for one service alone. AKS puts what is needed into the environment of a pod that asks for it. Comes after
`azure_transport.py`; before `azure.py`, `azure_machines.py`, `azure_logs.py` and `azure_rights.py`.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from activities.clock import Clock
from activities.cloud.azure_answers import meaning_of
from activities.export.answers import Answer, Asked
from activities.export.guarded import GuardedClient
from byteport.contracts.receiver_addresses import receiver_url
from byteport.errors import BytePortError, ConfigError, NotPermitted, Unavailable

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo
    from azure.identity.aio import WorkloadIdentityCredential

SETTING = "clouds.azure"
CA_SETTING = "clouds.ca_file"
NEEDED = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
AUTHORITY = "AZURE_AUTHORITY_HOST"
PUBLIC_CLOUD = "https://login.microsoftonline.com"
EARLY = 300
"""So many seconds before its end a token is not used any more."""
HOW = (
    "give the ServiceAccount of this pod a workload identity: the annotation azure.workload.identity/client-id on it, "
    "and the label azure.workload.identity/use on the pod"
)


@dataclass
class AzureIdentity:
    """This pod's, as a credential that Azure's clients take. One token for each audience, kept until shortly before its end."""

    ca_file: Path | None
    proxy: str | None
    clock: Clock
    _credential: WorkloadIdentityCredential | None = None
    _tokens: dict[str, AccessTokenInfo] = field(default_factory=dict)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One exchange at a time: whoever waits finds the token that the other one got."""

    async def token(self, audience: str) -> str:
        """Raises `ConfigError` where there is no identity to take, `NotPermitted` where it is refused, `Throttled`, `Unavailable`."""
        found: str = (await self.get_token_info(f"{audience.rstrip('/')}/.default")).token
        return found

    async def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """Azure's name for it."""
        async with self._asking:
            return await self._known_or_new(*scopes, options=options)

    async def _known_or_new(self, *scopes: str, options: Any) -> AccessTokenInfo:
        from azure.core.exceptions import AzureError

        known = self._tokens.get(scopes[0])
        if known is not None and known.expires_on - EARLY > self.clock().timestamp():
            return known
        self._credential = self._credential or self._opened()
        try:
            found = self._tokens[scopes[0]] = await self._credential.get_token_info(*scopes, options=options)
            return found
        except AzureError:
            raise NotPermitted(
                f"azure: the token endpoint refuses this pod's token for {scopes[0].removesuffix('/.default')}; {HOW}"
            ) from None
        except OSError as error:
            raise ConfigError(NEEDED[2], f"{error.strerror or 'cannot be read'}; {HOW}") from None
        except BytePortError:
            raise
        except Exception as error:  # noqa: BLE001  whatever Azure's library makes of an answer that is none
            raise Unavailable(f"azure: the token endpoint gives no token ({type(error).__name__})") from None

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """Azure's older name for it."""
        from azure.core.credentials import AccessToken

        found = await self.get_token_info(*scopes)
        return AccessToken(found.token, found.expires_on)

    async def forget(self) -> None:
        """A token was not taken."""
        self._tokens.clear()
        await self.close()

    async def close(self) -> None:
        """Tokens are kept: they are as good without a connection."""
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _opened(self) -> WorkloadIdentityCredential:
        from azure.identity.aio import WorkloadIdentityCredential

        from activities.cloud.azure_transport import GuardedTransport

        missing = [name for name in NEEDED if not os.environ.get(name)]
        if missing:
            raise ConfigError(SETTING, f"this pod has no identity of its own ({', '.join(missing)} is not set); {HOW}")
        authority = (os.environ.get(AUTHORITY) or PUBLIC_CLOUD).rstrip("/")
        try:
            receiver_url(authority)
        except ValueError as error:
            raise ConfigError(AUTHORITY, f"is no address that is asked: {error}") from None
        asked = Asked("azure: token endpoint", url=AUTHORITY, credential=SETTING)
        client = GuardedClient(
            authority, ca_file=self.ca_file, ca_setting=CA_SETTING, proxy=self.proxy, clock=self.clock
        )
        try:
            return WorkloadIdentityCredential(
                tenant_id=os.environ[NEEDED[0]],
                client_id=os.environ[NEEDED[1]],
                token_file_path=os.environ[NEEDED[2]],
                authority=authority,
                transport=GuardedTransport(client, asked, self._meaning(asked), lambda _: None),
                retry_total=0,  # Temporal tries again
            )
        except ValueError:
            raise ConfigError(SETTING, f"this pod's identity cannot be used; {HOW}") from None

    def _meaning(self, asked: Asked) -> Any:
        def meaning(answer: Answer) -> BytePortError | None:
            """A refusal is read by Azure's library, which knows what it is of."""
            if answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                return None
            return meaning_of(asked, answer, self.clock())

        return meaning
