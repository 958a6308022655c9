"""`byteport disable` on a real API server: everything, then floors, each write in the API server's own audit log."""

from __future__ import annotations

import json
import re

import pytest

from byteport.boundary.names import (
    ROLLBACK_LABEL,
)
from byteport.cli.exits import Exit
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, floor_of
from byteport.kubernetes.floor_patch import FLOOR_RESTORED
from byteport.sandbox.controlplane import WRITES
from tests.cluster.boundary.given import (
    APP,
    OTHER,
    RAISED,
    Run,
    ceilings,
    done,
    has,
    hpa,
    namespace_label,
    raise_floor,
    standing,
)
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace


@pytest.mark.claim("C-017")
def test_a_raised_floor_goes_back_and_nothing_of_ours_is_left(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    done(byteport("enable", untouched.name, "--mode", "auto", "--rollback", APP, "--hpa", OTHER, "--yes"))
    before = raise_floor(guarded, untouched)
    since = guarded.plane.audit_position()
    said = byteport("disable", untouched.name, "--yes")
    assert (said.code, said.err) == (Exit.OK, "")
    assert f"~ minReplicas: 4 -> {before}" in said.out
    back = hpa(guarded, untouched)
    assert floor_of(back) == before
    assert FLOOR_BEFORE not in back["metadata"]["annotations"]
    assert back["metadata"]["annotations"][FLOOR_RESTORED] == RAISED
    assert standing(guarded, untouched.name) == {}
    assert untouched.name not in ceilings(guarded)
    assert namespace_label(guarded, untouched.name) is None
    assert ROLLBACK_LABEL not in untouched.deployment(APP)["metadata"].get("labels", {})
    has(guarded, untouched)
    written = [
        f"{event['verb']} {event['objectRef']['resource']}"
        for event in guarded.plane.audit_events(verbs=WRITES, since=since)
        if "byteport/" in event.get("userAgent", "") and not event["objectRef"]["resource"].endswith("reviews")
        if event["responseStatus"]["code"] < 300
    ]
    assert written == [
        "delete rolebindings",
        "delete rolebindings",
        "delete rolebindings",
        "delete roles",
        "patch configmaps",
        "patch namespaces",
        "patch horizontalpodautoscalers",
        "patch deployments",
    ]
    assert "nothing changes" in byteport("disable", untouched.name).out


@pytest.mark.claim("C-017")
def test_a_floor_that_somebody_set_since_stops_nothing_and_it_names_who_and_what_to_type(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    done(byteport("enable", untouched.name, "--mode", "auto", "--hpa", OTHER, "--yes"))
    raise_floor(guarded, untouched)
    where = ("hpa", OTHER, "-n", untouched.name)
    guarded.plane.kubectl("patch", *where, "--type=merge", "-p", json.dumps({"spec": {"minReplicas": 3}}))
    said = byteport("disable", untouched.name, "--yes")
    assert said.code == Exit.FINDING
    assert "kubectl-patch has set its floor since" in said.err
    assert (standing(guarded, untouched.name), namespace_label(guarded, untouched.name)) == ({}, None)
    (command,) = re.findall(r"kubectl (annotate hpa .*)$", said.err.splitlines()[0])
    guarded.plane.kubectl(*command.split())
    assert byteport("disable", untouched.name, "--yes").code == Exit.OK
    assert floor_of(hpa(guarded, untouched)) == 3
