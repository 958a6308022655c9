"""The application: routes for TLS, and beside them probes and counters for the port in clear.

Comes after `routers`; `byteport/serving` puts it on the wire.
"""

from __future__ import annotations

from fastapi import APIRouter, Response
from starlette.types import ASGIApp

from byteport.alerts.counts import MEDIA_TYPE, Counts
from byteport.alerts.faces import Face, TheFace
from byteport.alerts.routers import ROUTERS
from byteport.serving.answering import bare
from byteport.serving.guard import Guard
from byteport.serving.metered import Metered, Told, nobody

probes = APIRouter()
in_clear = APIRouter()
"""Beside the probes, on loopback alone."""


@probes.get("/healthz")
async def healthz() -> dict[str, str]:
    """Answered by the loop that answers everything else, so that no answer is an answer too."""
    return {"status": "ok"}


@probes.get("/readyz")
async def readyz(response: Response, face: TheFace) -> dict[str, object]:
    """`certificate` and `tokens`, by name, when they are missing."""
    missing = await face.looks.missing()
    if missing:
        response.status_code = 503
        return {"status": "not_ready", "missing": missing}
    return {"status": "ok"}


@in_clear.get("/metrics")
async def metrics(face: TheFace) -> Response:
    """What operators count."""
    return Response(face.counts.text(), media_type=MEDIA_TYPE)


def application(face: Face, told: Told = nobody) -> ASGIApp:
    """Everything, for TLS; `told` hears the status of each answer."""
    return _with((*ROUTERS, probes), face, Metered(face.counts, told))


def health_application(face: Face) -> ASGIApp:
    """For the port in clear. What is asked there is not counted."""
    return _with((probes, in_clear), face, Counts())


def _with(routers: tuple[APIRouter, ...], face: Face, counts: Counts | Metered) -> ASGIApp:
    app = bare(routers)
    app.state.face = face
    for router in routers:
        app.include_router(router)
    return Guard(app, face.limits, counts)
