"""The application: routes, one place where refusals become answers, and the OpenAPI document.

Comes after `writing`, `reading` and `probes`; `serve` puts it on the wire, `byteport api` puts it together with a store.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from byteport.api import probes, reading, writing
from byteport.api.counts import Counts
from byteport.api.documented import HEADERS_OF_ALL, SCHEMES, lines
from byteport.api.faces import Face
from byteport.api.problems import LedgerCode, ProblemDocument
from byteport.errors import BytePortError, ConfigError, TemporaryError
from byteport.serving.answering import answer, bare
from byteport.serving.guard import Guard
from byteport.serving.problems import Problem

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
    app = bare(ROUTERS)
    app.add_exception_handler(BytePortError, _on_ours)
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


async def _on_ours(request: Request, error: Exception) -> JSONResponse:
    """An error of the store. Its words stay in the log."""
    assert isinstance(error, BytePortError)
    if isinstance(error, TemporaryError | ConfigError):
        log.error("store_unavailable: %s", error)
        problem = Problem(LedgerCode.STORE_UNAVAILABLE, "nothing was kept; send the same again", retry_after=5)
        return answer(request, problem)
    raise error
