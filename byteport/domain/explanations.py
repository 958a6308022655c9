"""Why it did not act, and what to look at next: reasons and causes in words, for people.

One text for all who tell it: the notice (`activities/notify`), `byteport show --why`, and `docs/runbooks/`. Written by
us and by nobody else: no word of a cluster's is in it but the names of the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from byteport.domain.cause_texts import CAUSES
from byteport.domain.reason_texts import ANSWERS, REASONS
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target

_NOT_UNDONE: Mapping[str, str] = MappingProxyType(
    {
        "PodCrashloopRunbook": "nothing to run: its controller makes another pod in its place, and the deleted one is gone",
        "DiskSpaceAutoReclaimRunbook": "nothing to run: whoever needs a removed image pulls it again",
    }
)
_NO_COMMAND = "no command is known"


def not_undone(runbook: str) -> str:
    """Why no command undoes what a runbook does, where none does."""
    return _NOT_UNDONE.get(runbook, _NO_COMMAND)


def next_steps(
    target: Target, cause: Cause | None, reasons: Sequence[Reason], *, answered_by: str | None = None
) -> tuple[str, ...]:
    """What to look at, the cause first, each once; commands are written out for `target`.

    Whoever is told the very command that answers (`answered_by`) is not told its form besides.
    """
    said = [CAUSES[cause].next] if cause is not None else []
    said += [REASONS[reason].next for reason in reasons]
    steps = dict.fromkeys(_for(step, target) for step in said if step)
    return tuple(step for step in steps if step != ANSWERS or answered_by is None)


def meanings(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """What each reason means, in the order given."""
    return tuple(REASONS[reason].meaning for reason in reasons)


def _for(text: str, target: Target) -> str:
    if not target.namespace:  # a node, or the cluster: no command about it takes one
        text = text.replace(" -n {namespace}", "")
    return (
        text.replace("{namespace}", target.namespace or "default")
        .replace("{name}", target.name)
        .replace("{kind}", target.kind.lower() or "deployment")
        .replace("{ref}", target.ref)
    )
