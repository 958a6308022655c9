"""What the signer signed last: one file outside the database, on the disk before anybody sees the note.

It holds the note and the frontier of its tree, so that the signer goes on from there without reading what it has signed
before. It is believed only if its parts fit each other and the note is signed. Comes before `signing`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from byteport.audit.chain import GENESIS
from byteport.audit.checkpoint import open_checkpoint
from byteport.audit.heads import Chain
from byteport.audit.merkle import Frontier
from byteport.audit.notes import VerifierKey, parse_vkey
from byteport.audit.records import Hash
from byteport.contracts.checkpoints import NOTHING, Size
from byteport.domain.base import Frozen
from byteport.errors import BytePortError, MalformedInput
from byteport.trust import durable

SETTING = "audit.signer.state_file"
WAIT_SECONDS = 10.0
"""For another signer of the same memory."""


class State(Frozen):
    """The end of what is signed. `key` and `note` are empty before the first signature."""

    format: Literal["byteport-signer-v1"] = "byteport-signer-v1"
    origin: str
    key: str = ""
    """The vkey of the key that signed last."""
    upto: Size = NOTHING
    head: Hash = GENESIS
    """Hash of the last signed record."""
    note: Annotated[str, Field(max_length=65_536)] = ""

    @property
    def verifier(self) -> VerifierKey:
        return parse_vkey(self.key)


class Damaged(MalformedInput):
    """The file is there and is not what the signer wrote."""


class StateFile:
    """The signer's memory of one log."""

    def __init__(self, path: Path, chain: Chain) -> None:
        self.path = path
        self._origin = chain.origin

    def alone(self) -> AbstractContextManager[None]:
        """While inside, nobody else signs this log. An attempt that Temporal gave up may still be at it.

        Raises `Unavailable` when somebody else is at it for too long.
        """
        lock = self.path.with_name(f".{self.path.name}.lock")
        return durable.alone(lock, SETTING, wait_seconds=WAIT_SECONDS)

    def read(self) -> State | None:
        """What was signed last; None when there is no file. Raises `Damaged`, or `Unavailable` when it cannot be read."""
        data = durable.read(self.path)
        if data is None:
            return None
        try:
            state = State.model_validate_json(data)
            frontier_of(state.upto)
        except (ValidationError, ValueError) as error:
            raise Damaged(SETTING, f"{self.path} is not what the signer wrote") from error
        if state.origin != self._origin:
            raise Damaged(SETTING, f"{self.path} is that of another log than {self._origin}")
        if not _fits(state):
            raise Damaged(SETTING, f"{self.path} was changed after the signer wrote it")
        return state

    def write(self, state: State) -> None:
        """Durably. Raises `Unavailable` when the disk does not take it; nothing may be published then."""
        durable.replace(self.path, state.model_dump_json(indent=1).encode("utf-8") + b"\n")


def frontier_of(size: Size) -> Frontier:
    """Raises `ValueError` for nodes that are not those of a tree of that size."""
    return Frontier(size.size, tuple(bytes.fromhex(node) for node in size.nodes))


def size_of(frontier: Frontier) -> Size:
    return Size(size=frontier.size, nodes=tuple(node.hex() for node in frontier.nodes))


def _fits(state: State) -> bool:
    if not state.note:
        return state.upto == NOTHING and not state.key
    try:
        key = state.verifier
        opened = open_checkpoint(state.note, (key,))
    except BytePortError:
        return False
    checkpoint, frontier = opened.checkpoint, frontier_of(state.upto)
    return (checkpoint.origin, checkpoint.size, checkpoint.root) == (state.origin, frontier.size, frontier.root())
