"""The log for those who read it: listed with filters, record by record, and verified by the checker of `byteport/audit`.

Only reads, so that an auditor's copy is enough, with the key of its bodies. The command line's `records` and `verify-log`,
the signer and the exports end here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from byteport.audit.completeness import NOBODY, Checkpoints, Given, Trust, Young
from byteport.audit.faults import body_fault
from byteport.audit.heads import Chain, Head
from byteport.audit.ids import parse_record_id
from byteport.audit.inclusion import Inclusion, inclusion_of
from byteport.audit.records import Entry, Record, Removed, read_header, record_of, timestamp
from byteport.audit.verify import NotChecked, Report, verify_chain, verify_part
from byteport.audit.words import REMOVALS, Decision, Event
from byteport.domain.base import Frozen
from byteport.errors import ConfigError, MalformedInput
from byteport.ledger import checkpoints
from byteport.ledger.keys import SETTING as KEY_SETTING
from byteport.ledger.sealing import SEARCHABLE, needed, open_body
from byteport.ledger.store import Readable, Sql

NO_CHAIN = Chain(tenant="", cluster_uid="")
LAST = (1 << 62) - 1
_JOINED = "agent_actions LEFT JOIN agent_action_bodies AS bodies USING (tenant, cluster_uid, seq)"
_COLUMNS = "tenant, cluster_uid, seq, header, hash, body"


class Filter(Frozen):
    """Which records: all that are set must hold."""

    tenant: str | None = None
    cluster_uid: str | None = None
    id: str | None = None
    """UUID, as it is stored."""
    after: tuple[str, int] | None = None
    """Only what comes after this record (cluster uid and number) in the order of the answer. Of one tenant."""
    incident_id: str | None = None
    workflow_id: str | None = None
    action_id: str | None = None
    runbook: str | None = None
    target: str | None = None
    event: Event | None = None
    decision: Decision | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    limit: int | None = None
    newest_first: bool = False


ALL = Filter()


class One(NamedTuple):
    """One record with what its neighbours say of it."""

    record: Record | None
    """None when its bytes are no record any more; the report says so."""
    report: Report
    inclusion: Inclusion | NotChecked
    """Whether it is in the log that was signed."""


class AuditLog:
    """One ledger, for reading. Raises `ConfigError` when it is none or its bodies are under other keys, `Unavailable` when it does not answer."""

    def __init__(self, store: Readable) -> None:
        self.store = store

    def chains(self) -> tuple[Chain, ...]:
        """Every chain that has a record, or is said to have had one."""
        with self.store.snapshot() as sql:
            return _chains(sql)

    def head(self, chain: Chain) -> Head | None:
        """The end of a chain as the store remembers it; None before the first record."""
        with self.store.snapshot() as sql:
            return _head(sql, chain)

    def entries(self, chain: Chain, first: int = 1, last: int = LAST) -> Iterator[Entry]:
        """The records from `first` to `last`, both included, as they are stored; none of it is verified."""
        with self._open() as sql:
            yield from self._entries(sql, chain, first, last)

    def headers(self, chain: Chain, first: int = 1, last: int = LAST) -> Iterator[Entry]:
        """The same without their bodies, for whoever holds no key of them."""
        with self.store.snapshot() as sql:
            rows = sql.stream(
                "SELECT seq, header, hash FROM agent_actions"
                " WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                (chain.tenant, chain.cluster_uid, first, last),
            )
            for seq, header, record_hash in rows:
                yield Entry(seq=_number(seq), header=_bytes(header), payload=None, salt=None, hash=_text(record_hash))

    def removed(self, chain: Chain) -> tuple[Removed, ...]:
        """Whose bodies records of this chain say are gone. One that cannot be read, or was changed, says nothing."""
        return tuple(removed for _, removed in self.removals(chain))

    def removals(self, chain: Chain) -> tuple[tuple[int, Removed], ...]:
        """The same, each with the number of the record that says so."""
        with self._open() as sql:
            return tuple(self._removals(sql, chain))

    def iter_records(self, wanted: Filter = ALL) -> Iterator[Record]:
        """Records in the order of their chain; those whose bodies, or whose tenants' keys, are gone are left out.

        Raises `MalformedInput` at one whose bytes are no record any more.
        """
        with self._open() as sql:
            where, values = self._where(sql, wanted)
            order = "DESC" if wanted.newest_first else "ASC"
            limit = "" if wanted.limit is None else " LIMIT ?"
            statement = (
                f"SELECT {_COLUMNS} FROM {_JOINED} WHERE {where}"  # noqa: S608  the parts are constants of this file
                f" ORDER BY tenant, cluster_uid, seq {order}{limit}"
            )
            for row in sql.stream(statement, (*values, *(() if wanted.limit is None else (wanted.limit,)))):
                if not (entry := self._entry(row)).unopened:
                    yield record_of(entry)

    def verify_one(self, text: str, trust: Trust = NOBODY, given: Sequence[Given] = ()) -> One:
        """The record that a person named by UUID or ULID, with its neighbours and the links between them, and whether it is
        in the newest checkpoint, of those kept here and those `given`, that `trust` has signed.

        Raises `MalformedInput` when the text is no id, or when no record says that it has this id.
        """
        record_id = parse_record_id(text)
        with self._open() as sql:
            found = sql.execute(
                "SELECT tenant, cluster_uid, seq FROM agent_actions"
                " WHERE tenant IN (SELECT DISTINCT tenant FROM chain_heads) AND id = ?",
                (record_id,),
            ).fetchone()
            if found is None:
                raise MalformedInput(
                    record_id, "no record has this id; `byteport verify-log --all` checks every record"
                )
            chain, seq = _chain(found[0], found[1]), found[2]
            head = _head(sql, chain)
            first, last = max(1, seq - 1), min(seq + 1, head.seq) if head is not None else seq + 1
            entries = list(self._entries(sql, chain, first, seq + 1))
            gone = any(each.payload is None for each in entries)
            removals = tuple(self._removals(sql, chain)) if gone else ()
            signed = Checkpoints(chain, trust, [*given, *_notes(sql, chain)])
        report = verify_part(entries, chain, first=first, last=max(last, seq), removals=removals)
        entry = next(entry for entry in entries if entry.seq == seq)
        inclusion = inclusion_of(entry, signed, lambda size: self.headers(chain, 1, size))
        return One(_readable(entry), report, inclusion)

    def verify_all(
        self, trust: Trust = NOBODY, given: Sequence[Given] = (), *, young: Young | None = None
    ) -> tuple[Report, ...]:
        """Every chain of the store from its first record to the head that the store names; never empty.

        Complete is each against the checkpoints kept here and those `given`, as far as `trust` has signed them; records that
        are `young` need not be signed yet.
        """
        with self._open() as sql:
            chains = _chains(sql)
            if not chains:
                return (verify_chain((), NO_CHAIN),)
            origins = {chain.origin for chain in chains}
            return tuple(
                verify_chain(
                    self._entries(sql, chain, 0, LAST),
                    chain,
                    head=_head(sql, chain),
                    trust=trust,
                    young=young,
                    checkpoints=[
                        *(each for each in given if each.origin == chain.origin or each.origin not in origins),
                        *_notes(sql, chain),
                    ],
                )
                for chain in chains
            )

    @contextmanager
    def _open(self) -> Iterator[Sql]:
        """A snapshot whose bodies can be opened, as far as one can tell by the first and the last of them."""
        keys = needed(self.store.keys)
        with self.store.snapshot() as sql:
            ends = [
                row
                for order in ("ASC", "DESC")
                for row in sql.execute(
                    f"SELECT tenant, body FROM agent_action_bodies ORDER BY tenant {order}, cluster_uid {order}, seq {order} LIMIT 1"  # noqa: S608
                )
            ]
            if ends and not any(keys.knows(_text(tenant), _bytes(body)) for tenant, body in ends):
                raise ConfigError(
                    KEY_SETTING, f"holds no key under which the bodies of {self.store.name} are encrypted"
                )
            yield sql

    def _entries(self, sql: Sql, chain: Chain, first: int, last: int) -> Iterator[Entry]:
        rows = sql.stream(
            f"SELECT {_COLUMNS} FROM {_JOINED}"  # noqa: S608  the columns are constants of this file
            " WHERE tenant = ? AND cluster_uid = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            (chain.tenant, chain.cluster_uid, first, last),
        )
        return map(self._entry, rows)

    def _entry(self, row: tuple[str, str, int, object, object, bytes | None]) -> Entry:
        """As bytes, whatever somebody has put there: the checker judges it."""
        tenant, cluster_uid, seq, header, record_hash, body = row
        payload = salt = None
        keys, chain = needed(self.store.keys), _chain(tenant, cluster_uid)
        unopened = body is not None and not keys.at_hand(chain.tenant)
        if body is not None and not unopened:
            salt, payload = open_body(keys, chain, seq, _bytes(body))
        return Entry(_number(seq), _bytes(header), payload, salt, _text(record_hash), unopened)

    def _removals(self, sql: Sql, chain: Chain) -> Iterator[tuple[int, Removed]]:
        rows = sql.stream(
            f"SELECT {_COLUMNS} FROM {_JOINED}"  # noqa: S608  the columns are constants of this file
            " WHERE tenant = ? AND cluster_uid = ? AND event IN (?, ?) ORDER BY seq",
            (chain.tenant, chain.cluster_uid, *sorted(event.value for event in REMOVALS)),
        )
        for row in rows:
            entry = self._entry(row)
            try:
                payload, fault = body_fault(entry, read_header(entry.header))
            except MalformedInput:
                continue
            if payload is not None and fault is None:
                yield from ((entry.seq, removed) for removed in payload.removed)

    def _where(self, sql: Sql, wanted: Filter) -> tuple[str, list[object]]:
        """Of the words in bodies only blind indexes are stored: under each key of each tenant there may be another."""
        parts: list[str] = ["body IS NOT NULL"]
        values: list[object] = []
        for column in ("tenant", "cluster_uid", "id", "action_id", "event", "decision"):
            if (value := getattr(wanted, column)) is not None:
                parts.append(f"{column} = ?")
                values.append(str(value))
        for at, comparison in ((wanted.since, "timestamp >= ?"), (wanted.until, "timestamp < ?")):
            if at is not None:
                parts.append(comparison)
                values.append(timestamp(at))
        if wanted.after is not None:
            parts.append(f"(cluster_uid > ? OR (cluster_uid = ? AND seq {'<' if wanted.newest_first else '>'} ?))")
            values += [wanted.after[0], *wanted.after]
        tenants = [row[0] for row in sql.execute("SELECT DISTINCT tenant FROM chain_heads")]
        keys = needed(self.store.keys)
        for field in SEARCHABLE:
            if (word := getattr(wanted, field)) is not None:
                found = [index for tenant in tenants for index in keys.indexes(tenant, field, word)]
                parts.append(f"bodies.{field} IN ({', '.join('?' * len(found)) or 'NULL'})")
                values += found
        return " AND ".join(parts), values


def _chains(sql: Sql) -> tuple[Chain, ...]:
    rows = sql.execute(
        "SELECT tenant, cluster_uid FROM chain_heads WHERE seq > 0"
        " UNION SELECT tenant, cluster_uid FROM agent_actions ORDER BY 1, 2"
    )
    return tuple(dict.fromkeys(_chain(row[0], row[1]) for row in rows))


def _chain(tenant: str, cluster_uid: str) -> Chain:
    """Names that are no text any more are shown with what cannot be shown replaced; no chain has such a name."""
    plain = [name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for name in (tenant, cluster_uid)]
    return Chain(tenant=plain[0], cluster_uid=plain[1])


def _head(sql: Sql, chain: Chain) -> Head | None:
    row = sql.execute(
        "SELECT seq, hash FROM chain_heads WHERE tenant = ? AND cluster_uid = ? AND seq > 0",
        (chain.tenant, chain.cluster_uid),
    ).fetchone()
    return Head(seq=_number(row[0]), hash=_text(row[1])) if row else None


def _notes(sql: Sql, chain: Chain) -> list[Given]:
    return [Given(each.note) for each in checkpoints.since(sql, chain, 0)]


def _readable(entry: Entry) -> Record | None:
    try:
        return record_of(entry)
    except MalformedInput:
        return None


def _number(value: object) -> int:
    """Raises `MalformedInput`: nobody can tell where a record with such a number would stand."""
    if type(value) is not int:
        raise MalformedInput("seq", "a record, or the head of a log, has a number that is none")
    return value


def _bytes(value: object) -> bytes:
    """What a column holds; in SQLite somebody may have put anything there."""
    if isinstance(value, bytes):
        return value
    return str("" if value is None else value).encode("utf-8", "surrogateescape")


def _text(value: object) -> str:
    return _bytes(value).decode("utf-8", "replace")
