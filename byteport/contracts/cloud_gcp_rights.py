"""What our identity in Google Cloud is for, permission by permission, and what it must not have. The one source of both.

`activities/cloud/gcp_rights.py` asks Google about exactly these, and docs/reference/integrations.md shows what is rendered here.
What is never requested is a list, since Google tells only of permissions that one names: so it names of each kind of harm
the permission without which it cannot be done, not every permission there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ROLE = "roles/monitoring.viewer"
NEEDED = ("monitoring.timeSeries.list",)
"""All that is used."""
LOGGING_ROLE = "roles/logging.viewer"
LOGGING = ("logging.logEntries.list",)
"""Of the optional role; in excess where the settings do not say that it is meant."""
NEVER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "IAM Admin": (
            "resourcemanager.projects.setIamPolicy",
            "iam.roles.create",
            "iam.roles.update",
            "iam.serviceAccounts.actAs",
            "iam.serviceAccounts.create",
            "iam.serviceAccounts.getAccessToken",
            "iam.serviceAccounts.implicitDelegation",
            "iam.serviceAccounts.setIamPolicy",
            "iam.serviceAccounts.signBlob",
            "iam.serviceAccounts.signJwt",
            "iam.serviceAccountKeys.create",
        ),
        "Storage Object Viewer": ("storage.objects.get", "storage.objects.list"),
        "data": (
            "aiplatform.endpoints.predict",
            "artifactregistry.repositories.downloadArtifacts",
            "bigquery.jobs.create",
            "bigquery.tables.getData",
            "bigtable.tables.readRows",
            "cloudkms.cryptoKeyVersions.useToDecrypt",
            "cloudsql.instances.connect",
            "cloudsql.instances.export",
            "compute.instances.getSerialPortOutput",
            "container.configMaps.get",
            "container.pods.exec",
            "container.pods.getLogs",
            "container.secrets.get",
            "datastore.entities.get",
            "logging.privateLogEntries.list",
            "logging.views.access",
            "pubsub.subscriptions.consume",
            "redis.instances.export",
            "secretmanager.versions.access",
            "spanner.databases.read",
            "spanner.databases.select",
        ),
        "writes": (
            "bigquery.tables.updateData",
            "cloudfunctions.functions.create",
            "cloudsql.instances.update",
            "compute.instances.create",
            "compute.instances.delete",
            "compute.instances.osLogin",
            "compute.instances.reset",
            "compute.instances.setMetadata",
            "compute.instances.stop",
            "compute.projects.setCommonInstanceMetadata",
            "container.clusters.delete",
            "container.clusters.update",
            "container.deployments.update",
            "container.pods.delete",
            "deploymentmanager.deployments.create",
            "logging.logs.delete",
            "logging.sinks.create",
            "monitoring.alertPolicies.create",
            "monitoring.metricDescriptors.delete",
            "monitoring.timeSeries.create",
            "pubsub.topics.publish",
            "resourcemanager.projects.delete",
            "run.services.create",
            "secretmanager.versions.add",
            "serviceusage.services.enable",
            "storage.buckets.setIamPolicy",
            "storage.objects.create",
            "storage.objects.delete",
        ),
    }
)


def asked() -> tuple[str, ...]:
    """Every permission that is asked about, each once."""
    return (*NEEDED, *LOGGING, *(one for kind in NEVER.values() for one in kind))


def custom_role() -> str:
    """The exact role, for `gcloud iam roles create byteport --project PROJECT --file role.yaml`."""
    lines = ["title: BytePort metrics", "stage: GA", "includedPermissions:", *(f"- {one}" for one in NEEDED)]
    return "\n".join(lines) + "\n"


def page() -> str:
    """For docs/reference/integrations.md: what is granted, and of what it is told that it is too much."""
    rows = [f"| {kind} | {', '.join(f'`{one}`' for one in permissions)} |" for kind, permissions in NEVER.items()]
    return "\n".join(
        [
            f"The exact role, less than `{ROLE}`, which does as well:",
            "",
            "```yaml",
            custom_role().rstrip(),
            "```",
            "",
            f"`{LOGGING_ROLE}` is optional and not requested: `{'`, `'.join(LOGGING)}` counts as in excess unless",
            "`clouds.gcp.logging_viewer` says that it is meant. In excess is always:",
            "",
            "| never requested | permissions that are asked about |",
            "|---|---|",
            *rows,
            "",
        ]
    )
