"""Who may send alerts: bearer tokens of a mounted file, client certificates, and workload tokens, as the settings list them.

Comes after `byteport/serving` (what a credential proves) and `senders.py` (as whom they are known); each route but SNS's, which is
known by its signature, begins here.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request

from byteport.alerts import senders
from byteport.alerts.senders import Caller
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
_NAME = re.compile(rb"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?\Z")


class Token(NamedTuple):
    """One line of the file."""

    digest: bytes
    name: str
    """Empty where the line gives none."""


class TokensFile:
    """Digests of the tokens, read again when the file has changed. One that cannot be read lets nobody in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: tuple[int, int, int] | None = None
        self._tokens: tuple[Token, ...] = ()

    def current(self) -> tuple[Token, ...]:
        """Raises `ConfigError` when it is not there, may be read by everybody, or holds no token that is long enough."""
        try:
            with self._path.open("rb") as file:
                status = self._path.stat()
                state = (status.st_ino, status.st_mtime_ns, status.st_size)
                if state == self._state:
                    return self._tokens
                self._state, self._tokens = None, ()
                data = file.read(LARGEST + 1)
        except OSError as error:
            self._state, self._tokens = None, ()
            raise ConfigError(SETTING, f"{self._path}: {error.strerror or 'cannot be read'}") from None
        if status.st_mode & 0o007:
            raise ConfigError(SETTING, f"{self._path} may be read by everybody; run: chmod o-rwx {self._path}")
        lines = [line.split() for line in data.splitlines() if line.strip()]
        if not 0 < len(lines) <= MOST_TOKENS or not all(_is_token(line) for line in lines):
            raise ConfigError(
                SETTING,
                f"{self._path}: write 1 to {MOST_TOKENS} tokens, one a line, of at least {SHORTEST_TOKEN} characters,"
                " each alone or after its sender's name (lower-case letters, digits, - and .) and a space",
            )
        named = [line[0].decode("ascii") if len(line) > 1 else "" for line in lines]
        if named.count("") > 1:
            log.warning(
                "%s: %d tokens have no name and are one sender: each may say that an alert of the others is over; "
                "write its sender's name before each",
                SETTING,
                named.count(""),
            )
        found = (Token(hashlib.sha256(line[-1]).digest(), name) for line, name in zip(lines, named, strict=True))
        self._tokens, self._state = tuple(found), state
        return self._tokens


def _is_token(line: Sequence[bytes]) -> bool:
    """`TOKEN`, or `NAME TOKEN`: no token has a space in it."""
    if len(line) > 2 or len(line[-1]) < SHORTEST_TOKEN:
        return False
    return len(line) == 1 or _NAME.match(line[0]) is not None


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

    async def caller(self, request: Request) -> Caller:
        """Who sends. Raises `Problem`."""
        certificate = request.scope.get(CERTIFICATE)
        if certificate is not None and self._config.client_certificates:
            for number, listed in enumerate(self._config.client_certificates):
                if listed in identify(certificate, self._now()).names:
                    return Caller(f"certificate-{number}", senders.of_certificate(listed))
        authorization = [value for name, value in request.scope["headers"] if name == b"authorization"]
        if not authorization:
            raise Problem(Code.CREDENTIAL_MISSING, "send `Authorization: Bearer` and a token, or a client certificate")
        return await self._by_token(bearer(authorization))

    async def _by_token(self, token: str) -> Caller:
        listed = self._listed(token)
        if listed is not None:
            return listed
        if self._config.workloads and token.count(".") == 2:
            found = await self._tokens.identify(token, self._config.issuers)
            if found in self._config.workloads:
                return Caller(f"workload-{self._config.workloads.index(found)}", senders.of_workload(found))
        raise Problem(Code.CREDENTIAL_INVALID, "this token is not one of those that let in")

    def _listed(self, token: str) -> Caller | None:
        """Compared with every one, so that the time says nothing of which was nearly right. Tokens of one name share what it may have."""
        if self._file is None:
            return None
        try:
            tokens = self._file.current()
        except ConfigError as error:
            log.error("tokens_unreadable: %s", error)
            raise Problem(Code.BUSY, "the list of tokens cannot be read; come again", retry_after=30) from None
        given, found = hashlib.sha256(token.encode("ascii")).digest(), None
        for number, listed in enumerate(tokens):
            if hmac.compare_digest(given, listed.digest):
                found = Caller(f"token-{listed.name or number}", senders.of_token(listed.name))
        return found
