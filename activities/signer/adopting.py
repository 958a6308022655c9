"""How a signer goes on whose memory was lost: the whole log is read again and held against every checkpoint that is known.

The newest of them is where the new memory begins. It is only as good as those checkpoints: what was signed after the newest
that anybody still holds could be signed differently now, so that a person brings whatever was carried away. A row of the store is
a checkpoint only by the signature on it: whoever wrote the log anew could write rows as well. Comes after `looking`;
`byteport signer adopt` calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activities.signer.keys import SigningKeys
from activities.signer.looking import Looking, Stop
from activities.signer.state import Damaged, State, StateFile, frontier_of, size_of
from byteport.audit.checkpoint import Checkpoint, open_checkpoint
from byteport.audit.heads import Chain
from byteport.audit.notes import VerifierKey
from byteport.errors import MalformedInput, NotPermitted, PreconditionFailed
from byteport.ledger import checkpoints
from byteport.ledger.checkpoints import Checkpoint as Stored
from byteport.ledger.log import AuditLog
from byteport.ledger.store import Store


@dataclass(frozen=True)
class Adopted:
    """Where the signer now begins, and by how many checkpoints that was found."""

    size: int
    agreed: int


def adopt(
    store: Store,
    chain: Chain,
    keys: SigningKeys,
    file: StateFile,
    carried: Sequence[str],
    before: Sequence[VerifierKey] = (),
) -> Adopted:
    """Write the memory anew. `carried` are signed notes that were kept elsewhere, by people or witnesses; `before` are keys
    that signed this log earlier, as a person knows them.

    Raises `PreconditionFailed` where the log is not what any of them says, where there is no checkpoint at all or one that
    nobody known has signed, or where there is a memory that holds; `NotPermitted` for a given note that nobody known has signed.
    """
    with file.alone():
        state = _memory(file)
        trusted = [*keys.verifiers, *before, *([state.verifier] if state is not None else [])]
        stored, unsigned = _stored(store, chain, trusted)
        if state is not None:
            _must_not_hold(file, state, keys, stored)
        known = [*_remembered(state), *stored, *(_opened(note, chain, trusted) for note in carried)]
        if unsigned and not carried:
            raise PreconditionFailed(
                f"the store says that {unsigned[0].size} records were signed, and no known key has signed that; give --key for "
                "each one that signed before, or --checkpoint for what was carried away"
            )
        if not known:
            raise PreconditionFailed(
                "nothing was signed of this log yet, so there is nothing to adopt; the signer begins"
            )
        head = AuditLog(store).head(chain)
        looking, state = Looking(store, chain, keys, file), State(origin=chain.origin)
        for checkpoint in sorted(set(known), key=lambda one: one.size):
            state = _upto(looking, state, checkpoint, head.seq if head is not None else 0)
        frontier = frontier_of(state.upto)
        checkpoint = Checkpoint(chain.origin, frontier.size, frontier.root())
        note = keys.sign(checkpoint, handing_over=False)
        file.write(state.model_copy(update={"key": str(keys.active.verifier), "note": note}))
        return Adopted(frontier.size, len(set(known)))


def _upto(looking: Looking, state: State, known: Checkpoint, found: int) -> State:
    """The log read on to the size of `known`, whose root it then must have."""
    if known.size > found:
        raise PreconditionFailed(f"{known.size} records were signed, and the log has {found}")
    try:
        frontier, head = looking.follow(state, known.size)
    except Stop as stop:
        raise PreconditionFailed(f"{known.size} records were signed, but {stop.says}") from None
    if frontier.root() != known.root:
        raise PreconditionFailed(f"the first {known.size} records are not those that were signed")
    return state.model_copy(update={"upto": size_of(frontier), "head": head})


def _memory(file: StateFile) -> State | None:
    """What is remembered, if that is anything."""
    try:
        state = file.read()
    except Damaged:
        return None
    return state if state is not None and state.note else None


def _must_not_hold(file: StateFile, state: State, keys: SigningKeys, stored: Sequence[Checkpoint]) -> None:
    """A memory that is too old, or under another key, is replaced; no other one is."""
    if state.verifier in keys.verifiers and all(one.size <= state.upto.size for one in stored):
        raise PreconditionFailed(f"{file.path} holds, at {state.upto.size} records; there is nothing to adopt")


def _remembered(state: State | None) -> list[Checkpoint]:
    """That log must be in this one, too."""
    if state is None:
        return []
    frontier = frontier_of(state.upto)
    return [Checkpoint(state.origin, frontier.size, frontier.root())]


def _stored(store: Store, chain: Chain, trusted: Sequence[VerifierKey]) -> tuple[list[Checkpoint], list[Stored]]:
    """All that the store holds: what was signed, and what nobody known has signed."""
    with store.snapshot() as sql:
        rows = checkpoints.since(sql, chain, 0)
    signed: list[Checkpoint] = []
    unsigned: list[Stored] = []
    for row in rows:
        try:
            opened = open_checkpoint(row.note, trusted).checkpoint
        except (MalformedInput, NotPermitted):
            unsigned.append(row)
            continue
        if opened == Checkpoint(chain.origin, row.size, row.root):
            signed.append(opened)
        else:
            unsigned.append(row)
    return signed, unsigned


def _opened(note: str, chain: Chain, trusted: Sequence[VerifierKey]) -> Checkpoint:
    try:
        checkpoint = open_checkpoint(note, trusted).checkpoint
    except NotPermitted as error:
        raise NotPermitted(f"a given checkpoint was not signed by a known key: {error.message}") from None
    if checkpoint.origin != chain.origin:
        raise MalformedInput("--checkpoint", f"is of the log {checkpoint.origin}, not of {chain.origin}")
    return checkpoint
