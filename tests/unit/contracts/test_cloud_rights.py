"""What identities in clouds may have: said once, in code, and shown in the documents as it is there."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from byteport.contracts import cloud_azure_rights, cloud_gcp_rights
from byteport.contracts.cloud_azure_rights import Grant
from tests.house.tree import ROOT

INTEGRATIONS = (ROOT / "docs" / "reference" / "integrations.md").read_text()


@pytest.mark.parametrize("page", [cloud_gcp_rights.page(), cloud_azure_rights.page()], ids=["gcp", "azure"])
def test_the_page_shows_what_the_code_says(page: str) -> None:
    assert page in INTEGRATIONS


def test_review_15_googles_exact_role_is_one_permission_and_no_wildcard() -> None:
    role = yaml.safe_load(cloud_gcp_rights.custom_role())
    assert role["includedPermissions"] == ["monitoring.timeSeries.list"]


def test_every_permission_is_asked_about_once_in_one_question_without_a_wildcard() -> None:
    asked = cloud_gcp_rights.asked()
    assert len(set(asked)) == len(asked) <= 100
    assert not any("*" in one or one.count(".") != 2 for one in asked)


def test_what_is_needed_is_not_what_is_never_requested() -> None:
    never = {one for kind in cloud_gcp_rights.NEVER.values() for one in kind}
    assert never.isdisjoint({*cloud_gcp_rights.NEEDED, *cloud_gcp_rights.LOGGING})


def test_review_15_azures_exact_role_reads_and_has_no_wildcard() -> None:
    role = json.loads(cloud_azure_rights.custom_role("s"))
    assert all(one.endswith("/read") and "*" not in one for one in role["Actions"])
    assert role["DataActions"] == role["NotActions"] == role["NotDataActions"] == []
    assert cloud_azure_rights.excess([Grant(actions=tuple(role["Actions"]))]) == ()


words = st.sampled_from(
    ["Microsoft.Compute", "Microsoft.Support", "virtualMachines", "read", "write", "action", "*", "x"]
)
patterns = st.lists(words, min_size=1, max_size=4).map("/".join) | st.text("*/readx", min_size=1, max_size=8)


@given(patterns, st.lists(st.text("ab/", max_size=4), min_size=6, max_size=6))
def test_nothing_that_a_pattern_holds_and_monitoring_reader_does_not_is_let_pass(
    pattern: str, filled: list[str]
) -> None:
    """Whatever stands for the stars of a pattern that is no excess, the built-in role holds it."""
    if cloud_azure_rights.excess([Grant(actions=(pattern,))]):
        return
    pieces, action = pattern.split("*"), ""
    for number, piece in enumerate(pieces):
        action += piece + (filled[number % len(filled)] if number < len(pieces) - 1 else "")
    assert cloud_azure_rights.covers(pattern, action)
    assert cloud_azure_rights.allows([Grant(actions=cloud_azure_rights.BUILT_IN)], action)


@given(patterns)
def test_every_right_to_data_is_in_excess(pattern: str) -> None:
    assert cloud_azure_rights.excess([Grant(data_actions=(pattern,), not_data_actions=("*",))]) == (pattern,)


def test_what_one_grant_takes_off_another_may_hold() -> None:
    taken = Grant(actions=("*/read",), not_actions=("Microsoft.Insights/metrics/read",))
    assert not cloud_azure_rights.allows([taken], "Microsoft.Insights/Metrics/Read")
    assert cloud_azure_rights.allows(
        [taken, Grant(actions=("microsoft.insights/*",))], "Microsoft.Insights/Metrics/Read"
    )
