"""Pruning a node's images: one fixed command in the helper's pod on that very node, at most once for one action."""

from datetime import timedelta
from typing import Any

import pytest

from byteport.contracts.kubernetes import ReadSituation, Seen
from byteport.contracts.workflows import TIMEBOX
from byteport.domain.failures import Failure
from byteport.domain.plans import PruneImagesPlan, Runtime
from byteport.domain.warrants import Warrant
from byteport.errors import BytePortError, Throttled, Unavailable, UnknownOutcome
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.runbooks.catalogue import runbook_for
from byteport.sandbox.simulated.node_hands import HELPER_NAMESPACE
from byteport.sandbox.simulated.scripts import Reply
from tests.integration.activities.asking import failure, outcome, refusal
from tests.integration.activities.bench import AUTO_POLICY, DRY_RUN_POLICY
from tests.integration.activities.pruned import NODE, Commands, full_of_images, helper, percent, pruning
from tests.integration.activities.simulated_bench import SimulatedBench

CRICTL = ("crictl", "rmi", "--prune")


@pytest.fixture
async def prune(bench: SimulatedBench) -> Warrant:
    """A yes to pruning the node that images fill."""
    await full_of_images(bench)
    return bench.warrant(await pruning(bench), auto=False)


@pytest.fixture
def commands(bench: SimulatedBench, prune: Warrant) -> Commands:
    return Commands(bench)


def of(warrant: Warrant) -> PruneImagesPlan:
    assert isinstance(warrant.plan, PruneImagesPlan)
    return warrant.plan


# -- done once --------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-047")
async def test_the_exact_words_are_run_in_the_helper_on_that_node_and_nowhere_else(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    mutated = await bench.act(prune)
    assert commands.run == [(HELPER_NAMESPACE, of(prune).helper.name, "helper", CRICTL)]
    assert percent(bench) < 80
    assert (mutated.already, mutated.object_uid) == (False, of(prune).target.uid)
    assert bench.written() == []


@pytest.mark.claim("C-100")
async def test_nothing_that_the_command_printed_leaves_the_worker(bench: SimulatedBench, prune: Warrant) -> None:
    secret = "Deleted: registry.example/acme/secret-project:1"
    await bench.cluster.set_reply(HELPER_NAMESPACE, of(prune).helper.name, "helper", CRICTL, Reply(secret, secret))
    assert "secret" not in (await bench.act(prune)).model_dump_json()
    failed = bench.warrant(of(prune), auto=False)
    await bench.cluster.set_reply(HELPER_NAMESPACE, of(prune).helper.name, "helper", CRICTL, Reply(secret, secret, 1))
    assert "secret" not in (await failure(bench, failed)).message


async def test_sent_again_it_runs_no_second_command(bench: SimulatedBench, prune: Warrant, commands: Commands) -> None:
    await bench.act(prune)
    assert (await bench.act(prune)).already
    assert (await bench.act(prune, attempt=2)).already
    assert commands.prunes == 1


async def test_a_worker_that_cannot_know_whether_it_ran_does_not_run_it_again(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    """The worker died after the call; a command leaves no stamp by which the next one could find it."""
    await bench.act(prune)
    error = await failure(bench, prune, attempt=2, on=bench.new_mutations())
    assert (error.type, error.non_retryable, commands.prunes) == ("unknown_outcome", True, 1)


async def test_what_may_have_run_is_not_called_refused_because_it_is_not_allowed_any_more(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    """Else the record would say *not done* of what was."""
    await bench.act(prune)
    bench.set_policy("mode: observe")
    assert (await failure(bench, prune, attempt=2, on=bench.new_mutations())).type == "unknown_outcome"
    assert (await failure(bench, prune, on=bench.new_mutations())).type != "unknown_outcome"
    assert commands.prunes == 1


async def test_granted_again_it_may_have_run_and_is_not_run_again(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    again = bench.warrant(of(prune), auto=False, again=True)
    assert (await failure(bench, again)).type == "unknown_outcome"
    assert commands.prunes == 0


@pytest.mark.parametrize("applied", [True, False])
async def test_an_answer_that_was_lost_is_never_found_out_and_never_tried_again(
    bench: SimulatedBench, prune: Warrant, commands: Commands, applied: bool
) -> None:
    bench.cluster.fail_next("exec", UnknownOutcome("no exit code"), applied=applied)
    assert (await failure(bench, prune)).type == "unknown_outcome"
    for attempt in (1, 2):
        assert (await failure(bench, prune, attempt=attempt)).type == "unknown_outcome"
    assert commands.prunes == 1
    assert (await outcome(bench, prune)).applied is None
    bench.clock.advance(300)
    assert (await outcome(bench, prune)).applied is None


@pytest.mark.parametrize("error", [Throttled("slow down", timedelta(seconds=1)), Unavailable("no connection")])
async def test_a_command_that_the_server_put_off_is_run_by_the_next_attempt(
    bench: SimulatedBench, prune: Warrant, commands: Commands, error: BytePortError
) -> None:
    bench.cluster.fail_next("exec", error)
    assert not (await failure(bench, prune)).non_retryable
    assert not (await bench.act(prune, attempt=2)).already
    assert (commands.prunes, percent(bench) < 80) == (2, True)


async def test_reads_that_failed_before_the_call_keep_nobody_from_trying_again(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    for attempt in (1, 2):
        bench.cluster.fail_next("get", Unavailable("no route"))
        assert not (await failure(bench, prune, attempt=attempt)).non_retryable
    await bench.act(prune, attempt=3)
    assert commands.prunes == 1


async def test_attempts_that_another_worker_made_are_not_taken_for_ones_that_sent_nothing(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    bench.cluster.fail_next("get", Unavailable("no route"))
    await failure(bench, prune, attempt=1)
    assert (await failure(bench, prune, attempt=3)).type == "unknown_outcome"
    assert commands.prunes == 0


@pytest.mark.parametrize(("code", "type_"), [(1, "unknown_outcome"), (126, "permanent"), (127, "permanent")])
async def test_an_exit_code_is_no_success(bench: SimulatedBench, prune: Warrant, code: int, type_: str) -> None:
    """Not found and not executable did nothing; any other may have removed some."""
    await bench.cluster.set_reply(HELPER_NAMESPACE, of(prune).helper.name, "helper", CRICTL, Reply(exit_code=code))
    error = await failure(bench, prune)
    assert (error.type, error.non_retryable) == (type_, True)


# -- refused ----------------------------------------------------------------------------------------------------------


async def refuses(bench: SimulatedBench, warrant: Warrant, commands: Commands, **call: Any) -> tuple[str, str]:
    refused = await refusal(bench, warrant, **call)
    assert commands.prunes == 0
    return refused


@pytest.mark.claim("C-021")
@pytest.mark.parametrize("label", [None, "false", "True"])
async def test_a_node_without_a_label_of_its_own_is_not_touched(
    bench: SimulatedBench, prune: Warrant, commands: Commands, label: str | None
) -> None:
    await bench.cluster.label_node(NODE, {ENABLED_LABEL: label})
    assert await refuses(bench, prune, commands) == ("not_permitted", "not_enabled")
    assert await refuses(bench, bench.warrant(of(prune), auto=True), commands) == ("not_permitted", "not_enabled")


@pytest.mark.claim("C-021")
async def test_the_label_of_another_node_or_of_the_helpers_namespace_is_not_its_own(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    await bench.enable(HELPER_NAMESPACE)
    unlabelled = bench.warrant(await pruning(bench, "node-2"), auto=False)
    assert await refuses(bench, unlabelled, commands) == ("not_permitted", "not_enabled")


async def test_a_pod_of_another_namespace_is_no_helper(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    """Whatever a person has said yes to: nothing is run in an application's pod."""
    await bench.enable("shop")
    await bench.cluster.deploy("shop/web", image="web:1")
    bench.cluster.advance(60)
    metadata = (await bench.pods())[0]["metadata"]
    pod = of(prune).helper.model_copy(update={"namespace": "shop", "name": metadata["name"], "uid": metadata["uid"]})
    other = bench.warrant(of(prune).model_copy(update={"helper": pod}), auto=False)
    assert await refuses(bench, other, commands) == ("not_permitted", "protected")


async def test_a_helper_elsewhere_by_our_own_policy_is_not_this_one(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    bench.set_policy(AUTO_POLICY + "helper_namespace: node-tools")
    assert await refuses(bench, bench.warrant(of(prune), auto=False), commands) == ("not_permitted", "protected")


async def test_the_helper_of_another_node_prunes_another_node(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    other = bench.warrant(await pruning(bench, NODE, helper_on="node-2"), auto=False)
    assert await refuses(bench, other, commands) == ("precondition_failed", "changed")


async def test_a_node_or_a_helper_made_again_under_its_name_is_another(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    plan = of(prune)
    node = plan.model_copy(update={"target": plan.target.model_copy(update={"uid": "another"})})
    assert await refuses(bench, bench.warrant(node, auto=False), commands) == ("target_gone", "target")
    pod = plan.model_copy(update={"helper": plan.helper.model_copy(update={"uid": "another"})})
    assert await refuses(bench, bench.warrant(pod, auto=False), commands) == ("target_gone", "target")


async def test_a_helper_that_is_not_ready_or_on_its_way_out_is_not_asked(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    await bench.cluster.annotate_pod(HELPER_NAMESPACE, of(prune).helper.name, {"sim.byteport.io/fault": "transient"})
    bench.cluster.advance(30)
    assert (await helper(bench))["metadata"]["uid"] == of(prune).helper.uid
    assert await refuses(bench, prune, commands) == ("precondition_failed", "changed")
    await bench.cluster.remove(port.PODS, HELPER_NAMESPACE, of(prune).helper.name)
    assert (await refuses(bench, prune, commands))[0] in ("precondition_failed", "target_gone")


async def test_a_node_and_a_helper_on_their_way_out_are_left_alone(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    await bench.cluster.set_finalizers(port.PODS, HELPER_NAMESPACE, of(prune).helper.name, ["example.com/hold"])
    await bench.cluster.remove(port.PODS, HELPER_NAMESPACE, of(prune).helper.name)
    assert await refuses(bench, prune, commands) == ("precondition_failed", "being_deleted")
    await bench.cluster.set_finalizers(port.NODES, "", NODE, ["example.com/hold"])
    await bench.cluster.remove(port.NODES, "", NODE)
    assert await refuses(bench, prune, commands) == ("not_permitted", "not_enabled")


@pytest.mark.parametrize("runtime", [Runtime.DOCKER, Runtime.CRI_O])
async def test_a_plan_for_another_runtime_than_the_nodes_is_not_carried_out(
    bench: SimulatedBench, prune: Warrant, commands: Commands, runtime: Runtime
) -> None:
    other = bench.warrant(await pruning(bench, runtime=runtime), auto=False)
    assert await refuses(bench, other, commands) == ("precondition_failed", "changed")


@pytest.mark.claim("C-047")
async def test_the_words_come_from_the_plans_runtime_and_cannot_be_others(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    """No field of a plan or a warrant holds a word of the command."""
    plain = of(prune).model_dump(mode="json") | {"argv": ["sh", "-c", "rm -rf /"], "command": "sh"}
    with pytest.raises(ValueError, match="argv"):
        PruneImagesPlan.model_validate(plain)
    forged = of(prune).model_copy(update={"runtime": Runtime.DOCKER})
    changed = prune.model_copy(update={"plan": forged})
    assert await refuses(bench, changed, commands) == ("not_permitted", "plan")


async def test_a_time_box_prunes_nothing(bench: SimulatedBench, prune: Warrant, commands: Commands) -> None:
    assert await refuses(bench, prune, commands, workflow_type=TIMEBOX) == ("not_permitted", "caller")


@pytest.mark.claim("C-080")
async def test_a_halt_stops_it(bench: SimulatedBench, prune: Warrant, commands: Commands) -> None:
    bench.switch.on = True
    assert await refuses(bench, prune, commands) == ("not_permitted", "halted")


# -- by whose word ----------------------------------------------------------------------------------------------------


async def test_what_the_worker_finds_on_the_node_for_itself_is_done_without_anybody(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    seen = await bench.nodes.look(_question(prune))
    planned = _planned(prune, seen)
    await bench.act(bench.warrant(planned, auto=True))
    assert (commands.prunes, percent(bench) < 80) == (1, True)


@pytest.mark.claim("C-032")
async def test_a_disk_that_has_room_is_not_pruned_on_the_word_auto(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    planned = _planned(prune, await bench.nodes.look(_question(prune)))
    await bench.cluster.empty_disk(NODE, "images")
    bench.cluster.advance(60)
    assert await refuses(bench, bench.warrant(planned, auto=True), commands) == ("precondition_failed", "verdict")


@pytest.mark.claim("C-046")
async def test_dockers_prune_is_never_done_without_a_person(bench: SimulatedBench) -> None:
    await full_of_images(bench, runtime=Runtime.DOCKER)
    commands = Commands(bench)
    plan = await pruning(bench, runtime=Runtime.DOCKER)
    refused = await refuses(bench, bench.warrant(plan, auto=True), commands)
    assert refused == ("precondition_failed", "verdict")
    await bench.act(bench.warrant(plan, auto=False))
    assert [argv for *_, argv in commands.run if "prune" in argv] == [("docker", "system", "prune", "-f")]


@pytest.mark.claim("C-031")
async def test_in_dry_run_the_word_auto_prunes_nothing(
    bench: SimulatedBench, prune: Warrant, commands: Commands
) -> None:
    bench.set_policy(DRY_RUN_POLICY)
    assert await refuses(bench, bench.warrant(of(prune), auto=True), commands) == ("not_permitted", "mode")


def _question(prune: Warrant) -> ReadSituation:
    return ReadSituation(target=prune.plan.target, failure=Failure.DISK)


def _planned(prune: Warrant, seen: Seen) -> PruneImagesPlan:
    runbook = runbook_for(Failure.DISK)
    assert runbook is not None
    plan = runbook.plan(runbook.diagnose(prune.signal, seen.situation), seen.situation, seen.policy)
    assert isinstance(plan, PruneImagesPlan), plan
    return plan
