"""Trouble between pods that are well: nothing that a restart or a rollback would mend."""

from byteport.domain.reasons import Cause
from byteport.sandbox.controlplane import Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import CONTROL_PLANE_ONLY, SIMULATED_ONLY, Escalated, Row, Scenario, Silent
from tests.scenarios.steps import (
    Object,
    applied,
    enrolled_only_now,
    every_pod,
    not_enrolled,
    prints,
    released,
    serves,
    time_passes,
)


def service(*, app: str = "web", port: int = 8080) -> Object:
    return lambda ground: {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": ground.namespace},
        "spec": {"selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": port}]},
    }


def nobody_may_enter(ground: Ground) -> dict[str, object]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny-all", "namespace": ground.namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


MESHED = {"containers": [{"name": "istio-proxy", "image": "registry.example/proxy:1"}]}

SCENARIOS = (
    Scenario(
        name="network-policy-denies-all",
        row=Row.NETWORK,
        says="A NetworkPolicy lets nobody in; the pods stay Ready.",
        broken=(applied("a NetworkPolicy denies all", nobody_may_enter),),
        right=Silent(),
        shown_on=CONTROL_PLANE_ONLY,
        why_not="the simulated cluster keeps no NetworkPolicy",
    ),
    Scenario(
        name="service-selector-wrong",
        row=Row.NETWORK,
        says="The Service selects nothing any more; its pods are well.",
        before=(applied("the Service is there", service()),),
        broken=(applied("the Service's selector is changed", service(app="wbe")),),
        right=Silent(),
    ),
    Scenario(
        name="service-port-wrong",
        row=Row.NETWORK,
        says="The Service sends to a port on which nothing listens; its pods are well.",
        before=(applied("the Service is there", service()),),
        broken=(applied("the Service's port is changed", service(port=8081)),),
        right=Silent(),
    ),
    Scenario(
        name="dns-fails",
        row=Row.NETWORK,
        says="No name is resolved any more; every pod of web ends because of it.",
        broken=(
            prints("dial tcp: lookup db.shop.svc.cluster.local on 10.96.0.10:53: no such host\n"),
            every_pod(Fault.CRASH),
        ),
        right=Escalated(frozenset({Cause.DEPENDENCY_DOWN}), names=("db",)),
    ),
    Scenario(
        name="certificate-expired",
        row=Row.NETWORK,
        says="A certificate has expired; every pod of web ends because of it.",
        broken=(
            prints("x509: certificate has expired or is not yet valid: current time is after 2026-01-01T00:00:00Z\n"),
            every_pod(Fault.CRASH),
        ),
        right=Escalated(frozenset({Cause.CERTIFICATE})),
    ),
    Scenario(
        name="mesh-proxies-not-ready",
        row=Row.NETWORK,
        says="The mesh's proxy beside every replica does not become ready any more; the programs are well.",
        before=(released(1, spec=MESHED), serves()),
        broken=(
            not_enrolled(),
            every_pod(Fault.PROBE, container="istio-proxy"),
            time_passes(400),
            enrolled_only_now(),
        ),
        right=Escalated(frozenset({Cause.NOT_READY})),
        shown_on=SIMULATED_ONLY,
        why_not="replicas that are not ready are trouble after five minutes, and there time is real",
    ),
)
