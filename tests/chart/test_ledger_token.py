"""What the page of the ledger outside has an operator enrol is the account whose token the chart shows there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from byteport.contracts.ledger_api import AUDIENCE
from tests.builders.issuing import SUBJECT
from tests.chart.chart import objects, pod_specs

PAGE = Path(__file__).parents[2] / "docs/audit/http-ledger.md"


def accounts_with_the_token() -> set[str]:
    """Accounts of the pods that have a token for the ledger outside."""
    found = set()
    for _, spec in pod_specs(
        objects({"audit": {"export": {"target": "api", "api": {"url": "https://ledger.example"}}}})
    ):
        sources: list[dict[str, Any]] = [
            source for volume in spec.get("volumes", ()) for source in volume.get("projected", {}).get("sources", ())
        ]
        if any(source.get("serviceAccountToken", {}).get("audience") == AUDIENCE for source in sources):
            found.add(spec["serviceAccountName"])
    return found


def test_the_page_enrols_the_account_whose_token_the_chart_shows() -> None:
    (account,) = accounts_with_the_token()
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (enrolment,) = [found for block in blocks if "identities" in (found := yaml.safe_load(block) or {})]
    subjects = [one["token"]["subject"] for one in enrolment["identities"] if "token" in one]
    assert subjects == [f"system:serviceaccount:byteport-agent:{account}"] == [SUBJECT]
