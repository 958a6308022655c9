"""A release whose pods are Ready for a moment between two crashes, so that the rollout never fails by the clock."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import released

READY_FOR_LONG = {"spec": {"minReadySeconds": 10}}
"""A second of readiness is progress, and is not being available: the old revision stays."""

SCENARIOS = (
    Scenario(
        name="release-that-flaps",
        row=Row.FLAPS,
        says="The new revision's pods are Ready for a second between crashes; the progress deadline never fires.",
        before=(released(1, deployment=READY_FOR_LONG),),
        broken=(released(2, fault=Fault.CRASH, deployment=READY_FOR_LONG),),
        right=Fixed(PATCHES_DEPLOYMENT),
        probed=False,
        deadline_seconds=600,
        seconds=240,
    ),
)
