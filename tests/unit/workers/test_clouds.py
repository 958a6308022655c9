"""What `byteport doctor` says of a source of metrics: a right too few or too many fails it, what cannot be told is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.cloud.source import Excess, Measured, RightFinding, Window
from byteport.contracts.cloud import CloudSource
from byteport.errors import Unavailable
from byteport.settings import Settings
from byteport.settings.clouds import CloudsConfig
from byteport.settings.model import ClusterConfig
from workers import clouds
from workers.preflight import Outcome

UNTOLD = RightFinding(Excess.CANNOT_TELL, "s3:GetObject", "s3:GetObject: cannot be told")
MORE = RightFinding(Excess.IN_EXCESS, "iam:CreateAccessKey", "iam:CreateAccessKey: the role has it and must not")
LESS = RightFinding(Excess.MISSING, "ec2:DescribeInstances", "ec2:DescribeInstances: is missing")


class Looked:
    """A source whose identity has these findings."""

    source = CloudSource.AWS

    def __init__(self, *findings: RightFinding, error: Exception | None = None) -> None:
        self._findings = findings
        self._error = error
        self.closed = False

    async def read(self, window: Window) -> Measured:
        raise AssertionError("doctor reads no metrics")

    async def check(self) -> tuple[RightFinding, ...]:
        if self._error is not None:
            raise self._error
        return self._findings

    async def close(self) -> None:
        self.closed = True


def settings(*sources: CloudSource) -> Settings:
    return Settings(
        cluster=ClusterConfig(name="test"), policy_file=Path("policy.yaml"), clouds=CloudsConfig(sources=sources)
    )


async def checked(monkeypatch: pytest.MonkeyPatch, source: Looked) -> tuple[Outcome, str, str]:
    monkeypatch.setattr(clouds, "AwsMetrics", lambda *_, **__: source)
    (check,) = await clouds.check_clouds(settings(CloudSource.AWS))
    assert source.closed
    return check.outcome, check.finding, check.remedy


async def test_without_sources_nothing_is_looked_at() -> None:
    assert await clouds.check_clouds(settings()) == []


@pytest.mark.claim("C-407")
async def test_exactly_the_rights_is_well_and_says_what_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, finding, _ = await checked(monkeypatch, Looked(UNTOLD))
    assert outcome is Outcome.OK
    assert "s3:GetObject" in finding


@pytest.mark.claim("C-407")
@pytest.mark.parametrize("amiss", [MORE, LESS])
async def test_a_right_too_many_or_too_few_fails_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, amiss: RightFinding
) -> None:
    outcome, finding, remedy = await checked(monkeypatch, Looked(UNTOLD, amiss))
    assert (outcome, finding) == (Outcome.FAILED, amiss.says)
    assert "integrations.md" in remedy


async def test_a_source_that_does_not_answer_fails_and_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, finding, remedy = await checked(monkeypatch, Looked(error=Unavailable("aws: no answer")))
    assert (outcome, finding) == (Outcome.FAILED, "aws: no answer")
    assert remedy
