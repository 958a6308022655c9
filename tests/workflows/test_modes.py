"""Three modes: observe never acts nor asks, dry run acts only on a signed yes, auto acts alone."""

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.approvals import Taken
from tests.workflows.remediation import Remediation
from tests.workflows.world import World


async def test_auto_repairs_a_crash_loop_alone_and_records_it(world: World, crash_loop: Remediation) -> None:
    closed = await crash_loop.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert len(world.writes) == 1
    assert [record.event for record in world.records] == [Event.STARTED, Event.FINISHED]


async def test_dry_run_rolls_back_only_on_a_signed_yes(world: World, bad_release: Remediation) -> None:
    waiting = await bad_release.until(Phase.AWAITING_APPROVAL)
    assert world.writes == []
    reply = await waiting.approve(by="ada")
    assert isinstance(reply.verdict, Taken)
    closed = await bad_release.closed()
    assert (closed.decision, closed.result) == (Decision.ACTED, Result.SUCCESS)
    assert await world.image() == "web:1"
