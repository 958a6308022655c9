"""The values that the page on running the ledger elsewhere shows: the pod that sends is the one that the page enrols."""

from __future__ import annotations

import pytest

from byteport.contracts.ledger_api import AUDIENCE
from tests.builders.elsewhere import ENROLMENT, VALUES, plain
from tests.chart.chart import objects


@pytest.mark.ledger
def test_the_pod_that_sends_has_the_account_and_the_token_that_are_enrolled() -> None:
    found = objects(plain(VALUES))
    deployments = {one["metadata"]["name"]: one for one in found if one["kind"] == "Deployment"}
    pod = deployments["byteport-export"]["spec"]["template"]["spec"]
    subject = plain(ENROLMENT)["identities"][0]["token"]["subject"]
    assert subject == f"system:serviceaccount:byteport-agent:{pod['serviceAccountName']}"
    tokens = [
        source["serviceAccountToken"]["audience"]
        for volume in pod["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    assert tokens == [AUDIENCE]
    assert "byteport-signer" in deployments, "where the page asks for the key of the log"
