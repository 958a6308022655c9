"""What the checkout promises about itself: names that are ours, folders that shadow nothing, no address of anybody's machine."""

import importlib
import re

import pytest

from tests.house.tree import ROOT, TOP_LEVEL, files, python_files

# Written in two halves, so that this file does not hold what it forbids.
PACKAGE_INDEXES = [
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "proxy.golang" + ".org",
    "sum.golang" + ".org",
    "npmjs" + ".org",
    "npmjs" + ".com",
    "crates" + ".io",
    "repo.maven" + ".apache.org",
    "deb.debian" + ".org",
]
PLACES = [r"(?<![\w.~-])/work" + r"/", r"\.lib" + r"rary\b", r"\.\./" + r"shared/"]
FORBIDDEN = re.compile("|".join([*map(re.escape, PACKAGE_INDEXES), *PLACES]))


@pytest.mark.parametrize("name", TOP_LEVEL)
def test_the_package_that_python_imports_is_this_one(name: str) -> None:
    """Other distributions ship a top-level `workflows` or `workers`; one environment per installation keeps them out."""
    found = importlib.import_module(name).__file__
    assert found == str(ROOT / name / "__init__.py")


def test_every_folder_of_python_is_a_package() -> None:
    """Without `__init__.py`, pytest would put `tests/` on the path, and `tests/workflows` would shadow `workflows`."""
    folders = {path.parent for path in python_files("tests", *TOP_LEVEL)}
    assert [str(f.relative_to(ROOT)) for f in sorted(folders) if not (f / "__init__.py").exists()] == []


def test_no_file_names_a_package_index_or_a_place_on_somebodys_machine() -> None:
    found = []
    for path in files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := FORBIDDEN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    assert found == []


def test_no_test_module_is_named_so_that_pytest_would_not_collect_it() -> None:
    stray = [
        path.relative_to(ROOT)
        for path in python_files("tests")
        if re.search(r"^(async )?def test_", path.read_text(), re.MULTILINE) and not path.name.startswith("test_")
    ]
    assert stray == []
