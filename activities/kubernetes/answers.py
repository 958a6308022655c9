"""What the API server's answer means, as an error of ours: translated once, here, where it is met.

Used by `wire.py`. The server's words decide and are dropped; what goes on is the object that was asked for, and the
names of policies and budgets, since those are objects of the cluster, and which rule of our own policy refused. Statuses and texts are Kubernetes 1.37's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import msgspec

from byteport.errors import (
    BudgetRefuses,
    BytePortError,
    Moved,
    NotPermitted,
    PermanentError,
    PreconditionFailed,
    TargetGone,
    Throttled,
    Unavailable,
    UnknownOutcome,
)
from byteport.kubernetes.refusals import rule_in

JSON = dict[str, Any]

LONGEST_DELAY_SECONDS = 3600
_NAME = r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?"
_POLICY = re.compile(rf"(?:Validating|Mutating)AdmissionPolicy '({_NAME})'")
_BUDGET = re.compile(rf"disruption budget ({_NAME}) ")
_SEVERAL_BUDGETS = "more than one PodDisruptionBudget"
_NO_LOG = (
    re.compile(r"previous terminated container .* not found"),
    re.compile(r"container .* is waiting to start"),
    re.compile(r"container .* is (?:terminated|not available)"),
)


class Asked:
    """What a request was about, for the error's words, and whether it was to change anything."""

    def __init__(self, what: str, *, mutates: bool = False) -> None:
        self.what = what
        self.mutates = mutates

    def lost(self, why: str) -> BytePortError:
        """The request was sent, and its outcome was not heard."""
        if self.mutates:
            return UnknownOutcome(f"{self.what}: {why} after the request was sent")
        return Unavailable(f"{self.what}: {why}")


def decoded(body: bytes) -> JSON:
    """A JSON object. Raises `ValueError` for anything else."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def error_of(asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> BytePortError:
    """The error that an answer of `status` (400 or more) stands for."""
    try:
        answer = decoded(body)
    except ValueError:
        answer = {}
    return error_of_status(asked, status, answer, headers.get("Retry-After", ""))


def error_of_status(asked: Asked, status: int, answer: JSON, retry_after: str = "") -> BytePortError:
    """The same for a Status object, as a watch sends it in its stream."""
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _server_error(asked, status, answer)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return NotPermitted(f"{asked.what}: the API server does not accept the credential")
        case HTTPStatus.FORBIDDEN:
            return _refused(asked, answer) or NotPermitted(f"{asked.what}: forbidden")
        case HTTPStatus.NOT_FOUND:
            return TargetGone(f"{asked.what}: not found")
        case HTTPStatus.CONFLICT:
            return _conflict(asked, answer)
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return _unprocessable(asked, answer)
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _too_many(asked, answer, retry_after)
        case _:
            return PermanentError(f"{asked.what}: the API server answered {status}")


def is_no_log(status: int, body: bytes) -> bool:
    """Whether an answer to a log request says that there is no such log, now or any more."""
    return status == HTTPStatus.BAD_REQUEST and any(words.search(_message(body)) for words in _NO_LOG)


def _message(body: bytes) -> str:
    try:
        return str(decoded(body).get("message", ""))
    except ValueError:
        return ""


def _server_error(asked: Asked, status: int, answer: JSON) -> BytePortError:
    if _SEVERAL_BUDGETS in str(answer.get("message", "")):
        return BudgetRefuses(f"{asked.what}: several disruption budgets select it, which the API server refuses")
    return asked.lost(f"the API server answered {status}")


def _refused(asked: Asked, answer: JSON) -> NotPermitted | None:
    """Refused by an admission policy, whatever status the policy chose."""
    message = str(answer.get("message", ""))
    found = _POLICY.search(message)
    if found is None:
        return None
    return NotPermitted(
        f"{asked.what}: the admission policy {found[1]} refuses", rule_in(message) or "", policy=found[1]
    )


def _conflict(asked: Asked, answer: JSON) -> PreconditionFailed:
    """Of the two reasons of a 409, only `Conflict` says that the object moved; `AlreadyExists` is another one's name."""
    kind = Moved if answer.get("reason") == "Conflict" else PreconditionFailed
    return kind(f"{asked.what}: the object is another version than the call was made for")


def _unprocessable(asked: Asked, answer: JSON) -> BytePortError:
    """A policy's refusal, an invalid object, or (naming nothing at all) a patch whose test failed."""
    if refusal := _refused(asked, answer):
        return refusal
    if _causes(answer):
        return PermanentError(f"{asked.what}: the result would not be a valid object")
    return PreconditionFailed(f"{asked.what}: a test or an operation of the patch did not apply")


def _too_many(asked: Asked, answer: JSON, retry_after: str) -> BytePortError:
    for cause in _causes(answer):
        if cause.get("reason") == "DisruptionBudget":
            found = _BUDGET.search(str(cause.get("message", "")))
            name = found[1] if found else ""
            return BudgetRefuses(f"{asked.what}: the disruption budget {name or 'of the pod'} refuses", budget=name)
    told = retry_after if retry_after.isdecimal() else str((answer.get("details") or {}).get("retryAfterSeconds", ""))
    seconds = min(int(told), LONGEST_DELAY_SECONDS) if told.isdecimal() else None
    delay = timedelta(seconds=seconds) if seconds is not None else None
    return Throttled(f"{asked.what}: the API server is throttling", delay=delay)


def _causes(answer: JSON) -> list[JSON]:
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return [cause for cause in causes if isinstance(cause, dict)] if isinstance(causes, list) else []
