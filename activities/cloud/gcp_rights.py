"""What this pod's identity may do in the project: Google is asked, permission by permission, and asked nothing else.

`projects.testIamPermissions` needs no right of its own: everybody may ask about themselves. It answers only about what is
named, and refuses a whole list for one name that is no permission on a project; such a name is found by halving and told as one
that nothing is known of. What `byteport/contracts/cloud_gcp_rights.py` does not name, and what this identity may do in
other projects, on single resources, or in the cluster's own RBAC, is not seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from activities.clock import Clock
from activities.cloud.source import Excess, RightFinding
from activities.export.answers import Answer, Asked, error_of
from activities.export.google import GoogleIdentity
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from byteport.contracts.cloud_gcp import GcpSource
from byteport.contracts.cloud_gcp_rights import LOGGING, LOGGING_ROLE, NEEDED, NEVER, ROLE, asked
from byteport.errors import ConfigError, NotPermitted, Unavailable

SETTING = "clouds.gcp"
SCOPE = "https://www.googleapis.com/auth/cloud-platform.read-only"
AT_ONCE = 100
"""Most permissions that one question may name."""
MOST_QUESTIONS = 60
"""However many names Google does not know, it is asked so often at most."""


class GcpRights:
    """Questions about ourselves, in one project."""

    def __init__(self, config: GcpSource, *, ca_file: Path | None, proxy: str | None, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._identity = GoogleIdentity(ca_file, proxy, clock, scope=SCOPE, setting=SETTING, what="gcp")
        self._client = GuardedClient(
            config.resource_manager, ca_file=ca_file, ca_setting="clouds.ca_file", proxy=proxy, clock=clock
        )
        self._left = 0

    async def check(self) -> tuple[RightFinding, ...]:
        """Raises `NotPermitted` where the API is not enabled or the identity refused, `Throttled`, `Unavailable`, `ConfigError`."""
        self._left = MOST_QUESTIONS
        names = asked()
        held: set[str] = set()
        unknown: set[str] = set()
        for first in range(0, len(names), AT_ONCE):
            await self._ask(names[first : first + AT_ONCE], held, unknown)
        return findings(held, unknown, logging_viewer=self._config.logging_viewer)

    async def close(self) -> None:
        await self._client.close()

    async def _ask(self, names: Sequence[str], held: set[str], unknown: set[str]) -> None:
        if self._left <= 0:
            unknown.update(names)
            return
        self._left -= 1
        answer = await self._post(names)
        if answer.status == HTTPStatus.BAD_REQUEST:
            if len(names) == 1:
                unknown.update(names)
                return
            half = len(names) // 2
            await self._ask(names[:half], held, unknown)
            await self._ask(names[half:], held, unknown)
            return
        held.update(_permissions(answer) & set(names))

    async def _post(self, names: Sequence[str]) -> Answer:
        about = Asked("gcp: what this identity may do", url=f"{SETTING}.resource_manager", credential=SETTING)
        token = await self._identity.token()
        request = Request(
            "POST",
            f"{self._config.resource_manager.rstrip('/')}/v3/projects/{self._config.project}:testIamPermissions",
            body=json.dumps({"permissions": list(names)}).encode("ascii"),
            headers={"Content-Type": "application/json"},
            secrets={"Authorization": f"Bearer {token}"},
            redirects=Redirects.REFUSED,
        )
        answer = await self._client.ask(request, about)
        if answer.taken or answer.status == HTTPStatus.BAD_REQUEST:
            return answer
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._identity.forget()
        if answer.status == HTTPStatus.FORBIDDEN:
            raise NotPermitted(
                "gcp: 403: what this identity may do cannot be asked: enable cloudresourcemanager.googleapis.com in the project"
            )
        if answer.status == HTTPStatus.NOT_FOUND:
            raise ConfigError(f"{SETTING}.project", f"there is no project {self._config.project}")
        raise error_of(about, answer, self._clock())


def findings(held: set[str], unknown: set[str], *, logging_viewer: bool) -> tuple[RightFinding, ...]:
    """What differs from the policy, in its own order."""
    wanted = (*NEEDED, *(LOGGING if logging_viewer else ()))
    found = [
        RightFinding(
            Excess.MISSING, one, f"grant {LOGGING_ROLE if one in LOGGING else ROLE} on the project: it has {one}"
        )
        for one in wanted
        if one not in held and one not in unknown
    ]
    refused = {**({} if logging_viewer else dict.fromkeys(LOGGING, LOGGING_ROLE)), **_kinds()}
    found += [
        RightFinding(
            Excess.IN_EXCESS,
            one,
            f"take {one} from this identity ({kind}): it is for reading metrics and nothing else",
            never_requested=one not in LOGGING,
        )
        for one, kind in refused.items()
        if one in held
    ]
    found += [
        RightFinding(Excess.CANNOT_TELL, one, "Google does not say whether this identity has it on the project")
        for one in asked()
        if one in unknown
    ]
    return tuple(found)


def _kinds() -> dict[str, str]:
    return {one: kind for kind, permissions in NEVER.items() for one in permissions}


def _permissions(answer: Answer) -> set[str]:
    """An empty object means that none is held; nothing, and an object of something else, is nobody's answer."""
    try:
        plain = json.loads(answer.body)
        held = plain.get("permissions", [] if plain == {} else None)
        if isinstance(held, list) and all(isinstance(one, str) for one in held):
            return set(held)
    except (ValueError, AttributeError, RecursionError):
        pass
    raise Unavailable("gcp: what is said of this identity cannot be read")
