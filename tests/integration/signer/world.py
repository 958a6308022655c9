"""A log on a real file that grows when it is told to, and its signer, with what a hostile hand can do to either."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from activities.signer.keys import SigningKeys, checkpoint_key
from activities.signer.signing import Signer
from activities.signer.state import State, StateFile
from byteport.audit.checkpoint import Opened, open_checkpoint
from byteport.audit.heads import Chain
from byteport.audit.notes import VerifierKey
from byteport.contracts.checkpoints import Refusal, Refused, Signed
from byteport.ledger import checkpoints
from byteport.ledger.append import append
from byteport.ledger.keys import BodyKeys
from byteport.ledger.log import AuditLog
from byteport.ledger.sqlite import SqliteStore
from byteport.trust.key_files import KeyRing, SymmetricKey
from byteport.trust.private_keys import PrivateKey, new_private_key
from tests.integration.ledger.world import CountedChance, HandClock, draft

CHAIN = Chain(tenant="acme", cluster_uid="uid-1")
BODIES = BodyKeys(KeyRing((SymmetricKey(b"\x07" * 32),), "ledger.body_key"))


@dataclass
class SignedLog:
    """One log and one signer in a folder."""

    folder: Path
    key: PrivateKey = field(default_factory=new_private_key)
    retiring: PrivateKey | None = None
    chain: Chain = CHAIN

    def __post_init__(self) -> None:
        self.path = self.folder / "ledger.db"
        self.state_path = self.folder / "signer" / "state.json"
        self.chance, self.clock = CountedChance(), HandClock()
        self.store = self.opened()
        self.appended = 0

    def opened(self) -> SqliteStore:
        return SqliteStore(self.path, keys=BODIES, clock=self.clock, randomness=self.chance)

    # -- the log ----------------------------------------------------------------------------------------------------

    def grow(self, count: int = 1, *, history: str = "") -> None:
        with self.store.transaction() as tx:
            for _ in range(count):
                self.appended += 1
                append(tx, draft(f"{history}{self.appended}", cluster_uid=self.chain.cluster_uid))

    @property
    def size(self) -> int:
        head = AuditLog(self.store).head(self.chain)
        return head.seq if head is not None else 0

    def backed_up(self) -> Path:
        """A copy of the database as it is now, as a backup takes it."""
        copy = self.folder / f"backup-{self.size}.db"
        with sqlite3.connect(self.path) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        return copy

    def restore(self, backup: Path) -> None:
        """What an administrator does with a backup."""
        self.store.close()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copy(backup, self.path)
        self.path.chmod(0o600)

    @contextlib.contextmanager
    def hostile(self) -> Iterator[sqlite3.Connection]:
        """A hand that may do everything to the database: triggers are nothing to it."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as sql:
            triggers = sql.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                sql.execute(f'DROP TRIGGER "{name}"')
            yield sql
            for _, text in triggers:
                sql.execute(text)

    # -- the signer -------------------------------------------------------------------------------------------------

    @property
    def keys(self) -> SigningKeys:
        return SigningKeys(
            checkpoint_key(self.key, self.chain), checkpoint_key(self.retiring, self.chain) if self.retiring else None
        )

    @property
    def vkey(self) -> VerifierKey:
        return self.keys.active.verifier

    @property
    def file(self) -> StateFile:
        return StateFile(self.state_path, self.chain)

    @property
    def signer(self) -> Signer:
        return Signer(self.store, self.chain, self.keys, self.file)

    @property
    def state(self) -> State:
        state = self.file.read()
        assert state is not None
        return state

    def sign(self) -> Signed:
        answer = self.signer.sign().answer
        assert isinstance(answer, Signed), answer
        return answer

    def refused(self) -> Refusal:
        """A refusal, which is the same when one only looks, and after which nothing has changed."""
        before = self.state_path.read_bytes() if self.state_path.exists() else None
        published = self.published()
        answer = self.signer.sign().answer
        assert isinstance(answer, Refusal), answer
        assert self.signer.look() == answer
        assert (self.state_path.read_bytes() if self.state_path.exists() else None) == before
        assert self.published() == published
        return answer

    def refuses(self) -> Refused:
        return self.refused().because

    def published(self) -> list[str]:
        with self.store.snapshot() as sql:
            return [one.note for one in checkpoints.since(sql, self.chain, 0)]

    def opened_notes(self, *keys: VerifierKey) -> list[Opened]:
        return [open_checkpoint(note, keys or (self.vkey,)) for note in self.published()]
