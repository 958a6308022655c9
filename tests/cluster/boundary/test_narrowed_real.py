"""A raised floor and `byteport enable` that takes the right to it away, on a real API server: never left up in silence."""

from __future__ import annotations

import json

import pytest

from byteport.cli.exits import Exit
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, floor_of
from tests.cluster.boundary.given import DELETES, OTHER, READS, Run, done, has, hpa, raise_floor
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace


@pytest.mark.claim("C-027")
@pytest.mark.parametrize("narrower", [("--mode", "auto"), ("--mode", "observe")])
def test_a_narrowing_puts_the_floor_back_that_the_agent_no_longer_may(
    guarded: Installed, byteport: Run, untouched: Namespace, narrower: tuple[str, ...]
) -> None:
    done(byteport("enable", untouched.name, "--mode", "auto", "--hpa", OTHER, "--yes"))
    before = raise_floor(guarded, untouched)
    shown = byteport("enable", untouched.name, *narrower, "--dry-run")
    assert f"~ minReplicas: 4 -> {before}" in shown.out, "shown before anybody is asked"
    assert floor_of(hpa(guarded, untouched)) == 4
    done(byteport("enable", untouched.name, *narrower, "--yes"))
    back = hpa(guarded, untouched)
    assert (floor_of(back), FLOOR_BEFORE in back["metadata"]["annotations"]) == (before, False)
    has(guarded, untouched, READS, *([DELETES] if "auto" in narrower else []))


@pytest.mark.claim("C-027")
def test_one_that_somebody_set_since_is_named_and_ends_it_with_1(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    done(byteport("enable", untouched.name, "--mode", "auto", "--hpa", OTHER, "--yes"))
    raise_floor(guarded, untouched)
    where = ("hpa", OTHER, "-n", untouched.name)
    guarded.plane.kubectl("patch", *where, "--type=merge", "-p", json.dumps({"spec": {"minReplicas": 3}}))
    said = byteport("enable", untouched.name, "--mode", "observe", "--yes")
    assert said.code == Exit.FINDING
    assert f"HorizontalPodAutoscaler {untouched.name}/{OTHER} and kubectl-patch has set its floor since" in said.err
    assert f"kubectl annotate hpa {OTHER} -n {untouched.name}" in said.err
    assert floor_of(hpa(guarded, untouched)) == 3
    has(guarded, untouched, READS)
