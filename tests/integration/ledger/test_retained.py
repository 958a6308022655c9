"""What `byteport doctor` says of the log's bodies and of requests for erasure."""

from activities.audit.holds import About
from byteport.domain.retention import RetentionConfig
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import CHAIN
from workers.preflight import Check, Outcome
from workers.retained import check_retention


def looked(removing: Removing) -> list[Check]:
    return check_retention(removing.world.store, CHAIN, removing.config, now=removing.world.clock.now)


def test_it_says_when_bodies_were_pruned_last_and_how_long_they_are_kept(removing: Removing) -> None:
    removing.record("a")
    retention, erasures = looked(removing)
    assert (retention.outcome, retention.text) == (
        Outcome.OK,
        "nothing was pruned yet; bodies are kept for 90 days",
    )
    assert (erasures.outcome, erasures.text) == (Outcome.OK, "none is late")
    removing.world.clock.move(days=91)
    removing.prune()
    assert looked(removing)[0].text == "last pruned 2026-06-09 09:00 UTC; bodies are kept for 90 days"


def test_bodies_that_nobody_prunes_are_named_with_what_to_look_at(removing: Removing) -> None:
    removing.record("a")
    removing.world.clock.move(days=92)
    assert looked(removing)[0].outcome is Outcome.OK
    removing.world.clock.move(seconds=1)
    retention = looked(removing)[0]
    assert retention.outcome is Outcome.WARNING
    assert retention.text.startswith(
        "bodies of 2026-03-10 are still there, and 90 days are kept; nothing was pruned yet"
    )
    assert "temporal workflow describe --workflow-id retention:uid-1" in retention.text


def test_bodies_that_a_hold_keeps_and_an_installation_that_does_not_prune_are_no_defect(removing: Removing) -> None:
    removing.record("a")
    removing.holds.set_("case-7", About(), by="ada", reason="litigation")
    removing.world.clock.move(days=200)
    held = looked(removing)[0]
    assert (held.outcome, held.text.endswith("legal holds stand: case-7")) == (Outcome.OK, True)
    removing.holds.end("case-7", by="ada", reason="settled")
    removing.config = RetentionConfig(pruning=False)
    assert looked(removing)[0].outcome is Outcome.OK


def test_an_erasure_that_is_late_is_a_defect(removing: Removing) -> None:
    removing.record("a")
    request = removing.ask(1)
    removing.world.clock.move(hours=72)
    assert looked(removing)[1].outcome is Outcome.OK
    removing.world.clock.move(seconds=1)
    erasures = looked(removing)[1]
    assert erasures.outcome is Outcome.FAILED
    assert erasures.text.startswith("1 late, the first was to be done by 2026-03-13 09:00 UTC; byteport erase list")
    removing.erase(request)
    assert looked(removing)[1].outcome is Outcome.OK
