"""What a newcomer does first: the settings that README shows load, every link of the documents leads somewhere, and every
command that they say to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from byteport.domain.ceilings import Sight
from byteport.settings.load import load
from tests.house.commands import typed, unknown
from tests.house.tree import ROOT

README = (ROOT / "README.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "tests").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_the_settings_that_it_shows_load_and_stand_behind_no_boundary_that_is_not_installed(tmp_path: Path) -> None:
    [shown] = re.findall(r"^ *```yaml\n(.*?)^ *```", README, re.MULTILINE | re.DOTALL)
    config = tmp_path / "byteport.yaml"
    config.write_text("\n".join(line.removeprefix("   ") for line in shown.splitlines()))
    settings = load(config, {})
    assert not settings.boundary.enforced
    assert settings.boundary.sight is Sight.CLUSTER


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    broken = []
    for target in LINK.findall(_prose(document)):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (document.parent / name) if name else document
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in _headings(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_document_says_to_type_exists(document: Path) -> None:
    assert [(line, word) for line in typed(document.read_text()) if (word := unknown(line))] == []


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("byteport --config a.yaml doctor --instalation", "--instalation"),
        ("kubectl exec -n a deployment/b -- byteport verifylog --all", "verifylog"),
        ("byteport alarm rise full", "rise"),
        ("make proof", "proof"),
    ],
)
def test_one_that_does_not_exist_is_found(line: str, word: str) -> None:
    assert unknown(line) == word


def _prose(document: Path) -> str:
    return re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)


def _headings(document: Path) -> set[str]:
    """Anchors as they are made of headings: lower case, punctuation gone, blanks as hyphens."""
    titles = re.findall(r"^#+ +(.+?) *$", _prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
