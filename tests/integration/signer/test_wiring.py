"""Who holds the key of checkpoints, and what the doctor says where the key is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from activities.audit.alarms import Alarms
from activities.clock import utc_now
from activities.kubernetes.bounds import UNBOUNDED
from activities.performs import act_of
from byteport.audit.checkpoint import cosign, with_cosignatures
from byteport.audit.heads import Chain
from byteport.audit.notes import SignatureType, key_of
from byteport.contracts.acts import Queue
from byteport.contracts.checkpoints import ALARM, KEEP_COSIGNATURES, SIGN_CHECKPOINT
from byteport.contracts.metrics import UNSIGNED_RECORDS, UNSIGNED_SECONDS, UNWITNESSED_RECORDS, UNWITNESSED_SECONDS
from byteport.errors import ConfigError
from byteport.ledger import checkpoints
from byteport.ledger.opening import open_reader
from byteport.sandbox.home import Home
from byteport.sandbox.simulated import SimulatedCluster
from byteport.settings import Settings, installation
from byteport.trust.files import read_private_key
from tests.integration.ledger.world import HandClock
from tests.integration.signer.world import SignedLog
from workers.preflight import Outcome
from workers.processes import ROLES, Process
from workers.signing_check import check_signing
from workers.signing_metrics import SigningMetrics
from workers.wiring import Surroundings, wire

UID = "00000000-0000-4000-8000-000000000001"
NOW = HandClock()()
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


def found(read: Settings, now: datetime = NOW) -> list[tuple[Outcome, str, str]]:
    return [(check.outcome, check.finding, check.remedy) for check in check_signing(read, now=now)]


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


def test_the_doctor_tells_when_nobody_has_signed_for_longer_than_the_pace_and_half_an_hour(
    home: Home, log: SignedLog
) -> None:
    read = settings(home)
    log.sign()
    log.clock.move(days=60)
    log.grow(1000)
    now = log.clock()
    assert [outcome for outcome, _, _ in found(read, now + timedelta(minutes=30))] == [Outcome.OK]
    for then in (now + timedelta(minutes=32), now + timedelta(days=60)):
        _, (outcome, said, remedy) = found(read, then)
        assert outcome is Outcome.FAILED
        assert said.startswith("1000 record(s) are not signed, the first since 2026-05-09")
        assert f"checkpoint:{UID}" in remedy
    log.sign()
    assert [outcome for outcome, _, _ in found(read, now + timedelta(days=60))] == [Outcome.OK]


def test_a_record_of_a_clock_that_was_ahead_does_not_hide_that_nobody_signs(home: Home, log: SignedLog) -> None:
    read = settings(home)
    log.sign()
    now = log.clock()
    log.clock.move(days=365)
    log.grow(1)
    _, (outcome, said, _) = found(read, now + timedelta(days=1))
    assert outcome is Outcome.FAILED
    assert said.startswith("1 record(s) are not signed, the first since 2026-03-10")


def test_the_doctor_and_the_metrics_tell_which_witness_has_stopped(home: Home, log: SignedLog) -> None:
    faithful, dead, new = (Ed25519PrivateKey.generate() for _ in range(3))
    keys = {
        name: key_of(name, SignatureType.COSIGNATURE, key)
        for name, key in (("faithful", faithful), ("dead", dead), ("new", new))
    }

    def signs(name: str, key: Ed25519PrivateKey) -> None:
        note = log.published()[-1]
        line = cosign(note, name, key, at=1)
        with log.store.transaction() as tx:
            last = checkpoints.latest(tx.sql, log.chain)
            assert last is not None
            checkpoints.add(tx, log.chain, last.size, last.root, with_cosignatures(note, [line]))

    log.sign()
    signs("faithful", faithful)
    signs("dead", dead)
    for _ in range(2):
        log.clock.move(hours=4)
        log.grow(2)
        log.sign()
        signs("faithful", faithful)
    signs("dead", faithful)  # by its name, and not by its key
    witnesses = [{"url": "https://witness.example.com", "key": str(key)} for key in keys.values()]
    read = settings(home, audit={"signer": {"key": "keys/checkpoint"}, "witnesses": witnesses})
    now = log.clock() + timedelta(hours=3)
    ok, *late = found(read, now)
    assert ok[0] is Outcome.OK
    assert [(outcome, said) for outcome, said, _ in late] == [
        (Outcome.WARNING, "witness dead has not signed the last 4 record(s), the first since 2026-03-10 13:00 UTC"),
        (Outcome.WARNING, "witness new has not signed the last 7 record(s), the first since 2026-03-10 09:00 UTC"),
    ]
    buffer = MetricBuffer(1000)
    log.grow(1)
    meter = Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter
    reader = open_reader(read.ledger, read.tenant)
    SigningMetrics(meter, reader, log.chain, tuple(keys.values()), lambda: now).look()
    assert {(one.metric.name, one.attributes.get("witness")): one.value for one in buffer.retrieve_updates()} == {
        (UNSIGNED_RECORDS.name, None): 1,
        (UNSIGNED_SECONDS.name, None): 3 * 3600,
        (UNWITNESSED_RECORDS.name, "faithful"): 0,
        (UNWITNESSED_SECONDS.name, "faithful"): 0,
        (UNWITNESSED_RECORDS.name, "dead"): 4,
        (UNWITNESSED_SECONDS.name, "dead"): 7 * 3600,
        (UNWITNESSED_RECORDS.name, "new"): 7,
        (UNWITNESSED_SECONDS.name, "new"): 11 * 3600,
    }


def test_the_doctor_says_nothing_where_nobody_is_set_to_sign(home: Home) -> None:
    assert found(settings(home, audit={})) == []
