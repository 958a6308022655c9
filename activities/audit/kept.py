"""What keeps bodies from being destroyed: legal holds, receivers that have not taken them, and acts still open.

Asked by `retention` and `erasures` inside the transaction that destroys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from activities.audit.holds import held, standing
from byteport.audit.heads import Chain
from byteport.audit.words import REMOVALS, Event
from byteport.contracts.retention import Obstacle
from byteport.domain.retention import Holdup, Span
from byteport.ledger import cursors
from byteport.ledger.append import stamp
from byteport.ledger.store import Transaction

OPEN_FOR_MS = 24 * 3_600_000
"""So long an act may be open before nobody will say any more what came of it; an erasure does not wait for those."""
NEVER = "never"
"""No outcome."""


class Keeper:
    """Judges bodies of one chain in one transaction, and counts what it keeps and why."""

    def __init__(
        self, tx: Transaction, chain: Chain, targets: Sequence[str], *, open_since_ms: int | None = None
    ) -> None:
        """`targets`: the receivers that the settings name. `open_since_ms`: acts that were begun before, and those whose
        outcome is unknown, are not waited for; None: all of them are."""
        self._tx = tx
        self._chain = chain
        self._open_since_ms = open_since_ms
        self._holds = standing(tx.sql, chain)
        self._cursors = {target: cursors.read(tx.sql, chain, target) for target in targets}
        self._found: Counter[tuple[Holdup, str]] = Counter()

    def kept(self, numbers: Collection[int]) -> frozenset[int]:
        """Those of `numbers` that must stay now."""
        if not numbers:
            return frozenset()
        wanted, kept = frozenset(numbers), set[int]()
        first, last = min(wanted), max(wanted)
        for hold in self._holds:
            found = held(self._tx, self._chain, hold.about, first=first, last=last) & wanted
            kept |= self._noted(Holdup.LEGAL_HOLD, hold.name, found)
        for target, cursor in self._cursors.items():
            kept |= self._noted(Holdup.EXPORT_UNFINISHED, target, frozenset(n for n in wanted if n > cursor))
        kept |= self._noted(Holdup.INTENT_OPEN, "", self._open(first, last) & wanted)
        return frozenset(kept)

    def obstacles(self) -> tuple[Obstacle, ...]:
        """What kept something since the beginning, with how many bodies each."""
        return tuple(
            Obstacle(kind=kind, what=what, records=count) for (kind, what), count in sorted(self._found.items())
        )

    def _noted(self, kind: Holdup, what: str, found: frozenset[int]) -> frozenset[int]:
        if found:
            self._found[kind, what] += len(found)
        return found

    def _open(self, first: int, last: int) -> frozenset[int]:
        """Records of acts that have begun and not ended, as far as anybody knows."""
        waits_for_all = self._open_since_ms is None
        rows = self._tx.sql.execute(
            "SELECT seq FROM agent_actions WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ?"
            " AND action_id IN (SELECT action_id FROM intents"
            " WHERE cluster_uid = ? AND at_ms >= ? AND (outcome IS NULL OR outcome = ?))",
            (
                *(self._chain.tenant, self._chain.cluster_uid, first, last),
                *(self._chain.cluster_uid, self._open_since_ms or 0, "unknown" if waits_for_all else NEVER),
            ),
        )
        return frozenset(row[0] for row in rows)


def open_since(tx: Transaction, chain: Chain) -> int:
    """The time in ms since when an act must have begun for an erasure to wait for it."""
    return stamp(tx, chain.tenant, chain.cluster_uid) - OPEN_FOR_MS


def bodies(tx: Transaction, chain: Chain, span: Span, *, most: int, but: Collection[Event] = REMOVALS) -> list[int]:
    """The lowest `most` records of `span` whose bodies are there and may go: none of the events `but`.

    Nothing takes what tells of a removal. A request takes, besides, none of `TELLING`: who held what and who asked for
    what to be gone is no longer evidence if somebody can ask for that to be gone, too.

    Events are asked for row by row, by the whole key: of a chain that has grown fast PostgreSQL takes a join for one of a
    few rows, and goes through all of one table for each of the other.
    """
    rows = tx.sql.execute(
        "SELECT seq FROM agent_action_bodies AS body WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ?"  # noqa: S608
        " AND (SELECT event FROM agent_actions AS record WHERE record.tenant = body.tenant"
        " AND record.cluster_uid = body.cluster_uid AND record.seq = body.seq)"
        f" NOT IN ({', '.join('?' * len(but))}) ORDER BY seq LIMIT ?",
        (chain.tenant, chain.cluster_uid, *span, *sorted(event.value for event in but), most),
    )
    return [row[0] for row in rows]
