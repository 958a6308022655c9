"""FAULTS 32, and what an operator sees: a worker starts whole, or not at all, and says why in one line."""

import signal
import socket
import time
from pathlib import Path

import pytest

from byteport.cli.exits import Exit
from byteport.sandbox.dev_server import DevServer
from tests.builders.sampled import one_in
from tests.integration.workers.conftest import UID, Installation, end, until_serving

pytestmark = pytest.mark.slow

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: it
contexts: [{name: it, context: {cluster: it, user: it}}]
clusters: [{name: it, cluster: {server: "https://ADDRESS"}}]
users: [{name: it, user: {token: t}}]
"""


@pytest.mark.parametrize("number", one_in(2, [signal.SIGTERM, signal.SIGINT]))
def test_a_worker_serves_its_queues_until_it_is_told_to_stop(installed: Installation, number: signal.Signals) -> None:
    process = installed.start("--process", "rest")
    assert until_serving(process) == f"serving control, ledger, notify for cluster test ({UID})\n"
    begun = time.monotonic()
    assert end(process, number) == Exit.OK
    assert time.monotonic() - begun < 15


@pytest.mark.parametrize(
    ("wrong", "says"),
    one_in(
        3,
        [
            ("tennant: a\n", "tennant: no such setting; did you mean tenant?"),
            ("escalation: {rung_seconds: [0]}\n", "escalation.rung_seconds.0: "),
            ("watch: {enabled: perhaps}\n", "watch.enabled: "),
        ],
    ),
)
def test_a_wrong_setting_is_named_and_nothing_starts(installed: Installation, wrong: str, says: str) -> None:
    with installed.home.config_file.open("a") as config:
        config.write(wrong)
    said = installed.run()
    assert (said.code, said.err.count("\n")) == (Exit.USAGE, 1)
    assert says in said.err


@pytest.mark.parametrize(
    ("policy", "says"),
    one_in(
        4,
        [
            ("mode: autto\n", "mode"),
            ("mode: auto\nsettle_secconds: 3\n", "settle_secconds"),
            ("settle_seconds: -1\nmode: auto\n", "settle_seconds"),
            ("", "mode: dry_run"),
        ],
    ),
)
def test_a_policy_that_means_nothing_keeps_every_process_from_starting(
    installed: Installation, policy: str, says: str
) -> None:
    installed.home.policy_file.write_text(policy)
    said = installed.run("--process", "rest")
    assert (said.code, said.err.count("\n")) == (Exit.USAGE, 1)
    assert says in said.err


def test_a_missing_policy_is_named(installed: Installation) -> None:
    installed.home.policy_file.unlink()
    said = installed.run("--process", "rest")
    assert said.code == Exit.USAGE
    assert "policy.yaml" in said.err


def test_the_doctor_finds_nothing_wrong_with_temporal_before_a_worker_has_read_the_clusters_uid(
    installed: Installation,
) -> None:
    text = installed.home.config_file.read_text()
    installed.home.config_file.write_text("".join(line for line in text.splitlines(True) if "uid:" not in line))
    (found,) = (check for check in installed.doctor() if check["name"] == "watch")
    assert found["outcome"] == "warning"
    assert "a worker's start begins it" in found["finding"]


@pytest.mark.claim("C-104")
@pytest.mark.parametrize("key", one_in(2, ["payload.key", "grant"]))
def test_a_key_that_others_can_read_keeps_it_from_starting(installed: Installation, key: str) -> None:
    (installed.home.folder / "keys" / key).chmod(0o644)
    said = installed.run("--process", "rest")
    assert said.code == Exit.USAGE
    assert "chmod 600" in said.err


def only_to_start(installed: Installation) -> float:
    """Seconds that the program needs on this machine, as busy as it is now, to begin and to refuse; and as much again."""
    begun = time.monotonic()
    assert installed.run("--process", "everything").code == Exit.USAGE
    return 2 * (time.monotonic() - begun)


def test_an_unreachable_temporal_is_one_line_with_its_address_within_ten_seconds(installed: Installation) -> None:
    installed.configure(temporal_address="127.0.0.1:1")
    patience = 10 + only_to_start(installed)
    begun = time.monotonic()
    said = installed.run("--process", "rest")
    assert time.monotonic() - begun < patience
    assert (said.code, said.err.count("\n")) == (Exit.UNREACHABLE, 1)
    assert "127.0.0.1:1" in said.err


@pytest.mark.parametrize("listens", one_in(2, [False, True]), ids=["refused", "silent"])
def test_an_unreachable_cluster_is_one_line_with_its_address_within_ten_seconds(
    server: DevServer, installed: Installation, listens: bool
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listens:
            taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        kubeconfig: Path = installed.home.folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.replace("ADDRESS", address))
        installed.configure(temporal_address=server.address, kubeconfig=kubeconfig)
        patience = 10 + only_to_start(installed)
        begun = time.monotonic()
        said = installed.run("--process", "cluster")
        assert time.monotonic() - begun < patience
    assert said.code == Exit.UNREACHABLE, said.err
    assert said.err.count("\n") == 1
    assert f"https://{address}" in said.err
    assert "kubectl" in said.err


def test_a_process_that_does_not_exist_is_refused(installed: Installation) -> None:
    said = installed.run("--process", "everything")
    assert (said.code, "embedded" in said.err) == (Exit.USAGE, True)
