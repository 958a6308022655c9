"""The chart's release at work on the simple control plane: Helm has installed it, and a process stands for each of its pods.

No kubelet pulls an image there. So what a kubelet does is played here and nowhere else: the files of each container as the
API server has them now (`mounts.py`), its init containers, its command with its variables, a token of the pod's own account
that is bound to the pod, an address of its own, probes, and restarts. Comes before `test_first_plan.py`.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

from byteport.boundary.names import NAMESPACE
from byteport.kubernetes.port import JSON
from byteport.ledger.config import LedgerConfig
from byteport.sandbox.controlplane import ControlPlane
from tests.chart.mounts import Kubelet, moved
from tests.cluster.workloads import eventually

PROGRAM = Path(sysconfig.get_path("scripts")) / "byteport"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS = 3600
READY_SECONDS = 120.0
GRACE_SECONDS = 30.0
METRICS_SERVICE = "byteport-metrics"
_DNS = """
import socket
_ask = socket.getaddrinfo
def _answered(host, *more, **words):
    if host != {service!r}:
        return _ask(host, *more, **words)
    return [found for address in {addresses!r} for found in _ask(address, *more, **words)]
socket.getaddrinfo = _answered
"""


class Pod:
    """One pod of a Deployment, as a process with an address of its own."""

    def __init__(self, plane: ControlPlane, deployment: JSON, kubelet: Kubelet, address: str, folder: Path) -> None:
        self.name = str(deployment["metadata"]["name"])
        self.address = address
        self.log = folder / f"{self.name}.log"
        self._plane, self._deployment, self._kubelet, self._folder = plane, deployment, kubelet, folder
        self._spec = deployment["spec"]["template"]["spec"]
        self._process: subprocess.Popen[bytes] | None = None
        self.root = Path()

    def start(self) -> None:
        """Init containers in turn, then the one container. The pod has been admitted by then."""
        pod = eventually(self._admitted)
        for one in self._spec.get("initContainers", []):
            root = self._kubelet.root_of(self._deployment, one)
            ended = subprocess.run(self._words(one, root), env=_variables(one, root), capture_output=True, text=True)
            assert ended.returncode == 0, ended.stderr
        (main,) = self._spec["containers"]
        self.root = self._kubelet.root_of(self._deployment, main)
        self._command, self._environment = self._words(main, self.root), _variables(main, self.root)
        ports = {one["name"]: one["containerPort"] for one in main["ports"]}
        for name, port in ports.items():  # in a pod it is every address of the pod's own; here the machine is shared
            self._environment[f"BYTEPORT_TELEMETRY_{name.upper()}_ADDRESS"] = f"{self.address}:{port}"
        self._health = f"http://{self.address}:{ports['health']}"
        self._probes = {name: main[name]["httpGet"]["path"] for name in ("readinessProbe", "livenessProbe")}
        if any(mount["mountPath"] == TOKEN for mount in main["volumeMounts"]):
            self._environment["BYTEPORT_CLUSTER_KUBECONFIG"] = str(self._credential(pod))
        self._run()

    def is_ready(self) -> bool | None:
        """As the readiness probe says; a container that has ended is started again, as a kubelet does."""
        assert self._process is not None
        if self._process.poll() is not None:
            self._run()
        return self._probe("readinessProbe") or None

    def is_alive(self) -> bool:
        return self._probe("livenessProbe")

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when it has had its time."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _run(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _probe(self, which: str) -> bool:
        try:
            with urllib.request.urlopen(self._health + self._probes[which], timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _admitted(self) -> JSON | None:
        """The pod that the Deployment's controllers have made; it is of no node here, since there is no storage."""
        labels = self._deployment["spec"]["selector"]["matchLabels"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items()).replace("/", "%2F").replace("=", "%3D")
        found = self._plane.api.call("GET", f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector={selector}")["items"]
        return found[0] if found else None

    def _credential(self, pod: JSON) -> Path:
        """A kubeconfig with what the projected volume would hold: a token of the pod's account, bound to the pod."""
        account, metadata = self._spec["serviceAccountName"], pod["metadata"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": metadata["name"], "uid": metadata["uid"]}
        asked = {"spec": {"expirationSeconds": TOKEN_SECONDS, "boundObjectRef": bound}}
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{account}/token"
        token = self._plane.api.call("POST", path, asked)["status"]["token"]
        cluster = {"server": self._plane.server, "certificate-authority": str(self._plane.authority)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": token}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "current-context": "it",
        }
        file = self._folder / f"{self.name}.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(yaml.safe_dump(document))
        return file

    def _words(self, container: JSON, root: Path) -> list[str]:
        first, *others = container["command"]
        assert first == PROGRAM.name
        return [str(PROGRAM), *(moved(word, root) for word in others)]


class Release:
    """Every pod of the release, on a network of loopback addresses."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._plane, self._folder = plane, folder
        self._network = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
        self.pods: dict[str, Pod] = {}

    def start(self) -> None:
        """Start all pods at once, as a kubelet does, and wait until each is ready."""
        kubelet = Kubelet(self._folder, self._live("configmaps", "ConfigMap"), {})
        for number, deployment in enumerate(self._live("deployments", "Deployment", "/apis/apps/v1"), start=2):
            address = f"{self._network}.{number}"
            pod = Pod(self._plane, deployment, kubelet, address, self._folder)
            self.pods[pod.name] = pod
        with ThreadPoolExecutor() as nodes:
            list(nodes.map(Pod.start, self.pods.values()))
        for pod in self.pods.values():
            try:
                eventually(pod.is_ready, within=READY_SECONDS)
            except AssertionError:
                raise AssertionError(f"{pod.name} is not ready: {pod.log.read_text()}") from None

    def stop(self) -> None:
        for pod in self.pods.values():
            pod.stop()

    @property
    def ledger(self) -> LedgerConfig:
        """On the volume, where the ledger's process has it and the key of what it says."""
        volume = self.pods["byteport-rest"].root / "var/lib/byteport"
        return LedgerConfig(path=volume / "state/ledger.db", body_key=volume / "keys/bodies/bodies.key")

    @property
    def notices(self) -> list[JSON]:
        """What people were told, where the process for notices has it."""
        file = self.pods["byteport-rest"].root / "var/lib/byteport/notices/notices.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def run_test_pod(self, **more: str) -> subprocess.CompletedProcess[str]:
        """The command of the pod that `helm test` has made, with its variables and no token, as it has none."""
        pod = eventually(self._test_pod)
        assert pod["spec"]["automountServiceAccountToken"] is False
        (container,) = pod["spec"]["containers"]
        dns = self._folder / "dns"
        dns.mkdir(exist_ok=True)
        addresses = [one.address for one in self.pods.values()]
        (dns / "sitecustomize.py").write_text(_DNS.format(service=METRICS_SERVICE, addresses=addresses))
        environment = _variables(container, self._folder) | {"PYTHONPATH": str(dns)} | more
        ended = subprocess.run(
            [sys.executable, *container["command"][1:], *container["args"]],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        state = {"terminated": {"exitCode": ended.returncode}}
        status = {
            "phase": "Succeeded" if ended.returncode == 0 else "Failed",
            "containerStatuses": [
                {
                    "name": container["name"],
                    "image": container["image"],
                    "imageID": "",
                    "ready": False,
                    "restartCount": 0,
                    "state": state,
                }
            ],
        }
        path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod['metadata']['name']}/status"
        self._plane.api.call("PATCH", path, {"status": status}, content_type="application/merge-patch+json")
        return ended

    def _test_pod(self) -> JSON | None:
        found = self._live("pods", "Pod")
        return next((pod for pod in found if "helm.sh/hook" in pod["metadata"].get("annotations", {})), None)

    def _live(self, plural: str, kind: str, group: str = "/api/v1") -> list[JSON]:
        """What the API server has of our namespace now."""
        items = self._plane.api.call("GET", f"{group}/namespaces/{NAMESPACE}/{plural}")["items"]
        return [{**item, "kind": kind} for item in items]


def byteport(*words: str) -> subprocess.CompletedProcess[str]:
    """A command of a person, with nothing of ours in its surroundings."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run([str(PROGRAM), *words], env=environment, capture_output=True, text=True, timeout=120)


def checks(kubeconfig: Path) -> tuple[int, list[dict[str, str]]]:
    """The exit code and the findings of `byteport doctor --installation`."""
    ended = byteport("doctor", "--installation", "--kubeconfig", str(kubeconfig), "--json")
    assert ended.stdout, ended.stderr
    found: list[dict[str, str]] = json.loads(ended.stdout)
    return ended.returncode, found


def _variables(container: JSON, root: Path) -> dict[str, str]:
    """Those of the container, and a PATH, which an image has."""
    given = {one["name"]: moved(one["value"], root) for one in container.get("env", [])}
    return {"PATH": os.environ["PATH"], **given}
