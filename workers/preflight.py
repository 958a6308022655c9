"""What is looked at before a process starts: each check with its finding and what to run. `byteport doctor` prints them.

Comes after the settings and `remedies.py`, before `run.py`. A process that would fail later, or act with less than it needs, does not
start at all.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from byteport.boundary.selfcheck import Enforcement
from byteport.contracts.acts import AnyAct
from byteport.domain.scopes import Right, union
from byteport.errors import BytePortError, ConfigError, NotPermitted
from byteport.kubernetes import port
from byteport.kubernetes.port import ClusterPort, Resource
from byteport.settings import Settings
from workers.boundary_check import Report
from workers.remedies import Amiss, remedy

TOP_LEVEL = ("byteport", "workflows", "activities", "workers")


_RESOURCES = {(one.group, one.plural): one for one in vars(port).values() if isinstance(one, Resource)}
"""A right names no version; the port's resources do."""


class Outcome(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """The process may start, and says so."""
    FAILED = "failed"


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    outcome: Outcome
    finding: str
    remedy: str = ""
    """What to run, an exact command first; empty only where all is well."""

    @property
    def text(self) -> str:
        """On one line: the finding, and what to run."""
        return f"{self.finding}; {self.remedy}" if self.remedy else self.finding


def check_packages() -> Check:
    """Whether the packages that Python imports are ours: others on the package index have the same top-level names."""
    root = Path(__file__).resolve().parents[1]
    for name in TOP_LEVEL:
        found = importlib.import_module(name).__file__
        if found is None or Path(found).resolve().parents[1] != root:
            return Check(
                "packages",
                Outcome.FAILED,
                f"{name} is another distribution's ({found}); byteport needs an environment of its own",
                remedy(Amiss.OTHER_PACKAGES),
            )
    return Check("packages", Outcome.OK, f"all from {root}")


def check_cluster_uid(settings: Settings, uid: str) -> Check:
    """Whether this is the cluster that the settings mean."""
    wanted = settings.cluster.uid
    if wanted is not None and wanted != uid:
        said = f"is {wanted} but this cluster's is {uid}"
        return Check("cluster.uid", Outcome.FAILED, said, remedy(Amiss.OTHER_CLUSTER, uid=uid))
    return Check("cluster", Outcome.OK, f"{settings.cluster.name}, uid {uid}")


async def check_rights(cluster: ClusterPort, acts: Iterable[AnyAct]) -> list[Check]:
    """Ask the cluster for every right that the acts need, in every namespace.

    One that is missing fails; one that has a `because` is optional: without it some questions are `cannot_tell`.
    """
    rights = union(act.needs for act in acts).rights
    granted = await asyncio.gather(*(_granted(cluster, right) for right in rights))
    refused = [right for right, yes in zip(rights, granted, strict=True) if not yes]
    missing = [right for right in refused if not right.optional]
    blind = [right for right in refused if right.optional]
    checks = []
    if missing:
        said, asked = f"the cluster does not grant {_named(missing)}", _question(missing[0])
        checks.append(Check("rights", Outcome.FAILED, said, remedy(Amiss.RIGHTS_MISSING, right=asked)))
    if blind:
        reasons = "; ".join(sorted({reason for right in blind for reason in right.because}))
        said, asked = f"without {_named(blind)} it cannot tell: {reasons}", _question(blind[0])
        checks.append(Check("optional rights", Outcome.WARNING, said, remedy(Amiss.RIGHTS_OPTIONAL, right=asked)))
    return checks or [Check("rights", Outcome.OK, "the cluster grants every right that the acts need")]


def check_boundary(report: Report, *, refusing: Outcome, weaker_accepted: bool) -> list[Check]:
    """What stands, against what these settings ask for. A right of the installation itself that is missing fails.

    `refusing` is the outcome of everything else that refuses `auto`: a process starts nevertheless, and says so.
    """
    fatal = report.keeps_from_starting
    checks = []
    if fatal:
        named = ", ".join(sorted({one.what for one in fatal}))
        checks.append(
            Check("rights", Outcome.FAILED, f"the cluster does not grant {named}", remedy(Amiss.CHART_RIGHTS))
        )
    others = [one for one in report.findings if one not in fatal]
    checks += [
        Check("boundary", refusing if one.refuses_auto else Outcome.WARNING, one.said, one.remedy) for one in others
    ]
    if report.halted:
        said = "off: nothing is written anywhere until `byteport resume`"
        checks.append(Check("switch", Outcome.WARNING, said, remedy(Amiss.SWITCH_OFF)))
    if not report.choices.proves_rollbacks:
        said = _unproven(report.version, weaker_accepted=weaker_accepted)
        way = Amiss.ROLLBACK_WEAKER if weaker_accepted else Amiss.ROLLBACK_UNPROVEN
        checks.append(Check("rollback", Outcome.WARNING, said, remedy(way)))
    if report.blindness:
        what = ", ".join(one.right for one in report.blindness)
        why = "; ".join(sorted({one.because for one in report.blindness}))
        said = f"without {what} it cannot tell: {why}"
        checks.append(Check("optional rights", Outcome.WARNING, said, remedy(Amiss.CHART_RIGHTS)))
    if not report.findings:
        given = f"{len(report.given)} namespace(s) given" if report.given else "no namespace given yet"
        held = _held(report.enforcement)
        checks.append(Check("boundary", Outcome.OK, f"whole{held}; {given}, Kubernetes {report.version}"))
    return checks


def _held(enforcement: Enforcement) -> str:
    """Whether the policies were seen to refuse, where everything is as it must be."""
    if enforcement is Enforcement.REFUSED:
        return " and enforced"
    return "; whether it is enforced cannot be asked while nothing may be written"


def _unproven(version: str, *, weaker_accepted: bool) -> str:
    """What is lost before Kubernetes 1.36, and what follows from the settings."""
    lost = f"Kubernetes {version} cannot prove that a rollback restores a revision's own template (1.36 can)"
    if weaker_accepted:
        return f"{lost}; `auto` rolls back all the same, under the policy that lets nothing but the template change"
    return f"{lost}; it stays out of `auto` unless boundary.accept_weaker_rollback is set"


async def _granted(cluster: ClusterPort, right: Right) -> bool:
    plural, _, subresource = right.resource.partition("/")
    resource = _RESOURCES.get((right.group, plural), Resource(right.group, "v1", plural))
    return await cluster.review(right.verb, resource, "", subresource=subresource)


def must_pass(checks: Sequence[Check]) -> None:
    """Raise for the first failed check: `NotPermitted` for rights, else `ConfigError`."""
    for check in checks:
        if check.outcome is Outcome.FAILED:
            if check.name == "rights":
                raise NotPermitted(check.text)
            raise ConfigError(check.name, check.text)


def failed(name: str, error: BytePortError, its_remedy: str) -> Check:
    """A check that ended with one of our errors."""
    return Check(name, Outcome.FAILED, error.message, its_remedy)


def _question(right: Right) -> list[str]:
    """What `kubectl auth can-i` is asked about a right."""
    plural, _, subresource = right.resource.partition("/")
    about = f"{plural}.{right.group}" if right.group else plural
    return [right.verb, about, *([f"--subresource={subresource}"] if subresource else [])]


def _named(rights: Iterable[Right]) -> str:
    return ", ".join(f"{right.verb} {right.resource}" + (f".{right.group}" if right.group else "") for right in rights)
