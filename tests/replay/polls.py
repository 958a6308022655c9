"""The stories of polled metrics: symptoms are handed over, wait for the cluster's worker, and cannot be read at all.

Comes after `telling.py`; `stories.py` has them in its list.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from temporalio.client import ScheduleActionExecutionStartWorkflow, ScheduleOverlapPolicy

from byteport.contracts.cloud import CloudSource
from byteport.contracts.cloud_sources import PrometheusSource
from byteport.domain.ids import poll_id
from byteport.settings.clouds import CloudsConfig
from tests.agent.places import eventually
from tests.integration.cloud.prometheus_answering import answering, disk
from tests.integration.export.authority import new_authority
from tests.replay.telling import WITHOUT_NOTICES, Telling
from workers.processes import Process
from workflows.metric_poll import TRIES


async def a_poll_hands_over(telling: Telling) -> None:
    """First to nobody, since the cluster's worker is away. The poll before it has seen that the simulated clock is late."""
    with tempfile.TemporaryDirectory() as folder:
        authority = new_authority(Path(folder))
        async with answering(authority) as there:
            there.measured = disk(91.0)
            _polls(telling, PrometheusSource(url=there.url, ca_file=authority.ca_file))
            async with telling.working(Process.CONTROL, Process.CLOUD):
                await _ended(telling, *await _begun(telling))
                name, run = await _begun(telling)
                await eventually("the symptom on its way", lambda: _waits_to_report(telling, run, name))
                await telling.keep("poll-open-at-report", name, run)
                async with telling.working(Process.CLUSTER):
                    await _ended(telling, name, run)
                    await telling.keep("poll-closed-handed-over", name, run)


async def a_poll_looks_at_rights(telling: Telling) -> None:
    """And tells people, since whoever may read this Prometheus may end it too."""
    with tempfile.TemporaryDirectory() as folder:
        authority = new_authority(Path(folder))
        async with answering(authority) as there:
            there.flags = {"web.enable-lifecycle": "true"}
            _polls(telling, PrometheusSource(url=there.url, ca_file=authority.ca_file))
            async with telling.working(Process.CONTROL, Process.CLOUD, Process.NOTIFY):
                name, run = await _begun(telling)
                await _ended(telling, name, run)
                await telling.keep("poll-closed-looked-at-rights", name, run)


async def a_poll_fails_until_people_are_told(telling: Telling) -> None:
    """No backend of secrets is set, from which its token could be read."""
    _polls(telling, PrometheusSource(url="https://localhost:9", token="metrics/token"))
    async with telling.working(*WITHOUT_NOTICES, Process.NOTIFY, Process.CLOUD):
        for _ in range(TRIES):
            name, run = await _begun(telling)
            await _ended(telling, name, run)
        await telling.keep("poll-closed-failed-and-told", name, run)


def _polls(telling: Telling, prometheus: PrometheusSource) -> None:
    clouds = CloudsConfig(sources=(CloudSource.PROMETHEUS,), every_seconds=3600, prometheus=prometheus)
    telling.agent.settings = telling.agent.settings.model_copy(update={"clouds": clouds})


async def _begun(telling: Telling) -> tuple[str, str]:
    """A poll that the Schedule starts now, by its name and its run."""
    before = set(await _runs(telling))
    schedule = telling.agent.client.get_schedule_handle(poll_id(telling.agent.installation.cluster_uid, "prometheus"))
    await schedule.trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)

    async def new() -> tuple[str, str] | None:
        return next((one for one in await _runs(telling) if one not in before), None)

    return await eventually("a poll", new)


async def _runs(telling: Telling) -> list[tuple[str, str]]:
    schedule = telling.agent.client.get_schedule_handle(poll_id(telling.agent.installation.cluster_uid, "prometheus"))
    actions = [one.action for one in (await schedule.describe()).info.recent_actions]
    return [
        (action.workflow_id, action.first_execution_run_id)
        for action in actions
        if isinstance(action, ScheduleActionExecutionStartWorkflow)
    ]


async def _waits_to_report(telling: Telling, run: str, name: str) -> bool:
    described = await telling.agent.client.get_workflow_handle(name, run_id=run).describe()
    return any(
        one.activity_type.name == "kubernetes.report_symptoms" for one in described.raw_description.pending_activities
    )


async def _ended(telling: Telling, name: str, run: str) -> None:
    await telling.agent.client.get_workflow_handle(name, run_id=run).result()
    schedule = telling.agent.client.get_schedule_handle(poll_id(telling.agent.installation.cluster_uid, "prometheus"))

    async def at_rest() -> bool:
        return not (await schedule.describe()).info.running_actions

    await eventually("the Schedule at rest", at_rest)
