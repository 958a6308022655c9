"""Which secret backends there are, and what the settings say of each: where it is, and by which file we show who we are.

The words of `secret.backend`. Composed into the settings by `byteport/settings/model.py`; `activities/secrets` holds one file for
each backend. No secret stands here: what opens a backend is a file, and what is asked of it are names.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated

from pydantic import Field

from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.contracts.secret_names import SecretName
from byteport.domain.base import Frozen

PROJECTED = Path("/var/run/secrets/byteport-secrets/token")
"""Where the chart mounts the ServiceAccount token that is made out to the backend alone."""
TOKEN = Path("/run/byteport/secret-backend/token")
"""Where the chart mounts the token of Doppler and of 1Password Connect."""
FOLDER = Path("/run/byteport/secrets")
"""Where the chart mounts the Secrets that the backend `k8s` reads."""

Mount = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*$", max_length=200)]


class SecretBackend(StrEnum):
    """One kind of backend; an installation has one."""

    VAULT = "vault"
    AWS_SM = "aws-sm"
    GCP_SM = "gcp-sm"
    K8S = "k8s"
    DOPPLER = "doppler"
    ONEPASSWORD = "1password"


class VaultAuth(StrEnum):
    """How we show a Vault who we are."""

    KUBERNETES = "kubernetes"
    """By the pod's projected ServiceAccount token; Vault's methods `kubernetes` and `jwt` take the same request."""
    APPROLE = "approle"
    TOKEN_FILE = "token-file"  # noqa: S105  the way, not the token


class VaultConfig(Frozen):
    """A HashiCorp Vault or an OpenBao, and its key-value engine."""

    address: ReceiverUrl | None = None
    """Where it is. No default; needed by the backend `vault`."""
    namespace: Mount | None = None
    """Namespace, sent as `X-Vault-Namespace`. Default: none, the root."""
    mount: Mount = "secret"
    """Path at which the key-value engine is mounted."""
    kv: Annotated[int, Field(ge=1, le=2)] = 2
    """Version of that engine, 1 or 2. Only 2 has versions, by which a stale answer is found."""
    auth: VaultAuth = VaultAuth.KUBERNETES
    """How it learns who asks: `kubernetes` (a projected token; for the method `jwt` too), `approle` or `token-file`."""
    auth_mount: Mount | None = None
    """Path at which that method is mounted. Default: the method's own name."""
    role: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = "byteport"
    """Role that is asked for by `kubernetes`."""
    jwt_file: Path = PROJECTED
    """The projected token, made out to an audience of its own; read afresh at each login."""
    role_id_file: Path | None = None
    """File with the role's id, for `approle`."""
    secret_id_file: Path | None = None
    """File with the secret id, for `approle`."""
    token_file: Path | None = None
    """File with a token, for `token-file`; somebody else renews it."""


class AwsSmConfig(Frozen):
    """AWS Secrets Manager."""

    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    """Region of the secrets. Default: `AWS_REGION`, which EKS sets in every pod with an identity of its own."""
    stage: Annotated[str, Field(pattern=r"^[A-Za-z0-9/_+=.@-]{1,256}$")] = "AWSCURRENT"
    """Label of the version that is read. Default: the one that a rotation has put in force."""
    endpoint: ReceiverUrl | None = None
    """Where Secrets Manager is, such as a VPC endpoint. Default: Amazon's own address of the region."""


class GcpSmConfig(Frozen):
    """Google Secret Manager."""

    project: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.:-]{0,62}$")] | None = None
    """Project, by its id or its number. No default; needed by the backend `gcp-sm`."""
    location: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    """Location of regional secrets. Default: none; secrets are global."""
    version: Annotated[str, Field(pattern=r"^(?:latest|[1-9][0-9]{0,9}|[A-Za-z][A-Za-z0-9_-]{0,62})$")] = "latest"
    """Version that is read: `latest`, a number, or an alias."""
    endpoint: ReceiverUrl | None = None
    """Where Secret Manager is. Default: Google's own address, that of the location where one is set."""


class K8sSecretsConfig(Frozen):
    """Files that the kubelet projects into this pod."""

    folder: Path = FOLDER
    """Folder under which they lie: `name#key` is the file `name/key`."""


class DopplerConfig(Frozen):
    """Doppler."""

    token_file: Path = TOKEN
    """File with a service token, which opens one config of one project, for reading."""
    endpoint: ReceiverUrl = "https://api.doppler.com"
    """Where Doppler is. Default: its own address."""


class OnePasswordConfig(Frozen):
    """A 1Password Connect server."""

    address: ReceiverUrl | None = None
    """Where it is. No default; needed by the backend `1password`."""
    token_file: Path = TOKEN
    """File with an access token of that server, for reading."""
    vault: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] | None = None
    """Vault, by its name or its id, of names that have none (`item#field`). Default: every name has one."""


class SecretConfig(Frozen):
    """Where secrets live. They are read inside the activity that needs them, and kept nowhere."""

    backend: SecretBackend | None = None
    """`vault` (OpenBao too), `aws-sm`, `gcp-sm`, `k8s`, `doppler` or `1password`. Default: none; nothing that needs a secret is used."""
    seconds: Annotated[int, Field(ge=1, le=60)] = 10
    """Seconds that one read has, login included; then it has failed."""
    ca_file: Path | None = None
    """PEM of authorities that signed the backend's certificate, besides those that the system trusts. There is no setting by
    which a certificate would not be verified."""
    check: tuple[SecretName, ...] = ()
    """Names that `byteport secrets check` and `byteport doctor` look at besides those that other settings hold. Default: none."""
    vault: VaultConfig = VaultConfig()
    aws_sm: AwsSmConfig = AwsSmConfig()
    gcp_sm: GcpSmConfig = GcpSmConfig()
    k8s: K8sSecretsConfig = K8sSecretsConfig()
    doppler: DopplerConfig = DopplerConfig()
    onepassword: OnePasswordConfig = OnePasswordConfig()
