"""What a report cannot see of a time is counted and dated from the headers, which stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from byteport.audit.tally import Tally, Unseen
from byteport.cli.report import written
from byteport.ledger.log import Filter
from byteport.ledger.unseen import unseen
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import CHAIN

BEFORE, AFTER = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def of(removing: Removing, since: datetime = BEFORE, until: datetime = AFTER) -> Unseen:
    return unseen(removing.world.store, CHAIN.tenant, since, until)


def told(removing: Removing, since: datetime = BEFORE) -> str:
    tally = Tally()
    tally.add_all(removing.world.log.iter_records(Filter(tenant=CHAIN.tenant, since=since, until=AFTER)))
    return "\n".join(written(tally.summary(since, AFTER, of(removing, since))))


@pytest.mark.claim("C-497")
def test_a_log_of_which_nothing_is_gone_has_nothing_unseen(removing: Removing) -> None:
    removing.records("a", "b")
    found = of(removing)
    assert (found.destroyed, found.locked, found.events) == (0, 0, {})
    assert "destroyed" not in told(removing)


@pytest.mark.claim("C-497")
def test_what_was_pruned_and_what_was_erased_is_counted_dated_and_told(removing: Removing) -> None:
    first = removing.world.clock.now
    removing.records("a", "b")
    removing.world.clock.move(days=91)
    removing.prune()
    erased = removing.record("c").seq
    removing.erase_after_a_day(erased)
    found = of(removing)
    assert found.destroyed == 3
    assert sum(found.events.values()) == 3
    assert found.first == first
    assert found.last is not None
    assert found.last >= first + timedelta(days=91)
    assert "- not seen: 3 more record(s) (" in told(removing)


@pytest.mark.claim("C-497")
def test_only_what_is_of_that_time_counts(removing: Removing) -> None:
    removing.records("a", "b")
    removing.world.clock.move(days=91)
    removing.prune()
    assert of(removing, since=removing.world.clock.now).destroyed == 0
    assert of(removing, until=removing.world.clock.now).destroyed == 2


@pytest.mark.claim("C-497")
def test_a_time_from_before_the_log_began_is_told(removing: Removing) -> None:
    begun = removing.world.clock.now
    removing.record("a")
    assert f"- not seen: anything before {begun:%Y-%m-%d %H:%M} UTC: the log begins then" in told(removing)
    assert "the log begins then" not in told(removing, since=begun)


@pytest.mark.claim("C-497")
def test_where_all_of_a_time_is_destroyed_it_does_not_pass_for_a_quiet_one(removing: Removing) -> None:
    removing.records("a")
    removing.world.clock.move(days=91)
    removing.prune()
    summary = Tally().summary(BEFORE, removing.world.clock.now, of(removing, until=removing.world.clock.now))
    said = "\n".join(written(summary))
    assert "No record." in said
    assert "1 more record(s)" in said
