"""AWS as moto speaks it, through a proxy that leads every host of AWS to it: which machines are ours, all pages, every refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from activities.cloud.aws import AwsMetrics
from activities.cloud.source import Excess, Point, Window
from byteport.contracts.cloud import Metric
from byteport.contracts.cloud_rights import AWS_ACTIONS
from byteport.contracts.cloud_sources import AwsSource
from byteport.errors import ConfigError, NotPermitted, Throttled, Unavailable
from tests.integration.cloud.moto_aws import Moto, Said, as_a_pod, measured, moto_aws, refusal, said
from tests.integration.export.authority import Authority
from tests.integration.export.test_proxied import proxy

pytestmark = pytest.mark.peers

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
WINDOW = Window(NOW - timedelta(minutes=15), NOW)
BEFORE = NOW - timedelta(minutes=3)
IMAGE = "ami-12c6146b"
"""One that moto knows."""
IDENTITY = "sts:AssumeRoleWithWebIdentity"
LAUNCHED = "<item><launchTime>99999999999999999</launchTime></item></instancesSet></item></reservationSet></D>"


@pytest.fixture
def moto(authority: Authority, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Moto]:
    with moto_aws(authority) as listening:
        as_a_pod(monkeypatch, tmp_path)
        yield listening


@pytest_asyncio.fixture
async def aws(moto: Moto) -> AsyncIterator[AwsMetrics]:
    async with proxy(moto.port) as through:
        source = AwsMetrics(AwsSource(), "prod", ca_file=moto.ca_file, proxy=through.url)
        yield source
        await source.close()


def machines(moto: Moto, number: int = 1, *, tag: tuple[str, str] = ("eks:cluster-name", "prod")) -> list[str]:
    """So many that run."""
    tagged = [{"Key": tag[0], "Value": tag[1]}]
    made = moto.administrator("ec2").run_instances(
        ImageId=IMAGE,
        MinCount=number,
        MaxCount=number,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tagged}],
    )
    return [str(one["InstanceId"]) for one in made["Instances"]]


def whose(points: Any) -> list[tuple[str | None, Metric, str, float]]:
    return [(one.subject.provider_id or one.subject.name, one.metric, one.part, one.percent) for one in points]


def insights(moto: Moto, name: str, value: float, instance: str, cluster: str = "prod") -> None:
    measured(moto, "ContainerInsights", name, value, BEFORE, ClusterName=cluster, InstanceId=instance, NodeName="ip-10")


@pytest.mark.claim("C-405")
async def test_what_is_measured_of_this_clusters_machines_is_read_and_of_no_others(moto: Moto, aws: AwsMetrics) -> None:
    ours, (others,) = machines(moto, 2), machines(moto, tag=("eks:cluster-name", "elsewhere"))
    insights(moto, "node_filesystem_utilization", 91.0, ours[0])
    insights(moto, "node_memory_utilization", 40.0, others)
    measured(moto, "CWAgent", "mem_used_percent", 95.0, BEFORE, InstanceId=ours[1])
    measured(moto, "CWAgent", "mem_used_percent", 96.0, BEFORE, InstanceId=others)
    measured(moto, "AWS/EC2", "CPUUtilization", 97.0, BEFORE, InstanceId=others)
    found = await aws.read(WINDOW)
    assert sorted(whose(found.points)) == sorted([(ours[0], Metric.DISK, "", 91.0), (ours[1], Metric.MEMORY, "", 95.0)])
    assert [one.at for one in found.points] == [BEFORE + timedelta(minutes=1)] * 2, "a period counts when it has ended"
    assert found.series == 4, "and the CPU of each machine is asked for"
    assert not found.truncated


async def test_pods_are_named_in_full_or_not_at_all_and_volumes_are_left_out(moto: Moto, aws: AwsMetrics) -> None:
    (machine,) = machines(moto, tag=("kubernetes.io/cluster/prod", "owned"))
    of_pod = {"ClusterName": "prod", "Namespace": "shop", "PodName": "web"}
    name = "pod_memory_utilization_over_pod_limit"
    measured(moto, "ContainerInsights", name, 93.0, BEFORE, FullPodName="web-7c9-x2x", **of_pod)
    measured(moto, "ContainerInsights", name, 94.0, BEFORE, **of_pod)
    measured(moto, "ContainerInsights", name, 95.0, BEFORE, FullPodName="UP/../x", **of_pod)
    measured(moto, "CWAgent", "disk_used_percent", 90.0, BEFORE, InstanceId=machine, path="/", fstype="ext4")
    measured(moto, "CWAgent", "disk_used_percent", 99.0, BEFORE, InstanceId=machine, path="/mnt/volume", fstype="ext4")
    found = await aws.read(WINDOW)
    assert {(machine, Metric.DISK, "/", 90.0), ("web-7c9-x2x", Metric.MEMORY, "", 93.0)} == set(whose(found.points))


async def test_where_two_measure_the_same_container_insights_is_taken(moto: Moto, aws: AwsMetrics) -> None:
    (machine,) = machines(moto)
    insights(moto, "node_cpu_utilization", 91.0, machine)
    measured(moto, "AWS/EC2", "CPUUtilization", 55.0, BEFORE, InstanceId=machine)
    assert whose((await aws.read(WINDOW)).points) == [(machine, Metric.CPU, "", 91.0)]


@pytest.mark.claim("C-405")
async def test_more_machines_than_one_page_or_one_call_has_are_all_asked_for(moto: Moto, aws: AwsMetrics) -> None:
    ids = machines(moto, 510)
    found = await aws.read(WINDOW)
    assert found.series == len(ids)
    assert moto.actions.count("cloudwatch:GetMetricData") == 2
    before = len(moto.actions)
    await aws.read(WINDOW)
    assert moto.actions[before:] == ["cloudwatch:GetMetricData"] * 2, "machines are not asked for at every poll"


def results(moto: Moto, *pages: dict[str, Any]) -> None:
    """CloudWatch gives these pages, one a call, in the place of moto's."""
    left = list(pages)

    def between(action: str, _body: bytes) -> Said | None:
        return said(left.pop(0)) if action == "cloudwatch:GetMetricData" and left else None

    moto.between = between


def page(value: float, minutes: int, token: str | None = None, status: str = "Complete", **more: Any) -> dict[str, Any]:
    began = (NOW - timedelta(minutes=minutes)).timestamp()
    result = {"Id": "s0", "Label": "x", "Timestamps": [began], "Values": [value], "StatusCode": status}
    return {"MetricDataResults": [result], **({"NextToken": token} if token else {}), **more}


async def test_partial_answers_go_on_on_the_next_page(moto: Moto, aws: AwsMetrics) -> None:
    machines(moto)
    results(moto, page(91.0, 10, token="2", status="PartialData"), page(92.0, 5))
    found = await aws.read(WINDOW)
    assert [one.percent for one in found.points] == [91.0, 92.0]
    assert not found.truncated


@pytest.mark.claim("C-405")
async def test_every_page_of_the_list_of_metrics_is_read(moto: Moto, aws: AwsMetrics) -> None:
    (machine,) = machines(moto)
    listed: list[bytes] = []

    def between(action: str, body: bytes) -> Said | None:
        if action != "cloudwatch:ListMetrics" or b"disk_used_percent" not in body:
            return None
        listed.append(body)
        path = "/" if len(listed) == 1 else "/var"
        named = [{"Name": "InstanceId", "Value": machine}, {"Name": "path", "Value": path}]
        metric = {"Namespace": "CWAgent", "MetricName": "disk_used_percent", "Dimensions": named}
        return said({"Metrics": [metric], **({"NextToken": "second"} if len(listed) == 1 else {})})

    moto.between = between
    found = await aws.read(WINDOW)
    assert found.series == 3, "two disks, and its CPU"
    assert [b"second" in body for body in listed] == [False, True]


@pytest.mark.parametrize(
    "more",
    [{"Messages": [{"Code": "MaxMetricsExceeded", "Value": "the words of AWS"}]}, {"status": "InternalError"}],
)
async def test_what_aws_says_it_has_left_out_is_said(moto: Moto, aws: AwsMetrics, more: dict[str, Any]) -> None:
    machines(moto)
    results(moto, page(91.0, 10, **more))
    assert (await aws.read(WINDOW)).truncated


async def test_pages_without_an_end_are_given_up(moto: Moto, aws: AwsMetrics) -> None:
    machines(moto)
    results(moto, *[page(91.0, 10, token="again")] * 5)
    with pytest.raises(Unavailable, match="without an end"):
        await aws.read(WINDOW)


async def test_a_listing_that_takes_too_long_is_cut_and_said(moto: Moto) -> None:
    (machine,) = machines(moto)
    began = NOW
    listed = 0

    def between(action: str, _body: bytes) -> Said | None:
        nonlocal listed
        listed += action == "cloudwatch:ListMetrics"
        return said({"Metrics": [], "NextToken": str(listed)}) if action == "cloudwatch:ListMetrics" else None

    moto.between = between
    async with proxy(moto.port) as through:
        slow = AwsMetrics(
            AwsSource(),
            "prod",
            ca_file=moto.ca_file,
            proxy=through.url,
            clock=lambda: began + listed * timedelta(seconds=5),
        )
        found = await slow.read(WINDOW)
        await slow.close()
    assert (found.series, found.truncated) == (1, True), machine


async def test_a_period_that_has_not_ended_is_left_out(moto: Moto, aws: AwsMetrics) -> None:
    machines(moto)
    results(moto, page(91.0, 2))  # of five minutes
    assert list((await aws.read(WINDOW)).points) == []


def answering(moto: Moto, action: str, answer: Said, times: int = 99) -> None:
    left = [answer] * times

    def between(asked: str, _body: bytes) -> Said | None:
        return left.pop() if asked == action and left else None

    moto.between = between


@pytest.mark.claim("C-406")
async def test_a_throttle_says_for_how_long(moto: Moto, aws: AwsMetrics) -> None:
    answering(moto, "cloudwatch:ListMetrics", refusal("ThrottlingException"))
    with pytest.raises(Throttled) as throttled:
        await aws.read(WINDOW)
    assert throttled.value.delay == timedelta(seconds=5)
    answering(moto, "cloudwatch:ListMetrics", refusal("Throttling", "429 Too Many", Retry_After="17"))
    with pytest.raises(Throttled) as throttled:
        await aws.read(WINDOW)
    assert throttled.value.delay == timedelta(seconds=17)


@pytest.mark.claim("C-406")
@pytest.mark.parametrize("action", AWS_ACTIONS)
async def test_a_right_that_is_missing_is_named(moto: Moto, aws: AwsMetrics, action: str) -> None:
    machines(moto)
    answering(moto, action, refusal("AccessDeniedException"))
    if action.startswith("ec2"):
        body = b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>the words of AWS</Message></Error></Errors></Response>"
        answering(moto, action, Said("403 Forbidden", body, (("Content-Type", "text/xml"),)))
    with pytest.raises(NotPermitted, match=action) as refused:
        await aws.read(WINDOW)
    assert "words of AWS" not in str(refused.value)


@pytest.mark.claim("C-406")
@pytest.mark.parametrize("action", AWS_ACTIONS)
async def test_an_answer_that_is_not_of_aws_is_unavailable_and_not_repeated(
    moto: Moto, aws: AwsMetrics, action: str
) -> None:
    """As a proxy's page is, which says that all is well."""
    machines(moto)
    answering(moto, action, Said("200 OK", b"<html>words of a proxy", (("Content-Type", "text/html"),)))
    with pytest.raises(Unavailable) as refused:
        await aws.read(WINDOW)
    assert "words of a proxy" not in str(refused.value)


@pytest.mark.claim("C-406")
@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("ec2:DescribeInstances", f"<D><reservationSet><item><instancesSet>{LAUNCHED}", "200 OK"),
        ("ec2:DescribeInstances", "<a>" * 20_000 + "</a>" * 20_000, "500 ERROR"),
        ("cloudwatch:ListMetrics", '{"a":' * 100_000 + "1" + "}" * 100_000, "200 OK"),
        (IDENTITY, "words of a proxy", "200 OK"),
    ],
    ids=["a time past all calendars", "a deep page", "deep JSON", "no token"],
)
async def test_whatever_botocore_makes_of_an_answer_it_is_unavailable(
    moto: Moto, aws: AwsMetrics, action: str, body: str, status: str
) -> None:
    machines(moto)
    answering(moto, action, Said(status, body.encode(), (("Content-Type", "text/xml"),)))
    with pytest.raises(Unavailable):
        await aws.read(WINDOW)


@pytest.mark.claim("C-406")
async def test_credentials_that_have_run_out_are_fetched_afresh(moto: Moto, aws: AwsMetrics) -> None:
    machines(moto)
    answering(moto, "cloudwatch:ListMetrics", refusal("ExpiredTokenException"), times=1)
    with pytest.raises(Unavailable, match="run out"):
        await aws.read(WINDOW)
    await aws.read(WINDOW)
    assert moto.actions.count(IDENTITY) == 2


@pytest.mark.claim("C-406")
async def test_review_15_only_the_pods_own_identity_is_taken(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    source = AwsMetrics(AwsSource(), "prod", ca_file=moto.ca_file)
    with pytest.raises(ConfigError, match="AWS_ACCESS_KEY_ID"):
        await source.read(WINDOW)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
    with pytest.raises(ConfigError, match=r"clouds\.aws"):
        await source.read(WINDOW)
    await source.close()
    assert moto.actions == []


async def test_the_clock_of_aws_is_told(moto: Moto, aws: AwsMetrics) -> None:
    there = NOW + timedelta(minutes=4)
    moto.date = format_datetime(there, usegmt=True)
    assert (await aws.read(WINDOW)).source_now == there


@pytest.mark.claim("C-405")
async def test_review_15_a_role_with_exactly_the_policy_reads_everything_and_asks_nothing_else(
    moto: Moto, aws: AwsMetrics
) -> None:
    (machine,) = machines(moto)
    insights(moto, "node_memory_utilization", 91.0, machine)
    with moto.enforcing(*AWS_ACTIONS):
        found = await aws.read(WINDOW)
    assert [one.percent for one in found.points if isinstance(one, Point)] == [91.0]
    assert set(moto.actions) - {IDENTITY} == set(AWS_ACTIONS)


def by_kind(findings: Any, kind: Excess) -> set[str]:
    return {one.permission for one in findings if one.what is kind}


@pytest.mark.claim("C-407")
async def test_a_role_with_exactly_the_policy_passes_its_check(moto: Moto, aws: AwsMetrics) -> None:
    with moto.enforcing(*AWS_ACTIONS):
        findings = await aws.check()
    assert by_kind(findings, Excess.MISSING) == by_kind(findings, Excess.IN_EXCESS) == set()
    assert "s3:GetObject" in by_kind(findings, Excess.CANNOT_TELL), "what cannot be told is said"


@pytest.mark.claim("C-407")
async def test_review_15_rights_that_are_never_requested_are_found_without_a_right_more(
    moto: Moto, aws: AwsMetrics
) -> None:
    with moto.enforcing(*AWS_ACTIONS, "ec2:*", "iam:*", "s3:ListAllMyBuckets", "cloudwatch:*"):
        findings = await aws.check()
    excess = by_kind(findings, Excess.IN_EXCESS)
    assert {"ec2:CreateSecurityGroup", "ec2:DeleteKeyPair", "iam:CreateAccessKey", "iam:AttachRolePolicy"} <= excess
    assert {"s3:ListAllMyBuckets", "cloudwatch:DeleteAlarms"} <= excess
    assert all(one.never_requested for one in findings if one.what is Excess.IN_EXCESS), (
        "so that nothing is read with it"
    )
    groups = moto.administrator("ec2").describe_security_groups()["SecurityGroups"]
    assert not any("byteport" in group["GroupName"] for group in groups), "and nothing was made"
    assert not {action for action in moto.actions if "Simulate" in action}


@pytest.mark.claim("C-407")
async def test_a_right_that_the_role_lacks_is_found(moto: Moto, aws: AwsMetrics) -> None:
    with moto.enforcing("cloudwatch:ListMetrics", "cloudwatch:GetMetricData"):
        findings = await aws.check()
    assert by_kind(findings, Excess.MISSING) == {"ec2:DescribeInstances"}


@pytest.mark.claim("C-407")
async def test_a_service_that_the_network_does_not_lead_to_is_asked_once_and_hides_nothing_else(
    moto: Moto, aws: AwsMetrics
) -> None:
    asked: list[str] = []

    def between(action: str, _body: bytes) -> Said | None:
        if not action.startswith("iam:"):
            return None
        asked.append(action)
        return Said("200 OK", b"no answer of AWS's", (("Content-Type", "text/plain"),))

    with moto.enforcing(*AWS_ACTIONS, "cloudwatch:DeleteAlarms"):
        moto.between = between
        findings = await aws.check()
    assert len(asked) == 1
    assert {"iam:CreateAccessKey", "iam:AttachRolePolicy", "iam:DeleteRolePolicy"} <= by_kind(
        findings, Excess.CANNOT_TELL
    )
    assert by_kind(findings, Excess.IN_EXCESS) == {"cloudwatch:DeleteAlarms"}


@pytest.mark.claim("C-407")
async def test_a_throttled_question_is_no_answer_to_any(moto: Moto, aws: AwsMetrics) -> None:
    answering(moto, "cloudwatch:DeleteAlarms", refusal("Throttling", "429 Too Many", Retry_After="17"))
    with pytest.raises(Throttled) as throttled:
        await aws.check()
    assert throttled.value.delay == timedelta(seconds=17)
