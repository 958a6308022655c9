"""The floors: that the contracts stand, that no room escapes them, and that the ban on clocks and I/O bites.

`make check` runs the contracts; these tests see to it that a new room cannot be forgotten in them.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import ROOT, pure_rooms, pyproject, python_files


def contract(name: str) -> dict[str, Any]:
    (found,) = [c for c in pyproject()["tool"]["importlinter"]["contracts"] if c["id"] == name]
    return dict(found)


def rooms() -> set[str]:
    inside = (ROOT / "byteport").iterdir()
    return {p.stem for p in inside if (p / "__init__.py").exists() or (p.suffix == ".py" and p.stem != "__init__")}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).parts)


def test_every_contract_is_named_by_a_sentence() -> None:
    names = [c["name"] for c in pyproject()["tool"]["importlinter"]["contracts"]]
    assert len(names) >= 6
    assert all(len(name.split()) >= 5 for name in names)


def test_every_room_stands_on_a_floor() -> None:
    placed = set(re.findall(r"byteport\.(\w+)", " ".join(contract("floors")["layers"])))
    assert rooms() - placed == set()


@pytest.mark.parametrize("name", ["no-temporal", "no-io"])
def test_every_pure_room_is_held_to_be_pure(name: str) -> None:
    assert {dotted(room) for room in pure_rooms()} | {"byteport.errors"} == set(contract(name)["source_modules"])


def test_workflows_may_not_import_settings_or_telemetry_once_they_exist() -> None:
    existing = {f"byteport.{room}" for room in rooms() & {"settings", "telemetry"}}
    assert existing - set(contract("workflows-no-io")["forbidden_modules"]) == set()


def test_every_pure_room_and_the_workflows_extend_the_ban() -> None:
    for room in [ROOT / "workflows", *pure_rooms()]:
        depth = len(room.relative_to(ROOT).parts)
        assert (room / "ruff.toml").read_text() == f'extend = "{"../" * depth}ruff-pure.toml"\n', room


@pytest.mark.parametrize("room", ["workflows", "byteport/domain", "byteport/audit"])
def test_the_ban_bites(room: str) -> None:
    code = (
        '"""Each line but this is a fault."""\n'
        "import datetime, os, random, socket, time, uuid, aiohttp, requests\n"
        "NOW = datetime.datetime.now(datetime.UTC)\n"
        "ID = uuid.uuid4()\n"
        "HOME = os.environ\n"
        "TEXT = open('x')\n"
    )
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff), "check", "--output-format=concise", "--stdin-filename", f"{room}/probe.py", "-"]
    said = subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False).stdout
    banned = set(re.findall(r"TID251 `([\w.]+)`", said))
    assert banned >= {
        *("random", "socket", "time", "aiohttp", "requests"),
        *("datetime.datetime.now", "uuid.uuid4", "os.environ"),
    }
    assert "PTH123" in said


def third_party_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"byteport"}


FORMS = {"canonical.py": {"rfc8785"}, "yaml_text.py": {"yaml"}}
"""The two modules that know how values are written, and the one library that each may know for it."""


def test_the_domain_knows_nothing_but_pydantic_and_the_forms_of_text() -> None:
    ground = [
        ROOT / "byteport" / "errors.py",
        *(p for p in python_files("byteport") if p.parent.name == "domain"),
    ]
    for path in ground:
        allowed = {"pydantic", "pydantic_core"} | FORMS.get(path.name, set())
        assert third_party_imports(path) <= allowed, path
