"""What this pod's identity may do where the nodes are: Azure tells it whoever asks about themselves, as patterns of actions.

`permissions` of a resource group lists what the caller holds there, and what it inherits from the subscription and above. Not seen: what
it holds on other resource groups, on single resources, in a workspace elsewhere, in the directory, in the cluster's own RBAC, and
roles that somebody could activate for it. Comes after `byteport/contracts/cloud_azure_rights.py`, which judges; before `azure.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yarl import URL

from activities.cloud.azure_machines import MachineList
from activities.cloud.source import Excess, RightFinding
from byteport.contracts.cloud_azure import AzureSource
from byteport.contracts.cloud_azure_rights import ROLE, Grant, excess, missing
from byteport.contracts.cloud_looks import ANY
from byteport.errors import Unavailable

API_VERSION = "2022-04-01"
MOST_GRANTS = 1_000
LONGEST_PATTERN = 300


class AzureRights:
    """Of the identity by which the machines are listed."""

    def __init__(self, config: AzureSource, management: MachineList) -> None:
        self._config = config
        self._management = management

    async def check(self) -> tuple[RightFinding, ...]:
        """Raises `NotPermitted` where even this may not be asked, `Throttled`, `Unavailable`, `ConfigError`."""
        group = f"/subscriptions/{self._config.subscription}/resourceGroups/{self._config.node_resource_group}"
        url = f"{self._config.management.rstrip('/')}{group}/providers/Microsoft.Authorization/permissions"
        plain = await self._management.get(URL(url) % {"api-version": API_VERSION})
        grants = _grants(plain)
        told = [
            RightFinding(Excess.MISSING, one, f"assign {ROLE}, or the exact role, on the subscription: it has {one}")
            for one in missing(grants, logs=self._config.workspace is not None)
        ]
        told += [
            RightFinding(
                Excess.IN_EXCESS,
                one,
                f"take the role that holds {one} from this identity: it is for reading metrics alone",
                never_requested=True,
            )
            for one in excess(grants)
        ]
        if plain.get("nextLink"):
            told.append(
                RightFinding(Excess.CANNOT_TELL, ANY, "Azure lists more than one page of what this identity holds")
            )
        return tuple(told)


def _grants(plain: Mapping[str, Any]) -> tuple[Grant, ...]:
    listed = plain.get("value")
    if not isinstance(listed, list) or len(listed) > MOST_GRANTS:
        raise Unavailable("azure: what this identity holds cannot be read")
    return tuple(
        Grant(*(_patterns(one, name) for name in ("actions", "notActions", "dataActions", "notDataActions")))
        for one in listed
    )


def _patterns(grant: Any, name: str) -> tuple[str, ...]:
    found = grant.get(name) if isinstance(grant, dict) else None
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) and len(one) <= LONGEST_PATTERN for one in found):
        raise Unavailable("azure: what this identity holds cannot be read")
    return tuple(found)
