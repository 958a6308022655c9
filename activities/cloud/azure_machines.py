"""Which machines a resource group holds: the resource id of each, by which a node's `spec.providerID` names it, and its own name.

Metrics of a scale set tell its machines apart by a name; those of a machine need none, since a machine of a scale set is a resource
of its own. So the machines are listed, and each is asked about by its id. Where only a node's name is known (the metrics of an
AKS cluster, Container insights), it is looked up as `computerName`, and is only taken where one machine has it. Comes
before `azure.py`; after it `azure_series.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from http import HTTPStatus
from typing import Any

from yarl import URL

from activities.clock import Clock
from activities.cloud.azure_answers import meaning_of
from activities.cloud.azure_identity import SETTING, AzureIdentity
from activities.export.answers import Answer, Asked
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from byteport.contracts.cloud_azure import AzureSource
from byteport.contracts.symptoms import Subject
from byteport.errors import ConfigError, NotPermitted, Unavailable

API_VERSION = "2024-07-01"
KEPT_FOR = timedelta(minutes=5)
"""So long a list is used: a machine that is newer is told of by then, and Azure counts every question."""
MOST_MACHINES = 5_000
"""AKS has at most 5,000 nodes in a cluster; what is beyond is left out, and said."""
MOST_PAGES = 200
LARGEST_PAGE = 8 << 20
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_ID = re.compile(
    rf"/subscriptions/(?P<subscription>[0-9a-fA-F-]{{36}})/resourceGroups/(?P<group>[^/]{{1,90}})/providers/Microsoft\.Compute/"
    rf"(?:virtualMachineScaleSets/{_NAME}/virtualMachines/[0-9A-Za-z_-]{{1,80}}|virtualMachines/{_NAME})",
    re.IGNORECASE,
)


class MachineKind(Enum):
    """Of which namespace a machine's metrics are."""

    IN_SCALE_SET = "Microsoft.Compute/virtualMachineScaleSets/virtualMachines"
    ALONE = "Microsoft.Compute/virtualMachines"


@dataclass(frozen=True)
class Machine:
    """One machine of the group."""

    resource_id: str
    kind: MachineKind
    computer_name: str

    @property
    def subject(self) -> Subject:
        """By what a Node's `spec.providerID` is behind `azure://`, in lower case: Azure's ids come in any, and are the same."""
        return Subject(kind="Node", provider_id=self.resource_id.lower())


@dataclass(frozen=True)
class Machines:
    """All of them."""

    found: tuple[Machine, ...]
    truncated: bool = False

    def by_id(self) -> Mapping[str, Machine]:
        """By resource id in lower case: Azure's ids are the same in any case, and come in several."""
        return {one.resource_id.lower(): one for one in self.found}

    def by_name(self) -> Mapping[str, Machine]:
        """By the name that the machine calls itself, where only one does."""
        named: dict[str, list[Machine]] = {}
        for one in self.found:
            named.setdefault(one.computer_name.lower(), []).append(one)
        return {name: ones[0] for name, ones in named.items() if name and len(ones) == 1}


@dataclass
class MachineList:
    """Asked of Azure Resource Manager, and kept for a while."""

    config: AzureSource
    identity: AzureIdentity
    client: GuardedClient
    clock: Clock
    _kept: Machines | None = None
    _since: datetime | None = None

    async def machines(self) -> Machines:
        """Raises `NotPermitted`, `Throttled`, `Unavailable` and `ConfigError`."""
        now = self.clock()
        if self._kept is None or self._since is None or not timedelta(0) <= now - self._since < KEPT_FOR:
            self._kept, self._since = await self._listed(), now
        return self._kept

    async def _listed(self) -> Machines:
        group = f"/subscriptions/{self.config.subscription}/resourceGroups/{self.config.node_resource_group}"
        compute = f"{group}/providers/Microsoft.Compute"
        found: list[Machine] = []
        async for one in self._all(f"{compute}/virtualMachines"):
            found += self._machine(one, MachineKind.ALONE)
        async for scale_set in self._all(f"{compute}/virtualMachineScaleSets"):
            name = str(scale_set.get("name", ""))
            mode = _inside(scale_set, "properties").get("orchestrationMode")
            if mode == "Flexible" or re.fullmatch(_NAME, name) is None:
                continue
            async for one in self._all(f"{compute}/virtualMachineScaleSets/{name}/virtualMachines"):
                found += self._machine(one, MachineKind.IN_SCALE_SET)
                if len(found) > MOST_MACHINES:
                    return Machines(tuple(found[:MOST_MACHINES]), truncated=True)
        return Machines(tuple(found[:MOST_MACHINES]), truncated=len(found) > MOST_MACHINES)

    def _machine(self, plain: Mapping[str, Any], kind: MachineKind) -> Iterable[Machine]:
        """None for what is no machine of this group and region."""
        resource_id = str(plain.get("id", ""))
        named = _ID.fullmatch(resource_id)
        if named is None or named["subscription"].lower() != str(self.config.subscription).lower():
            return
        if named["group"].lower() != str(self.config.node_resource_group).lower():
            return
        if str(plain.get("location", "")).replace(" ", "").lower() != self.config.region:
            return
        name = _inside(_inside(plain, "properties"), "osProfile").get("computerName")
        yield Machine(resource_id, kind, name if isinstance(name, str) and len(name) <= 253 else "")

    async def _all(self, path: str) -> AsyncIterator[Mapping[str, Any]]:
        url: URL | None = URL(f"{self.config.management.rstrip('/')}{path}") % {"api-version": API_VERSION}
        home = URL(self.config.management).origin()
        for _ in range(MOST_PAGES):
            if url is None:
                return
            plain = await self.get(url)
            for one in plain.get("value", []):
                if isinstance(one, dict):
                    yield one
            url = _next(plain, home)
        if url is not None:
            raise Unavailable(f"azure: the list of machines has more than {MOST_PAGES} pages")

    async def get(self, url: URL) -> Mapping[str, Any]:
        """One answer of Azure Resource Manager."""
        asked = Asked("azure: Resource Manager", url=f"{SETTING}.management", credential=SETTING)
        token = await self.identity.token(self.config.management_audience)
        request = Request(
            "GET",
            url,
            secrets={"Authorization": f"Bearer {token}"},
            largest_answer=LARGEST_PAGE,
            redirects=Redirects.REFUSED,
        )
        answer = await self.client.ask(request, asked)
        if not answer.taken:
            if answer.status == HTTPStatus.UNAUTHORIZED:
                await self.identity.forget()
            if answer.status == HTTPStatus.NOT_FOUND:
                group, subscription = self.config.node_resource_group, self.config.subscription
                raise ConfigError(
                    f"{SETTING}.node_resource_group", f"there is no {group} in the subscription {subscription}"
                )
            needs = f"Monitoring Reader, or the exact role, on the subscription {self.config.subscription}"
            raise meaning_of(asked, answer, self.clock(), needs=needs)
        return _plain(answer)


def _next(plain: Mapping[str, Any], home: URL) -> URL | None:
    """The next page, which is asked of the same service as this one."""
    link = plain.get("nextLink")
    if not link:
        return None
    try:
        url = URL(str(link), encoded=True)
        same = url.origin() == home
    except ValueError:
        same = False
    if not same:
        raise NotPermitted("azure: the next page of a list lies elsewhere, where nothing is asked")
    return url


def _inside(plain: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = plain.get(name)
    return found if isinstance(found, dict) else {}


def _plain(answer: Answer) -> Mapping[str, Any]:
    try:
        plain = json.loads(answer.body)
    except (ValueError, RecursionError):
        plain = None
    if not isinstance(plain, dict) or not isinstance(plain.get("value", []), list):
        raise Unavailable("azure: an answer of the Resource Manager cannot be read")
    return plain
