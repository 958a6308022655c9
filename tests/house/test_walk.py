"""The life of a signal in ARCHITECTURE.md names real places: each `file : name` is there to be opened."""

import importlib
import re
from functools import reduce
from pathlib import PurePosixPath

import pytest

from tests.house.tree import ROOT

WALK = "## The life of one crash-loop signal"
_PLACE = re.compile(r"`([a-z_/]+\.py) : ([A-Za-z_.]+)`")


def places() -> list[tuple[str, str]]:
    """Every `file : name` of the walk, in its order."""
    told = (ROOT / "ARCHITECTURE.md").read_text().split(WALK)[1].split("\n## ")[0]
    return _PLACE.findall(told)


def test_the_walk_goes_from_the_watch_to_the_record() -> None:
    files = [file for file, _ in places()]
    assert len(files) >= 20
    assert files[0] == "activities/kubernetes/watch.py"
    assert {"workflows/phases/act.py", "byteport/contracts/ledger.py"} <= set(files)


@pytest.mark.parametrize(("file", "name"), places())
def test_each_place_of_the_walk_exists(file: str, name: str) -> None:
    module = importlib.import_module(".".join(PurePosixPath(file).with_suffix("").parts))
    assert reduce(getattr, name.split("."), module) is not None
