"""What is requested of each cloud, word for word, and what never is: policy documents, docs and self-checks come from here.

Before it comes the public table of rights; after it `activities/cloud/*_check.py`, which look at whether an identity has
exactly these, and docs/reference/integrations.md, which shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

AWS_ACTIONS = ("cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "ec2:DescribeInstances")
"""All that the agent does in AWS for its metrics."""
AWS_NEVER: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "IAM writes": ("iam:AttachRolePolicy", "iam:CreateAccessKey", "iam:DeleteRolePolicy"),
        "S3 object reads": ("s3:GetObject", "s3:ListAllMyBuckets"),
        "RDS data access": ("rds-data:ExecuteStatement",),
        "EC2 mutations": (
            "ec2:CreateSecurityGroup",
            "ec2:CreateTags",
            "ec2:DeleteKeyPair",
            "ec2:StopInstances",
            "ec2:TerminateInstances",
        ),
        "CloudWatch writes": ("cloudwatch:DeleteAlarms",),
    }
)
"""What is never requested, and of each kind the actions by which it is found out. AWS tells of an action only by letting it through."""


def aws_policy(region: str = "eu-central-1") -> dict[str, Any]:
    """The policy of the role. None of these actions can be bound to a resource (AWS has none for them), so the resource is
    `*` and the region is what binds them."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "BytePortReadsMetrics",
                "Effect": "Allow",
                "Action": list(AWS_ACTIONS),
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:RequestedRegion": region}},
            }
        ],
    }
