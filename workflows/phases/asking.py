"""Asking a runbook in workflow code: a mistake in it must page somebody, and never wedge the run.

An exception that is not one of ours makes Temporal try the same task again for ever, with an act done and nobody told.
So the phases after the diagnosis ask here, each with what counts when there is no answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from temporalio import workflow

Answer = TypeVar("Answer")


def answer_of(runbook: str, ask: Callable[[], Answer], *, otherwise: Answer) -> Answer:
    """What `ask` says, or `otherwise` when it cannot; the worker's log has why."""
    try:
        return ask()
    except Exception:  # noqa: BLE001  whatever it is, it is a mistake of ours
        workflow.logger.exception("%s could not judge what was read", runbook)
        return otherwise
