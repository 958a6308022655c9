"""Logs to which something was done that fits every hash: what the records say, how they spell it, and what was not signed.

As `mutations`, which these kinds go with: each docstring says what whoever does it must hold. Where bodies were destroyed in
a way to be asked about the log is valid, and the word of a notice is what must be found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from byteport.audit.bundle import checkpoint_line
from byteport.audit.chain import commitment, record_hash
from byteport.audit.findings import Coverage, Fault
from byteport.audit.records import Entry
from byteport.audit.removals import Remark
from byteport.audit.words import Removal
from byteport.domain.canonical import canonical_bytes
from tests.unit.audit.chains import answered, chance
from tests.unit.audit.logs import KEY, Log, line_of, note_of
from tests.unit.audit.mutations import JSON, KINDS, Found, Mutated, _lines, _linked, _put, _records

WRONG_VALUES: dict[str, tuple[Any, ...]] = {
    "mttr_seconds": (-1, 1.5, "1", True, 2**53, 1e21, 1e300),
    "signal_value": ("1", None, True, [1]),
    "cluster": (None, 1, []),
    "result": ("maybe", "", 1),
    "actor": ("root", None),
    "removed": (
        None,
        {},
        [None],
        [{"first": 0, "last": 1, "cause": "pruned"}],
        [{"first": 2, "last": 1, "cause": "pruned"}],
        [{"first": 1.5, "last": 2, "cause": "pruned"}],
        [{"first": 1, "last": 1e21, "cause": "pruned"}],
        [{"first": 1, "last": 2**53, "cause": "pruned"}],
        [{"first": 1, "last": 1, "cause": "lost"}],
        [{"first": 1, "last": 1}],
    ),
}
WRONG_TIMES = (
    *("2026-03-10 09:00:00Z", "2026-03-10t09:00:00z", "2026-03-10T09:00Z", "2026-03-10T09:00:00", "2026-03-10"),
    *("2026-03-10T09:00:00.1234567Z", "2026-03-10T09:00:00.100Z", "2026-03-10T09:00:00.000000Z", "1772000000"),
    *("2026-03-10T09:00:00,5Z", "2026-03-10T09:00:00+0000", "2026-03-10T09:00:00+99:99", "2026-03-10T09:00:00+24:00"),
    *("2026-03-10T09:00:00+00:00", "2026-03-10T09:00:00+02:00", "2026-03-10T09:00:60Z", "2026-03-10T24:00:00Z"),
    *("2026-02-30T00:00:00Z", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "２026-03-10T09:00:00Z", "", "x"),
    *("2026-03-10T09:00:00Z\n", "2026-03-10_09:00:00Z"),
)
WRONG_STAMPS = (
    *("2026-13-99T09:00:00.000Z", "0000-01-01T09:00:00.000Z", "2026-02-30T09:00:00.000Z", "2026-03-10T24:00:00.000Z"),
    *("2026-03-10T09:60:00.000Z", "2026-03-10T09:00:60.000Z", "9999-99-99T99:99:99.999Z", "2026-03-10T09:00:00Z"),
)
WRONG_IDS = (
    *(
        "019cd6f9-7a81-4dad-b77c-a411d01fd53f",
        "019cd6f9-7a81-7dad-c77c-a411d01fd53f",
        "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
    ),
)


def values(base: Log) -> Found:
    """A payload of our own making, committed to, with one value that none has; everything after it linked anew."""
    for at, entry in _with_bodies(base)[::3]:
        plain = json.loads(entry.payload or b"")
        for field, wrong in WRONG_VALUES.items():
            for value in wrong:
                yield f"{at} {field}={value!r}", Fault.BAD_JSON, _resealed(base, at, plain | {field: value})
        yield f"{at} a field more", Fault.BAD_JSON, _resealed(base, at, plain | {"severity": "low"})
        yield (
            f"{at} without cluster",
            Fault.BAD_JSON,
            _resealed(base, at, {k: v for k, v in plain.items() if k != "cluster"}),
        )


def answers(base: Log) -> Found:
    """The same with an answer that none is: its times in every spelling but the one."""
    (answer,) = [json.loads(canonical_bytes(each)) for each in answered(1)]
    at, entry = _with_bodies(base)[1]
    plain = json.loads(entry.payload or b"")
    for field in ("not_before", "expires_at"):
        for time in WRONG_TIMES:
            spelled = answer | {"text": answer["text"] | {field: time}}
            yield f"{field} {time!r}", Fault.BAD_JSON, _resealed(base, at, plain | {"answers": [spelled]})
    for what, spoiled in (
        ("long reason", answer | {"reason": "x" * 1001}),
        ("long signature", answer | {"signature": "x" * 20_001}),
        ("no reason", answer | {"reason": None}),
        ("upper case", answer | {"text": answer["text"] | {"id": "D" * 32}}),
        ("another answer", answer | {"text": answer["text"] | {"answer": "maybe"}}),
        ("more", answer | {"more": 1}),
    ):
        yield what, Fault.BAD_JSON, _resealed(base, at, plain | {"answers": [spoiled]})


def spellings(base: Log) -> Found:
    """A payload or header that says what one may say, and is not the canonical bytes of it."""
    for at, entry in _with_bodies(base)[:2]:
        payload, head = entry.payload or b"", entry.header
        value = json.loads(payload)["signal_value"]
        exact = b'"signal_value":' + canonical_bytes(value)
        for spelled in (
            b"%s0" % exact,
            b"%sE0" % exact,
            exact.replace(b":", b": "),
            b'"signal_value":NaN',
            b'"signal_value":1e400',
        ):
            code = Fault.NOT_A_NUMBER if spelled.endswith((b"NaN", b"1e400")) else Fault.BAD_JSON
            lines = _resealed(base, at, payload.replace(exact, spelled))
            yield f"{at} {spelled!r}", Fault.BAD_JSON if b"NaN" in spelled else code, lines
        more = b'"answers":[{"a":1,"a":2}]'
        twice = payload.replace(b'"answers":' + canonical_bytes(json.loads(payload)["answers"]), more)
        yield f"{at} twice in an answer", Fault.DUPLICATE_KEY, _resealed(base, at, twice)
        yield f"{at} twice", Fault.BAD_JSON, _resealed(base, at, b'{"actor":"byteport-agent",' + payload[1:])
        for seq in (b"1e0", b"1.0", b"9007199254740992", b"100000000000000000000", b"-1", b"0", b"true", b'"1"'):
            spelled = head.replace(b'"seq":%d' % entry.seq, b'"seq":' + seq)
            changed = entry._replace(header=spelled, hash=record_hash(spelled))
            yield (
                f"{at} seq {seq!r}",
                Fault.BAD_JSON,
                _lines(base, [*base.entries[:at], changed, *base.entries[at + 1 :]]),
            )
        for name in (b'"a\\u0063me"', b'"acme" '):
            spelled = head.replace(b'"acme"', name)
            changed = entry._replace(header=spelled, hash=record_hash(spelled))
            yield (
                f"{at} tenant {name!r}",
                Fault.BAD_JSON,
                _lines(base, [*base.entries[:at], changed, *base.entries[at + 1 :]]),
            )


def depths(base: Log) -> Found:
    """Lists in lists, in what was hashed and in the line; deeper than anybody's stack, or than one may be."""
    at, entry = _with_bodies(base)[0]
    payload = entry.payload or b""
    held = b'"answers":' + canonical_bytes(json.loads(payload)["answers"])
    for deep in (61, 62, 63, 64, 65, 400, 990, 5000):
        nested = b'"answers":' + b"[" * deep + b"]" * deep
        # What is very deep our own writer cannot read, so that its line says nothing of it.
        code = Fault.TOO_DEEP if 64 <= deep <= 400 else Fault.BAD_JSON
        yield f"{deep}", code, _resealed(base, at, payload.replace(held, nested))
    line = json.loads(line_of(entry))
    line["sealed"]["payload"] = payload.replace(held, b'"answers":' + b"[" * 5000 + b"]" * 5000).decode()
    yield "in what was hashed alone", Fault.EDITED, _put(base, _records(base)[at][0], line)


def times(base: Log) -> Found:
    """A header with a time or an id that none has, everything after it linked anew."""
    for at, entry in enumerate(base.entries):
        head = json.loads(entry.header)
        for stamp in WRONG_STAMPS:
            yield (
                f"{at} {stamp}",
                Fault.BAD_JSON,
                _lines(base, _linked(base.entries, {at: head | {"timestamp": stamp}})),
            )
        for id_ in WRONG_IDS:
            yield f"{at} {id_}", Fault.BAD_JSON, _lines(base, _linked(base.entries, {at: head | {"id": id_}}))
        if at:
            before = head | {"timestamp": "2026-03-10T09:00:00.000Z"}
            yield f"{at} before", Fault.BACKDATED, _lines(base, _linked(base.entries, {at: before}))


def labels(base: Log) -> Found:
    """The word of why a body is gone, which stands in no hash: another one, or none."""
    for at, line in _records(base):
        plain = json.loads(line)
        if "removed" not in plain:
            continue
        told = {
            cause
            for each in _removed(base)
            for cause in [each["cause"]]
            if each["first"] <= plain["seq"] <= each["last"]
        }
        for word in {"pruned", "erased"} - told:
            yield f"{at} {word}", Fault.EDITED, _put(base, at, plain | {"removed": word})
        yield (
            f"{at} none",
            Fault.EDITED,
            _put(base, at, {name: value for name, value in plain.items() if name != "removed"}),
        )
        yield f"{at} null", Fault.EDITED, _put(base, at, plain | {"removed": None})
        yield f"{at} lost", Fault.NOT_OURS, _put(base, at, plain | {"removed": "lost"})


def uncovered(base: Log) -> Found:
    """The ledger and the code, and no key: one checkpoint is kept, the newer ones and the end are taken away, and what came
    after it is made up. A false word for bodies of signed records may be among it."""
    for size in sorted(base.notes)[:-1]:
        note = checkpoint_line(base.notes[size])
        end = [line_of(entry, base.gone.get(entry.seq)) for entry in base.entries]
        yield f"{size} no newer one", Coverage.PARTLY, [*end[:size], note, *end[size:]]
        if size + 1 >= len(base.entries):
            continue
        heads = {
            at: json.loads(base.entries[at].header) | {"key": f"{at:064x}"} for at in range(size, len(base.entries))
        }
        made = [line_of(entry, base.gone.get(entry.seq)) for entry in _linked(base.entries, heads)]
        yield f"{size}, the rest made up", Coverage.PARTLY, [*made[:size], note, *made[size:]]
        yield f"{size}, made up, the end cut", Coverage.PARTLY, [*made[:size], note, made[size]]
        told = [{"first": 1, "last": size, "cause": "pruned"}]
        forged = _resealed(base._replace(notes={}), size, _payload(base, size) | {"removed": told}, event="pruned")
        bare = [line_of(entry._replace(payload=None, salt=None), Removal.PRUNED) for entry in base.entries[:size]]
        if all(json.loads(entry.header)["event"] not in ("pruned", "erased") for entry in base.entries[:size]):
            yield f"{size}, bodies of it gone by a false word", Coverage.PARTLY, [*bare, note, forged[size]]


def removals(base: Log) -> Found:
    """The signing key too: bodies that no record of this log's own allows to be destroyed."""
    if base.gone:
        return
    size = len(base.entries)
    pruned = [{"first": 1, "last": 2, "cause": "pruned"}]
    erased = [{"first": 1, "last": 2, "cause": "erased"}]
    kept, aged = "bodies of before then: {} days are kept", {"note": "bodies of before then: 30 days are kept"}
    hold = {"command": "byteport hold set case-7 {}"}
    for at in (4, size - 1):
        yield f"{at} another cause", Fault.FALSE_REMOVAL, _told(base, {at: ("pruned", aged | {"removed": erased})})
        yield f"{at} the other cause", Fault.FALSE_REMOVAL, _told(base, {at: ("erased", {"removed": pruned})})
        yield f"{at} unasked", Remark.ERASED_WITHOUT_REQUEST, _told(base, {at: ("erased", {"removed": erased})})
        other = {"workflow_id": "erasure:9"}
        asked: dict[int, tuple[str, JSON]] = {2: ("erasure_requested", other), at: ("erased", {"removed": erased})}
        yield f"{at} asked of another", Remark.ERASED_WITHOUT_REQUEST, _told(base, asked)
        back: dict[int, tuple[str, JSON]] = {
            2: ("erasure_requested", {}),
            3: ("erasure_cancelled", {}),
            at: ("erased", {"removed": erased}),
        }
        yield f"{at} taken back", Remark.ERASED_WITHOUT_REQUEST, _told(base, back)
        for days in (40 * (at - 1) + 1, 99_999):
            early: dict[int, tuple[str, JSON]] = {at: ("pruned", {"removed": pruned, "note": kept.format(days)})}
            yield f"{at} {days} days", Remark.PRUNED_EARLY, _told(base, early)
        yield f"{at} no word", Remark.PRUNED_EARLY, _told(base, {at: ("pruned", {"removed": pruned, "note": None})})
        first, second = (json.loads(base.entries[n].header)["timestamp"] for n in (0, 2))
        for options, remark in (
            ("--all", Remark.UNDER_HOLD),
            (f"--since {first[:10]}T00:00:00.000Z", Remark.UNDER_HOLD),
            (f"--until {second}", Remark.UNDER_HOLD),
            (f"--since {first[:10]}T00:00:00.000Z --until {second}", Remark.UNDER_HOLD),
            ("--target shop/deploy/web", Remark.WHILE_HELD),
            (f"--incident inc-1 --since {first}", Remark.WHILE_HELD),
        ):
            held: dict[int, tuple[str, JSON]] = {
                3: ("hold_set", {"command": hold["command"].format(options)}),
                at: ("pruned", aged | {"removed": pruned}),
            }
            yield f"{at} {options}", remark, _told(base, held)
        lost: dict[int, tuple[str, JSON]] = {
            3: ("hold_set", {"command": None}),
            at: ("pruned", aged | {"removed": pruned}),
        }
        yield f"{at} a hold without a name", Remark.WHILE_HELD, _told(base, lost)


MORE: tuple[Callable[[Log], Found], ...] = (values, answers, spellings, depths, times, labels, uncovered, removals)


def mutations(base: Log) -> Iterator[Mutated]:
    """Every kind over one log, in a fixed order."""
    for kind in (*KINDS, *MORE):
        for what, code, lines, *notes in kind(base):
            yield Mutated(kind.__name__, what, code, lines, notes[0] if notes else ())


def _with_bodies(base: Log) -> list[tuple[int, Entry]]:
    quiet = ("pruned", "erased")
    return [
        (at, entry)
        for at, entry in enumerate(base.entries)
        if entry.payload is not None and json.loads(entry.header)["event"] not in quiet
    ]


def _payload(base: Log, at: int) -> JSON:
    held = base.entries[at].payload or next(entry.payload for entry in base.entries if entry.payload)
    plain: JSON = json.loads(held or b"")
    return plain


def _removed(base: Log) -> list[JSON]:
    return [each for entry in base.entries if entry.payload for each in json.loads(entry.payload)["removed"]]


def _resealed(base: Log, at: int, payload: JSON | bytes, *, event: str | None = None) -> list[bytes]:
    """With another payload, committed to, and everything after it linked anew."""
    body = payload if isinstance(payload, bytes) else canonical_bytes(_spelled(payload))
    salt = chance(32, "other", at)
    entries = list(base.entries)
    entries[at] = entries[at]._replace(payload=body, salt=salt)
    head = json.loads(entries[at].header) | {"payload": commitment(salt, body)}
    return _lines(base, _linked(entries, {at: head | ({"event": event} if event else {})}))


def _spelled(value: Any) -> Any:
    """Whole numbers beyond what the canonical form takes as such."""
    if isinstance(value, dict):
        return {name: _spelled(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_spelled(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53 else value


def _told(base: Log, changes: dict[int, tuple[str, JSON]]) -> list[bytes]:
    """Records that tell something else, those that they say are destroyed without bodies, and all of it signed anew."""
    entries, heads = list(base.entries), {}
    gone: dict[int, Any] = {}
    for at, (event, fields) in changes.items():
        body = canonical_bytes(_payload(base, at) | fields)
        entries[at] = entries[at]._replace(payload=body)
        heads[at] = json.loads(entries[at].header) | {
            "event": event,
            "payload": commitment(entries[at].salt or b"", body),
        }
        gone |= {
            seq: each["cause"] for each in fields.get("removed", ()) for seq in range(each["first"], each["last"] + 1)
        }
    made = _linked(entries, heads)
    bare = [entry._replace(payload=None, salt=None) if entry.seq in gone else entry for entry in made]
    notes = {size: note_of(base.chain, bare[:size], KEY) for size in base.notes}
    causes = {seq: Removal(cause) for seq, cause in gone.items()}
    return Log(base.chain, tuple(bare), causes, notes).lines()
