"""`byteport export`: a bundle by one command, and how far each receiver is, also while Temporal is not there."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from byteport.audit.heads import Chain
from byteport.contracts.ledger import Decision, Event, RecordDraft
from byteport.contracts.receivers import TargetKind
from byteport.ledger import append, cursors
from byteport.ledger.opening import open_store
from byteport.settings import load
from tests.unit.cli.conftest import Run

UID = "00000000-0000-0000-0000-000000000000"
CHAIN = Chain(tenant="default", cluster_uid=UID)


def record(number: int) -> RecordDraft:
    return RecordDraft(
        key=f"record-{number}",
        cluster="test",
        cluster_uid=UID,
        tenant="default",
        event=Event.SKIPPED,
        decision=Decision.SKIPPED,
        result=None,
        incident_id="none",
        workflow_id="none",
        runbook="none",
        signal_type="none",
        signal_value=0,
        target="none",
    )


@pytest.fixture
def three(configured: Path) -> Path:
    """A log of three records, of which a webhook that is named holds one, and a file that is not named any more two."""
    configured.write_text(configured.read_text() + "audit: {export: {target: webhook}}\n")
    settings = load(configured, {})
    store = open_store(
        settings.ledger, "default", clock=lambda: datetime(2026, 3, 10, 9, tzinfo=UTC), randomness=secrets.token_bytes
    )
    with store.transaction() as tx:
        for number in range(3):
            append.append(tx, record(number))
    with store.transaction() as tx:
        cursors.advance(tx, CHAIN, settings.audit.export.cursor(TargetKind.WEBHOOK, CHAIN.cluster_uid), 1)
        cursors.advance(tx, CHAIN, "file@0123456789ab", 2)
        cursors.advance(tx, CHAIN, "file@0123456789ab/checkpoints", 1)
    store.close()
    return configured


def test_a_bundle_is_written_and_told(byteport: Run, three: Path, folder: Path) -> None:
    said = byteport("export", "--to", "audit")
    assert said.code == 0, said.err
    assert "3, from 1 to 3 of 3" in said.out
    assert "nothing that was signed of the log is in it" in said.err
    assert "log-key" in said.err
    assert (folder / "audit" / "log.ndjson").read_text().count("\n") == 3
    assert byteport("verify-log", "--file", "audit").code == 0


def test_a_script_gets_it_as_json(byteport: Run, three: Path) -> None:
    told = json.loads(byteport("export", "--to", "audit.zip", "--json").out)
    assert (told["records"], told["whole"], told["path"]) == (3, True, "audit.zip")


def test_what_is_there_is_refused_and_stays(byteport: Run, three: Path, folder: Path) -> None:
    (folder / "audit").mkdir()
    said = byteport("export", "--to", "audit")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "audit is there already" in said.err
    assert list((folder / "audit").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--to FOLDER"),
        (["--to", "x", "--since", "yesterday"], "--since: write a time"),
        (["--to", "x", "--until", "2026-03-10"], "no record of this log lies in that time"),
        (["--to", "nowhere/x"], "No such file or directory"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments: list[str], says: str, byteport: Run, three: Path) -> None:
    said = byteport("export", *arguments)
    assert said.code in (2, 3)
    assert says in said.err
    assert said.err.count("\n") == 1


def test_status_tells_from_the_ledger_alone_while_temporal_is_away(byteport: Run, three: Path) -> None:
    said = byteport("export", "status", "--json")
    found = {one["target"]: one for one in json.loads(said.out)}
    assert {name: (one["seq"], one["behind"], one["named"]) for name, one in found.items()} == {
        "webhook": (1, 2, True),
        "file@0123456789ab": (2, 1, False),
    }
    assert found["webhook"]["trouble"] == "not_running"
    assert said.code == 1
    assert "cannot be reached" in said.err


def test_status_of_a_log_that_goes_nowhere(byteport: Run, configured: Path) -> None:
    settings = load(configured, {})
    open_store(settings.ledger, "default", clock=lambda: datetime.now(UTC), randomness=secrets.token_bytes).close()
    said = byteport("export", "status")
    assert said.code == 0
    assert "the log leaves nowhere" in said.out
