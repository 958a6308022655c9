"""Whether the process lives and whether it can answer: for probes, without a credential, and with nothing of anybody in it.

Served beside the routes over TLS, and by itself in clear on loopback where the settings open such a port.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from byteport.api.answers import Health
from byteport.api.counts import MEDIA_TYPE
from byteport.api.documented import problems
from byteport.api.faces import TheFace

router = APIRouter()
in_clear = APIRouter()
"""Beside the probes, on loopback alone."""


@router.get(
    "/healthz", response_model=Health, summary="Whether the process lives", responses=problems(credential=False)
)
async def healthz() -> Health:
    """Answered by the loop that answers everything else, so that no answer is an answer too."""
    return Health(status="ok")


@in_clear.get("/metrics")
async def metrics(face: TheFace) -> Response:
    """What operators count."""
    return Response(await asyncio.to_thread(face.counted), media_type=MEDIA_TYPE)


@router.get(
    "/readyz",
    response_model=Health,
    summary="Whether requests can be answered",
    responses={**problems(credential=False), 503: {"model": Health, "description": "The parts that are missing."}},
)
async def readyz(response: Response, face: TheFace) -> Health:
    """`store`, `body_key`, `enrolment` and `certificate`, by name, when they are missing."""
    missing = await face.looks.missing()
    if missing:
        response.status_code = 503
        return Health(status="not_ready", missing=missing)
    return Health(status="ok")
