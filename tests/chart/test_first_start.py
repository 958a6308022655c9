"""The first start of every pod: its init containers run, and its process can be wired with what it mounts and no more."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path
from typing import Any, cast

import pytest
from temporalio.client import Client

from activities.clock import utc_now
from activities.kubernetes.bounds import UNBOUNDED
from byteport.cli.main import invoke
from byteport.errors import ConfigError
from byteport.kubernetes.port import JSON
from byteport.ledger.keys import make_body_keys
from byteport.settings import Settings, installation, load, remember
from byteport.temporal.keys import make_key_file
from byteport.trust.files import make_key
from tests.builders.guarded import Guarded
from tests.chart.api_server import UID
from tests.chart.chart import example, objects, of_kind, only
from tests.chart.mounts import Kubelet, files_below, moved
from tests.chart.test_pods import process_of
from workers.payload_keys import payload_keys
from workers.processes import ROLES, Credential, Process
from workers.start import check_policy
from workers.wiring import Surroundings, wire

SMALL: dict[str, Any] = {"cluster": {"uid": UID}}
EACH = example("production.yaml")


@pytest.fixture
def secrets(tmp_path: Path) -> dict[str, dict[str, str]]:
    """What the administrator of `production.yaml` has made beforehand."""
    made = tmp_path / "made"
    make_key_file(made / "payload.key")
    make_body_keys(made / "bodies.key")
    make_key(made / "grant", "ledger.grant_key")
    make_key(made / "checkpoint", "audit.signer.key")
    files = {path.name: path.read_text() for path in made.iterdir()}
    return {
        "byteport-payload": {"payload.key": files["payload.key"]},
        "byteport-bodies": {"bodies.key": files["bodies.key"]},
        "byteport-grant": {"grant": files["grant"]},
        "byteport-grant-public": {"grant.pub": files["grant.pub"]},
        "byteport-checkpoint": {"checkpoint": files["checkpoint"]},
        "byteport-temporal-tls": {"ca.crt": "-", "tls.crt": "-", "tls.key": "-"},
    }


def started(kubelet: Kubelet, deployment: JSON, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Settings]:
    """The pod's main container after its init containers: its `/`, and the settings that it reads."""
    spec = deployment["spec"]["template"]["spec"]
    for one in spec["initContainers"]:
        root = kubelet.root_of(deployment, one)
        for variable in one.get("env", []):
            monkeypatch.setenv(variable["name"], moved(variable["value"], root))
        assert invoke([moved(word, root) for word in one["command"][1:]]) == 0
        monkeypatch.delenv("BYTEPORT_CONFIG", raising=False)
    (main,) = spec["containers"]
    root = kubelet.root_of(deployment, main)
    (config,) = [v["value"] for v in main["env"] if v["name"] == "BYTEPORT_CONFIG"]
    return root, load(Path(moved(config, root)), {})


def wired(process: Process, settings: Settings) -> None:
    """Everything that its start reads and opens, but for Temporal and the cluster."""
    role = ROLES[process]
    check_policy(settings)
    asyncio.run(payload_keys(settings))
    assert [path for _, path in settings.temporal if isinstance(path, Path) and not path.is_file()] == []
    cluster = Guarded() if Credential.CLUSTER in role.credentials else None
    client = cast("Client", None)  # nobody is called before a task comes
    wire(role, Surroundings(settings, installation(settings), client, cluster, utc_now), UNBOUNDED)


@pytest.mark.claim("C-143")
@pytest.mark.parametrize("values", [SMALL, EACH], ids=["small", "each"])
def test_every_process_can_be_wired_with_what_its_pod_mounts(
    values: dict[str, Any], tmp_path: Path, secrets: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = objects(values)
    kubelet = Kubelet(tmp_path, items, secrets)
    deployments = of_kind(items, "Deployment")
    assert deployments
    for deployment in deployments:
        _, settings = started(kubelet, deployment, monkeypatch)
        wired(process_of(deployment), settings)


@pytest.mark.claim("C-143")
@pytest.mark.parametrize("values", [SMALL, EACH], ids=["small", "each"])
def test_review_20_the_agents_pod_cannot_be_wired_as_the_ledger(
    values: dict[str, Any], tmp_path: Path, secrets: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes the agent over cannot make grants: the private key is on no path of its container."""
    items = objects(values)
    agent = only(items, "Deployment", "byteport-agent")
    root, settings = started(Kubelet(tmp_path, items, secrets), agent, monkeypatch)
    with pytest.raises(ConfigError, match=r"ledger\.grant_key.*does not exist"):
        wired(Process.LEDGER, settings)
    files = files_below(root)
    assert "payload.key" in {path.name for path in files}
    assert [path for path in files if b"PRIVATE KEY" in path.read_bytes()] == []


@pytest.mark.claim("C-143")
@pytest.mark.parametrize("values", [SMALL, EACH], ids=["small", "each"])
def test_the_agent_leaves_nothing_where_the_ledger_lies(
    values: dict[str, Any], tmp_path: Path, secrets: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may only read there; a file that it would make is the ledger's to make."""
    items = objects(values)
    agent = only(items, "Deployment", "byteport-agent")
    _, settings = started(Kubelet(tmp_path, items, secrets), agent, monkeypatch)
    wired(Process.CLUSTER, settings)
    assert settings.cluster.uid is not None
    remember(settings, settings.cluster.uid)
    assert list(settings.state_dir.iterdir()) == []


def test_pods_that_start_in_either_order_have_one_set_of_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = objects(SMALL)
    fingerprints = []
    for order in (1, -1):
        kubelet = Kubelet(tmp_path / str(order), items, {})
        for deployment in of_kind(items, "Deployment")[::order]:
            _, settings = started(kubelet, deployment, monkeypatch)
            wired(process_of(deployment), settings)
            assert settings.temporal.payload_key_file is not None
            fingerprints.append((order, settings.temporal.payload_key_file.read_text()))
    assert len(set(fingerprints)) == 2


@pytest.mark.claim("C-143")
def test_keys_from_secrets_are_their_owners_alone_where_the_process_reads_them(
    tmp_path: Path, secrets: dict[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = objects(EACH)
    kubelet = Kubelet(tmp_path, items, secrets)
    for deployment in of_kind(items, "Deployment"):
        root, _ = started(kubelet, deployment, monkeypatch)
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (root / "run" / "byteport" / "keys").iterdir()}
        assert modes == {0o600}
