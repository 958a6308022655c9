"""What destroys is not recorded on a log whose last record is of a time to come; what keeps is, and both times are said."""

import json
import secrets
from datetime import timedelta
from pathlib import Path

import pytest

from activities.audit.alarms import Alarms
from activities.clock import utc_now
from byteport.cli.exits import Exit
from byteport.ledger.opening import open_store
from byteport.settings import installation
from byteport.settings.load import load
from tests.unit.cli.conftest import Run


@pytest.fixture
def ahead(byteport: Run, configured: Path) -> str:
    """The id of a record that a machine wrote whose clock is a year ahead; a hold stands."""
    byteport("hold", "set", "case-7", "--all", "-m", "litigation")
    settings = load(configured, {})
    store = open_store(
        settings.ledger,
        settings.tenant,
        clock=lambda: utc_now() + timedelta(days=365),
        randomness=secrets.token_bytes,
    )
    Alarms(store, installation(settings)).raise_("slo", by="ada")
    store.close()
    return str(json.loads(byteport("records", "--json").out)[-1]["id"])


def test_nothing_is_asked_to_be_erased_and_no_hold_ends(byteport: Run, ahead: str) -> None:
    for arguments in (
        ("erase", "--record", ahead, "--yes", "-m", "ticket 7"),
        ("hold", "end", "case-7", "-m", "settled"),
    ):
        said = byteport(*arguments)
        assert said.code == Exit.REFUSED, arguments
        assert "nothing was recorded: the last record is of " in said.err
        assert ", and this machine's clock says " in said.err
    assert byteport("erase", "list").out == "Nothing was ever asked to be erased.\n"
    assert "case-7" in byteport("hold", "list").out


def test_a_hold_is_set_and_a_halt_thrown_all_the_same(byteport: Run, ahead: str) -> None:
    said = byteport("hold", "set", "case-8", "--all", "-m", "litigation")
    assert (said.code, "recorded all the same: the last record is of " in said.err) == (Exit.OK, True)
    assert byteport("halt", "--no-cluster", "-m", "maintenance").code == Exit.OK


def test_the_doctor_names_both_times(byteport: Run, ahead: str) -> None:
    said = byteport("doctor")
    assert "the last record is of " in said.out + said.err
