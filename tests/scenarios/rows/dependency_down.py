"""What fails is a victim: the thing behind it is down."""

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import Escalated, Row, Scenario
from tests.scenarios.steps import Object, applied, every_pod, one_pod, prints, released, serves, step

DOWN = frozenset({Cause.DEPENDENCY_DOWN})
VICTIM_OF = frozenset({Reason.VICTIM_OF_ANOTHER})


def service(name: str, *, elsewhere: bool = False) -> Object:
    return lambda ground: {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": ground.outside if elsewhere else ground.namespace},
        "spec": {"selector": {"app": name}, "ports": [{"name": "main", "port": 5432, "targetPort": 5432}]},
    }


def refused(host: str) -> str:
    return f"could not connect to server: Connection refused: is the server running on host {host} and accepting TCP/IP connections on port 5432?\ndial tcp: {host}:5432: connect: connection refused\n"


async def database_fails_elsewhere(ground: Ground) -> None:
    await ground.release(
        2,
        app="db",
        namespace=ground.outside,
        fault=str(Fault.CRASH),
        replicas=1,
        deployment={"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
    )


SCENARIOS = (
    Scenario(
        name="dependency-down",
        row=Row.DEPENDENCY,
        says="The database's pods are gone; every pod of web crashes because it cannot reach it.",
        before=(applied("the Service db is there", service("db")),),
        broken=(prints(refused("db")), every_pod(Fault.CRASH)),
        right=Escalated(DOWN, names=("Service/db",), reasons=VICTIM_OF),
    ),
    Scenario(
        name="dependency-down-in-another-namespace",
        row=Row.DEPENDENCY,
        says="The database lies in a namespace that is not ours to touch, and crashes there.",
        before=(
            released(1, app="db", replicas=1, elsewhere=True),
            applied("the Service db is there", service("db", elsewhere=True)),
        ),
        broken=(
            step("the database begins to crash", database_fails_elsewhere),
            step("web says so", lambda ground: ground.log(refused(f"db.{ground.outside}.svc.cluster.local"))),
            every_pod(Fault.CRASH),
        ),
        right=Escalated(DOWN, names=("db",), reasons=VICTIM_OF),
    ),
    Scenario(
        name="dependency-down-cascades",
        row=Row.DEPENDENCY,
        says="web needs api, api needs db, and db is gone: both crash, and neither is at fault.",
        before=(
            released(1, app="api"),
            serves("api"),
            applied("the Service api is there", service("api")),
            applied("the Service db is there", service("db")),
        ),
        broken=(
            prints(refused("db"), app="api"),
            prints(refused("api"), app="web"),
            every_pod(Fault.CRASH, app="api"),
            every_pod(Fault.CRASH),
        ),
        right=Escalated(DOWN, names=("db",), reasons=VICTIM_OF),
    ),
    Scenario(
        name="dependency-down-misleading-words",
        row=Row.DEPENDENCY,
        says="One pod's last words are of a heap, a cache and an image; what it could not do is reach the database.",
        before=(applied("the Service db is there", service("db")),),
        broken=(
            prints(
                "WARN heap is 97% full, collecting\nERROR could not read the cache: key not found\nWARN image resizer is disabled\n"
                + refused("db")
                + "INFO shutting down cleanly\n"
            ),
            one_pod(Fault.TRANSIENT),
        ),
        right=Escalated(DOWN, names=("db",), reasons=VICTIM_OF),
    ),
)
