"""Many at once: fifty appenders of which some are killed, and two processes that want the same target."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from byteport.audit.verify import Verdict
from byteport.contracts.ledger import Granted
from tests.integration.ledger.world import World, pod_plan

ROOT = Path(__file__).resolve().parents[3]
THREADS, RECORDS = 5, 8
WITHOUT_END = 10_000
"""Records of one who is killed: still at work then, however late it is."""


def start(world: World, number: int, records: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.integration.ledger.appender"),
            *(world.address, str(number), str(THREADS), str(records)),
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("many", "killing"), [(4, 1), pytest.param(10, 3, marks=pytest.mark.slow)], ids=["twenty", "fifty"]
)
def test_fault_20_many_appenders_of_which_some_are_killed_leave_a_dense_log_that_verifies(
    world: World, many: int, killing: int
) -> None:
    """FAULTS 20."""
    processes = [start(world, number, WITHOUT_END if number < killing else RECORDS) for number in range(many)]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        killed = processes[:killing]
        while world.log.verify_all()[0].records < many * THREADS:
            pass
        for process in killed:
            process.kill()
        said = [process.communicate(timeout=100)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in killed] == [-signal.SIGKILL] * killing
    assert said[killing:] == ["done\n"] * (many - killing)
    (report,) = world.log.verify_all()
    numbers = [record.seq for record in world.log.iter_records()]
    assert (report.intact, report.findings) == (Verdict.INTACT, ())
    assert numbers == list(range(1, len(numbers) + 1))
    written = Counter(record.incident_id for record in world.log.iter_records())
    assert [written[f"inc-{number}"] for number in range(killing, many)] == [THREADS * RECORDS] * (many - killing)


def test_of_many_who_want_one_target_at_once_one_gets_it(world: World) -> None:
    other = World(world.folder)
    answers: list[object] = []

    def want(number: int) -> None:
        who = world if number % 2 else other
        answers.append(who.reserve(who.ask(pod_plan(), action=str(number), incident=f"inc-{number}")))

    threads = [threading.Thread(target=want, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 12
    assert sum(isinstance(answer, Granted) for answer in answers) == 1
    other.store.close()


def test_the_same_action_reserved_at_once_from_two_sides_has_one_intent(world: World) -> None:
    other = World(world.folder)
    grants: list[Granted] = []
    threads = [
        threading.Thread(target=lambda who=who: grants.append(who.granted(who.ask(pod_plan()))))
        for who in (world, other) * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({granted.record.id for granted in grants}) == 1
    assert len(grants) == 8
    assert [record.event.value for record in world.log.iter_records()] == ["started"]
    other.store.close()
