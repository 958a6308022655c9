"""`byteport alarm`: raised, listed and cleared, with only a ledger."""

import json
from pathlib import Path

import pytest

from byteport.cli.exits import Exit
from tests.unit.cli.conftest import Run

pytestmark = pytest.mark.usefixtures("configured")


def test_an_alarm_is_raised_listed_and_cleared(byteport: Run) -> None:
    raised = byteport("alarm", "raise", "checkout-slo", "--namespace", "shop", "-m", "burning", "--as", "ada")
    assert raised.code == Exit.OK
    assert "nothing is done alone in shop" in raised.out
    assert "stands in shop already" in byteport("alarm", "raise", "checkout-slo", "--namespace", "shop").out
    (listed,) = json.loads(byteport("alarm", "list", "--json").out)
    assert (listed["name"], listed["namespace"], listed["by"], listed["reason"]) == (
        "checkout-slo",
        "shop",
        "ada",
        "burning",
    )
    assert "checkout-slo" in byteport("alarm", "list").out
    assert "is cleared" in byteport("alarm", "clear", "checkout-slo", "--as", "bob").out
    assert byteport("alarm", "list").out == "No alarm stands.\n"


def test_clearing_what_does_not_stand_is_not_found(byteport: Run) -> None:
    said = byteport("alarm", "clear", "nothing")
    assert (said.code, said.out) == (Exit.NOT_FOUND, "no alarm nothing stands\n")


def test_a_name_that_is_none_is_a_wrong_argument(byteport: Run) -> None:
    said = byteport("alarm", "raise", "a b")
    assert said.code == Exit.USAGE
    assert said.err.startswith("error: alarm: a name has letters")


def test_each_is_a_record_and_the_log_verifies(byteport: Run) -> None:
    byteport("alarm", "raise", "slo", "--as", "ada")
    byteport("alarm", "clear", "slo", "--as", "bob")
    told = json.loads(byteport("records", "--json").out)
    assert [(one["event"], one["approver"]) for one in told] == [("alarm_raised", "ada"), ("alarm_cleared", "bob")]
    assert "alarm_raised" in byteport("records").out
    assert byteport("verify-log", "--all").code == Exit.OK


def test_json_says_whether_it_stands(byteport: Run, configured: Path) -> None:
    assert json.loads(byteport("alarm", "raise", "slo", "--json").out)["stands"] is True
    assert json.loads(byteport("alarm", "clear", "slo", "--json").out)["stands"] is False
