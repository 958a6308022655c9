"""Exec and logs."""

from __future__ import annotations

import pytest

from byteport.errors import NotPermitted, PermanentError, TargetGone
from byteport.kubernetes.port import PODS, ExecResult
from byteport.sandbox.simulated import Reply, Right
from tests.integration.cluster_port.stages import Stage


@pytest.fixture
async def pod(stage: Stage) -> str:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    name: str = (await stage.only_pod("web"))["metadata"]["name"]
    return name


@pytest.mark.parametrize("exit_code", [0, 1, 137, 255])
async def test_a_command_gives_its_output_and_exact_exit_code(stage: Stage, pod: str, exit_code: int) -> None:
    await stage.set_reply("web", "app", ["df", "-h"], Reply("Filesystem\n", "careful\n", exit_code))
    done = await stage.port.exec(stage.namespace, pod, "app", ["df", "-h"])
    assert done == ExecResult("Filesystem\n", "careful\n", exit_code)


async def test_review_6_words_of_a_command_are_not_taken_apart(stage: Stage, pod: str) -> None:
    argv = ["du", "-sh", "/var/log; rm -rf /", "", "a b", "ü"]
    await stage.set_reply("web", "app", argv, Reply("exact\n"))
    assert (await stage.port.exec(stage.namespace, pod, "app", argv)).stdout == "exact\n"
    split = ["du", "-sh", "/var/log;", "rm", "-rf", "/", "a", "b", "ü"]
    assert (await stage.port.exec(stage.namespace, pod, "app", split)).exit_code == 127


async def test_a_command_that_is_not_there_ends_with_127(stage: Stage, pod: str) -> None:
    done = await stage.port.exec(stage.namespace, pod, "app", ["nothing"])
    assert (done.exit_code, done.stdout) == (127, "")
    assert "not found" in done.stderr


async def test_review_6_output_is_cut_at_64_kib_a_stream(stage: Stage, pod: str) -> None:
    await stage.set_reply("web", "app", ["free", "-m"], Reply("o" * 200_000, "e" * 100_000, 2))
    done = await stage.port.exec(stage.namespace, pod, "app", ["free", "-m"])
    assert (done.stdout, done.stderr, done.exit_code) == ("o" * 65536, "e" * 65536, 2)


async def test_exec_needs_a_container_of_the_pod_and_a_pod(stage: Stage, pod: str) -> None:
    with pytest.raises(PermanentError):
        await stage.port.exec(stage.namespace, pod, "other", ["df", "-h"])
    with pytest.raises(TargetGone):
        await stage.port.exec(stage.namespace, "web-none", "app", ["df", "-h"])


async def test_exec_without_the_right_is_not_permitted(stage: Stage, pod: str) -> None:
    async with stage.without(Right("create", PODS, "exec")) as port:
        with pytest.raises(NotPermitted):
            await port.exec(stage.namespace, pod, "app", ["df", "-h"])


async def test_the_last_lines_of_a_log_are_read(stage: Stage, pod: str) -> None:
    await stage.set_log("web", "app", "".join(f"line {number}\n" for number in range(100)))
    text = await stage.port.logs(stage.namespace, pod, "app", tail_lines=3)
    assert text == "line 97\nline 98\nline 99\n"
    assert len((await stage.port.logs(stage.namespace, pod, "app")).splitlines()) == 50


async def test_a_log_of_the_container_before_is_read_or_empty(stage: Stage, pod: str) -> None:
    assert await stage.port.logs(stage.namespace, pod, "app", previous=True) == ""
    await stage.set_log("web", "app", "panic: it is over\n", previous=True)
    assert await stage.port.logs(stage.namespace, pod, "app", previous=True) == "panic: it is over\n"
    assert await stage.port.logs(stage.namespace, pod, "app") == ""


async def test_a_log_is_cut_at_64_kib(stage: Stage, pod: str) -> None:
    await stage.set_log("web", "app", "x" * 100_000 + "\n")
    assert len(await stage.port.logs(stage.namespace, pod, "app")) == 65536


async def test_logs_need_a_container_of_the_pod_and_a_pod(stage: Stage, pod: str) -> None:
    with pytest.raises(PermanentError):
        await stage.port.logs(stage.namespace, pod, "other")
    with pytest.raises(TargetGone):
        await stage.port.logs(stage.namespace, "web-none", "app")
