"""That no line of the code, no setting and no value of the chart takes the log to a receiver that was not verified."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from byteport.settings.load import known_keys
from tests.house.tree import ROOT, TOP_LEVEL, python_files

OFF_WORDS = {"CERT_NONE", "_create_unverified_context", "_create_stdlib_context", "disable_warnings", "assert_hostname"}
OFF_WHEN_FALSE = {"check_hostname", "verify", "verify_ssl", "ssl", "verify_hostname", "ssl_verify"}
ENVIRONMENT = {"trust_env"}
OF_THE_CLUSTER = "activities/kubernetes/credentials.py"
"""Does as the kubeconfig says, which is the administrator's; `byteport doctor` names it when that verifies nobody."""
TELLS_OF_IT = re.compile(r"(?i)insecure|verif(?!ier)|skip|check_?host|allow_?http|plain_?text|self_?signed")


def ways_around(code: str) -> Iterator[str]:
    """Every place of a program at which TLS would verify nobody, or the environment would choose the way."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute | ast.Name) and _name(node) in OFF_WORDS:
            yield _name(node)
        elif isinstance(node, ast.Assign) and _is(node.value, value=False):
            yield from (_name(to) for to in node.targets if _name(to) in OFF_WHEN_FALSE)
        elif isinstance(node, ast.keyword) and _is_off(node):
            yield str(node.arg)


def _is_off(node: ast.keyword) -> bool:
    off = _is(node.value, value=False)
    return (node.arg in OFF_WHEN_FALSE and off) or (node.arg in ENVIRONMENT and not off)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is(node: ast.expr, *, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("context.verify_mode = ssl.CERT_NONE", ["CERT_NONE"]),
        ("context.check_hostname = False", ["check_hostname"]),
        ("requests.get(url, verify=False)", ["verify"]),
        ("aiohttp.TCPConnector(ssl=False)", ["ssl"]),
        ("aiohttp.ClientSession(trust_env=True)", ["trust_env"]),
        ("from ssl import CERT_NONE\nmode = CERT_NONE", ["CERT_NONE"]),
        ("ssl._create_unverified_context()", ["_create_unverified_context"]),
        ("aiohttp.ClientSession(trust_env=False, ssl=context)\ncontext.check_hostname = True", []),
    ],
)
def test_a_way_around_is_found(code: str, found: list[str]) -> None:
    assert [*ways_around(code)] == found


@pytest.mark.claim("C-150")
def test_review_14_no_line_of_the_program_verifies_nobody() -> None:
    found = {
        str(path.relative_to(ROOT)): ways
        for path in python_files(*TOP_LEVEL)
        if (ways := [*ways_around(path.read_text())]) and str(path.relative_to(ROOT)) != OF_THE_CLUSTER
    }
    assert found == {}


def test_review_14_contexts_of_tls_for_receivers_are_made_in_one_place() -> None:
    makes = re.compile(r"SSLContext\(|create_default_context|wrap_socket\(")
    made = {
        path.name
        for path in python_files("activities")
        if path.parent.name == "export" and makes.search(path.read_text())
    }
    assert made == {"tls.py", "syslog.py"}
    assert "SSLContext(" not in (ROOT / "activities" / "export" / "syslog.py").read_text()


@pytest.mark.claim("C-150")
def test_review_14_no_setting_of_the_log_tells_of_a_way_around() -> None:
    of_the_log = [key for key in known_keys() if key.startswith("audit.")]
    assert "audit.export.ca_file" in of_the_log
    assert [key for key in of_the_log if TELLS_OF_IT.search(key)] == []


def values(tree: Any, path: str = "") -> Iterator[str]:
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield f"{path}.{key}"
            yield from values(inner, f"{path}.{key}")


@pytest.mark.claim("C-150")
def test_review_14_no_value_of_the_chart_tells_of_a_way_around() -> None:
    chart = ROOT / "charts" / "byteport-agent"
    keys = [*values(yaml.safe_load((chart / "values.yaml").read_text()))]
    assert len(keys) > 20
    assert [key for key in keys if TELLS_OF_IT.search(key)] == []


def test_review_14_no_variable_of_the_environment_is_read_where_receivers_are_spoken_to() -> None:
    reads = re.compile(r"os\.environ|getenv\(")
    reading = {path.name for path in (ROOT / "activities" / "export").glob("*.py") if reads.search(path.read_text())}
    assert reading <= OWN_IDENTITY


OWN_IDENTITY = {"aws.py", "google.py"}
"""Where a cloud tells a pod by variables who it is."""
