"""`byteport hold`: set, listed and ended, with only a ledger, and never without a reason."""

import json

import pytest

from byteport.cli.exits import Exit
from tests.unit.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("configured")


def test_a_hold_is_set_listed_and_ended(byteport: Run) -> None:
    about = ("hold", "set", "case-7", "--target", "shop/deploy/web", "-m", "litigation", "--as", "ada")
    missed = byteport(*about)
    assert (missed.code, "nothing would be kept" in missed.err) == (Exit.NOT_FOUND, True)
    said = byteport(*about, "--future")
    assert said.code == Exit.OK
    assert "--target shop/Deployment/web is kept, 0 record(s) now" in said.out
    assert "stands already" in byteport("hold", "set", "case-7", "--target", "shop/deploy/web", "-m", "again").out
    (listed,) = json.loads(byteport("hold", "list", "--json").out)
    assert (listed["name"], listed["about"]["target"], listed["by"], listed["reason"]) == (
        "case-7",
        "shop/Deployment/web",
        "ada",
        "litigation",
    )
    assert "case-7" in byteport("hold", "list").out
    assert "has ended" in byteport("hold", "end", "case-7", "-m", "settled", "--as", "bob").out
    assert byteport("hold", "list").out == "No hold stands.\n"
    assert byteport("hold", "end", "case-7", "-m", "settled").code == Exit.NOT_FOUND


def test_each_is_a_record_with_who_and_why_and_the_log_verifies(byteport: Run) -> None:
    byteport("hold", "set", "all", "--all", "-m", "litigation", "--as", "ada")
    byteport("hold", "end", "all", "-m", "settled", "--as", "bob")
    told = json.loads(byteport("records", "--json").out)
    assert [(one["event"], one["approver"], one["note"]) for one in told] == [
        ("hold_set", "ada", "litigation"),
        ("hold_ended", "bob", "settled"),
    ]
    assert byteport("verify-log", "--all").code == Exit.OK


def test_it_must_say_what_it_is_about_and_why(byteport: Run) -> None:
    for arguments in (
        ("hold", "set", "x", "-m", "why"),
        ("hold", "set", "x", "--all", "--runbook", "PodCrashloopRunbook", "-m", "why"),
        ("hold", "set", "x", "--all"),
        ("hold", "set", "x", "--all", "-m", "  "),
        ("hold", "set", "x", "--target", "web", "-m", "why"),
        ("hold", "set", "x", "--since", "yesterday", "-m", "why"),
        ("hold", "set", "x", "--since", "2026-03-10T09:00:00", "-m", "why"),
        ("hold", "set", "x", "--since", "0001-01-01T00:00:00+14:00", "-m", "why"),
        ("hold", "set", "x", "--until", "9999-12-31T23:59:59-14:00", "-m", "why"),
        ("hold", "set", "x", "--until", "9999-12-31T23:59:59.9999Z", "-m", "why"),
        ("hold", "set", "x", "--incident", "", "-m", "why"),
        ("hold", "set", "x", "--target", "", "-m", "why"),
        ("hold", "set", "x", "--runbook", "", "-m", "why"),
        ("hold", "set", "x", "--runbook", "podcrashlooprunbook", "-m", "why"),
        ("hold", "set", "x", "--target", "shop/deploy/a\nb", "-m", "why"),
        ("hold", "end", "x", "-m", ""),
    ):
        said = byteport(*arguments)
        assert (said.code, said.out) == (Exit.USAGE, ""), arguments
    assert byteport("hold", "list").out == "No hold stands.\n"
