"""Which process serves which queues, and that every act is served by somebody."""

import pytest

from byteport.contracts import (
    checkpoints,
    cloud,
    events,
    export,
    kubernetes,
    ledger,
    orchestration,
    people,
    postmortems,
    retention,
    symptoms,
)
from byteport.contracts.acts import Act, Effect, Queue
from workers.processes import ACTS, ROLES, WORKFLOWS, Credential, Process


def declared() -> set[str]:
    of_clusters = (cloud, events, kubernetes, symptoms)
    modules = (*of_clusters, checkpoints, export, ledger, orchestration, people, postmortems, retention)
    return {value.name for module in modules for value in vars(module).values() if isinstance(value, Act)}


def test_every_declared_act_is_served() -> None:
    assert {act.name for act in ACTS} == declared()
    assert len({act.name for act in ACTS}) == len(ACTS)


def test_the_embedded_process_serves_everything() -> None:
    role = ROLES[Process.EMBEDDED]
    assert set(role.acts) == set(ACTS)
    assert role.workflows == WORKFLOWS


@pytest.mark.parametrize(
    "split",
    [
        [Process.CLUSTER, Process.REST, Process.EXPORT, Process.SIGNER, Process.CLOUD],
        [
            Process.CLUSTER,
            Process.CONTROL,
            Process.LEDGER,
            Process.NOTIFY,
            Process.EXPORT,
            Process.SIGNER,
            Process.CLOUD,
        ],
    ],
)
def test_each_way_to_split_the_work_serves_every_queue_exactly_once(split: list[Process]) -> None:
    queues = [queue for process in split for queue in ROLES[process].queues]
    assert sorted(queues) == sorted(Queue)


@pytest.mark.claim("C-070")
def test_critique_b4_only_a_process_with_the_clusters_credentials_can_change_a_cluster() -> None:
    for process, role in ROLES.items():
        mutates = any(act.effect in (Effect.MUTATE, Effect.TELL) for act in role.acts)
        assert not mutates or Credential.CLUSTER in role.credentials, process


@pytest.mark.claim("C-070")
def test_critique_b4_the_process_that_decides_holds_neither_cluster_credentials_nor_the_grant_key() -> None:
    assert ROLES[Process.CONTROL].credentials == frozenset()


@pytest.mark.claim("C-070")
def test_review_20_and_critique_b4_the_cluster_process_cannot_sign_its_own_grants() -> None:
    assert Credential.GRANT_KEY not in ROLES[Process.CLUSTER].credentials


@pytest.mark.claim("C-243")
def test_review_20_only_the_signer_holds_the_key_of_checkpoints_and_neither_the_cluster_nor_the_grant_key() -> None:
    holders = {process for process, role in ROLES.items() if Credential.CHECKPOINT_KEY in role.credentials}
    assert holders == {Process.SIGNER, Process.EMBEDDED}
    assert ROLES[Process.SIGNER].credentials == {Credential.CHECKPOINT_KEY, Credential.DATABASE}
