"""What every route begins with: who asks, whether that role may, and whether its tenant has a share left.

Comes after `callers` and `limits`; `writing` and `reading` take a `Caller` from here. The share is taken back only when the
whole answer is sent, a download's too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from byteport.api.archive import Archive
from byteport.api.callers import Caller, Door
from byteport.api.counts import Counts
from byteport.api.enrolment import EnrolmentFile, Role
from byteport.api.limits import Allowances
from byteport.api.problems import LedgerCode
from byteport.contracts.ledger_api import ApiLimits
from byteport.errors import ConfigError
from byteport.serving.looks import Looks
from byteport.serving.problems import Problem
from byteport.serving.serve import CERTIFICATE


@dataclass(frozen=True)
class Face:
    """What the routes work with."""

    door: Door
    allowances: Allowances
    archive: Archive
    limits: ApiLimits
    counts: Counts
    enrolment: EnrolmentFile
    looks: Looks

    def counted(self) -> str:
        """The counters as Prometheus reads them; blocks."""
        try:
            chains = self.enrolment.current().chains
        except ConfigError:
            chains = ()
        return self.counts.text(chains)


def face_of(request: Request) -> Face:
    found = request.app.state.face
    assert isinstance(found, Face)
    return found


async def _agent(request: Request) -> AsyncIterator[Caller]:
    async for caller in _admitted(request, frozenset({Role.AGENT})):
        yield caller


async def _reader(request: Request) -> AsyncIterator[Caller]:
    async for caller in _admitted(request, frozenset({Role.READER})):
        yield caller


async def _either(request: Request) -> AsyncIterator[Caller]:
    async for caller in _admitted(request, frozenset(Role)):
        yield caller


async def _admitted(request: Request, roles: frozenset[Role]) -> AsyncIterator[Caller]:
    face = face_of(request)
    authorization = [value for name, value in request.scope["headers"] if name == b"authorization"]
    caller = await face.door.caller(authorization, request.scope.get(CERTIFICATE))
    with face.allowances.request(caller.tenant):
        if caller.role not in roles:
            may = " or ".join(sorted(roles))
            raise Problem(
                LedgerCode.ROLE_REFUSED, f"this identity is enrolled as {caller.role.value}; this takes {may}"
            )
        yield caller


Agent = Annotated[Caller, Depends(_agent)]
Reader = Annotated[Caller, Depends(_reader)]
Either = Annotated[Caller, Depends(_either)]
TheFace = Annotated[Face, Depends(face_of)]
