"""Every pod of the chart: `restricted`, with a root that cannot be written, and no more of keys and tokens than it needs."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.contracts.acts import Queue
from byteport.kubernetes.port import JSON
from tests.chart.api_server import UID
from tests.chart.chart import (
    EVERY_RECEIVER,
    POSTGRES,
    containers,
    example,
    objects,
    of_kind,
    only,
    pod_specs,
    version_of,
)
from workers.health import ANSWER_SECONDS
from workers.health_endpoint import LIVE, READY
from workers.processes import ROLES, Credential, Process
from workers.run import GRACE

LAYOUTS: dict[str, dict[str, Any]] = {
    "small": {},
    "each": example("production.yaml"),
    "air-gap": example("air-gap.yaml"),
    "receivers": EVERY_RECEIVER,
    "postgres": POSTGRES,
    "clouds": {"clouds": {"sources": ["aws"]}},
}
ALLOWED_VOLUMES = {"configMap", "emptyDir", "projected", "persistentVolumeClaim"}
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
HELPER = "byteport-node-helper"


def own_pods(layout: str) -> list[tuple[str, JSON]]:
    return [(name, spec) for name, spec in pod_specs(objects(LAYOUTS[layout])) if name != HELPER]


@pytest.mark.claim("C-141")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_review_17_every_pod_is_accepted_at_the_restricted_level(layout: str) -> None:
    """Pod Security Standards, `restricted`, field by field; the node helper is the one exception, and stands elsewhere."""
    for name, spec in own_pods(layout):
        pod = spec["securityContext"]
        assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), name
        assert (pod["runAsNonRoot"], pod["seccompProfile"]) == (True, {"type": "RuntimeDefault"}), name
        assert pod["runAsUser"] > 0, name
        kinds = {key for volume in spec["volumes"] for key in volume if key != "name"} if "volumes" in spec else set()
        assert kinds <= ALLOWED_VOLUMES, name
        for one in containers(spec):
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "privileged": False,
                "readOnlyRootFilesystem": True,
            }, (name, one["name"])
            assert not any(port.get("hostPort") for port in one.get("ports", []))


@pytest.mark.claim("C-142")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_agent_alone_has_a_token_and_only_in_its_one_container(layout: str) -> None:
    items = objects(LAYOUTS[layout])
    assert all(account["automountServiceAccountToken"] is False for account in of_kind(items, "ServiceAccount"))
    holders = set()
    for name, spec in pod_specs(items):
        assert spec["automountServiceAccountToken"] is False, name
        tokens = {
            volume["name"]
            for volume in spec.get("volumes", [])
            for source in volume.get("projected", {}).get("sources", [])
            if "serviceAccountToken" in source and "audience" not in source["serviceAccountToken"]
        }
        holders |= {
            (name, one["name"]) for one in containers(spec) for m in one.get("volumeMounts", []) if m["name"] in tokens
        }
    assert holders == {("byteport-agent", "agent")}


@pytest.mark.claim("C-142")
def test_what_a_ledger_outside_is_shown_is_a_token_that_the_api_server_takes_for_nobody() -> None:
    """It is for another audience, and there only where a ledger outside is named and no certificate says who we are."""
    spec = only(objects(EVERY_RECEIVER), "Deployment", "byteport-export")["spec"]["template"]["spec"]
    (volume,) = [v for v in spec["volumes"] if v["name"] == "ledger-token"]
    (source,) = volume["projected"]["sources"]
    assert source == {
        "serviceAccountToken": {"path": "token", "audience": "byteport-ledger", "expirationSeconds": 3600}
    }
    certificate = {"api_certificate": {"name": "byteport-api"}, "api_key": {"name": "byteport-api"}}
    known = {**EVERY_RECEIVER, "secrets": {**EVERY_RECEIVER["secrets"], **certificate}}
    for values in ({}, example("production.yaml"), known):
        volumes = [v["name"] for _, spec in pod_specs(objects(values)) for v in spec.get("volumes", [])]
        assert "ledger-token" not in volumes


@pytest.mark.claim("C-142")
def test_the_token_is_where_a_client_looks_for_it_and_does_not_live_long() -> None:
    spec = only(objects(), "Deployment", "byteport-agent")["spec"]["template"]["spec"]
    (mount,) = [m for m in spec["containers"][0]["volumeMounts"] if m["name"] == "token"]
    assert (mount["mountPath"], mount["readOnly"]) == (TOKEN, True)
    (volume,) = [v for v in spec["volumes"] if v["name"] == "token"]
    files = {}
    for source in volume["projected"]["sources"]:
        files.update(source)
    assert files["serviceAccountToken"] == {"path": "token", "expirationSeconds": 3600}
    assert (files["configMap"]["items"][0]["path"], files["downwardAPI"]["items"][0]["path"]) == ("ca.crt", "namespace")


def test_pods_that_write_are_named_as_the_policies_ask() -> None:
    """A token that is bound to no pod of this name writes nothing."""
    (agent,) = [item for item in of_kind(objects(), "Deployment") if item["metadata"]["name"] == "byteport-agent"]
    assert agent["spec"]["template"]["spec"]["serviceAccountName"] == "byteport-agent"
    others = [item["metadata"]["name"] for item in of_kind(objects(LAYOUTS["each"]), "Deployment") if item is not agent]
    assert not any(name.startswith("byteport-agent-") for name in others)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_processes_together_serve_every_queue_once(layout: str) -> None:
    served = [process_of(item) for item in of_kind(objects(LAYOUTS[layout]), "Deployment")]
    queues = [queue for process in served for queue in ROLES[process].queues]
    outside = layout in ("each", "receivers", "postgres")
    unserved = ({Queue.EXPORT} if not outside else set()) | ({Queue.CLOUD} if layout != "clouds" else set())
    assert sorted(queues) == sorted(ROLES[Process.EMBEDDED].queues - unserved)


@pytest.mark.claim("C-143")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_review_20_a_process_is_given_what_its_credentials_say_and_no_more(layout: str) -> None:
    for item in of_kind(objects(LAYOUTS[layout]), "Deployment"):
        spec, has = item["spec"]["template"]["spec"], ROLES[process_of(item)].credentials
        (main,) = spec["containers"]
        mounts = {mount["mountPath"]: mount for mount in main["volumeMounts"]}
        name = item["metadata"]["name"]
        assert (TOKEN in mounts) == (Credential.CLUSTER in has), name
        assert holds(spec, mounts, "ledger", "grant") == (Credential.GRANT_KEY in has), name
        reads_bodies = bool(has & {Credential.GRANT_KEY, Credential.EXPORT_TARGETS})
        assert holds(spec, mounts, "bodies", "bodies.key") == reads_bodies, name
        assert holds(spec, mounts, "signer", "checkpoint") == (Credential.CHECKPOINT_KEY in has), name
        assert ("/var/lib/byteport/signer" in mounts) == (Credential.CHECKPOINT_KEY in has), name
        receivers = {path for path in secret_files(spec) if path.startswith(("webhook", "splunk", "syslog"))}
        assert not receivers or Credential.EXPORT_TARGETS in has, name
        # The agent reads the halt in the ledger; everything else of the database is the ledger's own.
        state = mounts.get("/var/lib/byteport/state")
        keeps = bool(has & {Credential.DATABASE, Credential.CLUSTER})
        assert (state is not None) == (keeps and layout != "postgres"), name
        environment = {one["name"]: one["value"] for one in main["env"]}
        assert ("BYTEPORT_LEDGER_URL" in environment) == (keeps and layout == "postgres"), name
        assert ("database-password" in secret_files(spec)) == (keeps and layout == "postgres"), name
        if state is not None and layout == "each":
            assert state.get("readOnly", False) == (Credential.DATABASE not in has), name
        assert ("/var/lib/byteport/notices" in mounts) == (Credential.CHANNELS in has), name


@pytest.mark.claim("C-143")
def test_review_20_each_process_logs_in_to_postgresql_as_itself() -> None:
    """The agent's login can read the halt and nothing else; the signer's cannot write the log that it signs."""
    urls = {}
    for item in of_kind(objects(POSTGRES), "Deployment"):
        (main,) = item["spec"]["template"]["spec"]["containers"]
        environment = {one["name"]: one["value"] for one in main["env"]}
        urls[process_of(item)] = environment.get("BYTEPORT_LEDGER_URL")
    at = "db.example.com:5432/byteport"
    assert urls == {
        Process.CLUSTER: f"postgresql://byteport-switch@{at}",
        Process.LEDGER: f"postgresql://byteport-ledger@{at}",
        Process.EXPORT: f"postgresql://byteport-export@{at}",
        Process.SIGNER: f"postgresql://byteport-signer@{at}",
        Process.CONTROL: None,
        Process.NOTIFY: None,
    }


@pytest.mark.claim("C-143")
@pytest.mark.parametrize("known", [True, False])
def test_the_agent_can_write_beside_the_ledger_only_where_its_clusters_name_must_be_found_out(known: bool) -> None:
    """The others take the name from the file that it then leaves there."""
    agent = only(objects({"cluster": {"uid": UID}} if known else {}), "Deployment", "byteport-agent")
    (main,) = agent["spec"]["template"]["spec"]["containers"]
    (state,) = [mount for mount in main["volumeMounts"] if mount["mountPath"] == "/var/lib/byteport/state"]
    assert state.get("readOnly", False) == known


def holds(spec: JSON, mounts: dict[str, JSON], on_volume: str, in_secret: str) -> bool:
    """Whether a process can read that key, wherever it lies."""
    return f"/var/lib/byteport/keys/{on_volume}" in mounts or in_secret in secret_files(spec)


def secret_files(spec: JSON) -> set[str]:
    projected = [v for v in spec["volumes"] if v["name"] == "secrets"]
    return {i["path"] for v in projected for s in v["projected"]["sources"] for i in s["secret"]["items"]}


def process_of(deployment: JSON) -> Process:
    command = deployment["spec"]["template"]["spec"]["containers"][0]["command"]
    return Process(command[command.index("--process") + 1])


@pytest.mark.claim("C-143")
@pytest.mark.parametrize("layout", ["small", "each"])
def test_keys_lie_on_no_disk_where_secrets_were_given(layout: str) -> None:
    for name, spec in own_pods(layout):
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        if layout == "each" and name != "byteport-test":
            assert volumes["keys"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}
            assert [one["name"] for one in spec["initContainers"]] == ["place-keys"]
            assert not any("keys-" in m.get("subPath", "") for one in containers(spec) for m in one["volumeMounts"])


def test_without_secrets_each_pod_may_make_the_keys_and_the_agent_cannot_read_the_ledgers() -> None:
    items = objects()
    for item in of_kind(items, "Deployment"):
        (maker,) = item["spec"]["template"]["spec"]["initContainers"]
        signs = process_of(item) is Process.SIGNER
        assert maker["command"] == ["byteport", "keys", "init", *(["--signer"] if signs else [])]
        assert ("keys-signer" in {mount.get("subPath") for mount in maker["volumeMounts"]}) == signs
        assert TOKEN not in {mount["mountPath"] for mount in maker["volumeMounts"]}
    agent = only(items, "Deployment", "byteport-agent")["spec"]["template"]["spec"]["containers"][0]
    assert "keys-ledger" not in {mount.get("subPath") for mount in agent["volumeMounts"]}
    keys = [mount for mount in agent["volumeMounts"] if mount.get("subPath") == "keys-shared"]
    assert [mount["readOnly"] for mount in keys] == [True]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_whatever_a_container_mounts_is_a_volume_of_its_pod_and_the_other_way_round(layout: str) -> None:
    for name, spec in pod_specs(objects(LAYOUTS[layout])):
        declared = {volume["name"] for volume in spec.get("volumes", [])}
        mounted = {mount["name"] for one in containers(spec) for mount in one.get("volumeMounts", [])}
        assert declared == mounted, name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pods_of_one_volume_are_kept_on_one_node_and_others_are_spread(layout: str) -> None:
    for item in of_kind(objects(LAYOUTS[layout]), "Deployment"):
        template = item["spec"]["template"]
        spec = template["spec"]
        if any("persistentVolumeClaim" in volume for volume in spec["volumes"]):
            (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            assert term["topologyKey"] == "kubernetes.io/hostname"
            assert term["labelSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
            assert (item["spec"]["replicas"], item["spec"]["strategy"]) == (1, {"type": "Recreate"})
        else:
            keys = {one["topologyKey"] for one in spec["topologySpreadConstraints"]}
            assert keys == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
            selectors = [one["labelSelector"]["matchLabels"] for one in spec["topologySpreadConstraints"]]
            assert all(one.items() <= template["metadata"]["labels"].items() for one in selectors)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_pod_has_time_to_hand_over_and_every_process_has_a_budget_that_lets_a_node_be_drained(layout: str) -> None:
    items = objects(LAYOUTS[layout])
    budgets = {item["metadata"]["name"]: item["spec"] for item in of_kind(items, "PodDisruptionBudget")}
    for item in of_kind(items, "Deployment"):
        spec = item["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] >= 2 * GRACE.total_seconds()
        budget = budgets.pop(item["metadata"]["name"])
        assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
        assert budget["selector"] == item["spec"]["selector"]
    assert budgets == {}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_worker_is_probed_where_it_really_listens(layout: str) -> None:
    for item in of_kind(objects(LAYOUTS[layout]), "Deployment"):
        (main,) = item["spec"]["template"]["spec"]["containers"]
        ports = {port["name"]: port["containerPort"] for port in main["ports"]}
        assert ports == {"metrics": 9464, "health": 9465}
        for probe, path in (("startupProbe", LIVE), ("readinessProbe", READY), ("livenessProbe", LIVE)):
            assert main[probe]["httpGet"] == {"path": path, "port": "health"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_kubelet_waits_longer_for_an_answer_than_we_wait_for_those_that_we_ask(layout: str) -> None:
    """Otherwise a Temporal that hangs would be a pod that does not answer, and not the reason that it gives."""
    for item in of_kind(objects(LAYOUTS[layout]), "Deployment"):
        (main,) = item["spec"]["template"]["spec"]["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert main[probe]["timeoutSeconds"] > 2 * ANSWER_SECONDS


def test_the_only_variable_of_ours_names_the_settings() -> None:
    """Any other with our prefix would be a setting, and win over the file: as whom to log in, each process is told alone."""
    for spec in (spec for layout in LAYOUTS for _, spec in own_pods(layout)):
        ours = {
            v["name"]: v["value"] for one in containers(spec) for v in one.get("env", []) if "BYTEPORT" in v["name"]
        }
        ours.pop("BYTEPORT_LEDGER_URL", None)
        assert ours in ({}, {"BYTEPORT_CONFIG": "/etc/byteport/config/config.yaml"})


def test_no_variable_of_a_neighbour_reaches_a_worker() -> None:
    """A Service `byteport-…` would otherwise become a variable BYTEPORT_…, which the agent refuses as no setting."""
    assert all(spec["enableServiceLinks"] is False for _, spec in pod_specs(objects(LAYOUTS["air-gap"])))


def test_a_changed_setting_restarts_the_workers_and_a_changed_policy_does_not() -> None:
    def digest(values: dict[str, Any]) -> str:
        metadata = only(objects(values), "Deployment", "byteport-agent")["spec"]["template"]["metadata"]
        return str(metadata["annotations"]["byteport.io/settings"])

    assert digest({}) != digest({"telemetry": {"log_level": "debug"}})
    assert digest({}) == digest({"policy": {"mode": "auto"}})


def test_an_image_is_named_by_digest_where_there_is_one_and_no_registry_is_assumed() -> None:
    digest = f"sha256:{'a' * 64}"
    images = {
        one["image"]
        for _, spec in pod_specs(objects({"image": {"digest": digest}, "nodeHelper": {"enabled": True}}))
        for one in containers(spec)
    }
    assert images == {f"byteport-agent@{digest}", f"byteport-node-helper:{version_of()['appVersion']}"}
