"""Which database the log is in, and the keys of what it keeps: the part of the settings that this room owns.

`byteport/settings` composes it; `opening` reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class LedgerConfig(BaseModel):
    """The audit database, the key of what it keeps, and the key that signs grants."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path | None = None
    """SQLite file, unless `url` is set. Default: `ledger.db` in the state directory."""
    url: Annotated[str, Field(pattern=r"^postgres(ql)?://\S+$", max_length=2000)] | None = None
    """PostgreSQL, as in `postgresql://agent@db.example.org/byteport`, without a password. Default: none; `path` is used.

    Anything but this machine is spoken to by TLS only, and its certificate must be for that name (`verify-full`); a
    certificate authority of your own is named by `?sslrootcert=/etc/…/ca.pem`.
    """
    password_file: Path | None = None
    """File that holds the password of `url`'s user; mode 0600, read at each connection. Default: none is sent."""
    body_key: Path | None = None
    """Keys that encrypt what records say, one a line (32 bytes as hex or base64), the first encrypts; mode 0600.

    Default: `keys/bodies.key` in the state directory, which `byteport keys init` makes. Without it the log cannot be read.
    A folder holds one such file for each tenant, `acme.key`, so that one tenant's can be destroyed; `byteport api` makes them.
    """
    grant_key: Path | None = None
    """Ed25519 key (OpenSSH) by which the ledger signs grants; mode 0600. Default: `keys/grant` in the state directory."""
