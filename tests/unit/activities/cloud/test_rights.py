"""A look at an identity's rights as an act: what of the findings goes on, and that an error is no clean bill."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from temporalio.common import MetricMeter
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import ActivityEnvironment

from activities.cloud.rights import Rights, found_in
from activities.cloud.source import Excess, RightFinding
from byteport.contracts.cloud import CheckRights, CloudSource
from byteport.contracts.cloud_looks import RightsDifference, RightsFound
from byteport.contracts.metrics import SOURCE_RIGHTS, SOURCE_RIGHTS_LOOKED_AT
from byteport.errors import ConfigError, PermanentError, Unavailable
from tests.unit.workers.test_clouds import LESS, MORE, UNTOLD, Looked

UID = "00000000-0000-4000-8000-000000000001"
NOW = datetime(2026, 3, 10, tzinfo=UTC)
CALL = CheckRights(cluster_uid=UID, source=CloudSource.AWS)
NEVER = RightFinding(Excess.IN_EXCESS, "iam:CreateAccessKey", "words for a person", never_requested=True)


async def found(source: Looked, call: CheckRights = CALL, meter: MetricMeter = MetricMeter.noop) -> RightsFound:
    rights = Rights(UID, {CloudSource.AWS: lambda: source}, clock=lambda: NOW)
    environment = ActivityEnvironment()
    environment.metric_meter = meter
    answer: RightsFound = await environment.run(rights.check, call)
    return answer


@pytest.mark.claim("C-490")
async def test_what_a_check_finds_is_told_by_kind_and_no_connection_stays() -> None:
    source = Looked(NEVER, LESS, MORE, UNTOLD)
    answer = await found(source)
    assert source.closed
    assert {what: names.names for what, names in answer.amiss} == {
        RightsDifference.NEVER_REQUESTED: ("iam:CreateAccessKey",),
        RightsDifference.MISSING: ("ec2:DescribeInstances",),
        RightsDifference.IN_EXCESS: ("iam:CreateAccessKey",),
    }
    assert answer.untold.names == ("s3:GetObject",)
    assert answer.refuses


async def test_a_monitoring_system_hears_what_is_amiss_and_when_it_is_gone() -> None:
    buffer = MetricBuffer(1000)
    meter = Runtime(telemetry=TelemetryConfig(metrics=buffer)).metric_meter

    def heard() -> dict[tuple[str, str], float]:
        return {
            (update.metric.name, str(update.attributes.get("amiss", ""))): update.value
            for update in buffer.retrieve_updates()
            if update.attributes["source"] == "aws"
        }

    whole = {(SOURCE_RIGHTS.name, one.value): 0.0 for one in RightsDifference}
    whole |= {(SOURCE_RIGHTS_LOOKED_AT.name, ""): NOW.timestamp()}
    await found(Looked(NEVER, LESS), meter=meter)
    assert heard() == whole | {(SOURCE_RIGHTS.name, one): 1 for one in ("never_requested", "missing")}
    await found(Looked(), meter=meter)
    assert heard() == whole


async def test_what_an_administrator_wrote_into_a_role_is_not_repeated_as_it_stands() -> None:
    odd = RightFinding(Excess.IN_EXCESS, "Micro\nsoft/\x1b[31m*", "words", never_requested=True)
    assert found_in([odd]).never_requested.names == ("Micro?soft/?[31m*",)


@pytest.mark.claim("C-490")
@pytest.mark.parametrize(
    ("error", "code"),
    [(Unavailable("no answer"), "unavailable"), (ConfigError("clouds.aws", "no identity"), PermanentError.code)],
)
async def test_a_check_that_is_not_answered_is_an_error_and_no_clean_bill(error: Exception, code: str) -> None:
    with pytest.raises(Exception, match=str(error)) as refused:
        await found(Looked(error=error))
    assert getattr(refused.value, "type", "") == code


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (CALL.model_copy(update={"cluster_uid": "another"}), "another cluster"),
        (CALL.model_copy(update={"source": CloudSource.GCP}), "names no gcp"),
    ],
)
async def test_what_is_not_this_processs_to_look_at_is_refused(call: CheckRights, words: str) -> None:
    with pytest.raises(Exception, match=words):
        await found(Looked(), call)
