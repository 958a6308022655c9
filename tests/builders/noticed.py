"""Notices for tests: one of a rollback that waits for a yes, and how each field is changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from byteport.contracts.people import Notice
from byteport.domain.reasons import Reason

AT = datetime(2026, 3, 10, 3, 12, 30, tzinfo=UTC)
PLAN = "sha256:" + "5f" * 32
RUN = "remediate:6f1c7a58-0000-4000-8000-000000000001:shop:Deployment:web:bad_rollout"
PAGE_URL = "https://byteport.example"


def notice(**changes: Any) -> Notice:
    """A page of the first rung about `shop/Deployment/web`, with all that a notice can say."""
    plain: dict[str, Any] = {
        "key": "inc-0123456789abcdef01234567:awaiting_approval:1:0",
        "incident_id": "inc-0123456789abcdef01234567",
        "workflow_id": RUN,
        "cluster": "production",
        "rung": 1,
        "title": "deploy_failed on shop/Deployment/web",
        "runbook": "FailedDeployAutoRollbackRunbook",
        "target": "shop/Deployment/web",
        "cause": "bad_image",
        "reasons": (Reason.MODE_DRY_RUN,),
        "evidence": ("ReplicaSet/shop/web-7: available = 0", "Deployment/shop/web: desired = 4"),
        "tried": (),
        "command": "kubectl rollout undo deployment/web -n shop --to-revision=6",
        "inverse_command": "kubectl rollout undo deployment/web -n shop --to-revision=7",
        "how_to_answer": f"byteport approve {PLAN}",
        "at": AT,
        "since": datetime(2026, 3, 10, 2, 58, tzinfo=UTC),
        "symptom": "deploy_failed = 4 (threshold 1), reported 3 times",
        "facts": 4,
        "plan_digest": PLAN,
        "answer_by": datetime(2026, 3, 11, 3, 12, 30, tzinfo=UTC),
    }
    return Notice.model_validate(plain | changes)
