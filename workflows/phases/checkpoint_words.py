"""What the run that signs the log says: its pages, and what Temporal UI shows of it. Comes with `workflows/checkpoint.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from byteport.contracts.checkpoints import ALARM, WHAT_TO_RUN, Objection, Refusal, Refused, Signed, Size, Standing
from byteport.contracts.people import Notice
from byteport.contracts.workflows import Installation
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError, NotPermitted
from temporalio import workflow

NONE = "none"
Numbered = Callable[[str], Notice]
"""A notice, once it has its number."""

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
    """Nobody objects any more. The alarm stays until a person clears it."""
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


def heard_again(ours: Installation, number: str, signed: Signed) -> Notice:
    """The signer answers. No alarm was raised while it did not, so that there is none to clear."""
    return _notice(
        ours,
        number,
        rung=0,
        title="The log is being signed again",
        evidence=(f"signed: {signed.upto.size} record(s)",),
        how_to_answer="byteport checkpoints",
    )


def behind(ours: Installation, number: str, witness: str, since: datetime, error: BytePortError) -> Notice:
    """A witness has not signed for hours: whatever only it would show is not shown."""
    unknown = isinstance(error, NotPermitted)
    why = "it does not know this log by this key, or its answers are none" if unknown else "it does not answer"
    return _notice(
        ours,
        number,
        rung=1,
        title="A witness does not sign the log",
        evidence=(f"witness {witness} has not signed since {since:%Y-%m-%d %H:%M} UTC", why),
        how_to_answer="byteport log-key prints what its operator needs" if unknown else "byteport doctor",
    )


def details(
    signed: Signed, witnesses: Sequence[str], witnessed: Mapping[str, Size], standing: Sequence[Standing]
) -> str:
    """What is signed, how far each witness has followed, and who objects."""
    lines = [f"{signed.upto.size} record(s) signed"]
    for witness in witnesses:
        at = witnessed.get(witness)
        lines.append(f"- {witness}: " + (f"{at.size} record(s)" if at is not None else "has not signed"))
    lines += [f"- {one.by} objects: {one.says}" for one in standing]
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
