"""Whether a log grew out of what was signed of it: the memory, what was published, and the records since, held together.

Only headers are read, from the last signed record on; that one is read again, since the next ones must follow from it. Writes
nothing, so that `byteport doctor` asks here. Comes after `state` and `keys`, before `signing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

from activities.signer.keys import SigningKeys
from activities.signer.state import Damaged, State, StateFile, frontier_of
from byteport.audit.chain import GENESIS, record_hash
from byteport.audit.checkpoint import open_checkpoint
from byteport.audit.heads import Chain, Head
from byteport.audit.merkle import Frontier
from byteport.audit.records import Entry, read_header
from byteport.contracts.checkpoints import Refusal, Refused
from byteport.errors import MalformedInput, NotPermitted
from byteport.ledger import checkpoints
from byteport.ledger.log import AuditLog
from byteport.ledger.store import Readable

MOST_AT_ONCE = 50_000
"""Records under one signature. A longer log is signed in parts, each within the act's deadline."""
BATCH = 4096


class Stop(Exception):
    """The log is not signed."""

    def __init__(self, because: Refused, found_size: int, says: str) -> None:
        super().__init__(says)
        self.because = because
        self.found_size = found_size
        self.says = says


@dataclass(frozen=True)
class Last:
    """The record that the next one must follow from."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Now:
    """The log as it is now: its tree, the hash of its last record, and whether there are further ones."""

    frontier: Frontier
    head: str
    more: bool


class Looking:
    """One log and one memory, to look at."""

    def __init__(self, store: Readable, chain: Chain, keys: SigningKeys, file: StateFile) -> None:
        self._store = store
        self._log = AuditLog(store)
        self._chain = chain
        self._keys = keys
        self._file = file

    def look(self) -> Refusal | None:
        """Why nothing would be signed now, if that is so. Signs nothing and changes nothing."""
        signed_size = 0
        try:
            state = self._known()
            signed_size = state.upto.size
            self._now(state)
        except Stop as stop:
            return Refusal(because=stop.because, signed_size=signed_size, found_size=stop.found_size, says=stop.says)
        return None

    # -- what was signed before -------------------------------------------------------------------------------------

    def _known(self) -> State:
        """The memory, if it and what was published agree."""
        newest = self._newest()
        try:
            state = self._file.read()
        except Damaged as error:
            raise Stop(Refused.LOST, _size(newest), error.message) from None
        if state is None:
            if newest is not None:
                raise self._lost(newest)
            return State(origin=self._chain.origin)
        if state.key and state.verifier not in self._keys.verifiers:
            says = (
                f"the log was last signed by {state.verifier.id.hex()}, and audit.signer.key is "
                f"{self._keys.active.verifier.id.hex()}"
            )
            raise Stop(Refused.REKEYED, _size(newest), says)
        if newest is not None:
            self._agree(state, newest)
        return state

    def _lost(self, newest: checkpoints.Checkpoint) -> Stop:
        if self._is_ours(newest):
            says = f"{self._file.path} is gone, and {newest.size} records were signed"
            return Stop(Refused.LOST, newest.size, says)
        says = f"{newest.size} records were signed by another key, and {self._file.path} is not there"
        return Stop(Refused.REKEYED, newest.size, says)

    def _agree(self, state: State, newest: checkpoints.Checkpoint) -> None:
        """The store cannot know of more than the memory does, nor of anything else."""
        if newest.size > state.upto.size:
            if self._is_ours(newest):
                says = f"{self._file.path} is of {state.upto.size} records, and {newest.size} were signed: it is an old copy"
                raise Stop(Refused.LOST, newest.size, says)
            says = f"the store holds a checkpoint of {newest.size} records that this signer did not sign"
            raise Stop(Refused.REKEYED, newest.size, says)
        if newest.size == state.upto.size and newest.root != frontier_of(state.upto).root():
            says = f"the store holds another checkpoint of {newest.size} records than was signed"
            raise Stop(Refused.FORKED, newest.size, says)
        if newest.size == state.upto.size and self._is_handed_over(state, newest):
            says = f"{newest.size} records were signed by another key besides: the log was handed over to it"
            raise Stop(Refused.REKEYED, newest.size, says)

    def _is_handed_over(self, state: State, newest: checkpoints.Checkpoint) -> bool:
        """Whether on what we signed there is the signature of a key of this log that was not there when we did."""
        ours, theirs = set(state.note.splitlines()), set(newest.note.splitlines())
        return ours <= theirs and any(line.startswith(f"— {self._chain.origin} ") for line in theirs - ours)

    def _newest(self) -> checkpoints.Checkpoint | None:
        with _readable(), self._store.snapshot() as sql:
            return checkpoints.latest(sql, self._chain)

    def _is_ours(self, kept: checkpoints.Checkpoint) -> bool:
        try:
            opened = open_checkpoint(kept.note, self._keys.verifiers).checkpoint
        except (MalformedInput, NotPermitted):
            return False
        return (opened.origin, opened.size, opened.root) == (self._chain.origin, kept.size, kept.root)

    # -- what is there now ------------------------------------------------------------------------------------------

    def _now(self, state: State) -> Now:
        """The log as far as it is signed at once. Fewer records than were signed are not looked at."""
        with _readable():
            head = self._log.head(self._chain) or Head(seq=0, hash=GENESIS)
        found, signed = head.seq, state.upto.size
        if found < signed:
            says = f"{signed} records were signed, and the log has {found}: its end was taken away, or an old backup restored"
            raise Stop(Refused.SHRANK, found, says)
        upto = min(found, signed + MOST_AT_ONCE)
        frontier, last = self.follow(state, upto)
        if upto == found and last != head.hash:
            raise Stop(Refused.FORKED, found, f"record {found} is not the one that was appended last")
        return Now(frontier, last, more=found > upto)

    def _new(self, state: State, upto: int) -> Iterator[Entry]:
        """The records after the last signed one, each of which follows from the one before it."""
        signed = state.upto.size
        last = Last(signed, state.head)
        first = max(1, signed)
        expected = first
        for entry in self._log.headers(self._chain, first, upto):
            if entry.seq != expected:
                says = f"record {expected} is not there, and later ones are"
                raise Stop(Refused.FORKED, entry.seq, says)
            expected += 1
            if entry.seq == signed:
                if entry.hash != last.hash or record_hash(entry.header) != last.hash:
                    says = f"record {signed} is not the one that was signed"
                    raise Stop(Refused.FORKED, signed, says)
                continue
            last = self._following(entry, last)
            yield entry
        if expected <= upto:
            missing = Refused.FORKED if expected <= signed else Refused.SHRANK
            raise Stop(missing, expected - 1, f"record {expected} is not there")

    def _following(self, entry: Entry, last: Last) -> Last:
        try:
            header = read_header(entry.header)
        except MalformedInput:
            raise Stop(Refused.UNREADABLE, entry.seq, f"record {entry.seq} is no record") from None
        if (header.tenant, header.cluster_uid) != (self._chain.tenant, self._chain.cluster_uid):
            raise Stop(Refused.UNREADABLE, entry.seq, f"record {entry.seq} is that of another log")
        if header.seq != entry.seq or header.prev_hash != last.hash or record_hash(entry.header) != entry.hash:
            says = f"record {entry.seq} does not follow from the one before it"
            raise Stop(Refused.FORKED, entry.seq, says)
        return Last(entry.seq, entry.hash)

    def follow(self, state: State, upto: int) -> tuple[Frontier, str]:
        """The tree of the log from where `state` is, and the hash of its last record. Raises `Stop` where it breaks off."""
        frontier, last = frontier_of(state.upto), state.head
        entries = self._new(state, upto)
        while batch := _read(entries):
            frontier = frontier.extend(bytes.fromhex(entry.hash.removeprefix("sha256:")) for entry in batch)
            last = batch[-1].hash
        return frontier, last


def _read(entries: Iterator[Entry]) -> list[Entry]:
    with _readable():
        return list(islice(entries, BATCH))


@contextmanager
def _readable() -> Iterator[None]:
    """While inside, what the store holds in the place of a number or a name is no error of ours: the log is refused."""
    try:
        yield
    except MalformedInput as error:
        raise Stop(Refused.UNREADABLE, 0, error.message) from None


def _size(newest: checkpoints.Checkpoint | None) -> int:
    return newest.size if newest is not None else 0
