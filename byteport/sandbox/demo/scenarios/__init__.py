"""The demo's scenarios in the order in which they are shown; each is one module with one class."""

from byteport.sandbox.demo.scenarios.bad_release import BadRelease
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.scenarios.crash_loop import CrashLoop
from byteport.sandbox.demo.scenarios.halted import Halted
from byteport.sandbox.demo.scenarios.out_of_memory import OutOfMemory
from byteport.sandbox.demo.scenarios.relapse import Relapse
from byteport.sandbox.demo.scenarios.unlabelled import Unlabelled

SCENARIOS: tuple[Scenario, ...] = (BadRelease(), CrashLoop(), Relapse(), OutOfMemory(), Unlabelled(), Halted())

__all__ = ["SCENARIOS", "Scenario"]
