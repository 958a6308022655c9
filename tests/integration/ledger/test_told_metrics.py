"""What a monitoring system hears of a ledger, and what its records come to together: the same of a file and of PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from temporalio.common import MetricMeter
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig

from activities.audit.budget import Budget, budgets, stops
from byteport.audit.tally import Tally
from byteport.contracts.ledger import Event, Result
from byteport.contracts.metrics import METRICS, BudgetOf, StopBy
from byteport.contracts.receivers import TargetKind
from byteport.domain.limits import Limits
from byteport.errors import Unavailable
from byteport.ledger import cursors
from byteport.ledger.log import Filter
from tests.integration.ledger.world import CHAIN, World, draft, pod_plan
from workers.ledger_metrics import LedgerMetrics

LIMITS = Limits(per_cluster_per_hour=4, per_namespace_per_hour=3, per_target_per_hour=2)
WEBHOOK = {TargetKind.WEBHOOK: "webhook@0123456789ab"}


@pytest.fixture
def buffer() -> MetricBuffer:
    return MetricBuffer(1000)


def meter_of(buffer: MetricBuffer) -> MetricMeter:
    return Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter


def heard(buffer: MetricBuffer) -> Mapping[tuple[str, str], float]:
    """The last value of each, by its name and the value of its label."""
    known = {metric.name: metric for metric in METRICS}
    told = {}
    for update in buffer.retrieve_updates():
        labels = {name: value for name, value in update.attributes.items() if name != "service_name"}  # the SDK's
        assert labels.keys() == {label.name for label in known[update.metric.name].labels}
        told[update.metric.name, str(next(iter(labels.values()), ""))] = update.value
    return told


def look(world: World, meter: MetricMeter) -> LedgerMetrics:
    return LedgerMetrics(meter, world.store, CHAIN, LIMITS, WEBHOOK, world.clock)


def test_the_budget_is_of_the_cluster_and_of_the_fullest_namespace_and_target(world: World) -> None:
    for number, (name, namespace) in enumerate([("web", "shop"), ("web", "shop"), ("api", "shop"), ("web", "bank")]):
        world.granted(world.ask(pod_plan(name, namespace=namespace), action=f"a{number}", incident=f"i{number}"))
        world.finish(f"a{number}", "done", verified=True)
        world.clock.move(minutes=1)
    with world.store.snapshot() as sql:
        assert budgets(sql, CHAIN, LIMITS, world.clock()) == {
            BudgetOf.CLUSTER: Budget(4, 0),
            BudgetOf.NAMESPACE: Budget(3, 0),
            BudgetOf.TARGET: Budget(2, 0),
        }
        later = world.clock() + timedelta(minutes=57)
        assert budgets(sql, CHAIN, LIMITS, later)[BudgetOf.CLUSTER] == Budget(2, 2)
        earlier = world.clock() - timedelta(hours=5)  # a clock set back frees nothing
        assert budgets(sql, CHAIN, LIMITS, earlier)[BudgetOf.CLUSTER] == Budget(4, 0)


def test_a_halt_and_an_alarm_are_told_and_end(world: World) -> None:
    world.halts.halt(by="ada", reason="look")
    world.alarms.raise_("strange", by="ada")
    with world.store.snapshot() as sql:
        assert stops(sql, "uid-1") == {StopBy.HALT: True, StopBy.STORM: False, StopBy.ALARM: True}
    world.halts.resume(by="ada", reason="go")
    world.alarms.clear("strange", by="ada")
    with world.store.snapshot() as sql:
        assert set(stops(sql, "uid-1").values()) == {False}


def test_a_receiver_is_behind_by_records_and_by_the_age_of_the_first_that_it_lacks(
    world: World, buffer: MetricBuffer
) -> None:
    metrics = look(world, meter_of(buffer))
    metrics.look()
    empty = heard(buffer)
    assert empty["byteport_log_unexported_records", "webhook"] == 0
    assert empty["byteport_budget_acts_left", "cluster"] == 4
    assert empty["byteport_stopped", "halt"] == 0
    for number in range(5):
        world.ledger.record(draft(f"r{number}"))
        world.clock.move(minutes=1)
    with world.store.transaction() as tx:
        cursors.advance(tx, CHAIN, WEBHOOK[TargetKind.WEBHOOK], 2)
    metrics.look()
    told = heard(buffer)
    assert told["byteport_log_unexported_records", "webhook"] == 3
    assert told["byteport_log_unexported_seconds", "webhook"] == 180


def test_of_a_ledger_out_of_reach_nothing_is_told_anew(world: World, buffer: MetricBuffer) -> None:
    metrics = look(world, meter_of(buffer))
    world.ledger.record(draft("r"))
    world.go_away()
    with pytest.raises(Unavailable):
        metrics.look()
    assert heard(buffer) == {}
    world.come_back()


def test_records_of_a_time_come_to_a_summary(world: World) -> None:
    begin = world.clock()
    for number in range(3):
        fixed = draft(f"f{number}", event=Event.FINISHED, incident=f"i{number}")
        update = {"result": Result.SUCCESS, "mttr_seconds": 10 * (number + 1), "action_id": "a"}
        world.ledger.record(fixed.model_copy(update=update))
        world.clock.move(hours=1)
    tally = Tally()
    tally.add_all(world.log.iter_records(Filter(tenant="acme", since=begin + timedelta(minutes=30))))
    told = tally.summary(begin, world.clock())
    assert (told.records, told.acted_alone_and_held) == (2, 2)
    assert [(one.fixed_alone, one.mttr.p50, one.mttr.p90) for one in told.runbooks] == [(2, 20, 30)]
