"""What can be set, section by section, each with its unit, its default and why. `load.py` fills it in."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from byteport.contracts.alerts_face import AlertsConfig
from byteport.contracts.codec_face import CodecConfig
from byteport.contracts.console import ConsoleConfig
from byteport.contracts.ledger_api import ApiConfig
from byteport.contracts.secret_backends import SecretConfig
from byteport.contracts.traces import TracesConfig
from byteport.contracts.workflows import Ladder
from byteport.domain.base import whole
from byteport.domain.ceilings import Sight
from byteport.domain.limits import Limits, StormRule
from byteport.ledger.config import LedgerConfig
from byteport.runbooks.catalogue import RUNBOOKS
from byteport.settings.audit import AuditConfig
from byteport.settings.clouds import CloudsConfig
from byteport.settings.people import ChannelSettings, PeopleConfig
from byteport.settings.postmortem import PostmortemConfig
from byteport.telemetry import TelemetryConfig
from byteport.temporal.config import TemporalConfig

LONGEST_WAIT = 30 * 86400


Seconds = Annotated[int, BeforeValidator(whole), Field(ge=1, le=LONGEST_WAIT)]
"""A whole number of seconds, at most 30 days."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClusterConfig(Section):
    """The one cluster that this installation looks after."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._@/:-]*$")]
    """What people and the audit call it. No default: a record that names the wrong cluster is worse than none."""
    uid: Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$")] | None = None
    """uid of its kube-system namespace, as `kubectl get ns kube-system -o jsonpath={.metadata.uid}` prints it.

    The worker refuses to start on another cluster. Default: taken from the cluster.
    """
    kubeconfig: Path | None = None
    """Kubeconfig file. Default: the pod's own ServiceAccount inside a cluster, else `~/.kube/config`."""
    context: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """Context in the kubeconfig. Default: its current one."""
    allow_exec_plugins: bool = False
    """Whether the kubeconfig may start a program to authenticate. Default: no; the file would choose the program."""
    grant_public_key: Path | None = None
    """Public half of `ledger.grant_key`, which the cluster worker checks with. Default: `keys/grant.pub`."""


class ApprovalsConfig(Section):
    """Whose answers are taken."""

    allowed_signers: Path | None = None
    """OpenSSH `allowed_signers`, as git's. Default: `keys/allowed_signers` in the state directory."""
    revoked_keys: Path | None = None
    """Public keys, one a line, whose answers are void however early they were signed. Default: none are."""
    issuers: Path | None = None
    """YAML of identity providers whose tokens attest answers, and who is who there. Default: none; answers are signed."""
    signing_key: Path | None = None
    """OpenSSH private key by which this person's `approve` and `reject` sign. Default: the ssh-agent's."""
    identity: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Principal by which this person acknowledges and halts. Default: the system's user name."""


class EscalationConfig(ChannelSettings):
    """Who is told, and when the next one is."""

    file: Path | None = None
    """File to which each notice is appended as a line of JSON. Default: `notices.jsonl` in the state directory."""
    rung_seconds: Annotated[tuple[Seconds, ...], Field(min_length=1, max_length=10)] = Ladder().rung_seconds
    """Seconds that each rung has before the next is paged. Default: 15 and 30 minutes."""


class WatchConfig(Section):
    """How symptoms are looked for."""

    enabled: bool = True
    """Whether workers start the watch of the cluster. Default: yes; without it only `byteport signal` reports."""


class BoundaryConfig(Section):
    """What the API server holds the agent to, as the chart's values say it; the agent compares, and cannot widen it."""

    enforced: bool = True
    """Whether roles, admission policies and the ConfigMap `byteport-enabled` are expected. Default: yes.

    Where they are, a namespace without an entry is only observed, and nothing is done alone while anything of them is
    missing, changed or too much. A sandbox, whose simulated cluster knows no policies, says no.
    """
    sight: Sight = Sight.NAMESPACED
    """`namespaced` (only namespaces that were given can be read at all) or `cluster`. Default: `namespaced`."""
    runbooks: frozenset[str] = frozenset(runbook.name for runbook in RUNBOOKS)
    """Runbooks whose rights are granted. Default: all. One that is off takes its rights with it."""
    helper: bool = False
    """Whether the node helper is installed, in the policy's `helper_namespace`. Default: no; nothing is run on nodes."""
    events: bool = False
    """Whether Kubernetes Events are written about what was planned, done and handed over, so that `kubectl describe` tells it,
    and whether the right and the policy for it are expected. Default: no; it is one more right to write."""
    accept_weaker_rollback: bool = False
    """Whether `auto` may roll back where the API server cannot prove it, before Kubernetes 1.36. Default: no."""
    check_seconds: Annotated[int, BeforeValidator(whole), Field(ge=1, le=600)] = 30
    """Seconds between two looks at rights and policies; a look older than three of them counts as a bad one."""

    @field_validator("runbooks")
    @classmethod
    def _known(cls, names: frozenset[str]) -> frozenset[str]:
        known = {runbook.name for runbook in RUNBOOKS}
        if unknown := sorted(names - known):
            raise ValueError(f"there is no runbook {unknown[0]}; there are {', '.join(sorted(known))}")
        return names


class Telemetry(TelemetryConfig):
    """Logs, metrics and traces."""

    traces: TracesConfig = TracesConfig()


class Settings(Section):
    """Everything, with its defaults filled in; paths are absolute."""

    tenant: Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")] = "default"
    """Whose agent this is; part of every record and every signed answer. Default: one tenant."""
    state_dir: Path = Path(".byteport")
    """Folder for database, keys and logs; relative paths start at the config file. Default: `.byteport`."""
    policy_file: Path | None = None
    """YAML of modes, protected names, approvals and times; read at every act. Default: `policy.yaml` in `state_dir`."""
    reobserve_after_seconds: Annotated[tuple[Seconds, ...], Field(max_length=10)] = (3600, 86400)
    """Seconds after a repair at which it is looked at again, growing. Default: an hour and a day."""
    cluster: ClusterConfig
    temporal: TemporalConfig = TemporalConfig()
    ledger: LedgerConfig = LedgerConfig()
    audit: AuditConfig = AuditConfig()
    api: ApiConfig = ApiConfig()
    alerts: AlertsConfig = AlertsConfig()
    console: ConsoleConfig = ConsoleConfig()
    codec: CodecConfig = CodecConfig()
    limits: Limits = Limits()
    storm: StormRule = StormRule()
    approvals: ApprovalsConfig = ApprovalsConfig()
    escalation: EscalationConfig = EscalationConfig()
    people: PeopleConfig = PeopleConfig()
    postmortem: PostmortemConfig = PostmortemConfig()
    secret: SecretConfig = SecretConfig()
    watch: WatchConfig = WatchConfig()
    boundary: BoundaryConfig = BoundaryConfig()
    clouds: CloudsConfig = CloudsConfig()
    telemetry: Telemetry = Telemetry()

    @field_validator("reobserve_after_seconds")
    @classmethod
    def _each_look_is_later_than_the_one_before(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in itertools.pairwise(looks)):
            raise ValueError("each number must be larger than the one before")
        return looks

    @property
    def ladder(self) -> Ladder:
        return Ladder(rung_seconds=self.escalation.rung_seconds)
