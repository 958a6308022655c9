"""How the cluster's API is reached and by whom: address, TLS and token, by the official client's own loaders.

Comes after `kubeconfig.py`; `wire.py` makes requests with the result. OpenSSL loads keys from files only, and the
official client leaves those of a kubeconfig's inline keys in the machine's temporary folder until the process ends.
Here they lie in a folder of their own, which is gone as soon as they are loaded.
"""

from __future__ import annotations

import base64
import hashlib
import os
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config_from_dict
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME
from kubernetes.aio.config.kube_config import KubeConfigLoader

from activities.kubernetes.kubeconfig import KEY, default_paths, one_context
from byteport.errors import ConfigError

JSON = dict[str, Any]

INLINE = ("certificate-authority", "client-certificate", "client-key")


@dataclass(frozen=True)
class Credentials:
    """One way to one cluster. `authorization` is asked before every request, because tokens are rotated."""

    server: str
    tls: ssl.SSLContext
    ca_digest: str
    """SHA-256 of the authority's certificates as given, in hex; empty when the machine's own authorities are used."""
    verifies_server: bool
    server_name: str | None
    proxy: str | None
    configuration: Configuration
    plugin: KubeConfigLoader | None = None

    async def authorization(self) -> str | None:
        """The value of the header, if the credential is not a certificate."""
        if self.plugin is not None:
            await self.plugin.load_from_exec_plugin()
            self.configuration.api_key["BearerToken"] = self.plugin.token
        settings = await self.configuration.auth_settings()
        token = settings.get("BearerToken")
        return str(token["value"]) if token else None


async def load_credentials(
    kubeconfig: Path | None, context: str | None, *, allow_exec_plugins: bool = False
) -> Credentials:
    """By kubeconfig and context; without either, the pod's own ServiceAccount when in a pod. Raises `ConfigError`."""
    if kubeconfig is None and context is None and os.environ.get(SERVICE_HOST_ENV_NAME):
        return _in_cluster()
    paths = [kubeconfig] if kubeconfig is not None else default_paths()
    return await _from_kubeconfig(paths, context, allow_exec_plugins=allow_exec_plugins)


def _in_cluster() -> Credentials:
    configuration = Configuration()
    try:
        load_incluster_config(client_configuration=configuration)
    except ConfigException as error:
        raise ConfigError("cluster", f"the pod's own ServiceAccount cannot be used: {error}") from None
    return _credentials(configuration, None)


async def _from_kubeconfig(paths: Sequence[Path], context: str | None, *, allow_exec_plugins: bool) -> Credentials:
    document = one_context(paths, context, allow_exec_plugins=allow_exec_plugins)
    configuration = Configuration()
    with tempfile.TemporaryDirectory(prefix="byteport-") as folder:
        try:
            _write_inline_keys(document, Path(folder))
            loader = await load_kube_config_from_dict(
                document, client_configuration=configuration, temp_file_path=folder
            )
            runs_plugin = "exec" in document["users"][0]["user"]
            if runs_plugin and not configuration.api_key and not configuration.cert_file:
                raise ConfigError(KEY, "the exec plugin of the kubeconfig's user gave no credential")
            return _credentials(configuration, loader if runs_plugin and configuration.api_key else None)
        except (ConfigException, ValueError, TypeError, KeyError, OSError) as error:
            # Their texts may quote what the file holds.
            raise ConfigError(KEY, f"{paths[0]} cannot be used ({type(error).__name__})") from None


def _write_inline_keys(document: JSON, folder: Path) -> None:
    """Replace what a kubeconfig carries inline by files in `folder`, which only we may read."""
    for part in (document["clusters"][0]["cluster"], document["users"][0]["user"]):
        for field in INLINE:
            inline = part.pop(f"{field}-data", None)
            if inline:
                file = folder / field
                file.touch(mode=0o600)
                file.write_bytes(base64.b64decode(inline, validate=False))
                part[field] = str(file)


def _credentials(configuration: Configuration, plugin: KubeConfigLoader | None) -> Credentials:
    authority = configuration.ssl_ca_cert
    tls = ssl.create_default_context(cafile=authority)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    # Many clusters' own authorities lack what Python 3.13 demands of a certificate by this flag.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        tls.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    return Credentials(
        server=configuration.host,
        tls=tls,
        ca_digest=hashlib.sha256(Path(authority).read_bytes()).hexdigest() if authority else "",
        verifies_server=bool(configuration.verify_ssl),
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
        configuration=configuration,
        plugin=plugin,
    )
