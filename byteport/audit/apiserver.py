"""The API server's own audit log (`--audit-log-path`, audit.k8s.io/v1, one JSON event a line), read as requests.

What is read here was written by another program and perhaps changed since, so every line is an event or is named with
what is wrong with it. Nothing of an event is believed beyond its shape: `Audit-ID`, the user agent and the query are the
client's own words; user, verb, object and answer are the API server's. Pure over lines of bytes: files, compression and
rotation are the caller's. `requests` puts the stages of one request together, `matching` judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from byteport.audit.moments import is_moment
from byteport.audit.queries import pairs_of
from byteport.domain.base import Frozen

FORMAT = "audit.k8s.io/v1"
_TELLING = frozenset({"patch", "delete", "deletecollection"})
"""Verbs of which the body is looked at; of a create it is that of a new Event alone."""
NEW_EVENT = ("create", "", "events", "")
"""Verb, group, resource and subresource of a new Event of Kubernetes, whose first stages tell no name: its body has it."""


class Flaw(StrEnum):
    """Why a line is no event."""

    BAD_JSON = "bad_json"
    TRUNCATED = "truncated"
    """The last line, or what is compressed, ends in the middle."""
    OTHER_FORMAT = "other_format"
    """JSON, but no event of this format: a line of another log, or of another version of this one."""


class Place(Frozen):
    """Where a line stands, counted from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class BadLine(Frozen):
    """A line that tells nothing."""

    flaw: Flaw
    at: Place
    says: str


class Event(NamedTuple):
    """One stage of one request, as one line tells it. Whatever is missing is empty."""

    at: Place
    stage: str
    logged: datetime
    """When this stage was reached."""
    received: datetime
    """When the request came in: the same in all its stages."""
    audit_id: str
    user: str
    """Whose rights were used: the impersonated user's, if one was."""
    through: str
    """Who impersonated them; empty for nobody."""
    agent: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    uids: frozenset[str]
    """Every uid that the request or its answer names for its object, where the log's level shows any."""
    query: tuple[tuple[str, str], ...]
    asked: object
    """The body of a patch, a delete or a new Event, where the log's level shows it; else None."""
    forbidden: bool
    """Whether the API server itself says that it let the request do nothing: it was not allowed to."""
    code: int | None
    """HTTP status; None while there was no answer."""


class _Strange(ValueError):
    """JSON that is no event; says why."""


def read(lines: Iterable[bytes], file: str) -> Iterator[Event | BadLine]:
    """Each line of one file as what it is; empty lines are left out. Never raises for what a line holds."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        at = Place(file=file, line=number)
        try:
            yield _event(msgspec.json.decode(line), at)
        except _Strange as error:
            yield BadLine(flaw=Flaw.OTHER_FORMAT, at=at, says=str(error))
        except (ValueError, RecursionError):
            yield _unreadable(line, at)


def _unreadable(line: bytes, at: Place) -> BadLine:
    if not line.endswith(b"\n"):
        return BadLine(flaw=Flaw.TRUNCATED, at=at, says="ends in the middle of an event")
    if b" AUDIT: id=" in line[:200]:
        return BadLine(flaw=Flaw.OTHER_FORMAT, at=at, says="is of the legacy text format, not of the JSON format")
    return BadLine(flaw=Flaw.BAD_JSON, at=at, says="is no JSON")


def _event(plain: Any, at: Place) -> Event:
    event = _mapping(plain, "is no JSON object")
    if event.get("kind") != "Event" or event.get("apiVersion") != FORMAT:
        raise _Strange(f"is no event of {FORMAT}")
    user, acted_as = _part(event, "user"), _part(event, "impersonatedUser")
    about = _part(event, "objectRef")
    verb, annotations = _text(event, "verb"), _of(event, "annotations")
    what = (verb, _text(about, "apiGroup"), _text(about, "resource"), _text(about, "subresource"))
    username, impersonated = _text(user, "username"), _text(acted_as, "username")
    return Event(
        at=at,
        stage=_text(event, "stage"),
        logged=_moment(event, "stageTimestamp"),
        received=_moment(event, "requestReceivedTimestamp"),
        audit_id=_text(event, "auditID"),
        user=impersonated or username,
        through=username if impersonated else "",
        agent=_text(event, "userAgent"),
        verb=verb,
        group=what[1],
        resource=what[2],
        subresource=what[3],
        namespace=_text(about, "namespace"),
        name=_text(about, "name"),
        uids=frozenset(_uids(event, about)),
        query=pairs_of(_text(event, "requestURI")),
        asked=event.get("requestObject") if verb in _TELLING or what == NEW_EVENT else None,
        forbidden=annotations.get("authorization.k8s.io/decision") == "forbid",
        code=_code(_part(event, "responseStatus")),
    )


def _uids(event: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[str]:
    """Of the reference, of a deletion's preconditions, of a JSON Patch's own test, and of the object that was answered."""
    yield from _named(about.get("uid"))
    asked, answered = event.get("requestObject"), event.get("responseObject")
    if isinstance(asked, Mapping):
        yield from _named(_of(asked, "preconditions").get("uid"))
    elif isinstance(asked, list):
        for operation in asked:
            tests = isinstance(operation, Mapping) and operation.get("op") == "test"
            if tests and operation.get("path") == "/metadata/uid":
                yield from _named(operation.get("value"))
    if isinstance(answered, Mapping) and answered.get("kind") != "Status":
        yield from _named(_of(answered, "metadata").get("uid"))


def _named(value: object) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value


def _of(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _mapping(value: object, says: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _Strange(says)
    return value


def _part(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = event.get(key)
    return {} if value is None else _mapping(value, f"has a {key} that is no object")


def _text(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    if value is not None and not isinstance(value, str):
        raise _Strange(f"has a {key} that is no text")
    return value or ""


def _moment(event: Mapping[str, Any], key: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(event, key))
    except ValueError:
        raise _Strange(f"has a {key} that is no time") from None
    if moment.tzinfo is None:
        raise _Strange(f"has a {key} without a zone")
    if not is_moment(moment):
        raise _Strange(f"has a {key} of a year that no log is of")
    return moment


def _code(status: Mapping[str, Any]) -> int | None:
    code = status.get("code")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        raise _Strange("has a code that is no number")
    return code or None
