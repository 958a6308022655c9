"""`byteport report` on a ledger as processes write it."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.clock import utc_now
from byteport.audit.words import Decision, Event, Result
from byteport.cli.report import moment
from byteport.contracts.ledger import RecordDraft
from byteport.domain.reasons import Reason
from byteport.errors import MalformedInput
from byteport.ledger.append import append
from byteport.ledger.keys import read_body_keys
from byteport.ledger.sqlite import SqliteStore
from tests.unit.cli.conftest import Run

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
HOSTILE = "shop/Deployment/web|`<b>\n# page"


def draft(event: Event, **said: Any) -> RecordDraft:
    given = {
        "key": f"{event.value}:{said.get('incident_id')}",
        "cluster": "test",
        "cluster_uid": "00000000-0000-0000-0000-000000000000",
        "tenant": "default",
        "event": event,
        "decision": Decision.ACTED,
        "result": None,
        "incident_id": "i1",
        "workflow_id": "w",
        "runbook": "PodCrashloopRunbook",
        "signal_type": "pod_crashloop",
        "signal_value": 5,
        "target": "shop/Deployment/web",
    }
    return RecordDraft(**(given | said))


@pytest.fixture
def ledger(configured: Path) -> Path:
    """What was done: one repaired alone, one escalated, one that did not hold."""
    keys = read_body_keys(configured.parent / "keys" / "bodies.key")
    store = SqliteStore(configured.parent / "ledger.db", keys=keys, clock=utc_now, randomness=secrets.token_bytes)
    with store.transaction() as tx:
        for one in (
            draft(Event.FINISHED, result=Result.SUCCESS, mttr_seconds=42, action_id="a1"),
            draft(Event.FINISHED, incident_id="i2", result=Result.SUCCESS, mttr_seconds=90, action_id="a2"),
            draft(
                Event.ESCALATED,
                incident_id="i3",
                decision=Decision.ESCALATED,
                reasons=(Reason.CANNOT_TELL,),
            ),
            draft(Event.REOBSERVED, incident_id="i2", result=Result.FAILURE, target=HOSTILE, cause="transient"),
        ):
            append(tx, one)
    store.close()
    return configured


def test_it_tells_what_was_fixed_refused_and_did_not_hold(byteport: Run, ledger: Path) -> None:
    said = byteport("report", "--since", "1d", "--json")
    assert said.code == 0
    told = json.loads(said.out)
    assert told["records"] == 4
    assert told["acted_alone_and_held"] == 1
    (pod,) = told["runbooks"]
    assert (pod["fixed_alone"], pod["did_not_hold"], pod["escalated"]) == (2, 1, 1)
    assert pod["mttr"] == {"count": 2, "p50": 42, "p90": 90, "longest": 90}
    assert [one["count"] for one in told["refusals"]] == [1]


def test_a_person_reads_the_same(byteport: Run, ledger: Path) -> None:
    said = byteport("report")
    assert said.code == 0
    assert "1 repaired alone and held" in said.out
    assert "PodCrashloopRunbook" in said.out


def test_markdown_holds_what_a_cluster_named_as_text_that_cannot_act(byteport: Run, ledger: Path) -> None:
    said = byteport("report", "--markdown")
    assert said.code == 0
    assert said.out.startswith("# BytePort, ")
    rows = [line for line in said.out.splitlines() if line.startswith("|")]
    tables = [len(row.split("|")) for row in rows]
    assert set(tables) == {len(head.split("|")) for head in rows if "runbook" in head}
    assert "\n# page" not in said.out
    assert "`<b>" not in said.out


def test_of_a_time_without_records_it_says_so(byteport: Run, ledger: Path) -> None:
    said = byteport("report", "--since", "2020-01-01", "--until", "2020-01-08")
    assert said.code == 0
    assert said.out.startswith("No record between 2020-01-01 00:00 UTC and 2020-01-08 00:00 UTC.\n")
    assert ": the log begins then." in " ".join(said.out.split())
    assert (
        json.loads(byteport("report", "--since", "2020-01-01", "--until", "2020-01-08", "--json").out)["records"] == 0
    )


def test_without_a_ledger_it_says_that_nothing_was_recorded(byteport: Run, configured: Path) -> None:
    said = byteport("report")
    assert said.code == 2
    assert "nothing has been recorded here" in said.err


@pytest.mark.parametrize("text", ["", "7", "seven days", "0d", "7y", "99999w", "-1d", "2026", "2026-13-01", "d7"])
def test_a_time_that_is_none_is_refused_with_the_form_that_is_meant(byteport: Run, ledger: Path, text: str) -> None:
    said = byteport("report", f"--since={text}")
    assert said.code == 2
    assert "--since" in said.err


def test_the_end_is_after_the_beginning(byteport: Run, ledger: Path) -> None:
    assert byteport("report", "--since", "1d", "--until", "2d").code == 2
    assert byteport("report", "--markdown", "--json").code == 2


def test_how_long_ago_may_be_said_in_hours_days_and_weeks() -> None:
    assert [moment("--since", text, NOW) for text in ("12h", "7d", "4w", "2026-03-01")] == [
        NOW - timedelta(hours=12),
        NOW - timedelta(days=7),
        NOW - timedelta(weeks=4),
        datetime(2026, 3, 1, tzinfo=UTC),
    ]
    with pytest.raises(MalformedInput):
        moment("--since", "x", NOW)
