"""Where the PostgreSQL of `ledger.url` is, and how it is spoken to: verified TLS, unless it is this machine.

Nothing turns that off: what the URL or the environment says of `sslmode` cannot make it less. Comes before `postgres`.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from byteport.errors import ConfigError
from byteport.trust.key_files import read_private_file

SETTING = "ledger.url"
PASSWORD_SETTING = "ledger.password_file"  # noqa: S105  the name of a setting
CONNECT_SECONDS = 4
_NO_FILE = "/dev/null/none"
"""Where no file can be."""
ALLOWED = frozenset(
    {
        "user",
        "host",
        "port",
        "dbname",
        "sslmode",
        "sslrootcert",
        "sslcert",
        "sslkey",
        "target_session_attrs",
        "channel_binding",
    }
)
"""What the URL may say. Whatever is left out here could redirect the connection, weaken it, or hold a password."""


def address(url: str) -> dict[str, Any]:
    """The parameters of a connection, without a password. Raises `ConfigError` naming what the URL may not say."""
    try:
        said: dict[str, Any] = dict(conninfo_to_dict(url))
    except ProgrammingError:
        raise ConfigError(SETTING, "cannot be read; write postgresql://user@host/database") from None
    if "password" in said:
        raise ConfigError(SETTING, f"must not hold a password; put it into a file and name that by {PASSWORD_SETTING}")
    if unknown := sorted(set(said) - ALLOWED):
        raise ConfigError(SETTING, f"must not say {unknown[0]}")
    for part in ("host", "dbname", "user"):
        if not said.get(part):
            raise ConfigError(SETTING, f"must say the {part}: postgresql://user@host/database")
    if all(is_this_machine(host) for host in str(said["host"]).split(",")):
        said.setdefault("sslmode", "prefer")
    elif said.setdefault("sslmode", "verify-full") != "verify-full":
        raise ConfigError(SETTING, "is not on this machine, so that sslmode is verify-full; leave it out")
    else:
        said.setdefault("sslrootcert", "system")
    return {**said, "connect_timeout": CONNECT_SECONDS, "application_name": "byteport", "gssencmode": "disable"}


def is_this_machine(host: str) -> bool:
    """Whether `host` is a socket's folder, or an address that does not leave the machine. A name is not asked for."""
    if host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def conninfo(url: str, password_file: Path | None) -> str:
    """What libpq connects with: the password is read now, and libpq looks for none elsewhere."""
    said = address(url)
    if password_file is not None:
        said["password"] = read_private_file(password_file, PASSWORD_SETTING).rstrip("\r\n")
    else:
        said["passfile"] = _NO_FILE
    return make_conninfo(**said)


def for_people(url: str) -> str:
    """The database by name, as one line without anything secret."""
    said = address(url)
    return f"postgresql://{said['user']}@{said['host']}/{said['dbname']}"
