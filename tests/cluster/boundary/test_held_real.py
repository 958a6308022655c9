"""A tenant's finalizer on a binding of ours, on a real API server: who holds it is said, and nothing dying counts as standing."""

from __future__ import annotations

import re
import shlex

import pytest

from byteport.boundary.names import SIGHT_ROLE
from byteport.cli.exits import Exit
from tests.cluster.boundary.given import MERGE, RBAC_ROOT, READS, Run, ceilings, done, has, rights, standing
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace

KEEP = "tenant.example/keep"


@pytest.mark.claim("C-016")
@pytest.mark.claim("C-017")
def test_a_finalizer_is_named_with_the_command_that_lets_go_and_what_is_dying_is_not_given_again(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    done(byteport("enable", untouched.name, "--mode", "observe", "--yes"))
    path = f"{RBAC_ROOT}/namespaces/{untouched.name}/rolebindings/{SIGHT_ROLE}"
    guarded.plane.api.call("PATCH", path, {"metadata": {"finalizers": [KEEP]}}, content_type=MERGE)
    said = byteport("disable", untouched.name, "--yes")
    held = f"RoleBinding {untouched.name}/{SIGHT_ROLE} is being deleted, and the finalizer {KEEP} keeps it there"
    assert said.code == Exit.FINDING
    assert said.err.splitlines() == [next(line for line in said.err.splitlines() if held in line)]
    assert "somebody else changes it" not in said.err
    assert rights(guarded, untouched.name, [READS]) == [True], "which is why it must be said"
    again = byteport("enable", untouched.name, "--mode", "observe", "--yes")
    assert (again.code, held in again.err, "nothing was changed" in again.err) == (Exit.REFUSED, True, True)
    assert untouched.name not in ceilings(guarded)
    (command,) = re.findall(r"kubectl (patch rolebinding .*)$", said.err.splitlines()[0])
    guarded.plane.kubectl(*shlex.split(command))
    assert standing(guarded, untouched.name) == {}
    has(guarded, untouched)
    done(byteport("enable", untouched.name, "--mode", "observe", "--yes"))
    has(guarded, untouched, READS)
