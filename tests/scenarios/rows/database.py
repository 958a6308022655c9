"""What a release has changed for good cannot be undone by undoing the release."""

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import Escalated, Row, Scenario
from tests.scenarios.steps import applied, prints, released


def migration(ground: Ground) -> dict[str, object]:
    """A Job that is running, made by the release's pipeline."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "web-migrate-2", "namespace": ground.namespace, "labels": {"app": "web-migrate"}},
        "spec": {
            "template": {
                "metadata": {"labels": {"app": "web-migrate"}},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "containers": [{"name": "migrate", "image": f"{ground.registry}/web:2", "args": ["migrate"]}],
                },
            }
        },
        "status": {"active": 1, "startTime": "2026-01-01T00:00:00Z"},
    }


SCENARIOS = (
    Scenario(
        name="migration-under-way",
        row=Row.DATABASE,
        says="The new revision crashes while its migration Job still runs.",
        broken=(applied("a migration Job runs", migration), released(2, fault=Fault.CRASH)),
        right=Escalated(
            frozenset({Cause.RELEASE_CRASHES, Cause.MIGRATION}),
            names=("web-migrate-2",),
            reasons=frozenset({Reason.MIGRATION_UNDER_WAY}),
        ),
    ),
    Scenario(
        name="release-says-that-it-migrates",
        row=Row.DATABASE,
        says="The new revision's own log says that it is in the middle of a schema migration.",
        broken=(
            prints(
                "Running migration 0042_split_orders (this may take a while)\nApplying migration 0042_split_orders...\n"
            ),
            released(2, fault=Fault.CRASH),
        ),
        right=Escalated(
            frozenset({Cause.MIGRATION, Cause.RELEASE_CRASHES}), reasons=frozenset({Reason.MIGRATION_UNDER_WAY})
        ),
    ),
)
