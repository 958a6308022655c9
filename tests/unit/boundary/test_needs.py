"""Which right the choices need: by what the runbooks say that are on, and whatever the helper is not there for is not granted."""

from __future__ import annotations

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.needs import Place, in_place, placed_rights
from byteport.domain.scopes import Right
from byteport.runbooks.catalogue import RUNBOOKS

CRASH, MEMORY = "PodCrashloopRunbook", "MemoryPressureRunbook"
LIST_AUTOSCALERS = ("autoscaling", "horizontalpodautoscalers", "list")
COMMANDS = {("", "pods/exec", "get"), ("", "pods/exec", "create")}
ASK_THE_HELPER = {"DiskSpaceAutoReclaimRunbook", MEMORY}


def right(key: tuple[str, str, str], *runbooks: str) -> Right:
    (found,) = [one.right for one in placed_rights(Choices(runbooks=frozenset(runbooks))) if one.key == key]
    return found


def test_a_right_is_optional_where_only_those_are_on_that_can_do_without_it() -> None:
    assert right(LIST_AUTOSCALERS, CRASH).because == ("who else sets replicas",)
    assert not right(LIST_AUTOSCALERS, CRASH, MEMORY).optional
    assert not right(LIST_AUTOSCALERS, MEMORY).optional


def test_an_optional_right_says_what_each_of_those_that_are_on_cannot_tell_without_it() -> None:
    measured = ("metrics.k8s.io", "nodes", "get")
    of_load, of_disk = right(measured, "CpuSpikeRunbook"), right(measured, "DiskSpaceAutoReclaimRunbook")
    assert {*right(measured, MEMORY, "DiskSpaceAutoReclaimRunbook").because} == {*of_load.because, *of_disk.because}
    assert of_load.because != of_disk.because


@pytest.mark.claim("C-004")
@pytest.mark.parametrize("runbook", sorted(EVERY_RUNBOOK))
def test_commands_are_granted_to_the_runbooks_that_ask_the_helper_and_only_where_it_is(runbook: str) -> None:
    alone = Choices(runbooks=frozenset({runbook}), helper=True)
    granted = {placed.key for placed in in_place(placed_rights(alone), Place.HELPER)}
    assert granted == (COMMANDS if runbook in ASK_THE_HELPER else set())
    without = placed_rights(alone.model_copy(update={"helper": False}))
    assert in_place(without, Place.HELPER) == []


def test_the_choices_decide_which_rights_there_are_as_the_scopes_have_them() -> None:
    for runbook in RUNBOOKS:
        chosen = {one.key for one in placed_rights(Choices(runbooks=frozenset({runbook.name}), helper=True))}
        assert {one.key for one in runbook.scope.rights} - {("", "namespaces", "list")} <= chosen
