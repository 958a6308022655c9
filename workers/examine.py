"""Every check of every process, each by itself, so that one that fails does not hide the others. For `byteport doctor`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from temporalio.client import Client

from activities.clock import utc_now
from activities.kubernetes.client import KubernetesCluster
from activities.kubernetes.policy_source import load_policy
from byteport.audit.heads import Chain
from byteport.boundary.names import AGENT
from byteport.contracts.acts import Queue
from byteport.contracts.workflows import Installation
from byteport.domain.ids import watch_id
from byteport.errors import BytePortError, ConfigError
from byteport.kubernetes.port import ClusterPort
from byteport.ledger.opening import open_log, open_reader
from byteport.settings import Settings, installation
from byteport.temporal.attributes import TYPES
from byteport.temporal.connect import connect
from byteport.temporal.registration import registered
from byteport.temporal.views import pending_heartbeat
from byteport.trust.files import SignersFiles, read_private_key, read_public_key
from byteport.trust.grants import GrantSigner, GrantVerifier
from workers.boundary_doctor import examine_boundary, way_out
from workers.clocks import check_clocks
from workers.cloud_looks import check_looks
from workers.clouds import check_clouds
from workers.ledger_check import check_ledger
from workers.overdue import check_floors
from workers.payload_keys import payload_keys, told
from workers.preflight import (
    Check,
    Outcome,
    check_cluster_uid,
    check_packages,
    check_rights,
    failed,
)
from workers.processes import ROLES, Process
from workers.remedies import Amiss, remedy
from workers.retained import check_retention
from workers.secrets_check import check_secrets
from workers.sign_in_check import NAME as SIGN_IN
from workers.sign_in_check import check_sign_in
from workers.signing_check import check_signing
from workers.start import check_policy
from workers.wiring import connect_cluster, policy_of, uid_of

WATCH_LATE_SECONDS = 60.0
"""A watch that heartbeats every few seconds and has not for this long is not watching."""


async def examine(settings: Settings, *, cluster_inside: str | None = None) -> list[Check]:
    """All of them, in the order in which a start would meet them.

    `cluster_inside` names the process that the cluster lives in, when it is a simulated one that nobody else reaches.
    """
    checks = [check_packages()]
    policy, signers = settings.policy_file or "policy.yaml", settings.approvals.allowed_signers or "allowed_signers"
    at, of = settings.temporal.address, settings.temporal.namespace
    checks += await _each("policy", remedy(Amiss.POLICY_UNREAD, path=policy), lambda: _done([check_policy(settings)]))
    checks += await _each("keys", _way_to_keys(settings), lambda: _keys(settings))
    checks += await _each("signers", remedy(Amiss.SIGNERS_UNREAD, path=signers), lambda: _done([_signers(settings)]))
    checks += await _each(
        "temporal", remedy(Amiss.TEMPORAL_UNREACHED, address=at, namespace=of), lambda: _temporal(settings)
    )
    if cluster_inside is None:
        checks += await _each("cluster", remedy(Amiss.CLUSTER_UNREAD), lambda: _cluster(settings))
    else:
        checks.append(Check("cluster", Outcome.OK, f"simulated, inside {cluster_inside}"))
    if settings.ledger.url is not None:
        way = remedy(Amiss.LEDGER_UNREAD, url=settings.ledger.url)
        checks += await _each("ledger", way, lambda: _done(check_ledger(settings)))
    log = settings.ledger.path or "ledger.db"
    checks += await _each("log", remedy(Amiss.LOG_UNREAD, path=log), lambda: _done([_log(settings)]))
    checks += await _each("clocks", remedy(Amiss.LOG_UNREAD, path=log), lambda: _done(_clocks(settings)))
    checks += await _each("retention", remedy(Amiss.LOG_UNREAD, path=log), lambda: _done(_retention(settings)))
    checks += await _each(
        "checkpoints", remedy(Amiss.LOG_UNREAD, path=log), lambda: _done(check_signing(settings, now=utc_now()))
    )
    way = remedy(Amiss.SECRETS_UNREAD)
    checks += await _each("secrets", way, lambda: check_secrets(settings))
    checks += await _each("metrics", remedy(Amiss.CLOUDS_UNASKED), lambda: check_clouds(settings))
    return checks + await examine_sign_in(settings)


async def examine_sign_in(settings: Settings) -> list[Check]:
    """What the approvals page needs of its identity provider; nothing where the settings have no such page."""
    return await _each(SIGN_IN, remedy(Amiss.PROVIDER_UNSET), lambda: check_sign_in(settings))


async def _each(name: str, its_remedy: str, look: Callable[[], Awaitable[list[Check]]]) -> list[Check]:
    """What was found; where that ended with an error, the error and `its_remedy`."""
    try:
        return await look()
    except BytePortError as error:
        return [failed(name, error, its_remedy)]


async def _done(checks: list[Check]) -> list[Check]:
    return checks


def _way_to_keys(settings: Settings) -> str:
    name = settings.temporal.payload_keys
    return remedy(Amiss.KEYS_UNREAD) if name is None else remedy(Amiss.SECRET_UNREAD, name=name)


async def _keys(settings: Settings) -> list[Check]:
    """The payload keys, and that the ledger's two halves belong together."""
    name = settings.temporal.payload_keys
    said = told(await payload_keys(settings)) + (f", from the secret {name}" if name is not None else "")
    checks = [Check("payload keys", Outcome.OK, said)]
    private, public = settings.ledger.grant_key, settings.cluster.grant_public_key
    if private is None or public is None:
        return [
            *checks,
            Check(
                "grant key",
                Outcome.FAILED,
                "ledger.grant_key and cluster.grant_public_key must be set",
                remedy(Amiss.GRANT_KEY_UNSET),
            ),
        ]
    signer = GrantSigner(read_private_key(private, "ledger.grant_key"))
    known = read_public_key(public, "cluster.grant_public_key")
    GrantVerifier(known)
    if signer.public_key != known:
        said = f"{public} is not the public half of {private}"
        its_remedy = remedy(Amiss.GRANT_KEYS_DIFFER, private=private, public=public)
        return [*checks, Check("grant key", Outcome.FAILED, said, its_remedy)]
    return [*checks, Check("grant key", Outcome.OK, known.fingerprint)]


def _signers(settings: Settings) -> Check:
    path = settings.approvals.allowed_signers
    if path is None:
        return Check("signers", Outcome.FAILED, "approvals.allowed_signers must be set", remedy(Amiss.SIGNERS_UNSET))
    signers = SignersFiles(path, settings.approvals.revoked_keys, settings.approvals.issuers).read()
    people = signers.allowed.people() | {signers.allowed.person(name) for name in signers.attesters.people()}
    if not people:
        said = f"{path} names nobody: no plan can be approved"
        return Check("signers", Outcome.WARNING, said, remedy(Amiss.SIGNERS_NOBODY, path=path))
    return Check("signers", Outcome.OK, f"{len(people)} may answer: {', '.join(sorted(people))}")


async def _temporal(settings: Settings) -> list[Check]:
    client = await connect(settings.temporal, await payload_keys(settings), identity="byteport-doctor")
    address = f"{settings.temporal.address}, namespace {settings.temporal.namespace}"
    checks = [Check("temporal", Outcome.OK, address)]
    missing = sorted(set(TYPES) - await registered(client))
    if missing:
        checks.append(
            Check(
                "search attributes",
                Outcome.WARNING,
                f"missing: {', '.join(missing)}; a worker's start adds them, where it may",
                remedy(Amiss.SEARCH_ATTRIBUTES, namespace=client.namespace),
            )
        )
    if settings.watch.enabled:
        checks.append(await _watched(client, settings))
    return [*checks, *await check_looks(client, settings, now=utc_now())]


async def _watched(client: Client, settings: Settings) -> Check:
    try:
        uid = installation(settings).cluster_uid
    except ConfigError:  # nobody has read the cluster's uid here yet
        return _watch(None)
    return _watch(await pending_heartbeat(client, watch_id(uid)))


def _watch(age: float | None) -> Check:
    if age is None:
        said = "the cluster is not being watched; a worker's start begins it"
        return Check("watch", Outcome.WARNING, said, remedy(Amiss.NOT_WATCHED))
    if age > WATCH_LATE_SECONDS:
        said = f"its last heartbeat is {age:.0f} s old; is a cluster worker running?"
        return Check("watch", Outcome.FAILED, said, remedy(Amiss.WATCH_LATE))
    return Check("watch", Outcome.OK, f"last heartbeat {age:.0f} s ago")


async def _cluster(settings: Settings) -> list[Check]:
    cluster = await connect_cluster(settings)
    try:
        uid = await uid_of(cluster)
        checks = [check_cluster_uid(settings, uid)]
        if isinstance(cluster, KubernetesCluster) and not cluster.verifies_server:
            checks.append(
                Check(
                    "cluster TLS",
                    Outcome.WARNING,
                    "the kubeconfig does not verify the server's certificate",
                    remedy(Amiss.SERVER_UNVERIFIED),
                )
            )
        if settings.boundary.enforced:
            checks += await _boundary(settings, cluster)
        else:
            acts = [act for act in ROLES[Process.CLUSTER].acts if act.queue is Queue.CLUSTER]
            checks += await check_rights(cluster, acts)
        if settings.policy_file is not None:
            policy, sight = load_policy(settings.policy_file), settings.boundary.sight
            checks.append(await check_floors(cluster, policy, now=utc_now(), sight=sight))
        return checks
    finally:
        await cluster.close()


async def _boundary(settings: Settings, cluster: ClusterPort) -> list[Check]:

    async def as_agent(of_pod: str) -> ClusterPort:
        return await connect_cluster(settings, act_as=AGENT, of_pod=of_pod)

    try:
        return await examine_boundary(cluster, as_agent, settings.boundary, policy_of(settings).read())
    except BytePortError as error:
        return [failed("boundary", error, way_out(error))]


def _log(settings: Settings) -> Check:
    path = settings.ledger.path
    if path is None and settings.ledger.url is None:
        return Check("log", Outcome.FAILED, "ledger.path must be set", remedy(Amiss.LOG_UNSET))
    if path is not None and settings.ledger.url is None and not path.exists():
        return Check("log", Outcome.WARNING, f"{path} is made at the first record", remedy(Amiss.LOG_ABSENT))
    reports = open_log(settings.ledger, settings.tenant).verify_all()
    records = sum(report.records for report in reports)
    if not records:
        return Check("log", Outcome.WARNING, "no record yet", remedy(Amiss.LOG_EMPTY))
    bad = [finding for report in reports for finding in report.findings]
    if bad:
        return Check("log", Outcome.FAILED, f"record {bad[0].seq} {bad[0].says}", remedy(Amiss.LOG_BROKEN))
    return Check("log", Outcome.OK, f"{records} record(s), intact")


def _clocks(settings: Settings) -> list[Check]:
    ours = _kept(settings)
    if ours is None:
        return []
    served, reader = settings.ledger.url is not None, open_reader(settings.ledger, settings.tenant)
    return check_clocks(reader, ours, served=served, clock=utc_now)


def _retention(settings: Settings) -> list[Check]:
    ours = _kept(settings)
    if ours is None:
        return []
    chain = Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)
    return check_retention(open_reader(settings.ledger, settings.tenant), chain, settings.audit, now=utc_now())


def _kept(settings: Settings) -> Installation | None:
    """Whose ledger it is; None where there is none yet, or nobody knows yet whose it is."""
    ledger, path = settings.ledger, settings.ledger.path
    try:
        ours = installation(settings)
    except ConfigError:
        return None
    return None if ledger.url is None and (path is None or not path.exists()) else ours
