"""What identities in clouds may have: said once, in code, and shown in the documents as it is there."""

from __future__ import annotations

import pytest
import yaml

from byteport.contracts import cloud_gcp_rights
from tests.house.tree import ROOT

INTEGRATIONS = (ROOT / "docs" / "reference" / "integrations.md").read_text()


@pytest.mark.parametrize("page", [cloud_gcp_rights.page()], ids=["gcp"])
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
