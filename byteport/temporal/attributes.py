"""The typed search attributes by which operators find runs in Temporal UI. Never encrypted: names and numbers only.

An upsert is an event of the history: adding one to a workflow is a change that replay sees.
"""

from __future__ import annotations

from temporalio.common import SearchAttributeKey

CLUSTER: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("BytePortCluster")
"""The cluster's configured name."""
NAMESPACE: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("BytePortNamespace")
"""The target's namespace in Kubernetes."""
TARGET: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("BytePortTarget")
"""`namespace/Kind/name`."""
RUNBOOK: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("BytePortRunbook")
"""The runbook's class name."""
PHASE: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("BytePortPhase")
"""`byteport.contracts.workflows.Phase`."""
DECISION: SearchAttributeKey[str] = SearchAttributeKey.for_keyword("BytePortDecision")
"""`byteport.contracts.ledger.Decision`."""
MTTR_SECONDS: SearchAttributeKey[int] = SearchAttributeKey.for_int("BytePortMttrSeconds")
"""Seconds from signal to verified resolution."""

KEYWORDS = (CLUSTER, NAMESPACE, TARGET, RUNBOOK, PHASE, DECISION)
NUMBERS = (MTTR_SECONDS,)

TYPES: dict[str, str] = {key.name: "Keyword" for key in KEYWORDS} | {key.name: "Int" for key in NUMBERS}
"""Name → type, as `temporal server start-dev --search-attribute` and `temporal operator` take them."""
