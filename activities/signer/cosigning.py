"""Asks a witness for its signature under a checkpoint, with the proof that the log only grew since the last one it signed.

Performed by the process that speaks to the outside, which holds no key of ours; what comes back is verified by the signer
before it is kept. Where the witness is, and which key it has, the settings say: never the run that asks.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path

from activities.clock import Clock, utc_now
from activities.export.answers import Answer, Asked, error_of
from activities.export.guarded import GuardedClient
from activities.export.requests import Request
from activities.signer.state import frontier_of, size_of
from byteport.audit.chain import record_hash
from byteport.audit.checkpoint import Checkpoint, parse_checkpoint
from byteport.audit.heads import Chain
from byteport.audit.merkle import Frontier, consistency_proof
from byteport.audit.notes import VerifierKey, parse_note
from byteport.audit.witnessing import AddCheckpoint, request_body
from byteport.contracts.checkpoints import NOTHING, Cosign, Cosigned, Objection, Refused, Size, WitnessAnswered
from byteport.errors import BytePortError, MalformedInput, NotPermitted, PreconditionFailed, Unavailable
from byteport.ledger.log import AuditLog
from byteport.ledger.store import Readable

SETTING = "audit.witnesses"
BATCH = 4096
SECONDS = 15.0
LARGEST_ANSWER = 16 << 10
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")


@dataclass(frozen=True)
class WitnessAt:
    """A witness as the settings name it."""

    url: str
    """Its submission prefix; `add-checkpoint` comes after it."""
    key: VerifierKey


@dataclass(frozen=True)
class Witnesses:
    """The witnesses of the settings."""

    known: Mapping[str, WitnessAt]
    ca_file: Path | None = None
    proxy: str | None = None
    clock: Clock = utc_now

    def key_of(self, name: str) -> VerifierKey:
        """Raises `NotPermitted` for a name that the settings do not have."""
        return self._at(name).key

    async def ask(self, name: str, body: bytes) -> Answer:
        """What it answers: 200, or one of the protocol's refusals that say something of the log. Raises for the rest."""
        at = self._at(name)
        client = GuardedClient(at.url, ca_file=self.ca_file, proxy=self.proxy, clock=self.clock)
        asked = Asked(f"witness {name}", url=SETTING, credential=SETTING)
        request = Request(
            "POST", f"{at.url.rstrip('/')}/add-checkpoint", body, seconds=SECONDS, largest_answer=LARGEST_ANSWER
        )
        try:
            answer = await client.ask(request, asked)
        finally:
            await client.close()
        match answer.status:
            case HTTPStatus.OK | HTTPStatus.CONFLICT | HTTPStatus.UNPROCESSABLE_ENTITY:
                return answer
            case HTTPStatus.NOT_FOUND:
                raise NotPermitted(
                    f"witness {name} does not know this log; tell its operator the key: byteport log-key"
                )
            case HTTPStatus.FORBIDDEN:
                raise NotPermitted(f"witness {name} knows this log by another key; tell its operator: byteport log-key")
            case _:
                raise error_of(asked, answer, self.clock())

    def _at(self, name: str) -> WitnessAt:
        at = self.known.get(name)
        if at is None:
            raise NotPermitted(f"there is no witness of that name in {SETTING}")
        return at


class Cosigning:
    """Cosignatures for the checkpoints of one log."""

    def __init__(self, store: Readable, chain: Chain, witnesses: Witnesses) -> None:
        self._log = AuditLog(store)
        self._chain = chain
        self._witnesses = witnesses

    async def cosign(self, call: Cosign) -> WitnessAnswered:
        """Raises `NotPermitted` for a witness that is not known or does not know us, `Unavailable` and `Throttled` for later,
        and `PreconditionFailed` when the store does not hold what the checkpoint is about."""
        checkpoint = self._checkpoint(call)
        doubt = await asyncio.to_thread(self._doubt, call.since, checkpoint)
        if doubt is None:
            return WitnessAnswered(answer=await self._asked(call, checkpoint, call.since))
        try:
            answer = await self._asked(call, checkpoint, NOTHING)
        except BytePortError:
            answer = _objection(call, doubt, call.since.size)
        if isinstance(answer, Cosigned):
            answer = _objection(call, doubt, call.since.size)
        return WitnessAnswered(answer=answer)

    async def _asked(self, call: Cosign, checkpoint: Checkpoint, old: Size) -> Cosigned | Objection:
        for _ in range(2):
            body = await asyncio.to_thread(self._body, call.note, checkpoint, old)
            answer = await self._witnesses.ask(call.witness, body)
            if answer.status == HTTPStatus.OK:
                return Cosigned(lines=self._lines(call, answer))
            if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                return _objection(call, Refused.FORKED, old.size)
            witnessed = _size(answer, call.witness)
            if witnessed > checkpoint.size:
                return _objection(call, Refused.SHRANK, witnessed)
            if witnessed == old.size:
                return _objection(call, Refused.FORKED, witnessed)
            old = await asyncio.to_thread(self._upto, witnessed)
        raise Unavailable(f"witness {call.witness} is at another size each time that it is asked")

    def _checkpoint(self, call: Cosign) -> Checkpoint:
        checkpoint = parse_checkpoint(parse_note(call.note).text)
        if call.cluster_uid != self._chain.cluster_uid or checkpoint.origin != self._chain.origin:
            raise NotPermitted("the checkpoint is that of another log than this installation's")
        return checkpoint

    def _doubt(self, since: Size, checkpoint: Checkpoint) -> Refused | None:
        """Whether the log grew out of what this witness is remembered to have signed of it.

        The witness is asked all the same, since it may know more; that it is down, or has forgotten what it signed, makes
        nothing good.
        """
        if since.size > checkpoint.size:
            return Refused.SHRANK
        try:
            root = self._grown(frontier_of(since), checkpoint).root() if since.size else checkpoint.root
        except ValueError:
            return Refused.FORKED
        return None if root == checkpoint.root else Refused.FORKED

    def _grown(self, frontier: Frontier, checkpoint: Checkpoint) -> Frontier:
        for batch in self._leaves(frontier.size + 1, checkpoint.size):
            frontier = frontier.extend(batch)
        return frontier

    def _body(self, note: str, checkpoint: Checkpoint, old: Size) -> bytes:
        """What is sent. A first checkpoint takes no proof, and nothing is read for it."""
        if not old.size:
            return request_body(AddCheckpoint(0, (), note))
        frontier = frontier_of(old)
        leaves = [leaf for batch in self._leaves(old.size + 1, checkpoint.size) for leaf in batch]
        if frontier.extend(leaves).root() != checkpoint.root:
            raise PreconditionFailed("the log does not hold what the checkpoint was signed for")
        return request_body(AddCheckpoint(old.size, consistency_proof(frontier, leaves), note))

    def _upto(self, size: int) -> Size:
        """The log from its beginning to where a witness is: read once, when nobody remembered."""
        frontier = Frontier()
        for batch in self._leaves(1, size):
            frontier = frontier.extend(batch)
        return size_of(frontier)

    def _leaves(self, first: int, last: int) -> Iterator[list[bytes]]:
        entries = self._log.headers(self._chain, first, last)
        while batch := [record_hash(one.header) for one in islice(entries, BATCH)]:
            yield [bytes.fromhex(each.removeprefix("sha256:")) for each in batch]

    def _lines(self, call: Cosign, answer: Answer) -> str:
        """The witness's own lines; those of keys that nobody here knows are passed over, as the protocol demands."""
        key = self._witnesses.key_of(call.witness)
        try:
            note = parse_note(call.note + answer.body.decode("utf-8"))
        except (MalformedInput, UnicodeDecodeError):
            raise NotPermitted(f"witness {call.witness} answers with something else than signatures") from None
        lines = [one.line() for one in note.signatures if (one.name, one.key_id) == (key.name, key.id)]
        if not lines:
            raise NotPermitted(f"witness {call.witness} signed with another key than {SETTING} has")
        return "".join(f"{line}\n" for line in lines)


def _size(answer: Answer, witness: str) -> int:
    found = _SIZE.fullmatch(answer.body)
    if found is None:
        raise NotPermitted(f"witness {witness} answers 409 without a size")
    return int(found[1])


def _objection(call: Cosign, because: Refused, witnessed: int) -> Objection:
    says = (
        f"witness {call.witness} has signed {witnessed} records of this log, more than there are now"
        if because is Refused.SHRANK
        else f"witness {call.witness} has signed another log of {witnessed} records by this name"
    )
    return Objection(because=because, witnessed_size=witnessed, says=says)
