"""Memory that runs out, of a container or of a node: mostly a diagnosis, and more pods only where load is the reason.

A killed container, a leak, a limit that does not fit, a hand that keeps lowering it and a node that is short itself are
all told to a person with the numbers that show it. One thing is treated: use that falls with replicas, under a healthy
autoscaler that goes by memory and has room. `memory_pressure_findings.py` says what is wrong with a workload,
`memory_pressure_node.py` with a node, `floors.py` whether and how far a floor may be raised.

Asked by `workflows/phases`, by the cluster worker just before the act, and by `byteport explain`. A crash loop for want
of memory is handed over by `pod_crashloop.py`.
"""

from __future__ import annotations

from datetime import datetime

from byteport.contracts.kubernetes import RAISE_FLOOR, READ_LOAD, READ_NODE, RESTORE_FLOOR
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, RaiseFloorPlan, Refused
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Signal, SignalType
from byteport.kubernetes.scaling import Measure
from byteport.kubernetes.situation import Situation
from byteport.kubernetes.usage import memory_share
from byteport.runbooks.base import Checked, Health, Runbook
from byteport.runbooks.floors import floor_health, floor_inverse, raise_floor
from byteport.runbooks.memory_pressure_findings import (
    killed_for_memory,
    pressed_nodes,
    workload_facts,
    workload_finding,
)
from byteport.runbooks.memory_pressure_node import node_facts, node_finding
from byteport.runbooks.memory_pressure_words import WELL, Finding
from byteport.runbooks.quiet import nothing_to_treat


class MemoryPressureRunbook(Runbook):
    """A container near its limit, killed for it again and again, or a node that is short of memory."""

    name = "MemoryPressureRunbook"
    failure = Failure.MEMORY
    signals = frozenset({SignalType.MEMORY_PRESSURE})
    acts = (READ_LOAD, READ_NODE, RAISE_FLOOR, RESTORE_FLOOR)  # of a node READ_LOAD reads what READ_NODE does
    reads = READ_LOAD

    def diagnose(self, signal: Signal, situation: Situation) -> Diagnosis:  # noqa: ARG002  what is there counts, not the report
        """The cause with limit, working set, share, trend, replicas and whose hand sets the limits."""
        quiet = nothing_to_treat(situation)
        if quiet is not None:
            return _diagnosis(situation, Finding(cause=Cause.HEALTHY, reasons=(quiet,), silent=True))
        if situation.target.kind == "Node":
            return _diagnosis(situation, node_finding(situation))
        found = workload_finding(situation)
        waits = found.silent or found.look_again_seconds is not None
        if situation.target.kind != "Deployment" and not waits:
            found = found.model_copy(update={"reasons": (*found.reasons, Reason.NOT_A_DEPLOYMENT)})
        return _diagnosis(situation, found)

    def plan(self, diagnosis: Diagnosis, situation: Situation, config: PolicyConfig) -> AnyPlan | Refused:
        """A raised floor for load alone, as far as `floors.py` lets it; everything else is a person's."""
        undecided = diagnosis.reasons or diagnosis.look_again_seconds is not None
        if diagnosis.cause is not Cause.MEMORY_LOAD or undecided:
            return Refused(because=diagnosis.reasons or (Reason.NOT_LOAD,))
        return raise_floor(diagnosis, situation, config, Measure.MEMORY)

    def health(self, plan: AnyPlan, situation: Situation, *, acted_at: datetime, now: datetime) -> Checked:
        """Healthy when the replicas are there and every container is below 85 % of its limit, measured after the act.

        A window that began before the act shows the past, and one that is missing shows nothing. A kill for memory, or a
        node that runs short, is failure at once: it was not load, or more pods make it worse.
        """
        if isinstance(plan, RaiseFloorPlan) and (pressed_nodes(situation) or killed_for_memory(situation)):
            why = Reason.NODE_UNDER_PRESSURE if pressed_nodes(situation) else Reason.NOT_LOAD
            available = situation.rollout.available if situation.rollout is not None else 0
            return Checked(health=Health.FAILED, reasons=(why,), available=available)
        checked = floor_health(plan, situation, acted_at=acted_at, now=now, measure=Measure.MEMORY)
        if checked.health is Health.HEALTHY and not _below(situation):
            return checked.model_copy(update={"health": Health.NOT_YET})
        return checked

    def inverse(self, plan: AnyPlan, situation: Situation, *, now: datetime) -> AnyPlan | Refused:
        """The owner's floor again."""
        return floor_inverse(plan, situation, now=now)


def _below(situation: Situation) -> bool:
    """Every container with a limit is below it by enough; `floor_health` has seen that all were measured after the act."""
    usage = situation.scaling.usage if situation.scaling is not None else ()
    shares = [share for one in usage if (share := memory_share(one)) is not None]
    return bool(shares) and all(share < WELL for share in shares)


def _diagnosis(situation: Situation, found: Finding) -> Diagnosis:
    facts = node_facts(situation) if situation.target.kind == "Node" else workload_facts(situation)
    return Diagnosis(
        failure=Failure.MEMORY,
        target=situation.target,
        cause=found.cause,
        facts=() if found.silent else tuple(facts),
        reasons=tuple(dict.fromkeys(found.reasons)),
        culprit=found.culprit or None,
        silent=found.silent,
        look_again_seconds=found.look_again_seconds,
    )
