"""What the agent's token can run: the exact words, in the node helper's container, without stdin or terminal, by either protocol."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.policies.commands import connections
from byteport.kubernetes.node_commands import DF, FREE, du
from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.controlplane.kubectl import find_kubectl
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE, NodeDisks
from tests.cluster.boundary.conftest import APP
from tests.cluster.boundary.installed import BY_POLICY, Installed, asked, once
from tests.cluster.workloads import Namespace, eventually

JSON = dict[str, Any]

NODE = "node-1"
POD_UID = "1b1d5a0e-1111-4000-8000-000000000001"
EMPTY_DIR = f"/var/lib/kubelet/pods/{POD_UID}/volumes/kubernetes.io~empty-dir/cache"
PROTOCOLS = {"websocket": "true", "spdy": "false"}


class Helper:
    """The helper's pod on a node, and kubectl with the agent's token."""

    def __init__(self, guarded: Installed, folder: Path) -> None:
        self.guarded = guarded
        disks = NodeDisks(guarded.plane)
        disks.install_helper(NODE)
        pods = guarded.plane.api.call("GET", f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods")["items"]
        self.pod = pods[0]["metadata"]["name"]
        eventually(self._is_running)
        authority = guarded.plane.state_dir / "pki" / "ca.crt"
        server = guarded.plane.server
        self.kubeconfig = write_kubeconfig(folder / "agent.kubeconfig", server, authority, "agent", guarded.token())

    def _is_running(self) -> bool:
        path = f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{self.pod}"
        return bool(self.guarded.plane.api.call("GET", path).get("status", {}).get("phase") == "Running")

    def run(
        self,
        *argv: str,
        protocol: str = "websocket",
        namespace: str = HELPER_NAMESPACE,
        pod: str = "",
        container: str = "helper",
        options: tuple[str, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        command = [find_kubectl(), f"--kubeconfig={self.kubeconfig}", "-n", namespace, "exec", *options]
        command += [pod or self.pod, "-c", container, "--", *argv]
        environment = os.environ | {"KUBECTL_REMOTE_COMMAND_WEBSOCKETS": PROTOCOLS[protocol]}
        return subprocess.run(
            command, capture_output=True, text=True, env=environment, input="", timeout=60, check=False
        )


@pytest.fixture
def helper(guarded: Installed, shop: Namespace, tmp_path: Path) -> Iterator[Helper]:
    yield Helper(guarded, tmp_path)
    NodeDisks(guarded.plane).mend(NODE)


def refused(done: subprocess.CompletedProcess[str]) -> bool:
    return done.returncode != 0 and BY_POLICY in done.stderr and "byteport" in done.stderr


@pytest.mark.claim("C-224")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("argv", [DF, FREE, du("/var/log"), du("/var/lib/containerd")])
def test_critique_b2_the_known_words_are_run(helper: Helper, argv: tuple[str, ...], protocol: str) -> None:
    assert not refused(helper.run(*argv, protocol=protocol))


@pytest.mark.claim("C-205")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "argv",
    [
        ("sh",),
        ("sh", "-c", "df -h"),
        ("df",),
        ("df", "-h", "/"),
        ("df", "-h;id"),
        ("/bin/df", "-h"),
        ("free", "-m", "-h"),
        ("du", "-sh", "/proc"),
        ("du", "-sh", "/proc/self/root"),
        ("du", "-sh", "/var/log/../../etc"),
        ("du", "-sh", "/etc/kubernetes"),
        ("du", "-sh", "--files0-from=/etc/shadow"),
        ("du", "-sh", "/var/log", "/root"),
        ("du", "-sh", "/var/log\n/etc"),
        ("du", "-sh", "var/log"),
        ("du", "-h", "/var/log"),
        ("crictl", "rmi", "--all"),
        ("crictl", "rmi", "--prune", "x"),
        ("docker", "system", "prune", "-af"),
        ("docker", "system", "prune", "-f", "--volumes"),
        ("cat", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
    ],
    ids=" ".join,
)
def test_review_6_any_other_words_are_refused_by_the_api_server(
    helper: Helper, argv: tuple[str, ...], protocol: str
) -> None:
    done = helper.run(*argv, protocol=protocol)
    assert refused(done), done.stderr


def test_a_pods_own_empty_dir_and_a_plain_path_may_be_measured(helper: Helper) -> None:
    for path in (EMPTY_DIR, "/data/backups"):
        assert not refused(helper.run(*du(path)))


@pytest.mark.claim("C-205")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("options", [("-i",), ("-t",), ("-i", "-t")], ids=" ".join)
def test_review_6_stdin_and_a_terminal_are_refused(helper: Helper, options: tuple[str, ...], protocol: str) -> None:
    if "-t" in options:
        agent = helper.guarded.agent()
        path = f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{helper.pod}/exec?container=helper&command=df&command=-h&stdout=true"
        assert asked(agent, "POST", f"{path}&tty=true&stdin=true").by_policy
        return
    assert refused(helper.run(*DF, options=options, protocol=protocol))


@pytest.mark.claim("C-205")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_review_6_nothing_is_run_in_an_application(helper: Helper, shop: Namespace, protocol: str) -> None:
    pod = shop.pods(APP)[0]["metadata"]["name"]
    done = helper.run(*DF, namespace=shop.name, pod=pod, container="app", protocol=protocol)
    assert done.returncode != 0
    assert "cannot" in done.stderr


@pytest.mark.claim("C-205")
def test_review_6_nothing_is_run_in_an_application_even_if_somebody_binds_the_right(
    helper: Helper, shop: Namespace, guarded: Installed
) -> None:
    """Who administers a namespace can bind rights to the agent's account there; the policy does not care."""
    bound = ("create", "rolebinding", "wide", "-n", shop.name, "--clusterrole=edit")
    guarded.plane.kubectl(*bound, "--serviceaccount=byteport-agent:byteport-agent")
    pod = shop.pods(APP)[0]["metadata"]["name"]
    done = once(
        lambda done: "cannot" not in done.stderr, lambda: helper.run(*DF, namespace=shop.name, pod=pod, container="app")
    )
    assert refused(done), done.stderr


@pytest.mark.claim("C-205")
def test_review_6_another_container_of_the_helpers_pod_is_refused(helper: Helper) -> None:
    where = f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{helper.pod}/exec?container=sidecar&command=df&command=-h&stdout=true"
    assert asked(helper.guarded.agent(), "POST", where).by_policy


@pytest.mark.claim("C-205")
def test_without_the_node_helper_not_even_a_known_command_is_run_where_it_would_be(
    helper: Helper, guarded: Installed
) -> None:
    """The right to is granted there, and the words are known: what refuses is the policy as it is rendered without."""
    guarded.apply(connections(Choices()))
    try:
        done = once(lambda done: "no node helper is installed" in done.stderr, lambda: helper.run(*DF))
        assert refused(done), done.stderr
    finally:
        guarded.apply(connections(guarded.choices))
    once(lambda done: not refused(done), lambda: helper.run(*DF))


WORDS_NO_SHELL_CAN_TYPE = (
    "df\0",
    "-h\0",
    "/var/log\0/etc",
    "/var/log\r",
    "/var/log/",
    "/var/./log",
    "/var/log%00",
    "／var",
)


@pytest.mark.claim("C-205")
@pytest.mark.parametrize("word", WORDS_NO_SHELL_CAN_TYPE, ids=ascii)
def test_review_6_words_with_nul_or_a_path_that_says_itself_otherwise_are_refused(helper: Helper, word: str) -> None:
    """By the request itself, since no program can be started with such words. A slash at its end would follow a link."""
    agent, whole = helper.guarded.agent(), [word] if word == "df\0" else ["du", "-sh", word]
    asks = urlencode([("container", "helper"), ("stdout", "true"), *(("command", one) for one in whole)])
    path = f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{helper.pod}/exec?{asks}"
    for method in ("GET", "POST"):
        said = asked(agent, method, path)
        assert said.by_policy, said


@pytest.mark.claim("C-205")
@pytest.mark.parametrize(
    "name", ["helper ", "Helper", "helper\0", "helper\n", "helper,app", "../helper", ""], ids=ascii
)
def test_review_6_a_container_by_a_name_that_only_looks_like_the_helpers_is_refused(helper: Helper, name: str) -> None:
    asks = urlencode([("container", name), ("stdout", "true"), ("command", "df"), ("command", "-h")])
    path = f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{helper.pod}/exec?{asks}"
    said = asked(helper.guarded.agent(), "POST", path)
    assert said.by_policy, said


@pytest.mark.claim("C-205")
@pytest.mark.parametrize("sub", ["attach", "portforward", "proxy"])
def test_review_6_no_other_connection_is_granted(helper: Helper, sub: str) -> None:
    path = f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods/{helper.pod}/{sub}"
    for method in ("GET", "POST"):
        said = asked(helper.guarded.agent(), method, path)
        assert said.by_rights, said
