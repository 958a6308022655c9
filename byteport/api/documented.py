"""How the OpenAPI document tells what FastAPI does not know of by itself: problems by status, security, raw bodies.

Comes after `problems`; `writing` and `reading` describe their routes with it, `app` puts the whole together.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from byteport.api.problems import LedgerCode, ProblemDocument
from byteport.audit.words import Removal
from byteport.contracts.ledger_api import AUDIENCE
from byteport.serving.guard import HEADERS, REQUEST_ID
from byteport.serving.problems import MEDIA_TYPE, AnyCode, Code

TOKEN, CERTIFICATE = "workloadToken", "clientCertificate"
SECURITY: list[dict[str, list[str]]] = [{TOKEN: []}, {CERTIFICATE: []}]

_BY_ANYBODY = (Code.INTERNAL, Code.MALFORMED_REQUEST, Code.HEADERS_TOO_LARGE, Code.METHOD_NOT_ALLOWED)
_BY_CREDENTIAL = (
    *(Code.CREDENTIAL_MISSING, Code.CREDENTIAL_INVALID, LedgerCode.CREDENTIALS_DISAGREE),
    *(LedgerCode.NOT_ENROLLED, LedgerCode.ROLE_REFUSED, Code.RATE_LIMITED),
    *(Code.BUSY, Code.KEYS_UNAVAILABLE, LedgerCode.STORE_UNAVAILABLE, LedgerCode.ENROLMENT_UNREADABLE),
)

Responses = dict[int | str, dict[str, Any]]


def problems(*codes: AnyCode, credential: bool = True) -> Responses:
    """The refusals of a route: its own, and those that every one has."""
    by_status: dict[int, list[AnyCode]] = defaultdict(list)
    for code in (*codes, *_BY_ANYBODY, *(_BY_CREDENTIAL if credential else ())):
        by_status[code.status.value].append(code)
    return {status: _problem(status, found) for status, found in sorted(by_status.items())}


def body(media_types: dict[str, dict[str, Any]], says: str) -> dict[str, Any]:
    """`openapi_extra` of a route that reads its body itself."""
    return {"requestBody": {"required": True, "description": says, "content": media_types}}


def stream(media_type: str, says: str) -> dict[str, Any]:
    """A 200 whose body is text of `media_type`."""
    return {"description": says, "content": {media_type: {"schema": {"type": "string"}}}}


SCHEMES: dict[str, Any] = {
    TOKEN: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": f"A projected ServiceAccount token of Kubernetes for the audience `{AUDIENCE}` alone.",
    },
    CERTIFICATE: {
        "type": "mutualTLS",
        "description": "A client certificate of the configured authority, known by its SPIFFE id or its fingerprint.",
    },
}


HEADERS_OF_ALL: dict[str, Any] = {
    **{
        name.decode().title(): {"schema": {"type": "string", "const": value.decode()}, "required": True}
        for name, value in HEADERS
    },
    REQUEST_ID.decode().title(): {"schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"}},
}
"""Headers that each answer carries."""


def lines(record: dict[str, Any]) -> dict[str, Any]:
    """Schemas of the lines of an export, from that of a record: every field of it, null where the body is gone."""
    text = {"type": ["string", "null"]}
    sealed = {
        "type": "object",
        "description": "Exactly what was hashed: header and payload as canonical JSON, and the salt in hex.",
        "properties": {"header": {"type": "string"}, "payload": text, "salt": text},
        "required": ["header", "payload", "salt"],
        "additionalProperties": False,
    }
    fields = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in record["properties"].items()}
    return {
        "ExportedRecord": {
            "type": "object",
            "description": "A record as exports have it. `removed` says why its body is not there any more.",
            "properties": {**fields, "sealed": sealed, "removed": {"enum": [cause.value for cause in Removal]}},
            "required": [*record["properties"], "sealed"],
            "additionalProperties": False,
        },
        "ExportedCheckpoint": {
            "type": "object",
            "description": "A signed note (C2SP tlog-checkpoint) over the records.",
            "properties": {"checkpoint": {"type": "string"}},
            "required": ["checkpoint"],
            "additionalProperties": False,
        },
    }


def _problem(status: int, codes: list[AnyCode]) -> dict[str, Any]:
    told = "<br>".join(f"`{code.word}`: {code.title}" for code in codes)
    found: dict[str, Any] = {
        "description": told,
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{_NAME}"}}},
    }
    if status in (429, 503):
        found["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "required": True}}
    if status == 401:
        found["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
    return found


_NAME = str(ProblemDocument.model_config.get("title"))
