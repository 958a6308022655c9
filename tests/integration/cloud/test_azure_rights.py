"""What this pod's identity may do where the nodes are, as Azure itself lists it: too little, and anything too much."""

from __future__ import annotations

from typing import Any

import pytest

from activities.cloud.source import Excess, RightFinding
from byteport.contracts.cloud_azure_rights import BUILT_IN, LOGS, NEEDED
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.cloud.azure_as_a_pod import source
from tests.integration.cloud.azure_state import CLUSTER, WORDS, WORKSPACE, Azure
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers

MONITORING_READER = {"actions": list(BUILT_IN), "notActions": [], "dataActions": [], "notDataActions": []}
CONTRIBUTOR = {
    "actions": ["*"],
    "notActions": ["Microsoft.Authorization/*/Delete", "Microsoft.Authorization/*/Write"],
    "dataActions": [],
}


async def check(
    azure_there: Azure, authority: Authority, *grants: dict[str, Any], **changes: Any
) -> list[RightFinding]:
    azure_there.permissions = list(grants)
    asked = source(azure_there, authority, **changes)
    try:
        return list(await asked.check())
    finally:
        await asked.close()


def told(findings: list[RightFinding]) -> list[tuple[Excess, str]]:
    return [(one.what, one.permission) for one in findings]


@pytest.mark.claim("C-418")
async def test_the_exact_role_and_monitoring_reader_have_no_finding(azure_there: Azure, authority: Authority) -> None:
    logs = {"cluster_id": CLUSTER, "workspace": WORKSPACE}
    assert await check(azure_there, authority, MONITORING_READER) == []
    assert await check(azure_there, authority, MONITORING_READER, **logs) == []
    assert await check(azure_there, authority, {"actions": list(NEEDED)}) == []
    assert await check(azure_there, authority, {"actions": list(NEEDED)}, {"actions": list(LOGS)}, **logs) == []


@pytest.mark.claim("C-418")
async def test_what_is_missing_is_told_one_by_one(azure_there: Azure, authority: Authority) -> None:
    assert told(await check(azure_there, authority)) == [(Excess.MISSING, one) for one in NEEDED]
    without = {"actions": ["*/read"], "notActions": ["Microsoft.Insights/*/read"]}
    assert told(await check(azure_there, authority, without)) == [(Excess.MISSING, "Microsoft.Insights/metrics/read")]


@pytest.mark.claim("C-418")
@pytest.mark.parametrize(
    "grant",
    [
        CONTRIBUTOR,
        {"actions": ["*"]},
        {"actions": ["Microsoft.Compute/virtualMachines/*"]},
        {"actions": ["Microsoft.Compute/virtualMachines/write"]},
        {"actions": ["Microsoft.Compute/virtualMachines/runCommand/action"]},
        {"actions": ["Microsoft.Storage/storageAccounts/listKeys/action"]},
        {"actions": ["Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action"]},
        {"actions": ["Microsoft.Authorization/roleAssignments/write"]},
        {"dataActions": ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"]},
        {"dataActions": ["*"], "notDataActions": ["*"]},
    ],
    ids=lambda grant: (grant.get("actions") or grant["dataActions"])[0].replace("/", "-"),
)
async def test_whatever_is_more_than_reading_is_told_as_in_excess(
    azure_there: Azure, authority: Authority, grant: dict[str, Any]
) -> None:
    findings = await check(azure_there, authority, MONITORING_READER, grant)
    (pattern,) = grant.get("actions") or grant["dataActions"]
    assert told(findings) == [(Excess.IN_EXCESS, pattern)]
    assert pattern in findings[0].says
    assert findings[0].never_requested, "so that nothing is read with it"


@pytest.mark.parametrize(
    ("status", "error"),
    [(403, NotPermitted), (401, NotPermitted), (404, ConfigError), (429, Throttled), (500, Unavailable)],
)
async def test_where_it_cannot_be_asked_that_is_an_error_and_no_clean_bill(
    azure_there: Azure, authority: Authority, status: int, error: type[BytePortError]
) -> None:
    azure_there.refusals = [("management", status, {})]
    with pytest.raises(error) as refused:
        await check(azure_there, authority, MONITORING_READER)
    assert WORDS not in str(refused.value)


@pytest.mark.parametrize("grant", [{"actions": "*"}, {"actions": [1]}, {"dataActions": ["x" * 400]}], ids=repr)
async def test_what_cannot_be_read_is_no_clean_bill(
    azure_there: Azure, authority: Authority, grant: dict[str, Any]
) -> None:
    with pytest.raises(Unavailable):
        await check(azure_there, authority, grant)
