"""The sandbox's folder: keys of its own made at the first start, a policy, and the settings that the commands find.

What lies in it is for this machine and this sandbox only; an installation takes its keys from its secret backend.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from byteport.boundary.choices import Choices
from byteport.domain.approvals import SIGNATURE_NAMESPACE
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.ledger.keys import make_body_keys
from byteport.settings import Settings, load
from byteport.temporal.keys import make_key_file
from byteport.trust.allowed_signers import allowed_signers_line
from byteport.trust.files import make_key

SIGNED: dict[str, Any] = {"signer": {"key": "keys/checkpoint"}}
"""What the settings say of the log."""
OPERATOR = "operator"
"""The person of the sandbox: the principal of its one approval key."""
HEADER = "# Written by `byteport sandbox`; it is written again at each start, save the policy.\n"


class Home:
    """One sandbox folder, such as `.byteport`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()

    @property
    def config_file(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def policy_file(self) -> Path:
        return self.folder / "policy.yaml"

    @property
    def approval_key(self) -> Path:
        return self.folder / "keys" / "approver"

    @property
    def payload_key(self) -> Path:
        return self.folder / "keys" / "payload.key"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def make_keys(self) -> None:
        """The payload key, the ledger's body and grant keys, and a person's approval key with its `allowed_signers`, each once."""
        keys = self.folder / "keys"
        keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.folder / ".gitignore").write_text("*\n")
        make_key_file(self.payload_key)
        make_body_keys(keys / "bodies.key")
        if not (keys / "grant").exists():
            make_key(keys / "grant", "ledger.grant_key", comment="byteport sandbox ledger")
        if not (keys / "checkpoint").exists():
            make_key(keys / "checkpoint", "audit.signer.key", comment="byteport sandbox checkpoints")
        if not self.approval_key.exists():
            key = make_key(self.approval_key, "approvals.signing_key", comment="byteport sandbox operator")
            line = allowed_signers_line(OPERATOR, key.public_key, SIGNATURE_NAMESPACE)
            (keys / "allowed_signers").write_text(line + "\n")

    def write_policy(self, policy: dict[str, Any], *, overwrite: bool) -> None:
        """The policy file, checked before it is written; an edited one is kept unless `overwrite`."""
        PolicyConfig.model_validate(policy)
        if overwrite or not self.policy_file.exists():
            self.policy_file.write_text(HEADER + yaml.safe_dump(policy, sort_keys=True))

    def write_config(
        self,
        *,
        cluster_name: str,
        cluster_uid: str,
        temporal_address: str,
        kubeconfig: Path | None,
        context: str | None = None,
        boundary: Choices | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Settings:
        """The settings by which every command finds this sandbox, written and read back.

        `boundary`: what the API server holds the agent to; None where it knows nothing of us.
        """
        cluster: dict[str, Any] = {"name": cluster_name, "uid": cluster_uid}
        if kubeconfig is not None:
            cluster["kubeconfig"] = str(kubeconfig)
        if context is not None:
            cluster["context"] = context
        plain: dict[str, Any] = {
            "state_dir": ".",
            "cluster": cluster,
            "temporal": {"address": temporal_address},
            "audit": SIGNED,
            "approvals": {"signing_key": "keys/approver", "identity": OPERATOR},
            "boundary": _held_to(boundary) if boundary else {"enforced": False, "sight": Sight.CLUSTER.value},
        }
        self.config_file.write_text(HEADER + yaml.safe_dump(plain | (extra or {}), sort_keys=False))
        return load(self.config_file, {})


def _held_to(choices: Choices) -> dict[str, Any]:
    chosen = {"sight": choices.sight.value, "runbooks": sorted(choices.runbooks), "helper": choices.helper}
    return chosen | ({"events": True} if choices.events else {})
