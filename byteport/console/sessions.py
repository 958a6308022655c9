"""Who is signed in, kept in this process's memory alone: the cookie is a random name for it and says nothing by itself.

Comes before every page. A session that nobody has signed in to yet exists too, so that a sign-in that comes back is known to
be of the browser that began it. A restart signs everybody out, which costs a sign-in and no answer.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from byteport.contracts.console import ConsoleLimits
from byteport.domain.approvals import AnswerText
from byteport.serving.buckets import Bucket, Seconds

COOKIE = "__Host-byteport"
UNKNOWN_SECONDS = 600.0
"""How long a sign-in may take."""
MOST_UNKNOWN = 2000
MOST_PEERS = 2000
MOST_JOURNEYS = 8
"""So many ways to the provider may be under way from one browser."""


@dataclass(frozen=True)
class Journey:
    """One way to the provider and back. Used once."""

    nonce: str
    verifier: str
    until: float
    back_to: str
    """Path of ours."""
    text: AnswerText | None = None
    """The answer that the token is to attest; None for a sign-in."""
    reason: str = ""


@dataclass(frozen=True)
class Person:
    """Who signed in, by the provider's word."""

    subject: str
    name: str
    """To greet them with; believed for nothing."""
    principal: str | None
    """As the list of approvers had them at the sign-in, to greet them with; None when it did not."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """What the provider said of them, by which the list of now is asked before it counts."""


@dataclass
class Session:
    """One browser."""

    id: str
    until: float
    bucket: Bucket
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """In every form; a page of another site cannot know it."""
    person: Person | None = None
    told: str = ""
    """What became of the last thing that was done; shown once."""
    told_well: bool = False
    running: int = 0
    """Requests of it that are being answered."""
    journeys: OrderedDict[str, Journey] = field(default_factory=OrderedDict)

    def begin(self, journey: Journey) -> str:
        """The `state` under which it comes back."""
        state = secrets.token_urlsafe(32)
        self.journeys[state] = journey
        while len(self.journeys) > MOST_JOURNEYS:
            self.journeys.popitem(last=False)
        return state

    def end(self, state: str, now: float) -> Journey | None:
        """The journey of that state, which nobody can end again; None when there is none, or it took too long."""
        journey = self.journeys.pop(state, None)
        return journey if journey is not None and now < journey.until else None

    def tell(self, words: str, *, well: bool) -> None:
        self.told, self.told_well = words, well

    def heard(self) -> tuple[str, bool]:
        """What is to be told, once."""
        told, self.told = (self.told, self.told_well), ""
        return told


class SignIns:
    """So many are begun in a minute, half of them from one address (IPv6: one /64) at most: no stranger has them all."""

    def __init__(self, per_minute: int, now: float) -> None:
        self._each = max(1, per_minute // 2)
        self._all = Bucket(per_minute, now)
        self._of: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, peer: str, now: float) -> int:
        """0 when one may begin, else the seconds to wait."""
        own = self._of.setdefault(peer, Bucket(self._each, now))
        self._of.move_to_end(peer)
        while len(self._of) > MOST_PEERS:
            self._of.popitem(last=False)
        return own.take(1, now) or self._all.take(1, now)


class Sessions:
    """All of them. `now` only goes forward, in seconds."""

    def __init__(self, limits: ConsoleLimits, session_seconds: int, now: Seconds) -> None:
        self._limits = limits
        self._seconds = session_seconds
        self.now = now
        self._known: OrderedDict[str, Session] = OrderedDict()
        self._unknown: OrderedDict[str, Session] = OrderedDict()

    def find(self, name: str) -> Session | None:
        """The session of a cookie, unless it has ended."""
        session = self._known.get(name) or self._unknown.get(name)
        if session is not None and self.now() >= session.until:
            self.end(session)
            return None
        return session

    def begin(self) -> Session:
        """One that nobody has signed in to. Strangers can make these, so that they never push out who is signed in."""
        return self._keep(self._unknown, MOST_UNKNOWN, UNKNOWN_SECONDS)

    def sign_in(self, before: Session, person: Person) -> Session:
        """A new one under a new name: whoever knew the old name knows nothing."""
        self.end(before)
        session = self._keep(self._known, self._limits.sessions, float(self._seconds))
        session.person = person
        return session

    def end(self, session: Session) -> None:
        self._known.pop(session.id, None)
        self._unknown.pop(session.id, None)

    def _keep(self, kept: OrderedDict[str, Session], most: int, seconds: float) -> Session:
        now = self.now()
        session = Session(secrets.token_urlsafe(32), now + seconds, Bucket(self._limits.requests_per_minute, now))
        kept[session.id] = session
        while len(kept) > most:
            kept.popitem(last=False)
        return session
