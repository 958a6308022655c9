"""A crash loop that began with a release is the rollback's trouble: it is handed over, and that runbook mends it."""

import pytest

from byteport.audit.words import Event
from byteport.contracts.ledger import Decision, Result
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.domain.signals import Source
from tests.workflows.remediation import Remediation, remediation_of
from tests.workflows.world import World


async def both(world: World) -> tuple[Remediation, Remediation]:
    """The remediation of the crash loop that was reported, and that of the release behind it."""
    await world.a_release_fails()
    crashing = await remediation_of(world, Failure.CRASHLOOP)
    await crashing.report()
    return crashing, await remediation_of(world, Failure.BAD_ROLLOUT)


async def test_a_crash_loop_of_a_new_release_is_handed_over_and_rolled_back(world: World) -> None:
    world.policy(mode="auto")
    crashing, release = await both(world)
    handed = await crashing.closed()
    assert (handed.decision, handed.reasons) == (Decision.SKIPPED, (Reason.HANDED_OVER,))
    mended = await release.closed()
    assert (mended.decision, mended.result) == (Decision.ACTED, Result.SUCCESS)
    assert ([verb for verb, _ in world.writes], await world.image()) == (["patch"], "web:1")
    skipped = next(record for record in world.records if record.event is Event.SKIPPED)
    assert (skipped.runbook, skipped.reason) == ("PodCrashloopRunbook", "handed_over")


@pytest.mark.claim("C-031")
async def test_what_is_handed_over_waits_for_its_own_yes_in_dry_run(world: World) -> None:
    crashing, release = await both(world)
    await crashing.closed()
    waiting = await release.until(Phase.AWAITING_APPROVAL)
    assert waiting.state.signal is not None
    assert waiting.state.signal.source is Source.HANDOVER
    assert world.writes == []
    await waiting.approve(by="ada")
    assert (await release.closed()).result is Result.SUCCESS
