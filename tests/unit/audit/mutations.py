"""Logs to which somebody did something, thousands of them, each with the code by which it must be found. The same every time.

Each kind below is one attack; what it needs to know of the log (its tools, whether it can hash and link anew, whether it has
the signing key) stands in its docstring. Comes before the test, which holds both verifiers to every one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, NamedTuple

from byteport.audit.bundle import LONGEST_LINE, checkpoint_line
from byteport.audit.chain import GENESIS, commitment, record_hash
from byteport.audit.checkpoint import Checkpoint, sign
from byteport.audit.findings import Coverage, Fault
from byteport.audit.merkle import root_of
from byteport.audit.notes import parse_note
from byteport.audit.records import Entry
from byteport.audit.removals import Remark
from byteport.domain.canonical import canonical_bytes
from tests.unit.audit.chains import chance
from tests.unit.audit.logs import KEY, LATER_KEY, STRANGER, Log, leaves, line_of, log, note_of, vkey

JSON = dict[str, Any]
OTHER: dict[str, tuple[Any, ...]] = {
    "tenant": ("acme-2", ""),
    "cluster_uid": ("uid-9", "UID-1"),
    "seq": (9007199254740991, 0),
    "prev_hash": (GENESIS, "sha256:" + "f" * 64),
    "id": ("019cd6f9-7a81-7dad-b77c-a411d01fd53f", "019CD6F9"),
    "timestamp": ("2026-03-09T23:59:59.999Z", "2026-03-10"),
    "event": ("planned", "deleted"),
    "decision": ("escalated", "acted "),
    "action_id": ("f" * 32, ""),
    "hash": ("sha256:" + "0" * 64, "sha512:" + "0" * 128, "md5:d41d8cd98f00b204e9800998ecf8427e"),
    "signal_value": (0, -1, 41.0000001),
    "mttr_seconds": (0, 86400, True),
    "answers": ([], [{}]),
    "result": ("failure", "success"),
}
"""What a field is changed to; every other one to the texts below."""
TEXTS = ("größe", "", None)
OF_HEADER = ("tenant", "cluster_uid", "seq", "prev_hash", "id", "timestamp", "event", "decision", "action_id")


Word = Fault | Coverage | Remark
"""A code, or the verdict or the notice that must be given."""


class Mutated(NamedTuple):
    kind: str
    what: str
    code: Word
    """By which it must be found, whatever else is found."""
    lines: list[bytes]
    notes: tuple[str, ...] = ()
    """Checkpoints that were kept elsewhere."""


Found = Iterator[tuple[str, Word, list[bytes]] | tuple[str, Word, list[bytes], tuple[str, ...]]]


BASES = (log(12), log(13, seed=1, uid="uid-2"), log(12, seed=2, removed=False))


# -- Records ------------------------------------------------------------------------------------------------------------


def edited_fields(base: Log) -> Found:
    """A field that people read is changed, what was hashed is left: an editor is enough for it."""
    for at, line in _records(base):
        plain = json.loads(line)
        for field in plain:
            if field in ("sealed", "removed"):
                continue
            for value in OTHER.get(field, TEXTS):
                if not _same(plain[field], value):
                    yield f"{at} {field}={value!r}", Fault.EDITED, _put(base, at, plain | {field: value})
            without = {name: value for name, value in plain.items() if name != field}
            yield f"{at} without {field}", Fault.EDITED, _put(base, at, without)
        yield f"{at} with a field more", Fault.EDITED, _put(base, at, plain | {"severity": "low"})


def edited_headers(base: Log) -> Found:
    """What was hashed is changed with the field that people read; the hash is left."""
    for at, entry in enumerate(base.entries):
        for what, head in _other_headers(entry):
            changed = entry._replace(header=canonical_bytes(head))
            yield f"{at} {what}", Fault.EDITED, _with(base, {at: changed})


def rehashed_headers(base: Log) -> Found:
    """The same, with the hash computed anew, but not what comes after."""
    last = len(base.entries) - 1
    for at, entry in enumerate(base.entries):
        for what, head in _other_headers(entry):
            if "=" not in what or what.split("=")[0] in ("seq", "tenant", "cluster_uid", "prev_hash"):
                continue
            data = canonical_bytes(head)
            changed = entry._replace(header=data, hash=record_hash(data))
            code = _unreadable(what) or (Fault.UNLINKED if at < last else Fault.ROOT_MISMATCH)
            yield f"{at} {what}", code, _with(base, {at: changed})


def relinked(base: Log) -> Found:
    """A record is changed and every one after it hashed and linked anew: only what was signed tells."""
    for at, entry in enumerate(base.entries):
        for what, head in _other_headers(entry):
            field = what.split("=")[0]
            if "=" not in what or field in ("seq", "prev_hash"):
                continue
            code = _unreadable(what) or {"tenant": Fault.FOREIGN_TENANT, "cluster_uid": Fault.FOREIGN_CLUSTER}.get(
                field
            )
            yield f"{at} {what}", code or Fault.ROOT_MISMATCH, _lines(base, _linked(base.entries, {at: head}))


def edited_payloads(base: Log) -> Found:
    """What the header commits to is changed, with the field that people read."""
    for at, entry in enumerate(base.entries):
        if entry.payload is None:
            continue
        plain = json.loads(entry.payload)
        for field, before in plain.items():
            for value in OTHER.get(field, TEXTS):
                if not _same(before, value):
                    changed = entry._replace(payload=canonical_bytes(plain | {field: value}))
                    yield f"{at} {field}={value!r}", Fault.PAYLOAD_MISMATCH, _with(base, {at: changed})


def changed_bytes(base: Log) -> Found:
    """One byte of what was hashed, of every kind of byte that there is in it."""
    for at, entry in enumerate(base.entries):
        for part, code in (
            ("header", Fault.EDITED),
            ("payload", Fault.PAYLOAD_MISMATCH),
            ("salt", Fault.PAYLOAD_MISMATCH),
        ):
            raw = getattr(entry, part)
            if raw is None:
                continue
            for byte in sorted(set(raw)):
                place = raw.index(byte)
                put = {part: raw[:place] + (b"0" if byte != 0x30 else b"1") + raw[place + 1 :]}
                if _is_text(put[part]) or part == "salt":
                    yield f"{at} {part} {place}", code, _with(base, {at: entry._replace(**put)})
            yield f"{at} {part} longer", code, _with(base, {at: entry._replace(**{part: raw + b" "})})
            yield f"{at} {part} shorter", code, _with(base, {at: entry._replace(**{part: raw[:-1]})})


def deleted(base: Log) -> Found:
    """Records are taken out; the checkpoints are left where they are."""
    numbers = range(len(base.entries))
    for gone in [(at,) for at in numbers] + list(combinations(numbers, 2)):
        tail = all(at in gone for at in range(min(gone), len(base.entries)))
        yield f"{gone}", Fault.CUT_TAIL if tail else Fault.MISSING, _without(base, set(gone))
    for start in numbers:
        for stop in range(start + 3, len(base.entries)):
            yield f"{start}-{stop}", Fault.MISSING, _without(base, set(range(start, stop)))


def cut_tail(base: Log) -> Found:
    """The end is gone, with its checkpoints; one of them was kept elsewhere."""
    for length in range(1, len(base.entries)):
        for size, note in base.notes.items():
            if size > length:
                yield f"{length} of {size}", Fault.CUT_TAIL, _start(base, length), (note,)


def inserted(base: Log) -> Found:
    """A record that was never appended is put between two others, or in place of one."""
    stranger = log(12, seed=9, uid=base.chain.cluster_uid)
    for at, _ in _records(base):
        lines = base.lines()
        for number in (0, 5, 11):
            one = line_of(stranger.entries[number])
            code = (
                Fault.DUPLICATE if number <= len([None for each in _sizes(lines[:at]) if each]) - 1 else Fault.UNLINKED
            )
            if code is Fault.DUPLICATE:
                yield f"{number} before line {at}", code, [*lines[:at], one, *lines[at:]]
        data = base.entries[_number(base, at)]
        forged = canonical_bytes(json.loads(data.header) | {"decision": "skipped"})
        twin = data._replace(header=forged, hash=record_hash(forged))
        yield f"a twin after line {at}", Fault.DUPLICATE, [*lines[: at + 1], line_of(twin), *lines[at + 1 :]]
    for other, code in (("uid-7", Fault.FOREIGN_CLUSTER),):
        for entry in log(12, uid=other).entries[:3]:
            for at in range(len(base.lines()) + 1):
                lines = base.lines()
                yield f"{entry.seq} of {other} at {at}", code, [*lines[:at], line_of(entry), *lines[at:]]
    for at in range(len(base.lines()) + 1):
        lines, entry = base.lines(), base.entries[1]
        head = canonical_bytes(json.loads(entry.header) | {"tenant": "umbrella"})
        foreign = entry._replace(header=head, hash=record_hash(head))
        yield f"of umbrella at {at}", Fault.FOREIGN_TENANT, [*lines[:at], line_of(foreign), *lines[at:]]


def swapped(base: Log) -> Found:
    """Two records change places in the file, or their numbers are changed too."""
    for one, two in combinations([at for at, _ in _records(base)], 2):
        lines = base.lines()
        lines[one], lines[two] = lines[two], lines[one]
        yield f"{one}/{two}", Fault.REORDERED, lines
    for one, two in combinations(range(len(base.entries)), 2):
        places = {one: base.entries[two], two: base.entries[one]}
        heads = {at: json.loads(entry.header) | {"seq": at + 1} for at, entry in places.items()}
        changed = {at: places[at]._replace(header=canonical_bytes(head)) for at, head in heads.items()}
        yield f"{one}/{two} with numbers", Fault.EDITED, _with(base, changed)
        anew = {at: entry._replace(hash=record_hash(entry.header)) for at, entry in changed.items()}
        yield f"{one}/{two} with numbers and hashes", Fault.UNLINKED, _with(base, anew)


def duplicated(base: Log) -> Found:
    """A line stands again somewhere behind itself."""
    for at, line in _records(base):
        lines = base.lines()
        for place in range(at + 1, len(lines) + 1):
            yield f"{at} at {place}", Fault.DUPLICATE, [*lines[:place], line, *lines[place:]]


def replayed(base: Log) -> Found:
    """An old record is given out as a new one, at the end or in place of another."""
    for one, two in combinations(range(len(base.entries)), 2):
        head = json.loads(base.entries[one].header) | {"seq": two + 1}
        entries = list(base.entries)
        entries[two] = base.entries[one]
        yield f"{one} as {two}", Fault.ROOT_MISMATCH, _lines(base, _linked(entries, {two: head}))
    lines = base.lines()
    yield "the whole log again", Fault.DUPLICATE, lines + lines


# -- Bodies -------------------------------------------------------------------------------------------------------------


def exchanged_bodies(base: Log) -> Found:
    """Payload, salt, or both of two records change places, or are another's too."""
    for one, two in combinations([at for at, entry in enumerate(base.entries) if entry.payload is not None], 2):
        for parts in (("payload",), ("salt",), ("payload", "salt")):
            first = base.entries[one]._replace(**{part: getattr(base.entries[two], part) for part in parts})
            second = base.entries[two]._replace(**{part: getattr(base.entries[one], part) for part in parts})
            name = f"{one}/{two} {'+'.join(parts)}"
            yield name, Fault.PAYLOAD_MISMATCH, _with(base, {one: first, two: second})
            yield f"{name} copied", Fault.PAYLOAD_MISMATCH, _with(base, {one: first})
    for at, entry in enumerate(base.entries):
        if entry.payload is None or entry.salt is None:
            continue
        for moved in (1, 16, 31):
            lent = entry._replace(salt=entry.salt[:-moved], payload=entry.payload)
            yield f"{at} salt shorter by {moved}", Fault.PAYLOAD_MISMATCH, _with(base, {at: lent})


def recommitted(base: Log) -> Found:
    """Another payload, which the header is made to commit to, everything after it linked anew."""
    for at, entry in enumerate(base.entries):
        if entry.payload is None:
            continue
        for field, value in (
            ("command", "kubectl get pods"),
            ("approver", "mallory"),
            ("signal_value", 1),
            ("note", "x"),
        ):
            body = canonical_bytes(json.loads(entry.payload) | {field: value})
            salt = chance(32, "other", at)
            entries = list(base.entries)
            entries[at] = entry._replace(payload=body, salt=salt)
            head = json.loads(entry.header) | {"payload": commitment(salt, body)}
            yield f"{at} {field}", Fault.ROOT_MISMATCH, _lines(base, _linked(entries, {at: head}))


def bodies_taken_away(base: Log) -> Found:
    """Bodies are gone without a record of it, whatever the line says; or half of one is."""
    present = [at for at, entry in enumerate(base.entries) if entry.payload is not None]
    for at in present:
        bare = base.entries[at]._replace(payload=None, salt=None)
        for told in (None, "pruned", "erased"):
            plain = json.loads(line_of(bare)) | ({"removed": told} if told else {})
            yield f"{at} {told}", Fault.PAYLOAD_MISSING, _put_number(base, at, plain)
        for part in ("payload", "salt"):
            nothing: dict[str, Any] = {part: None}
            half = base.entries[at]._replace(**nothing)
            yield f"{at} without {part}", Fault.PAYLOAD_MISSING, _with(base, {at: half})
    for one, two in combinations(present, 2):
        bare_two = {at: base.entries[at]._replace(payload=None, salt=None) for at in (one, two)}
        yield f"{one}, {two}", Fault.PAYLOAD_MISSING, _with(base, bare_two)


def forged_removals(base: Log) -> Found:
    """A record is made to say that a body was destroyed: the word of one that cannot say it, or of one that was changed."""
    for at, entry in enumerate(base.entries):
        if entry.payload is None:
            continue
        plain = json.loads(entry.payload)
        for gone in [number for number, other in enumerate(base.entries) if other.payload is not None and number < at]:
            bare = base.entries[gone]._replace(payload=None, salt=None)
            told = plain["removed"] + [{"first": gone + 1, "last": gone + 1, "cause": "pruned"}]
            body = canonical_bytes(plain | {"removed": told})
            entries = list(base.entries)
            entries[gone], entries[at] = bare, entry._replace(payload=body)
            yield f"{gone} by {at}", Fault.PAYLOAD_MISSING, _lines(base, entries)
            head = json.loads(entry.header) | {"payload": commitment(entry.salt or b"", body), "event": "pruned"}
            yield f"{gone} by {at}, linked", Fault.ROOT_MISMATCH, _lines(base, _linked(entries, {at: head}))
    for at in [
        number for number in range(len(base.entries)) if json.loads(base.entries[number].header)["event"] == "pruned"
    ]:
        without = base.entries[at]._replace(payload=None, salt=None)
        yield f"{at} without its own body", Fault.PAYLOAD_MISSING, _with(base, {at: without})
        for spoil in ("first", "last"):
            plain = json.loads(base.entries[at].payload or b"")
            plain["removed"][0][spoil] = plain["removed"][0]["last" if spoil == "first" else "first"]
            body = canonical_bytes(plain)
            yield f"{at} {spoil}", Fault.PAYLOAD_MISSING, _with(base, {at: base.entries[at]._replace(payload=body)})


# -- The file -----------------------------------------------------------------------------------------------------------


def damaged_lines(base: Log) -> Found:
    """What becomes of a line on the way: cut, overwritten, joined, spelled otherwise than JSON is."""
    for at, line in enumerate(base.lines()):
        lines = base.lines()

        def put(raw: bytes, lines: list[bytes] = lines, at: int = at) -> list[bytes]:
            return [*lines[:at], raw, *lines[at + 1 :]]

        for code, raw in (
            (Fault.NOT_JSON, line[:50] + b"\n"),
            (Fault.NOT_JSON, line[1:]),
            (Fault.NOT_JSON, b"\n"),
            (Fault.NOT_JSON, line[:-1] + b"," + line),
            (Fault.NOT_JSON, b"\x00" * 32 + b"\n"),
            (Fault.NOT_UTF8, line[:9] + b"\xff" + line[10:]),
            (Fault.NOT_UTF8, line[:-3] + b"\xc3" + line[-3:]),
            (Fault.TOO_LONG, b" " * LONGEST_LINE + line),
            (Fault.TOO_DEEP, b"[" * 100_000 + b"\n"),
            (Fault.DUPLICATE_KEY, b'{"seq":1,"seq":1,' + line[1:]),
            (Fault.NOT_A_NUMBER, b'{"x":NaN,' + line[1:]),
            (Fault.NOT_A_NUMBER, b'{"x":-1e400,' + line[1:]),
            (Fault.LONE_SURROGATE, b'{"x":"\\ud83d",' + line[1:]),
            (Fault.NOT_OURS, b"[" + line[:-1] + b"]\n"),
            (Fault.NOT_OURS, b'{"hello":"world"}\n'),
            (Fault.NOT_OURS, b'{"checkpoint":null}\n'),
        ):
            yield f"{at} {code.value}", code, put(raw)
        yield f"{at} truncated", Fault.TRUNCATED, [*lines[:at], line[: len(line) // 2]]
        yield f"{at} truncated by two", Fault.TRUNCATED, [*lines[:at], line[:-2]]


def empty(base: Log) -> Found:
    """There is no record at all."""
    notes = [checkpoint_line(note) for note in base.notes.values()]
    for what, lines in (("nothing", []), ("checkpoints", notes), ("blank", [b"\n"]), ("other", [b"{}\n"])):
        yield what, Fault.EMPTY, lines
    yield "with a checkpoint kept elsewhere", Fault.CUT_TAIL, [], (base.notes[max(base.notes)],)


# -- What was signed ----------------------------------------------------------------------------------------------------


def forked(base: Log) -> Found:
    """The same log until somewhere, then another one; the signing key has signed both, or only the first."""
    for at in range(len(base.entries)):
        head = json.loads(base.entries[at].header) | {"key": "e" * 64}
        other = _linked(base.entries, {at: head})
        yield f"from {at}", Fault.ROOT_MISMATCH, _lines(base, other)
        for size in range(at + 1, len(other) + 1):
            if size in base.notes:
                note = note_of(base.chain, other[:size], KEY)
                yield f"from {at}, both signed at {size}", Fault.FORK, base.lines(), (note,)
                yield f"from {at}, signed at {size}", Fault.ROOT_MISMATCH, _lines(base, other), (note,)


def restored(base: Log) -> Found:
    """A backup was put back, as it was or grown anew since."""
    for length in range(1, len(base.entries)):
        newest = (base.notes[max(base.notes)],)
        yield f"{length}", Fault.CUT_TAIL, _start(base, length), newest
        heads = {
            at: json.loads(base.entries[at].header) | {"key": f"{at:064x}"} for at in range(length, len(base.entries))
        }
        grown = _linked(base.entries, heads)
        lines = [line_of(entry, base.gone.get(entry.seq)) for entry in grown]
        yield f"{length}, grown", Fault.ROOT_MISMATCH, lines, newest


def rekeyed(base: Log) -> Found:
    """Checkpoints of somebody else's key, under the log's name; its id too, which anybody can find."""
    for size in base.notes:
        checkpoint = Checkpoint(base.chain.origin, size, root_of(leaves(base.entries[:size])))
        note = sign(checkpoint, STRANGER)
        yield f"{size}", Fault.UNKNOWN_KEY, _noted(base, size, note)
        for key in (KEY, LATER_KEY):
            line = replace(parse_note(note).signatures[0], key_id=vkey(base.chain, key).id).line()
            forged = f"{checkpoint.text()}\n{line}\n"
            yield f"{size} with its id", Fault.BAD_SIGNATURE, _noted(base, size, forged)
        elsewhere = sign(Checkpoint("byteport.io/log/umbrella/uid-1", size, checkpoint.root), KEY)
        yield f"{size} of another log", Fault.FOREIGN_ORIGIN, _noted(base, size, elsewhere)


def damaged_checkpoints(base: Log) -> Found:
    """A checkpoint whose text or signature was changed."""
    for size, note in base.notes.items():
        text, _, block = note.rpartition("\n\n")
        origin, number, root = text.split("\n")
        for code, changed in (
            (Fault.BAD_SIGNATURE, f"{origin}\n{int(number) + 1}\n{root}\n\n{block}"),
            (Fault.BAD_SIGNATURE, f"{origin}\n{number}\n{'A' * 43}=\n\n{block}"),
            (Fault.BAD_SIGNATURE, f"{origin}\n{number}\n{root}\nmore\n\n{block}"),
            (Fault.FOREIGN_ORIGIN, f"{origin}2\n{number}\n{root}\n\n{block}"),
            (Fault.BAD_CHECKPOINT, f"{origin}\n0{number}\n{root}\n\n{block}"),
            (Fault.BAD_CHECKPOINT, f"{origin}\n{number}\n{root[:-4]}\n\n{block}"),
            (Fault.BAD_CHECKPOINT, f"{origin}\n{number}\n\n{block}"),
            (Fault.BAD_CHECKPOINT, f"{text}\n\n"),
            (Fault.BAD_CHECKPOINT, note[:-1]),
            (Fault.BAD_CHECKPOINT, note.replace("— ", "- ", 1)),
            (Fault.BAD_CHECKPOINT, note + "what is this\n"),
            (Fault.BAD_CHECKPOINT, ""),
            (Fault.BAD_CHECKPOINT, note.replace("\n", "\r\n")),
        ):
            yield f"{size} {changed[:40]!r}", code, _noted(base, size, changed)
        for number_of_line, line in enumerate(parse_note(note).signatures):
            for place in (0, len(line.raw) // 2, len(line.raw) - 1):
                raw = line.raw[:place] + bytes([line.raw[place] ^ 1]) + line.raw[place + 1 :]
                changed = note.replace(line.line(), replace(line, raw=raw).line())
                yield (
                    f"{size} signature {number_of_line} byte {place}",
                    Fault.BAD_SIGNATURE,
                    _noted(base, size, changed),
                )
            shorter = note.replace(line.line(), replace(line, raw=line.raw[:-1]).line())
            yield f"{size} signature {number_of_line} shorter", Fault.BAD_SIGNATURE, _noted(base, size, shorter)


def downgraded(base: Log) -> Found:
    """A weaker format, hash, or kind of signature is named."""
    for at, entry in enumerate(base.entries):
        head = json.loads(entry.header)
        for name in ("byteport-record-v0", "byteport-record-v2", "byteport-record", ""):
            made = _linked(base.entries, {at: head | {"format": name}})
            yield f"{at} format {name!r}", Fault.UNKNOWN_FORMAT, _lines(base, made)
        if at:
            for hashed in ("sha1:" + "0" * 40, "md5:" + "0" * 32, "0" * 64, "SHA256:" + "0" * 64):
                data = canonical_bytes(head | {"prev_hash": hashed})
                changed = entry._replace(header=data, hash=record_hash(data))
                yield f"{at} {hashed[:8]}", Fault.BAD_JSON, _with(base, {at: changed})
    for size, note in base.notes.items():
        found = parse_note(note)
        for kind in (0x00, 0x02, 0x06, 0xFF):
            lines = [replace(each, key_id=_id_of_type(base, kind)).line() for each in found.signatures]
            downgraded_note = f"{found.text}\n" + "".join(f"{line}\n" for line in lines)
            yield f"{size} type {kind}", Fault.UNKNOWN_KEY, _noted(base, size, downgraded_note)
    bare = {size: note_of(base.chain, base.entries[:size], KEY, witnessed=False) for size in base.notes}
    yield "no witness", Fault.TOO_FEW_WITNESSES, base._replace(notes=bare).lines()


KINDS: tuple[Callable[[Log], Found], ...] = (
    edited_fields,
    edited_headers,
    rehashed_headers,
    relinked,
    edited_payloads,
    changed_bytes,
    deleted,
    cut_tail,
    inserted,
    swapped,
    duplicated,
    replayed,
    exchanged_bodies,
    recommitted,
    bodies_taken_away,
    forged_removals,
    damaged_lines,
    empty,
    forked,
    restored,
    rekeyed,
    damaged_checkpoints,
    downgraded,
)


# -- What the kinds are made of -------------------------------------------------------------------------------------------


def _records(base: Log) -> list[tuple[int, bytes]]:
    """The lines that are records, by where they stand."""
    return [(at, line) for at, line in enumerate(base.lines()) if not line.startswith(b'{"checkpoint"')]


def _sizes(lines: Sequence[bytes]) -> list[bool]:
    return [not line.startswith(b'{"checkpoint"') for line in lines]


def _number(base: Log, at: int) -> int:
    """Which record the line at `at` is."""
    return sum(_sizes(base.lines()[:at]))


def _put(base: Log, at: int, plain: JSON) -> list[bytes]:
    """With another line at that place."""
    lines = base.lines()
    lines[at] = canonical_bytes(plain) + b"\n"
    return lines


def _put_number(base: Log, number: int, plain: JSON) -> list[bytes]:
    return _put(base, _records(base)[number][0], plain)


def _lines(base: Log, entries: Sequence[Entry]) -> list[bytes]:
    gone = {seq: cause for seq, cause in base.gone.items() if entries[seq - 1].payload is None}
    return base._replace(entries=tuple(entries), gone=gone).lines()


def _with(base: Log, changes: dict[int, Entry]) -> list[bytes]:
    """With other records at those places; each line as our own writer would write it."""
    return _lines(base, [changes.get(at, entry) for at, entry in enumerate(base.entries)])


def _without(base: Log, gone: set[int]) -> list[bytes]:
    numbers = iter(range(len(base.entries)))
    return [line for line in base.lines() if line.startswith(b'{"checkpoint"') or next(numbers) not in gone]


def _start(base: Log, length: int) -> list[bytes]:
    """The first records and the checkpoints of them."""
    return base._replace(
        entries=base.entries[:length], notes={size: note for size, note in base.notes.items() if size <= length}
    ).lines()


def _linked(entries: Sequence[Entry], heads: dict[int, JSON]) -> list[Entry]:
    """With other headers, and every hash and link from there on computed anew."""
    made: list[Entry] = []
    for at, entry in enumerate(entries):
        head = heads.get(at, json.loads(entry.header))
        if at > min(heads) or (at in heads and at):
            head = head | {"prev_hash": made[-1].hash}
        data = canonical_bytes(head)
        made.append(entry._replace(header=data, hash=record_hash(data), seq=head["seq"]))
    return made


def _noted(base: Log, size: int, note: str) -> list[bytes]:
    return base._replace(notes={**base.notes, size: note}).lines()


def _other_headers(entry: Entry) -> Iterator[tuple[str, JSON]]:
    plain = json.loads(entry.header)
    for field in (*OF_HEADER, "key"):
        for value in OTHER.get(field, ("f" * 64, "")):
            if not _same(plain[field], value):
                yield f"{field}={value!r}", plain | {field: value}
    yield "a field more", plain | {"severity": "low"}


def _unreadable(what: str) -> Fault | None:
    """Of a changed header: that it is none any more."""
    bad = ("id='019CD6F9'", "timestamp='2026-03-10'", "event='deleted'", "decision='acted '", "key=''")
    return Fault.BAD_JSON if what in bad else None


def _id_of_type(base: Log, kind: int) -> bytes:
    key = vkey(base.chain, KEY)
    return hashlib.sha256(key.name.encode() + b"\n" + bytes([kind]) + key.public).digest()[:4]


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _same(one: Any, two: Any) -> bool:
    return isinstance(one, bool) == isinstance(two, bool) and bool(one == two)
