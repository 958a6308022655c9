"""How workflow code is run: in Temporal's own sandbox, with our pure modules passed through it, said once, here.

A module that is passed through is imported once a process instead of once a run, which saves most of a run's CPU time
(a first workflow task took 82 ms without, a quarter of that with it); but the sandbox's guard against clocks and chance
does not reach into it, so the lint has to (`ruff-pure.toml`). The files that define a workflow are not passed through.
"""

from __future__ import annotations

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = (
    "byteport",
    "rfc8785",
    "workflows.boxed",
    "workflows.incident",
    "workflows.metering",
    "workflows.perform",
    "workflows.phases",
    "workflows.screen",
    "workflows.tracing",
)
"""Beside pydantic, which the SDK passes through by itself."""


def workflow_runner() -> SandboxedWorkflowRunner:
    """The runner of every worker and every replay."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
