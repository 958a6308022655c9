"""The signer on PostgreSQL, by the login that may sign and nothing else; fault 29 with a copy of the whole database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from activities.signer.keys import SigningKeys, checkpoint_key
from activities.signer.signing import Signer
from activities.signer.state import StateFile
from byteport.audit.checkpoint import open_checkpoint
from byteport.contracts.checkpoints import Answered, Refusal, Refused, Signed
from byteport.ledger import checkpoints
from byteport.ledger.append import append
from byteport.ledger.postgres import Database as Address
from byteport.ledger.postgres import PostgresStore
from byteport.ledger.postgres_migrating import Role
from byteport.trust.private_keys import new_private_key
from tests.builders.postgres import Database, Server, server
from tests.integration.ledger.world import BODY_KEYS, CountedChance, HandClock, draft
from tests.integration.signer.world import CHAIN

pytestmark = pytest.mark.ledger


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as started:
        yield started


class Kept:
    """One log in a database, the agent that appends to it and the signer, each by its own login."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        key = checkpoint_key(new_private_key(), CHAIN)
        self.keys, self.file = SigningKeys(key), StateFile(folder / "state.json", CHAIN)
        self.clock, self.chance, self.appended = HandClock(), CountedChance(), 0

    def store(self, role: Role) -> PostgresStore:
        address = Address(self.database.url(role), None)
        keys = BODY_KEYS if role is Role.AGENT else None
        return PostgresStore(address, CHAIN.tenant, keys=keys, clock=self.clock, randomness=self.chance)

    def grow(self, count: int, history: str = "") -> None:
        store = self.store(Role.AGENT)
        with store.transaction() as tx:
            for _ in range(count):
                self.appended += 1
                append(tx, draft(f"{history}{self.appended}"))
        store.close()

    def answer(self) -> Answered:
        store = self.store(Role.SIGNER)
        try:
            return Signer(store, CHAIN, self.keys, self.file).sign()
        finally:
            store.close()

    def signed(self) -> Signed:
        answer = self.answer().answer
        assert isinstance(answer, Signed), answer
        return answer

    def refuses(self) -> Refused:
        answer = self.answer().answer
        assert isinstance(answer, Refusal), answer
        return answer.because

    def published(self) -> list[int]:
        store = self.store(Role.SIGNER)
        with store.snapshot() as sql:
            notes = [one.note for one in checkpoints.since(sql, CHAIN, 0)]
        store.close()
        return [open_checkpoint(note, self.keys.verifiers).checkpoint.size for note in notes]


@pytest.fixture
def kept(postgres: Server, tmp_path: Path) -> Kept:
    return Kept(postgres.database(), tmp_path)


def test_the_signers_login_is_enough_to_sign(kept: Kept) -> None:
    kept.grow(3)
    assert kept.signed().upto.size == 3
    assert not kept.signed().grew
    kept.grow(40)
    assert kept.signed().upto.size == 43
    assert kept.published() == [3, 43]


@pytest.mark.claim("C-240")
def test_fault_29_a_database_restored_from_a_copy_is_refused_however_it_grows(kept: Kept, postgres: Server) -> None:
    kept.grow(5)
    kept.signed()
    name = kept.database.name
    kept.database.go_away()
    postgres.execute(f"CREATE DATABASE {name}_backup TEMPLATE {name}")
    kept.database.come_back()
    kept.grow(5)
    kept.signed()
    kept.database.go_away()
    postgres.execute(f"ALTER DATABASE {name} RENAME TO {name}_newest")
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {name}_backup")
    assert kept.refuses() is Refused.SHRANK
    kept.grow(4, history="again")
    assert kept.refuses() is Refused.SHRANK
    kept.grow(2, history="again")
    assert kept.refuses() is Refused.FORKED
    assert kept.published() == [5]
    kept.database.go_away()
    postgres.execute(f"DROP DATABASE {name}")
    postgres.execute(f"ALTER DATABASE {name}_newest RENAME TO {name}")
    kept.database.come_back()
    kept.grow(1)
    assert kept.signed().upto.size == 11


def test_the_database_itself_keeps_a_smaller_checkpoint_out(kept: Kept) -> None:
    kept.grow(5)
    kept.signed()
    with kept.database.as_(Role.SIGNER, CHAIN.tenant) as sql, pytest.raises(errors.IntegrityError):
        sql.execute(
            "INSERT INTO byteport.checkpoints (tenant, cluster_uid, number, size, root, note, at_ms)"
            " VALUES ('acme', 'uid-1', 2, 4, %s, 'x', 0)",
            (bytes(32),),
        )


def test_the_signers_login_sees_no_body_and_nothing_of_another_tenant(kept: Kept) -> None:
    kept.grow(1)
    with kept.database.as_(Role.SIGNER, CHAIN.tenant) as sql, pytest.raises(errors.InsufficientPrivilege):
        sql.execute("SELECT body FROM byteport.agent_action_bodies")
    with kept.database.as_(Role.SIGNER, "umbrella") as sql:
        assert sql.execute("SELECT count(*) FROM byteport.agent_actions").fetchone() == (0,)
    with psycopg.connect(kept.database.url(Role.SIGNER)) as sql:
        assert sql.execute("SELECT count(*) FROM byteport.agent_actions").fetchone() == (0,)
