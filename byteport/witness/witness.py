"""The witness itself: each request is answered by what it last signed of that log, one request of a log at a time.

C2SP's tlog-witness, check by check in its order. What is signed is on the disk before the answer leaves. Comes after
`states`; `server` puts it behind HTTP.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.checkpoint import Checkpoint, Opened, cosign, open_checkpoint, parse_checkpoint, with_cosignatures
from byteport.audit.merkle import EMPTY_ROOT, is_consistent
from byteport.audit.notes import SignatureType, VerifierKey, key_of, parse_note, parse_vkey
from byteport.audit.witnessing import AddCheckpoint, parse_request
from byteport.errors import ConfigError, MalformedInput, NotPermitted, Unavailable
from byteport.trust import durable
from byteport.witness.states import States

LOGS_SETTING = "--logs"


class Status(IntEnum):
    """What the protocol answers with."""

    OK = 200
    BAD_REQUEST = 400
    FORBIDDEN = 403
    NOT_FOUND = 404
    CONFLICT = 409
    UNPROCESSABLE = 422
    UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and, for the witness's own log lines, what it was about. `because` never quotes the request."""

    status: Status
    body: str
    because: str
    origin: str = ""
    size: int | None = None


class Logs:
    """The keys of the logs that are known: a file with a vkey a line, whose name is the log's origin.

    Read at each request, so that a log is added, and a key taken away, without a restart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[VerifierKey, ...]:
        """Raises `ConfigError` naming the line that is no key of a log."""
        try:
            data = durable.read(self._path)
        except Unavailable as error:
            raise ConfigError(LOGS_SETTING, error.message) from None
        if data is None:
            raise ConfigError(LOGS_SETTING, f"{self._path} does not exist; write the vkey of a log on each line")
        keys = []
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                keys.append(_log_key(line.strip(), f"{self._path} line {number}"))
        return tuple(keys)


def _log_key(text: str, where: str) -> VerifierKey:
    try:
        key = parse_vkey(text)
    except MalformedInput as error:
        raise ConfigError(LOGS_SETTING, f"{where}: {error.message}") from None
    if key.type is not SignatureType.ED25519:
        raise ConfigError(LOGS_SETTING, f"{where}: is the key of a witness, not of a log")
    return key


class Witness:
    """One witness, with its key and its memory."""

    def __init__(
        self, name: str, key: Ed25519PrivateKey, states: Path, logs: Logs, *, clock: Callable[[], datetime]
    ) -> None:
        """Raises `MalformedInput` for a name that no key can have."""
        self.key = key_of(name, SignatureType.COSIGNATURE, key)
        self._private = key
        self._states = States(states, self.key)
        self._logs = logs
        self._clock = clock
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def add_checkpoint(self, body: bytes) -> Answer:
        """Whatever is sent is answered; nothing of it is an error of the witness's own."""
        try:
            call = parse_request(body)
            origin = parse_checkpoint(parse_note(call.note).text).origin
        except MalformedInput as error:
            return Answer(Status.BAD_REQUEST, f"{error.message}\n", "not a request of this protocol")
        try:
            keys = [key for key in self._logs.read() if key.name == origin]
        except ConfigError as error:
            return Answer(Status.UNAVAILABLE, "the witness is not ready\n", error.message)
        if not keys:
            return Answer(Status.NOT_FOUND, "this log is not known here\n", "unknown log")
        try:
            opened = open_checkpoint(call.note, keys)
        except (MalformedInput, NotPermitted):
            return Answer(Status.FORBIDDEN, "no key of this log has signed it\n", "not signed by the log", origin)
        if call.old > opened.checkpoint.size:
            return Answer(Status.BAD_REQUEST, "the old size is larger than the new one\n", "old size too large", origin)
        return await asyncio.shield(self._in_turn(call, opened))  # a client that has gone does not end the turn

    async def _in_turn(self, call: AddCheckpoint, opened: Opened) -> Answer:
        origin = opened.checkpoint.origin
        async with self._turns[origin]:
            try:
                return await asyncio.to_thread(self._judge, call, opened)
            except Unavailable as error:
                return Answer(Status.UNAVAILABLE, "the witness is not ready\n", error.message, origin)

    def _judge(self, call: AddCheckpoint, opened: Opened) -> Answer:
        """Nobody else is about this log meanwhile: what is compared here is what is written."""
        new = opened.checkpoint
        last = self._states.last(new.origin) or Checkpoint(new.origin, 0, EMPTY_ROOT)
        if call.old != last.size:
            return Answer(Status.CONFLICT, f"{last.size}\n", "another size was signed last", new.origin, last.size)
        if new.size == last.size and new.root != last.root:
            return Answer(Status.CONFLICT, f"{last.size}\n", "ANOTHER ROOT FOR THE SAME SIZE", new.origin, last.size)
        if not is_consistent(last.size, last.root, call.proof, new.size, new.root):
            return Answer(
                Status.UNPROCESSABLE, "the proof does not hold\n", "no proof of growth", new.origin, last.size
            )
        line = cosign(call.note, self.key.name, self._private, at=int(self._clock().timestamp()))
        log = next(key for key in opened.signed_by if key.name == new.origin)
        self._states.keep(new.origin, log, with_cosignatures(_bare(call.note, log), [line]))
        return Answer(Status.OK, f"{line}\n", "cosigned", new.origin, new.size)


def _bare(note: str, log: VerifierKey) -> str:
    """The note with the log's signature alone: others on it may be of anybody, and of any number."""
    found = parse_note(note)
    (kept,) = [one for one in found.signatures if (one.name, one.key_id) == (log.name, log.id)][:1]
    return f"{found.text}\n{kept.line()}\n"
