"""The application of a face before its routes: the one place where refusals become answers.

Comes after `problems` and `guard`; each face adds its routers, and what its own errors are told as.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from byteport.serving.guard import mistake, refused
from byteport.serving.problems import MEDIA_TYPE, Code, Problem


def bare(routers: Sequence[APIRouter]) -> FastAPI:
    """No route yet, no page of its own; `routers` are those whose methods a 405 names."""
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        """What the router says by itself; it would name the methods of one route only."""
        assert isinstance(error, HTTPException)
        code = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}.get(error.status_code, Code.MALFORMED_REQUEST)
        answered = answer(request, Problem(code, "see the documentation for paths and methods"))
        if code is Code.METHOD_NOT_ALLOWED:
            answered.headers["Allow"] = ", ".join(_methods(routers, request.url.path))
        return answered

    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_parameters)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, _on_mistake)
    return app


def answer(request: Request, problem: Problem) -> JSONResponse:
    """The refusal, counted."""
    refused(request.scope, problem)
    return JSONResponse(
        problem.document(),
        status_code=problem.code.status.value,
        headers=problem.headers(),
        media_type=MEDIA_TYPE,
    )


def _methods(routers: Sequence[APIRouter], path: str) -> list[str]:
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return answer(request, error)


async def _on_parameters(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "query"
    known = first["type"] != "extra_forbidden"
    says = f"{first['msg'][:1].lower()}{first['msg'][1:]}" if known else "no such parameter"
    return answer(request, Problem(Code.PARAMETER_REFUSED, says, field=field if known else None))


async def _on_mistake(request: Request, _: Exception) -> JSONResponse:
    return answer(request, mistake(request.scope))
