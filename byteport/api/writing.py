"""Handing in: an agent's records and checkpoints, all of a request or nothing of it.

Comes after `faces` (who), `body` (how much) and `lines` (what); `archive` holds them against what is kept.
"""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Request

from byteport.api.answers import Taken
from byteport.api.archive import Kept
from byteport.api.body import read_lines
from byteport.api.documented import SECURITY, body, problems
from byteport.api.faces import Agent, TheFace
from byteport.api.lines import Sent, SentCheckpoint, read
from byteport.api.problems import LedgerCode
from byteport.contracts.ledger_api import NDJSON, RECORDS_PATH
from byteport.serving.body import JSON
from byteport.serving.problems import Code, Problem

log = logging.getLogger(__name__)

router = APIRouter()

_LINE = {"anyOf": [{"$ref": f"#/components/schemas/Exported{kind}"} for kind in ("Record", "Checkpoint")]}
_SAYS = (
    "Lines as exports have them, each a record with its `sealed` bytes or a checkpoint, in the order of the chain. "
    "`Content-Encoding: gzip` is taken."
)
FORKS = frozenset({LedgerCode.FORK, LedgerCode.CHECKPOINT_FORK})
"""What no honest agent sends: its operator has to look."""


@router.post(
    RECORDS_PATH,
    response_model=Taken,
    summary="Hand in records and checkpoints of one's own chain",
    openapi_extra={
        **body(
            {
                NDJSON: {"schema": {"type": "string"}},
                JSON: {"schema": {"type": "array", "items": _LINE, "minItems": 1}},
            },
            _SAYS,
        ),
        "security": SECURITY,
    },
    responses=problems(
        *(
            Code.BAD_ENCODING,
            Code.TOO_SLOW,
            LedgerCode.FORK,
            LedgerCode.GAP,
            LedgerCode.CHECKPOINT_FORK,
            LedgerCode.CHECKPOINT_AHEAD,
        ),
        *(Code.BODY_TOO_LARGE, LedgerCode.LINE_TOO_LARGE, LedgerCode.TOO_MANY_LINES, Code.MEDIA_TYPE_REFUSED),
        *(LedgerCode.LINE_REFUSED, LedgerCode.FOREIGN_CHAIN, LedgerCode.CHECKPOINT_REFUSED),
    ),
)
async def hand_in(request: Request, caller: Agent, face: TheFace) -> Taken:
    """Each record is checked as a stranger would: its bytes against its hash, its body against what its header commits to,
    and its place against the last record that is kept here. One that is here already counts as a duplicate. When one line
    is refused nothing of the request is kept; a record that contradicts what is kept is a fork, and its answer names the
    head that is kept."""
    lines = await read_lines(request, face.limits, lambda size: face.allowances.bytes(caller.tenant, size))
    face.allowances.records(caller.tenant, len(lines))
    try:
        kept = await asyncio.to_thread(_take, face, caller, lines)
    except Problem as problem:
        if problem.code in FORKS:
            face.counts.forked(caller.own)
            log.error(
                "ledger_%s: tenant %s, cluster %s, line %s, identity %s: %s",
                *(problem.code.word, caller.tenant, caller.cluster_uid, problem.line, caller.name, problem.detail),
            )
        raise
    face.counts.taken(caller.tenant, kept.taken.new)
    if kept.erased:
        face.counts.large_erasure(caller.own)
        log.error(
            "ledger_large_erasure: tenant %s, cluster %s: its records say that %d bodies were erased within a day; here they"
            " go in some hours, unless a hold in the enrolment file keeps them",
            *(caller.tenant, caller.cluster_uid, kept.erased),
        )
    return kept.taken


def _take(face: TheFace, caller: Agent, lines: list[bytes]) -> Kept:
    sent: list[Sent] = []
    notes = 0
    for number, line in enumerate(lines, 1):
        one = read(number, line, caller.own)
        notes += isinstance(one, SentCheckpoint)
        if notes > face.limits.checkpoints:
            says = (
                f"send at most {face.limits.checkpoints} checkpoints at once; the newest says all that the others say"
            )
            raise Problem(LedgerCode.TOO_MANY_LINES, says, line=number)
        sent.append(one)
    return face.archive.take(caller.own, sent, caller.vkey, caller.witnesses)
