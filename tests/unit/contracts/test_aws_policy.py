"""What is granted to us in AWS, and what Prometheus is asked: the page shows what the code says, word for word."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase

import pytest

from activities.cloud.aws_check import PROBES, UNTOLD
from activities.cloud.prometheus_queries import NODE_INFO, queries
from byteport.contracts.cloud_rights import AWS_ACTIONS, AWS_NEVER, aws_policy
from byteport.contracts.cloud_sources import PrometheusSource
from tests.house.tree import ROOT

PAGE = (ROOT / "docs" / "reference" / "integrations.md").read_text()


def block(language: str, after: str) -> str:
    """The first block of that language below a heading."""
    found = re.search(rf"```{language}\n(.*?)\n```", PAGE[PAGE.index(after) :], re.DOTALL)
    assert found is not None
    return found[1]


def test_review_15_awss_policy_on_the_page_is_the_codes_and_has_no_wildcard_among_its_actions() -> None:
    assert json.loads(block("json", "## AWS")) == aws_policy()
    (statement,) = aws_policy()["Statement"]
    assert statement["Action"] == list(AWS_ACTIONS)
    assert not any("*" in action for action in AWS_ACTIONS)
    assert statement["Condition"], "an action that no resource binds is bound by its region"


def test_nothing_that_is_probed_is_among_what_is_granted() -> None:
    assert not [probe.action for probe in PROBES if any(fnmatchcase(probe.action, action) for action in AWS_ACTIONS)]
    assert all(probe.arguments for probe in PROBES if probe.service in ("ec2", "iam")), "each names what does not exist"


def test_the_page_shows_every_query_as_it_is_asked() -> None:
    asked = [NODE_INFO, *(query.text for query in queries(PrometheusSource(), "production"))]
    assert block("promql", "## Prometheus").splitlines() == asked


@pytest.mark.claim("C-407")
def test_review_15_each_kind_of_what_is_never_requested_is_looked_for_and_nothing_else() -> None:
    looked_for = {probe.action for probe in PROBES} | {one.permission for one in UNTOLD}
    assert looked_for == {action for actions in AWS_NEVER.values() for action in actions}
    assert {"IAM writes", "S3 object reads", "RDS data access", "EC2 mutations"} <= AWS_NEVER.keys()
    assert looked_for.isdisjoint(AWS_ACTIONS)
