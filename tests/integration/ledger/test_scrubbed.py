"""An erasure in a file is over when the write-ahead log holds nothing of it either."""

import contextlib
import sqlite3

from tests.integration.ledger.removing import Removing

STORES = ("sqlite",)


def test_while_a_reader_keeps_it_the_answer_says_so_and_it_is_gone_when_it_is_asked_again(removing: Removing) -> None:
    removing.record("a")
    request = removing.ask(1)
    removing.world.clock.move(days=1)
    with contextlib.closing(sqlite3.connect(removing.world.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM agent_actions").fetchone()
        assert not removing.erase(request).scrubbed
        assert removing.world.path.with_name("ledger.db-wal").stat().st_size
    assert removing.again(request.request.request_id).scrubbed
    assert not removing.world.path.with_name("ledger.db-wal").stat().st_size
