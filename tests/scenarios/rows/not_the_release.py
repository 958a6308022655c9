"""A rollout that fails, and whose template is not what should be changed."""

from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from byteport.kubernetes.port import DEPLOYMENTS, PODS
from byteport.sandbox.controlplane import BACKOFF_ANNOTATION, FAULT_ANNOTATION, Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import Escalated, Row, Scenario
from tests.scenarios.steps import Object, applied, changed, every_pod, older_than, released, reported, scaled, step

CRASHES = frozenset({Cause.RELEASE_CRASHES, Cause.BAD_ROLLOUT, Cause.BAD_IMAGE})


def settings(mode: str) -> Object:
    return lambda ground: {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": ground.namespace},
        "data": {"mode": mode},
    }


async def restarted(ground: Ground) -> None:
    """`kubectl rollout restart`: nothing differs but the time of the restart, and what comes up crashes."""
    annotations = {
        "kubectl.kubernetes.io/restartedAt": "2030-01-01T00:00:00Z",
        FAULT_ANNOTATION: str(Fault.CRASH),
        BACKOFF_ANNOTATION: "1",
    }
    await ground.merge(
        DEPLOYMENTS,
        "web",
        {"spec": {"template": {"metadata": {"annotations": annotations}}}},
        manager="kubectl-rollout",
    )


async def new_pods_read_it(ground: Ground) -> None:
    """One pod was made again since, and reads what the others have not read yet."""
    oldest = (await ground.pods())[0]["metadata"]
    kept = {pod["metadata"]["name"] for pod in await ground.pods()}
    await ground.remove(PODS, oldest["name"])

    async def replaced() -> bool:
        return any(pod["metadata"]["name"] not in kept for pod in await ground.pods())

    await ground.until("a new pod", replaced)
    fresh = next(pod for pod in await ground.pods() if pod["metadata"]["name"] not in kept)
    annotations = {FAULT_ANNOTATION: str(Fault.CRASH), BACKOFF_ANNOTATION: "1"}
    await ground.merge(PODS, fresh["metadata"]["name"], {"metadata": {"annotations": annotations}})


READS_SETTINGS = {"containers": [{"name": "web", "envFrom": [{"configMapRef": {"name": "settings"}}]}]}

SCENARIOS = (
    Scenario(
        name="paused-mid-rollout",
        row=Row.NOT_THE_RELEASE,
        says="The new revision crashes, and somebody has paused the rollout to look at it.",
        broken=(
            released(2, fault=Fault.CRASH, deployment={"spec": {"paused": False}}),
            changed(why="the rollout is paused", spec={"paused": True}),
        ),
        right=Escalated(CRASHES, reasons=frozenset({Reason.PAUSED})),
    ),
    Scenario(
        name="templates-equal",
        row=Row.NOT_THE_RELEASE,
        says="A rollout restart: the new pods crash, and their template is the one that serves.",
        broken=(step("the rollout is restarted, and what comes up crashes", restarted),),
        right=Escalated(CRASHES | {Cause.CONFIG_UNSEEN}, reasons=frozenset({Reason.TEMPLATES_EQUAL})),
    ),
    Scenario(
        name="only-a-config-map-changed",
        row=Row.NOT_THE_RELEASE,
        says="A ConfigMap was changed; the one pod that was made since reads it, and crashes.",
        before=(
            applied("the ConfigMap settings is there", settings("fast")),
            released(1, spec=READS_SETTINGS),
        ),
        broken=(
            older_than(65),
            applied("the ConfigMap settings is changed", settings("fsat")),
            step("a pod is made again and reads it", new_pods_read_it),
        ),
        right=Escalated(
            frozenset({Cause.CONFIG_UNSEEN}),
            reasons=frozenset({Reason.CANNOT_TELL, Reason.CAUSE_NEEDS_A_PERSON}),
            names=("settings",),
        ),
        seconds=240,
    ),
    Scenario(
        name="strategy-lets-all-pods-go",
        row=Row.NOT_THE_RELEASE,
        says="The strategy lets all old pods go first, so that nothing serves now, and nothing proves what would.",
        before=(released(1, deployment={"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}),),
        broken=(
            released(
                2, fault=Fault.CRASH, deployment={"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}}
            ),
        ),
        right=Escalated(CRASHES, reasons=frozenset({Reason.NO_KNOWN_GOOD_REVISION, Reason.TARGET_NOT_AVAILABLE_NOW})),
    ),
    Scenario(
        name="scaled-to-zero",
        row=Row.NOT_THE_RELEASE,
        says="Somebody has scaled it to zero; an alert says that nothing serves.",
        broken=(scaled(0), reported(SignalType.FAILED_DEPLOY)),
        right=Escalated(frozenset({Cause.BAD_ROLLOUT}), reasons=frozenset({Reason.SCALED_TO_ZERO})),
    ),
    Scenario(
        name="all-pods-of-an-old-revision-crash",
        row=Row.NOT_THE_RELEASE,
        says="Nothing was released; all pods, which have served for an hour, begin to crash at once.",
        broken=(every_pod(Fault.CRASH),),
        right=Escalated(frozenset({Cause.CRASHING}), reasons=frozenset({Reason.NO_HEALTHY_SIBLING})),
    ),
)
