"""`byteport explain`: files in, one answer out, and one line for whatever cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from byteport.cli.explain import _log, documents_of, explain
from byteport.errors import MalformedInput
from byteport.kubernetes.world import LogKey
from tests.builders.objects import stamp
from tests.builders.workload import Workload

app = typer.Typer()
app.command()(explain)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def crashing() -> Workload:
    shop = Workload()
    shop.crash(0)
    return shop


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "bundle.json"
    path.write_text(json.dumps({"now": stamp(0), "objects": crashing().objects()}))
    return path


def test_one_file_prints_one_answer(bundle: Path) -> None:
    answer = json.loads(run(str(bundle), "--json").output)
    assert answer["act"] == "delete_pod"
    assert answer["escalate"] is False


def test_several_files_print_a_list_that_names_them(bundle: Path) -> None:
    answers = json.loads(run(str(bundle), str(bundle), "--json").output)
    assert [answer["bundle"] for answer in answers] == [str(bundle)] * 2


def test_a_person_reads_what_would_be_done_and_why(bundle: Path) -> None:
    told = run(str(bundle)).output
    assert "kubectl delete pod" in told
    assert "exit_code" in told


def test_the_mode_is_asked_for(bundle: Path) -> None:
    assert json.loads(run(str(bundle), "--json", "--mode", "observe").output)["act"] is None


def test_yaml_of_kubectl_is_read_with_the_moment_and_the_log_beside_it(tmp_path: Path) -> None:
    shop = crashing()
    saved, log = tmp_path / "all.yaml", tmp_path / "tail.txt"
    saved.write_text(yaml.safe_dump_all(shop.objects()))
    log.write_text("connect ECONNREFUSED 10.0.0.5:5432\n")
    plain = json.loads(run(str(saved), "--json", "--now", "2026-03-10T09:00:00Z").output)
    assert plain["act"] == "delete_pod"
    key = f"shop/{shop.name_of(0)}/web={log}"
    told = json.loads(run(str(saved), "--json", "--now", "2026-03-10T09:00:00Z", "--logs", key).output)
    assert told["act"] is None
    assert told["incidents"][0]["class"] == "dependency_down"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON: line 1"),
        ('{"objects": [1]}', "objects[0]: a Kubernetes object"),
        ("a: [1\nb: 2", "not YAML: line 2"),
        ("a: &x [1]\nb: *x", "aliases are not taken"),
        ("[" * 100_000, "nested too deeply"),
        ("", "there is no document"),
        ("just words", "a mapping is wanted"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad"
    path.write_text(text)
    result = run(str(path))
    assert isinstance(result.exception, MalformedInput)
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MalformedInput, match="not UTF-8 at byte 0"):
        documents_of(path)


@pytest.mark.parametrize("by_pipe", [False, True])
def test_more_than_is_read_is_refused_and_never_answered_by_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_pipe: bool
) -> None:
    text = "kind: PodList\nitems: []\n---\nkind: PodList\nitems: []\n"
    monkeypatch.setattr("byteport.cli.explain.MOST_BYTES", 32)
    path = tmp_path / "large"
    path.write_text(text)
    result = CliRunner().invoke(app, ["-"], input=text) if by_pipe else run(str(path))
    assert isinstance(result.exception, MalformedInput)
    assert "larger than" in str(result.exception)


def test_a_byte_order_mark_on_standard_input_is_no_text() -> None:
    said = CliRunner().invoke(app, ["-"], input=b'\xef\xbb\xbf{"kind": "PodList", "items": []}')
    assert "nothing is wrong" in said.output


def test_a_control_character_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad"
    path.write_bytes(b"kind: Pod\x00\n")
    with pytest.raises(MalformedInput, match="special characters are not allowed"):
        documents_of(path)


def test_of_a_long_log_its_end_counts(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"begin " + b"x" * (3 * 2**16) + b" end")
    key, tail = _log(f"a/b/c={path}")
    assert (key, len(tail), tail[-4:]) == (LogKey("a", "b", "c"), 2**16, " end")


@pytest.mark.parametrize(
    "arguments", [["--logs", "nonsense"], ["--logs", "a/b=c"], ["--now", "noon"], ["--logs", "a/b/c=/no/such/file"]]
)
def test_a_wrong_argument_is_one_line(bundle: Path, arguments: list[str]) -> None:
    assert isinstance(run(str(bundle), *arguments).exception, MalformedInput)


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    assert isinstance(run(str(tmp_path / "absent")).exception, MalformedInput)
