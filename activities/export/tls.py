"""The one place where receivers' TLS is set up: version 1.2 at least, certificate and name verified, and no way around.

Nothing of the environment plays in: neither OpenSSL's file of session keys nor any other variable is read, but those by
which OpenSSL itself finds the authorities that the system trusts. Before it come the settings' files; after it
`guarded.py` and `syslog.py`.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from byteport.errors import ConfigError

CA_SETTING = "audit.export.ca_file"


def verifying(ca_file: Path | None = None, *, ca_setting: str = CA_SETTING) -> ssl.SSLContext:
    """A context that trusts the system's authorities, and those in `ca_file` besides. Raises `ConfigError`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = (
        False  # an authority checks the names it signs, and a subject's text may be anything
    )
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except ssl.SSLError:
            raise ConfigError(ca_setting, f"{ca_file} holds no certificate in PEM") from None
        except OSError as error:
            raise ConfigError(ca_setting, f"{ca_file}: {error.strerror or 'cannot be read'}") from None
    return context


def with_certificate(context: ssl.SSLContext, certificate: Path, key: Path, *, setting: str) -> ssl.SSLContext:
    """`context`, which now also shows our own certificate to a server that asks. Raises `ConfigError` naming `setting`."""
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError:
        raise ConfigError(setting, f"{certificate} and {key} are not a certificate and its key in PEM") from None
    except OSError as error:
        raise ConfigError(setting, f"{certificate}, {key}: {error.strerror or 'cannot be read'}") from None
    return context


def _no_passphrase() -> bytes:
    """Without it, OpenSSL would ask the terminal for that of a key that has one."""
    return b""
