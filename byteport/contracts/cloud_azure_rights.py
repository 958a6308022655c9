"""What our identity in Azure is for, action by action, and how what it holds is judged. The one source of both.

Azure tells all that an identity holds at a scope, as patterns of actions. So here everything is in excess that is not on one of two
lists: the exact role, or the built-in Monitoring Reader, whose `*/read` is every control-plane read and no data.
`activities/cloud/azure_rights.py` reads what is held, and docs/reference/integrations.md shows what is rendered here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

ROLE = "Monitoring Reader"
NEEDED = (
    "Microsoft.Authorization/permissions/read",
    "Microsoft.Compute/virtualMachineScaleSets/read",
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
    "Microsoft.Compute/virtualMachines/read",
    "Microsoft.Insights/metrics/read",
)
"""All that is used without a workspace."""
LOGS = (
    "Microsoft.OperationalInsights/workspaces/query/read",
    "Microsoft.OperationalInsights/workspaces/query/InsightsMetrics/read",
)
"""Besides, where the settings name a workspace."""
BUILT_IN = ("*/read", "Microsoft.OperationalInsights/workspaces/search/action", "Microsoft.Support/*")
"""The actions of Monitoring Reader; it has no data actions. The last lets it open tickets with Azure's support."""


@dataclass(frozen=True)
class Grant:
    """Some of what an identity holds at a scope: patterns, in which `*` stands for anything, and what is taken off them."""

    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()


def allows(grants: Iterable[Grant], action: str) -> bool:
    """Whether any grant holds `action`. What one grant takes off, another may hold."""
    return any(
        any(covers(one, action) for one in grant.actions) and not any(covers(one, action) for one in grant.not_actions)
        for grant in grants
    )


def missing(grants: Iterable[Grant], *, logs: bool) -> tuple[str, ...]:
    """Actions that are used and not held."""
    held = tuple(grants)
    return tuple(one for one in (*NEEDED, *(LOGS if logs else ())) if not allows(held, one))


def excess(grants: Iterable[Grant]) -> tuple[str, ...]:
    """Patterns that hold more than the exact role or Monitoring Reader, each once: `*`, a write, an action, data of any kind.

    A pattern counts as it stands: what its own grant takes off it does not make it less, so that Contributor's `*` is too much
    whatever it may not do.
    """
    found: dict[str, None] = {}
    for grant in grants:
        found.update(dict.fromkeys(one for one in grant.actions if not _within(one)))
        found.update(dict.fromkeys(grant.data_actions))
    return tuple(found)


def covers(pattern: str, action: str) -> bool:
    """Whether `pattern` holds `action`; both in any case, `*` for anything, as Azure compares them."""
    parts = [re.escape(part) for part in pattern.split("*")]
    return re.fullmatch(".*".join(parts), action, re.IGNORECASE | re.DOTALL) is not None


def custom_role(subscription: str) -> str:
    """The exact role, for `az role definition create --role-definition @role.json`."""
    role = {
        "Name": "BytePort metrics",
        "IsCustom": True,
        "Description": "Reads metrics of machines, and which machines there are.",
        "Actions": list(NEEDED),
        "NotActions": [],
        "DataActions": [],
        "NotDataActions": [],
        "AssignableScopes": [f"/subscriptions/{subscription}"],
    }
    return json.dumps(role, indent=2) + "\n"


def page() -> str:
    """For docs/reference/integrations.md: what is granted, and what is told as too much."""
    return "\n".join(
        [
            f"The exact role; the built-in `{ROLE}` does as well, and holds every control-plane read (`*/read`) besides:",
            "",
            "```json",
            custom_role("00000000-0000-0000-0000-000000000000").rstrip(),
            "```",
            "",
            f"With `clouds.azure.workspace` also, on the workspace: `{'`, `'.join(LOGS)}`.",
            "",
            f"Of what is held, `{'`, `'.join(BUILT_IN)}` and anything within them are taken for `{ROLE}`. Every other action, and every",
            "data action, is told as in excess: Contributor and Owner hold `*`, a role that writes an action that does not end in `/read`.",
            "",
        ]
    )


def _within(pattern: str) -> bool:
    """Whether all that `pattern` may hold is held by Monitoring Reader, whose patterns end or begin with the star alone.

    `*/read` holds whatever ends in `/read`, patterns among them; `Microsoft.Support/*` whatever begins so.
    """
    return any(covers(one, pattern) for one in BUILT_IN)
