"""What the documentation says of runbooks, reasons and policy is what the code does."""

from __future__ import annotations

from byteport.boundary import matrix
from byteport.domain.reasons import Cause, Reason
from tests.house.pages import MARK, SLUGS, documents, pages, with_hand_written
from tests.house.tree import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"


def test_the_pages_say_what_the_code_says() -> None:
    """Write them again with: make docs"""
    stale = [path.name for path, text in pages().items() if path.read_text() != with_hand_written(path, text)]
    assert stale == []


def test_the_documents_are_what_the_code_makes() -> None:
    """Write them again with: make docs"""
    assert [path.name for path, text in documents().items() if path.read_text() != text] == []


def test_the_permission_matrix_is_generated_whole() -> None:
    assert (ROOT / "docs" / "security" / "permissions.md").read_text() == matrix.page()


def test_each_page_also_says_why() -> None:
    pages_by_hand = [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "reference" / "policy.md"]
    short = [path.name for path in pages_by_hand if len(path.read_text().split(MARK)[0].split()) < 40]
    assert short == []


def test_every_runbook_has_a_page_and_every_page_a_runbook() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {*SLUGS.values(), "reasons", "rbac"}


def test_every_reason_and_cause_is_answered() -> None:
    text = (RUNBOOKS / "reasons.md").read_text()
    assert [word.value for word in (*Reason, *Cause) if f"`{word.value}`" not in text] == []
