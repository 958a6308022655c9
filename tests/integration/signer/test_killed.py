"""A signer that is killed with -9 at each of its steps goes on where it was: one root for each size, and nothing lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.audit.checkpoint import open_checkpoint
from byteport.trust.private_keys import parse_private_key
from tests.builders.killing import killed_at_each_step
from tests.integration.signer.world import SignedLog

pytestmark = pytest.mark.slow

KEY = "checkpoint.key"
PRELOAD = ["tests.integration.signer.world"]


def sign_once(folder: Path) -> None:
    """In a process of its own."""
    SignedLog(folder, key=parse_private_key((folder / KEY).read_bytes())).sign()


@pytest.mark.claim("C-241")
def test_killed_at_any_step_it_never_signs_two_roots_of_one_size_and_publishes_what_it_signed(tmp_path: Path) -> None:
    """The log grows after each kill, so that whoever forgot what it had signed would sign something else."""
    log = SignedLog(tmp_path)
    (tmp_path / KEY).write_bytes(log.key.file_bytes())
    log.grow(3)
    log.sign()
    signed: dict[int, set[bytes]] = {}
    between = 0
    for _ in killed_at_each_step(sign_once, tmp_path, preload=PRELOAD):
        remembered = log.state.note
        between += remembered not in log.published()
        for note in (remembered, *log.published()):
            checkpoint = open_checkpoint(note, (log.vkey,)).checkpoint
            signed.setdefault(checkpoint.size, set()).add(checkpoint.root)
        log.grow()
    assert between > 0  # killed after it remembered and before it published
    assert len(signed) > 5
    assert {size: len(roots) for size, roots in signed.items()} == dict.fromkeys(signed, 1)
    log.sign()
    assert log.published()[-1] == log.state.note
    published = [one.checkpoint.size for one in log.opened_notes()]
    assert published == sorted(set(published))


def test_killed_after_it_remembered_the_next_one_publishes_that_very_note(tmp_path: Path) -> None:
    log = SignedLog(tmp_path)
    (tmp_path / KEY).write_bytes(log.key.file_bytes())
    log.grow(3)
    for _ in killed_at_each_step(sign_once, tmp_path, preload=PRELOAD):
        remembered = log.file.read()
        if remembered is not None:
            assert log.published() in ([], [remembered.note])
    assert log.published() == [log.state.note]
