"""`byteport replay` on a recorded history: told as a timeline, and the code found to do the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.worker import UnsandboxedWorkflowRunner

from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.domain.policy import Verdict, VerdictKind
from byteport.domain.reasons import Reason
from tests.replay import store
from workers import runner
from workflows.phases import gate


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings that name the published key, in a file that is the owner's only."""
    key = tmp_path / "payload.key"
    key.touch(mode=0o600)
    key.write_text(store.KEY.read_text())
    path = tmp_path / "config.yaml"
    path.write_text("cluster: {name: test}\ntemporal: {payload_key_file: payload.key}\n")
    return path


def replay(config: Path, story: str, workflow_id: str) -> int:
    (file,) = (store.HISTORIES / story).glob("*.json")
    return invoke(["--config", str(config), "replay", str(file), "--workflow-id", workflow_id, "--json"])


@pytest.mark.parametrize("story", ["remediation-closed-acted", "remediation-open-at-await", "approval-closed-approved"])
def test_a_recorded_history_is_told_and_replayed(config: Path, story: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(config, story, store.history(story).workflow_id) == Exit.OK
    told = json.loads(capsys.readouterr().out)
    assert told["replay"] == {"same": True, "failure": None, "differences": []}
    assert len(told["timeline"]) > 3


def test_what_was_decided_is_decided_again_from_the_history_alone(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    story = "remediation-closed-dry-run-planned"
    assert replay(config, story, store.history(story).workflow_id) == Exit.OK
    (planned, *_) = decisions = json.loads(capsys.readouterr().out)["decisions"]
    assert all(one["same"] and one["then"] == one["now"] for one in decisions)
    told = {name: planned["now"][name] for name in ("event", "decision", "cause", "reasons")}
    assert told == {
        "event": "planned",
        "decision": "dry_run_planned",
        "cause": "release_crashes",
        "reasons": ["mode_dry_run"],
    }
    assert planned["now"]["command"].startswith("kubectl rollout undo deployment/web")


def test_a_code_that_decides_otherwise_is_told_beside_what_was_decided(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code of today asks people about what was done alone."""

    def asks(*_: object) -> Verdict:
        return Verdict(kind=VerdictKind.AWAIT_APPROVAL, reasons=(Reason.MODE_DRY_RUN,))

    monkeypatch.setattr(gate, "judge", asks)
    monkeypatch.setattr(runner, "workflow_runner", UnsandboxedWorkflowRunner)
    story = "remediation-closed-acted"
    assert replay(config, story, store.history(story).workflow_id) == Exit.FINDING
    first = json.loads(capsys.readouterr().out)["decisions"][0]
    assert (first["then"]["event"], first["then"]["decision"]) == ("started", "acted")
    assert (first["now"]["event"], first["now"]["decision"]) == ("planned", "dry_run_planned")
    assert first["same"] is False


def test_under_another_id_it_does_not_open(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(config, "remediation-closed-acted", "remediate:another") == Exit.REFUSED
    assert "another workflow" in capsys.readouterr().err
