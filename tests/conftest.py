"""What every test folder shares: which tests need the real control plane, and that in CI a skip has a reason we expect.

Comes before every test module. Fixtures live in the conftest of the folder that needs them, not here.
"""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.builders.sampled import FEWER, QUICK, WHOLE

# How long an example takes is the machine's business: a property that holds fails nowhere for being slow.
settings.register_profile(WHOLE, settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(WHOLE)
settings.register_profile(QUICK, settings(), max_examples=settings().max_examples // FEWER)
EXPECTED = "expected:"
NEEDS_CONTROL_PLANE = Path(__file__).parent / "cluster"


def pytest_configure(config: pytest.Config) -> None:
    """Skips need a reason in CI only, and in the process that reports (pytest-xdist's workers send theirs there).

    A shell that starts us in the background lets us ignore Ctrl-C, and whatever we start would inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("CI") == "true" and not hasattr(config, "workerinput"):
        config.pluginmanager.register(SkipsNeedAReason(), "skips-need-a-reason")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if NEEDS_CONTROL_PLANE in item.path.parents:
            item.add_marker(pytest.mark.control_plane)


class SkipsNeedAReason:
    """Fails a session in which a test was skipped for any reason that does not start with `expected:`.

    A suite that skips what it could not start looks green and proves nothing.
    """

    def __init__(self) -> None:
        self.unexpected: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not hasattr(report, "wasxfail"):
            self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.unexpected and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unexpected:
            terminalreporter.section(f"skipped without a reason that starts with {EXPECTED!r}: fails in CI", red=True)
            for line in self.unexpected:
                terminalreporter.line(line)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if not report.skipped or not isinstance(report.longrepr, tuple):
            return
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(EXPECTED):
            self.unexpected.append(f"{report.nodeid}: {reason}")
