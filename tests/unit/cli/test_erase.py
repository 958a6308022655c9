"""`byteport erase`: what would go is shown, asked for with who and why, taken back, listed; Temporal need not be there."""

import json

import pytest

from byteport.cli.exits import Exit
from tests.unit.cli.conftest import Run, Said

pytestmark = pytest.mark.usefixtures("configured")


@pytest.fixture
def record(byteport: Run) -> str:
    """The id of a record about the namespace `shop`."""
    byteport("alarm", "raise", "slo", "--namespace", "shop", "--as", "ada")
    return str(json.loads(byteport("records", "--json").out)[0]["id"])


def ask(byteport: Run, record: str, *more: str) -> Said:
    return byteport("erase", "--record", record, "-m", "ticket 7", "--as", "ada", "--yes", *more)


def test_what_would_be_erased_is_shown_and_asked_for(byteport: Run, record: str) -> None:
    said = ask(byteport, record)
    assert "1 record(s): what they say will be destroyed" in said.out
    assert record in said.out
    assert "byteport alarm raise slo --namespace shop" in said.out
    (request,) = json.loads(byteport("erase", "list", "--json").out)
    assert (request["by"], request["reason"], request["state"], request["records"]) == ("ada", "ticket 7", "waiting", 1)
    assert f"byteport erase cancel {request['request_id']}" in said.out


def test_the_record_of_it_says_who_why_and_how_many_and_not_what(byteport: Run, record: str) -> None:
    ask(byteport, record)
    told = json.loads(byteport("records", "--json").out)[-1]
    assert (told["event"], told["approver"], told["note"], told["signal_value"]) == (
        "erasure_requested",
        "ada",
        "ticket 7",
        1,
    )
    assert "shop" not in json.dumps(told)
    assert record not in json.dumps(told)


def test_it_stands_though_temporal_is_not_there_and_that_is_said(byteport: Run, record: str) -> None:
    said = ask(byteport, record)
    assert said.code == Exit.UNREACHABLE
    assert "the agent's daily run sees to it, within a day" in said.err
    assert len(json.loads(byteport("erase", "list", "--json").out)) == 1


def test_without_a_yes_nothing_is_asked_for(byteport: Run, record: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = byteport("erase", "--record", record, "-m", "ticket 7")
    assert (said.code, "--yes" in said.err) == (Exit.USAGE, True)

    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return "n\n"

    monkeypatch.setattr("sys.stdin", Terminal())
    assert byteport("erase", "--record", record, "-m", "ticket 7").code == Exit.REFUSED
    assert byteport("erase", "list").out == "Nothing was ever asked to be erased.\n"


def test_it_must_say_what_and_why(byteport: Run, record: str) -> None:
    for arguments in (
        ("erase", "--yes", "-m", "why"),
        ("erase", "--record", record, "--incident", "inc-1", "--yes", "-m", "why"),
        ("erase", "--record", record, "--yes"),
        ("erase", "--record", record, "--yes", "-m", "  "),
        ("erase", "--record", "shop/web", "--yes", "-m", "why"),
        ("erase", "--target", "web", "--yes", "-m", "why"),
        ("erase", "--target", "", "--yes", "-m", "why"),
        ("erase", "--target", "shop/deploy/a\nb", "--yes", "-m", "why"),
        ("erase", "--incident", "", "--yes", "-m", "why"),
        ("erase", "--incident", "none", "--yes", "-m", "why"),
        ("erase", "--record", "", "--yes", "-m", "why"),
    ):
        assert byteport(*arguments).code == Exit.USAGE, arguments
    assert byteport("erase", "list").out == "Nothing was ever asked to be erased.\n"


def test_what_no_record_is_about_is_not_found(byteport: Run, record: str) -> None:
    assert record
    assert byteport("erase", "--target", "shop/deploy/none", "--yes", "-m", "why").code == Exit.NOT_FOUND
    assert byteport("erase", "--incident", "inc-none", "--yes", "-m", "why").code == Exit.NOT_FOUND


def test_it_is_taken_back_with_who_and_why_and_only_once(byteport: Run, record: str) -> None:
    ask(byteport, record)
    (request,) = json.loads(byteport("erase", "list", "--json").out)
    said = byteport("erase", "cancel", request["request_id"], "-m", "mistaken", "--as", "bob")
    assert said.code == Exit.OK
    assert "is taken back" in said.out
    told = json.loads(byteport("records", "--json").out)[-1]
    assert (told["event"], told["approver"], told["note"]) == ("erasure_cancelled", "bob", "mistaken")
    again = byteport("erase", "cancel", request["request_id"], "-m", "again")
    assert (again.code, "cancelled already" in again.err) == (Exit.REFUSED, True)
    assert byteport("erase", "cancel", "0198", "-m", "why").code == Exit.NOT_FOUND
    assert byteport("verify-log", "--all").code == Exit.OK


def test_a_hold_in_its_way_is_said_at_once(byteport: Run, record: str) -> None:
    byteport("hold", "set", "case-7", "--all", "-m", "litigation")
    assert "in its way now: legal hold case-7 keeps 1 record(s)" in ask(byteport, record).out
