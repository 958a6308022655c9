"""What the run that signs the log says: its pages, and what Temporal UI shows of it. Comes with `workflows/checkpoint.py`."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any

from byteport.contracts.checkpoints import ALARM, WHAT_TO_RUN, Objection, Refusal, Refused, Signed, Size
from byteport.contracts.people import Notice
from byteport.contracts.workflows import Installation
from byteport.domain.reasons import Reason
from temporalio import workflow

NONE = "none"
Telling = Coroutine[Any, Any, object]

TITLES = {
    Refused.SHRANK: "The log has fewer records than were signed: nothing is done alone",
    Refused.FORKED: "The log is not the one that was signed: nothing is done alone",
    Refused.REKEYED: "The log was signed by another key: nothing is done alone",
    Refused.UNREADABLE: "The log holds what is no record: nothing is done alone",
    Refused.LOST: "What was signed of the log is not known any more: nothing is done alone",
}


def refused(ours: Installation, number: str, refusal: Refusal | Objection) -> Notice:
    """The page for a refusal, the signer's or a witness's."""
    counted: tuple[str, ...]
    if isinstance(refusal, Refusal):
        counted = (f"signed: {refusal.signed_size} record(s)", f"found: {refusal.found_size} record(s)")
    else:
        counted = (f"witnessed: {refusal.witnessed_size} record(s)",)
    return _notice(
        ours,
        number,
        rung=1,
        title=TITLES[refusal.because],
        reasons=(Reason.ALARM,),
        evidence=(*counted, refusal.says),
        how_to_answer=f"{WHAT_TO_RUN[refusal.because]}; when it is mended: byteport alarm clear {ALARM}",
    )


def signed_again(ours: Installation, number: str, signed: Signed) -> Notice:
    """The alarm stays until a person clears it."""
    return _notice(
        ours,
        number,
        rung=0,
        title="The log is signed again",
        evidence=(f"signed: {signed.upto.size} record(s)",),
        how_to_answer=f"byteport alarm clear {ALARM}",
    )


def silent(ours: Installation, number: str, since: datetime) -> Notice:
    """Nobody signs."""
    return _notice(
        ours,
        number,
        rung=1,
        title="The log is not being signed",
        evidence=(
            f"since {since:%Y-%m-%d %H:%M} UTC the signer has not answered; whatever is changed now is not noticed",
        ),
        how_to_answer="byteport worker --process signer",
    )


def details(signed: Signed, witnesses: Sequence[str], witnessed: Mapping[str, Size]) -> str:
    """What is signed, and how far each witness has followed."""
    lines = [f"{signed.upto.size} record(s) signed"]
    for witness in witnesses:
        at = witnessed.get(witness)
        lines.append(f"- {witness}: " + (f"{at.size} record(s)" if at is not None else "has not signed"))
    return "\n".join(lines)


def _notice(
    ours: Installation,
    number: str,
    *,
    rung: int,
    title: str,
    evidence: tuple[str, ...],
    how_to_answer: str,
    reasons: tuple[Reason, ...] = (),
) -> Notice:
    return Notice(
        key=f"log:{number}",
        incident_id=f"log-{number}",
        workflow_id=workflow.info().workflow_id,
        cluster=ours.cluster_name,
        rung=rung,
        title=title,
        runbook=NONE,
        target=ours.cluster_name,
        cause="log",
        reasons=reasons,
        evidence=evidence,
        command=None,
        inverse_command=None,
        how_to_answer=how_to_answer,
        at=workflow.now(),
    )
