"""Forty and more kinds of pod trouble, as a person would save them: what is done, whether somebody is called, and why.

The kinds are in `tests/builders/saved.py` and `saved_escalated.py`; `tests/cases` has those that befell somebody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from byteport.domain.policy import Mode
from byteport.domain.reasons import Cause
from byteport.runbooks.bundles import bundle_of
from byteport.runbooks.explain import Explained, assumed_policy, explain
from tests.builders import saved, saved_escalated
from tests.builders.objects import NOW, stamp
from tests.builders.saved import Saved


def answer(kept: Saved, mode: Mode = Mode.AUTO) -> Explained:
    document = {"now": stamp(0), "objects": list(kept.objects), "log_tail": list(kept.log_tail)}
    bundle = bundle_of("bundle", [document], now=NOW)
    return explain(bundle.world, assumed_policy(bundle.world), mode, alert=bundle.alert)


DELETED = [
    (saved.transient_crash, Cause.TRANSIENT),
    (saved.stale_lock_in_scratch_space, Cause.TRANSIENT),
    (saved.corrupt_cache_in_scratch_space, Cause.TRANSIENT),
    (saved.wedged_on_its_own_connections, Cause.WEDGED_REPLICA),
    (saved.wedged_for_want_of_descriptors, Cause.WEDGED_REPLICA),
    (saved.wedged_with_its_sibling_saved, Cause.WEDGED_REPLICA),
]
ESCALATED = [
    (saved_escalated.leader_and_standby, Cause.NOT_READY),
    (saved_escalated.unready_while_it_migrates, Cause.MIGRATION),
    (saved_escalated.unready_while_it_restores, Cause.SLOW_START),
    (saved_escalated.node_without_a_network, Cause.NODE_PRESSURE),
    (saved_escalated.cluster_without_room, Cause.TRANSIENT),
    (saved_escalated.being_scaled_down, Cause.TRANSIENT),
    (saved_escalated.crash_with_a_claim, Cause.TRANSIENT),
    (saved_escalated.poison_message, Cause.POISON_MESSAGE),
    (saved_escalated.expired_licence, Cause.ACCESS_DENIED),
    (saved_escalated.secret_rotated, Cause.ACCESS_DENIED),
    (saved_escalated.killed_by_nobody_knows_whom, Cause.UNKNOWN),
    (saved_escalated.child_killed_for_memory, Cause.OOM_KILLED),
    (saved_escalated.java_heap, Cause.OUT_OF_MEMORY),
    (saved_escalated.new_pod_after_a_changed_secret, Cause.CONFIG_UNSEEN),
    (saved_escalated.dependency_by_name, Cause.DEPENDENCY_DOWN),
    (saved_escalated.memory_backed_ipc, Cause.UNKNOWN),
    (saved_escalated.graphics_card, Cause.NODE_SUSPECT),
    (saved_escalated.dead_node, Cause.NODE_NOT_READY),
    (saved_escalated.cordoned_node, Cause.TRANSIENT),
    (saved_escalated.held_lease, Cause.WEDGED_REPLICA),
    (saved_escalated.budget_without_room, Cause.TRANSIENT),
    (saved_escalated.replacement_refused_by_quota, Cause.TRANSIENT),
    (saved_escalated.no_matching_architecture_on_one_node, Cause.IMAGE_AUTH),
    (saved_escalated.never_pulled, Cause.IMAGE_ABSENT),
    (saved_escalated.registry_without_answer, Cause.IMAGE_TIMEOUT),
    (saved_escalated.missing_config_map, Cause.CONFIG_ERROR),
    (saved_escalated.volume_still_attached_elsewhere, Cause.VOLUME),
    (saved_escalated.init_waits_for_ever, Cause.DEPENDENCY_DOWN),
    (saved_escalated.unschedulable, Cause.UNSCHEDULABLE),
    (saved_escalated.job_crash, Cause.CRASHING),
    (saved_escalated.sidecar_kills_nobody_but_itself, Cause.OOM_KILLED),
    (saved_escalated.squeezed_limit, Cause.MEMORY_RESQUEEZED),
    (saved_escalated.pushed_out_again_and_again, Cause.EVICTED),
]
SILENT = [
    saved_escalated.fresh_node_restart,
    saved.killed_once,
    saved.restarts_of_last_month,
    saved.being_deleted,
    saved.lost_status_after_an_eviction,
    saved.finished_migration_pod,
]

Kind = Callable[[], Saved]


def _named(value: Any) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize(("kind", "cause"), DELETED, ids=_named)
def test_one_pod_is_deleted_and_nobody_is_called(kind: Kind, cause: Cause) -> None:
    said = answer(kind())
    assert said.act == "delete_pod"
    assert not said.escalate
    assert {incident.cause for incident in said.incidents} == {cause}


@pytest.mark.parametrize(("kind", "cause"), ESCALATED, ids=_named)
def test_nothing_is_done_and_a_person_learns_the_cause(kind: Kind, cause: Cause) -> None:
    said = answer(kind())
    assert said.act is None
    assert said.escalate
    assert cause in {incident.cause for incident in said.incidents}


@pytest.mark.parametrize("kind", SILENT, ids=_named)
def test_nothing_is_done_and_nobody_is_called(kind: Kind) -> None:
    said = answer(kind())
    assert said.act is None
    assert not said.escalate


def test_six_targets_that_fail_on_one_node_are_all_put_down_to_it() -> None:
    said = answer(saved_escalated.six_targets_one_node())
    assert said.act is None
    assert said.escalate
    assert {incident.culprit for incident in said.incidents} == {"Node/node-1"}


def test_what_is_named_as_the_culprit_is_an_object() -> None:
    said = answer(saved_escalated.dependency_by_name())
    assert [incident.culprit for incident in said.incidents if incident.culprit] == ["Pod/db-0"]
