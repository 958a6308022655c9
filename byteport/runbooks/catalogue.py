"""Which runbook treats which failure. A failure without one is escalated as it is."""

from __future__ import annotations

from collections.abc import Collection

from byteport.domain.failures import Failure
from byteport.runbooks.base import Runbook
from byteport.runbooks.cpu_spike import CpuSpikeRunbook
from byteport.runbooks.disk_reclaim import DiskSpaceAutoReclaimRunbook
from byteport.runbooks.failed_deploy_rollback import FailedDeployAutoRollbackRunbook
from byteport.runbooks.memory_pressure import MemoryPressureRunbook
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook

RUNBOOKS: tuple[Runbook, ...] = (
    PodCrashloopRunbook(),
    FailedDeployAutoRollbackRunbook(),
    DiskSpaceAutoReclaimRunbook(),
    MemoryPressureRunbook(),
    CpuSpikeRunbook(),
)

_BY_FAILURE: dict[Failure, Runbook] = {runbook.failure: runbook for runbook in RUNBOOKS}


def switched_off(on: Collection[str]) -> frozenset[Failure]:
    """The failures whose runbook is not among those that are on."""
    return frozenset(runbook.failure for runbook in RUNBOOKS if runbook.name not in on)


def runbook_for(failure: Failure) -> Runbook | None:
    """The runbook for `failure`, or None while there is none for it."""
    return _BY_FAILURE.get(failure)
