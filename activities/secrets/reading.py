"""Reading secrets: from the backend that the settings choose, anew at each read, within its time, and dropped at the end.

`Secrets` lives as long as the process and holds no value. An activity opens a `Reading`, reads what it needs and leaves; what
it was given forgets itself then. Whatever goes wrong ends in one error of ours that has no other behind it: the exception of a
library, and the frames in which it was raised, may hold what was read. Comes after the backends, one file each.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import Self

from activities.clock import Clock, utc_now
from activities.secrets.asking import Line
from activities.secrets.aws_sm import AwsSecrets
from activities.secrets.backend import Backend, Named, said
from activities.secrets.doppler import Doppler
from activities.secrets.freshness import Freshness
from activities.secrets.gcp_sm import GcpSecrets
from activities.secrets.k8s import ProjectedSecrets
from activities.secrets.onepassword import OnePassword
from activities.secrets.port import Secret
from activities.secrets.vault import Vault
from byteport.contracts.secret_backends import SecretBackend, SecretConfig
from byteport.contracts.secret_names import secret_name
from byteport.errors import BytePortError, ConfigError, MalformedInput, Unavailable

SETTING = "secret.backend"


class Secrets:
    """The backend of the settings. As a `SecretSource` it opens one for each read, and closes it again."""

    def __init__(self, config: SecretConfig, clock: Clock = utc_now) -> None:
        self._config = config
        self._clock = clock
        self._freshness = Freshness()

    @property
    def backend(self) -> SecretBackend | None:
        return self._config.backend

    def reading(self) -> Reading:
        """For one activity: `async with secrets.reading() as reading`. One login serves all that is read within."""
        return Reading(self._config, self._freshness, self._clock)

    async def read(self, name: str) -> Secret:
        reading = self.reading()
        try:
            return await reading.read(name)
        finally:
            await reading.close()

    async def close(self) -> None:
        """Nothing is open between two reads."""


class Reading:
    """What one activity reads."""

    def __init__(self, config: SecretConfig, freshness: Freshness, clock: Clock) -> None:
        self._config = config
        self._freshness = freshness
        self._clock = clock
        self._backend: Backend | None = None
        self._given: list[Secret] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for secret in self._given:
            secret.forget()
        self._given.clear()
        await self.close()

    async def read(self, name: str) -> Secret:
        """The newest value, asked for now. Raises as `SecretSource.read` does, and `ConfigError` where no backend is set."""
        failure: BytePortError
        try:
            return await self._read(_named(name))
        except BytePortError as error:
            failure = error
        except Exception as error:  # noqa: BLE001  the border: its text may quote what was read
            failure = Unavailable(f"secret {_shown(name)}: {type(error).__name__} while it was read")
        failure.__cause__ = failure.__context__ = None
        raise failure.with_traceback(None)

    async def close(self) -> None:
        """Give back the connection, and whatever token was given to us. What was read stays read where that fails."""
        backend, self._backend = self._backend, None
        if backend is not None:
            with contextlib.suppress(Exception):  # the border here, too: its text may quote the token
                await backend.close()

    async def _read(self, named: Named) -> Secret:
        if self._backend is None:
            self._backend = _make(self._config, self._clock)
        backend, seconds = self._backend, self._config.seconds
        fetched = None
        try:
            async with asyncio.timeout(seconds):
                fetched = await backend.fetch(named)
        except TimeoutError:
            pass
        if fetched is None:
            raise Unavailable(said(backend.what, named, f"no answer within {seconds} s"))
        if fetched.order is not None and self._freshness.is_stale(named.name, fetched.order, self._clock()):
            raise Unavailable(said(backend.what, named, "an older version than one that was read before"))
        self._given.append(fetched.secret)
        return fetched.secret


def chosen(config: SecretConfig, clock: Clock = utc_now) -> Secrets:
    """The source that the settings choose. Raises `ConfigError` where they choose none."""
    if config.backend is None:
        raise ConfigError(SETTING, f"must be set; there are {', '.join(one.value for one in SecretBackend)}")
    return Secrets(config, clock)


def _make(config: SecretConfig, clock: Clock) -> Backend:
    line = Line(config.ca_file, float(config.seconds), clock)
    makers: dict[SecretBackend, Callable[[], Backend]] = {
        SecretBackend.VAULT: lambda: Vault(config.vault, line),
        SecretBackend.AWS_SM: lambda: AwsSecrets(config.aws_sm, line),
        SecretBackend.GCP_SM: lambda: GcpSecrets(config.gcp_sm, line),
        SecretBackend.K8S: lambda: ProjectedSecrets(config.k8s),
        SecretBackend.DOPPLER: lambda: Doppler(config.doppler, line),
        SecretBackend.ONEPASSWORD: lambda: OnePassword(config.onepassword, line),
    }
    if config.backend is None:
        raise ConfigError(SETTING, f"must be set; there are {', '.join(one.value for one in SecretBackend)}")
    return makers[config.backend]()


def _named(name: str) -> Named:
    try:
        return Named.of(secret_name(name))
    except ValueError:
        pass
    raise MalformedInput("secret", "a name is path/to/it, or path/to/it#key, without `..`")


def _shown(name: str) -> str:
    """A name that has the form of one; somebody may have written the secret itself."""
    try:
        return secret_name(name)
    except ValueError:
        return "of no known form"
