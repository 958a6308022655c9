"""The settings that the sandbox writes say of the boundary what was installed, or that nothing was."""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.sandbox.home import Home
from workers.boundary_check import choices_of

UID = "00000000-0000-4000-8000-000000000001"
CHOICES = [
    Choices(),
    Choices(helper=True, sight=Sight.CLUSTER),
    Choices(runbooks=EVERY_RUNBOOK - {"CpuSpikeRunbook"}),
    Choices(events=True),
]


@pytest.mark.parametrize("choices", CHOICES)
def test_what_the_agent_expects_is_what_was_installed(tmp_path: Path, choices: Choices) -> None:
    home = Home(tmp_path)
    written = home.write_config(
        cluster_name="test", cluster_uid=UID, temporal_address="127.0.0.1:7233", kubeconfig=None, boundary=choices
    )
    assert written.boundary.enforced
    assert choices_of(written.boundary, PolicyConfig(), "v1.37.2") == choices


def test_where_nothing_was_installed_nothing_is_expected(tmp_path: Path) -> None:
    home = Home(tmp_path)
    written = home.write_config(
        cluster_name="test", cluster_uid=UID, temporal_address="127.0.0.1:7233", kubeconfig=None
    )
    assert (written.boundary.enforced, written.boundary.sight) == (False, Sight.CLUSTER)
