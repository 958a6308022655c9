"""What a process pays for sources that it does not ask."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("azure.core", "azure.identity", "azure.monitor", "msal", "google.cloud", "google.api_core", "grpc")


@pytest.mark.claim("C-419")
def test_the_libraries_of_clouds_are_not_imported_before_something_is_asked() -> None:
    program = f"""
import sys
from activities.cloud.azure import AzureMetrics
from activities.cloud.gcp import GcpMetrics
from byteport.contracts.cloud_azure import AzureSource
from byteport.contracts.cloud_gcp import GcpSource
GcpMetrics(GcpSource(project="acme-prod"))
AzureMetrics(AzureSource(subscription="3" * 8 + ("-" + "3" * 4) * 3 + "-" + "3" * 12, node_resource_group="g", region="r1"))
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
