"""Who may send alerts: bearer tokens of a mounted file, client certificates, and workload tokens, as the settings list them.

Comes after `byteport/serving` (what a credential proves); each route but SNS's, which is known by its signature, begins here.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from starlette.requests import Request

from byteport.contracts.alerts_face import AlertsConfig
from byteport.errors import ConfigError
from byteport.serving.bearer import bearer
from byteport.serving.certificates import identify
from byteport.serving.problems import Code, Problem
from byteport.serving.serve import CERTIFICATE
from byteport.serving.tokens import Tokens

log = logging.getLogger(__name__)

SETTING = "alerts.tokens_file"
SHORTEST_TOKEN = 32
MOST_TOKENS = 20
LARGEST = 64 << 10


class TokensFile:
    """Digests of the tokens, read again when the file has changed. One that cannot be read lets nobody in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: tuple[int, int, int] | None = None
        self._digests: tuple[bytes, ...] = ()

    def current(self) -> tuple[bytes, ...]:
        """Raises `ConfigError` when it is not there, may be read by everybody, or holds no token that is long enough."""
        try:
            with self._path.open("rb") as file:
                status = self._path.stat()
                state = (status.st_ino, status.st_mtime_ns, status.st_size)
                if state == self._state:
                    return self._digests
                self._state, self._digests = None, ()
                data = file.read(LARGEST + 1)
        except OSError as error:
            self._state, self._digests = None, ()
            raise ConfigError(SETTING, f"{self._path}: {error.strerror or 'cannot be read'}") from None
        if status.st_mode & 0o007:
            raise ConfigError(SETTING, f"{self._path} may be read by everybody; run: chmod o-rwx {self._path}")
        tokens = [line.strip() for line in data.splitlines() if line.strip()]
        if not tokens or len(tokens) > MOST_TOKENS or any(len(token) < SHORTEST_TOKEN for token in tokens):
            raise ConfigError(
                SETTING,
                f"{self._path}: write 1 to {MOST_TOKENS} tokens, one a line, of at least {SHORTEST_TOKEN} characters",
            )
        self._digests, self._state = tuple(hashlib.sha256(token).digest() for token in tokens), state
        return self._digests


class Callers:
    """Lets in whom the settings list."""

    def __init__(self, config: AlertsConfig, tokens: Tokens, now: Callable[[], datetime]) -> None:
        """Raises `ConfigError` when a file of tokens is named and cannot be used."""
        self._config = config
        self._tokens = tokens
        self._now = now
        self._file = None if config.tokens_file is None else TokensFile(config.tokens_file)
        if self._file is not None:
            self._file.current()

    def unreadable(self) -> bool:
        """Whether the file of tokens cannot be used now."""
        try:
            if self._file is not None:
                self._file.current()
        except ConfigError as error:
            log.error("not_ready: %s", error)
            return True
        return False

    async def caller(self, request: Request) -> str:
        """A word for who sends, for their allowance. Raises `Problem`."""
        certificate = request.scope.get(CERTIFICATE)
        if certificate is not None and self._config.client_certificates:
            for number, listed in enumerate(self._config.client_certificates):
                if listed in identify(certificate, self._now()).names:
                    return f"certificate-{number}"
        authorization = [value for name, value in request.scope["headers"] if name == b"authorization"]
        if not authorization:
            raise Problem(Code.CREDENTIAL_MISSING, "send `Authorization: Bearer` and a token, or a client certificate")
        return await self._by_token(bearer(authorization))

    async def _by_token(self, token: str) -> str:
        number = self._listed(token)
        if number is not None:
            return f"token-{number}"
        if self._config.workloads and token.count(".") == 2:
            found = await self._tokens.identify(token, self._config.issuers)
            if found in self._config.workloads:
                return f"workload-{self._config.workloads.index(found)}"
        raise Problem(Code.CREDENTIAL_INVALID, "this token is not one of those that let in")

    def _listed(self, token: str) -> int | None:
        """Compared with every one, so that the time says nothing of which was nearly right."""
        if self._file is None:
            return None
        try:
            digests = self._file.current()
        except ConfigError as error:
            log.error("tokens_unreadable: %s", error)
            raise Problem(Code.BUSY, "the list of tokens cannot be read; come again", retry_after=30) from None
        given, found = hashlib.sha256(token.encode("ascii")).digest(), None
        for number, digest in enumerate(digests):
            if hmac.compare_digest(given, digest):
                found = number
        return found
