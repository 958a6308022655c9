"""Whether the role has exactly the rights of its policy, found out without a right more: by asking in vain.

Asking AWS what a role may do is itself a right, which is not requested. So each needed action is tried, and of what is never
requested one harmless call each is made that must be refused: with `DryRun` where EC2 has it, and always of a thing that
does not exist, so that even a call that is let through changes nothing. What no such call can tell is said to be so.
Comes after `aws_api.py`; `byteport doctor` prints what is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from activities.cloud.aws_api import DENIED, AwsApi, code_of
from activities.cloud.source import Excess, RightFinding
from byteport.contracts.cloud_rights import AWS_ACTIONS
from byteport.errors import BytePortError, NotPermitted, Throttled, Unavailable

NOBODY = "byteport-asks-in-vain-5f1c0e7a"
"""What no user, role, key, group, alarm or database is called."""
NO_INSTANCE = "i-00000000000000000"
NO_ARN = "arn:aws:rds:{region}:000000000000:cluster:" + NOBODY
NO_SECRET = "arn:aws:secretsmanager:{region}:000000000000:secret:" + NOBODY
_LET_THROUGH = frozenset({"DryRunOperation", "NoSuchEntity", "NoSuchEntityException"})
"""AWS looked at the right and had nothing to say: it would have done it, or looked for what does not exist."""


@dataclass(frozen=True)
class Probe:
    """A call of something that is never requested, and that changes nothing even where it is let through."""

    action: str
    service: str
    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


PROBES = (
    Probe("ec2:CreateSecurityGroup", "ec2", "CreateSecurityGroup", {"GroupName": NOBODY, "Description": NOBODY}),
    Probe("ec2:DeleteKeyPair", "ec2", "DeleteKeyPair", {"KeyName": NOBODY}),
    Probe("ec2:CreateTags", "ec2", "CreateTags", {"Resources": [NO_INSTANCE], "Tags": [{"Key": "a", "Value": "b"}]}),
    Probe("ec2:StopInstances", "ec2", "StopInstances", {"InstanceIds": [NO_INSTANCE]}),
    Probe("ec2:TerminateInstances", "ec2", "TerminateInstances", {"InstanceIds": [NO_INSTANCE]}),
    Probe("iam:CreateAccessKey", "iam", "CreateAccessKey", {"UserName": NOBODY}),
    Probe(
        "iam:AttachRolePolicy",
        "iam",
        "AttachRolePolicy",
        {"RoleName": NOBODY, "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"},
    ),
    Probe("iam:DeleteRolePolicy", "iam", "DeleteRolePolicy", {"RoleName": NOBODY, "PolicyName": NOBODY}),
    Probe("s3:ListAllMyBuckets", "s3", "ListBuckets"),
    Probe("rds-data:ExecuteStatement", "rds-data", "ExecuteStatement", {"sql": "SELECT 1"}),
    Probe("cloudwatch:DeleteAlarms", "cloudwatch", "DeleteAlarms", {"AlarmNames": [NOBODY]}),
)
"""Of each kind of what is never requested."""
UNTOLD = (
    RightFinding(
        Excess.CANNOT_TELL,
        "s3:GetObject",
        "s3:GetObject: cannot be told without naming a bucket; whoever administers the role asks: "
        "aws iam simulate-principal-policy --policy-source-arn ROLE --action-names s3:GetObject rds-db:connect",
    ),
)


async def looked_at(api: AwsApi) -> tuple[RightFinding, ...]:
    """What is missing, what is too much, and what cannot be told. Raises what any question raises when AWS does not answer."""
    found = [finding for action in AWS_ACTIONS if (finding := await _needed(api, action)) is not None]
    silent: set[str] = set()
    for probe in PROBES:
        finding = _silence(probe) if probe.service in silent else await _refused(api, probe, silent)
        found += [finding] if finding is not None else []
    return (*found, *UNTOLD)


async def _needed(api: AwsApi, action: str) -> RightFinding | None:
    service, _, operation = action.partition(":")
    now = api.now()
    asked: dict[str, dict[str, Any]] = {
        "GetMetricData": {
            "MetricDataQueries": [{"Id": "none", "Expression": "TIME_SERIES(1)", "Period": 60}],
            "StartTime": now - timedelta(minutes=5),
            "EndTime": now,
        },
        "ListMetrics": {"Namespace": NOBODY},
        "DescribeInstances": {"MaxResults": 5},
    }
    try:
        await api.ask(service, operation, action, **asked[operation])
    except NotPermitted as error:
        return RightFinding(Excess.MISSING, action, f"{action}: is missing; {error.message}")
    return None


def _silence(probe: Probe) -> RightFinding:
    says = f"{probe.action}: cannot be told; {probe.service} does not answer from here"
    return RightFinding(Excess.CANNOT_TELL, probe.action, says)


async def _refused(api: AwsApi, probe: Probe, silent: set[str]) -> RightFinding | None:
    """None where the call was refused, as it must be. A service that does not answer is added to `silent`: a network may lead to those
    alone that metrics are read from, and each question more would wait for as long."""
    arguments = dict(probe.arguments)
    if probe.service == "ec2":
        arguments["DryRun"] = True
    if probe.service == "rds-data":
        arguments |= {"resourceArn": NO_ARN.format(region=api.region), "secretArn": NO_SECRET.format(region=api.region)}
    try:
        await api.answer(probe.service, probe.operation, **arguments)
    except ClientError as error:
        code, meant = code_of(error), api.meaning(error, probe.action)
        if code in DENIED:
            return None
        if isinstance(meant, Throttled):
            raise meant from None
        if code not in _LET_THROUGH:
            says = f"{probe.action}: cannot be told; AWS answers {code}, neither that it is allowed nor that it is not"
            return RightFinding(Excess.CANNOT_TELL, probe.action, says)
    except Unavailable:
        silent.add(probe.service)
        return _silence(probe)
    except BytePortError as error:
        return RightFinding(Excess.CANNOT_TELL, probe.action, f"{probe.action}: cannot be told; {error.message}")
    says = (
        f"{probe.action}: the role has it and must not; take it away, the policy is in docs/reference/integrations.md"
    )
    return RightFinding(Excess.IN_EXCESS, probe.action, says, never_requested=True)
