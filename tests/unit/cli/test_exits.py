"""Every ending is one line on standard error and a documented exit code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from byteport.cli import commands
from byteport.cli.exits import Exit, exit_for
from byteport.cli.main import EXIT_CODES, app
from byteport.errors import (
    BytePortError,
    ConfigError,
    MalformedInput,
    NotPermitted,
    TargetGone,
    Throttled,
    Unavailable,
    UnknownOutcome,
)
from tests.house.tree import ROOT
from tests.unit.cli.conftest import Run

READERS = ["runs", "show", "approve", "reject", "ack"]
ARGUMENTS = {"show": ["shop/deployment/web"], "ack": ["shop/deployment/web"]}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a", "b"), Exit.USAGE),
        (MalformedInput("a", "b"), Exit.USAGE),
        (Unavailable("a"), Exit.UNREACHABLE),
        (Throttled("a"), Exit.UNREACHABLE),
        (UnknownOutcome("a"), Exit.UNREACHABLE),
        (NotPermitted("a"), Exit.REFUSED),
        (TargetGone("a"), Exit.NOT_FOUND),
        (BytePortError("a"), Exit.FINDING),
    ],
)
def test_an_error_ends_with_the_code_for_what_the_caller_must_do(error: BytePortError, code: Exit) -> None:
    assert exit_for(error) is code


@pytest.mark.parametrize("command", READERS)
def test_without_settings_a_command_names_the_missing_one(byteport: Run, command: str) -> None:
    said = byteport(command, *ARGUMENTS.get(command, []))
    assert said.code == Exit.USAGE
    assert said.err == "error: cluster: must be set, in the file or as BYTEPORT_CLUSTER_NAME\n"
    assert said.out == ""


@pytest.mark.parametrize("command", READERS)
def test_an_unreachable_temporal_is_one_line_with_its_address(byteport: Run, configured: Path, command: str) -> None:
    said = byteport(command, *ARGUMENTS.get(command, []))
    assert said.code == Exit.UNREACHABLE
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "127.0.0.1:1" in errors[0]
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["runs", "--nonsense"],
        ["runs", "--limit", "0"],
        ["show"],
        ["signal", "nonsense", "a/deployment/b"],
    ],
)
def test_a_wrong_command_line_is_one_line_that_says_where_help_is(byteport: Run, arguments: list[str]) -> None:
    said = byteport(*arguments)
    assert said.code == Exit.USAGE
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert "byteport --help" in said.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["disk_pressure", "shop/deployment/web"], "target: disk_pressure is a node's: write node/name"),
        (["pod_crashloop", "node/worker-1"], "target: pod_crashloop is a workload's: write namespace/kind/name"),
        (["pod_crashloop", "shop/pod/web-1"], "target: name the workload that controls the pod, not the pod"),
        (["pod_crashloop", "shop/deployment/web", "--value", "nan"], "signal.value: is not a finite number"),
        (["disk_pressure", "node/worker-1", "--threshold", "inf"], "signal.threshold: is not a finite number"),
        (["disk_pressure", "node/WORKER"], "signal.target.name: is not a name that Kubernetes accepts"),
    ],
)
def test_a_symptom_that_nothing_can_have_is_refused_before_anybody_is_told(
    byteport: Run, configured: Path, arguments: list[str], says: str
) -> None:
    said = byteport("signal", *arguments)
    assert (said.code, said.err) == (Exit.USAGE, f"error: {says}\n")


def test_a_named_settings_file_that_is_missing_is_one_line(byteport: Run) -> None:
    said = byteport("--config", "none.yaml", "runs")
    assert (said.code, said.err) == (Exit.USAGE, "error: config: none.yaml: No such file or directory\n")


def test_a_mistake_of_ours_is_one_line_too(byteport: Run, configured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("boom\nbang")

    monkeypatch.setattr("byteport.settings.load", broken)
    said = byteport("runs")
    assert said.code == Exit.INTERNAL
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err


def test_the_version_is_the_distributions(byteport: Run) -> None:
    said = byteport("--version")
    assert said.code == Exit.OK
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", said.out)


def test_every_exit_code_is_in_the_help_and_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    for code in Exit:
        assert re.search(rf"\b{code.value} ", EXIT_CODES), code
        assert re.search(rf"^\| {code.value} \|", reference, re.MULTILINE), code


def test_every_command_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    commands.add_commands(app)
    names = [
        (info.name or info.callback.__name__).replace("_", "-") for info in app.registered_commands if info.callback
    ]
    assert [name for name in names if f"`byteport {name}" not in reference] == []


def test_help_and_completion_answer_without_loading_temporal() -> None:
    """They run at every press of the tab key."""
    code = (
        "import sys\nfrom byteport.cli.main import invoke\n"
        "assert invoke(['--help']) == 0\n"
        "print([m for m in ('temporalio', 'kubernetes', 'cryptography', 'aiohttp') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.rstrip().endswith("[]")


def test_both_programs_complete_in_a_shell() -> None:
    for name, variable in (("byteport", "_BYTEPORT_COMPLETE"), ("kubectl-byteport", "_KUBECTL_BYTEPORT_COMPLETE")):
        program = Path(sys.executable).with_name(name)
        said = subprocess.run(
            [program],
            env={"PATH": "/usr/bin:/bin", variable: "complete_bash", "COMP_WORDS": f"{name} appr", "COMP_CWORD": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "approve" in said.stdout, said.stderr


@pytest.mark.parametrize(
    ("line", "wrong"), [(("notify", "test", "slak"), "slak"), (("signal", "slow", "shop/deployment/web"), "slow")]
)
def test_a_word_that_is_none_of_those_is_named_with_those_that_are(
    byteport: Run, line: tuple[str, ...], wrong: str
) -> None:
    said = byteport(*line)
    assert said.code == Exit.USAGE
    assert f"'{wrong}' is not one of '" in said.err
    assert "Value error" not in said.err
