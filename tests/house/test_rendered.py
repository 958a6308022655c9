"""What the chart carries of the boundary is what the runbooks' scopes and the policies say, and nobody edited it."""

from __future__ import annotations

import pytest

from byteport.boundary.chart import GENERATED, templates
from tests.house.rendered import CHART, generated, reference, snapshots


def test_what_is_generated_is_what_the_code_says() -> None:
    """Write it again with: make render"""
    stale = [path.name for path, text in generated().items() if not path.exists() or path.read_text() != text]
    assert stale == []


def test_the_generated_folder_holds_nothing_else() -> None:
    assert {path.name for path in (CHART / GENERATED).iterdir()} == {name.rsplit("/", 1)[1] for name in templates()}


def test_the_snapshots_are_what_is_rendered() -> None:
    """Write them again with: make render"""
    pytest.importorskip("helm_python", reason="the environment is older than the lock; run make again")
    stale = [path.name for path, text in snapshots().items() if not path.exists() or path.read_text() != text]
    assert stale == []


def test_every_value_says_what_it_means() -> None:
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    assert [row for row in rows if row.endswith("|  |")] == []
