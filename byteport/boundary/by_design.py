"""What the agent's account sends to the API server by design, beside its acts: so that everything else stands out.

`byteport/audit/matching` holds the API server's own audit log against the log; here the words come from where they are
used: the self-check's question (`workers/boundary_enforced.py`), the commands that only look, the container for both.
"""

from __future__ import annotations

from datetime import timedelta

from byteport.audit.asking import Design
from byteport.audit.sorting import APART, Rules
from byteport.boundary.names import AGENT, AGENT_MANAGER
from byteport.domain.plans import HELPER_CONTAINER
from byteport.kubernetes.node_commands import host_path, is_read
from byteport.kubernetes.port import NO_POD


def looks(argv: tuple[str, ...]) -> bool:
    """Whether a command only looks: which paths a node's pods declare is not known here, so any that may be one is let by."""
    declared = host_path(argv[-1]) if argv else None
    return is_read(argv, frozenset({declared} if declared is not None else ()))


def rules(account: str = AGENT, *, apart: timedelta = APART) -> Rules:
    """How requests of `account` are told apart. `apart` is how far the two clocks may differ."""
    return Rules(account, Design(no_pod=NO_POD, looks=looks, container=HELPER_CONTAINER, manager=AGENT_MANAGER), apart)
