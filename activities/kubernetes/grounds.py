"""Why a mutation is not admitted, as stable words: each refusal of this room begins with one of them.

`NotPermitted` when the warrant, its caller or the policy does not allow the act at all; `PreconditionFailed` when the
world is not what the warrant was made for any more. Raised by `admit.py` and by the effects.
"""

from __future__ import annotations

from enum import StrEnum

from byteport.errors import NotPermitted, PreconditionFailed


class Ground(StrEnum):
    """One reason not to act."""

    # who asks, and for what
    CALLER = "caller"
    TENANT = "tenant"
    CLUSTER = "cluster"
    ACT = "act"
    TARGET = "target"
    PLAN = "plan"
    INVERSE = "inverse"
    # what the warrant holds
    POLICY_CHANGED = "policy_changed"
    REQUEST = "request"
    ANSWERS = "answers"
    MODE = "mode"
    CEILING = "ceiling"
    RUNBOOK_OFF = "runbook_off"
    PROTECTED = "protected"
    NOT_ENABLED = "not_enabled"
    HALTED = "halted"
    # what is there now
    VERDICT = "verdict"
    CHANGED = "changed"
    ARGUMENTS = "arguments"
    POD_IS_READY = "pod_is_ready"
    BEING_DELETED = "being_deleted"
    OWNER = "owner"


def deny(ground: Ground, why: str) -> NotPermitted:
    return NotPermitted(f"{ground.value}: {why}")


def stale(ground: Ground, why: str) -> PreconditionFailed:
    return PreconditionFailed(f"{ground.value}: {why}")
