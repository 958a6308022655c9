"""What `byteport ack` refuses before it asks anybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.cli.exits import Exit
from tests.unit.cli.conftest import Run


@pytest.mark.parametrize(("option", "most"), [("--as", 200), ("--note", 1000)])
def test_what_is_too_long_is_named_by_the_option_that_was_typed(
    byteport: Run, configured: Path, option: str, most: int
) -> None:
    said = byteport("ack", "shop/deployment/web", option, "x" * (most + 1))
    assert (said.code, said.err) == (Exit.USAGE, f"error: {option}: String should have at most {most} characters\n")


def test_a_time_box_waits_for_nobody(byteport: Run, configured: Path) -> None:
    said = byteport("ack", "timebox:0:shop:Deployment:web")
    assert said.code == Exit.USAGE
    (line,) = said.err.splitlines()
    assert line.endswith("is a time box, which waits for nobody; a remediation or `storm` can be taken over")
