"""The policy settings: a narrower one can only lower, and every one of them is in the version."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from byteport.domain.approvals import Least
from byteport.domain.policy import (
    ApprovalRule,
    Mode,
    PolicyConfig,
)

modes = st.sampled_from(list(Mode))


@pytest.mark.claim("C-033")
@given(modes, st.none() | modes, st.none() | modes)
def test_a_narrower_mode_can_only_lower(mode: Mode, by_runbook: Mode | None, by_namespace: Mode | None) -> None:
    config = PolicyConfig(
        mode=mode,
        mode_by_runbook={} if by_runbook is None else {"R": by_runbook},
        mode_by_namespace={} if by_namespace is None else {"shop": by_namespace},
    )
    order = list(Mode)
    found = order.index(config.mode_for("R", "shop"))
    assert found == min(order.index(item) for item in (mode, by_runbook, by_namespace) if item is not None)
    assert config.mode_for("other", "elsewhere") is mode


NOTES = ("changed_by", "changed_at", "change_reason", "changed_to")


@pytest.mark.claim("C-031")
def test_the_default_mode_is_dry_run_and_gives_nothing() -> None:
    config = PolicyConfig()
    assert config.mode is Mode.DRY_RUN
    assert (config.rollback_allowed, config.log_store_named, config.accept_unsigned_answers) == (
        frozenset(),
        False,
        False,
    )


@pytest.mark.parametrize(
    "field",
    [
        name
        for name in PolicyConfig.model_fields
        if name not in (*NOTES, "mode_by_runbook", "mode_by_namespace", "approvals")
    ],
)
def test_every_setting_is_in_the_version(field: str) -> None:
    other = {
        "mode": Mode.AUTO,
        "protected_namespaces": frozenset({"x"}),
        "rollback_allowed": frozenset({"x"}),
        "settle_seconds": 7,
        "verify_deadline_seconds": 7,
        "reread_seconds": 60,
        "log_store_named": True,
        "accept_unsigned_answers": True,
        "raise_allowed": frozenset({"x"}),
        "timebox_seconds": 77,
        "disk_percent": 90,
        "disk_verified_percent": 77,
        "memory_percent": 77,
        "cpu_percent": 77,
        "helper_namespace": "x",
    }
    assert field in other, f"{field} is new: say here how it changes the version"
    assert PolicyConfig.model_validate({field: other[field]}).version != PolicyConfig().version


def test_an_update_that_brings_a_setting_voids_no_approval_that_waits() -> None:
    """The version of a policy that says nothing of the newer settings is what it was before there were any."""
    assert PolicyConfig(mode=Mode.AUTO).version == "aa2ea334a30c81ee4c5a0ce3a9240e542b199889570f82cb6f66ce900d72b0fe"


@pytest.mark.claim("C-444")
def test_the_least_that_counts_is_in_the_version_and_signed_by_default() -> None:
    """At its default it is left out, so that an update of the agent voids nothing that waits."""
    rule, name = ApprovalRule(quorum=2), "PodCrashloopRunbook"
    assert PolicyConfig().approval_rule(name).least is Least.SIGNED
    plain = PolicyConfig(approvals={name: rule})
    said = PolicyConfig(approvals={name: rule.model_copy(update={"least": Least.SIGNED})})
    weaker = PolicyConfig(approvals={name: rule.model_copy(update={"least": Least.ATTESTED})})
    assert plain.version == said.version != weaker.version


def test_who_wrote_the_policy_is_no_part_of_its_version() -> None:
    noted = PolicyConfig(changed_by="alice", changed_at=datetime(2026, 3, 1, tzinfo=UTC), change_reason="drill")
    assert noted.version == PolicyConfig().version


def test_mappings_are_in_the_version_too_and_order_is_not() -> None:
    bare = PolicyConfig().version
    assert PolicyConfig(mode_by_runbook={"R": Mode.OBSERVE}).version != bare
    assert PolicyConfig(mode_by_namespace={"n": Mode.OBSERVE}).version != bare
    assert PolicyConfig(approvals={"R": ApprovalRule(approvers=frozenset("ab"))}).version != bare
    one = PolicyConfig(
        rollback_allowed=frozenset(["a/b", "c/d", "e/f"]), approvals={"R": ApprovalRule(approvers=frozenset("abc"))}
    )
    two = PolicyConfig(
        rollback_allowed=frozenset(["e/f", "c/d", "a/b"]), approvals={"R": ApprovalRule(approvers=frozenset("cba"))}
    )
    assert one.version == two.version


@pytest.mark.parametrize(
    "rule", [{"quorum": 0}, {"quorum": 6}, {"expires_after_seconds": 1}, {"expires_after_seconds": 10**8}]
)
def test_an_absurd_rule_is_refused(rule: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ApprovalRule.model_validate(rule)
