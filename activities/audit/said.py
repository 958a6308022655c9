"""Whose word a record is, where a run tells the ledger so: proven by that person's signature, or kept as what was claimed.

Whoever reaches Temporal can send the ledger a record with any name in it. So a name stays as it is only where the answers
that come with the record prove it, by the signers' files as they are now; before any other stands `claimed: `. A record
is never refused for it: what happened is to be on record, whoever is said to have wanted it. Asked by `ledger`; what
`reserve` grants rests on answers that were verified there.
"""

from __future__ import annotations

from datetime import datetime

from byteport.audit.words import Event
from byteport.contracts.ledger import RecordDraft
from byteport.domain.approvals import Answer, Rejection, SignedAnswer
from byteport.errors import ConfigError, Unavailable
from byteport.trust.answers import given_by
from byteport.trust.files import Signers, SignersFiles

CLAIMED = "claimed: "
REFUSED = "refused: "
"""Begins the note of a record about an answer that was given and not taken."""
MOST_ANSWERS = 50
"""So many are looked at; more than any quorum."""
BETWEEN = ", "


def by_whom(draft: RecordDraft, signers: SignersFiles, *, now: datetime) -> str | None:
    """The people whom `draft` names, each as what is known of them."""
    if not draft.approver:
        return None
    proven = _proven(draft, signers, now)
    return BETWEEN.join(name if name in proven else claimed(name) for name in draft.approver.split(BETWEEN))


def claimed(name: str) -> str:
    """A name that nothing proves."""
    return f"{CLAIMED}{name}"


def _proven(draft: RecordDraft, files: SignersFiles, now: datetime) -> frozenset[str]:
    """Who has given an answer to this very plan of this very incident. Nobody, where the signers' files cannot be read."""
    if not draft.answers:
        return frozenset()
    try:
        signers = files.read()
    except (ConfigError, Unavailable):
        return frozenset()
    fitting = [answer for answer in draft.answers[:MOST_ANSWERS] if _fits(answer, draft)]
    return frozenset(name for answer in fitting if (name := _signer(answer, signers, now)) is not None)


def _fits(answer: SignedAnswer, draft: RecordDraft) -> bool:
    """Whether it is an answer to what the record is about, and says what the record says."""
    text = answer.text
    of_text = (text.tenant, text.cluster_uid, text.incident_id, text.plan_digest)
    if of_text != (draft.tenant, draft.cluster_uid, draft.incident_id, draft.plan_digest):
        return False
    match draft.event:
        case Event.APPROVED:
            return text.answer is Answer.APPROVE
        case Event.REJECTED:
            return text.answer is Answer.REJECT or (draft.note or "").startswith(REFUSED)
        case Event.ACKNOWLEDGED:
            return False
        case _:
            return True


def _signer(answer: SignedAnswer, signers: Signers, now: datetime) -> str | None:
    given = given_by(answer, allowed=signers.allowed, revoked=signers.revoked, attesters=signers.attesters, now=now)
    return None if isinstance(given, Rejection) else given.principal
