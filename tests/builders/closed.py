"""A closed incident, to be told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from byteport.domain.diagnoses import Fact
from byteport.domain.modes import Mode
from byteport.domain.policy import VerdictKind
from byteport.domain.postmortems import InMode, Postmortem, Step
from byteport.domain.reasons import Reason

OPENED = datetime(2026, 3, 10, 3, 10, tzinfo=UTC)


def postmortem(number: int = 1, **changes: Any) -> Postmortem:
    plain: dict[str, Any] = {
        "tenant": "acme",
        "cluster_uid": "c",
        "cluster": "production",
        "incident_id": f"inc-{number:024x}",
        "workflow_id": "remediate:c:shop:Deployment:web:crashloop",
        "target": "shop/Deployment/web",
        "runbook": "PodCrashloopRunbook",
        "signal_type": "pod_crashloop",
        "signal_value": 5,
        "threshold": 3,
        "reports": 2,
        "opened_at": OPENED,
        "closed_at": OPENED + timedelta(seconds=95),
        "cause": "transient",
        "culprit": None,
        "facts": (Fact(name="restarts", value=5, about="Pod/shop/web-1"),),
        "verdict": VerdictKind.ACT,
        "reasons": (),
        "decision": "acted",
        "result": "success",
        "mttr_seconds": 90,
        "command": "kubectl delete pod web-1 -n shop",
        "inverse_command": None,
        "tried": ("done: kubectl delete pod web-1 -n shop",),
        "approvers": (),
        "taken_over_by": None,
        "modes": (
            InMode(mode=Mode.OBSERVE, verdict=VerdictKind.ESCALATE, reasons=(Reason.MODE_OBSERVES,), in_force=False),
            InMode(
                mode=Mode.DRY_RUN, verdict=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.MODE_DRY_RUN,), in_force=False
            ),
            InMode(mode=Mode.AUTO, verdict=VerdictKind.ACT, reasons=(), in_force=True),
        ),
        "steps": (
            Step(at=OPENED, what="judging the plan"),
            Step(at=OPENED + timedelta(seconds=95), what="closed"),
        ),
    }
    return Postmortem(**(plain | changes))
