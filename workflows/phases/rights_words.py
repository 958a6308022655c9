"""What people are told of an identity at a source of metrics that may do too little or too much. Comes with `rights.py`."""

from __future__ import annotations

from byteport.contracts.cloud import MetricPoll
from byteport.contracts.cloud_looks import LookedAt, RightsDifference, RightsFound
from byteport.contracts.people import Ending, Notice
from temporalio import workflow

from workflows.phases.poll_words import named

NONE = "none"
_SAID = {
    RightsDifference.NEVER_REQUESTED: "it has what is never requested",
    RightsDifference.MISSING: "it lacks",
    RightsDifference.IN_EXCESS: "it has more than is requested",
}


def notice(call: MetricPoll, looked: LookedAt) -> Notice:
    """A page where metrics are not read for it, or may not be; else a plain notice. One incident from the first to its end."""
    source, uid, found = call.source.value, call.installation.cluster_uid, looked.found
    began = f"{looked.amiss_since:%Y%m%dT%H%M%S}" if looked.amiss_since is not None else NONE
    whole = not found.amiss
    return Notice(
        key=f"rights:{uid}:{source}:{began}:{looked.times}",
        incident_id=f"rights-{source}-{began}",
        workflow_id=named(call),
        cluster=call.installation.cluster_name,
        rung=1 if found.refuses or found.missing.number else 0,
        title=_title(source, found),
        runbook=NONE,
        target=call.installation.cluster_name,
        cause="source_rights",
        reasons=(),
        evidence=tuple(evidence(found)),
        command=None,
        inverse_command=None,
        how_to_answer=None if whole else "byteport doctor --metrics",
        at=workflow.now(),
        ending=Ending.OVER if whole else None,
    )


def evidence(found: RightsFound) -> list[str]:
    """A line for each kind; permissions by their names in that cloud."""
    lines = [f"{_SAID[what]}: {names.text}" for what, names in found.amiss]
    if found.refuses:
        lines.append("nothing is read there until that is taken away; it is looked at again every five minutes")
    return lines or ["it has exactly the rights of its policy again"]


def _title(source: str, found: RightsFound) -> str:
    if found.refuses:
        return f"The metrics of {source} are not read: its identity may do too much"
    if found.missing.number:
        return f"The identity of {source} lacks rights"
    if found.amiss:
        return f"The identity of {source} has more rights than are requested"
    return f"The identity of {source} has its rights and no more"
