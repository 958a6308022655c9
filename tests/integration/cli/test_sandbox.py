"""From a breaking pod to a verified record, by what a person types: whole processes, so `make test-slow` runs them."""

import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from byteport.cli.exits import Exit
from tests.integration.cli.conftest import PROGRAM, Byteport, Said

TARGET = "playground/deployment/web"

pytestmark = [pytest.mark.xdist_group("cli-sandbox"), pytest.mark.slow]


class Repair(NamedTuple):
    """What was said on the way from a breaking pod to its repair."""

    plan: dict[str, Any]
    without_yes: Said
    unsigned: Said
    taken: Said
    late: Said
    run: dict[str, Any]


@pytest.fixture(scope="module")
def repair(byteport: Byteport) -> Repair:
    assert byteport("sandbox", "break", "transient").code == Exit.OK
    (plan,) = byteport.until("a plan to wait", "approve", holds=lambda plans: len(plans) == 1)
    digest = plan["plan_digest"]
    without_yes = byteport("approve", digest[:8])
    unsigned = byteport("approve", digest, "--unsigned", "--yes", "--json")
    taken = byteport("approve", digest[:8], "--reason", "seen", "--yes", "--json")
    runs = byteport.until("the run to close", "runs", holds=lambda runs: runs[0]["status"] == "completed")
    return Repair(plan, without_yes, unsigned, taken, byteport("approve", digest, "--yes", "--json"), runs[0])


def test_a_plan_is_shown_and_only_a_signed_yes_to_it_is_taken(repair: Repair) -> None:
    assert repair.plan["command"].startswith("kubectl delete pod web-")
    assert (repair.without_yes.code, "--yes" in repair.without_yes.err) == (Exit.USAGE, True)
    assert (repair.unsigned.code, repair.unsigned.json["verdict"]["because"]) == (Exit.REFUSED, "unsigned")
    assert repair.taken.code == Exit.OK, repair.taken.err
    verdict = repair.taken.json["verdict"]
    assert (verdict["principal"], verdict["signed"]) == ("operator", True)
    assert (repair.late.code, repair.late.json["verdict"]["because"]) == (Exit.REFUSED, "closed")


def test_after_the_yes_the_pod_is_repaired_verified_and_recorded(byteport: Byteport, repair: Repair) -> None:
    assert (repair.run["decision"], repair.run["phase"]) == ("acted", "closed")
    assert repair.run["mttr_seconds"] > 0
    shown = byteport("show", TARGET, "--json").json
    assert (shown["decision"], shown["result"], shown["cause"]) == ("acted", "success", "transient")
    assert re.search(
        r"fact +Pod/playground/web-\S+: waiting = crash_loop_backoff", byteport("show", TARGET, "--why").out
    )
    incident = byteport("records", "--incident", shown["incident_id"], "--json").json
    events = [record["event"] for record in incident]
    acts = [event for event in events if event in ("planned", "started", "finished")]
    assert acts == ["planned", "started", "finished"]
    assert events.count("rejected") >= 1, "the unsigned answer is recorded as refused"
    verified = byteport("verify-log", incident[0]["id"], "--json")
    assert (verified.code, verified.json["report"]["intact"]) == (Exit.OK, "intact")
    assert byteport("verify-log", "--all").code == Exit.OK


def test_a_run_is_told_as_a_timeline_and_replays_from_the_server_and_from_a_file(
    byteport: Byteport, repair: Repair
) -> None:
    run = repair.run["workflow_id"]
    told = byteport("replay", run, "--run-id", repair.run["run_id"], "--save", "history.json", "--json")
    assert told.code == Exit.OK, told.out
    assert told.json["replay"] == {"same": True, "failure": None, "differences": []}
    words = [line["what"] for line in told.json["timeline"]]
    assert words[0] == "RemediationWorkflow starts"
    assert any(line.startswith("symptom: pod_crashloop") for line in words)
    assert any("(kubernetes.delete_pod)" in line for line in words)

    saved = (byteport.folder / "history.json").read_text()
    assert "playground/web-" not in saved, "a saved history is encrypted"
    assert byteport("replay", "history.json", "--workflow-id", run).code == Exit.OK
    moved = byteport("replay", "history.json")
    assert moved.code == Exit.REFUSED
    assert "another workflow" in moved.err


def test_an_escalation_is_acknowledged_once_and_by_name(byteport: Byteport, repair: Repair) -> None:
    nothing = byteport("ack", TARGET)
    assert nothing.code == Exit.REFUSED
    assert "nothing to take over" in nothing.err
    assert byteport("sandbox", "break", "oom").code == Exit.OK
    state = byteport.until("an escalation", "show", TARGET, holds=lambda shown: shown["phase"] == "escalated")
    assert state["cause"] == "oom_killed"
    assert byteport("ack", TARGET, "--as", "ada", "--note", "raising the limit").code == Exit.OK
    acknowledged = byteport.until(
        "its record",
        "records",
        "--incident",
        state["incident_id"],
        holds=lambda found: any(record["event"] == "acknowledged" for record in found),
    )
    (record,) = [record for record in acknowledged if record["event"] == "acknowledged"]
    assert (record["approver"], record["note"]) == ("claimed: ada", "raising the limit")


def test_halt_and_resume_say_who_and_are_recorded(byteport: Byteport) -> None:
    assert byteport("halt", "--reason", "drill", "--json").json["halt"]["by"] == "operator"
    again = byteport("halt")
    assert (again.code, "already halted by operator" in again.out) == (Exit.OK, True)
    assert byteport("resume").code == Exit.OK
    assert byteport("resume").out.strip() == "nothing was halted"
    ours = [record for record in byteport("records", "--json").json if record["event"] in ("halted", "resumed")]
    assert [(record["event"], record["approver"]) for record in ours[-3:]] == [
        ("halted", "operator"),
        ("halted", "operator"),
        ("resumed", "operator"),
    ]


def test_a_symptom_reported_by_hand_is_diagnosed_and_believed_no_more(byteport: Byteport) -> None:
    reported = byteport("signal", "failed_deploy", "deployment/no-such", "-n", "playground", "--json")
    assert reported.code == Exit.OK, reported.err
    shown = byteport.until(
        "the run to close", "show", "playground/deployment/no-such", holds=lambda state: state["decision"] is not None
    )
    assert shown["decision"] == "skipped"
    pod = byteport("signal", "pod_crashloop", "playground/pod/web-1")
    assert (pod.code, "the workload that controls the pod" in pod.err) == (Exit.USAGE, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "playground/deployment/none"], Exit.NOT_FOUND),
        (["show", "remediate:none"], Exit.NOT_FOUND),
        (["replay", "remediate:none"], Exit.NOT_FOUND),
        (["approve", "0" * 64, "--yes"], Exit.NOT_FOUND),
        (["approve", "abcdef012345", "--yes"], Exit.NOT_FOUND),
        (["approve", "xyz", "--yes"], Exit.USAGE),
        (["verify-log"], Exit.USAGE),
        (["verify-log", "nonsense"], Exit.USAGE),
        (["sandbox", "break", "nonsense"], Exit.USAGE),
        (["sandbox", "up"], Exit.FINDING),
    ],
)
def test_what_cannot_be_done_is_one_line_and_the_documented_code(
    byteport: Byteport, arguments: list[str], code: Exit
) -> None:
    said = byteport(*arguments)
    assert said.code == code, said
    assert sum(line.startswith("error: ") for line in said.err.splitlines()) == 1


def test_the_doctor_finds_a_running_sandbox_well(byteport: Byteport, repair: Repair) -> None:
    said = byteport("doctor", "--json")
    assert said.code == Exit.OK, said.out
    outcomes = {check["name"]: check["outcome"] for check in said.json}
    assert outcomes["watch"] == outcomes["temporal"] == outcomes["log"] == "ok"


def test_the_doctor_names_a_key_that_others_can_read(byteport: Byteport) -> None:
    key = byteport.folder / ".byteport" / "keys" / "payload.key"
    key.chmod(0o644)
    try:
        said = byteport("doctor", "--json")
        runs = byteport("runs")
    finally:
        key.chmod(0o600)
    assert said.code == Exit.FINDING
    assert any("chmod 600" in check["finding"] for check in said.json)
    assert (runs.code, "chmod 600" in runs.err) == (Exit.USAGE, True)


def test_it_works_as_a_kubectl_plugin(byteport: Byteport, repair: Repair) -> None:
    said = byteport("runs", "--json", program=PROGRAM.with_name("kubectl-byteport"))
    assert said.code == Exit.OK
    assert said.json


def test_keys_and_state_are_for_their_owner_only(byteport: Byteport) -> None:
    state = byteport.folder / ".byteport"
    private = [state / "keys" / name for name in ("payload.key", "grant", "approver")]
    for path in (*private, state / "sandbox.json", state / "ledger.db"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_killed_sandbox_leaves_no_process(tmp_path: Path) -> None:
    """Even kill -9, which lets nothing of ours run any more."""
    program = Byteport(tmp_path)
    state = program("sandbox", "up", "--json").json
    os.kill(state["pid"], signal.SIGKILL)
    end = time.monotonic() + 60
    while _runs(state["temporal_pid"]):
        assert time.monotonic() < end, "Temporal outlived its sandbox"
        time.sleep(0.1)
    status = program("sandbox", "status")
    assert status.code == Exit.FINDING
    assert program("sandbox", "up").code == Exit.OK, "a killed sandbox must not keep the next one from starting"
    assert program("sandbox", "down").code == Exit.OK


def _runs(pid: int) -> bool:
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(said.strip()) and not said.startswith("Z")
