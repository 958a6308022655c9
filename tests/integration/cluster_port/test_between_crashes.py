"""A crash loop without a readiness probe, looked at again and again: at no moment is it called over, until it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.domain.signals import SignalType
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.situation import Situation
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from tests.integration.cluster_port.stages import STEP_SECONDS, Stage
from tests.integration.cluster_port.worlds import signal_about, world_of

RUNBOOK = PodCrashloopRunbook()
FAULT = "sim.byteport.io/fault"
LOOKS = 60


async def look(stage: Stage, *, later: timedelta = timedelta(0)) -> tuple[Situation, Diagnosis]:
    world = await world_of(stage)
    world = replace(world, now=world.now + later, denied=frozenset({"nodes"}))
    signal = signal_about(world, stage, SignalType.POD_CRASHLOOP)
    situation = read_situation(world, signal.target, Failure.CRASHLOOP)
    return situation, RUNBOOK.diagnose(signal, situation)


async def crashing(stage: Stage) -> str:
    """One pod, probed by nothing, that has crashed once."""
    await stage.deploy("web", replicas=1, probed=False)
    await stage.complete("web")
    name = str((await stage.only_pod("web"))["metadata"]["name"])
    await stage.annotate_pod(name, {FAULT: "transient", "sim.byteport.io/backoff-s": "1"})

    async def has_crashed() -> bool:
        (status,) = (await stage.only_pod("web"))["status"]["containerStatuses"]
        return bool(status["lastState"])

    await stage.eventually(has_crashed)
    return name


async def test_no_look_finds_a_crash_loop_recovered_however_ready_it_is(stage: Stage) -> None:
    await crashing(stage)
    ready_and_young = 0
    for _ in range(LOOKS):
        situation, diagnosis = await look(stage)
        (pod,) = situation.pods
        assert not diagnosis.silent, (pod.ready, pod.restarts, diagnosis.reasons)
        ready_and_young += pod.ready and pod.restarts < 3
        await stage.elapse(STEP_SECONDS)
    assert ready_and_young, "no look met it between two crashes"


async def test_it_has_recovered_when_it_has_run_for_a_minute(stage: Stage) -> None:
    name = await crashing(stage)
    await stage.annotate_pod(name, {FAULT: None})
    await stage.complete("web")
    _, soon = await look(stage)
    assert (soon.silent, soon.reasons) == (False, (Reason.TOO_EARLY, Reason.POD_IS_READY))
    _, later = await look(stage, later=timedelta(seconds=61))
    assert (later.silent, later.reasons) == (True, (Reason.RECOVERED,))
