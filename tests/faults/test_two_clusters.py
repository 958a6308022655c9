"""Fault 16: two clusters to which somebody gave one name, and one ledger for both.

Everything that the ledger keeps goes by the uid of kube-system, which nobody can give to two clusters. So one cluster's
halt, storm, lease, limit, cursor or receiver never speaks for the other, and each has a chain of its own that verifies
alone. That a symptom, a plan or a grant of the other cluster starts nothing is shown by `test_intake.py` and
`test_boundary.py`; the ledger outside of both clusters by `integration/api/test_two_clusters.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.audit.halts import Halts
from activities.audit.ledger import Ledger
from activities.audit.reserve import Reservations
from activities.audit.storms import Storms
from byteport.audit.acts import acts_of
from byteport.audit.heads import Chain
from byteport.audit.verify import verify_chain
from byteport.contracts.ledger import AlreadyDone, Event, Finish, Granted, NotGranted, Reserve, SetStorm
from byteport.contracts.workflows import Installation
from byteport.domain.limits import Limits
from byteport.domain.plans import arguments_digest, plan_digest
from byteport.domain.reasons import Reason
from byteport.errors import NotPermitted
from byteport.ledger import cursors
from byteport.ledger.log import AuditLog
from byteport.trust.grants import GrantSigner
from tests.builders.postgres import Server, server
from tests.integration.ledger import world as worlds
from tests.integration.ledger.world import GRANT_KEY, World, action_id, draft, pod_plan

HERE, THERE = "uid-1", "uid-2"
NAME = "prod"
"""Of both."""


class Cluster:
    """One cluster's acts on the ledger that both share."""

    def __init__(self, world: World, uid: str, limits: Limits | None = None) -> None:
        self.uid = uid
        self.chain = Chain(tenant="acme", cluster_uid=uid)
        self.log = AuditLog(world.store)
        self._world = world
        ours = Installation(tenant="acme", cluster_uid=uid, cluster_name=NAME)
        self.halts = Halts(world.store, ours)
        self.storms = Storms(world.store, ours)
        self.ledger = Ledger(world.store, ours, limits=world.limits, signers=world.signers)
        self.reservations = Reservations(
            world.store,
            ours,
            signer=GrantSigner(GRANT_KEY),
            signers=world.signers,
            policy=world.policy,
            limits=limits or world.limits,
        )

    def call(self, action: str, pod: str = "web") -> Reserve:
        """To delete a pod of a Deployment that has the same namespace and name on both clusters."""
        plan = pod_plan(pod)
        plan = plan.model_copy(update={"target": plan.target.model_copy(update={"cluster_uid": self.uid})})
        asked = self._world.ask(plan, action=f"{self.uid} {action}", incident=f"{self.uid} {action}")
        return asked.model_copy(
            update={
                "plan_digest": plan_digest(plan, self._world.policy.policy.version),
                "arguments_digest": arguments_digest(plan),
                "intent": asked.intent.model_copy(update={"cluster_uid": self.uid}),
            }
        )

    def reserve(self, action: str, pod: str = "web") -> Granted | NotGranted | AlreadyDone:
        return self.reservations.reserve(self.call(action, pod)).answer

    def finish(self, action: str) -> None:
        record = draft(f"{action}:finished", event=Event.FINISHED, cluster_uid=self.uid)
        done = Finish(action_id=action_id(f"{self.uid} {action}"), outcome="done", verified=True, record=record)
        self.ledger.finish(done)

    def events(self) -> list[str]:
        return [record.event.value for record in self.log.iter_records() if record.cluster_uid == self.uid]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as started:
        yield started


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.ledger)])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """One ledger, in a file or in a database."""
    if request.param == "postgres":
        monkeypatch.setattr(worlds, "DATABASE", request.getfixturevalue("postgres").database())
    made = World(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def here(world: World) -> Cluster:
    return Cluster(world, HERE)


@pytest.fixture
def there(world: World) -> Cluster:
    return Cluster(world, THERE)


def test_fault_16_a_lease_of_one_cluster_does_not_hold_the_others_workload(here: Cluster, there: Cluster) -> None:
    assert isinstance(here.reserve("first"), Granted)
    assert here.reserve("second") == NotGranted(because=(Reason.TARGET_LEASED,))
    assert isinstance(there.reserve("first"), Granted)
    here.finish("first")
    assert isinstance(here.reserve("second"), Granted)
    assert there.reserve("second") == NotGranted(because=(Reason.TARGET_LEASED,))


def test_fault_16_what_one_cluster_has_done_does_not_count_towards_the_others_limit(world: World) -> None:
    once = Limits(per_target_per_hour=1)
    here, there = Cluster(world, HERE, once), Cluster(world, THERE, once)
    assert isinstance(here.reserve("first"), Granted)
    here.finish("first")
    assert here.reserve("second") == NotGranted(because=(Reason.LIMIT_REACHED,))
    assert isinstance(there.reserve("first"), Granted)


def test_fault_16_a_halt_and_a_storm_of_one_cluster_do_not_stop_the_other(here: Cluster, there: Cluster) -> None:
    here.halts.halt(by="ada", reason="upgrade")
    assert (here.halts.is_halted(), there.halts.is_halted()) == (True, False)
    assert here.reserve("first") == NotGranted(because=(Reason.HALTED,))
    there.storms.set_storm(SetStorm(cluster_uid=THERE, on=True, key="storm:1:on", workflow_id="storm"))
    assert there.reserve("first") == NotGranted(because=(Reason.STORM,))
    here.halts.resume(by="ada", reason="done")
    assert isinstance(here.reserve("first"), Granted)


def test_fault_16_each_cluster_has_a_chain_of_its_own_that_verifies_alone(here: Cluster, there: Cluster) -> None:
    for cluster in (here, there, here):
        cluster.reserve(f"act {len(cluster.events())}", pod=f"web-{len(cluster.events())}")
    assert here.log.chains() == (here.chain, there.chain)
    for cluster, records in ((here, 2), (there, 1)):
        entries = list(cluster.log.entries(cluster.chain))
        assert [entry.seq for entry in entries] == list(range(1, records + 1))
        assert verify_chain(entries, cluster.chain).intact.value == "intact"
        assert len(acts_of(entries).by_action) == records
    mixed = [*here.log.entries(here.chain), *there.log.entries(there.chain)]
    found = {finding.fault.value for finding in verify_chain(mixed, here.chain).findings}
    assert "foreign_cluster" in found


def test_fault_16_what_one_clusters_receiver_has_says_nothing_of_the_others(
    world: World, here: Cluster, there: Cluster
) -> None:
    here.reserve("first")
    there.reserve("first")
    with world.store.transaction() as tx:
        cursors.advance(tx, here.chain, "file", 1)
    with world.store.snapshot() as sql:
        assert (cursors.read(sql, here.chain, "file"), cursors.read(sql, there.chain, "file")) == (1, 0)


def test_fault_16_the_ledgers_process_of_one_cluster_writes_nothing_for_the_other(
    here: Cluster, there: Cluster
) -> None:
    answer = here.reservations.reserve(there.call("first")).answer
    assert answer == NotGranted(because=(Reason.NOT_PERMITTED,))
    with pytest.raises(NotPermitted):
        here.ledger.record(draft("skipped", cluster_uid=THERE))
    assert there.events() == []


def test_fault_16_the_name_that_people_gave_is_only_told(here: Cluster, there: Cluster) -> None:
    here.reserve("first")
    there.reserve("first")
    assert {(record.cluster, record.cluster_uid) for record in here.log.iter_records()} == {(NAME, HERE), (NAME, THERE)}
