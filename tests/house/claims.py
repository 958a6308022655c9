"""The claims of the security pages: what each says, on which page it stands, and which tests carry its number.

Everything is read as text: the pages as Markdown, the tests as syntax trees, so that nothing has to be collected. Before
it come the pages; after it `test_claims.py`, which holds them together, and `prove.py`, which runs the claims' tests.

On a page a claim is an item of a list that ends with its number, `[C-012]`. A list with one such item is a list of
claims, and each item of it has a number. Outside of them no page uses a word of promise (`PROMISES`), except in
quotations, tables and code: what cannot be numbered must be said in other words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.house.tree import ROOT, python_files

SECURITY = ROOT / "docs" / "security"
CLAIMS = SECURITY / "claims.md"
PAGES = (
    SECURITY / "README.md",
    SECURITY / "stolen-token.md",
    SECURITY / "data-boundary.md",
    SECURITY / "hardening.md",
    SECURITY / "review.md",
    ROOT / "docs" / "runbooks" / "rbac.md",
)
"""Pages that make claims."""
PROVED_BY = "## What proves them"
"""Heading of the generated part of `claims.md`."""
NUMBER = re.compile(r"C-\d{3}")
PROMISES = re.compile(r"\b(never|always|cannot|guarantee\w*|impossible|under no circumstances)\b", re.IGNORECASE)

_ROW = re.compile(r"^\| (C-\d{3}) \| (.+) \|$", re.MULTILINE)
_ITEM = re.compile(r"^( *)[-*] +(.*)$")
_NUMBERED = re.compile(r"^(?P<sentence>.*\S) \[(?P<number>C-\d{3})\]$")


class Item(NamedTuple):
    """One item of a list on a page, on one line; without a number when it makes no claim."""

    text: str
    number: str


class Proof(NamedTuple):
    """One test, by the words that pytest takes, and the claims that it carries."""

    node: str
    numbers: tuple[str, ...]


def claims(text: str) -> dict[str, str]:
    """Number and sentence of each claim in `claims.md`, in order; below `PROVED_BY` its tests are listed.

    Raises `ValueError` for a number that is there twice.
    """
    found: dict[str, str] = {}
    for number, sentence in _ROW.findall(text.split(PROVED_BY)[0]):
        if number in found:
            raise ValueError(f"{number} is there twice")
        found[number] = sentence
    return found


def lists(text: str) -> Iterator[list[Item]]:
    """Every list of a page, its items joined to one line each; code is left out."""
    current: list[str] = []
    for line in [*_prose(text), ""]:
        if begins := _ITEM.match(line):
            current.append(begins.group(2).strip())
        elif current and line.startswith("  ") and line.strip():
            current[-1] += f" {line.strip()}"
        elif current and line.strip() == "":
            yield [_item(one) for one in current]
            current = []


def numbered(text: str) -> list[Item]:
    """The claims that a page makes."""
    return [item for one in lists(text) for item in one if item.number]


def unnumbered(text: str) -> list[str]:
    """Items without a number in lists of claims."""
    return [item.text for one in lists(text) if any(item.number for item in one) for item in one if not item.number]


def promises(text: str) -> list[str]:
    """Lines that promise something outside of claims, quotations, tables, headings and code."""
    claimed = {item.text for item in numbered(text)}
    items = [item.text for one in lists(text) for item in one]
    loose = [item for item in items if item not in claimed and PROMISES.search(item)]
    in_lists = False
    for line in _prose(text):
        in_lists = bool(_ITEM.match(line)) or (in_lists and line.startswith("  ") and line.strip() != "")
        if not in_lists and not line.startswith((">", "|", "#")) and PROMISES.search(line):
            loose.append(line)
    return loose


def proofs_in(source: str, path: str) -> list[Proof]:
    """The marked tests of one file. Raises `ValueError` for a marker whose numbers are not plain words, or in a place where
    it would mark nothing that is known here (a parameter, a fixture)."""
    tree = ast.parse(source)
    everywhere = _numbers(_of_module(tree))
    found, seen = [], len(_of_module(tree))
    for node, prefix, inherited, markers in _tests(tree.body, f"{path}::", everywhere):
        seen += markers
        if inherited:
            found.append(Proof(prefix + node.name, inherited))
    total = sum(_is_claim(call) for call in ast.walk(tree))
    of_classes = sum(len(_markers(node.decorator_list)) for node in tree.body if isinstance(node, ast.ClassDef))
    if seen + of_classes != total:
        raise ValueError(f"{path} has a claim on something that is no test, class or module")
    return found


@cache
def proofs() -> tuple[Proof, ...]:
    """Every marked test of the suite."""
    files = [path for path in python_files("tests") if "mark.claim(" in path.read_text()]
    return tuple(
        proof
        for path in sorted(files)
        if path.name.startswith("test_")
        for proof in proofs_in(path.read_text(), path.relative_to(ROOT).as_posix())
    )


def tests_of(number: str, every: Iterable[Proof]) -> list[str]:
    """The tests that carry a claim's number."""
    return [proof.node for proof in every if number in proof.numbers]


def table() -> str:
    """For each claim its tests, as `claims.md` shows them."""
    every = proofs()
    lines = [PROVED_BY, "", "| claim | tests |", "|---|---|"]
    for number in claims(CLAIMS.read_text()):
        tests = "<br>".join(f"`{node.removeprefix('tests/')}`" for node in tests_of(number, every))
        lines.append(f"| {number} | {tests} |")
    return "\n".join(lines) + "\n"


def _prose(text: str) -> Iterator[str]:
    """The lines of a page outside of blocks of code and comments."""
    code = False
    for line in re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).splitlines():
        if line.lstrip().startswith("```"):
            code = not code
        elif not code:
            yield line


def _item(text: str) -> Item:
    found = _NUMBERED.match(text)
    return Item(found["sentence"], found["number"]) if found else Item(text, "")


_Test = ast.FunctionDef | ast.AsyncFunctionDef


def _tests(
    body: list[ast.stmt], prefix: str, inherited: tuple[str, ...]
) -> Iterator[tuple[_Test, str, tuple[str, ...], int]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            of_class = (*inherited, *_numbers(_markers(node.decorator_list)))
            yield from _tests(node.body, f"{prefix}{node.name}::", of_class)
        elif isinstance(node, _Test) and node.name.startswith("test_"):
            own = _markers(node.decorator_list)
            yield node, prefix, (*inherited, *_numbers(own)), len(own)


def _of_module(tree: ast.Module) -> list[ast.Call]:
    values = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in node.targets)
    ]
    flat = [one for value in values for one in (value.elts if isinstance(value, ast.List | ast.Tuple) else [value])]
    return _markers(flat)


def _markers(nodes: Iterable[ast.expr]) -> list[ast.Call]:
    return [node for node in nodes if isinstance(node, ast.Call) and _is_claim(node)]


def _is_claim(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func) == "pytest.mark.claim"
    )


def _numbers(calls: Iterable[ast.Call]) -> tuple[str, ...]:
    words = [word for call in calls for word in call.args]
    plain = [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]
    if len(plain) != len(words):
        raise ValueError("a claim is marked by its number as a plain word")
    return tuple(plain)


def relative(path: Path) -> str:
    """A path as the checkout names it."""
    return path.relative_to(ROOT).as_posix()
