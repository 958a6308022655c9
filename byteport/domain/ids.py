"""Names of workflows, incidents and actions. Every id is derived, so that the same thing is never named twice."""

from __future__ import annotations

import uuid

from byteport.domain.canonical import digest
from byteport.domain.failures import Failure
from byteport.domain.targets import Target

_ACTIONS = uuid.UUID("6f0c5a3e-52d1-5c8e-9b55-0b7f3f0f7a11")
"""Name space of action ids; part of the format, never changed."""


def remediation_id(target: Target, failure: Failure) -> str:
    """Two failures of one Deployment are two remediations; a failure seen twice is one."""
    return f"remediate:{target.cluster_uid}:{target.namespace}:{target.kind}:{target.name}:{failure.value}"


def approval_id(plan_digest: str) -> str:
    return f"approval:{plan_digest}"


def watch_id(cluster_uid: str) -> str:
    return f"watch:{cluster_uid}"


def timebox_id(cluster_uid: str, namespace: str, autoscaler: str) -> str:
    """One per autoscaler: a second raise of its floor extends the first one's box."""
    return f"timebox:{cluster_uid}:{namespace}:{autoscaler}"


def checkpoint_id(cluster_uid: str) -> str:
    """One per cluster: the run that signs its log."""
    return f"checkpoint:{cluster_uid}"


def retention_id(cluster_uid: str) -> str:
    """One per cluster: the run that prunes its log."""
    return f"retention:{cluster_uid}"


def erasure_id(request_id: str) -> str:
    """One per request for erasure."""
    return f"erasure:{request_id}"


def export_id(cluster_uid: str, target: str) -> str:
    """One per receiver of the log."""
    return f"export:{cluster_uid}:{target}"


def poll_id(cluster_uid: str, source: str) -> str:
    """One per source of metrics: its Schedule, and what the id of each of its runs begins with."""
    return f"poll:{cluster_uid}:{source}"


def alerts_id(cluster_uid: str) -> str:
    """One per cluster: the run to which alerts from outside are handed."""
    return f"alerts:{cluster_uid}"


def storm_id(cluster_uid: str) -> str:
    return f"storm:{cluster_uid}"


def incident_id(workflow_id: str, first_run_id: str, incident_no: int) -> str:
    """Stable through continue-as-new and resets; the next incident of the same target has its own."""
    return "inc-" + digest([workflow_id, first_run_id, incident_no])[:24]


def reobserve_id(incident: str) -> str:
    return f"reobserve:{incident}"


def postmortem_id(incident: str) -> str:
    """One per incident: the run that files its postmortem."""
    return f"postmortem:{incident}"


def action_id(workflow_id: str, first_run_id: str, incident_no: int, action_index: int, plan_digest: str) -> str:
    """64 hex digits; the same after a reset or a retry, another for another plan or a later action of the run."""
    return digest([workflow_id, first_run_id, incident_no, action_index, plan_digest])


def audit_id(action_id: str) -> str:
    """The UUID that a write of this action carries in `Audit-ID`, and by which the API server's own log names it."""
    return str(uuid.uuid5(_ACTIONS, action_id))
