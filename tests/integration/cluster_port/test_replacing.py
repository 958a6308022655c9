"""A failing release is undone, looked at all the while: at no moment does it look like a crash loop that a person must see."""

from __future__ import annotations

import os
import signal as signals
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.domain.signals import SignalType
from byteport.kubernetes.reading import read_situation
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from byteport.sandbox.controlplane import ControlPlane
from tests.integration.cluster_port.stages import STEP_SECONDS, Stage, real_stage
from tests.integration.cluster_port.worlds import signal_about, world_of

RUNBOOK = PodCrashloopRunbook()
LOOKS = 200


async def look(stage: Stage) -> Diagnosis:
    world = replace(await world_of(stage), denied=frozenset({"nodes"}))
    signal = signal_about(world, stage, SignalType.POD_CRASHLOOP)
    return RUNBOOK.diagnose(signal, read_situation(world, signal.target, Failure.CRASHLOOP))


async def fails(stage: Stage) -> bool:
    statuses = [one for pod in await stage.pods("web") for one in pod["status"].get("containerStatuses") or []]
    return any((one["state"].get("waiting") or {}).get("reason") == "CrashLoopBackOff" for one in statuses)


async def failing(stage: Stage) -> None:
    """Version 1 serves, and version 2 crashes beside it."""
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    await stage.deploy("web", replicas=1, fault="crash")
    await stage.eventually(lambda: fails(stage))
    assert (await look(stage)).hand_over is Failure.BAD_ROLLOUT


async def test_no_look_between_a_rollback_and_the_end_of_the_failed_pods_calls_a_person(stage: Stage) -> None:
    await failing(stage)
    await stage.deploy("web", replicas=1)
    for _ in range(LOOKS):
        seen = await look(stage)
        assert seen.silent or seen.look_again_seconds is not None or seen.hand_over is Failure.BAD_ROLLOUT, seen.reasons
        if seen.silent:
            return
        await stage.elapse(STEP_SECONDS / 10)
    raise AssertionError(f"not over: {seen.cause}, {seen.reasons}")


@contextmanager
def hanging_controllers(plane: ControlPlane) -> Iterator[None]:
    """The controllers do nothing for a moment, as on a busy control plane."""
    pid = plane.parts()["kube-controller-manager"].pid
    os.kill(pid, signals.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signals.SIGCONT)


@pytest.mark.control_plane
async def test_nor_one_before_slow_controllers_have_seen_the_rollback(control_plane: ControlPlane) -> None:
    async with real_stage(control_plane) as stage:
        await failing(stage)
        with hanging_controllers(control_plane):
            await stage.deploy("web", replicas=1)
            seen = await look(stage)
        assert (seen.reasons, seen.look_again_seconds) == ((Reason.TOO_EARLY,), 15)
        await stage.complete("web")

        async def recovered() -> bool:  # the failed pod may still be on its way out
            return (await look(stage)).reasons == (Reason.RECOVERED,)

        await stage.eventually(recovered)
