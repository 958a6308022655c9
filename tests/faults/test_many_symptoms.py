"""Many symptoms of many targets at once: one run a target, every symptom counted, one page for all, and nothing done.

A tenth of what the agent is said to bear; `tests/bench/folding.py` tells all of it and prints what it took.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.sandbox.dev_server import DevServer
from tests.faults.folding import folded

pytestmark = pytest.mark.slow

TARGETS, SIGNALS = 50, 1000


@pytest.mark.claim("C-049")
async def test_a_thousand_symptoms_of_fifty_targets_are_fifty_runs_and_one_page(
    server: DevServer, tmp_path: Path
) -> None:
    became = await folded(server, tmp_path, targets=TARGETS, signals=SIGNALS)
    assert (became.runs, became.escalated) == (TARGETS, TARGETS)
    assert became.reported == SIGNALS
    assert became.storm
    assert [page.cause for page in became.pages] == ["storm"]
    grown = became.mebibytes_most - became.mebibytes_before
    assert grown < 250, f"{grown} MiB more than before it"
