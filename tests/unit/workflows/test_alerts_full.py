"""When the run of alerts must be renewed: whenever it waits for no look any more, since it would begin another without end."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from temporalio import workflow

from byteport.contracts.alerts import Alerts
from byteport.contracts.workflows import Installation
from workflows.alerts import MOST_AT_ALL, MOST_BYTES, AlertsWorkflow


@pytest.mark.parametrize(("messages", "size"), [(MOST_AT_ALL, 0), (1, MOST_BYTES)])
def test_a_run_that_waits_for_no_look_any_more_is_renewed_whatever_the_server_suggests(
    monkeypatch: pytest.MonkeyPatch, messages: int, size: int
) -> None:
    info = SimpleNamespace(is_continue_as_new_suggested=lambda: False, get_current_history_size=lambda: size)
    monkeypatch.setattr(workflow, "info", lambda: info)
    run = AlertsWorkflow(Alerts(installation=Installation(tenant="t", cluster_uid="c", cluster_name="c1")))
    run._renews, run._messages = True, messages
    assert run._overfull()
    assert run._full()
