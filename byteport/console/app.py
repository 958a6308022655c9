"""The application: every path, and the one place where refusals become pages.

Comes after the pages; `assembly` puts it together with what it works with, `byteport/serving` puts it on the wire.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from byteport.console import lists, plans, runs, signin
from byteport.console import log as log_page
from byteport.console.face import Face, face_of
from byteport.console.pages import page, style_sheet
from byteport.errors import BytePortError, ConfigError, MalformedInput, NotPermitted, TargetGone, TemporaryError
from byteport.serving.at_once import AtOnce, Lines, Ready, probes
from byteport.serving.guard import Guard, mistake
from byteport.serving.limits import ServingLimits
from byteport.serving.metered import Metered, Told
from byteport.serving.problems import Problem

log = logging.getLogger(__name__)


def application(face: Face, ready: Ready, told: Told) -> ASGIApp:
    """Everything, for TLS; `told` hears the status of each answer."""
    app = Starlette(
        routes=[
            *probes(ready),
            Route("/", lists.home),
            Route("/waiting", lists.waiting),
            Route("/escalated", lists.escalated),
            Route("/runs", lists.runs),
            Route("/plans/{digest}", plans.plan),
            Route("/plans/{digest}/answer", plans.answer, methods=["POST"]),
            Route("/runs/{workflow_id:path}/acknowledge", runs.acknowledge, methods=["POST"]),
            Route("/runs/{workflow_id:path}", runs.run),
            Route("/log", log_page.log),
            Route("/signin", signin.signin),
            Route("/callback", signin.callback),
            Route("/signout", signin.signout, methods=["POST"]),
            Route("/style.css", _style),
        ],
        exception_handlers={
            Problem: _on_problem,
            HTTPException: _on_http,
            BytePortError: _on_ours,
            Exception: _on_mistake,
        },
    )
    app.state.face = face
    app.router.redirect_slashes = False
    return Guard(AtOnce(app, face.config.limits.concurrent), face.config.limits, Metered(Lines(), told))


def health_application(ready: Ready, limits: ServingLimits) -> ASGIApp:
    """Probes alone, for the port in clear."""
    return Guard(Starlette(routes=probes(ready)), limits, Lines())


async def _style(_: Request) -> Response:
    return await asyncio.to_thread(style_sheet)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _refused(request, error.code.status.value, error.code.title, error.detail, error.headers())


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _refused(request, error.status_code, "There is no such page.", "The list shows what there is.")


async def _on_ours(request: Request, error: Exception) -> Response:
    """Our own errors say what to do; what they say of settings and files stays in the log."""
    assert isinstance(error, BytePortError)
    match error:
        case TargetGone():
            return _refused(request, 404, "It is not there.", error.message)
        case MalformedInput():
            return _refused(request, 400, "That cannot be taken.", error.message)
        case NotPermitted():
            return _refused(request, 403, "That is not permitted.", error.message)
        case ConfigError() | TemporaryError():
            log.error("not_answered: %s", error)
            return _refused(
                request, 503, "That cannot be told now.", "Try again in a moment; the log of this page says why."
            )
        case _:
            log.error("not_answered: %s", error)
            return _refused(request, 409, "That is not so any more.", error.message)


async def _on_mistake(request: Request, _: Exception) -> Response:
    problem = mistake(request.scope)
    return _refused(request, 500, problem.code.title, problem.detail)


def _refused(request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A page that says why. It asks for no share of the session, which may just have used it up."""
    answered = page("refused.html", None, face_of(request).now(), status=status, title=title, detail=detail)
    answered.headers.update({name: value for name, value in (headers or {}).items() if name.lower() == "retry-after"})
    return answered
