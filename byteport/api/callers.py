"""Whose a request is: its credential looked up in the enrolment. Tenant and cluster come from here and from nowhere else.

Comes after `tokens`, `certificates` and `enrolment`; each route of `writing` and `reading` begins with a `Caller`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from byteport.api.enrolment import Enrolment, EnrolmentFile, Identity, Role
from byteport.api.problems import LedgerCode
from byteport.audit.heads import Chain
from byteport.contracts.issuers import TokenIdentity
from byteport.domain.base import Frozen
from byteport.errors import ConfigError
from byteport.serving.bearer import bearer
from byteport.serving.certificates import Presented, identify
from byteport.serving.problems import Code, Problem
from byteport.serving.tokens import Tokens

log = logging.getLogger(__name__)

Now = Callable[[], datetime]


class Caller(Frozen):
    """Who asks, as the enrolment says it."""

    name: str
    role: Role
    tenant: str
    cluster_uid: str | None
    vkey: str | None
    witnesses: tuple[str, ...] = ()

    def chain(self, cluster_uid: str) -> Chain:
        """The chain of that cluster. Raises `Problem`, the same for one that is another's and for one that is not there."""
        if self.cluster_uid is not None and self.cluster_uid != cluster_uid:
            raise Problem(Code.NOT_FOUND, "there is no chain of this cluster for this identity")
        return Chain(tenant=self.tenant, cluster_uid=cluster_uid)

    @property
    def own(self) -> Chain:
        """An agent's own chain."""
        assert self.cluster_uid is not None
        return Chain(tenant=self.tenant, cluster_uid=self.cluster_uid)


class Door:
    """Lets in who is enrolled."""

    def __init__(self, enrolment: EnrolmentFile, tokens: Tokens, now: Now) -> None:
        self._enrolment = enrolment
        self._tokens = tokens
        self._now = now
        self._turn = asyncio.Lock()

    async def caller(self, authorization: list[bytes], certificate: bytes | None) -> Caller:
        """By the `Authorization` headers of a request and the certificate of its connection. Raises `Problem`."""
        enrolment = await self.enrolment()
        presented = None if certificate is None else identify(certificate, self._now())
        token = None if not authorization else await self._tokens.identify(bearer(authorization), enrolment.issuers)
        if presented is None and token is None:
            raise Problem(
                Code.CREDENTIAL_MISSING, "send `Authorization: Bearer` with a workload token, or a client certificate"
            )
        found = _enrolled(enrolment, token, presented)
        return Caller(
            name=found.name,
            role=found.role,
            tenant=found.tenant,
            cluster_uid=found.cluster_uid,
            vkey=found.vkey,
            witnesses=found.witnesses,
        )

    async def enrolment(self) -> Enrolment:
        """The list as it stands now. One that has changed is read beside the loop, which goes on; that takes seconds for
        thousands of identities. Raises `Problem` when nobody can tell."""
        if (known := self._enrolment.unchanged()) is not None:
            return known
        try:
            async with self._turn:
                return await asyncio.to_thread(self._enrolment.current)
        except ConfigError as error:
            log.error("enrolment_unreadable: %s", error)
            raise Problem(
                LedgerCode.ENROLMENT_UNREADABLE,
                "nobody is let in until its operator mends it; come again",
                retry_after=30,
            ) from None


def _enrolled(enrolment: Enrolment, token: TokenIdentity | None, presented: Presented | None) -> Identity:
    """The one identity whose every credential was shown. A second one's credential beside it is refused."""
    names = frozenset() if presented is None else presented.names
    by_token = [one for one in enrolment.identities if one.token is not None and one.token == token]
    by_certificate = [one for one in enrolment.identities if one.certificate is not None and one.certificate in names]
    either = {one.name: one for one in (*by_token, *by_certificate)}
    whole = [
        one
        for one in either.values()
        if (one.token is None or one in by_token) and (one.certificate is None or one in by_certificate)
    ]
    if len(either) > 1:
        raise Problem(LedgerCode.CREDENTIALS_DISAGREE, "send only what belongs to one identity")
    if not either:
        raise Problem(LedgerCode.NOT_ENROLLED, "ask the ledger's operator to list it in the enrolment file")
    if not whole:
        raise Problem(Code.CREDENTIAL_MISSING, "this identity needs its token and its certificate, both")
    return whole[0]
