"""A database server has a clock of its own: a machine that disagrees with it is told before it puts a chain ahead."""

from datetime import timedelta

from byteport.ledger.clocks import look
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import CHAIN, INSTALLATION, NOW
from workers.clocks import check_clocks
from workers.preflight import Check, Outcome

STORES = ("postgres",)
YEAR = timedelta(days=365)


def checked(removing: Removing) -> Check:
    (check,) = check_clocks(removing.world.store, INSTALLATION, served=True, clock=removing.world.clock)
    return check


def test_a_database_server_that_says_another_time_is_a_warning(removing: Removing) -> None:
    removing.record("a")
    check = checked(removing)
    assert (check.outcome, "and the database server's" in check.text) == (Outcome.WARNING, True)
    with removing.world.store.snapshot() as sql:
        server = look(sql, CHAIN, here=NOW, served=True).server
    assert server is not None
    removing.world.clock.now = server
    assert checked(removing).outcome is Outcome.OK
    removing.world.clock.now += YEAR
    removing.record("ahead")
    removing.world.clock.now -= YEAR
    assert "the machine that wrote that record was ahead" in checked(removing).text
