#!/usr/bin/env python3
"""A second verifier of BytePort's log, which shares nothing with the first: one file, Python 3.9 or newer, nothing to install.

    python3 verify_byteport_log.py export.ndjson [more.ndjson] --key VKEY [--checkpoint FILE] [--witness VKEY --quorum N]

It reads exports and says whether anything in them was edited (intact) and, with the log's public key, whether anything is
missing up to the newest signed checkpoint (complete). Exit codes: 0 all that was asked for holds, 1 it does not, 2 wrong
arguments. The format is described in docs/audit/format.md, every code in docs/audit/verdicts.md. It goes out beside every
export as verify_byteport_log.py and holds the whole log in memory, which the first verifier does not.
"""

from __future__ import annotations

import argparse
import base64
import datetime as dt
import functools
import hashlib
import json
import os
import re
import sys
import urllib.parse
from bisect import bisect_right
from typing import Any, Callable, Iterator, Sequence, Tuple  # noqa: UP035  Python 3.9

Check = Callable[[Any], bool]
Key = Tuple[str, bytes]  # noqa: UP006
Finding = Tuple[str, int, "str | None"]  # noqa: UP006  code, record, place
Point = Tuple[int, int, int, int]  # noqa: UP006

LONGEST_LINE = 1 << 20
GENESIS = "sha256:" + "0" * 64
HASH = r"sha256:[0-9a-f]{64}"
PLAIN_EVENTS = (
    *("planned", "approved", "rejected", "expired", "started", "finished", "reverted", "escalated", "acknowledged"),
    *("skipped", "reobserved", "halted", "resumed", "alarm_raised", "alarm_cleared", "storm_began", "storm_ended"),
    *("policy_changed", "erasure_requested", "erasure_cancelled", "hold_set", "hold_ended"),
)
REMOVALS = ("pruned", "erased")
DECISIONS = ("acted", "escalated", "dry_run_planned", "skipped")
RESULTS = ("success", "failure", "pending_approval")


class Bad(Exception):
    """Something is not what it must be; its text is the code."""


# -- JSON: read strictly, and written as RFC 8785 has it ------------------------------------------------------------------


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Bad("duplicate_key")
    return made


def number(text: str) -> float:
    value = float(text) if len(text) <= 400 else float("inf")
    if value != value or abs(value) == float("inf"):
        raise Bad("not_a_number")
    return value


def parse(raw: bytes) -> Any:
    """Every number is a double, as in RFC 8785."""
    return json.loads(
        raw.decode("utf-8"),
        object_pairs_hook=once,
        parse_int=number,
        parse_float=number,
        parse_constant=lambda _: number("inf"),
    )


def canonical_number(value: float) -> str:
    """ECMAScript's shortest form of a double."""
    if value == 0:
        return "0"
    sign, value = ("-", -value) if value < 0 else ("", value)
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    tail = ("." + digits[1:] if count > 1 else "") + f"e{point - 1:+d}"
    return sign + digits[0] + tail


def canonical(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return canonical_number(value)
    if isinstance(value, str):
        value.encode("utf-8")
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(canonical(key) + ":" + canonical(value[key]) for key in keys) + "}"


def same(one: Any, two: Any) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(one[at], two[at]) for at in range(len(one)))
    return type(one) is type(two) and one == two


def has_surrogate(value: Any) -> bool:
    """Half a character, which no UTF-8 can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


# -- What a record is -----------------------------------------------------------------------------------------------------


def text(pattern: str | None = None, longest: int | None = None) -> Check:
    def check(value: Any) -> bool:
        return (
            isinstance(value, str)
            and (pattern is None or re.fullmatch(pattern, value) is not None)
            and (longest is None or len(value) <= longest)
        )

    return check


def word(words: tuple[str, ...]) -> Check:
    return lambda value: isinstance(value, str) and value in words


def whole(least: int) -> Check:
    return lambda value: isinstance(value, float) and value == int(value) and value >= least


def decimal(value: Any) -> bool:
    return isinstance(value, float)


def maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def every(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(one) for one in value)


def moment(value: Any) -> bool:
    if not text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")(
        value
    ):
        return False
    try:
        dt.datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007  only whether there is such a day
    except ValueError:
        return False
    return True


def shape(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    optional = optional or {}

    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and required.keys() <= value.keys() <= required.keys() | optional.keys()
            and all((required.get(name) or optional[name])(inner) for name, inner in value.items())
        )

    return check


HEADER = {
    "format": word(("byteport-record-v1",)),
    "tenant": text(),
    "cluster_uid": text(),
    "seq": whole(1),
    "prev_hash": text(HASH),
    "id": text(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "key": text(r"[0-9a-f]{64}"),
    "timestamp": text(r"[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\.[0-9]{3}Z"),
    "event": word(PLAIN_EVENTS + REMOVALS),
    "decision": word(DECISIONS),
    "action_id": maybe(text()),
    "payload": text(HASH),
}
ANSWER_TEXT = {
    name: text() for name in ("tenant", "cluster_uid", "incident_id", "plan_digest", "reason_digest", "asked_because")
}
ANSWER_TEXT.update(answer=word(("approve", "reject")), not_before=moment, expires_at=moment, id=text(r"[0-9a-f]{32}"))
ANSWER = shape(
    {"text": shape(ANSWER_TEXT, {"format": text()})},
    {"reason": text(longest=1000), "signature": maybe(text(longest=20000)), "claimed_by": text(longest=200)},
)
REMOVED = shape({"first": whole(1), "last": whole(1), "cause": word(REMOVALS)})
PAYLOAD = {
    name: text()
    for name in ("cluster", "signal_type", "runbook", "incident_id", "workflow_id", "target", "runbook_version")
}
PAYLOAD.update(
    {name: maybe(text()) for name in ("command", "cause", "plan_digest", "approver", "reason", "note")},
    signal_value=decimal,
    result=maybe(word(RESULTS)),
    mttr_seconds=maybe(whole(0)),
)
LATER = {name: maybe(text()) for name in ("postmortem_url", "arguments_digest", "object_uid", "allowed_signers")}
LATER.update(
    actor=word(("byteport-agent",)),
    answers=every(ANSWER),
    removed=every(lambda value: REMOVED(value) and value["first"] <= value["last"]),
)
DEFAULTS: dict[str, Any] = {
    name: [] if name == "answers" else None for name in [*PAYLOAD, *LATER] if name not in ("removed", "actor")
}
DEFAULTS["actor"] = None
SHOWN = [name for name in HEADER if name not in ("format", "key", "payload")]
IS_HEADER, IS_PAYLOAD = shape(HEADER), shape(PAYLOAD, LATER)


def sealed(data: bytes, is_part: Check) -> Any:
    """A part of a record from the bytes that were hashed; None where they are not its canonical form."""
    try:
        value = parse(data)
        return value if canonical(value).encode("utf-8") == data and is_part(value) else None
    except (Bad, ValueError, RecursionError):
        return None


def loosely(data: bytes) -> dict[str, Any]:
    """The fields of what may be damaged, to compare with those that a line shows."""
    try:
        value = parse(data) if b"\n" not in data and b"\r" not in data else None
    except (Bad, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


# -- Lines ----------------------------------------------------------------------------------------------------------------


class Line:
    """A record as a line of an export has it."""

    def __init__(self, plain: dict[str, Any], where: str) -> None:
        inner = plain.get("sealed")
        if (
            not isinstance(inner, dict)
            or inner.keys() != {"header", "payload", "salt"}
            or not isinstance(inner["header"], str)
            or not maybe(text())(inner["payload"])
            or not maybe(text("([0-9a-f]{2})*"))(inner["salt"])
            or plain.get("removed") not in (None, *REMOVALS)
        ):
            raise Bad("not_ours")
        self.where = where
        self.header = inner["header"].encode("utf-8")
        self.payload = None if inner["payload"] is None else inner["payload"].encode("utf-8")
        self.salt = None if inner["salt"] is None else bytes.fromhex(inner["salt"])
        self.leaf = hashlib.sha256(b"\x00" + self.header).digest()
        self.hashed = "sha256:" + self.leaf.hex()
        self.stored = plain["hash"] if isinstance(plain.get("hash"), str) else self.hashed
        head, body = loosely(self.header), {} if self.payload is None else loosely(self.payload)
        seq = head.get("seq")
        self.seq = int(seq) if isinstance(seq, float) and whole(1)(seq) and seq < 1e16 else 0
        told = {name: head.get(name) for name in SHOWN}
        told.update({name: body.get(name, DEFAULTS[name] if body else None) for name in DEFAULTS})
        shown = {name: value for name, value in plain.items() if name not in ("sealed", "removed")}
        told["hash"] = shown.get("hash") if isinstance(shown.get("hash"), str) else self.hashed
        self.differs = not same(told, shown) or (plain.get("removed") is not None and self.payload is not None)
        if "removed" in plain and plain["removed"] is None:
            self.differs = True


def read_line(raw: bytes, where: str) -> Line | str:
    """A `Line`, or the text of a checkpoint. Raises `Bad`."""
    if len(raw) > LONGEST_LINE:
        raise Bad("too_long")
    try:
        plain = parse(raw)
        if not isinstance(plain, dict):
            raise Bad("not_ours")
        if has_surrogate(plain):
            raise Bad("lone_surrogate")
    except UnicodeDecodeError:
        raise Bad("not_utf8") from None
    except RecursionError:
        raise Bad("too_deep") from None
    except ValueError:
        raise Bad("not_json" if raw.endswith(b"\n") else "truncated") from None
    if plain.keys() == {"checkpoint"} and isinstance(plain["checkpoint"], str):
        return plain["checkpoint"]
    return Line(plain, where)


# -- Merkle tree and signatures -------------------------------------------------------------------------------------------


class Tree:
    """RFC 6962 over leaves that come one after the other."""

    def __init__(self) -> None:
        self.size = 0
        self.nodes: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        self.size += 1
        at = self.size
        while not at & 1:
            leaf = hashlib.sha256(b"\x01" + self.nodes.pop() + leaf).digest()
            at >>= 1
        self.nodes.append(leaf)

    def root(self) -> bytes:
        if not self.nodes:
            return hashlib.sha256().digest()
        node = self.nodes[-1]
        for left in reversed(self.nodes[:-1]):
            node = hashlib.sha256(b"\x01" + left + node).digest()
        return node


P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def point(data: bytes) -> Point:
    """A point of the curve from its 32 bytes (RFC 8032, 5.1.3). Raises `Bad`."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if len(data) != 32 or y >= P:
        raise Bad("bad_signature")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Bad("bad_signature")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def plus(one: Point, two: Point) -> Point:
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(factor: int, base: Point) -> Point:
    found = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            found = plus(found, base)
        base = plus(base, base)
        factor >>= 1
    return found


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=4096)
def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Ed25519 (RFC 8032, 5.1.7), without the cofactor."""
    factor = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or factor >= ORDER:
        return False
    try:
        x, y, z, t = point(public)
    except Bad:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + data).digest(), "little") % ORDER
    x, y, z, t = plus(times(factor, BASE), times(challenge, (P - x, y, z, P - t)))
    inverse = pow(z, P - 2, P)
    x, y = x * inverse % P, y * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


def unbase64(encoded: str) -> bytes:
    raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    if base64.b64encode(raw).decode("ascii") != encoded:
        raise ValueError("padding")
    return raw


def is_name(name: str) -> bool:
    return bool(name) and not any(char.isspace() or char < " " or char == "+" for char in name)


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([kind]) + public).digest()[:4]


def read_key(vkey: str, kind: int) -> Key:
    """(name, public key) of a vkey of that type. Raises `ValueError`."""
    name, _, rest = vkey.partition("+")
    claimed, _, encoded = rest.partition("+")
    raw = unbase64(encoded)
    if len(raw) != 33 or raw[0] != kind or not is_name(name) or key_id(name, kind, raw[1:]).hex() != claimed:
        raise ValueError(f"it is not <name>+<id>+<key> of type {kind}")
    return name, raw[1:]


def open_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """(text, [(name, key id, signature)]). Raises `Bad`."""
    head, found, block = note.rpartition("\n\n")
    lines = block.split("\n")
    if len(note) > 1 << 18 or re.search("[\x00-\x09\x0b-\x1f\ud800-\udfff]", note):
        raise Bad("bad_checkpoint")
    if not found or lines.pop() or not lines or len(lines) > 100:
        raise Bad("bad_checkpoint")
    signatures = []
    for line in lines:
        name, _, encoded = line[2:].partition(" ")
        try:
            raw = unbase64(encoded)
        except ValueError:
            raise Bad("bad_checkpoint") from None
        if not line.startswith("\u2014 ") or not is_name(name) or len(raw) < 5:
            raise Bad("bad_checkpoint")
        signatures.append((name, raw[:4], raw[4:]))
    return head + "\n", signatures


def open_checkpoint(note: str, origin: str, keys: list[Key], witnesses: list[Key]) -> tuple[int, bytes, set[bytes]]:
    """(size, root, the witnesses that cosigned). Raises `Bad`, with the size where it is known."""
    body, signatures = open_note(note)
    lines = body.split("\n")
    if len(lines) < 4 or lines.pop() or not all(lines) or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
        raise Bad("bad_checkpoint")
    try:
        root = unbase64(lines[2])
    except ValueError:
        raise Bad("bad_checkpoint") from None
    if len(root) != 32 or int(lines[1]) >= 1 << 63:
        raise Bad("bad_checkpoint")
    if lines[0] != origin:
        raise Bad("foreign_origin")
    known = {(name, key_id(name, 1, public)): (1, public) for name, public in keys}
    known.update({(name, key_id(name, 4, public)): (4, public) for name, public in witnesses})
    signed, cosigned = False, set()
    for name, identity, raw in signatures:
        kind, public = known.pop((name, identity), (0, b""))
        message = body.encode("utf-8")
        if kind == 4:
            stamp = b"cosignature/v1\ntime %d\n" % int.from_bytes(raw[:8], "big")
            raw, message = raw[8:], stamp + message
        if kind and (len(raw) != 64 or not is_signed(public, raw, message)):
            raise Bad("bad_signature")
        signed = signed or kind == 1
        if kind == 4:
            cosigned.add(public)
    if not signed:
        raise Bad("unknown_key")
    return int(lines[1]), root, cosigned


# -- The verdicts ---------------------------------------------------------------------------------------------------------


def joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers, as ranges that do not touch, upwards."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def is_among(seq: int, ranges: list[tuple[int, int]]) -> bool:
    """Whether one of `ranges`, which go upwards, holds it."""
    at = bisect_right(ranges, (seq, sys.maxsize)) - 1
    return at >= 0 and seq < ranges[at][1]


class Verifier:
    def __init__(self, chain: tuple[str, str], keys: list[Key], witnesses: list[Key], quorum: int) -> None:
        self.chain = chain
        self.origin = "byteport.io/log/" + "/".join(urllib.parse.quote(name, safe="") for name in chain)
        self.keys = [key for key in keys if key[0] == self.origin]
        self.witnesses, self.quorum = list(witnesses), quorum
        self.intact: list[Finding] = []
        self.incomplete: list[Finding] = []
        self.records, self.expected, self.before = 0, 1, {GENESIS}
        self.last = 0
        self.leaves: list[bytes] = []
        self.gaps: list[tuple[int, int]] = []
        self.told: list[tuple[int, int]] = []
        self.late: set[int] = set()
        self.gone: list[int] = []
        self.checkpoints: list[tuple[str, str]] = []
        self.covered = 0

    def read(self, raw: bytes, where: str) -> None:
        """One line."""
        try:
            line = read_line(raw, where)
        except Bad as bad:
            self.intact.append((str(bad), 0, where))
            return
        if isinstance(line, str):
            self.checkpoints.append((line, where))
            return
        if line.differs and line.hashed == line.stored:
            self.intact.append(("edited", line.seq, where))
        self.record(line)

    def header_of(self, line: Line) -> tuple[dict[str, Any], str | None]:
        """The header, empty where it cannot be believed, and what is wrong with it."""
        if line.hashed != line.stored:
            return {}, "edited"
        header = sealed(line.header, IS_HEADER)
        if header is None:
            return {}, "unknown_format" if is_other_format(line.header) else "bad_json"
        if header["tenant"] != self.chain[0]:
            return header, "foreign_tenant"
        return header, "foreign_cluster" if header["cluster_uid"] != self.chain[1] else None

    def record(self, line: Line) -> None:
        self.records += 1
        header, fault = self.header_of(line)
        if fault in ("foreign_tenant", "foreign_cluster"):
            self.intact.append((fault, line.seq, line.where))
            return
        if line.seq < self.expected:
            self.intact.append((fault or self.behind(line.seq), line.seq, line.where))
            return
        adjacent, unbroken = line.seq == self.expected, len(self.leaves) == self.expected - 1
        if line.seq > self.expected:
            self.gaps.append((self.expected, line.seq))
        if header and adjacent and header["prev_hash"] not in self.before:
            self.intact.append(("unlinked", max(1, line.seq - 1), line.where))
        fault = fault or self.body(line, header)
        if fault is not None:
            self.intact.append((fault, line.seq, line.where))
        if adjacent and unbroken:
            self.leaves.append(line.leaf)
        self.expected, self.last = line.seq + 1, line.seq
        self.before = {line.hashed, line.stored}

    def behind(self, seq: int) -> str:
        """A record after a later one: its place was empty so far, or it was not."""
        if not is_among(seq, self.gaps) or seq in self.late:
            return "duplicate"
        self.late.add(seq)
        return "reordered"

    def body(self, line: Line, header: dict[str, Any]) -> str | None:
        """What is wrong with the payload."""
        is_removal = header["event"] in REMOVALS
        if line.payload is None and line.salt is None and not is_removal:
            self.gone.append(line.seq)
            return None
        if line.payload is None or line.salt is None:
            return "payload_missing"
        digest = hashlib.sha256(b"byteport-payload-v1\n" + line.salt + line.payload).hexdigest()
        if len(line.salt) != 32 or header["payload"] != "sha256:" + digest:
            return "payload_mismatch"
        payload = sealed(line.payload, IS_PAYLOAD)
        if payload is None:
            return "bad_json"
        if is_removal:
            for each in payload.get("removed", []):
                self.told.append((int(each["first"]), min(int(each["last"]) + 1, line.seq)))
        return None

    def finish(self) -> tuple[bool, bool | None]:
        """(intact, complete): True, False, or None where complete was not checked."""
        for start, stop in self.gaps:
            late = {seq for seq in self.late if start <= seq < stop}
            if len(late) < stop - start:
                self.intact.append(("missing", min(set(range(start, start + len(late) + 1)) - late), None))
        told = joined(self.told)
        self.intact += [("payload_missing", seq, None) for seq in self.gone if not is_among(seq, told)]
        if not self.records:
            self.intact.append(("empty", 0, None))
        if not self.keys or not self.checkpoints:
            return not self.intact, None
        return not self.intact, self.complete()

    def complete(self) -> bool:
        """Whether the records are those that were signed, as far as enough witnesses have seen them."""
        signed: list[tuple[int, bytes, set[bytes], str]] = []
        for note, where in dict(reversed(self.checkpoints)).items():
            try:
                signed.append((*open_checkpoint(note, self.origin, self.keys, self.witnesses), where))
            except Bad as bad:
                self.incomplete.append((str(bad), 0, where))
        roots = self.roots({size for size, _, _, _ in signed})
        for size, root, _, where in signed:
            if any(other[0] == size and other[1] != root for other in signed):
                self.incomplete.append(("fork", size, where))
            if size > self.last:
                self.incomplete.append(("cut_tail", self.last + 1, where))
            elif size not in roots:
                self.incomplete.append(("missing", len(self.leaves) + 1, where))
            elif roots[size] != root:
                self.incomplete.append(("root_mismatch", size, where))
        covered = max((one[0] for one in signed if len(one[2]) >= self.quorum), default=-1)
        if covered < 0 and signed:
            self.incomplete.append(("too_few_witnesses", 0, None))
        if covered == 0:
            self.incomplete.append(("empty", 0, None))
        self.covered = max(0, covered)
        return not self.incomplete and covered > 0

    def roots(self, sizes: set[int]) -> dict[int, bytes]:
        tree, found = Tree(), {}
        for leaf in [b"", *self.leaves]:
            if leaf:
                tree.add(leaf)
            if tree.size in sizes:
                found[tree.size] = tree.root()
        return found


def is_other_format(header: bytes) -> bool:
    found = re.search(rb'"format":"(?!byteport-record-v1")([^"\\]{0,100})"', header)
    try:
        return bool(found) and isinstance(json.loads(header), dict)
    except (ValueError, RecursionError):
        return False


# -- The command ----------------------------------------------------------------------------------------------------------


def lines_of(path: str) -> Iterator[tuple[bytes, str]]:
    with open(path, "rb") as stream:  # noqa: PTH123  pathlib is no shorter here
        inside, count = False, 0
        while True:
            raw = stream.readline(LONGEST_LINE + 1)
            if not raw:
                return
            if not inside:
                count += 1
                yield raw, f"{os.path.basename(path)}:{count}"  # noqa: PTH119
            inside = not raw.endswith(b"\n")


def first_record(path: str) -> tuple[tuple[str, str] | None, int]:
    """((tenant, cluster uid), number) of the first record that can be read."""
    for raw, where in lines_of(path):
        try:
            line = read_line(raw, where)
        except Bad:
            continue
        header = None if isinstance(line, str) else sealed(line.header, IS_HEADER)
        if header is not None:
            return (header["tenant"], header["cluster_uid"]), int(header["seq"])
    return None, 0


def chain_named(keys: list[Key]) -> tuple[str, str] | None:
    """The log that the given keys are of, where that is one."""
    found = set()
    for name, _ in keys:
        parts = name.split("/")
        if len(parts) == 4 and parts[:2] == ["byteport.io", "log"]:
            found.add((urllib.parse.unquote(parts[2]), urllib.parse.unquote(parts[3])))
    return found.pop() if len(found) == 1 else None


def given(values: list[str], kind: int) -> list[Key]:
    found = []
    for value in values:
        try:
            found.append(read_key(value, kind))
        except ValueError:
            if not os.path.isfile(value):  # noqa: PTH113
                raise
            with open(value, encoding="utf-8") as stream:  # noqa: PTH123
                found += [read_key(line.strip(), kind) for line in stream if line.strip() and line[0] != "#"]
    return found


def verify(
    paths: list[str], keys: list[Key], witnesses: list[Key], quorum: int | None = None, checkpoints: Sequence[str] = ()
) -> tuple[Verifier, bool, bool | None]:
    """A finished `Verifier` and its two verdicts. Raises `OSError`."""
    firsts = sorted(((*first_record(path), path) for path in paths), key=lambda one: one[1])
    chain = chain_named(keys) or next((one[0] for one in firsts if one[0]), ("", ""))
    needed = len({public for _, public in witnesses}) if quorum is None else quorum
    log = Verifier(chain, keys, witnesses, needed)
    for path in checkpoints:
        with open(path, encoding="utf-8") as stream:  # noqa: PTH123
            note = stream.read(LONGEST_LINE)
        if note.lstrip().startswith("{"):
            for raw, where in lines_of(path):
                found = read_line(raw, where)
                log.checkpoints += [(found, where)] if isinstance(found, str) else []
        else:
            log.checkpoints.append((note, os.path.basename(path)))  # noqa: PTH119
    for _, _, path in firsts:
        for raw, where in lines_of(path):
            log.read(raw, where)
    return (log, *log.finish())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify an export of a BytePort log.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="exports: lines of JSON")
    parser.add_argument("--key", action="append", default=[], help="the log's public key, a vkey or a file of vkeys")
    parser.add_argument("--checkpoint", action="append", default=[], help="a signed checkpoint that was kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], help="a witness's public key")
    parser.add_argument("--quorum", type=int, help="how many witnesses must have cosigned; default: all that are named")
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    try:
        keys, witnesses = given(asked.key, 1), given(asked.witness, 4)
        log, intact, complete = verify(asked.files, keys, witnesses, asked.quorum, asked.checkpoint)
    except (OSError, ValueError, Bad) as error:
        sys.stderr.write(f"error: {ascii(str(error))[1:-1]}\n")
        return 2
    findings = {"intact": log.intact, "complete": log.incomplete}
    if asked.json:
        plain = {"intact": intact, "complete": complete, "records": log.records, "findings": findings}
        sys.stdout.write(json.dumps(plain, indent=1) + "\n")
    else:
        names = {
            True: "yes",
            False: "NO",
            None: "not checked; needs the log's public key (--key) and a signed checkpoint",
        }
        sys.stdout.write(f"intact: {names[intact]} ({log.records} records)\ncomplete: {names[complete]}\n")
        for code, seq, where in log.intact + log.incomplete:
            place = "" if where is None else ascii(where)[1:-1] + " "
            named = f"record {seq} " if seq else ""
            sys.stdout.write(f"  {place}{named}[{code}]\n")
        if complete is not None:
            sys.stdout.write(f"  {log.covered} record(s) covered, {max(0, log.last - log.covered)} newer\n")
    return 0 if intact and (complete or (complete is None and not keys)) else 1


if __name__ == "__main__":
    sys.exit(main())
