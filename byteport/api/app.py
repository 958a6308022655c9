"""The application: routes, one place where refusals become answers, and the OpenAPI document.

Comes after `writing`, `reading` and `probes`; `serve` puts it on the wire, `byteport api` puts it together with a store.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from byteport.api import probes, reading, writing
from byteport.api.counts import Counts
from byteport.api.documented import HEADERS_OF_ALL, SCHEMES, lines
from byteport.api.faces import Face
from byteport.api.guard import Guard, mistake, refused
from byteport.api.problems import MEDIA_TYPE, Code, Problem, ProblemDocument
from byteport.errors import BytePortError, ConfigError, TemporaryError

log = logging.getLogger(__name__)

TITLE = "BytePort ledger"
VERSION = "1"
ABOUT = (
    "Takes in the audit logs of many clusters and tenants, and gives them out to be verified. Whose a request is comes from "
    "its credential. Refusals are `application/problem+json` (RFC 9457) with a `code` that stays."
)

ROUTERS = (writing.router, reading.router, probes.router)


def application(face: Face) -> ASGIApp:
    """Everything, for TLS."""
    app = _bare()
    app.state.face = face
    for router in ROUTERS:
        app.include_router(router)
    return Guard(app, face.limits, face.counts)


def health_application(face: Face) -> ASGIApp:
    """Probes and counters alone, for the port in clear. What is asked there is not counted."""
    app = _bare()
    app.state.face = face
    app.include_router(probes.router)
    app.include_router(probes.in_clear)
    return Guard(app, face.limits, Counts())


def openapi() -> dict[str, Any]:
    """The OpenAPI document, as it is committed under docs/reference."""
    app = _bare()
    for router in ROUTERS:
        app.include_router(router)
    found = get_openapi(title=TITLE, version=VERSION, openapi_version="3.1.0", description=ABOUT, routes=app.routes)
    schemas = found["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _problem_schema(schemas)
    schemas.update(lines(schemas["Record"]))
    found["components"] |= {"headers": HEADERS_OF_ALL, "securitySchemes": SCHEMES}
    of_all = {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS_OF_ALL}
    for path in found["paths"].values():
        for operation in path.values():
            operation["description"] = " ".join(operation["description"].split())
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _given(parameter["schema"])
            for response in operation["responses"].values():
                response["headers"] = {**response.get("headers", {}), **of_all}
    return found


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a parameter that may be left out: what it is when it is there. In a query there is no null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    return (
        {**schema, "anyOf": kinds} if len(kinds) > 1 else {**(kinds[0] if kinds else schema), "title": schema["title"]}
    )


def _bare() -> FastAPI:
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_parameters)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(BytePortError, _on_ours)
    app.add_exception_handler(Exception, _on_mistake)
    return app


def _problem_schema(schemas: dict[str, Any]) -> dict[str, Any]:
    schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    for name in ("line", "field", "head", "retry_after"):  # left out where they say nothing, never null
        (schema["properties"][name],) = [
            kind | {"description": schema["properties"][name]["description"]}
            for kind in schema["properties"][name]["anyOf"]
            if kind != {"type": "null"}
        ]
    return schema


async def _on_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return _answer(request, error)


async def _on_parameters(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "query"
    known = first["type"] != "extra_forbidden"
    says = f"{first['msg'][:1].lower()}{first['msg'][1:]}" if known else "no such parameter"
    return _answer(request, Problem(Code.PARAMETER_REFUSED, says, field=field if known else None))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    """What the router says by itself; it would name the methods of one route only."""
    assert isinstance(error, HTTPException)
    code = {404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED}.get(error.status_code, Code.MALFORMED_REQUEST)
    answer = _answer(request, Problem(code, "see the OpenAPI document for paths and methods"))
    if code is Code.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(_methods(request.url.path))
    return answer


def _methods(path: str) -> list[str]:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return sorted({method for route in routes if route.path_regex.match(path) for method in route.methods or ()})


async def _on_ours(request: Request, error: Exception) -> JSONResponse:
    """An error of the store. Its words stay in the log."""
    assert isinstance(error, BytePortError)
    if isinstance(error, TemporaryError | ConfigError):
        log.error("store_unavailable: %s", error)
        problem = Problem(Code.STORE_UNAVAILABLE, "nothing was kept; send the same again", retry_after=5)
        return _answer(request, problem)
    raise error


async def _on_mistake(request: Request, _: Exception) -> JSONResponse:
    return _answer(request, mistake(request.scope))


def _answer(request: Request, problem: Problem) -> JSONResponse:
    refused(request.scope, problem)
    return JSONResponse(
        problem.document(),
        status_code=problem.code.status.value,
        headers=problem.headers(),
        media_type=MEDIA_TYPE,
    )
