"""The usual failed releases, and how their verdict is asked for: what the rollback tests share."""

from __future__ import annotations

from byteport.domain.plans import Refused, RollbackPlan
from byteport.domain.policy import VerdictKind
from byteport.domain.reasons import Reason
from tests.builders.rollouts import (
    Shop,
    crashing,
    event,
    not_found,
    shop,
    template,
    waiting,
)


def crashed() -> Shop:
    """The usual case: two pods of revision 2 crash on two nodes, past the deadline."""
    made = shop()
    made.fails(crashing())
    return made


def badly_named() -> Shop:
    """One surge pod of revision 2 whose image the registry does not have."""
    made = shop()
    (bad,) = made.fails(waiting("ImagePullBackOff"), nodes=("node-a",))
    made.events = [not_found(bad)]
    return made


def acts(made: Shop) -> bool:
    return made.verdict().kind is VerdictKind.ACT


def refused(made: Shop) -> tuple[Reason, ...]:
    plan = made.plan()
    assert isinstance(plan, Refused), plan
    assert made.verdict().kind is VerdictKind.ESCALATE
    return plan.because


def caveats(made: Shop) -> tuple[Reason, ...]:
    plan = made.plan()
    assert isinstance(plan, RollbackPlan), plan
    assert made.verdict().kind is VerdictKind.ESCALATE
    return plan.caveats


def that_no_node_takes() -> Shop:
    made = shop(new=template("registry.example/web:1", nodeSelector={"disk": "gold"}))
    made.fails(nodes=("",), phase="Pending", conditions=[{"type": "PodScheduled", "status": "False"}])
    made.pods[-1]["spec"].pop("nodeName")
    made.pods[-1]["status"]["containerStatuses"] = []
    said = "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    made.events = [event(made.pods[-1], "FailedScheduling", said)]
    return made
