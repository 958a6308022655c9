"""What a person's token proves: that the identity provider signed it for this person, for us, and that it is of now.

The other half of `tokens`, which knows workloads. Such a token is one that a web page was given and passes on, so that it may be
meant for others beside us, as the providers' access tokens are; ours has to be among them. Comes after `discovery` and
`keysets`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from byteport.contracts.issuers import Issuer
from byteport.errors import Unavailable
from byteport.serving.buckets import Seconds
from byteport.serving.discovery import Discovery, https_url
from byteport.serving.keysets import KeySets
from byteport.serving.problems import Code, Problem
from byteport.serving.tokens import invalid, must_be_of_now, signed, subject_of

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
MOST_AUDIENCES = 50


@dataclass(frozen=True)
class Person:
    """Who it is, and what the provider says of them."""

    subject: str
    claims: Mapping[str, Any]


class People:
    """Checks tokens of one provider for one audience."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        ca_file: Path | None,
        setting: str,
        *,
        now: Callable[[], datetime],
        clock: Seconds,
    ) -> None:
        """`setting` names the issuer in the settings."""
        self._issuer = issuer
        self._audience = audience
        self._ca_file = ca_file
        self._now = now
        self._keys = KeySets(Path(), clock)
        self._places = Discovery(issuer, ca_file, clock, setting, lambda found: https_url(found.get("jwks_uri")))

    async def identify(self, token: str) -> Person:
        """Who it is of. Raises `Problem`: it does not hold, or nobody can tell whether it does."""
        try:
            place = await self._places.said()
        except Unavailable:
            raise Problem(
                Code.KEYS_UNAVAILABLE, "the identity provider cannot be asked; come again", retry_after=30
            ) from None
        issuer = Issuer(
            name="provider", issuer=self._issuer, jwks_url=place, ca_file=self._ca_file, algorithms=ALGORITHMS
        )
        _, claims = await signed(token, [issuer], self._keys)
        must_be_of_now(claims, self._now(), again="sign in again")
        audience = claims.get("aud")
        meant_for = audience if isinstance(audience, list) else [audience]
        if len(meant_for) > MOST_AUDIENCES or self._audience not in meant_for:
            raise invalid("it is not meant for us (`aud`)")
        return Person(subject_of(claims), claims)


def is_among(claims: Mapping[str, Any], claim: str, values: Collection[str]) -> bool:
    """Whether the claim, a text or a list of them, has one of `values`; any other form of it is nobody's, and so is an address
    that the provider has not verified."""
    if claim == "email" and claims.get("email_verified") is not True:
        return False
    found = claims.get(claim)
    said = found if isinstance(found, list) else [found]
    return any(isinstance(value, str) and value in values for value in said)
