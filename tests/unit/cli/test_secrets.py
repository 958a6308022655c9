"""`byteport secrets check`: what it asks for, how it ends, and that it prints no value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from byteport.settings import Settings
from byteport.settings.named_secrets import named_secrets
from tests.integration.secrets.kubelet import Volume
from tests.unit.cli.conftest import Run
from workers.secrets_check import check_secrets

CANARY = "canary-of-the-command"


@pytest.fixture
def folder_of_secrets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Volume(folder / "secrets").write({"slack/token": CANARY})
    monkeypatch.setenv("BYTEPORT_SECRET_BACKEND", "k8s")
    monkeypatch.setenv("BYTEPORT_SECRET_K8S_FOLDER", str(folder / "secrets"))
    return folder


def of(text: dict[str, object]) -> Settings:
    return Settings.model_validate({"cluster": {"name": "test"}, **text})


def test_every_secret_that_a_setting_names_is_found_once_with_its_setting() -> None:
    settings = of({"secret": {"check": ["a#b", "c"]}, "escalation": {"slack": {"token": "a#b", "channel": "C012345"}}})
    assert named_secrets(settings) == {"a#b": "escalation.slack.token", "c": "secret.check"}
    assert named_secrets(of({})) == {}


@pytest.mark.claim("C-426")
def test_it_says_which_can_be_read_and_prints_no_value(byteport: Run, folder_of_secrets: Path) -> None:
    said = byteport("secrets", "check", "slack#token")
    assert (said.code, "readable" in said.out, CANARY in said.out + said.err) == (0, True, False)
    said = byteport("secrets", "check", "slack#token", "slack#absent", "--json")
    told = json.loads(said.out)
    assert (said.code, told["backend"]) == (5, "k8s")
    assert [(one["name"], one["readable"], one["code"]) for one in told["secrets"]] == [
        ("slack#token", True, None),
        ("slack#absent", False, "target_gone"),
    ]


@pytest.mark.parametrize(
    ("names", "code"),
    [(["../x"], 2), (["slack#absent", "../x"], 2), (["slack#absent"], 5), (["slack#absent", "leads#token"], 4)],
)
def test_of_several_that_cannot_be_read_the_one_that_a_retry_does_not_mend_gives_the_exit_code(
    byteport: Run, folder_of_secrets: Path, names: list[str], code: int
) -> None:
    (folder_of_secrets / "secrets" / "leads").symlink_to("/etc")
    assert byteport("secrets", "check", *names).code == code


def test_with_nothing_to_ask_for_it_says_so_and_without_a_backend_it_names_the_setting(
    byteport: Run, folder: Path
) -> None:
    assert byteport("secrets", "check").code == 0
    said = byteport("secrets", "check", "slack#token")
    assert (said.code, "secret.backend" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("plain", "names"),
    [
        ("vault", "secret.vault.address: must be set, since secret.backend is vault"),
        ("vault, vault: {address: 'https://v.example', auth: token-file}", "secret.vault.token_file: must be set"),
        (
            "vault, vault: {address: 'https://v.example', auth: approle, role_id_file: r}",
            "secret.vault.secret_id_file: must be set, since secret.backend is vault and secret.vault.auth approle",
        ),
        ("gcp-sm", "secret.gcp_sm.project: must be set, since secret.backend is gcp-sm"),
        ("aws-sm", "secret.aws_sm.region: must be set: the pod's environment has no AWS_REGION either"),
        ("1password", "secret.onepassword.address: must be set, since secret.backend is 1password"),
    ],
)
def test_a_backend_that_is_half_set_is_told_by_the_setting_that_is_missing_though_no_secret_is_named(
    byteport: Run, folder: Path, plain: str, names: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (folder / "byteport.yaml").write_text(f"cluster: {{name: test}}\nsecret: {{backend: {plain}}}\n")
    said = byteport("--config", "byteport.yaml", "secrets", "check")
    assert (said.code, names in said.err) == (2, True), said.err


def test_a_backend_that_is_whole_has_nothing_to_complain_of(byteport: Run, folder: Path) -> None:
    for plain in (
        "k8s",
        "doppler",
        "aws-sm, aws_sm: {region: eu-west-1}",
        "vault, vault: {address: 'https://v.example'}",
    ):
        (folder / "byteport.yaml").write_text(f"cluster: {{name: test}}\nsecret: {{backend: {plain}}}\n")
        assert byteport("--config", "byteport.yaml", "secrets", "check").code == 0


async def test_the_doctor_names_each_secret_that_cannot_be_read_and_what_to_run(tmp_path: Path) -> None:
    Volume(tmp_path).write({"slack/token": CANARY})
    plain = {"backend": "k8s", "k8s": {"folder": str(tmp_path)}}
    (well,) = await check_secrets(of({"secret": {**plain, "check": ["slack#token"]}}))
    assert (well.outcome.value, well.finding) == ("ok", "1 can be read from k8s")
    (amiss,) = await check_secrets(of({"secret": {**plain, "check": ["slack#token", "slack#absent"]}}))
    assert (amiss.name, amiss.outcome.value) == ("secret slack#absent", "failed")
    assert amiss.remedy.startswith("byteport secrets check 'slack#absent'")
    (none,) = await check_secrets(of({}))
    assert none.outcome.value == "ok"
