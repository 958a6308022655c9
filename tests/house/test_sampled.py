"""`make test` may do a part of something only where `make test-slow` does the rest, or the whole."""

import re
import subprocess
import sys

import pytest

from tests.builders.sampled import FEWER, QUICK, WHOLE, one_in
from tests.house.tree import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
ASKS = """
from hypothesis import settings
from tests.builders.sampled import examples, some
settings.load_profile({profile!r})
print(settings().max_examples, examples(150), len(some(range(40), 4, of="any")), settings().deadline)
"""


def test_what_make_test_leaves_out_or_samples_runs_in_make_test_slow() -> None:
    assert re.findall(r"^SUITE := .*--hypothesis-profile=quick -m '(.*)' tests$", MAKEFILE, re.MULTILINE) == [
        "not control_plane and not scenarios and not slow and not ledger and not peers"
    ]
    (slow,) = re.findall(r"^test-slow: .*\n\t(.*)$", MAKEFILE, re.MULTILINE)
    assert (
        "(slow or sampled or hypothesis) and not control_plane and not scenarios and not ledger and not peers" in slow
    )
    assert "--hypothesis-profile" not in slow


@pytest.mark.parametrize("marker", ["ledger", "peers"])
def test_what_needs_a_real_peer_runs_in_a_target_of_its_own_with_every_example(marker: str) -> None:
    (recipe,) = re.findall(rf"^test-{marker}: .*\n\t(.*)$", MAKEFILE, re.MULTILINE)
    assert "-n 3 --dist loadfile" in recipe
    assert f"-m '{marker} and not control_plane' tests" in recipe
    assert "--hypothesis-profile" not in recipe


@pytest.mark.parametrize(
    ("profile", "said"), [(WHOLE, "100 150 40 None"), (QUICK, f"{100 // FEWER} {150 // FEWER} 10 None")]
)
def test_only_make_test_tries_fewer_and_none_is_given_a_deadline(profile: str, said: str) -> None:
    code = "import tests.conftest" + ASKS.format(profile=profile)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == said


def test_of_sampled_parameters_none_is_lost_and_those_left_out_are_slow() -> None:
    sets = one_in(3, [("a", 1), ("b", 2), ("c", 3), ("d", 4)])
    assert [tuple(each.values) for each in sets] == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
    assert [[mark.name for mark in each.marks] for each in sets] == [[], ["slow"], ["slow"], []]


def test_every_module_that_does_a_part_of_something_is_marked() -> None:
    """Where `some` is asked for, the tests must be among those that `make test-slow` runs again in full."""
    asks = re.compile(r"^from tests\.builders\.sampled import .*\bsome\b", re.MULTILINE)
    asking = [path for path in (ROOT / "tests").rglob("test_*.py") if asks.search(path.read_text())]
    unmarked = [path.name for path in asking if "pytest.mark.sampled" not in path.read_text()]
    assert asking != []
    assert unmarked == []
