"""A release whose probe asks at the wrong door: the program is well, and never serves or is killed for it."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import older_than, probes_fail, released

PROBE = {"httpGet": {"path": "/healthz", "port": 8081}, "periodSeconds": 5}

SCENARIOS = (
    Scenario(
        name="malformed-readiness-probe",
        row=Row.BAD_RELEASE,
        says="The new revision's readiness probe names a port on which nothing listens; no pod becomes Ready.",
        broken=(
            released(2, fault=Fault.PROBE, spec={"containers": [{"name": "web", "readinessProbe": PROBE}]}),
            older_than(35),
            probes_fail(),
        ),
        right=Fixed(PATCHES_DEPLOYMENT),
        deadline_seconds=40,
        seconds=240,
    ),
    Scenario(
        name="malformed-liveness-probe",
        row=Row.BAD_RELEASE,
        says="The new revision's liveness probe names a port on which nothing listens; the kubelet kills each container.",
        broken=(released(2, fault=Fault.LIVENESS, spec={"containers": [{"name": "web", "livenessProbe": PROBE}]}),),
        right=Fixed(PATCHES_DEPLOYMENT),
        deadline_seconds=40,
        seconds=240,
    ),
)
