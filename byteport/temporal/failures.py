"""How our errors cross Temporal's wire: translated once, here, in both directions.

Activities raise `byteport.errors`; `activities/performs.py` calls `to_application_error`; a workflow asks `code_of`.
"""

from __future__ import annotations

from temporalio.exceptions import ApplicationError

from byteport.errors import BytePortError, MalformedInput, PermanentError, TemporaryError, UnknownOutcome

MESSAGE_LENGTH = 500
UNEXPECTED = "unexpected"
"""The code of an exception that nobody raised on purpose: a mistake of ours. Its text is not passed on."""


def to_application_error(error: BytePortError) -> ApplicationError:
    """`error` as Temporal carries it: `type` is the code, retryable exactly when trying again may help.

    A temporary error's own delay (a server's Retry-After) is Temporal's `next_retry_delay`. The message is one line
    without control characters, at most `MESSAGE_LENGTH` long; the cause is dropped, since it may quote a server.
    """
    return ApplicationError(
        one_line(error.message),
        type=error.code,
        non_retryable=isinstance(error, PermanentError | UnknownOutcome | MalformedInput),
        next_retry_delay=error.delay if isinstance(error, TemporaryError) else None,
    )


def unexpected_error(error: Exception) -> ApplicationError:
    """An exception that is no `BytePortError`: its class is named, its text (which may hold anything) is not."""
    return ApplicationError(f"{type(error).__name__}; the worker's log has it", type=UNEXPECTED)


def code_of(failure: BaseException) -> str | None:
    """The `code` of the error that an activity, child or update failed with, or None for a timeout or cancellation."""
    found: BaseException | None = failure
    while found is not None:
        if isinstance(found, ApplicationError):
            return found.type
        found = found.__cause__
    return None


def one_line(text: str) -> str:
    """`text` on one line: each control, bidirectional or otherwise unprintable character becomes a space."""
    clean = "".join(char if char.isprintable() else " " for char in text[: MESSAGE_LENGTH + 1])
    return clean if len(clean) <= MESSAGE_LENGTH else clean[: MESSAGE_LENGTH - 1] + "…"
