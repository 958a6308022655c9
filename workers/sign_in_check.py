"""Whether an answer from the approvals page would be taken: its identity provider, and what whoever checks knows of that one.

The page says at its start that its provider is not listed; it cannot say that the keys in the list are those of last year, or that
the provider calls itself otherwise. `byteport doctor` asks the provider, as the page does, and compares. Comes before `examine.py`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from byteport.console.provider import Provider
from byteport.console.reached import Reached, needed, reached
from byteport.errors import ConfigError, Unavailable
from byteport.serving.fetch import fetch
from byteport.serving.keysets import KeySets
from byteport.settings import Settings
from byteport.trust.attested_issuers import Attester, Key, parse_keys
from byteport.trust.files import read_attesters
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy

NAME = "sign-in"
JWKS = "the identity provider's keys"


async def check_sign_in(settings: Settings) -> list[Check]:
    """Nothing where these settings have no approvals page. Raises `ConfigError` for settings by which the page would not start."""
    if settings.console.issuer is None:
        return []
    to = reached(settings.console)
    path = needed(settings.approvals.issuers, "approvals.issuers")
    listed = read_attesters(path).of(to.issuer, to.client_id)
    if listed is None:
        said = (
            f"{path} does not list {to.issuer} with the client {to.client_id}: no answer from the page would be taken"
        )
        return [Check(NAME, Outcome.FAILED, said, remedy(Amiss.PROVIDER_UNLISTED, path=path))]
    try:
        keys_at = (await _provider(to).places()).keys
        theirs = parse_keys(await fetch(keys_at, to.ca_file, what=JWKS), keys_at)
    except (Unavailable, ConfigError) as error:
        its_remedy = remedy(Amiss.PROVIDER_UNREAD, issuer=to.issuer.rstrip("/"))
        return [Check(NAME, Outcome.WARNING, f"{to.issuer}: {error.message}", its_remedy)]
    return [_compared(listed, theirs, remedy(Amiss.PROVIDER_KEYS, url=keys_at, file=path.parent / listed.issuer.keys))]


def _compared(listed: Attester, theirs: tuple[Key, ...], its_remedy: str) -> Check:
    """The keys that the provider signs with, and those that whoever checks has of it."""
    known = {key.id: key.thumbprint for key in listed.keys}
    other = sorted(key.id for key in theirs if key.id in known and known[key.id] != key.thumbprint)
    new = sorted(key.id for key in theirs if key.id not in known)
    if other:
        said = f"keys of the provider are not those of that name in {listed.issuer.keys}: {', '.join(other)}"
        return Check(NAME, Outcome.FAILED, f"{said}; what they sign is refused", its_remedy)
    if len(new) == len(theirs):
        said = f"{listed.issuer.keys} has none of the provider's keys: no answer from the page would be taken"
        return Check(NAME, Outcome.FAILED, said, its_remedy)
    if new:
        said = f"{listed.issuer.keys} lacks keys of the provider: {', '.join(new)}; what they sign is refused"
        return Check(NAME, Outcome.WARNING, said, its_remedy)
    said = f"{listed.issuer.issuer} is listed, with each of its {len(theirs)} key(s)"
    return Check(NAME, Outcome.OK, said)


def _provider(to: Reached) -> Provider:
    return Provider(to, KeySets(Path(), time.monotonic), lambda: datetime.now(UTC), time.monotonic)
