"""Taking out: records by what they say, one by its id, chains with their heads and checkpoints, and a chain whole.

Comes after `faces`; `archive` reads. Nothing of another tenant is ever told apart from what is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as InPath
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict

from byteport.api.answers import ChainHead, ChainList, CheckpointList, Page
from byteport.api.documented import SECURITY, problems, stream
from byteport.api.enrolment import ClusterUid
from byteport.api.faces import Either, Reader, TheFace
from byteport.api.paging import LONGEST, cursor_of, place_of
from byteport.audit.ids import parse_record_id
from byteport.audit.records import Record
from byteport.audit.words import Decision, Event
from byteport.contracts.ledger_api import NDJSON, RECORDS_PATH
from byteport.domain.base import Frozen, Instant
from byteport.errors import MalformedInput
from byteport.ledger.log import Filter
from byteport.serving.problems import Code, Problem

router = APIRouter()

LARGEST_PAGE = 500
MOST_CHECKPOINTS = 500
EXPORT_BATCH = 500
"""Records that are in memory at once while a chain is downloaded."""

Word = Annotated[str, Query(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Cluster = Annotated[ClusterUid, InPath(description="uid of the cluster's kube-system namespace")]
_SECURED = {"security": SECURITY}


class Asked(Frozen):
    """What is asked of the records; all that is set must hold."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    cluster_uid: ClusterUid | None = None
    incident_id: Word | None = None
    workflow_id: Word | None = None
    action_id: Word | None = None
    runbook: Word | None = None
    target: Word | None = None
    event: Event | None = None
    decision: Decision | None = None
    since: Instant | None = None
    """Records from this time on."""
    until: Instant | None = None
    """Records before this time."""
    newest_first: bool = False
    """Within each chain."""
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100
    cursor: Annotated[str, Query(min_length=1, max_length=LONGEST)] | None = None
    """`next` of the answer before, with the same filters."""


@router.get(
    RECORDS_PATH,
    response_model=Page,
    summary="Records, by what they say",
    openapi_extra=_SECURED,
    responses=problems(Code.PARAMETER_REFUSED, Code.NOT_FOUND),
)
async def find_records(asked: Annotated[Asked, Query()], caller: Reader, face: TheFace) -> Page:
    """In the order of their chains, which stays as it is when records are appended: a reader that goes on with `next` is
    given each record once. Records whose body was pruned or erased are in the export and not here."""
    only = caller.cluster_uid if asked.cluster_uid is None else caller.chain(asked.cluster_uid).cluster_uid
    wanted = Filter.model_validate(asked.model_dump(exclude={"cluster_uid", "cursor", "limit"}))
    question = [caller.tenant, only, wanted.model_dump(mode="json")]
    after = None if asked.cursor is None else place_of(asked.cursor, question)
    found = await asyncio.to_thread(face.archive.page, caller.tenant, only, wanted, after, asked.limit)
    return Page(records=found.records, next=None if found.next is None else cursor_of(found.next, question))


@router.get(
    RECORDS_PATH + "/{record_id}",
    response_model=Record,
    summary="One record",
    openapi_extra=_SECURED,
    responses=problems(Code.PARAMETER_REFUSED, Code.NOT_FOUND),
)
async def one_record(record_id: Annotated[str, InPath(max_length=100)], caller: Reader, face: TheFace) -> Record:
    """By its UUID, or the ULID of the same bits."""
    try:
        plain = parse_record_id(record_id)
    except MalformedInput:
        raise Problem(Code.PARAMETER_REFUSED, "is neither a UUID nor a ULID", field="record_id") from None
    found = await asyncio.to_thread(face.archive.one, caller.tenant, caller.cluster_uid, plain)
    if found is None:
        raise Problem(Code.NOT_FOUND, "no record of this id can be shown to this identity")
    return found


@router.get(
    "/v1/chains",
    response_model=ChainList,
    summary="The chains that are kept, with their heads",
    openapi_extra=_SECURED,
    responses=problems(),
)
async def chains(caller: Reader, face: TheFace) -> ChainList:
    """Those of the identity's tenant, or the one that it is enrolled for."""
    found = await asyncio.to_thread(face.archive.chains, caller.tenant)
    return ChainList(chains=[one for one in found if caller.cluster_uid in (None, one.cluster_uid)])


@router.get(
    "/v1/chains/{cluster_uid}/head",
    response_model=ChainHead,
    summary="How far a chain is kept",
    openapi_extra=_SECURED,
    responses=problems(Code.PARAMETER_REFUSED, Code.NOT_FOUND),
)
async def head(cluster_uid: Cluster, caller: Either, face: TheFace) -> ChainHead:
    """The one thing that an agent may read, and only of its own chain: from where to go on."""
    found = await asyncio.to_thread(face.archive.head, caller.chain(cluster_uid))
    if found is None:
        raise _no_chain()
    return found


@router.get(
    "/v1/chains/{cluster_uid}/checkpoints",
    response_model=CheckpointList,
    summary="Checkpoints of a chain",
    openapi_extra=_SECURED,
    responses=problems(Code.PARAMETER_REFUSED, Code.NOT_FOUND),
)
async def checkpoints(
    cluster_uid: Cluster,
    caller: Reader,
    face: TheFace,
    since: Annotated[int, Query(ge=0, lt=1 << 53)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_CHECKPOINTS)] = 100,
) -> CheckpointList:
    """Those over more than `since` records, the smallest first."""
    chain = caller.chain(cluster_uid)
    if await asyncio.to_thread(face.archive.head, chain) is None:
        raise _no_chain()
    found = await asyncio.to_thread(face.archive.checkpoints, chain, since, limit)
    return CheckpointList(checkpoints=found)


@router.get(
    "/v1/chains/{cluster_uid}/export",
    response_class=StreamingResponse,
    summary="A chain whole, to be verified without us",
    openapi_extra=_SECURED,
    responses={
        200: stream(NDJSON, "The chain's records and checkpoints as lines, as `byteport verify-log --file` reads them.")
        | {"headers": {"Content-Disposition": {"schema": {"type": "string"}, "required": True}}},
        **problems(Code.PARAMETER_REFUSED, Code.NOT_FOUND),
    },
)
async def export(cluster_uid: Cluster, caller: Reader, face: TheFace) -> StreamingResponse:
    """Every record up to the one that is the head when the download begins, then every checkpoint over them."""
    chain = caller.chain(cluster_uid)
    found = await asyncio.to_thread(face.archive.head, chain)
    if found is None:
        raise _no_chain()
    parts = await asyncio.to_thread(face.archive.export, chain, found.head.seq, EXPORT_BATCH)
    name = f"byteport-{chain.tenant}-{chain.cluster_uid}-{found.head.seq}.ndjson"

    async def lines() -> AsyncIterator[bytes]:
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            yield part

    return StreamingResponse(
        lines(), media_type=NDJSON, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _no_chain() -> Problem:
    return Problem(Code.NOT_FOUND, "there is no chain of this cluster for this identity")
