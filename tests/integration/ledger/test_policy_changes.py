"""Each change of the policy is one record with who made it, however the file was changed."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from activities.audit.policies import SOMEBODY, PolicyChanges
from byteport.audit.verify import Verdict
from byteport.audit.words import Event
from byteport.domain.policy import Mode, PolicyConfig
from tests.integration.ledger.world import AUTO, DRY_RUN, INSTALLATION, World

LATER = datetime(2026, 3, 11, tzinfo=UTC)


def by(policy: PolicyConfig, who: str, *, at: datetime = LATER, reason: str = "") -> PolicyConfig:
    """As `byteport policy` writes it."""
    notes = {"changed_by": who, "changed_at": at, "change_reason": reason, "changed_to": policy.version}
    return policy.model_copy(update=notes)


def told(world: World) -> list[tuple[Event, str | None, str | None]]:
    return [(one.event, one.approver, one.note) for one in world.log.iter_records()]


def change(world: World, policy: PolicyConfig) -> None:
    world.policy.policy = policy
    world.changes.notice()


def test_the_first_policy_is_where_the_ledger_begins(world: World) -> None:
    assert world.changes.notice() is None
    assert told(world) == []


@pytest.mark.claim("C-092")
def test_a_change_is_recorded_once_with_who_what_and_why(world: World) -> None:
    world.changes.notice()
    change(world, by(DRY_RUN, "ada", reason="release week"))
    assert world.changes.notice() is None
    assert told(world) == [
        (Event.POLICY_CHANGED, "ada", "changed log_store_named to False, mode to dry_run; release week")
    ]
    assert [report.intact for report in world.log.verify_all()] == [Verdict.INTACT]


@pytest.mark.claim("C-092")
def test_a_change_without_a_note_is_somebodys(world: World) -> None:
    world.changes.notice()
    change(world, DRY_RUN)
    assert [who for _, who, _ in told(world)] == [SOMEBODY]


def test_a_note_that_is_about_other_content_is_nobodys(world: World) -> None:
    world.changes.notice()
    noted = by(DRY_RUN, "ada")
    change(world, noted.model_copy(update={"mode": Mode.OBSERVE}))
    assert [who for _, who, _ in told(world)] == [SOMEBODY]


def test_a_note_counts_once(world: World) -> None:
    """Somebody edits the file by hand and puts it back: that is not ada's a second time."""
    world.changes.notice()
    change(world, by(DRY_RUN, "ada"))
    change(world, AUTO)
    change(world, by(DRY_RUN, "ada"))
    assert [who for _, who, _ in told(world)] == ["ada", SOMEBODY, SOMEBODY]
    change(world, by(AUTO, "bob", at=LATER.replace(hour=1)))
    assert told(world)[-1][1] == "bob"


def test_two_processes_record_one_change_once(world: World) -> None:
    other = PolicyChanges(world.store, INSTALLATION, world.policy)
    world.changes.notice()
    other.notice()
    world.policy.policy = DRY_RUN
    assert other.notice() is not None
    assert world.changes.notice() is None
    assert len(told(world)) == 1


@pytest.mark.claim("C-092")
def test_a_change_made_while_nothing_ran_is_noticed_at_the_next_start(world: World) -> None:
    world.changes.notice()
    world.store.close()
    world.policy.policy = DRY_RUN
    world.open()
    world.changes.notice()
    assert [event for event, _, _ in told(world)] == [Event.POLICY_CHANGED]


def test_a_note_alone_is_no_change(world: World) -> None:
    world.changes.notice()
    change(world, by(AUTO, "ada"))
    assert told(world) == []


def test_a_broken_file_is_no_policy_and_no_change(tmp_path: Path) -> None:
    from activities.kubernetes.policy_source import FilePolicySource

    world = World(tmp_path)
    file = tmp_path / "policy.yaml"
    file.write_text("mode: dry_run\n")
    changes = PolicyChanges(world.store, INSTALLATION, FilePolicySource(file))
    changes.notice()
    file.write_text("mode: [")
    assert changes.notice() is None
    file.write_text("mode: auto\n")
    assert changes.notice() is not None
    world.store.close()
