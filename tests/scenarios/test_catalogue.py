"""The suite is whole: every file is in the catalogue, every row is covered, and the README says which file shows which."""

from collections import Counter
from pathlib import Path

from tests.scenarios.catalogue import FILES, files_of, scenarios
from tests.scenarios.model import BOTH, Row

FOLDER = Path(__file__).parent


def test_every_file_is_in_the_catalogue() -> None:
    found = {file.stem for file in (FOLDER / "rows").glob("*.py")} - {"__init__"}
    assert found == set(FILES)
    assert len(FILES) == len(set(FILES))


def test_every_row_is_covered() -> None:
    missing = [row.value for row in Row if not files_of(row)]
    assert missing == []


def test_no_two_scenarios_have_one_name() -> None:
    twice = [name for name, times in Counter(one.name for one in scenarios()).items() if times > 1]
    assert twice == []


def test_a_scenario_that_is_shown_on_one_kind_of_cluster_says_why() -> None:
    assert all(one.why_not for one in scenarios() if one.shown_on != BOTH)


def test_the_readme_lists_each_row_with_its_files() -> None:
    lines = (FOLDER / "README.md").read_text().splitlines()
    for row in Row:
        files = ", ".join(f"`{name}`" for name in files_of(row))
        assert any(line.startswith(f"| {row.value} |") and files in line for line in lines), row.value
