"""The demo's scenarios in the order in which they are shown; each is one module with one class.

The order matters twice. The full disk is before the bad release, whose image cannot be pulled: `full_disk.py`. The kill
switch is last, since it stops every act, and the surge's too.
"""

from byteport.sandbox.demo.scenarios.bad_release import BadRelease
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.scenarios.crash_loop import CrashLoop
from byteport.sandbox.demo.scenarios.full_disk import FullDisk
from byteport.sandbox.demo.scenarios.halted import Halted
from byteport.sandbox.demo.scenarios.out_of_memory import OutOfMemory
from byteport.sandbox.demo.scenarios.relapse import Relapse
from byteport.sandbox.demo.scenarios.surge import Surge
from byteport.sandbox.demo.scenarios.unlabelled import Unlabelled

SCENARIOS: tuple[Scenario, ...] = (
    FullDisk(),
    BadRelease(),
    CrashLoop(),
    Relapse(),
    OutOfMemory(),
    Unlabelled(),
    Surge(),
    Halted(),
)
ON_ANY_CLUSTER = tuple(scenario for scenario in SCENARIOS if scenario.any_cluster)
"""Those that a cluster of one's own can show."""

__all__ = ["ON_ANY_CLUSTER", "SCENARIOS", "Scenario"]
