"""An OpenBao that was set up by what the quickstart page says, and the files of one pod that reads from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from activities.secrets.reading import Secrets, chosen
from byteport.contracts.secret_backends import SecretBackend, SecretConfig, VaultConfig
from byteport.errors import BytePortError
from tests.builders.issuing import Cluster
from tests.integration.export.authority import Authority
from tests.integration.secrets.openbao import Bao, token_review
from tests.integration.secrets.pages import block

ACCOUNT = "system:serviceaccount:byteport-agent:byteport-rest"
CANARY = "xoxb-canary-of-vault"


def projected(cluster: Cluster, audience: str = "vault", account: str = "byteport-rest") -> str:
    """A token as the kubelet projects one."""
    named = {
        "namespace": "byteport-agent",
        "serviceaccount": {"name": account, "uid": "1"},
        "pod": {"name": "p", "uid": "2"},
    }
    claims: dict[str, Any] = {"kubernetes.io": named, "sub": f"system:serviceaccount:byteport-agent:{account}"}
    return cluster.token(aud=[audience], **claims)


class World:
    """An OpenBao that was set up by the page, and the files of one pod."""

    def __init__(self, bao: Bao, authority: Authority, folder: Path, tokens: dict[str, str]) -> None:
        self.bao, self.authority, self.folder, self.tokens = bao, authority, folder, tokens
        self.token = self.write("token", tokens["ours"])

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def secrets(self, **vault: Any) -> Secrets:
        plain: dict[str, Any] = {"address": self.bao.url, "jwt_file": self.token} | vault
        return chosen(
            SecretConfig(
                backend=SecretBackend.VAULT, seconds=20, ca_file=self.authority.ca_file, vault=VaultConfig(**plain)
            )
        )


@contextmanager
def set_up(bao: Bao, authority: Authority, folder: Path) -> Iterator[dict[str, str]]:
    """What the page says, typed; beside it a way in by AppRole, and one by the cluster's public key.

    Tokens that the cluster has projected: ours, one for another audience, one of another account.
    """
    cluster = Cluster()
    made = {
        "ours": projected(cluster),
        "other audience": projected(cluster, audience="other"),
        "other account": projected(cluster, account="stranger"),
    }
    accepted = {
        made["ours"]: reviewed("byteport-rest", "vault"),
        made["other audience"]: reviewed("byteport-rest", "other"),
        made["other account"]: reviewed("stranger", "vault"),
    }
    with token_review(authority, accepted) as api_server:
        (folder / "byteport.hcl").write_text(block("vault.md", "hcl", "The least policy"))
        bao.run(
            f"cd {folder}\n" + block("vault.md", "sh", "Set it up"),
            KUBERNETES_HOST=api_server,
            KUBERNETES_CA=str(authority.ca_file),
        )
        bao.must("POST", "auth/kubernetes/config", _reviewer(api_server, authority))
        bao.must("POST", "sys/auth/approle", {"type": "approle"})
        bao.must("POST", "auth/approle/role/byteport", {"token_policies": "byteport", "token_ttl": "2m"})
        bao.must("POST", "sys/auth/jwt", {"type": "jwt"})
        bao.must("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [cluster.public_pem().decode()]})
        role = {
            "role_type": "jwt",
            "bound_audiences": ["vault"],
            "bound_subject": ACCOUNT,
            "user_claim": "sub",
            "token_policies": "byteport",
        }
        bao.must("POST", "auth/jwt/role/byteport", role)
        yield made


def reviewed(account: str, audience: str) -> dict[str, Any]:
    """What an API server answers of a token that holds."""
    user = {"username": f"system:serviceaccount:byteport-agent:{account}", "uid": "1"}
    return {"authenticated": True, "user": user, "audiences": [audience]}


def _reviewer(api_server: str, authority: Authority) -> dict[str, Any]:
    return {
        "kubernetes_host": api_server,
        "kubernetes_ca_cert": authority.ca_file.read_text(),
        "token_reviewer_jwt": "the.reviewers.token",
        "disable_local_ca_jwt": True,
    }


async def refused(secrets: Secrets, name: str, kind: type[BytePortError]) -> str:
    with pytest.raises(kind) as error:
        await secrets.read(name)
    assert CANARY not in error.value.message
    assert error.value.__context__ is None
    return error.value.message
