#!/usr/bin/env python3
"""A second verifier of BytePort's log, which shares nothing with the first: one file, Python 3.9 or newer, nothing to install.

    python3 verify_byteport_log.py export.ndjson [more.ndjson] --key VKEY [--checkpoint FILE] [--witness VKEY --quorum N]

It reads exports and says whether anything in them was edited (intact) and, with the log's public key, whether the records
are those that were signed and all of them (complete). Exit codes: 0 all that was asked for holds, 1 it does not, 2 wrong
arguments, 6 it holds as far as the newest checkpoint goes, which does not cover every record (partly). The format is
described in docs/audit/format.md, every code in docs/audit/verdicts.md. It goes out beside every export as
verify_byteport_log.py and holds the hashes of the whole log in memory, which the first verifier does not.
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
import select
import sys
import tempfile
import urllib.parse
from bisect import bisect_left, bisect_right
from collections import Counter
from typing import Any, Callable, Iterator, Sequence, Tuple  # noqa: UP035  Python 3.9

Check = Callable[[Any], bool]
Key = Tuple[str, bytes]  # noqa: UP006
Finding = Tuple[str, int, "str | None"]  # noqa: UP006  code, record, place
Point = Tuple[int, int, int, int]  # noqa: UP006
Chain = Tuple[str, str]  # noqa: UP006  tenant, cluster uid

LONGEST_LINE = 1 << 20
DEEPEST = 64
LARGEST_WHOLE = 2**53 - 1
MOST_FINDINGS = 1000
SIGNATURES = 200
"""Checked in some seconds; of more is told how far it has come, for each takes a hundredth of a second."""
LARGEST_PIPE = 4 << 30
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


class Whole(float):
    """A number that is written without a fraction and an exponent."""


def number(text: str) -> float:
    value = float(text) if len(text) <= 400 else float("inf")
    if value != value or abs(value) == float("inf"):
        raise Bad("not_a_number")
    return value


def depth(raw: bytes) -> int:
    """How deep objects and lists stand one in another, texts left out."""
    now = deepest = 0
    if raw.count(b"[") + raw.count(b"{") > DEEPEST:
        for char in re.sub(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', b"", raw, flags=re.DOTALL):
            now += (char in b"[{") - (char in b"]}")
            deepest = max(deepest, now)
    return deepest


def no_number(_name: str) -> float:
    raise Bad("not_a_number")


DECODE = json.JSONDecoder(
    object_pairs_hook=once,
    parse_int=lambda text: Whole(number(text)),
    parse_float=number,
    parse_constant=no_number,
).decode
ENCODE = json.JSONEncoder(ensure_ascii=False).encode


def parse(raw: bytes) -> Any:
    """Every number is a double, as in RFC 8785."""
    if depth(raw) > DEEPEST:
        raise Bad("too_deep")
    return DECODE(raw.decode("utf-8"))


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
        return ENCODE(value)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
    return "{" + ",".join(canonical(key) + ":" + canonical(value[key]) for key in keys) + "}"


def same(one: Any, two: Any) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(same(one[at], two[at]) for at in range(len(one)))
    return isinstance(one, bool) is isinstance(two, bool) and bool(one == two)


def has_surrogate(value: Any) -> bool:
    """Half a character, which no UTF-8 can hold."""
    try:
        ENCODE(value).encode("utf-8")
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
    return lambda value: isinstance(value, float) and value == int(value) and least <= value <= LARGEST_WHOLE


def decimal(value: Any) -> bool:
    return isinstance(value, float)


def maybe(check: Check) -> Check:
    return lambda value: value is None or check(value)


def every(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(one) for one in value)


DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def moment(value: Any) -> bool:
    """A time of an answer: in UTC, with no fraction or with one of six digits that says something."""
    return text(DAY + r"T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.(?!000000)[0-9]{6})?Z")(value) and is_time(value)


def stamp(value: Any) -> bool:
    """A time of a record."""
    return text(DAY + r"T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{3}Z")(value) and is_time(value)


def is_time(value: str) -> bool:
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
    "id": text(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "key": text(r"[0-9a-f]{64}"),
    "timestamp": stamp,
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
    {
        "reason": text(longest=1000),
        "signature": maybe(text(longest=20000)),
        "token": maybe(text(longest=16000)),
        "claimed_by": text(longest=200),
    },
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
    except (Bad, ValueError):
        return None


def loosely(data: bytes | None) -> dict[str, Any] | None:
    """The fields of what may be damaged, to compare with those that a line shows; None where they cannot be read."""
    try:
        value = parse(data) if data is not None and b"\n" not in data and b"\r" not in data else None
    except (Bad, ValueError):
        return None
    return value if isinstance(value, dict) else None


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
        self.label = plain.get("removed")
        head, body = loosely(self.header) or {}, loosely(self.payload)
        seq = head.get("seq")
        self.seq = int(seq) if isinstance(seq, Whole) and 1 <= seq <= LARGEST_WHOLE else 0
        told = {name: head.get(name) for name in SHOWN}
        told.update({name: None if body is None else body.get(name, DEFAULTS[name]) for name in DEFAULTS})
        shown = {name: value for name, value in plain.items() if name not in ("sealed", "removed")}
        told["hash"] = shown.get("hash") if isinstance(shown.get("hash"), str) else self.hashed
        self.differs = not same(told, shown) or (plain.get("removed") is not None and self.payload is not None)
        if "removed" in plain and plain["removed"] is None:
            self.differs = True
        whole_line = repr((self.header, self.payload, self.salt, self.stored, self.label))
        self.mark = None if self.differs else hashlib.sha256(whole_line.encode("utf-8")).digest()


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


@functools.lru_cache(maxsize=256)
def is_sound(public: bytes) -> bool:
    """Whether a key is a point in its one spelling, and none of the eight under which anybody can sign."""
    try:
        x, y, z, _ = times(8, point(public))
    except Bad:
        return False
    return x % P != 0 or (y - z) % P != 0


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=4096)
def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    """Ed25519 (RFC 8032, 5.1.7), without the cofactor."""
    factor = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or factor >= ORDER or not is_sound(public):
        return False
    x, y, z, t = point(public)
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
    if not is_sound(raw[1:]):
        raise ValueError(
            "it is no point of the curve, or one under which a signature says nothing, or in another spelling"
        )
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


class Checkpoint:
    """A checkpoint as it came. What is signed of it is checked when it is asked for. Raises `Bad`."""

    def __init__(self, note: str, where: str, kept: bool) -> None:  # noqa: FBT001
        self.where, self.kept = where, kept
        self.body, self.signatures = open_note(note)
        lines = self.body.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines) or not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1]):
            raise Bad("bad_checkpoint")
        try:
            self.root = unbase64(lines[2])
        except ValueError:
            raise Bad("bad_checkpoint") from None
        self.origin, self.size = lines[0], int(lines[1])
        if len(self.root) != 32 or self.size >= 1 << 63:
            raise Bad("bad_checkpoint")
        self.cosigned: dict[bytes, tuple[str, int]] = {}
        self.is_checked = False

    def names(self, keys: list[Key]) -> bool:
        """Whether one of these keys of the log seems to have signed."""
        known = {(name, key_id(name, 1, public)) for name, public in keys}
        return any((name, identity) in known for name, identity, _ in self.signatures)

    def witnessed_by(self, witnesses: list[Key]) -> int:
        """By how many of these it seems to be cosigned."""
        there = {(name, identity) for name, identity, _ in self.signatures}
        return len({public for name, public in witnesses if (name, key_id(name, 4, public)) in there})

    def check(self, keys: list[Key], witnesses: list[Key]) -> None:
        """Raises `Bad` unless a key of the log has signed, and every given key that has signed did."""
        known = {(name, key_id(name, 1, public)): (1, public) for name, public in keys}
        known.update({(name, key_id(name, 4, public)): (4, public) for name, public in witnesses})
        signed = False
        for name, identity, raw in self.signatures:
            kind, public = known.pop((name, identity), (0, b""))
            message, at = self.body.encode("utf-8"), int.from_bytes(raw[:8], "big")
            if kind == 4:
                raw, message = raw[8:], b"cosignature/v1\ntime %d\n" % at + message
            if kind and (len(raw) != 64 or not is_signed(public, raw, message)):
                raise Bad("bad_signature")
            signed = signed or kind == 1
            if kind == 4:
                self.cosigned[public] = (name, at)
        if not signed:
            raise Bad("unknown_key")
        self.is_checked = True


# -- Whether bodies were destroyed as the log's own records say that they may be ------------------------------------------

TIME = DAY + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z"
REMARKS = {
    "erased_without_request": "erased bodies without a request before it that stands",
    "pruned_early": "pruned bodies that are younger than it says that they are kept, or does not say",
    "under_hold": "destroyed bodies that a legal hold was about",
    "while_held": "destroyed bodies while a legal hold stood; whether it was about them cannot be told",
}


class Removals:
    """Each record that destroys bodies, held against requests, age and holds that stand before it. An hour is a time here."""

    def __init__(self) -> None:
        self.hours: list[str] = []
        self.firsts: list[int] = []
        self.requests: set[str] = set()
        self.lost_request, self.lost_holds = False, 0
        self.holds: dict[str, tuple[str, str] | None] = {}
        self.found: dict[str, list[int]] = {}

    def at(self, seq: int, time: str) -> None:
        if not self.hours or time[:13] > self.hours[-1]:
            self.hours.append(time[:13])
            self.firsts.append(seq)

    def take(self, seq: int, header: dict[str, Any], payload: dict[str, Any] | None) -> None:
        """A record that destroys, requests, takes back, or is about a hold; without a payload its event alone is known."""
        event, body = header["event"], payload or {}
        command, request = body.get("command") or "", body.get("workflow_id")
        if event == "erasure_requested":
            self.lost_request = self.lost_request or request is None
            self.requests.add(request or "")
        elif event == "erasure_cancelled":
            self.requests.discard(request or "")
        elif event == "hold_set":
            found = re.fullmatch(r"byteport hold set (\S+) (.+)", command, re.ASCII | re.DOTALL)
            window = found and re.fullmatch(rf"--all|(?:--since ({TIME}))? ?(?:--until ({TIME}))?", found[2])
            if found is None:
                self.lost_holds += 1
            else:
                self.holds[found[1]] = (window[1] or "", window[2] or "~") if window else None
        elif event == "hold_ended":
            found = re.fullmatch(r"byteport hold end (\S+)", command, re.ASCII)
            if found is None:
                self.lost_holds = max(0, self.lost_holds - 1)
            else:
                self.holds.pop(found[1], None)
        else:
            for remark in set(self.judged(seq, header, body)):
                self.found.setdefault(remark, [0, seq])[0] += 1

    def judged(self, seq: int, header: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
        ranges = [(int(one["first"]), min(int(one["last"]), seq - 1)) for one in body.get("removed", [])]
        ranges = [one for one in ranges if one[0] < seq]
        if not ranges:
            return
        if header["event"] == "erased" and body["workflow_id"] not in self.requests and not self.lost_request:
            yield "erased_without_request"
        if header["event"] == "pruned":
            named = re.search(r"\b([1-9][0-9]{0,4}) days are kept\b", body["note"] or "", re.ASCII)
            at = bisect_right(self.firsts, max(last for _, last in ranges)) - 1
            if named is None:
                yield "pruned_early"
            elif at >= 0:
                made = dt.datetime.strptime(self.hours[at], "%Y-%m-%dT%H")  # noqa: DTZ007  both are UTC
                now = dt.datetime.strptime(header["timestamp"][:23], "%Y-%m-%dT%H:%M:%S.%f")  # noqa: DTZ007
                if now - made < dt.timedelta(days=int(named[1])):
                    yield "pruned_early"
        if self.lost_holds:
            yield "while_held"
        for window in self.holds.values():
            if window is None:
                yield "while_held"
            elif self.has_within(ranges, *window):
                yield "under_hold"

    def has_within(self, ranges: list[tuple[int, int]], since: str, until: str) -> bool:
        """Whether a record of these surely was made from `since` on and before `until`."""
        low = bisect_left([f"{hour}:00:00.000Z" for hour in self.hours], since)
        high = bisect_left([f"{hour}:59:59.999Z" for hour in self.hours], until)
        if low >= high:
            return False
        start, stop = self.firsts[low], self.firsts[high] if high < len(self.firsts) else sys.maxsize
        return any(max(first, start) < min(last + 1, stop) for first, last in ranges)


TELLING = (*REMOVALS, "erasure_requested", "erasure_cancelled", "hold_set", "hold_ended")


# -- The verdicts ---------------------------------------------------------------------------------------------------------


def joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same numbers, as ranges that do not touch, upwards."""
    found: list[tuple[int, int]] = []
    for start, stop in sorted(ranges):
        if start >= stop:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def is_among(seq: int, ranges: list[tuple[int, int]]) -> bool:
    """Whether one of `ranges`, which go upwards, holds it."""
    at = bisect_right(ranges, (seq, sys.maxsize)) - 1
    return at >= 0 and seq < ranges[at][1]


class Findings:
    """Codes, all of them counted, of which some are listed."""

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.listed: list[Finding] = []

    def add(self, code: str, seq: int, where: str | None) -> None:
        self.codes[code] += 1
        if len(self.listed) < MOST_FINDINGS:
            self.listed.append((code, seq, where))


class Verifier:
    """One log. `complete` is `complete`, `partly`, `incomplete`, or None where it was not checked."""

    def __init__(
        self,
        chain: Chain,
        keys: list[Key],
        witnesses: list[Key],
        quorum: int,
        *,
        at_least_once: bool = False,
        fewer_signatures: bool = False,
    ) -> None:
        self.chain = chain
        self.origin = "byteport.io/log/" + "/".join(urllib.parse.quote(name, safe="") for name in chain)
        self.keys = [key for key in keys if key[0] == self.origin]
        self.witnesses, self.quorum = list(witnesses), quorum
        self.at_least_once, self.fewer_signatures = at_least_once, fewer_signatures
        self.intact, self.incomplete = Findings(), Findings()
        self.records, self.expected, self.before = 0, 1, {GENESIS}
        self.last, self.time, self.repeated = 0, "", 0
        self.times: dict[int, str] = {}
        self.leaves: list[bytes] = []
        self.gaps: list[tuple[int, int]] = []
        self.told: dict[str, list[tuple[int, int]]] = {cause: [] for cause in REMOVALS}
        self.late: set[int] = set()
        self.gone: dict[int, str | None] = {}
        self.destroyed: list[tuple[int, int, str]] = []
        self.removals = Removals()
        self.seen: set[bytes] = set()
        self.checkpoints: list[tuple[str, str, bool]] = []
        self.covered, self.kept, self.signed, self.checked, self.unchecked = 0, 0, 0, 0, 0
        self.cosigned: dict[bytes, tuple[str, int]] = {}
        self.verdicts: tuple[bool, str | None] = (False, None)

    @property
    def removed(self) -> int:
        """So many bodies are gone as records say."""
        return sum(stop - start for start, stop in joined([(first, last + 1) for first, last, _ in self.destroyed]))

    def read(self, raw: bytes, where: str) -> None:
        """One line."""
        try:
            line = read_line(raw, where)
        except Bad as bad:
            self.intact.add(str(bad), 0, where)
            return
        mark = hashlib.sha256(line.encode("utf-8")).digest() if isinstance(line, str) else line.mark
        if self.at_least_once and mark is not None:
            if mark in self.seen:
                self.repeated += 1
                return
            self.seen.add(mark)
        if isinstance(line, str):
            self.checkpoints.append((line, where, False))
            return
        if line.differs and line.hashed == line.stored:
            self.intact.add("edited", line.seq, where)
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
            self.intact.add(str(fault), line.seq, line.where)
            return
        if line.seq < self.expected:
            self.intact.add(fault or self.behind(line.seq), line.seq, line.where)
            return
        adjacent, unbroken = line.seq == self.expected, len(self.leaves) == self.expected - 1
        if line.seq > self.expected:
            self.gaps.append((self.expected, line.seq))
        if header and adjacent and header["prev_hash"] not in self.before:
            self.intact.add("unlinked", max(1, line.seq - 1), line.where)
        if header:
            if header["timestamp"] < self.time:
                self.intact.add("backdated", line.seq, line.where)
            self.time = self.times[line.seq] = header["timestamp"]
            self.removals.at(line.seq, self.time)
        fault = fault or self.body(line, header)
        if fault is not None:
            self.intact.add(fault, line.seq, line.where)
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
        payload, fault = self.payload(line, header)
        if header["event"] in TELLING:
            self.removals.take(line.seq, header, payload)
        return fault

    def payload(self, line: Line, header: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
        is_removal = header["event"] in REMOVALS
        if line.payload is None and line.salt is None and not is_removal:
            self.gone[line.seq] = line.label
            return None, None
        if line.payload is None or line.salt is None:
            return None, "payload_missing"
        digest = hashlib.sha256(b"byteport-payload-v1\n" + line.salt + line.payload).hexdigest()
        if len(line.salt) != 32 or header["payload"] != "sha256:" + digest:
            return None, "payload_mismatch"
        payload = sealed(line.payload, IS_PAYLOAD)
        if payload is None:
            return None, "bad_json"
        if not is_removal:
            return payload, None
        removed = payload.get("removed", [])
        for each in removed:
            self.told[each["cause"]].append((int(each["first"]), min(int(each["last"]) + 1, line.seq)))
        return payload, "false_removal" if any(each["cause"] != header["event"] for each in removed) else None

    def finish(self) -> tuple[bool, str | None]:
        """(intact, complete)."""
        late = sorted(self.late)
        for start, stop in self.gaps:
            inside = late[bisect_left(late, start) : bisect_left(late, stop)]
            for seq in [*inside, stop]:
                if seq > start:
                    self.intact.add("missing", start, None)
                start = seq + 1
        told = {cause: joined(ranges) for cause, ranges in self.told.items()}
        either = joined([one for ranges in told.values() for one in ranges])
        faults: dict[str, list[tuple[int, int]]] = {"payload_missing": [], "edited": []}
        gone: dict[str, list[tuple[int, int]]] = {cause: [] for cause in REMOVALS}
        for seq, label in self.gone.items():
            if not is_among(seq, either):
                faults["payload_missing"].append((seq, seq + 1))
            elif label is None or not is_among(seq, told[label]):
                faults["edited"].append((seq, seq + 1))
            for cause in REMOVALS:
                if is_among(seq, told[cause]):
                    gone[cause].append((seq, seq + 1))
        self.destroyed = [(start, stop - 1, cause) for cause in REMOVALS for start, stop in joined(gone[cause])]
        for code, ranges in faults.items():
            for start, _ in joined(ranges):
                self.intact.add(code, start, None)
        if not self.records:
            self.intact.add("empty", 0, None)
        complete = self.complete() if self.keys and self.checkpoints else None
        self.verdicts = (not self.intact.codes, complete)
        return self.verdicts

    def opened(self) -> list[Checkpoint]:
        """The checkpoints that are of this log, each once."""
        found: dict[str, Checkpoint | None] = {}
        for note, where, kept in sorted(self.checkpoints, key=lambda one: not one[2]):
            if note in found:
                continue
            found[note] = None
            try:
                one = Checkpoint(note, where, kept)
                if one.origin != self.origin:
                    raise Bad("foreign_origin")
            except Bad as bad:
                self.incomplete.add(str(bad), 0, where)
                continue
            found[note] = one
        return [one for one in found.values() if one is not None]

    def believed(self, claims: list[Checkpoint], roots: dict[int, bytes]) -> list[Checkpoint]:
        """Those that a key of the log has signed; of fewer, those that say what the records say are not all asked."""
        both = roots_by_size(claims)
        newest, found = False, []
        for number, one in enumerate(sorted(claims, key=lambda one: -one.size), 1):
            fits = both[one.size] == {roots.get(one.size)}
            could = not newest and one.witnessed_by(self.witnesses) >= self.quorum
            if not self.fewer_signatures or one.kept or could or not fits or not one.names(self.keys):
                self.checked += 1
                try:
                    one.check(self.keys, self.witnesses)
                except Bad as bad:
                    self.incomplete.add(str(bad), 0, one.where)
                    continue
            found.append(one)
            newest = newest or self.is_witnessed(one)
            if not number % SIGNATURES and sys.stderr.isatty():
                sys.stderr.write(f"{number} of {len(claims)} checkpoints\n")
        return found

    def is_witnessed(self, one: Checkpoint) -> bool:
        return one.is_checked and len(one.cosigned) >= self.quorum

    def complete(self) -> str:
        """Whether the records are those that were signed, as far as enough witnesses have seen them."""
        claims = self.opened()
        roots = self.roots({one.size for one in claims})
        signed = self.believed(claims, roots)
        both = roots_by_size(signed)
        for one in signed:
            if len(both[one.size]) > 1:
                self.incomplete.add("fork", one.size, one.where)
            if one.size > self.last:
                self.incomplete.add("cut_tail", self.last + 1, one.where)
            elif one.size not in roots:
                self.incomplete.add("missing", len(self.leaves) + 1, one.where)
            elif roots[one.size] != one.root:
                self.incomplete.add("root_mismatch", one.size, one.where)
        self.unchecked = sum(not one.is_checked for one in signed)
        newest = next(filter(self.is_witnessed, signed), None)
        if newest is None and signed:
            self.incomplete.add("too_few_witnesses", 0, None)
        if newest is not None and not newest.size:
            self.incomplete.add("empty", 0, None)
        self.signed = sum(one.is_checked for one in signed)
        self.kept = max((one.size for one in signed if one.kept), default=0)
        if newest is not None:
            self.covered, self.cosigned = newest.size, newest.cosigned
        if self.incomplete.codes or newest is None:
            return "incomplete"
        return "partly" if self.last > self.covered else "complete"

    def roots(self, sizes: set[int]) -> dict[int, bytes]:
        tree, found = Tree(), {}
        for leaf in [b"", *self.leaves]:
            if leaf:
                tree.add(leaf)
            if tree.size in sizes:
                found[tree.size] = tree.root()
        return found


def roots_by_size(checkpoints: list[Checkpoint]) -> dict[int, set[bytes]]:
    found: dict[int, set[bytes]] = {}
    for one in checkpoints:
        found.setdefault(one.size, set()).add(one.root)
    return found


def is_other_format(header: bytes) -> bool:
    found = re.search(rb'"format":"(?!byteport-record-v1")([^"\\]{0,100})"', header)
    try:
        return bool(found) and depth(header) <= DEEPEST and isinstance(json.loads(header), dict)
    except ValueError:
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


def first_record(path: str) -> tuple[Chain | None, int]:
    """((tenant, cluster uid), number) of the first record that can be read; else of the first checkpoint, and 0."""
    signed: Chain | None = None
    for raw, where in lines_of(path):
        try:
            line = read_line(raw, where)
        except Bad:
            continue
        if isinstance(line, str):
            signed = signed or chain_of(line.partition("\n")[0])
            continue
        header = sealed(line.header, IS_HEADER)
        if header is not None:
            return (header["tenant"], header["cluster_uid"]), line.seq
    return signed, 0


def chain_of(origin: str) -> Chain | None:
    """The log of this origin; None where it is none of ours."""
    parts = origin.split("/")
    found = tuple(urllib.parse.unquote(part) for part in parts[2:])
    if len(parts) != 4 or parts[:2] != ["byteport.io", "log"]:
        return None
    if [urllib.parse.quote(part, safe="") for part in found] != parts[2:]:
        return None
    return found[0], found[1]


def given(values: list[str], kind: int) -> list[Key]:
    found = []
    for value in values:
        try:
            found.append(read_key(value, kind))
        except ValueError:
            if not os.path.isfile(value):  # noqa: PTH113
                raise
            lines = [line.strip() for line in text_of(value).splitlines()]
            here = [read_key(line, kind) for line in lines if line and line[0] != "#"]
            if not here:
                raise ValueError(f"{value} holds no key") from None
            found += here
    return found


def text_of(path: str) -> str:
    with open(path, "rb") as stream:  # noqa: PTH123
        data = stream.read(LONGEST_LINE + 1)
    if len(data) > LONGEST_LINE:
        raise ValueError(f"{path} is larger than a file of keys, or of one checkpoint")
    return data.decode("utf-8")


def checkpoints_in(path: str) -> list[tuple[str, str, bool]]:
    """Of a file that was kept: one signed note, or lines of an export. Raises `ValueError` where there is none."""
    name, found = os.path.basename(path), []  # noqa: PTH119
    with open(path, "rb") as stream:  # noqa: PTH123
        is_lines = stream.read(1) == b"{"
    try:
        if is_lines:
            for raw, where in lines_of(path):
                line = read_line(raw, where)
                found += [(line, where, True)] if isinstance(line, str) else []
        else:
            found.append((text_of(path), f"{name}:1", True))
        for note, where, kept in found:
            Checkpoint(note, where, kept)
    except Bad:
        found = []
    if not found:
        says = (
            'holds no signed checkpoint: give the note as it was signed, or its line {"checkpoint":"..."} as exported'
        )
        raise ValueError(f"{path} {says}")
    return found


def chain_named(keys: list[Key]) -> Chain | None:
    """The log that the given keys are of, where that is one."""
    found = {chain_of(name) for name, _ in keys} - {None}
    return found.pop() if len(found) == 1 else None


def grouped(firsts: list[tuple[Chain | None, int, str]], keys: list[Key]) -> dict[Chain, list[str]]:
    """The files of each log that is to be verified: those of the keys, else all there are. `firsts` go by their numbers."""
    named = list(dict.fromkeys(chain for chain in (chain_of(name) for name, _ in keys) if chain is not None))
    there = list(dict.fromkeys(chain for chain, first, _ in firsts if chain is not None and first))
    there += [chain for chain, _, _ in firsts if chain is not None and chain not in there]
    wanted = named or there or [("", "")]
    found: dict[Chain, list[str]] = {chain: [] for chain in wanted}
    alone = not any(chain in found for chain in there)
    for chain, _, path in firsts:
        if chain in found:
            found[chain].append(path)
        elif chain is None or alone:
            found[wanted[0]].append(path)
    return found


def verify(
    paths: list[str],
    keys: list[Key],
    witnesses: list[Key],
    quorum: int | None = None,
    checkpoints: Sequence[str] = (),
    *,
    at_least_once: bool = False,
    fewer_signatures: bool = False,
) -> list[Verifier]:
    """Of each log a finished `Verifier`. Raises `OSError` and `ValueError`."""
    firsts = sorted(((*first_record(path), path) for path in paths), key=lambda one: (one[1], os.path.basename(one[2])))  # noqa: PTH119
    kept = [each for path in checkpoints for each in checkpoints_in(path)]
    needed = len({public for _, public in witnesses}) if quorum is None else quorum
    if not 0 <= needed <= len({public for _, public in witnesses}):
        raise ValueError(f"{needed} cosignatures of {len(witnesses)} witness(es) can never be")
    logs = [
        (
            Verifier(chain, keys, witnesses, needed, at_least_once=at_least_once, fewer_signatures=fewer_signatures),
            files,
        )
        for chain, files in grouped(firsts, keys).items()
    ]
    origins = {log.origin for log, _ in logs}
    for log, files in logs:
        origin_of = [(each, each[0].partition("\n")[0]) for each in kept]
        log.checkpoints += [each for each, origin in origin_of if origin == log.origin or origin not in origins]
        for path in files:
            for raw, where in lines_of(path):
                log.read(raw, where)
        log.finish()
    return [log for log, _ in logs]


def spooled(paths: list[str], folder: str) -> list[str]:
    """What can be read once, such as a pipe, is copied first. Raises `ValueError` for a folder."""
    found = []
    for number, path in enumerate(paths):
        if os.path.isfile(path):  # noqa: PTH113
            found.append(path)
            continue
        if not os.path.exists(path):  # noqa: PTH110
            raise ValueError(f"{path} does not exist")
        if os.path.isdir(path):  # noqa: PTH112
            raise ValueError(f"{path} is a folder: name its files")
        sys.stderr.write(f"{ascii(path)[1:-1]} can be read once: it is copied to a file that is deleted at the end\n")
        name = os.path.join(folder, f"{number}-{os.path.basename(path)}")  # noqa: PTH118, PTH119
        source = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(source, "rb") as pipe, open(name, "wb") as file:  # noqa: PTH123
            if not select.select([source], [], [], 5)[0]:
                raise ValueError(f"{path} is a pipe that nobody writes to")
            os.set_blocking(source, True)
            copy(pipe, file)
        found.append(name)
    return found


def copy(pipe: Any, file: Any) -> None:
    """All of it; what does not end is refused."""
    left = LARGEST_PIPE
    while data := pipe.read(LONGEST_LINE):
        left -= len(data)
        if left < 0:
            raise ValueError(f"more than {LARGEST_PIPE} bytes came out of a pipe: put them into a file")
        file.write(data)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify an export of a BytePort log.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="exports: lines of JSON")
    parser.add_argument("--key", action="append", default=[], help="the log's public key, a vkey or a file of vkeys")
    parser.add_argument("--checkpoint", action="append", default=[], help="a signed checkpoint that was kept elsewhere")
    parser.add_argument("--witness", action="append", default=[], help="a witness's public key")
    parser.add_argument("--quorum", type=int, help="how many witnesses must have cosigned; default: all that are named")
    parser.add_argument(
        "--uncovered", metavar="N|any", help="be content with so many records that no checkpoint covers"
    )
    parser.add_argument("--at-least-once", action="store_true", help="pass over lines that are there twice")
    parser.add_argument(
        "--fewer-signatures",
        action="store_true",
        help="check those of the newest, the kept and the odd checkpoints alone",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    try:
        if asked.uncovered not in (None, "any") and not re.fullmatch("[0-9]{1,15}", asked.uncovered):
            raise ValueError("--uncovered is a number, or any")
        most = -1 if asked.uncovered is None else float("inf") if asked.uncovered == "any" else int(asked.uncovered)
        keys, witnesses = given(asked.key, 1), given(asked.witness, 4)
        with tempfile.TemporaryDirectory() as folder:
            logs = verify(
                spooled(asked.files, folder),
                keys,
                witnesses,
                asked.quorum,
                asked.checkpoint,
                at_least_once=asked.at_least_once,
                fewer_signatures=asked.fewer_signatures,
            )
    except (OSError, ValueError) as error:
        sys.stderr.write(f"error: {ascii(str(error))[1:-1]}\n")
        return 2
    text = json.dumps([plain_of(log) for log in logs], indent=1) + "\n"
    try:
        sys.stdout.write(text if asked.json else "".join(said_of(log, named=len(logs) > 1) for log in logs))
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    codes = {code_of(log, most, asked=bool(keys)) for log in logs}
    return 1 if 1 in codes else max(codes)


def code_of(log: Verifier, uncovered: float, *, asked: bool) -> int:
    """0 all that was asked for holds, 6 as far as was signed, 1 it does not."""
    intact, complete = log.verdicts
    if not intact or complete == "incomplete" or (complete is None and asked):
        return 1
    return 6 if complete == "partly" and log.last - log.covered > uncovered else 0


def plain_of(log: Verifier) -> dict[str, Any]:
    """For `--json`."""
    intact, complete = log.verdicts
    return {
        "origin": log.origin,
        "intact": intact,
        "complete": complete,
        "records": log.records,
        "repeated": log.repeated,
        "removed": {
            "count": log.removed,
            "ranges": [{"first": one[0], "last": one[1], "cause": one[2]} for one in log.destroyed[:MOST_FINDINGS]],
            "not_listed": max(0, len(log.destroyed) - MOST_FINDINGS),
        },
        "covered": log.covered,
        "not_covered": max(0, log.last - log.covered),
        "as_of": log.times.get(log.covered),
        "kept": log.kept,
        "cosigned_at": max((at for _, at in log.cosigned.values()), default=None),
        "checkpoints": {"signed": log.signed, "signatures_checked": log.checked, "not_checked": log.unchecked},
        "notices": [
            {"remark": remark, "count": log.removals.found[remark][0], "seq": log.removals.found[remark][1]}
            for remark in REMARKS
            if remark in log.removals.found
        ],
        "codes": {"intact": dict(log.intact.codes), "complete": dict(log.incomplete.codes)},
        "findings": {"intact": log.intact.listed, "complete": log.incomplete.listed},
    }


def said_of(log: Verifier, *, named: bool) -> str:
    """For people."""
    intact, complete = log.verdicts
    lines = [f"log {ascii(log.origin)[1:-1]}"] if named else []
    more = f", {log.removed} bodies destroyed as recorded" if log.removed else ""
    more += f", {log.repeated} lines repeated" if log.repeated else ""
    lines.append(f"intact: {'yes' if intact else 'NO'} ({log.records} records{more})")
    for cause in REMOVALS:
        ranges = [f"{a}-{b}" if a < b else f"{a}" for a, b, why in log.destroyed if why == cause]
        rest = f", and {len(ranges) - 20} more ranges" if len(ranges) > 20 else ""
        lines += [f"  {cause}: {', '.join(ranges[:20])}{rest}"] if ranges else []
    if complete is None:
        lines.append("complete: not checked; needs the log's public key (--key) and a signed checkpoint")
    else:
        words = {"complete": "yes", "incomplete": "NO", "partly": f"partly, to record {log.covered} of {log.last}"}
        told = [f"{log.signed} signed checkpoints", f"{log.covered} records covered"]
        told += [f"the last of them of {log.times[log.covered]}"] if log.covered in log.times else []
        told += [f"{log.last - log.covered} newer are covered by no checkpoint"] if log.last > log.covered else []
        if log.cosigned:
            at = min(max(each for _, each in log.cosigned.values()), 253402300799)
            seen = dt.datetime.fromtimestamp(at, dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: UP017
            told.append(
                f"cosigned by {ascii(', '.join(sorted(name for name, _ in log.cosigned.values())))[1:-1]}, {seen}"
            )
        if log.kept < log.covered and complete != "incomplete":
            told.append(
                "a log cut back to an older checkpoint would look the same: bring one that was kept elsewhere (--checkpoint)"
                if not log.kept
                else f"a log cut back to a checkpoint after record {log.kept} would look the same"
            )
        if log.unchecked:
            told.append(f"{log.unchecked} more whose signatures were not checked")
        lines.append(f"complete: {words[complete]} ({'; '.join(told)}){' [partly]' if complete == 'partly' else ''}")
    for remark, (count, seq) in log.removals.found.items():
        lines.append(f"  notice: {count} record(s), the first of them {seq}: {REMARKS[remark]} [{remark}]")
    for findings in (log.intact, log.incomplete):
        for code, seq, where in findings.listed:
            place = "" if where is None else ascii(where)[1:-1] + " "
            lines.append(f"  {place}{f'record {seq} ' if seq else ''}[{code}]")
        if sum(findings.codes.values()) > len(findings.listed):
            counted = ", ".join(f"{count} {code}" for code, count in sorted(findings.codes.items()))
            lines.append(f"  of all that is wrong the first {len(findings.listed)} are listed: {counted}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
