"""What the chart gives a pod outside of GKE and AKS, taken by the code that reads it: a token is exchanged, and metrics are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from byteport.contracts.cloud import Metric
from tests.chart.chart import objects, only
from tests.chart.test_cloud_values import PROVIDER, environment, federated, mounted
from tests.integration.cloud import azure_as_a_pod, gcp_reading
from tests.integration.cloud.azure_state import CLIENT, PROJECTED, TENANT, Azure
from tests.integration.cloud.gcp_monitoring import Monitoring
from tests.integration.cloud.google_as_a_pod import Google
from tests.integration.export.authority import Authority

pytestmark = pytest.mark.peers


@pytest.mark.claim("C-415")
async def test_the_charts_credential_configuration_is_one_that_is_taken(
    google_there: Google,
    metrics: Monitoring,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """But for where the exchange and the token are: these are of this machine."""
    chosen = federated(google={"provider": PROVIDER})
    told = json.loads(only(objects(chosen), "ConfigMap", "byteport-google")["data"]["credentials.json"])
    assert told["token_url"] == "https://sts.googleapis.com/v1/token"
    told |= {"token_url": google_there.exchange.url("/v1/token")}
    told["credential_source"]["file"] = str(tmp_path / "token")
    path = tmp_path / Path(environment(chosen)["GOOGLE_APPLICATION_CREDENTIALS"]).name
    path.write_text(json.dumps(told))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    gcp_reading.machine(metrics)
    gcp_reading.node(metrics, gcp_reading.CPU, gcp_reading.every(0.4))
    found = await gcp_reading.measured(metrics, authority)
    assert gcp_reading.said(found, Metric.CPU) == gcp_reading.every(40.0)
    (asked,) = google_there.exchange.got
    assert f"%2F%2Fiam.googleapis.com%2F{PROVIDER.replace('/', '%2F')}" in asked.body.decode()


@pytest.mark.claim("C-417")
async def test_the_charts_variables_make_a_workload_identity(
    azure_there: Azure, authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen = federated(
        azure={"tenant_id": TENANT, "client_id": CLIENT, "authority": azure_there.login.url("").rstrip("/")}
    )
    (tmp_path / "token").write_text(PROJECTED)
    for name, value in environment(chosen).items():
        if name.startswith("AZURE"):
            monkeypatch.setenv(name, value.replace(mounted(chosen, "azure"), str(tmp_path)))
    azure_as_a_pod.machine(azure_there)
    azure_there.measure(azure_as_a_pod.MACHINE, azure_as_a_pod.CPU, azure_as_a_pod.every(40.0))
    found = await azure_as_a_pod.measured(azure_there, authority)
    assert set(azure_as_a_pod.said(found, Metric.CPU).values()) == {40.0}
