"""One scenario from start to judgement: make the ground, break it, let the agent work, wait for the end, compare.

The agent is there before anything breaks and learns of it by its own watch. Waiting is for conditions: a verified
record, an escalation and its page, or, where silence is right, that nothing is open after the observation time.
Comes after `judge.py`; `hosts.py` gives it a cluster and an agent.
"""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime

from temporalio.service import RPCError

from byteport.audit.records import Record
from byteport.contracts.people import Notice
from byteport.contracts.workflows import REMEDIATION, TIMEBOX, Phase, State
from byteport.domain.failures import Failure
from byteport.domain.ids import remediation_id, storm_id, timebox_id, watch_id
from byteport.domain.targets import Target
from byteport.errors import TargetGone, Unavailable
from byteport.kubernetes.port import DEPLOYMENTS
from byteport.temporal import views
from tests.agent.agent import Agent
from tests.faults.invariants import violations, witnesses
from tests.scenarios.ground import NEIGHBOUR, Ground
from tests.scenarios.harm import Picture, harm, picture, unasked, written
from tests.scenarios.judge import (
    Judgement,
    Seen,
    called_in_vain,
    escalations,
    judge,
    lines_of,
    storm_pages,
    told,
    verified,
)
from tests.scenarios.model import Escalated, Fixed, Once, Scenario, Silent, Stormed

LOOK_SECONDS = 0.2
PAST_SECONDS = 3600.0
RESTING = frozenset({Phase.ESCALATED, Phase.AWAITING_APPROVAL, Phase.CLOSED})


class NotBegun(Exception):
    """The agent has not come to look: nothing was broken yet, and nothing can be said of it."""


class Scene(Agent):
    """The agent as one scenario sees it: its own namespace's runs, records and pages, though others share the agent."""

    def is_own(self, workflow_id: str) -> bool:
        boxes = timebox_id(self.place.uid, self.place.namespace, "")
        return workflow_id.startswith((_prefix(self), _prefix(self, node=True), boxes, storm_id(self.place.uid)))

    async def runs(self) -> list[tuple[str, str, str]]:
        found = [run async for run in self.client.list_workflows(f"WorkflowType IN ('{REMEDIATION}', '{TIMEBOX}')")]
        return [(run.id, run.run_id, run.workflow_type) for run in reversed(found) if self.is_own(run.id)]

    def records(self, **wanted: object) -> list[Record]:
        return [one for one in super().records(**wanted) if self.is_own(one.workflow_id)]

    def notices(self) -> list[Notice]:
        """What people were told, oldest first."""
        path = self.settings.escalation.file
        assert path is not None
        lines = path.read_text().splitlines() if path.exists() else []
        plain = [json.loads(line) for line in lines]
        told = [Notice.model_validate({key: one[key] for key in Notice.model_fields if key in one}) for one in plain]
        return [one for one in told if self.is_own(one.workflow_id)]

    async def working(self) -> dict[str, State | None]:
        """Every open remediation, with what it says of itself."""
        query = f"WorkflowType = '{REMEDIATION}' AND ExecutionStatus = 'Running'"
        found = [run.id async for run in self.client.list_workflows(query) if self.is_own(run.id)]
        return {run: await self.state(run) for run in found}


async def prepared(ground: Ground, scenario: Scenario) -> None:
    """The namespaces, the neighbours and a healthy `web`, an hour ago where time can be turned."""
    ground.replicas, ground.deadline_seconds = scenario.replicas, scenario.deadline_seconds
    ground.backoff_seconds, ground.probed = scenario.backoff_seconds, scenario.probed
    await ground.place.enable()
    await ground.release(1, app=NEIGHBOUR, replicas=1)
    await ground.release(1, namespace=ground.outside, replicas=1)
    if scenario.deployed:
        await ground.release(1)
    for step in scenario.before:
        await step.do(ground)
    await ground.serves(NEIGHBOUR)
    await ground.serves(namespace=ground.outside)
    if scenario.deployed:
        await ground.serves()
        await ground.is_good()
    ground.touched.clear()
    await ground.place.elapse(PAST_SECONDS)


async def watched(agent: Agent) -> None:
    """Wait until the agent's watch has begun to look. Raises `NotBegun` when it does not."""
    handle = agent.client.get_workflow_handle(watch_id(agent.place.uid))

    async def look() -> bool:
        try:
            description = await handle.describe()
        except RPCError:
            return False
        pending = description.raw_description.pending_activities
        return any(one.HasField("heartbeat_details") for one in pending)

    try:
        await agent.eventually("the watch to look", look)
    except AssertionError as error:
        raise NotBegun(str(error)) from error


async def played(scenario: Scenario, ground: Ground, scene: Scene) -> Judgement:
    """Break it, wait, and judge. `ground` is prepared, and the agent serves and watches."""
    began = time.monotonic()
    ground.agent = scene
    before = await picture(ground)
    injected_at = ground.place.clock()
    for step in scenario.broken:
        await step.do(ground)
    await _until_over(scenario, ground, scene)
    seen = await _seen(scenario, ground, scene, before)
    wrong, broken = judge(scenario, ground, seen)
    return Judgement(
        scenario=scenario,
        right=not wrong and not broken,
        wrong=tuple(wrong),
        broken=tuple(broken),
        did=told(seen, scenario.right),
        told=lines_of(seen.notices),
        injected_at=injected_at,
        signal_at=await _signal_at(scene),
        verified_at=max((one.at for one in verified(seen.records)), default=None),
        seconds=time.monotonic() - began,
    )


async def _until_over(scenario: Scenario, ground: Ground, scene: Scene) -> None:
    """Until the right end, another end, or the time is up; and then as long as nothing more may happen."""
    end = time.monotonic() + scenario.seconds
    quiet_since: float | None = None
    approved: set[str] = set()
    while time.monotonic() < end or quiet_since is not None:
        await ground.place.elapse(scenario.hurry_seconds)
        working = await scene.working()
        if isinstance(scenario.right, Fixed) and scenario.right.by is Once.APPROVED:
            await _approve(scene, working, approved)
        over = _is_over(scenario, scene, working) and not await _unproven(scenario, ground)
        quiet_since = (quiet_since or time.monotonic()) if over else None
        if quiet_since is not None and time.monotonic() - quiet_since >= scenario.quiet_seconds:
            return
        await asyncio.sleep(LOOK_SECONDS)


def _is_over(scenario: Scenario, scene: Scene, working: dict[str, State | None]) -> bool:
    busy = [state for state in working.values() if state is None or state.phase not in RESTING]
    if busy:
        return False
    records = scene.records()
    match scenario.right:
        case Silent():
            return True
        case Stormed():
            return bool(storm_pages(scene.notices()))
        case Escalated():
            return bool(escalations(records) and scene.notices()) or bool(verified(records))
        case Fixed() as right:
            return len(verified(records)) >= len(right.repairs) or bool(called_in_vain(right, records))


async def _approve(scene: Scene, working: dict[str, State | None], approved: set[str]) -> None:
    """A person reads what waits, and says yes."""
    for state in working.values():
        digest = state.plan_digest if state is not None and state.phase is Phase.AWAITING_APPROVAL else None
        if digest is None or digest in approved:
            continue
        try:
            request = (await views.approval_state(scene.client, digest)).request
        except (TargetGone, Unavailable):
            continue
        if request is not None:
            await scene.give(scene.sign(request))
            approved.add(digest)


async def _seen(scenario: Scenario, ground: Ground, scene: Scene, before: Picture) -> Seen:
    working = await scene.working()
    after = await picture(ground)
    writes = written(ground.place)
    deployments = {item["metadata"]["name"]: item for item in await ground.every(DEPLOYMENTS)}
    is_open = {
        run: state
        for run, state in working.items()
        if state is None or isinstance(scenario.right, Silent) or state.phase not in RESTING
    }
    return Seen(
        records=scene.records(),
        notices=scene.notices(),
        open_runs=[_line(run, state) for run, state in is_open.items()],
        writes=writes,
        deployments=deployments,
        harm=[*harm(before, after, ground, scenario.right), *unasked(writes, ground, scenario.right)],
        violations=violations(scene, await witnesses(scene)),
        unproven=await _unproven(scenario, ground),
    )


async def _unproven(scenario: Scenario, ground: Ground) -> str:
    right = scenario.right
    return await right.proof(ground) if isinstance(right, Fixed) and right.proof is not None else ""


async def _signal_at(scene: Scene) -> datetime | None:
    """When the first remediation was started."""
    query = f"WorkflowType = '{REMEDIATION}'"
    found = [run.start_time async for run in scene.client.list_workflows(query) if scene.is_own(run.id)]
    return min(found, default=None)


def _line(run: str, state: State | None) -> str:
    name = run.split(":", 2)[-1]
    if state is None:
        return f"{name} does not answer"
    return f"{name} is {state.phase.value}: {state.cause.value if state.cause else '?'} ({', '.join(state.reasons)})"


def _prefix(agent: Agent, *, node: bool = False) -> str:
    target = Target(cluster_uid=agent.place.uid, namespace="" if node else agent.place.namespace, kind="Node", name="x")
    return remediation_id(target, Failure.CRASHLOOP).rpartition("Node:x")[0]
