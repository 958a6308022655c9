"""The ledger's HTTP face as a receiver: a copy of the log outside of the cluster that it is about, which takes no rewriting.

Comes after `guarded.py`; `byteport/api` is the other side. What it holds it says with every answer, so that a batch that was
sent twice is a duplicate there. While it is down nothing is lost and nothing is kept here: the backlog is the ledger
itself. When it holds another history than ours, no trying again can help, and people are paged.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from activities.clock import Clock, utc_now
from activities.export.answers import Answer, Asked, error_of
from activities.export.guarded import GuardedClient
from activities.export.requests import ClientCertificate, Request
from activities.export.target import Batch, Share, Shipped, checkpoint_line
from byteport.contracts.ledger_api import NDJSON, RECORDS_PATH, TOKEN_FILE, ApiTargetConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, Unavailable

URL = "audit.export.api.url"
TOKEN = "audit.export.api.token_file"  # noqa: S105  the setting's name
CERTIFICATE = "audit.export.api.certificate"
RECORDS = Asked("api: records", url=URL, credential=TOKEN)
CHECKPOINT = Asked("api: checkpoint", url=URL, credential=TOKEN)

MOST_LINES = 1000
MOST_BYTES = 4 << 20
"""Of one request, unpacked; half of what the other side takes unless it was told otherwise."""
LARGEST_TOKEN = 16 << 10


class Contradicted(NotPermitted):
    """The ledger outside holds another history of this cluster than the log here."""

    code = "contradicted"


class LedgerApi:
    """Hands in to one ledger, as one identity."""

    name = "api"

    def __init__(
        self, config: ApiTargetConfig, *, ca_file: Path | None = None, proxy: str | None = None, clock: Clock = utc_now
    ) -> None:
        """Raises `ConfigError` for a setting that is missing; the token is read at every request."""
        if config.url is None:
            raise ConfigError(URL, "must be set where audit.export.target names api; or set BYTEPORT_API_URL")
        self._url = config.url
        self._config = config
        self._ca_file = ca_file
        self._proxy = proxy
        self._clock = clock
        self._token_file = config.token_file or (None if config.certificate is not None else Path(TOKEN_FILE))
        self._files: tuple[int, ...] = ()
        self._client: GuardedClient | None = None

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
        self._client = None

    async def ship(self, batch: Batch) -> Shipped:
        held, share = batch.first - 1, Share()
        try:
            for lines in _cut(batch.lines):
                if share.over and held >= batch.first:
                    return Shipped(held)
                await self._hand_in(lines, RECORDS, held + len(lines))
                held += len(lines)
        except BytePortError as error:
            if held < batch.first or isinstance(error, Contradicted):
                raise
            return Shipped(held)
        if batch.checkpoint is None:
            return Shipped(held)
        try:
            await self._hand_in([checkpoint_line(batch.checkpoint)], CHECKPOINT, batch.last)
        except Contradicted:
            raise
        except BytePortError:
            if not batch.lines:
                raise
            return Shipped(held)
        return Shipped(held, checkpoint=True)

    async def _hand_in(self, lines: Sequence[bytes], asked: Asked, last: int) -> None:
        """Returns when the ledger says that it holds the chain up to `last` at least."""
        body = gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=6, mtime=0)
        headers = {"Content-Type": NDJSON, "Content-Encoding": "gzip", "Accept": "application/json"}
        request = Request("POST", self._url.rstrip("/") + RECORDS_PATH, body, headers, self._secrets())
        client = await self._connected()
        answer = await client.ask(request, asked)
        if not answer.taken:
            raise _refusal(_code(answer)) or error_of(asked, answer, self._clock())
        held = _head(answer)
        if held is None or held < last:
            raise Unavailable(f"{asked.what}: the answer does not say that the ledger holds what it was sent")

    def _secrets(self) -> dict[str, str]:
        if self._token_file is None:
            return {}
        try:
            with self._token_file.open("rb") as file:
                token = file.read(LARGEST_TOKEN + 1).strip().decode("ascii")
        except (OSError, UnicodeDecodeError) as error:
            why = (isinstance(error, OSError) and error.strerror) or "is no token"
            raise ConfigError(TOKEN, f"{self._token_file}: {why}") from None
        if not token or len(token) > LARGEST_TOKEN or not token.isprintable() or " " in token:
            raise ConfigError(TOKEN, f"{self._token_file}: is no token")
        return {"Authorization": f"Bearer {token}"}

    async def _connected(self) -> GuardedClient:
        """A client with the certificate as it is now; a mesh renews it every hour."""
        files = self._state()
        if self._client is None or files != self._files:
            await self.close()
            shown = None
            if self._config.certificate is not None and self._config.key is not None:
                shown = ClientCertificate(self._config.certificate, self._config.key, CERTIFICATE)
            self._client = GuardedClient(
                self._url, ca_file=self._ca_file, proxy=self._proxy, certificate=shown, clock=self._clock
            )
            self._files = files
        return self._client

    def _state(self) -> tuple[int, ...]:
        found: list[int] = []
        for path in (self._config.certificate, self._config.key):
            if path is not None:
                try:
                    status = path.stat()
                except OSError as error:
                    raise ConfigError(CERTIFICATE, f"{path}: {error.strerror or 'cannot be read'}") from None
                found += [status.st_ino, status.st_mtime_ns]
        return tuple(found)


def _cut(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Parts that one request takes, in order."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        if part and (len(part) >= MOST_LINES or size + len(line) > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield part


def _refusal(code: str) -> BytePortError | None:
    """What the ledger's own words mean for us; nothing else of what it answers is looked at."""
    match code:
        case "fork":
            return Contradicted("api: the ledger holds another history of this cluster; a person has to look at both")
        case "checkpoint_fork":
            return Contradicted("api: our signer has signed another history than the one that the ledger holds")
        case "gap":
            return NotPermitted("api: the ledger holds less than it said that it held; it was restored or replaced")
        case "line_refused":
            return NotPermitted("api: a record of ours is damaged, and the ledger takes only what verifies")
        case "not_enrolled" | "role_refused":
            return NotPermitted(f"api: this credential is not enrolled there as an agent's (look at {TOKEN})")
        case "foreign_chain":
            return ConfigError(TOKEN, "this credential is enrolled for another tenant or cluster")
        case "checkpoint_refused":
            return ConfigError(URL, "the ledger has no key of this chain's signer enrolled, or another one")
        case "checkpoint_ahead":
            return Unavailable("api: the checkpoint covers records that the ledger does not hold yet")
        case _:
            return None


def _code(answer: Answer) -> str:
    """The word of a problem document; empty for anything else."""
    plain = _parsed(answer)
    code = plain.get("code") if isinstance(plain, dict) else None
    return code if isinstance(code, str) else ""


def _head(answer: Answer) -> int | None:
    plain = _parsed(answer)
    head = plain.get("head") if isinstance(plain, dict) else None
    seq = head.get("seq") if isinstance(head, dict) else None
    return seq if type(seq) is int else None


def _parsed(answer: Answer) -> object:
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
