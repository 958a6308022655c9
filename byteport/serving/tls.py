"""The server's TLS: version 1.3 and nothing older, its files read again when they have changed.

`serve` asks for a context at each new connection, so that a renewed certificate, and an authority that was taken out,
count from the next one on. Files that cannot be read leave the last good ones in use, until those have ended anyway.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from byteport.errors import ConfigError

log = logging.getLogger(__name__)

_State = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class TlsFiles:
    """PEM files: our certificate with its chain, its key, and the authority for clients' certificates, if any are taken."""

    certificate: Path
    key: Path
    client_ca: Path | None
    section: str
    """Of the settings, in which all three are named."""

    @property
    def setting(self) -> str:
        return f"{self.section}.certificate"


class Contexts:
    """The context for the next connection."""

    def __init__(self, files: TlsFiles, now: Callable[[], datetime]) -> None:
        """Raises `ConfigError` when the files make no server, or the certificate has ended."""
        self._files = files
        self._now = now
        self._state = _state(files)
        self._context, self.ends = _make(files)
        if now() >= self.ends:
            raise ConfigError(files.setting, f"{files.certificate} ended at {self.ends:%Y-%m-%d %H:%M} UTC; renew it")

    def current(self) -> ssl.SSLContext:
        """A context of the files as they are now, or of the last good ones."""
        try:
            state = _state(self._files)
            if state != self._state:
                self._state = state
                self._context, self.ends = _make(self._files)
                log.info("tls_reloaded: the certificate holds until %s", self.ends.isoformat())
        except ConfigError as error:
            log.error("tls_unreadable: %s; the files before are still in use", error)
        return self._context

    def ended(self) -> bool:
        """Whether clients refuse us."""
        return self._now() >= self.ends


def _state(files: TlsFiles) -> _State:
    found = []
    for path in (files.certificate, files.key, files.client_ca):
        if path is not None:
            try:
                status = path.stat()
            except OSError as error:
                raise ConfigError(files.setting, f"{path}: {error.strerror or 'cannot be read'}") from None
            found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _make(files: TlsFiles) -> tuple[ssl.SSLContext, datetime]:
    """A context, and when its certificate ends."""
    status = files.key.stat()
    if status.st_mode & 0o007:
        raise ConfigError(f"{files.section}.key", f"{files.key} may be read by everybody; run: chmod o-rwx {files.key}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # a resumed session would be let in by an authority that was taken out since
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
        if files.client_ca is not None:
            context.load_verify_locations(cafile=files.client_ca)
            context.verify_mode = ssl.CERT_OPTIONAL
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    except (OSError, ValueError) as error:
        names = ", ".join(str(path) for path in (files.certificate, files.key, files.client_ca) if path is not None)
        raise ConfigError(
            files.setting, f"{names}: {getattr(error, 'reason', None) or 'no certificate and its key'}"
        ) from None
    return context, certificate.not_valid_after_utc


def _no_password() -> str:
    raise ValueError("the key is encrypted")
