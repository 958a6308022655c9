"""Why it did not act, and what to look at next: reasons and causes in words, for people.

One text for all who tell it: the notice (`activities/notify`), `byteport show --why`, and `docs/runbooks/`. Written by
us and by nobody else: no word of a cluster's is in it but the names of the target.
"""

from __future__ import annotations

from collections.abc import Sequence

from byteport.domain.cause_texts import CAUSES
from byteport.domain.reason_texts import REASONS
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target


def next_steps(target: Target, cause: Cause | None, reasons: Sequence[Reason]) -> tuple[str, ...]:
    """What to look at, the cause first, each once; commands are written out for `target`."""
    said = [CAUSES[cause].next] if cause is not None else []
    said += [REASONS[reason].next for reason in reasons]
    return tuple(dict.fromkeys(_for(step, target) for step in said if step))


def meanings(reasons: Sequence[Reason]) -> tuple[str, ...]:
    """What each reason means, in the order given."""
    return tuple(REASONS[reason].meaning for reason in reasons)


def _for(text: str, target: Target) -> str:
    return (
        text.replace("{namespace}", target.namespace or "default")
        .replace("{name}", target.name)
        .replace("{kind}", target.kind.lower() or "deployment")
        .replace("{ref}", target.ref)
    )
