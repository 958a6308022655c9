"""The stories that are recorded: for each type of workflow, open wherever a run may wait when a new version comes, and
closed in every way. One act tells several of them. Comes after `telling.py`, before `record.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from byteport.contracts.kubernetes import WATCH_CLUSTER
from byteport.contracts.workflows import Acknowledge, Phase
from byteport.domain.approvals import Answer
from byteport.domain.failures import Failure
from byteport.domain.ids import approval_id, reobserve_id, watch_id
from byteport.sandbox.controlplane import FAULT_ANNOTATION
from byteport.temporal import intake
from tests.agent.stops import Fate, Moment
from tests.agent.trouble import trouble
from tests.replay.alerting import alerts_are_handed_in, its_alert_is_over_while_it_waits
from tests.replay.boxes import a_box_waits, a_floor_is_raised_and_put_back, a_halt_stands_in_the_way_of_a_floor
from tests.replay.exporting import (
    TO_FILES,
    TO_NOWHERE,
    an_export_goes_on,
    the_log_cannot_be_exported,
    the_log_is_exported,
)
from tests.replay.noted import WITH_EVENTS, a_repair_is_noted
from tests.replay.passing import (
    MANY,
    a_release_crashes_while_a_question_of_an_alert_waits,
    alerts_come_without_a_pause,
    an_alert_is_escalated_and_then_a_release_crashes,
    its_alert_is_over_before_it_is_judged,
    its_alerts_are_over_and_so_is_it,
    many_are_still_to_be_diagnosed,
)
from tests.replay.polls import a_poll_fails_until_people_are_told, a_poll_hands_over, a_poll_looks_at_rights
from tests.replay.postmortems import TO_A_FOLDER, a_repair_is_told
from tests.replay.removals import (
    AT_ONCE,
    an_erasure_is_held_and_done,
    an_erasure_waits_for_a_limit,
    the_log_is_pruned,
)
from tests.replay.signings import SIGNED, the_log_is_refused, the_log_is_signed_and_witnessed
from tests.replay.storms import RULE, a_storm_comes_and_goes, troubles_come_without_a_pause
from tests.replay.telling import WITHOUT_NOTICES, Telling
from workers.processes import Process

ROLLBACK = "FailedDeployAutoRollbackRunbook"
FLOORS: dict[str, Any] = {"mode": "auto", "raise_allowed": ["shop/*"], "timebox_seconds": 60}
APPROVED_AND_WATCHED = (
    "remediation-open-at-await",
    "approval-open",
    "approval-closed-approved",
    "remediation-open-at-verify",
    "remediation-closed-acted-on-approval",
    "reobserve-open",
    "reobserve-closed-held",
)


class Act(NamedTuple):
    """One agent's life, and the stories that are kept of it."""

    tell: Callable[[Telling], Awaitable[None]]
    stories: tuple[str, ...]
    policy: dict[str, Any] = {"mode": "dry_run"}
    settings: dict[str, Any] = {"reobserve_after_seconds": [3600, 86400]}
    short: bool = False
    """On a server that suggests soon to continue as new."""


async def a_rollback_is_approved_and_holds(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.BAD_ROLLOUT)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        request = await agent.asked()
        approval = approval_id(request.plan_digest)
        await telling.keep("remediation-open-at-await", remediation)
        await telling.keep("approval-open", approval)
        await agent.give(agent.sign(request))
        await telling.until(remediation, Phase.VERIFYING)
        await telling.keep("remediation-open-at-verify", remediation)
        await telling.keep("approval-closed-approved", approval)
        closed = await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted-on-approval", remediation)
        await telling.keep("reobserve-open", reobserve_id(closed.incident_id))
        await agent.settled(reobserve_id(closed.incident_id))
        await telling.keep("reobserve-closed-held", reobserve_id(closed.incident_id))


async def a_pod_is_deleted_alone_and_it_does_not_hold(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.CRASHLOOP)
        remediation = await agent.report(Failure.CRASHLOOP)
        closed = await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted", remediation)
        await telling.place.one_pod_crashes()
        await agent.settled(reobserve_id(closed.incident_id))
        await telling.keep("reobserve-closed-did-not-hold", reobserve_id(closed.incident_id))
        await telling.until(remediation, Phase.AWAITING_APPROVAL)
        await agent.asked()
        await telling.keep("remediation-open-at-await-escalated", remediation)


async def a_pod_takes_too_much_memory(telling: Telling) -> None:
    """Trouble that only a person may treat."""
    victim = (await telling.place.pods())[0]["metadata"]["name"]
    await telling.place.annotate_pod(victim, {FAULT_ANNOTATION: "oom", "sim.byteport.io/backoff-s": "1"})
    await telling.place.elapse(60)


async def nobody_may_help_but_a_person(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await telling.place.healthy()
        await a_pod_takes_too_much_memory(telling)
        remediation = await agent.report(Failure.MEMORY)
        await telling.until(remediation, Phase.ESCALATED)
        await agent.until_event("escalated")
        await telling.keep("remediation-open-at-escalate", remediation)
        await intake.acknowledge(agent.client, remediation, Acknowledge(by="ada", note="I have it"))
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-escalated", remediation)


async def a_rollback_is_rejected(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.BAD_ROLLOUT)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        request = await agent.asked()
        await agent.give(agent.sign(request, answer=Answer.REJECT))
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-dry-run-planned", remediation)
        await telling.keep("approval-closed-rejected", approval_id(request.plan_digest))
        await agent.give(agent.sign(request))
        await agent.until_event("rejected", times=2)
        await agent.settled(approval_id(request.plan_digest))
        await telling.keep("approval-closed-late", approval_id(request.plan_digest))


async def nothing_is_to_be_done(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.BAD_ROLLOUT)
        crash_loop = await agent.report(Failure.CRASHLOOP)
        await telling.until_closed(crash_loop)
        await telling.keep("remediation-closed-handed-over", crash_loop)
        await telling.place.enable(enabled=False)
        rollback = await agent.report(Failure.BAD_ROLLOUT)
        request = await agent.asked()
        await agent.give(agent.sign(request))
        await telling.until_closed(rollback)
        await telling.keep("remediation-closed-skipped", rollback)


async def it_recovers_while_it_waits(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.BAD_ROLLOUT)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        request = await agent.asked()
        await telling.place.release(3)
        await telling.place.serves()
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-recovered", remediation)
        await agent.settled(approval_id(request.plan_digest))
        await telling.keep("approval-closed-withdrawn", approval_id(request.plan_digest))


async def nobody_answers(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.BAD_ROLLOUT)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        request = await agent.asked()
        await agent.settled(approval_id(request.plan_digest), within=90)
        await telling.keep("approval-closed-expired", approval_id(request.plan_digest))
        await telling.until(remediation, Phase.ESCALATED)
        await agent.until_event("escalated")
        await telling.keep("remediation-open-at-escalate-after-expiry", remediation)


async def somebody_cancels(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.BAD_ROLLOUT)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        request = await agent.asked()
        await agent.client.get_workflow_handle(remediation).cancel()
        await agent.settled(remediation)
        await telling.keep("remediation-cancelled", remediation)
        await agent.settled(approval_id(request.plan_digest))
        await telling.keep("approval-cancelled", approval_id(request.plan_digest))


async def the_pod_changes_under_the_call(telling: Telling) -> None:
    agent = telling.agent
    async with telling.working():
        victim = await trouble(telling.place, Failure.CRASHLOOP)
        delete = telling.place.stops.hold("delete", "pods")
        remediation = await agent.report(Failure.CRASHLOOP)
        await delete.until_reached()
        await telling.place.annotate_pod(victim, {"example.com/touched": "yes"})
        delete.let()
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted-the-second-time", remediation)


async def the_answer_is_lost(telling: Telling) -> None:
    agent, place = telling.agent, telling.place
    async with telling.working():
        await trouble(place, Failure.BAD_ROLLOUT)
        place.stops.lose_answers("patch", "deployments")
        place.stops.hold("get", "deployments", when=lambda: bool(place.writes())).let(Fate.LOSE)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted-after-an-unknown-outcome", remediation)


async def the_rollback_does_not_help(telling: Telling) -> None:
    """One pod of the newest release serves; what is restored serves less."""
    agent, place = telling.agent, telling.place
    async with telling.working():
        await place.healthy(replicas=8)
        await place.a_release_fails()
        lucky = next(pod for pod in await place.pods() if pod["spec"]["containers"][0]["image"].endswith(":2"))
        await place.annotate_pod(lucky["metadata"]["name"], {FAULT_ANNOTATION: None})
        await place.elapse(5)
        patch = place.stops.hold("patch", "deployments", moment=Moment.AFTER)
        remediation = await agent.report(Failure.BAD_ROLLOUT)
        await agent.give(agent.sign(await agent.asked()))
        await patch.until_reached()
        for _ in range(20):
            for pod in await place.pods():
                await place.annotate_pod(pod["metadata"]["name"], {FAULT_ANNOTATION: "probe"})
            await place.elapse(1)
        patch.let()
        await telling.until(remediation, Phase.ESCALATED)
        await agent.until_event("escalated")
        await intake.acknowledge(agent.client, remediation, Acknowledge(by="ada"))
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-reverted", remediation)


async def it_is_seen_again_while_it_closes(telling: Telling) -> None:
    """Nobody can be told at first, so that the run stands between its outcome and its end."""
    agent = telling.agent
    async with telling.working(*WITHOUT_NOTICES):
        await trouble(telling.place, Failure.CRASHLOOP)
        remediation = await agent.report(Failure.CRASHLOOP)
        await agent.until_event("finished")
        await a_pod_takes_too_much_memory(telling)
        await agent.report(Failure.CRASHLOOP)
        first = (await agent.client.get_workflow_handle(remediation).describe()).run_id
        async with telling.working(Process.NOTIFY):
            await telling.until(remediation, Phase.ESCALATED)
            await telling.keep("remediation-before-continue-as-new", remediation, first)
            await telling.keep("remediation-after-continue-as-new", remediation)


async def a_cluster_is_watched(telling: Telling) -> None:
    """Each worker's end hands the bookmarks over, so that the history grows until the run continues as new."""
    agent = telling.agent
    watch = agent.client.get_workflow_handle(watch_id(telling.place.uid))
    async with telling.working():
        await trouble(telling.place, Failure.CRASHLOOP)
        await telling.place.elapse_to_present()
        await agent.until_event("finished")
        await telling.keep("watch-open", watch.id)
        first = (await watch.describe()).run_id
    for turn in range(2, 9):
        async with telling.working():
            await agent.eventually(f"watch {turn} to begin", lambda: telling.under_way(watch.id, WATCH_CLUSTER))
            if (await watch.describe()).run_id != first:
                await telling.keep("watch-before-continue-as-new", watch.id, first)
                await telling.keep("watch-after-continue-as-new", watch.id)
                return


ACTS = (
    Act(
        a_rollback_is_approved_and_holds,
        APPROVED_AND_WATCHED,
        {"mode": "dry_run", "settle_seconds": 3},
        {"reobserve_after_seconds": [2, 4]},
    ),
    Act(
        a_pod_is_deleted_alone_and_it_does_not_hold,
        ("remediation-closed-acted", "reobserve-closed-did-not-hold", "remediation-open-at-await-escalated"),
        {"mode": "auto"},
        {"reobserve_after_seconds": [5, 86400]},
    ),
    Act(
        a_repair_is_told,
        ("remediation-closed-acted-and-told", "postmortem-open", "postmortem-closed-filed"),
        {"mode": "auto"},
        TO_A_FOLDER,
    ),
    Act(
        a_repair_is_noted,
        ("remediation-open-at-verify-with-events", "remediation-closed-acted-with-events"),
        {"mode": "auto", "settle_seconds": 3},
        WITH_EVENTS,
    ),
    Act(nobody_may_help_but_a_person, ("remediation-open-at-escalate", "remediation-closed-escalated")),
    Act(
        a_rollback_is_rejected,
        ("remediation-closed-dry-run-planned", "approval-closed-rejected", "approval-closed-late"),
    ),
    Act(nothing_is_to_be_done, ("remediation-closed-handed-over", "remediation-closed-skipped")),
    Act(
        it_recovers_while_it_waits,
        ("remediation-closed-recovered", "approval-closed-withdrawn"),
        {"mode": "dry_run", "reread_seconds": 1},
    ),
    Act(
        its_alert_is_over_while_it_waits,
        ("remediation-closed-recovered-when-told",),
        {"mode": "dry_run", "reread_seconds": 600},
    ),
    Act(alerts_are_handed_in, ("alerts-open", "alerts-before-continue-as-new"), short=True),
    Act(alerts_come_without_a_pause, ("alerts-renewed-before", "alerts-renewed-after"), short=True),
    Act(
        its_alerts_are_over_and_so_is_it,
        ("remediation-open-at-escalate-and-told-over", "remediation-closed-passed"),
        {"mode": "dry_run", "settle_seconds": 2},
    ),
    Act(
        an_alert_is_escalated_and_then_a_release_crashes,
        ("remediation-closed-acted-afresh",),
        {"mode": "auto", "settle_seconds": 2},
    ),
    Act(
        its_alert_is_over_before_it_is_judged,
        ("remediation-open-at-diagnose-too-early", "remediation-closed-recovered-before-judged"),
    ),
    Act(
        a_release_crashes_while_a_question_of_an_alert_waits,
        ("remediation-open-at-await-of-an-alert", "remediation-closed-asked-afresh"),
        {"mode": "dry_run", "reread_seconds": 600},
    ),
    Act(many_are_still_to_be_diagnosed, ("remediation-open-at-escalate-among-many",), settings={"storm": MANY}),
    Act(a_poll_looks_at_rights, ("poll-closed-looked-at-rights",)),
    Act(a_poll_hands_over, ("poll-open-at-report", "poll-closed-handed-over")),
    Act(a_poll_fails_until_people_are_told, ("poll-closed-failed-and-told",)),
    Act(
        nobody_answers,
        ("approval-closed-expired", "remediation-open-at-escalate-after-expiry"),
        {"mode": "dry_run", "approvals": {ROLLBACK: {"expires_after_seconds": 60}}},
    ),
    Act(somebody_cancels, ("remediation-cancelled", "approval-cancelled")),
    Act(the_pod_changes_under_the_call, ("remediation-closed-acted-the-second-time",), {"mode": "auto"}),
    Act(the_answer_is_lost, ("remediation-closed-acted-after-an-unknown-outcome",), {"mode": "auto"}),
    Act(
        the_rollback_does_not_help,
        ("remediation-closed-reverted",),
        {"mode": "dry_run", "verify_deadline_seconds": 10},
    ),
    Act(a_box_waits, ("timebox-open",)),
    Act(
        a_floor_is_raised_and_put_back,
        ("remediation-closed-acted-by-a-floor", "timebox-open-raised", "timebox-closed-restored"),
        FLOORS,
    ),
    Act(a_halt_stands_in_the_way_of_a_floor, ("timebox-open-held", "timebox-cancelled"), FLOORS),
    Act(a_storm_comes_and_goes, ("storm-open", "storm-closed"), settings={"storm": RULE}),
    Act(
        troubles_come_without_a_pause,
        ("storm-renewed-before", "storm-renewed-after"),
        settings={"storm": RULE},
        short=True,
    ),
    Act(
        the_log_is_pruned,
        ("retention-before-continue-as-new", "retention-open", "erasure-open", "erasure-closed-cancelled"),
        settings={"audit": {"pruning": True}},
        short=True,
    ),
    Act(the_log_is_signed_and_witnessed, ("checkpoint-open",), settings=SIGNED),
    Act(
        the_log_is_refused,
        ("checkpoint-before-continue-as-new", "checkpoint-open-refused"),
        settings=SIGNED,
        short=True,
    ),
    Act(the_log_is_exported, ("export-open", "export-closed"), settings=TO_FILES),
    Act(the_log_cannot_be_exported, ("export-open-failing",), settings=TO_NOWHERE),
    Act(
        an_export_goes_on,
        ("export-before-continue-as-new", "export-after-continue-as-new"),
        settings=TO_FILES,
        short=True,
    ),
    Act(an_erasure_is_held_and_done, ("erasure-open-held", "erasure-closed-erased"), settings=AT_ONCE),
    Act(an_erasure_waits_for_a_limit, ("erasure-open-erased",), {"mode": "auto"}, AT_ONCE),
    Act(
        it_is_seen_again_while_it_closes,
        ("remediation-before-continue-as-new", "remediation-after-continue-as-new"),
        {"mode": "auto"},
    ),
    Act(
        a_cluster_is_watched,
        ("watch-open", "watch-before-continue-as-new", "watch-after-continue-as-new"),
        {"mode": "auto"},
        {"watch": {"enabled": True}},
        short=True,
    ),
)
