"""Fault 29: an old backup of the log's database is restored. The signer refuses, people are paged, and nothing is done alone."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from activities.audit.alarms import Alarms
from activities.signer.state import StateFile
from byteport.audit.heads import Chain
from byteport.contracts.checkpoints import ALARM
from byteport.contracts.people import Notice
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.ledger.opening import open_store
from byteport.sandbox.dev_server import DevServer
from tests.agent.agent import Agent
from tests.agent.places import eventually
from tests.agent.running import quick, running
from tests.agent.simulated import SimulatedPlace
from tests.agent.trouble import trouble
from workers.preflight import Check, Outcome
from workers.signing_check import check_signing

SIGNED: dict[str, Any] = {"audit": {"pruning": False, "signer": {"key": "keys/checkpoint"}, "checkpoint_seconds": 1}}


class Log:
    """The log of an agent, in the hands of an administrator."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        settings, ours = agent.settings, agent.installation
        assert settings.ledger.path is not None
        assert settings.audit.signer.state_file is not None
        self.path = settings.ledger.path
        self._memory = StateFile(
            settings.audit.signer.state_file, Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)
        )

    @property
    def alarms(self) -> Alarms:
        settings = self._agent.settings
        store = open_store(
            settings.ledger, settings.tenant, clock=self._agent.place.clock, randomness=secrets.token_bytes
        )
        return Alarms(store, self._agent.installation)

    def grows(self) -> None:
        """By two records."""
        self.alarms.raise_("checkout", by="ada", reason="burning")
        self.alarms.clear("checkout", by="ada", reason="over")

    async def is_signed(self) -> int:
        """All of it; how many records that are."""
        size = len(self._agent.records())

        async def signed() -> bool:
            state = self._memory.read()
            return state is not None and state.upto.size == size

        await eventually(f"{size} records to be signed", signed)
        return size

    def backed_up(self) -> Path:
        copy = self.path.with_name(f"backup-{secrets.token_hex(4)}.db")
        with sqlite3.connect(self.path) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        return copy

    def restore(self, backup: Path) -> None:
        """In the place of what is there, while everything runs."""
        fresh = self.path.with_name("restored.db")
        shutil.copy(backup, fresh)
        fresh.chmod(0o600)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        fresh.replace(self.path)

    def notices(self) -> list[Notice]:
        """What people were told."""
        return self._agent.notices()

    async def told(self, title: str) -> Notice:
        async def look() -> Notice | None:
            return next((notice for notice in self.notices() if title in notice.title), None)

        return await eventually(f"the notice: {title}", look)

    def amiss(self) -> list[Check]:
        """What `byteport doctor` says of the signing of the log."""
        return [
            check
            for check in check_signing(self._agent.settings, now=self._agent.place.clock())
            if check.outcome is not Outcome.OK
        ]


@pytest.mark.claim("C-240")
@pytest.mark.slow
async def test_fault_29_an_old_backup_is_not_signed_people_are_paged_once_and_nothing_is_done_alone(
    server: DevServer, tmp_path: Path
) -> None:
    place = SimulatedPlace()
    begun = running(server, tmp_path / "home", place, quick("auto", place.namespace), settings=SIGNED, skips_time=False)
    async with begun as agent, agent.worker():
        log = Log(agent)
        log.grows()
        early = await log.is_signed()
        backup, earlier = log.backed_up(), log.backed_up()
        log.grows()
        late = await log.is_signed()
        newest = log.backed_up()
        assert log.amiss() == []

        log.restore(backup)
        page = await log.told("fewer records than were signed")
        assert page.rung == 1
        assert page.evidence[:2] == (f"signed: {late} record(s)", f"found: {early} record(s)")

        async def alarmed() -> bool:
            return [(alarm.name, alarm.by) for alarm in log.alarms.standing()] == [(ALARM, "byteport-agent")]

        await eventually("the alarm", alarmed)

        alarm, refusal = log.amiss()
        assert (alarm.outcome, refusal.outcome) == (Outcome.FAILED, Outcome.FAILED)
        assert f"byteport alarm clear {ALARM}" in alarm.remedy
        assert f"{late} records were signed, and the log has {early + 1}" in refusal.finding
        assert refusal.remedy.startswith("byteport verify-log --all")
        await trouble(place, Failure.CRASHLOOP)
        remediation = await agent.report(Failure.CRASHLOOP)
        waiting = await agent.until(remediation, Phase.AWAITING_APPROVAL)
        assert Reason.ALARM in waiting.reasons
        assert place.writes() == []

        log.restore(earlier)  # in which no alarm stands
        await eventually("the alarm, in the second backup too", alarmed)
        log.alarms.clear(ALARM, by="ada", reason="too early")
        await eventually("the alarm, while it is refused", alarmed)

        await asyncio.sleep(2.5)  # it looks every second
        assert len([notice for notice in log.notices() if "fewer records" in notice.title]) == 1
        assert place.writes() == []

        log.restore(newest)
        await log.told("signed again")
        log.grows()
        assert await log.is_signed() == late + 2
        assert log.amiss() == []
        assert log.alarms.standing() == ()
