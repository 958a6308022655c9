"""Who holds the key of checkpoints, and what the doctor says where the key is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from activities.audit.alarms import Alarms
from activities.clock import utc_now
from activities.kubernetes.bounds import UNBOUNDED
from activities.performs import act_of
from byteport.audit.heads import Chain
from byteport.contracts.acts import Queue
from byteport.contracts.checkpoints import ALARM, KEEP_COSIGNATURES, SIGN_CHECKPOINT
from byteport.errors import ConfigError
from byteport.sandbox.home import Home
from byteport.sandbox.simulated import SimulatedCluster
from byteport.settings import Settings, installation
from byteport.trust.files import read_private_key
from tests.integration.signer.world import SignedLog
from workers.preflight import Outcome
from workers.processes import ROLES, Process
from workers.signing_check import check_signing
from workers.wiring import Surroundings, wire

UID = "00000000-0000-4000-8000-000000000001"
SIGNER = {SIGN_CHECKPOINT.name, KEEP_COSIGNATURES.name}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.make_keys()
    made.write_policy({"mode": "dry_run"}, overwrite=True)
    return made


def settings(home: Home, **extra: Any) -> Settings:
    return home.write_config(
        cluster_name="test",
        cluster_uid=UID,
        temporal_address="127.0.0.1:1",
        kubeconfig=None,
        extra={"tenant": "acme"} | extra,
    )


def wired(process: Process, read: Settings) -> set[str]:
    """The acts that a process of that name is wired with."""
    around = Surroundings(read, installation(read), cast("Any", None), SimulatedCluster(), utc_now)
    queues = wire(ROLES[process], around, UNBOUNDED)
    return {act_of(method).name for methods in queues.values() for method in methods}


OTHERS = [process for process in Process if process not in (Process.SIGNER, Process.EMBEDDED)]


@pytest.mark.claim("C-243")
@pytest.mark.parametrize("process", OTHERS)
def test_review_20_no_other_process_reads_the_key_that_signs_the_log(home: Home, process: Process) -> None:
    """It is named in everybody's settings, and not there, and nobody notices."""
    read = settings(home)
    assert read.audit.signer.key is not None
    for path in (read.audit.signer.key, read.audit.signer.key.with_name("checkpoint.pub")):
        path.unlink()
    assert not wired(process, read) & SIGNER


@pytest.mark.claim("C-243")
@pytest.mark.parametrize("process", [Process.SIGNER, Process.EMBEDDED])
def test_review_20_whoever_signs_does_not_start_without_the_key_or_where_others_can_read_it(
    home: Home, process: Process
) -> None:
    read = settings(home)
    assert wired(process, read) >= SIGNER
    assert read.audit.signer.key is not None
    read.audit.signer.key.chmod(0o644)
    with pytest.raises(ConfigError, match=r"audit\.signer\.key"):
        wired(process, read)
    read.audit.signer.key.unlink()
    with pytest.raises(ConfigError, match=r"audit\.signer\.key"):
        wired(process, read)


def test_where_nobody_is_set_to_sign_one_process_does_everything_else_and_the_signer_does_not_start(
    home: Home,
) -> None:
    read = settings(home, audit={})
    assert not wired(Process.EMBEDDED, read) & SIGNER
    with pytest.raises(ConfigError, match=r"audit\.signer\.key"):
        wired(Process.SIGNER, read)


def test_the_signers_acts_are_on_a_queue_of_their_own(home: Home) -> None:
    assert ROLES[Process.SIGNER].queues == {Queue.SIGNER}
    assert wired(Process.SIGNER, settings(home)) == SIGNER


# -- the doctor -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(home: Home) -> SignedLog:
    read = settings(home)
    assert read.audit.signer.key is not None
    made = SignedLog(
        home.folder,
        key=read_private_key(read.audit.signer.key, "audit.signer.key"),
        chain=Chain(tenant=read.tenant, cluster_uid=UID),
    )
    made.grow(3)
    return made


def found(read: Settings) -> list[tuple[Outcome, str, str]]:
    return [(check.outcome, check.finding, check.remedy) for check in check_signing(read)]


def test_the_doctor_says_how_much_is_signed(home: Home, log: SignedLog) -> None:
    read = settings(home)
    assert found(read) == [(Outcome.OK, "nothing was signed yet", "")]
    log.sign()
    [(outcome, said, _)] = found(read)
    assert outcome is Outcome.OK
    assert said.startswith("3 record(s) signed, last at 2026-03-10")


def test_the_doctor_says_that_it_cannot_look_at_a_memory_that_is_elsewhere(home: Home, log: SignedLog) -> None:
    log.sign()
    read = settings(home)
    assert read.audit.signer.key is not None
    read.audit.signer.key.unlink()
    [(outcome, said, remedy)] = found(read)
    assert (outcome, remedy.split(",")[0]) == (Outcome.WARNING, "byteport doctor")
    assert said.startswith("3 record(s) signed")


def test_the_doctor_says_what_to_run_where_the_signer_refuses(home: Home, log: SignedLog) -> None:
    log.sign()
    log.state_path.unlink()
    [(outcome, said, remedy)] = found(settings(home))
    assert (outcome, remedy.split(",")[0]) == (Outcome.FAILED, "byteport signer adopt")
    assert "3 records were signed" in said


def test_the_doctor_tells_of_the_alarm_from_anywhere(home: Home, log: SignedLog) -> None:
    read = settings(home)
    Alarms(log.store, installation(read)).raise_(ALARM, by="byteport signer", reason="shrank")
    outcome, said, remedy = found(read)[0]
    assert (outcome, remedy.split(" ")[1]) == (Outcome.FAILED, "alarm")
    assert ALARM in said


def test_the_doctor_says_nothing_where_nobody_is_set_to_sign(home: Home) -> None:
    assert found(settings(home, audit={})) == []
