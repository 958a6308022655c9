"""Without Helm's library there is nothing to render with: an environment that is older than the lock has none of this folder.

It does not go unnoticed: `tests/house/test_rendered.py` skips for the same reason, which CI does not expect.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import helm_python

collect_ignore_glob = [] if find_spec("helm_python") and find_spec("kubernetes_validate") else ["test_*.py"]


@pytest.fixture(scope="session")
def without_schema(tmp_path_factory: pytest.TempPathFactory) -> helm_python.Chart:
    """The chart as `--skip-schema-validation` has it."""
    from tests.chart.chart import chart_without_schema

    return chart_without_schema(tmp_path_factory.mktemp("chart"))
