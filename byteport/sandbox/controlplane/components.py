"""The parts of the control plane: their command lines, and how each shows that it is ready.

Comes after `pki.py` and before `supervise.py`, which starts them in this order. All listen on loopback only, and no
part takes a request that its certificate authority does not vouch for.
"""

from __future__ import annotations

import base64
import random
import socket
from pathlib import Path
from typing import NamedTuple

import yaml

from byteport.sandbox.controlplane.build import Tool
from byteport.sandbox.controlplane.pki import Authority, KeyPair, write_private

SERVICE_RANGE = "10.96.0.0/16"
REAL_NODE = "real-1"
"""Name of the one node that may have a real kubelet (`byteport/sandbox/realnode`)."""
FRONT_PROXY = "front-proxy"
"""As whom the API server calls the metrics API."""
CONTEXT = "byteport-control-plane"
# Below the range that the system takes outgoing ports from: nobody gets one of these by chance in between.
PORTS = range(20_000, 32_000)


class Ports(NamedTuple):
    """Ports on 127.0.0.1: the API server's, etcd's two, and that of the simulated nodes' logs, exec and metrics."""

    api: int
    etcd: int
    etcd_peer: int
    nodes: int


class Component(NamedTuple):
    """One process. `tool` names its log file too."""

    tool: Tool
    arguments: list[str]


class Credentials(NamedTuple):
    """Everything that `pki.py` makes for one control plane."""

    authority: Path
    service_accounts: KeyPair
    etcd: KeyPair
    api_server: KeyPair
    nodes: KeyPair
    admin: KeyPair
    supervisor: KeyPair
    controller_manager: KeyPair
    scheduler: KeyPair
    kwok: KeyPair
    kubelet: KeyPair
    front_proxy: KeyPair


def free_ports() -> Ports:
    """Four ports that nobody listens on now."""
    found: list[int] = []
    for port in random.sample(PORTS, k=len(PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == len(Ports._fields):
            return Ports(*found)
    raise OSError(f"no free ports between {PORTS.start} and {PORTS.stop} on 127.0.0.1")


def make_credentials(folder: Path) -> Credentials:
    """A new authority and everything that it signs."""
    authority = Authority(folder)
    return Credentials(
        authority=authority.certificate,
        service_accounts=authority.signing_key("service-accounts"),
        etcd=authority.issue("etcd", "etcd"),
        api_server=authority.issue("kube-apiserver", "kube-apiserver"),
        nodes=authority.issue("nodes", "simulated-nodes", "system:masters"),
        admin=authority.issue("admin", "admin", "system:masters"),
        supervisor=authority.issue("supervisor", "supervisor", "system:masters"),
        controller_manager=authority.issue("kube-controller-manager", "system:kube-controller-manager"),
        scheduler=authority.issue("kube-scheduler", "system:kube-scheduler"),
        kwok=authority.issue("kwok", "kwok", "system:masters"),
        kubelet=authority.issue("kubelet", f"system:node:{REAL_NODE}", "system:nodes"),
        front_proxy=authority.issue("front-proxy", FRONT_PROXY),
    )


def write_kubeconfig(path: Path, server: str, authority: Path, user: str, credential: KeyPair | str) -> Path:
    """A kubeconfig that holds what it needs in itself; `credential` is a client certificate or a token."""
    if isinstance(credential, str):
        proof = {"token": credential}
    else:
        proof = {
            "client-certificate-data": _inline(credential.certificate),
            "client-key-data": _inline(credential.key),
        }
    cluster = {"server": server, "certificate-authority-data": _inline(authority)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": cluster}],
        "users": [{"name": user, "user": proof}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": user}}],
        "current-context": CONTEXT,
    }
    write_private(path, yaml.safe_dump(document, sort_keys=False))
    return path


def components(state: Path, tools: Path, ports: Ports, has: Credentials) -> list[Component]:
    """The processes in the order in which they start. `state` already holds the configurations they name."""
    return [
        _etcd(state, tools, ports, has),
        _api_server(state, tools, ports, has),
        _controller_manager(state, tools, has),
        _scheduler(state, tools),
        _kwok(state, tools),
        _nodes(state, tools, ports, has),
    ]


def kubeconfig_of(state: Path, tool: Tool) -> Path:
    """The kubeconfig with which a part calls the API server."""
    return state / "pki" / f"{tool.program}.kubeconfig"


def _etcd(state: Path, tools: Path, ports: Ports, has: Credentials) -> Component:
    clients, peers = f"https://127.0.0.1:{ports.etcd}", f"https://127.0.0.1:{ports.etcd_peer}"
    return _component(
        tools,
        Tool.ETCD,
        data_dir=state / "etcd",
        listen_client_urls=clients,
        advertise_client_urls=clients,
        listen_peer_urls=peers,
        initial_advertise_peer_urls=peers,
        initial_cluster=f"default={peers}",
        cert_file=has.etcd.certificate,
        key_file=has.etcd.key,
        trusted_ca_file=has.authority,
        client_cert_auth="true",
        peer_cert_file=has.etcd.certificate,
        peer_key_file=has.etcd.key,
        peer_trusted_ca_file=has.authority,
        peer_client_cert_auth="true",
        unsafe_no_fsync="true",
        watch_progress_notify_interval="5s",  # as kubeadm has it: a quiet watch gets no bookmarks without
        log_level="error",
    )


def _api_server(state: Path, tools: Path, ports: Ports, has: Credentials) -> Component:
    issuer = "https://kubernetes.default.svc"
    return _component(
        tools,
        Tool.API_SERVER,
        etcd_servers=f"https://127.0.0.1:{ports.etcd}",
        etcd_cafile=has.authority,
        etcd_certfile=has.api_server.certificate,
        etcd_keyfile=has.api_server.key,
        bind_address="127.0.0.1",
        advertise_address="127.0.0.1",
        secure_port=ports.api,
        tls_cert_file=has.api_server.certificate,
        tls_private_key_file=has.api_server.key,
        client_ca_file=has.authority,
        authorization_mode="Node,RBAC",
        service_account_key_file=has.service_accounts.certificate,
        service_account_signing_key_file=has.service_accounts.key,
        service_account_issuer=issuer,
        api_audiences=issuer,
        service_cluster_ip_range=SERVICE_RANGE,
        endpoint_reconciler_type="none",
        kubelet_preferred_address_types="InternalIP",
        kubelet_certificate_authority=has.authority,
        kubelet_client_certificate=has.api_server.certificate,
        kubelet_client_key=has.api_server.key,
        requestheader_client_ca_file=has.authority,
        requestheader_allowed_names=FRONT_PROXY,
        requestheader_username_headers="X-Remote-User",
        requestheader_group_headers="X-Remote-Group",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        proxy_client_cert_file=has.front_proxy.certificate,
        proxy_client_key_file=has.front_proxy.key,
        audit_policy_file=state / "audit-policy.yaml",
        audit_log_path=state / "audit.log",
        audit_log_mode="blocking",
        audit_log_maxsize=100_000,
    )


def _controller_manager(state: Path, tools: Path, has: Credentials) -> Component:
    return _component(
        tools,
        Tool.CONTROLLER_MANAGER,
        kubeconfig=kubeconfig_of(state, Tool.CONTROLLER_MANAGER),
        use_service_account_credentials="true",
        service_account_private_key_file=has.service_accounts.key,
        root_ca_file=has.authority,
        leader_elect="false",
        secure_port=0,
        horizontal_pod_autoscaler_sync_period="5s",
        kube_api_qps=200,
        kube_api_burst=400,
    )


def _scheduler(state: Path, tools: Path) -> Component:
    kubeconfig = kubeconfig_of(state, Tool.SCHEDULER)
    return _component(tools, Tool.SCHEDULER, kubeconfig=kubeconfig, leader_elect="false", secure_port=0)


def _kwok(state: Path, tools: Path) -> Component:
    return _component(tools, Tool.KWOK, kubeconfig=kubeconfig_of(state, Tool.KWOK), config=state / "kwok.yaml")


def _nodes(state: Path, tools: Path, ports: Ports, has: Credentials) -> Component:
    return _component(
        tools,
        Tool.NODES,
        listen=f"127.0.0.1:{ports.nodes}",
        replies=state / "replies",
        cert=has.nodes.certificate,
        key=has.nodes.key,
        client_ca=has.authority,
        api_server=f"https://127.0.0.1:{ports.api}",
    )


def _component(tools: Path, tool: Tool, **flags: object) -> Component:
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
    return Component(tool, [str(tools / tool.program), *arguments])


def _inline(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()
