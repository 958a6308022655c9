"""Adds what witnesses signed to the checkpoint that the store holds, once every signature has been verified."""

from __future__ import annotations

from collections.abc import Sequence

from byteport.audit.checkpoint import open_checkpoint, with_cosignatures
from byteport.audit.heads import Chain
from byteport.audit.notes import VerifierKey, parse_note
from byteport.contracts.checkpoints import KeepCosignatures, Kept
from byteport.errors import NotPermitted
from byteport.ledger import checkpoints
from byteport.ledger.store import Store


def keep(store: Store, chain: Chain, keys: Sequence[VerifierKey], call: KeepCosignatures) -> Kept:
    """The stored checkpoint with the signatures of `call` besides those it has; the same ones again change nothing.

    `keys` are the log's own and the witnesses'. Where a larger log has been signed meanwhile nothing is kept: the next
    answer of that witness says all that this one did. Raises `NotPermitted` for a checkpoint that is not ours, and for
    signatures that do not hold or that none of `keys` made.
    """
    told = open_checkpoint(with_cosignatures(call.note, call.lines.splitlines()), keys)
    if told.checkpoint.origin != chain.origin:
        raise NotPermitted("the checkpoint is that of another log")
    if not told.cosigned:
        raise NotPermitted("no witness of the settings has signed it")
    with store.transaction() as tx:
        last = checkpoints.latest(tx.sql, chain)
        if last is None or (last.size, last.root) != (told.checkpoint.size, told.checkpoint.root):
            return Kept(signatures=0)
        note = with_cosignatures(last.note, _lines(call, {one.witness for one in told.cosigned}, last.note))
        if note != last.note:
            checkpoints.add(tx, chain, last.size, last.root, note)
        return Kept(signatures=len(parse_note(note).signatures))


def _lines(call: KeepCosignatures, witnesses: set[VerifierKey], kept: str) -> list[str]:
    """The first line of each witness that was verified and is not on the stored checkpoint yet; of nobody else any."""
    there = {(one.name, one.key_id) for one in parse_note(kept).signatures}
    wanted = {(key.name, key.id) for key in witnesses} - there
    lines: dict[tuple[str, bytes], str] = {}
    for one in parse_note(with_cosignatures(call.note, call.lines.splitlines())).signatures:
        if (one.name, one.key_id) in wanted:
            lines.setdefault((one.name, one.key_id), one.line())
    return list(lines.values())
