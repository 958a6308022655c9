"""The boundary as `byteport doctor` shows it: by the agent's own credential, or from outside by one that may act as it.

A compromised agent cannot answer for itself, so that an administrator's own kubeconfig is enough: what was chosen is read
from the installation, and the questions are asked as the agent's account, impersonated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from activities.kubernetes.client import connect
from activities.kubernetes.policy_source import parse_policy
from byteport.boundary.names import ACCOUNTS_GROUP, AGENT, AGENT_PODS, NAMESPACE
from byteport.boundary.selfcheck import unenforced
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.hands import Hands
from byteport.kubernetes.port import ClusterPort
from byteport.settings.model import BoundaryConfig, Settings
from workers.boundary_check import PROVES_ROLLBACKS, Report, at_least, choices_of, look_at_boundary
from workers.boundary_enforced import enforcement_in
from workers.boundary_leftovers import examine_leftovers
from workers.boundary_proof import ask_for_proofs, proofs, unasked
from workers.preflight import Check, Outcome, check_boundary, failed
from workers.remedies import Amiss, remedy

ASKING_POD = f"{AGENT_PODS}doctor"
"""The pod that its token is then said to be bound to, where the policies ask for one; there is none of this name."""
CONFIG, POLICY = "byteport-config", "byteport-policy"
"""ConfigMaps of the chart, with what the agent runs with."""


class NotInstalled(ConfigError):
    """The chart is not on that cluster."""


async def examine_boundary(
    cluster: ClusterPort,
    as_agent: Callable[[str], Awaitable[ClusterPort]],
    config: BoundaryConfig,
    policy: PolicyConfig,
) -> list[Check]:
    """What holds the agent's account, and whether its rollbacks are proved.

    `as_agent` connects as that account, for a credential that is another's; with the name of a pod, as if its token was
    bound to that one.
    """
    if ACCOUNTS_GROUP in fields.strings((await cluster.identity()).get("groups")):
        report, checks = await _looked_at(cluster, config, policy)
        return [*checks, *await proofs(cluster, report)]
    agent, every = await as_agent(""), await _namespaces(cluster)
    try:
        report, checks = await _looked_at(agent, config, policy, every)
    except NotPermitted:
        what = f"this credential is not the agent's, and may not impersonate {AGENT}"
        return [Check("boundary", Outcome.FAILED, what, remedy(Amiss.NOT_IMPERSONATING))]
    finally:
        await agent.close()
    seen = f"this credential is not the agent's; looked at as {AGENT}, in {len(every) or 'no other'} namespace(s)"
    bound = await as_agent(ASKING_POD)
    try:
        account = Check("account", Outcome.WARNING, seen, remedy(Amiss.OTHER_ACCOUNT))
        return [account, *checks, *await proofs(bound, report)]
    finally:
        await bound.close()


async def examine_installation(kubeconfig: Path | None, context: str | None) -> list[Check]:
    """The same from outside, with a person's credential and none of the agent's settings."""

    async def as_agent(of_pod: str) -> ClusterPort:
        return await connect(kubeconfig, context, allow_exec_plugins=True, act_as=AGENT, of_pod=of_pod)

    try:
        admin = await connect(kubeconfig, context, allow_exec_plugins=True)
    except BytePortError as error:
        return [failed("boundary", error, remedy(Amiss.CLUSTER_UNREAD))]
    async with admin:
        try:
            config, policy = await chosen(admin)
            checks = await examine_boundary(admin, as_agent, config, policy)
            return [*checks, *await examine_leftovers(admin, choices_of(config, policy, await admin.server_version()))]
        except NotInstalled as error:
            return [failed("boundary", error, way_out(error)), *await examine_leftovers(admin, None)]
        except BytePortError as error:
            return [failed("boundary", error, way_out(error))]


def way_out(error: BytePortError) -> str:
    """What to run when what holds the agent could not be looked at, once the API server could be reached."""
    match error:
        case NotInstalled():
            return remedy(Amiss.NOT_INSTALLED)
        case ConfigError():
            return remedy(Amiss.OTHER_VERSION)
        case NotPermitted():
            return remedy(Amiss.NOT_IMPERSONATING)
        case _:
            return remedy(Amiss.CLUSTER_UNREAD)


async def examine_given(hands: Hands, namespace: str, ceiling: Ceiling) -> list[Check]:
    """Whether the API server holds the agent to what a namespace was just given for; `hands` act as the agent for it.

    The policies are whole by then: their text is compared before anything is given.
    """
    agent = hands.acting_as(AGENT, ASKING_POD)
    try:
        checks = await _enforced(agent, namespace, ceiling)
        if not ceiling.rollback or any(check.outcome is Outcome.FAILED for check in checks):
            return checks
        proves = at_least(await hands.version(), PROVES_ROLLBACKS)
        return [*checks, *(await ask_for_proofs(agent, {namespace: ceiling}) if proves else [])]
    except BytePortError as error:
        return [unasked(error)]
    finally:
        await agent.close()


async def _enforced(agent: ClusterPort, namespace: str, ceiling: Ceiling) -> list[Check]:
    """What is amiss, if anything is."""
    if ceiling.mode is Mode.OBSERVE:
        return []
    try:
        answered = await enforcement_in(agent, [namespace])
    except BytePortError as error:
        what = f"whether the admission policies are enforced could not be asked: {error.message}"
        way = Amiss.PROOF_UNASKED if isinstance(error, NotPermitted) else Amiss.PROOF_UNHEARD
        return [Check("boundary", Outcome.WARNING, what, remedy(way))]
    return [
        Check("boundary", Outcome.FAILED, one.said, f"byteport disable {namespace}; {one.remedy}")
        for one in unenforced(answered)
    ]


async def chosen(cluster: ClusterPort) -> tuple[BoundaryConfig, PolicyConfig]:
    """What the installed agent runs with. Raises `NotInstalled`, or `ConfigError` for what this version cannot read."""
    settings = await _text(cluster, CONFIG, "config.yaml")
    try:
        boundary = Settings.model_validate(yaml.safe_load(settings)).boundary
    except (yaml.YAMLError, ValidationError):
        raise ConfigError(CONFIG, f"in {NAMESPACE} holds no settings that this version knows") from None
    return boundary, parse_policy((await _text(cluster, POLICY, "policy.yaml")).encode(), f"{NAMESPACE}/{POLICY}")


async def _text(cluster: ClusterPort, name: str, key: str) -> str:
    try:
        found = await cluster.get(port.CONFIG_MAPS, NAMESPACE, name)
    except TargetGone:
        raise NotInstalled(name, f"is not in the namespace {NAMESPACE}; install the chart first") from None
    return str(fields.mapping(found.get("data")).get(key, ""))


async def _namespaces(cluster: ClusterPort) -> list[str]:
    """All of them, as far as this credential sees them: rights may be bound to us where nothing was given to us."""
    try:
        listed = await cluster.list(port.NAMESPACES, "")
    except NotPermitted:
        return []
    names = (fields.name(fields.metadata(item).get("name")) for item in listed.items)
    return [name for name in names if name]


async def _looked_at(
    cluster: ClusterPort, config: BoundaryConfig, policy: PolicyConfig, beside: Sequence[str] = ()
) -> tuple[Report, list[Check]]:
    report = await look_at_boundary(cluster, config, policy, beside=beside)
    return report, check_boundary(report, refusing=Outcome.FAILED, weaker_accepted=config.accept_weaker_rollback)
