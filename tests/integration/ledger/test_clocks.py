"""One clock that is ahead puts a chain ahead for good: it is seen, said with both times, and not made worse."""

from datetime import timedelta

import pytest

from byteport.ledger.clocks import BEARABLE, Clocks, look
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import CHAIN, INSTALLATION, NOW
from workers.clocks import check_clocks
from workers.preflight import Check, Outcome

YEAR = timedelta(days=365)


def clocks(removing: Removing) -> Clocks:
    with removing.world.store.snapshot() as sql:
        return look(sql, CHAIN, here=removing.world.clock.now, served=False)


def checked(removing: Removing) -> Check:
    (check,) = check_clocks(removing.world.store, INSTALLATION, served=False, clock=removing.world.clock)
    return check


def test_a_chain_without_a_record_and_one_of_now_are_in_order(removing: Removing) -> None:
    assert clocks(removing).says() == ""
    removing.record("a")
    removing.world.clock.now -= BEARABLE
    assert not clocks(removing).is_ahead
    assert checked(removing).outcome is Outcome.OK


def test_one_record_from_a_clock_that_is_ahead_is_a_warning_that_names_both_times(removing: Removing) -> None:
    removing.world.clock.now += YEAR
    removing.record("ahead")
    removing.world.clock.now -= YEAR
    removing.record("after")
    check = checked(removing)
    assert check.outcome is Outcome.WARNING
    assert (
        "the last record is of 2027-03-10 09:00:00 UTC, and this machine's clock says 2026-03-10 09:00:00 UTC"
        in check.text
    )
    assert "byteport records" in check.text


@pytest.mark.claim("C-163")
def test_a_request_has_the_time_of_its_record_so_that_a_clock_that_is_behind_takes_nothing_of_the_day(
    removing: Removing,
) -> None:
    removing.record("a")
    removing.world.clock.move(hours=-25)
    request = removing.ask(1)
    assert request.request.at == NOW
    removing.world.clock.move(hours=25, minutes=1)
    assert removing.erase(request).erased == 0
    removing.erasures.cancel(request.request.request_id, by="ada", reason="mistaken")
