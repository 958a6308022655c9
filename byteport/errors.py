"""Errors, named by what the caller must do, each with a stable `code`.

A library's own exception is translated once, at the border where it is met (`activities/`, `byteport/temporal`), and
nothing above that border ever sees it again. Messages never carry text that came from outside the process.
"""

from __future__ import annotations

from datetime import timedelta


class BytePortError(Exception):
    """Base of everything raised on purpose. `code` is stable across releases and safe to match on."""

    code = "byteport_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(BytePortError):
    """The process must not start. `key` names the setting at fault; the message says what to write instead."""

    code = "config_error"

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


class MalformedInput(BytePortError):
    """A file or body that a person gave cannot be read. `where` names the document and the field."""

    code = "malformed_input"

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")
        self.where = where


class PermanentError(BytePortError):
    """Trying again cannot help."""

    code = "permanent"


class NotPermitted(PermanentError):
    """403, an admission policy's refusal, a warrant that does not hold, or a call outside the declared scope.

    `policy` is the admission policy that refused, by its name, and `rule` its rule, where it is one of ours that is told
    apart; both stay in the process.
    """

    code = "not_permitted"

    def __init__(self, message: str, rule: str = "", *, policy: str = "") -> None:
        super().__init__(message)
        self.rule = rule
        self.policy = policy


class NotProved(NotPermitted):
    """The API server did not prove a rollback to a revision that was just read as serving: its own view is stale."""

    code = "not_proved"


class PreconditionFailed(PermanentError):
    """The target is not what the plan was made for: void the approval, diagnose again."""

    code = "precondition_failed"


class Moved(PreconditionFailed):
    """409: the object was written between the read and the call, which did nothing. It may be read and judged anew.

    Told apart inside the process only: it crosses Temporal as what it is a kind of.
    """


class TargetGone(PermanentError):
    """404, or another uid under the same name."""

    code = "target_gone"


class BudgetRefuses(PermanentError):
    """A PodDisruptionBudget refuses: escalate at once, never wait as for a throttle. `budget` is its name, if told."""

    code = "budget_refuses"

    def __init__(self, message: str, budget: str = "") -> None:
        super().__init__(message)
        self.budget = budget


class TooLarge(PermanentError):
    """An answer is larger than is read at once: ask for less.

    Told apart inside the process only: it crosses Temporal as what it is a kind of.
    """


class TemporaryError(BytePortError):
    """Trying again may help, after `delay` if the server gave one."""

    code = "temporary"

    def __init__(self, message: str, delay: timedelta | None = None) -> None:
        super().__init__(message)
        self.delay = delay


class Throttled(TemporaryError):
    """429 with the server's own delay."""

    code = "throttled"


class Unavailable(TemporaryError):
    """No connection, or a 5xx."""

    code = "unavailable"


class UnknownOutcome(BytePortError):
    """Sent and never answered: read the target before anything else."""

    code = "unknown_outcome"
