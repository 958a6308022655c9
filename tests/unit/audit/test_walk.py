"""The fast way along a chain says what the slow one says; and a chain walked in parts is what it is walked at once."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from byteport.audit import shapes
from byteport.audit import walk as walking
from byteport.audit.batches import passed
from byteport.audit.chain import GENESIS, commitment, record_hash
from byteport.audit.records import Entry, Payload, Removed, read_header, read_payload, seal
from byteport.audit.shapes import are_payloads
from byteport.audit.spans import Spans
from byteport.audit.verify import Chain, Fault, Report, Verdict, report_of, verify_chain
from byteport.audit.walk import Walk
from byteport.audit.words import Event, Removal
from byteport.domain.canonical import canonical_bytes
from byteport.errors import MalformedInput
from tests.unit.audit.chains import CHAIN, answered, chain, chance, header, payload, resealed

LENGTH = 12
PLAIN = chain(LENGTH)
PRUNED = resealed(
    [entry._replace(payload=None, salt=None) if entry.seq in (1, 2, 3, 5) else entry for entry in chain(LENGTH)],
    {
        7: (Event.PRUNED, (Removed(first=1, last=3, cause=Removal.PRUNED),)),
        9: (Event.ERASED, (Removed(first=5, last=5, cause=Removal.ERASED),)),
    },
)


@contextmanager
def slowly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(walking, "passed", lambda *_: None)
        yield


def both(entries: Sequence[Entry]) -> tuple[Report, Report]:
    fast = verify_chain(entries, CHAIN)
    with slowly(pytest.MonkeyPatch()):
        return fast, verify_chain(entries, CHAIN)


ALPHABET = st.sampled_from([*'{}[]":,\\ \n\x00019eEu.-+abnrt', "é", "\ud83d", "\x7f"])


@st.composite
def damaged(draw: st.DrawFn) -> list[Entry]:
    entries = list(draw(st.sampled_from([PLAIN, PRUNED])))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(entries) - 1))
        entry = entries[at]
        match draw(st.sampled_from(["bytes", "rehash", "drop", "swap", "copy", "bare", "seq", "salt", "unopened"])):
            case "bytes" | "rehash" as what:
                part = draw(st.sampled_from(["header", "payload"]))
                raw = getattr(entry, part) or b"{}"
                place = draw(st.integers(0, len(raw)))
                put = draw(st.text(ALPHABET, max_size=2)).encode("utf-8", "surrogatepass")
                changed: dict[str, Any] = {part: raw[:place] + put + raw[place + draw(st.integers(0, 2)) :]}
                entry = entry._replace(**changed)
                entries[at] = entry._replace(hash=record_hash(entry.header)) if what == "rehash" else entry
            case "drop" if len(entries) > 1:
                del entries[at]
            case "swap":
                other = draw(st.integers(0, len(entries) - 1))
                entries[at], entries[other] = entries[other], entries[at]
            case "copy":
                entries.insert(draw(st.integers(0, len(entries))), entry)
            case "bare":
                entries[at] = entry._replace(payload=None, salt=None)
            case "seq":
                entries[at] = entry._replace(seq=draw(st.integers(0, LENGTH + 2)))
            case "salt":
                entries[at] = entry._replace(salt=draw(st.binary(max_size=33)))
            case _:
                entries[at] = entry._replace(payload=None, salt=None, unopened=True)
    return entries


@given(entries=damaged())
def test_the_fast_way_says_what_the_slow_way_says(entries: list[Entry]) -> None:
    fast, slow = both(entries)
    assert fast == slow


@pytest.mark.parametrize("entries", [PLAIN, PRUNED])
def test_an_untouched_chain_takes_the_fast_way_but_for_the_records_of_destroyed_bodies(entries: list[Entry]) -> None:
    looked: list[int] = []

    class Watched(Walk):
        def _look(self, entry: Entry) -> None:
            looked.append(entry.seq)
            super()._look(entry)

    walk = Watched(CHAIN)
    walk.feed(entries)
    assert report_of(walk).intact is Verdict.INTACT
    assert looked == ([] if entries is PLAIN else [7, 9])


def in_parts(entries: Sequence[Entry], length: int, size: int) -> tuple[Walk, Walk]:
    """Joined of parts, and walked at once, as a store gives it: by number, each number once."""
    stored = sorted({entry.seq: entry for entry in entries if entry.seq > 0}.values(), key=lambda entry: entry.seq)
    whole, joined = Walk(CHAIN, sizes=[size]), Walk(CHAIN, sizes=[size])
    whole.feed(stored)
    for start in range(0, LENGTH + 3, length):
        part = Walk(CHAIN, first=start + 1, sizes=[size])
        part.feed(entry for entry in stored if start < entry.seq <= start + length)
        if part.records:
            joined.join(part)
    return joined, whole


@given(entries=damaged(), power=st.integers(0, 4), size=st.integers(1, LENGTH))
def test_a_chain_walked_in_parts_is_the_chain(entries: list[Entry], power: int, size: int) -> None:
    joined, whole = in_parts(entries, 1 << power, size)
    assert report_of(joined) == report_of(whole)
    assert joined.root_at(size) == whole.root_at(size)


@pytest.mark.parametrize("length", [1, 2, 4, 8])
@pytest.mark.parametrize("at", [0, 5, LENGTH - 1])
def test_a_record_that_strayed_into_a_part_of_its_own_makes_no_gap_before_it(at: int, length: int) -> None:
    entries = [entry._replace(seq=LENGTH + 2) if index == at else entry for index, entry in enumerate(PLAIN)]
    joined, whole = in_parts(entries, length, LENGTH)
    assert report_of(joined) == report_of(whole)
    assert report_of(whole).codes == {Fault.REORDERED: 1}


def test_a_link_that_does_not_hold_at_a_seam_is_found() -> None:
    other = resealed(PLAIN, {2: (Event.SKIPPED, ())})
    left, right = Walk(CHAIN), Walk(CHAIN, first=5)
    left.feed(PLAIN[:4])
    right.feed(other[4:8])
    left.join(right)
    assert [(found.fault, found.seq) for found in left.findings] == [(Fault.UNLINKED, 4)]


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).flatmap(
        lambda value: st.sampled_from(
            [repr(value), f"{value:.3f}", f"{value:.17g}", f"{value:e}", f"{value:.1f}", json.dumps(value)]
        )
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(
        ["-0", "0.0", "-0.0", "1e5", "1E5", "1e-5", "0.001", "0.0001", "0.0010", "1.0", "01", "+1", ".5", "5."]
    ),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str),
)


def refused(read: Callable[[bytes], object], data: bytes) -> bool:
    try:
        read(data)
    except MalformedInput:
        return True
    return False


@given(number=NUMBERS)
def test_the_fast_way_takes_a_number_in_no_other_spelling_than_the_canonical_one(number: str) -> None:
    body = (PLAIN[0].payload or b"").replace(b'"signal_value":1.5', f'"signal_value":{number}'.encode())
    assert not (are_payloads([body]) and refused(read_payload, body))


@given(number=st.floats(min_value=-1e12, max_value=1e12, allow_nan=False).map(lambda value: round(value, 3)))
def test_the_fast_way_takes_the_numbers_that_are_measured(number: float) -> None:
    assert are_payloads([canonical_bytes(payload(1).model_copy(update={"signal_value": number}))])


@given(st.text())
def test_the_fast_way_takes_every_text(text: str) -> None:
    if not any("\ud800" <= char <= "\udfff" for char in text):
        assert are_payloads([canonical_bytes(payload(1).model_copy(update={"note": text}))])


def test_the_encoder_escapes_as_the_canonical_form_does() -> None:
    for code in [*range(0xD800), *range(0xE000, 0x10000), 0x1F600, 0x10FFFF]:
        assert msgspec.json.encode(chr(code)) == canonical_bytes(chr(code))


DEEP = canonical_bytes(payload(1).model_copy(update={"answers": answered(2)}))


@given(data=st.data())
def test_no_damaged_payload_is_taken_that_is_refused(data: st.DataObject) -> None:
    raw = data.draw(st.sampled_from([PLAIN[0].payload or b"", DEEP, PRUNED[6].payload or b""]))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw)))
        put = data.draw(st.text(ALPHABET, max_size=3)).encode("utf-8", "surrogatepass")
        raw = raw[:place] + put + raw[place + data.draw(st.integers(0, 3)) :]
    assert not (are_payloads([raw]) and refused(read_payload, raw))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: plain["answers"][0]["text"].update(id="0" * 31),
        lambda plain: plain["answers"][0]["text"].update(id="0" * 32 + "\n"),
        lambda plain: plain["answers"][0]["text"].update(not_before="2026-02-30T00:00:00Z"),
        lambda plain: plain["answers"][0]["text"].update(not_before="2026-03-10T09:00:00"),
        lambda plain: plain["answers"][0]["text"].update(answer="perhaps"),
        lambda plain: plain["answers"][0].update(reason="x" * 1001),
        lambda plain: plain["answers"][0].update(more=1),
        lambda plain: plain["answers"][0].pop("text"),
        lambda plain: plain.update(mttr_seconds=-1),
        lambda plain: plain.update(mttr_seconds=1.5),
        lambda plain: plain.update(mttr_seconds=True),
        lambda plain: plain.update(actor="root"),
        lambda plain: plain.update(result="maybe"),
        lambda plain: plain.update(cluster=None),
        lambda plain: plain.update(removed=[{"first": 0, "last": 1, "cause": "pruned"}]),
        lambda plain: plain.update(removed=[{"first": 1, "last": 1, "cause": "lost"}]),
        lambda plain: plain.pop("cluster"),
    ],
)
def test_a_payload_with_one_thing_that_no_payload_holds_is_taken_by_neither(spoil: Callable[[Any], object]) -> None:
    plain = json.loads(DEEP)
    spoil(plain)
    assert refused(read_payload, canonical_bytes(plain))
    assert not are_payloads([canonical_bytes(plain)])


def test_payloads_with_answers_and_without_later_fields_take_the_fast_way() -> None:
    plain = json.loads(DEEP)
    older = {name: value for name, value in plain.items() if Payload.model_fields[name].is_required()}
    assert are_payloads([DEEP, canonical_bytes(older)])


WHOLE = st.one_of(st.integers(-2, 4), st.sampled_from([10**15, 10**15 + 1, 2**53 - 1, 2**53 - 2]))
TIMES = st.sampled_from(
    [
        *("2026-03-10T09:00:00Z", "2026-03-10T09:00:00.000001Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        *(
            "2026-03-10T09:00:00.1Z",
            "2026-03-10T09:00:00.100000Z",
            "2026-03-10T09:00:00.000000Z",
            "2026-03-10T09:00:00",
        ),
        *(
            "2026-03-10T09:00:00+00:00",
            "2026-03-10T09:00:00+02:00",
            "2026-03-10T09:00:00-00:00",
            "2026-03-10 09:00:00Z",
        ),
        *("2026-02-30T00:00:00Z", "2026-03-10T24:00:00Z", "2026-03-10T09:00:60Z", "0000-01-01T00:00:00Z", "now"),
        *("2026-03-10T09:00:00z", "2026-03-10T09:00Z", "1773133200", "2026-03-10T09:00:00,5Z", "2026-03-10"),
    ]
)


def anything_like(kind: Any, limits: Sequence[Any] = ()) -> st.SearchStrategy[Any]:
    """JSON of the types that a model's fields have, with nothing known of what its limits and validators refuse of them."""
    origin, inner = get_origin(kind), get_args(kind)
    longest = max((each.max_length for each in limits if isinstance(each, annotated_types.MaxLen)), default=None)
    if origin is Annotated:
        found = [limit for one in inner[1:] for limit in (one.metadata if isinstance(one, FieldInfo) else [one])]
        return anything_like(inner[0], found)
    if origin in (Union, UnionType):
        return st.one_of([anything_like(each, limits) for each in inner])
    if origin is tuple:
        return st.lists(anything_like(inner[0]), max_size=2)
    if origin is Literal:
        return st.sampled_from([*inner, "other"])
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        every = {name: anything_like(info.annotation, info.metadata) for name, info in kind.model_fields.items()}
        needed = {name: each for name, each in every.items() if kind.model_fields[name].is_required()}
        return st.fixed_dictionaries(needed, optional={name: every[name] for name in every.keys() - needed.keys()})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from([*(word.value for word in kind), "other"])
    if kind is str and any(getattr(each, "pattern", None) for each in limits):
        return st.sampled_from(["d" * 32, "d" * 31, "D" * 32, "d" * 32 + "\n"])
    if kind is str:
        return st.sampled_from(["", "é\u2028", *(["x" * longest, "x" * (longest + 1)] if longest else [])])
    return {int: WHOLE, float: st.one_of(st.floats(allow_nan=False, allow_infinity=False), WHOLE), datetime: TIMES}.get(
        kind, st.none()
    )


PAYLOADS = anything_like(Payload)


@given(plain=PAYLOADS)
def test_of_payloads_with_the_types_of_the_models_none_is_taken_that_their_limits_and_validators_refuse(
    plain: Any,
) -> None:
    """Made of the models themselves: a limit or a validator that is new there, and is not known to the fast way, shows here."""
    body = canonical_bytes(plain)
    assert not (are_payloads([body]) and refused(read_payload, body))


@pytest.mark.parametrize("removed", [(2, 1), (1, 0), (0, 0), (1, 2**53 - 1), (1, 1)])
def test_a_range_that_its_model_refuses_is_not_taken(removed: tuple[int, int]) -> None:
    plain = json.loads(PLAIN[0].payload or b"")
    body = canonical_bytes(plain | {"removed": [{"first": removed[0], "last": removed[1], "cause": "pruned"}]})
    assert not (are_payloads([body]) and refused(read_payload, body))
    assert refused(read_payload, body) is not (0 < removed[0] <= removed[1])


def test_the_fast_way_refuses_to_know_a_model_whose_validators_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="no fast form"):
        shapes._type(Removed)
    with pytest.raises(TypeError, match="no fast form"):
        shapes._type(Annotated[str, AfterValidator(str.strip)])


@given(data=st.data())
def test_no_damaged_header_is_taken_that_is_refused(data: st.DataObject) -> None:
    raw = PLAIN[3].header
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw)))
        put = data.draw(st.text(ALPHABET, max_size=3)).encode("utf-8", "surrogatepass")
        raw = raw[:place] + put + raw[place + data.draw(st.integers(0, 3)) :]
    entry = PLAIN[3]._replace(header=raw, hash=record_hash(raw))
    if passed([entry], CHAIN, 4, ()) is not None:
        assert read_header(raw).seq == 4


@given(data=st.data())
def test_of_many_headers_no_damaged_one_is_taken(data: st.DataObject) -> None:
    """Pieces of a whole batch are compared at once, so that what one lacks another must not lend."""
    entries = list(PLAIN)
    for _ in range(data.draw(st.integers(1, 2))):
        place, length = data.draw(st.integers(0, len(entries[0].header))), data.draw(st.integers(1, 6))
        one, two = data.draw(st.integers(0, LENGTH - 1)), data.draw(st.integers(0, LENGTH - 1))
        taken = entries[one].header[place : place + length]
        shorter = entries[one].header[:place] + entries[one].header[place + length :]
        longer = entries[two].header[:place] + taken + entries[two].header[place:]
        for at, raw in ((one, shorter), (two, longer)):
            entries[at] = entries[at]._replace(header=raw, hash=record_hash(raw))
    if passed(entries, CHAIN, 1, ()) is not None:
        assert verify_chain(entries, CHAIN).intact is Verdict.INTACT


@pytest.mark.parametrize("tenant", ["acme", "a.me", 'a"b\\c', "ä{1}", "a\x01b", "\u2028"])
def test_a_header_is_taken_in_its_own_chain_alone(tenant: str) -> None:
    mine = Chain(tenant=tenant, cluster_uid=tenant * 2)
    made = header(1, GENESIS).model_copy(update={"tenant": tenant, "cluster_uid": tenant * 2})
    entry = seal(made, payload(1), chance(32, "salt", 1))
    assert passed([entry], mine, 1, {GENESIS}) is not None
    assert passed([entry], CHAIN, 1, {GENESIS}) is None
    assert passed([entry], mine, 2, {GENESIS}) is None
    assert passed([entry], mine, 1, {entry.hash}) is None
    assert passed([entry], mine, 1, {entry.hash, GENESIS}) is not None


def test_the_salt_cannot_lend_its_end_to_the_payload() -> None:
    """What is hashed has no border between the two, so that the length of a salt is part of the format."""
    entry = PLAIN[2]
    assert entry.salt is not None
    assert entry.payload is not None
    for at in (1, 31):
        moved = entry._replace(salt=entry.salt[:at], payload=entry.salt[at:] + entry.payload)
        assert commitment(moved.salt or b"", moved.payload or b"") == read_header(entry.header).payload
        report = verify_chain([*PLAIN[:2], moved, *PLAIN[3:]], CHAIN)
        assert [(found.fault, found.seq) for found in report.findings] == [(Fault.PAYLOAD_MISMATCH, 3)]


RANGES = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 6)).map(lambda pair: range(pair[0], sum(pair))), max_size=8
)


@given(RANGES, RANGES)
def test_spans_are_sets_of_numbers(one: list[range], two: list[range]) -> None:
    first, second = Spans(one), Spans(two)
    numbers, others = {n for each in one for n in each}, {n for each in two for n in each}
    assert [n for each in first for n in each] == sorted(numbers)
    assert len(first) == len(numbers)
    assert bool(first) == bool(numbers)
    assert [n for each in first.without(second) for n in each] == sorted(numbers - others)
    assert {n for n in range(40) if n in first} == numbers
    assert all(left.stop < right.start for left, right in zip(list(first), list(first)[1:], strict=False))
