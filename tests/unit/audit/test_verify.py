"""What the checker says of a chain to which something was done: the fault by its cause, and the record by its number."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit.chain import GENESIS, commitment, record_hash
from byteport.audit.records import Entry, Removed
from byteport.audit.verify import Chain, Fault, Head, NotChecked, Report, Verdict, verify_chain, verify_part
from byteport.audit.words import Removal
from byteport.domain.canonical import canonical_bytes
from tests.unit.audit.chains import CHAIN, chain, rewritten

LENGTH = 6
ENTRIES = chain(LENGTH)
HEAD = Head(seq=LENGTH, hash=ENTRIES[-1].hash)
NUMBERS = st.integers(1, LENGTH)


def faults(report: Report) -> list[tuple[Fault, int]]:
    return [(finding.fault, finding.seq) for finding in report.findings]


def check(entries: list[Entry], *, head: Head | None = HEAD) -> list[tuple[Fault, int]]:
    report = verify_chain(entries, CHAIN, head=head)
    assert (report.intact is Verdict.INTACT) == (report.findings == ())
    return faults(report)


def with_changed(seq: int, **changes: Any) -> list[Entry]:
    return [entry._replace(**changes) if entry.seq == seq else entry for entry in ENTRIES]


@pytest.mark.claim("C-089")
def test_a_chain_that_nobody_touched_is_intact_and_nothing_more_is_claimed() -> None:
    report = verify_chain(ENTRIES, CHAIN, head=HEAD)
    assert (report.intact, report.records, report.head, report.findings) == (Verdict.INTACT, LENGTH, HEAD, ())
    assert isinstance(report.complete, NotChecked)
    assert "outside" in report.complete.needs
    assert isinstance(report.matched, NotChecked)
    assert "API server" in report.matched.needs


@pytest.mark.claim("C-089")
def test_an_empty_log_is_not_valid() -> None:
    report = verify_chain([], CHAIN)
    assert report.intact is Verdict.EMPTY
    assert faults(report) == [(Fault.EMPTY, 0)]


def test_a_log_emptied_by_somebody_who_forgot_the_head_lacks_all_its_records() -> None:
    report = verify_chain([], CHAIN, head=HEAD)
    assert report.intact is Verdict.EMPTY
    assert [(f.fault, f.seq, f.count) for f in report.findings] == [(Fault.EMPTY, 0, 1), (Fault.MISSING, 1, LENGTH)]


@pytest.mark.claim("C-088")
@given(seq=NUMBERS, part=st.sampled_from(["header", "payload", "salt"]), data=st.data())
def test_any_changed_byte_of_a_record_is_found_and_that_record_alone_is_named(
    seq: int, part: str, data: st.DataObject
) -> None:
    raw = bytearray(getattr(ENTRIES[seq - 1], part))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    expected = Fault.EDITED if part == "header" else Fault.PAYLOAD_MISMATCH
    assert check(with_changed(seq, **{part: bytes(raw)})) == [(expected, seq)]


@given(seq=NUMBERS, place=st.integers(0, 70), char=st.characters(codec="utf-8"))
def test_any_changed_character_of_a_stored_hash_is_found_and_that_record_alone_is_named(
    seq: int, place: int, char: str
) -> None:
    stored = ENTRIES[seq - 1].hash
    changed = stored[:place] + char + stored[place + 1 :]
    assert check(with_changed(seq, hash=changed)) == ([] if changed == stored else [(Fault.EDITED, seq)])


@given(seq=NUMBERS, part=st.sampled_from(["header", "payload", "salt"]), extra=st.binary(min_size=1, max_size=3))
def test_bytes_put_behind_a_part_are_found(seq: int, part: str, extra: bytes) -> None:
    longer = getattr(ENTRIES[seq - 1], part) + extra
    assert [named for _, named in check(with_changed(seq, **{part: longer}))] == [seq]


@pytest.mark.claim("C-088")
@given(st.sets(NUMBERS, min_size=1, max_size=LENGTH - 1))
def test_deleted_records_are_missing_by_number(gone: set[int]) -> None:
    report = verify_chain([entry for entry in ENTRIES if entry.seq not in gone], CHAIN, head=HEAD)
    missing = {seq for finding in report.findings for seq in range(finding.seq, finding.seq + finding.count)}
    assert {finding.fault for finding in report.findings} == {Fault.MISSING}
    assert missing == gone


@pytest.mark.claim("C-089")
def test_a_cut_tail_is_not_noticed_without_a_head_and_is_not_claimed_to_be() -> None:
    report = verify_chain(ENTRIES[:3], CHAIN)
    assert report.intact is Verdict.INTACT
    assert report.head == Head(seq=3, hash=ENTRIES[2].hash)


@pytest.mark.claim("C-088")
@given(first=NUMBERS, second=NUMBERS)
def test_two_records_that_changed_places_are_both_named(first: int, second: int) -> None:
    one, two = ENTRIES[first - 1], ENTRIES[second - 1]
    places = {first: two._replace(seq=first), second: one._replace(seq=second)}
    found = check([places.get(entry.seq, entry) for entry in ENTRIES])
    assert found == ([] if first == second else [(Fault.REORDERED, seq) for seq in sorted((first, second))])


@pytest.mark.claim("C-088")
def test_a_record_moved_elsewhere_is_named_there_and_not_missed() -> None:
    moved = ENTRIES[2]._replace(seq=900)
    assert check([*ENTRIES[:2], *ENTRIES[3:], moved]) == [(Fault.REORDERED, 900)]


def test_records_shifted_to_hide_a_deletion_are_named_and_the_deleted_one_is_missing() -> None:
    shifted = [entry._replace(seq=entry.seq - 1) for entry in ENTRIES[3:]]
    found = check([*ENTRIES[:2], *shifted])
    assert set(found) == {(Fault.MISSING, 3), *((Fault.REORDERED, seq) for seq in range(3, LENGTH))}


@pytest.mark.claim("C-088")
@given(seq=NUMBERS)
def test_a_record_that_stands_twice_is_named(seq: int) -> None:
    entries = [*ENTRIES[:seq], ENTRIES[seq - 1], *ENTRIES[seq:]]
    assert check(entries) == [(Fault.DUPLICATE, seq)]


@pytest.mark.claim("C-088")
@given(seq=st.integers(1, LENGTH - 1))
def test_a_record_rewritten_with_its_hash_is_not_what_the_next_one_was_appended_to(seq: int) -> None:
    forged = rewritten(ENTRIES[seq - 1], lambda head: head.update(decision="skipped"))
    assert check([forged if entry.seq == seq else entry for entry in ENTRIES]) == [(Fault.UNLINKED, seq)]


def test_the_last_record_rewritten_with_its_hash_is_not_the_one_that_the_head_names() -> None:
    forged = rewritten(ENTRIES[-1], lambda head: head.update(decision="skipped"))
    assert check([*ENTRIES[:-1], forged]) == [(Fault.UNLINKED, LENGTH)]


@pytest.mark.claim("C-088")
def test_a_forged_record_after_the_end_is_extra() -> None:
    assert check(chain(LENGTH + 2)) == [(Fault.EXTRA, LENGTH + 1)]


def test_a_first_record_that_names_one_before_it_is_unlinked() -> None:
    forged = rewritten(ENTRIES[0], lambda head: head.update(prev_hash=ENTRIES[3].hash))
    assert (Fault.UNLINKED, 1) in check([forged, *ENTRIES[1:]])


@pytest.mark.claim("C-088")
def test_a_payload_exchanged_with_its_commitment_breaks_the_link() -> None:
    body = ENTRIES[0].payload or b""
    salt = b"x" * 32
    forged = rewritten(ENTRIES[2], lambda head: head.update(payload=commitment(salt, body)))
    forged = forged._replace(payload=body, salt=salt)
    assert check([forged if entry.seq == 3 else entry for entry in ENTRIES]) == [(Fault.UNLINKED, 3)]


@pytest.mark.parametrize("part", ["payload", "salt"])
def test_a_payload_that_is_gone_is_named_while_the_chain_still_holds(part: str) -> None:
    assert check(with_changed(4, **{part: None})) == [(Fault.PAYLOAD_MISSING, 4)]


@pytest.mark.parametrize(
    ("chain_", "fault"),
    [
        (Chain(tenant="umbrella", cluster_uid=CHAIN.cluster_uid), Fault.FOREIGN_TENANT),
        (Chain(tenant=CHAIN.tenant, cluster_uid="uid-2"), Fault.FOREIGN_CLUSTER),
    ],
)
def test_records_of_somebody_else_are_foreign(chain_: Chain, fault: Fault) -> None:
    assert faults(verify_chain(ENTRIES[:1], chain_)) == [(fault, 1)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda head: head.replace(b'":"', b'": "', 1),
        lambda head: head.replace(b'"seq":1', b'"seq":1.0'),
        lambda head: head.replace(b'"seq":1', b'"seq":1,"seq":1'),
        lambda head: head.replace(b'"event":"finished"', b'"event":"invented"'),
        lambda head: head.replace(b'"action_id":null', b'"action_id":NaN'),
        lambda head: b"[" * 100_000,
        lambda head: b"\xff\xfe",
        lambda head: b"",
        lambda head: b"null",
    ],
)
def test_a_header_that_is_no_record_is_bad_json_though_its_hash_fits(spoil: Callable[[bytes], bytes]) -> None:
    head = spoil(ENTRIES[0].header)
    assert head != ENTRIES[0].header
    entry = ENTRIES[0]._replace(header=head, hash=record_hash(head))
    assert faults(verify_chain([entry], CHAIN)) == [(Fault.BAD_JSON, 1)]


def test_a_payload_that_is_no_record_is_bad_json_though_the_header_commits_to_it() -> None:
    body, salt = canonical_bytes({"actor": "somebody-else"}), b"s" * 32
    entry = rewritten(ENTRIES[0], lambda head: head.update(payload=commitment(salt, body)))
    entry = entry._replace(payload=body, salt=salt)
    assert faults(verify_chain([entry], CHAIN)) == [(Fault.BAD_JSON, 1)]


def part(entries: list[Entry], first: int, last: int) -> list[tuple[Fault, int]]:
    return faults(verify_part(entries, CHAIN, first=first, last=last))


def test_neighbours_from_inside_a_chain_hold_without_the_rest() -> None:
    assert part(ENTRIES[2:5], 3, 5) == []


def test_a_neighbour_that_is_gone_is_missing() -> None:
    assert part([ENTRIES[3]], 3, 5) == [(Fault.MISSING, 3), (Fault.MISSING, 5)]


def test_a_part_that_starts_at_the_beginning_is_checked_against_it() -> None:
    forged = rewritten(ENTRIES[0], lambda head: head.update(prev_hash=ENTRIES[3].hash))
    assert part([forged], 1, 1) == [(Fault.UNLINKED, 1)]
    assert part([ENTRIES[0]], 1, 1) == []
    assert ENTRIES[0].header.count(GENESIS.encode()) == 1


def test_a_body_that_could_not_be_opened_is_counted_and_not_called_verified() -> None:
    entries = with_changed(3, payload=None, salt=None, unopened=True)
    report = verify_chain(entries, CHAIN, head=HEAD)
    assert (report.intact, report.findings, report.not_opened, report.is_good) == (Verdict.INTACT, (), 1, False)


def test_of_a_part_a_record_tells_only_of_bodies_before_it() -> None:
    gone = [ENTRIES[2], ENTRIES[3]._replace(payload=None, salt=None), ENTRIES[4]]
    told = Removed(first=1, last=9, cause=Removal.PRUNED)
    for by, found in ((5, []), (4, [(Fault.PAYLOAD_MISSING, 4)]), (2, [(Fault.PAYLOAD_MISSING, 4)])):
        assert faults(verify_part(gone, CHAIN, first=3, last=5, removals=[(by, told)])) == found
