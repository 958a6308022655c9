"""Every claim of the security pages has a test that proves it, every test that says so names a claim, and no page promises more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house import claims
from tests.house.claims import CLAIMS, PAGES, Item, relative
from tests.house.tree import ROOT

KNOWN = claims.claims(CLAIMS.read_text())
TEXTS = {relative(path): path.read_text() for path in PAGES}


def test_every_claim_has_a_test_that_proves_it() -> None:
    every = claims.proofs()
    assert [number for number in KNOWN if not claims.tests_of(number, every)] == []


def test_no_test_proves_a_claim_that_nobody_makes() -> None:
    unknown = [(proof.node, number) for proof in claims.proofs() for number in proof.numbers if number not in KNOWN]
    assert unknown == []


def test_every_claim_stands_on_a_page_word_for_word() -> None:
    said = {item for text in TEXTS.values() for item in claims.numbered(text)}
    assert [number for number, sentence in KNOWN.items() if Item(sentence, number) not in said] == []


def test_no_page_makes_a_claim_that_is_not_in_the_list_or_in_other_words() -> None:
    stray = [
        (page, item.number)
        for page, text in TEXTS.items()
        for item in claims.numbered(text)
        if KNOWN.get(item.number) != item.text
    ]
    assert stray == []


def test_no_page_refers_to_a_claim_that_nobody_makes() -> None:
    named = {(page, number) for page, text in TEXTS.items() for number in claims.NUMBER.findall(text)}
    assert [(page, number) for page, number in sorted(named) if number not in KNOWN] == []


def test_each_item_of_a_list_of_claims_has_a_number() -> None:
    assert {page: claims.unnumbered(text) for page, text in TEXTS.items()} == {page: [] for page in TEXTS}


def test_what_is_not_numbered_promises_nothing() -> None:
    """Say it in other words, or number it and mark the test that proves it: tests/house/claims.py tells how."""
    assert {page: claims.promises(text) for page, text in TEXTS.items()} == {page: [] for page in TEXTS}


def test_claims_are_numbered_in_order_and_are_one_sentence_each() -> None:
    assert list(KNOWN) == sorted(KNOWN)
    assert all(sentence.endswith(".") and ". " not in sentence for sentence in KNOWN.values())
    assert len(set(KNOWN.values())) == len(KNOWN)


def test_every_page_of_the_folder_is_looked_at() -> None:
    generated = {claims.SECURITY / "permissions.md", CLAIMS}
    assert set(claims.SECURITY.glob("*.md")) - generated <= set(PAGES)


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", [*PAGES, CLAIMS, ROOT / "SECURITY.md"], ids=lambda path: path.name)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        headings = re.findall(r"^#+ (.+)$", found.read_text(), re.MULTILINE) if found.is_file() else []
        if not found.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(target)
    assert broken == []


PAGE = """# Never mind a heading

- It does this. [C-001]
- It does
  that. [C-002]

It never says so here, > nor here.

> It never counts in a quotation.

| it never | counts in a table |

- a list
- of other things

```
it never counts in code
```
"""


def test_the_numbered_items_of_a_page_are_its_claims() -> None:
    assert claims.numbered(PAGE) == [Item("It does this.", "C-001"), Item("It does that.", "C-002")]
    assert claims.unnumbered(PAGE) == []
    assert claims.promises(PAGE) == ["It never says so here, > nor here."]


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("- one. [C-001]\n- two.\n", ["two."]),
        ("- one. [C-001]\n- two [C-1]\n", ["two [C-1]"]),
        ("- one.\n- two.\n", []),
        ("- one. [C-001]\n\n- another list.\n", []),
    ],
)
def test_an_item_without_a_number_among_claims_is_found(page: str, found: list[str]) -> None:
    assert claims.unnumbered(page) == found


def test_a_promise_in_a_list_without_numbers_is_found() -> None:
    assert claims.promises("- it is\n  never done\n- and more\n") == ["it is never done"]


SOURCE = """
import pytest
pytestmark = [pytest.mark.asyncio, pytest.mark.claim("C-001")]

@pytest.mark.claim("C-002", "C-003")
@pytest.mark.parametrize("a", [1])
async def test_one(a): ...

def test_two(): ...

@pytest.mark.claim("C-004")
class TestMore:
    def test_three(self): ...
"""


def test_markers_of_tests_classes_and_modules_are_found_without_collecting() -> None:
    assert claims.proofs_in(SOURCE, "tests/a.py") == [
        claims.Proof("tests/a.py::test_one", ("C-001", "C-002", "C-003")),
        claims.Proof("tests/a.py::test_two", ("C-001",)),
        claims.Proof("tests/a.py::TestMore::test_three", ("C-001", "C-004")),
    ]


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.claim(f'C-{1}')\ndef test_a(): ...",
        "@pytest.mark.claim('C-001')\ndef helper(): ...",
        "@pytest.mark.parametrize('a', [pytest.param(1, marks=pytest.mark.claim('C-001'))])\ndef test_a(a): ...",
    ],
)
def test_a_marker_that_marks_no_test_is_an_error(source: str) -> None:
    with pytest.raises(ValueError, match="claim"):
        claims.proofs_in(source, "tests/a.py")


def test_a_number_that_is_there_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="C-001"):
        claims.claims("| C-001 | One. |\n| C-001 | Two. |\n")


def test_the_list_of_tests_below_the_claims_is_no_list_of_claims() -> None:
    assert claims.claims(f"| C-001 | One. |\n{claims.PROVED_BY}\n| C-001 | `a` |\n") == {"C-001": "One."}


PUBLIC_STATUSES = (
    "| Encryption at rest | ✓ Active | AES-256 via Neon PostgreSQL + provider-level encryption |",
    "| Encryption in transit | ✓ Active | TLS 1.3 minimum; HSTS enforced |",
    "| Access control | ✓ Active | Principle of least privilege throughout; Kubernetes RBAC as documented above |",
    "| Audit logging | ✓ Active | Immutable, hash-chained audit records for every agent decision |",
    "| Logical data isolation | ✓ Active | No cross-tenant data access; per-customer row-level scoping in PostgreSQL |",
    "| Dependency CVE scanning | ✓ Active | Dependabot + npm audit + Trivy on every PR |",
    "| Signed container images | ✓ Active | cosign + Sigstore transparency log |",
    "| SOC 2 Type II | Roadmap Q4 2026 | Audit engagement in planning. Interim security review materials available on request. |",
    "| GDPR / data processor agreement | Available on request | DPA available for Growth and Scale customers. Email us. |",
    "| HIPAA | Not applicable | BytePort does not process or store protected health information. Do not use for HIPAA-covered workloads without a BAA. |",
    "| PCI-DSS | Not yet | Avoid deploying in cardholder data environments until PCI assessment is complete. |",
    "| security@byteport.polsia.app | Vulnerability disclosures, suspected breaches, access anomalies | 24 hours — acknowledgment; triage within 72 hours |",
    "| byteport@polsia.app | General security questions, compliance documentation requests | 2 business days |",
)


def test_disclosure_times_and_compliance_statuses_are_those_of_the_public_page_word_for_word() -> None:
    lines = (claims.SECURITY / "README.md").read_text().splitlines()
    assert [row for row in PUBLIC_STATUSES if row not in lines] == []


def test_the_security_policy_names_the_same_addresses_and_times() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert re.search(r"security@byteport\.polsia\.app", text)
    assert re.search(r"acknowledg\w+ within \*\*24 hours\*\*", text)
    assert re.search(r"within \*\*72 hours\*\*", text)
