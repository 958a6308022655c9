"""What an owner writes between the look of `byteport enable` and its write stands, on a real API server."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.boundary.names import CEILINGS, ENABLED_LABEL, NAMESPACE, ROLLBACK_LABEL
from byteport.cli import enrolment
from byteport.cli.exits import Exit
from tests.cluster.boundary.given import APP, MERGE, Run, ceilings, done, namespace_label
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace

ARGUMENTS = ("--mode", "auto", "--rollback", APP, "--yes")
SAYS = "somebody has changed it since it was looked at, and it is as they left it"


def at_the_prompt(monkeypatch: pytest.MonkeyPatch, guarded: Installed, *arguments: str) -> None:
    """What the owner types while the administrator reads what would change; once."""
    confirm, typed = enrolment._confirm, [arguments]

    def asked(*told: Any) -> None:
        if typed:
            guarded.plane.kubectl(*typed.pop())
        confirm(*told)

    monkeypatch.setattr(enrolment, "_confirm", asked)


@pytest.mark.claim("C-019")
def test_the_word_of_a_deployments_owner_is_not_written_over(
    guarded: Installed, byteport: Run, untouched: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_prompt(monkeypatch, guarded, "label", "deployment", APP, "-n", untouched.name, f"{ROLLBACK_LABEL}=never")
    said = byteport("enable", untouched.name, *ARGUMENTS)
    assert (said.code, f"Deployment {untouched.name}/{APP}: {SAYS}" in said.err) == (Exit.REFUSED, True)
    assert "run it again, which looks anew" in said.err
    assert namespace_label(guarded, untouched.name) is None, "the policies still refuse every write there"
    again = byteport("enable", untouched.name, *ARGUMENTS)
    assert again.code == Exit.OK
    assert "refuses rollbacks" in again.out
    assert untouched.deployment(APP)["metadata"]["labels"][ROLLBACK_LABEL] == "never"


@pytest.mark.claim("C-019")
@pytest.mark.parametrize("word", [f"{ENABLED_LABEL}=false", "team=till"])
def test_the_word_of_a_namespaces_owner_is_not_written_over(
    guarded: Installed, byteport: Run, untouched: Namespace, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    at_the_prompt(monkeypatch, guarded, "label", "namespace", untouched.name, word)
    said = byteport("enable", untouched.name, *ARGUMENTS)
    assert (said.code, f"Namespace {untouched.name}: {SAYS}" in said.err) == (Exit.REFUSED, True)
    assert namespace_label(guarded, untouched.name) == ("false" if word.endswith("false") else None)
    assert byteport("enable", untouched.name, *ARGUMENTS).code == Exit.OK
    assert namespace_label(guarded, untouched.name) == "true"


@pytest.mark.claim("C-019")
def test_another_administrators_ceiling_is_not_written_over_and_other_namespaces_keys_are_no_conflict(
    guarded: Installed, byteport: Run, untouched: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = ("patch", "configmap", CEILINGS, "-n", NAMESPACE, "--type=merge", "-p")
    done(byteport("enable", untouched.name, "--mode", "observe", "--yes"))
    at_the_prompt(monkeypatch, guarded, *where, f'{{"data":{{"{untouched.name}":"theirs"}}}}')
    said = byteport("enable", untouched.name, *ARGUMENTS)
    assert (said.code, f"ConfigMap {NAMESPACE}/{CEILINGS}: {SAYS}" in said.err) == (Exit.REFUSED, True)
    assert ceilings(guarded)[untouched.name] == "theirs"
    at_the_prompt(monkeypatch, guarded, *where, '{"data":{"bank":"{}"}}')
    assert byteport("enable", untouched.name, *ARGUMENTS).code == Exit.OK
    assert {"bank", untouched.name} <= ceilings(guarded).keys()
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}"
    guarded.plane.api.call("PATCH", path, {"data": {"bank": None}}, content_type=MERGE)


def test_the_first_key_and_the_first_label_are_made_and_refused_like_the_others(
    guarded: Installed, byteport: Run, untouched: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A map that is not there is tested on null, which only a real API server answers as it does."""
    api, path = guarded.plane.api, f"/apis/apps/v1/namespaces/{untouched.name}/deployments/{APP}"
    api.call("PATCH", path, {"metadata": {"labels": None}}, content_type=MERGE)
    where = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}"
    done(byteport("enable", untouched.name, "--mode", "observe", "--yes"))
    done(byteport("disable", untouched.name, "--yes"))
    assert "data" not in api.call("GET", where)
    assert "labels" not in api.call("GET", path)["metadata"]
    at_the_prompt(monkeypatch, guarded, "label", "deployment", APP, "-n", untouched.name, "team=shop")
    assert byteport("enable", untouched.name, *ARGUMENTS).code == Exit.REFUSED
    api.call("PATCH", path, {"metadata": {"labels": None}}, content_type=MERGE)
    done(byteport("disable", untouched.name, "--yes"))
    assert byteport("enable", untouched.name, *ARGUMENTS).code == Exit.OK
    assert untouched.deployment(APP)["metadata"]["labels"] == {ROLLBACK_LABEL: "allowed"}
    assert ceilings(guarded).keys() == {untouched.name}
