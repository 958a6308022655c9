"""Whose an outside symptom is: the controlling owner of what is named, in what was given to us, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.kubernetes.outside import Outside
from byteport.boundary.choices import Choices
from byteport.contracts.symptoms import Fate, OutsideSymptom, ReportSymptoms, Subject
from byteport.contracts.workflows import ToldOver
from byteport.domain.ceilings import Sight
from byteport.domain.failures import Failure
from byteport.domain.signals import SignalType, Source
from byteport.errors import NotPermitted, TargetGone, Unavailable
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL, ENABLED_SELECTOR
from byteport.kubernetes.provider_ids import runs_on
from tests.integration.activities.granted import Granted, give
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.watching import Inbox


def symptom(kind: SignalType, subject: Subject, **more: Any) -> OutsideSymptom:
    return OutsideSymptom.model_validate(
        {
            "type": kind,
            "subject": subject,
            "value": 3,
            "threshold": 1,
            "observed_at": "2026-03-10T09:00:00Z",
            "source": Source.ALERTMANAGER,
            "evidence_digest": "e1",
            **more,
        }
    )


class Bench:
    """One cluster's worker, and what reached its sink."""

    def __init__(self, bench: SimulatedBench, **choices: Any) -> None:
        self.inbox = Inbox()
        self.outside = Outside(
            choices.pop("port", bench.port), cluster_uid=bench.uid, sink=self.inbox, policy=bench.policy, **choices
        )
        self.uid = bench.uid

    async def fates(self, *symptoms: OutsideSymptom) -> list[Fate]:
        call = ReportSymptoms(cluster_uid=self.uid, symptoms=symptoms)
        reported = await ActivityEnvironment().run(self.outside.report_symptoms, call)
        return list(reported.fates)


CRASHLOOP, ROLLOUT, DISK = SignalType.POD_CRASHLOOP, SignalType.FAILED_DEPLOY, SignalType.DISK_PRESSURE


def deployment(name: str = "web", namespace: str = "shop") -> Subject:
    return Subject(kind="Deployment", namespace=namespace, name=name)


@pytest.mark.claim("C-390")
async def test_a_pod_that_an_alert_names_is_reported_as_its_deployment_with_its_uid(bench: SimulatedBench) -> None:
    pod = await bench.one_pod_crashes()
    worker = Bench(bench)
    named = Subject(kind="Pod", namespace="shop", name=pod["metadata"]["name"])
    assert await worker.fates(symptom(CRASHLOOP, named, sender="token/a")) == [Fate.REPORTED]
    (signal,) = worker.inbox.signals
    assert signal.target.ref == "shop/Deployment/web"
    assert signal.target.uid
    assert (signal.source, signal.value, signal.evidence_digest) == (Source.ALERTMANAGER, 3, "e1")
    assert signal.sender == "token/a"


async def test_a_replica_set_and_an_autoscaler_lead_to_their_workload(bench: SimulatedBench) -> None:
    pod = await bench.one_pod_crashes()
    (owner,) = pod["metadata"]["ownerReferences"]
    worker = Bench(bench)
    named = Subject(kind="ReplicaSet", namespace="shop", name=owner["name"])
    assert await worker.fates(symptom(CRASHLOOP, named)) == [Fate.REPORTED]
    assert worker.inbox.signals[0].target.ref == "shop/Deployment/web"


@pytest.mark.claim("C-390")
@pytest.mark.parametrize("sight", list(Sight))
async def test_nothing_is_asked_about_a_namespace_that_was_not_given(bench: SimulatedBench, sight: Sight) -> None:
    await bench.one_pod_crashes()
    await give(bench, "shop")
    account = Granted(bench, Choices(sight=sight))
    account.bind("shop")
    account.asked.clear()
    worker = Bench(bench, port=account, sight=sight)
    stranger = symptom(CRASHLOOP, Subject(kind="Pod", namespace="kube-public", name="x"))
    protected = symptom(CRASHLOOP, Subject(kind="Pod", namespace="kube-system", name="x"))
    assert await worker.fates(stranger, protected) == [Fate.NOT_OURS, Fate.NOT_OURS]
    assert not [one for one in account.asked if one.resource == "pods"]
    assert not [one for one in account.asked if one.name == "kube-system"]
    if sight is Sight.NAMESPACED:
        assert not [one for one in account.asked if one.namespace == "kube-public"]


@pytest.mark.claim("C-391")
async def test_a_machine_is_found_by_its_providers_id_and_never_by_a_nodes_name(bench: SimulatedBench) -> None:
    await bench.cluster.label_node("node-1", {ENABLED_LABEL: "true"})
    worker = Bench(bench)
    machine = symptom(DISK, Subject(kind="Node", provider_id="machine-node-1"))
    assert await worker.fates(machine) == [Fate.REPORTED]
    assert worker.inbox.signals[0].target.ref == "Node/node-1"
    for other in ("node-1", "machine-node-2", "machine-node"):
        assert await worker.fates(symptom(DISK, Subject(kind="Node", provider_id=other))) == [Fate.NOT_FOUND]


@pytest.mark.claim("C-391")
async def test_a_machine_that_two_nodes_say_they_run_on_is_neithers(
    bench: SimulatedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node-1", "node-2"):
        await bench.cluster.label_node(name, {ENABLED_LABEL: "true"})
    listed = await bench.port.list(port.NODES, "", labels=ENABLED_SELECTOR)
    for item in listed.items:
        item["spec"]["providerID"] = "aws:///a/i-1"

    async def both(*_: Any, **__: Any) -> Any:
        return listed

    monkeypatch.setattr(bench.port, "list", both)
    worker = Bench(bench)
    assert await worker.fates(symptom(DISK, Subject(kind="Node", provider_id="i-1"))) == [Fate.AMBIGUOUS]
    assert worker.inbox.signals == []


def test_a_machine_is_the_end_of_a_providers_id_and_no_part_of_a_word() -> None:
    def node(provider_id: str) -> dict[str, Any]:
        return {"spec": {"providerID": provider_id}}

    assert runs_on(node("aws:///eu-west-1a/i-0abc"), "i-0abc")
    assert runs_on(node("gce://p/europe-west1-b/n1"), "projects/p/zones/europe-west1-b/instances/n1")
    azure = "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/vm-0"
    assert runs_on(node(f"azure://{azure.lower()}"), azure)
    for whole in ("aws:///eu-west-1a/i-0abc", "gce://p/europe-west1-b/n1", f"azure://{azure}", "kind://docker/kind/w1"):
        assert runs_on(node(whole), whole)
        assert not runs_on(node(whole), whole.replace("://", "2://"))
        assert not runs_on(node(f"{whole}0"), whole)
    assert not runs_on(node("aws:///"), "aws:///")
    for machine in ("", "/", "0abc", "abc", "i-0ab", "i-0abc/", "eu-west-1a"):
        assert not runs_on(node("aws:///eu-west-1a/i-0abc"), machine) or machine == "i-0abc/"
    assert not runs_on(node(""), "i-0abc")
    assert not runs_on({}, "i-0abc")


async def test_a_node_without_our_label_is_not_ours(bench: SimulatedBench) -> None:
    worker = Bench(bench)
    assert await worker.fates(symptom(DISK, Subject(kind="Node", name="node-2"))) == [Fate.NOT_OURS]
    assert await worker.fates(symptom(DISK, Subject(kind="Node", name="node-99"))) == [Fate.NOT_FOUND]


async def test_what_no_runbook_treats_is_ambiguous_and_what_is_gone_is_not_found(bench: SimulatedBench) -> None:
    await bench.enable("shop")
    worker = Bench(bench)
    assert await worker.fates(
        symptom(DISK, deployment()),
        symptom(CRASHLOOP, Subject(kind="Node", name="node-1")),
        symptom(CRASHLOOP, Subject(kind="Job", namespace="shop", name="nightly")),
        symptom(CRASHLOOP, Subject(kind="Pod", name="web")),
        symptom(ROLLOUT, deployment("gone")),
    ) == [Fate.AMBIGUOUS] * 4 + [Fate.NOT_FOUND]
    assert worker.inbox.signals == []


async def test_a_runbook_that_is_switched_off_hears_of_nothing(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    worker = Bench(bench, off=frozenset({Failure.CRASHLOOP}))
    assert await worker.fates(symptom(CRASHLOOP, deployment())) == [Fate.REFUSED]


async def test_what_its_source_calls_over_is_told_to_the_run_and_reported_to_nobody(bench: SimulatedBench) -> None:
    await bench.one_pod_crashes()
    worker = Bench(bench)
    assert await worker.fates(symptom(CRASHLOOP, deployment(), over=True)) == [Fate.TOLD_OVER]
    assert worker.inbox.signals == []
    assert worker.inbox.over == [("shop/Deployment/web", Failure.CRASHLOOP, "e1")]
    worker.inbox.refusals = [TargetGone("no run is open") for _ in range(3)]
    assert await worker.fates(symptom(CRASHLOOP, deployment(), over=True)) == [Fate.NOT_FOUND]


@pytest.mark.claim("C-488")
async def test_the_end_of_an_alert_reaches_the_run_though_its_pod_is_gone_or_another_runbook_has_it(
    bench: SimulatedBench,
) -> None:
    pod = await bench.one_pod_crashes()
    named = Subject(kind="Pod", namespace="shop", name=pod["metadata"]["name"])
    await bench.remove(port.PODS, pod["metadata"]["name"])
    worker = Bench(bench)
    assert await worker.fates(symptom(CRASHLOOP, named)) == [Fate.NOT_FOUND]
    assert await worker.fates(symptom(CRASHLOOP, named, over=True)) == [Fate.TOLD_OVER]
    assert worker.inbox.over == [("shop/Deployment/web", Failure.CRASHLOOP, "e1")]
    worker.inbox.refusals = [TargetGone("handed over, and closed")]
    assert await worker.fates(symptom(CRASHLOOP, deployment(), over=True)) == [Fate.TOLD_OVER]
    assert worker.inbox.over[-1] == ("shop/Deployment/web", Failure.BAD_ROLLOUT, "e1")
    worker.inbox.refusals = [TargetGone("handed over, and closed"), TargetGone("handed over once more, and closed")]
    assert await worker.fates(symptom(ROLLOUT, deployment(), over=True)) == [Fate.TOLD_OVER]
    assert worker.inbox.over[-1] == ("shop/Deployment/web", Failure.MEMORY, "e1")
    worker.inbox.over.clear()
    told = symptom(CRASHLOOP, deployment(), over=True, sender="token/a", ended_at="2026-03-10T09:30:00Z")
    assert await worker.fates(told) == [Fate.TOLD_OVER]  # the run that it opened may be another one by now
    assert [failure for _, failure, _ in worker.inbox.over] == [Failure.CRASHLOOP, Failure.BAD_ROLLOUT, Failure.MEMORY]
    assert worker.inbox.words[-1] == ToldOver(
        evidence_digest="e1", sender="token/a", source=Source.ALERTMANAGER, ended_at=told.ended_at
    )
    strange = Subject(kind="Pod", namespace="kube-public", name="web-6c9d7f5b8-abcde")
    assert await worker.fates(symptom(CRASHLOOP, strange, over=True)) == [Fate.NOT_OURS]


async def test_another_clusters_symptoms_are_refused_and_a_door_that_is_away_is_tried_again(
    bench: SimulatedBench,
) -> None:
    await bench.one_pod_crashes()
    worker = Bench(bench)
    worker.inbox.refusals = [Unavailable("Temporal does not answer")]
    with pytest.raises(Exception, match="Temporal does not answer"):
        await worker.fates(symptom(CRASHLOOP, deployment()))
    with pytest.raises(ApplicationError, match="another cluster") as refused:
        await ActivityEnvironment().run(
            worker.outside.report_symptoms, ReportSymptoms(cluster_uid="other", symptoms=())
        )
    assert refused.value.type == NotPermitted.code
