"""Whether the secrets that the settings name can be read here and now; each value is dropped as soon as it has been read.

For `byteport secrets check` and `byteport doctor`. Comes after `activities/secrets/reading.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from activities.export.aws import region_of
from activities.secrets.reading import chosen
from byteport.contracts.secret_backends import SecretBackend, SecretConfig, VaultAuth
from byteport.errors import BytePortError, ConfigError
from byteport.settings import Settings
from byteport.settings.named_secrets import named_secrets
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy


class Look(NamedTuple):
    """One secret that was asked for. Nothing of its value is kept, not even how long it is."""

    name: str
    setting: str
    """Which setting names it; empty for one that a person named."""
    error: BytePortError | None = None
    """Why it could not be read."""


async def look_at_secrets(config: SecretConfig, named: Mapping[str, str]) -> list[Look]:
    """Each of `named` (setting by name), all at once and with one login, so that a backend that is down is waited for once.

    Raises `ConfigError` where no backend is set.
    """
    async with chosen(config).reading() as reading:

        async def look(name: str, setting: str) -> Look:
            try:
                (await reading.read(name)).forget()
            except BytePortError as error:
                return Look(name, setting, error)
            return Look(name, setting)

        return await asyncio.gather(*(look(name, setting) for name, setting in named.items()))


def must_be_whole(config: SecretConfig) -> None:
    """Whether all is set that the backend cannot be asked without. Raises `ConfigError` that names the first setting which is not."""
    vault = config.vault
    needed: dict[SecretBackend, dict[str, object]] = {
        SecretBackend.VAULT: {
            "vault.address": vault.address,
            **({"vault.token_file": vault.token_file} if vault.auth is VaultAuth.TOKEN_FILE else {}),
            **(
                {"vault.role_id_file": vault.role_id_file, "vault.secret_id_file": vault.secret_id_file}
                if vault.auth is VaultAuth.APPROLE
                else {}
            ),
        },
        SecretBackend.GCP_SM: {"gcp_sm.project": config.gcp_sm.project},
        SecretBackend.ONEPASSWORD: {"onepassword.address": config.onepassword.address},
    }
    backend = config.backend
    if backend is None:
        return
    if backend is SecretBackend.AWS_SM:
        region_of(config.aws_sm.region, of="secret.aws_sm")
    for setting, value in needed.get(backend, {}).items():
        if value is None:
            by = f" and secret.vault.auth {vault.auth.value}" if setting.endswith("_file") else ""
            raise ConfigError(f"secret.{setting}", f"must be set, since secret.backend is {backend.value}{by}")


async def check_secrets(settings: Settings) -> list[Check]:
    """One line that all is well, or one for each secret that cannot be read."""
    named = named_secrets(settings)
    if not named:
        must_be_whole(settings.secret)
        return [Check("secrets", Outcome.OK, "no setting names any")]
    looks = await look_at_secrets(settings.secret, named)
    checks = [
        Check(f"secret {look.name}", Outcome.FAILED, look.error.message, remedy(Amiss.SECRET_UNREAD, name=look.name))
        for look in looks
        if look.error is not None
    ]
    backend = settings.secret.backend
    return checks or [
        Check("secrets", Outcome.OK, f"{len(looks)} can be read" + (f" from {backend.value}" if backend else ""))
    ]
