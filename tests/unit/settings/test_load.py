"""FAULTS 32: an unknown, missing or absurd setting is one clear error naming the key."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from byteport.domain.ceilings import Sight
from byteport.errors import ConfigError
from byteport.settings import Settings, load
from byteport.settings.load import known_keys, variable

Write = Callable[[str], Path]
LEAST = "cluster:\n  name: prod-us-east-1\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def writer(text: str) -> Path:
        path = tmp_path / "byteport.yaml"
        path.write_text(text)
        return path

    return writer


def refusal(path: Path | None, environment: dict[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as refused:
        load(path, environment or {})
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    return refused.value


def test_the_least_file_names_the_cluster_and_everything_else_has_a_default(write: Write) -> None:
    path = write(LEAST)
    settings = load(path, {})
    state = path.parent / ".byteport"
    assert settings.cluster.name == "prod-us-east-1"
    assert settings.temporal.address == "127.0.0.1:7233"
    assert settings.temporal.payload_key_file == state / "keys" / "payload.key"
    assert settings.ledger.path == state / "ledger.db"
    assert settings.policy_file == state / "policy.yaml"


def test_relative_paths_start_at_the_file_that_names_them(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(LEAST + "state_dir: state\nledger:\n  path: ../elsewhere/ledger.db\n")
    monkeypatch.chdir("/")
    settings = load(path, {})
    assert settings.state_dir == tmp_path / "state"
    assert settings.ledger.path == tmp_path.parent / "elsewhere" / "ledger.db"


def test_the_environment_wins_over_the_file_and_is_enough_alone(write: Write) -> None:
    environment = {"BYTEPORT_CLUSTER_NAME": "blue", "BYTEPORT_ESCALATION_RUNG_SECONDS": "[60, 120]"}
    for path in (write(LEAST), None):
        settings = load(path, environment)
        assert settings.cluster.name == "blue"
        assert settings.ladder.rung_seconds == (60, 120)


def test_every_setting_has_a_variable_of_its_own() -> None:
    names = [variable(key) for key in known_keys()]
    assert len(set(names)) == len(names)
    assert "BYTEPORT_CLUSTER_NAME" in names


def test_the_file_of_a_sandbox_is_found_and_another_one_can_be_named(write: Write, tmp_path: Path) -> None:
    (tmp_path / ".byteport").mkdir()
    (tmp_path / ".byteport" / "config.yaml").write_text("cluster: {name: sandbox}\nstate_dir: .\n")
    assert load(None, {}).cluster.name == "sandbox"
    assert load(None, {}).state_dir == tmp_path / ".byteport"
    assert load(None, {"BYTEPORT_CONFIG": str(write(LEAST))}).cluster.name == "prod-us-east-1"


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("", "config", "cluster:"),
        ("- a\n", "config", "keys and values"),
        ("cluster: [", "config", "line"),
        ("a: b: c", "config", "line 1"),
        (LEAST + LEAST, "config", "there twice"),
        ("tenant: acme\n", "cluster", "BYTEPORT_CLUSTER_NAME"),
        ("cluster: {}\n", "cluster.name", "BYTEPORT_CLUSTER_NAME"),
        ("cluster: {name: ''}\n", "cluster.name", "at least 1"),
        ("cluster: {name: 'a\\nb'}\n", "cluster.name", "pattern"),
        ("cluster: prod\n", "cluster", "valid"),
        (LEAST + "temporal: {adress: 'a:1'}\n", "temporal.adress", "did you mean temporal.address?"),
        (LEAST + "tempral: {address: 'a:1'}\n", "tempral", "did you mean temporal?"),
        (LEAST + "zzzz: 1\n", "zzzz", "byteport doctor --settings"),
        (LEAST + "temporal: {address: 'http://a:1'}\n", "temporal.address", "pattern"),
        (LEAST + "temporal: {address: localhost}\n", "temporal.address", "pattern"),
        (LEAST + "temporal: {tls_cert_file: a.pem}\n", "temporal", "belong together"),
        (LEAST + "temporal: {tls: maybe}\n", "temporal.tls", "boolean"),
        (LEAST + "escalation: {rung_seconds: []}\n", "escalation.rung_seconds", "at least 1"),
        (LEAST + "escalation: {rung_seconds: [0]}\n", "escalation.rung_seconds.0", "greater than or equal to 1"),
        (LEAST + "escalation: {rung_seconds: [true]}\n", "escalation.rung_seconds.0", "number"),
        (LEAST + "escalation: {rung_seconds: [99999999]}\n", "escalation.rung_seconds.0", "less than"),
        (LEAST + "reobserve_after_seconds: [10, 5]\n", "reobserve_after_seconds", "larger than the one before"),
        (LEAST + "reobserve_after_seconds: [-1]\n", "reobserve_after_seconds.0", "greater"),
        (LEAST + "tenant: Acme Inc\n", "tenant", "pattern"),
        (LEAST + "telemetry: {log_level: loud}\n", "telemetry.log_level", "'debug'"),
        (LEAST + "telemetry: {metrics_address: '9090'}\n", "telemetry.metrics_address", "pattern"),
        (LEAST + "telemetry: {health_address: '[::]:70000'}\n", "telemetry.health_address", "no port above 65535"),
        ("cluster: {name: a, uid: kube-system}\n", "cluster.uid", "pattern"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(write: Write, text: str, key: str, says: str) -> None:
    refused = refusal(write(text))
    assert refused.key == key
    assert says in str(refused)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BYTEPORT_CLUSTERNAME", "a", "did you mean BYTEPORT_CLUSTER_NAME?"),
        ("BYTEPORT_CLUSTER_NAME", "", "is empty"),
        ("BYTEPORT_ESCALATION_RUNG_SECONDS", "[60", "list"),
    ],
)
def test_a_wrong_variable_is_one_line_that_names_it(write: Write, name: str, value: str, says: str) -> None:
    refused = refusal(write(LEAST), {name: value})
    assert refused.key == name
    assert says in str(refused)


def test_a_variable_with_an_absurd_value_names_setting_and_variable() -> None:
    refused = refusal(None, {"BYTEPORT_CLUSTER_NAME": "a", "BYTEPORT_TEMPORAL_ADDRESS": "nowhere"})
    assert refused.key == "temporal.address"
    assert "BYTEPORT_TEMPORAL_ADDRESS" in str(refused)


def test_a_file_that_is_missing_or_not_text_is_named(write: Write, tmp_path: Path) -> None:
    assert str(tmp_path / "none.yaml") in str(refusal(tmp_path / "none.yaml"))
    binary = write("")
    binary.write_bytes(b"\x00\xff\xfe")
    assert refusal(binary).key == "config"
    binary.write_bytes(b"a: " + b"[" * 20_000)
    assert refusal(binary).key == "config"


def test_a_value_that_is_refused_is_not_repeated(write: Write) -> None:
    """It may be a secret that somebody put into the wrong place."""
    refused = refusal(write(LEAST + "temporal: {address: sk-live-hunter2}\n"))
    assert "hunter2" not in str(refused)


def test_settings_cannot_be_changed_once_they_are_loaded(write: Write) -> None:
    settings = load(write(LEAST), {})
    assert isinstance(settings, Settings)
    for key in Settings.model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(settings, key, "other")


FREEZE = "limits:\n  freezes:\n    - {start: 2026-12-24T00:00:00Z, end: 2026-12-27T00:00:00Z}\n    - {%s}\n"


@pytest.mark.parametrize(
    ("window", "key", "says"),
    [
        ("cron: 0 17 * * FRI, timezone: Europe/Berlin", "limits.freezes.1.hours", "must be set"),
        ("cron: 0 17 * * FRI, timezone: Berlin, hours: 62", "limits.freezes.1.timezone", "IANA"),
        ("cron: 0 17 * * FRI, timezone: ../../etc/passwd, hours: 62", "limits.freezes.1.timezone", "IANA"),
        ("cron: 0 17 * * FRY, timezone: Europe/Berlin, hours: 62", "limits.freezes.1.cron", "bad day-of-week"),
        ("cron: 0 25 * * FRI, timezone: Europe/Berlin, hours: 62", "limits.freezes.1.cron", "bad hour"),
        ("cron: 0 0 0 17 * FRI, timezone: Europe/Berlin, hours: 1", "limits.freezes.1.cron", "five fields"),
        ("cron: 0 0 30 2 *, timezone: Europe/Berlin, hours: 1", "limits.freezes.1.cron", "bad day-of-month"),
        ("cron: 0 17 * * FRI, timezone: Europe/Berlin, hours: 0", "limits.freezes.1.hours", "greater than 0"),
        ("start: 2026-12-24T00:00:00Z, end: 2026-12-23T00:00:00Z", "limits.freezes.1", "after it starts"),
    ],
)
def test_a_freeze_that_cannot_come_names_its_key(write: Write, window: str, key: str, says: str) -> None:
    refused = refusal(write(LEAST + FREEZE % window))
    assert refused.key == key
    assert says in str(refused)


def test_a_freeze_that_comes_again_is_taken(write: Write) -> None:
    window = 'cron: "0 17 * * FRI", timezone: Europe/Berlin, hours: 62, namespaces: [shop]'
    assert len(load(write(LEAST + FREEZE % window), {}).limits.freezes) == 2


def test_the_boundary_is_expected_unless_settings_say_otherwise(write: Write) -> None:
    assert load(write(LEAST), {}).boundary.enforced
    assert load(write(LEAST), {}).boundary.sight is Sight.NAMESPACED
    assert not load(write(LEAST + "boundary: {enforced: false}\n"), {}).boundary.enforced


def test_runbooks_that_are_on_are_named_and_an_unknown_one_is_told(write: Write) -> None:
    environment = {"BYTEPORT_BOUNDARY_RUNBOOKS": "[PodCrashloopRunbook]"}
    assert load(write(LEAST), environment).boundary.runbooks == {"PodCrashloopRunbook"}
    refused = refusal(write(LEAST + "boundary: {runbooks: [PodCrashLoop]}\n"))
    assert refused.key == "boundary.runbooks"
    assert "there is no runbook PodCrashLoop" in str(refused)
