"""Which process serves which queues, and therefore which credentials it holds: the privilege boundary.

Anybody who reaches Temporal can schedule on any queue; what protects a credential is that only one process has it. The
sandbox runs `embedded`, a small installation `cluster`, `rest` and `signer`, a large one each by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from byteport.contracts.acts import AnyAct, Queue
from byteport.contracts.checkpoints import COSIGN, KEEP_COSIGNATURES, SIGN_CHECKPOINT
from byteport.contracts.cloud import CHECK_RIGHTS, POLL_METRICS
from byteport.contracts.events import TELL_EVENT
from byteport.contracts.export import SHIP
from byteport.contracts.kubernetes import (
    COUNT_TARGETS,
    DELETE_POD,
    PRUNE_IMAGES,
    RAISE_FLOOR,
    READ_FLOOR,
    READ_LOAD,
    READ_NODE,
    READ_SITUATION,
    REPORT_SIGNAL,
    RESOLVE_OUTCOME,
    RESTORE_FLOOR,
    ROLL_BACK,
    WATCH_CLUSTER,
)
from byteport.contracts.ledger import FINISH, RAISE_ALARM, READ_STANDING, RECORD, RESERVE, SET_STORM
from byteport.contracts.orchestration import REPORT_TROUBLE, START_TIMEBOX
from byteport.contracts.people import CHECK_ANSWER, NOTIFY
from byteport.contracts.postmortems import FILE_POSTMORTEM
from byteport.contracts.retention import ERASE, LIST_ERASURES, PRUNE, START_ERASURE
from byteport.contracts.symptoms import REPORT_SYMPTOMS
from workflows.alerts import AlertsWorkflow
from workflows.approval import ApprovalWorkflow
from workflows.checkpoint import CheckpointWorkflow
from workflows.erasure import ErasureWorkflow
from workflows.export import ExportWorkflow
from workflows.metric_poll import MetricPollWorkflow
from workflows.postmortem import PostmortemWorkflow
from workflows.remediation import RemediationWorkflow
from workflows.reobserve import ReobserveWorkflow
from workflows.retention import RetentionWorkflow
from workflows.storm import StormWorkflow
from workflows.timebox import TimeboxWorkflow
from workflows.watch import WatchWorkflow

WORKFLOWS: tuple[type, ...] = (
    RemediationWorkflow,
    ApprovalWorkflow,
    ReobserveWorkflow,
    TimeboxWorkflow,
    StormWorkflow,
    WatchWorkflow,
    CheckpointWorkflow,
    RetentionWorkflow,
    ErasureWorkflow,
    ExportWorkflow,
    AlertsWorkflow,
    MetricPollWorkflow,
    PostmortemWorkflow,
)
"""Served on the control queue."""

ACTS: tuple[AnyAct, ...] = (
    READ_SITUATION,
    READ_LOAD,
    READ_NODE,
    DELETE_POD,
    ROLL_BACK,
    PRUNE_IMAGES,
    RAISE_FLOOR,
    RESTORE_FLOOR,
    READ_FLOOR,
    COUNT_TARGETS,
    RESOLVE_OUTCOME,
    TELL_EVENT,
    WATCH_CLUSTER,
    REPORT_SIGNAL,
    REPORT_SYMPTOMS,
    START_TIMEBOX,
    REPORT_TROUBLE,
    START_ERASURE,
    RECORD,
    RESERVE,
    FINISH,
    READ_STANDING,
    SET_STORM,
    RAISE_ALARM,
    PRUNE,
    LIST_ERASURES,
    ERASE,
    CHECK_ANSWER,
    NOTIFY,
    FILE_POSTMORTEM,
    SIGN_CHECKPOINT,
    COSIGN,
    KEEP_COSIGNATURES,
    SHIP,
    POLL_METRICS,
    CHECK_RIGHTS,
)
"""Every act there is. A process must implement exactly those of its queues."""


class Credential(StrEnum):
    """What a process may hold beside its access to Temporal."""

    CLUSTER = "the cluster's credentials"
    DATABASE = "the ledger's database"
    GRANT_KEY = "the key that signs grants"
    CHANNELS = "the channels to people"
    EXPORT_TARGETS = "the receivers of the log, and the witnesses"
    CHECKPOINT_KEY = "the key that signs checkpoints of the log"
    CLOUDS = "the identities by which metrics are read"


class Process(StrEnum):
    """What `byteport worker --process` takes."""

    EMBEDDED = "embedded"
    CLUSTER = "cluster"
    REST = "rest"
    CONTROL = "control"
    LEDGER = "ledger"
    NOTIFY = "notify"
    EXPORT = "export"
    SIGNER = "signer"
    CLOUD = "cloud"


@dataclass(frozen=True)
class Role:
    """What one process serves."""

    queues: frozenset[Queue]

    @property
    def workflows(self) -> tuple[type, ...]:
        return WORKFLOWS if Queue.CONTROL in self.queues else ()

    @property
    def acts(self) -> tuple[AnyAct, ...]:
        return tuple(act for act in ACTS if act.queue in self.queues)

    @property
    def credentials(self) -> frozenset[Credential]:
        return frozenset(credential for queue in self.queues for credential in NEEDS[queue])


NEEDS: dict[Queue, frozenset[Credential]] = {
    Queue.CONTROL: frozenset(),
    Queue.CLUSTER: frozenset({Credential.CLUSTER}),
    Queue.LEDGER: frozenset({Credential.DATABASE, Credential.GRANT_KEY}),
    Queue.NOTIFY: frozenset({Credential.CHANNELS}),
    Queue.EXPORT: frozenset({Credential.DATABASE, Credential.EXPORT_TARGETS}),
    Queue.SIGNER: frozenset({Credential.DATABASE, Credential.CHECKPOINT_KEY}),
    Queue.CLOUD: frozenset({Credential.CLOUDS}),
}

ROLES: dict[Process, Role] = {
    Process.EMBEDDED: Role(frozenset(Queue)),
    Process.CLUSTER: Role(frozenset({Queue.CLUSTER})),
    Process.REST: Role(frozenset({Queue.CONTROL, Queue.LEDGER, Queue.NOTIFY})),
    Process.CONTROL: Role(frozenset({Queue.CONTROL})),
    Process.LEDGER: Role(frozenset({Queue.LEDGER})),
    Process.NOTIFY: Role(frozenset({Queue.NOTIFY})),
    Process.EXPORT: Role(frozenset({Queue.EXPORT})),
    Process.SIGNER: Role(frozenset({Queue.SIGNER})),
    Process.CLOUD: Role(frozenset({Queue.CLOUD})),
}
