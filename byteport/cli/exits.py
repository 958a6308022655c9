"""Exit codes, documented in docs/reference/cli.md and stable across releases, and the one line an error becomes."""

from __future__ import annotations

from enum import IntEnum

from byteport.errors import (
    BytePortError,
    ConfigError,
    MalformedInput,
    PermanentError,
    TargetGone,
    TemporaryError,
    UnknownOutcome,
)


class Exit(IntEnum):
    """What a script may test."""

    OK = 0
    FINDING = 1
    """The question was answered, and the answer is no: a log that does not verify, a replay that differs, a finding."""
    USAGE = 2
    """A wrong argument, setting or input file; nothing was started."""
    UNREACHABLE = 3
    """Temporal, the cluster or a worker did not answer; trying again may help."""
    REFUSED = 4
    """Not permitted: credentials, a signature, a policy, a precondition."""
    NOT_FOUND = 5
    """No run, plan or record of that name."""
    PARTLY = 6
    """Nothing contradicts, and only a part of what was asked can be told: records that no checkpoint covers."""
    INTERNAL = 70
    """A mistake of ours."""
    INTERRUPTED = 130
    """Ctrl-C."""


def exit_for(error: BytePortError) -> Exit:
    """By what the caller must do about it."""
    match error:
        case ConfigError() | MalformedInput():
            return Exit.USAGE
        case TargetGone():
            return Exit.NOT_FOUND
        case TemporaryError() | UnknownOutcome():
            return Exit.UNREACHABLE
        case PermanentError():
            return Exit.REFUSED
        case _:
            return Exit.FINDING
