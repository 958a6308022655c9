"""Exports of a log whose bodies were pruned and erased: both verifiers say that it is intact, whenever it was exported."""

import subprocess
import sys
from pathlib import Path

from byteport.audit import bundle, independent
from byteport.audit.lines import verify_lines
from byteport.audit.words import Removal
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import CHAIN


def exported(removing: Removing, *, first: int = 1) -> list[bytes]:
    """The lines of the log as it is now."""
    gone = {seq: one.cause for one in removing.world.log.removed(CHAIN) for seq in range(one.first, one.last + 1)}
    return [
        bundle.line_of(entry, gone.get(entry.seq) if entry.payload is None else None)
        for entry in removing.world.log.entries(CHAIN, first)
    ]


def both_say(lines: list[bytes], folder: Path) -> tuple[list[str], int]:
    """The findings of the first verifier, and how the second one ends."""
    report = verify_lines(bundle.read(lines), CHAIN)
    file = folder / "export.ndjson"
    file.write_bytes(b"".join(lines))
    ended = subprocess.run([sys.executable, independent.__file__, str(file)], capture_output=True, check=False)
    return [finding.fault.value for finding in report.findings], ended.returncode


def removed_in_both_ways(removing: Removing) -> None:
    removing.records("a", "b", "c")
    removing.world.clock.move(days=89)
    removing.records("d", "e")
    removing.erase_after_a_day(2, 5)
    removing.world.clock.move(seconds=1)
    assert removing.prune().records == 2
    assert removing.removed == [(2, 2, "erased"), (5, 5, "erased"), (1, 1, "pruned"), (3, 3, "pruned")]


def test_what_is_exported_afterwards_verifies(removing: Removing, tmp_path: Path) -> None:
    removed_in_both_ways(removing)
    assert both_say(exported(removing), tmp_path) == ([], 0)


def test_what_was_exported_before_verifies_together_with_what_came_after(removing: Removing, tmp_path: Path) -> None:
    removing.records("a", "b")
    before = exported(removing)
    removing.world.clock.move(days=91)
    removing.prune()
    assert both_say([*before, *exported(removing, first=3)], tmp_path) == ([], 0)


def test_a_body_that_no_record_explains_is_found_by_both(removing: Removing, tmp_path: Path) -> None:
    removing.records("a", "b")
    entries = list(removing.world.log.entries(CHAIN))
    taken = entries[0]._replace(payload=None, salt=None)
    lines = [bundle.line_of(taken, Removal.ERASED), bundle.line_of(entries[1])]
    assert both_say(lines, tmp_path) == (["payload_missing"], 1)
