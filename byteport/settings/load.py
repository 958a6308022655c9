"""One YAML file and the environment become `Settings`, or one line that names the key at fault."""

from __future__ import annotations

import difflib
import os
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from byteport.domain.limits import FREEZE_TAGS
from byteport.domain.yaml_text import read_bounded, read_strict
from byteport.errors import ConfigError
from byteport.settings.audit import one_or_several
from byteport.settings.freezes import check_freezes
from byteport.settings.model import Settings

PREFIX = "BYTEPORT_"
CONFIG = "BYTEPORT_CONFIG"
NOT_SETTINGS = frozenset({CONFIG, "BYTEPORT_DEBUG", "BYTEPORT_CONTROL_PLANE_ASSETS"})
"""Variables with our prefix that are read elsewhere: where the file is, whether a mistake shows its traceback, and the
sandbox's ready-made binaries."""
API_URL = "BYTEPORT_API_URL"
"""The one variable by which the log goes to a ledger's HTTP face: it names the receiver, and that it is one."""
NO_CLUSTER = "none"
"""What stands for the cluster's name in a process that looks after none, and writes no record."""
SANDBOX_FILE = Path(".byteport") / "config.yaml"
LARGEST_FILE = 1 << 20
KEY_FILE = "temporal.payload_key_file"
"""It lies nowhere where the settings name a secret in its place."""
IN_STATE_DIR = {
    "policy_file": "policy.yaml",
    KEY_FILE: "keys/payload.key",
    "ledger.path": "ledger.db",
    "ledger.body_key": "keys/bodies.key",
    "ledger.grant_key": "keys/grant",
    "audit.signer.state_file": "signer/state.json",
    "cluster.grant_public_key": "keys/grant.pub",
    "approvals.allowed_signers": "keys/allowed_signers",
    "escalation.file": "notices.jsonl",
    "postmortem.folder": "postmortems",
}
"""Files that lie in the state directory unless they are named."""


def load(config: Path | None, environment: Mapping[str, str], *, without_cluster: bool = False) -> Settings:
    """The settings of this process, or `ConfigError` with the one key at fault and what to write instead.

    `without_cluster`: of one that looks after none, such as the ledger's HTTP face. Nothing of `cluster` has to be set then.
    """
    path = _file(config, environment)
    plain = _read(path) if path else {}
    base = path.parent if path else Path.cwd()
    for key, value in _from_environment(environment):
        _put(plain, key, value)
    if without_cluster:
        plain.setdefault("cluster", {"name": NO_CLUSTER})
    if url := environment.get(API_URL):
        _send_to(plain, url)
    try:
        settings = Settings.model_validate(plain)
    except ValidationError as error:
        raise _complaint(error, path) from None
    check_freezes(settings.limits)
    return _with_paths(settings, base.resolve())


def known_keys() -> dict[str, Any]:
    """Every setting by its dotted path, with its annotation."""
    return dict(_leaves(Settings, ""))


def variable(key: str) -> str:
    """`temporal.address` → `BYTEPORT_TEMPORAL_ADDRESS`."""
    return PREFIX + key.replace(".", "_").upper()


def _leaves(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _leaves(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field.annotation


def _file(config: Path | None, environment: Mapping[str, str]) -> Path | None:
    if config is not None:
        return config
    if named := environment.get(CONFIG):
        return Path(named)
    return SANDBOX_FILE if SANDBOX_FILE.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError("config", f"{path}: {error.strerror or 'cannot be read'}") from None
    if len(text) > LARGEST_FILE:
        raise ConfigError("config", f"{path}: larger than {LARGEST_FILE} bytes")
    try:
        plain = read_strict(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError("config", f"{path} line {line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError("config", f"{path}: not YAML") from None
    if not isinstance(plain, dict):
        raise ConfigError("config", f"{path}: write keys and values, at least `cluster:` with a `name:`")
    return plain


def _from_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    by_variable = {variable(key): (key, annotation) for key, annotation in known_keys().items()}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or name == API_URL:
            continue
        if name not in by_variable:
            raise ConfigError(name, "no such setting" + _nearest(name, [*by_variable, CONFIG]))
        key, annotation = by_variable[name]
        value = environment[name]
        if not value:
            raise ConfigError(name, "is empty; unset it to take the default")
        yield key, _typed(name, value) if _is_collection(annotation) else value


def _typed(name: str, value: str) -> Any:
    try:
        return read_bounded(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(name, "write a list as in [900, 1800]") from None


def _is_collection(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (tuple, frozenset, dict)


def _put(plain: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        inner = plain.setdefault(section, {})
        if not isinstance(inner, dict):  # the validation names it
            return
        plain = inner
    plain[name] = value


def _send_to(plain: dict[str, Any], url: str) -> None:
    """As if the settings named the receiver `api`, besides those that they name."""
    _put(plain, "audit.export.api.url", url)
    export = plain.get("audit", {}).get("export", {})
    named = export.get("target") or []
    kinds = one_or_several(named) if isinstance(export, dict) else named
    if isinstance(kinds, list | tuple) and "api" not in kinds:
        _put(plain, "audit.export.target", [*kinds, "api"])


def _complaint(error: ValidationError, path: Path | None) -> ConfigError:
    first = error.errors(include_input=False, include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"] if part not in FREEZE_TAGS) or "config"
    where = f" ({path})" if path else f" ({variable(key)})" if key in known_keys() else ""
    match first["type"]:
        case "extra_forbidden":
            sections = sorted({known.rsplit(".", 1)[0] for known in known_keys() if "." in known})
            return ConfigError(key, "no such setting" + _nearest(key, [*known_keys(), *sections]) + where)
        case "missing":
            return ConfigError(key, f"must be set, in the file or as {variable(_leaf(key))}{where}")
        case _:
            message = str(first["msg"]).removeprefix("Value error, ")
            return ConfigError(key, f"{message[:1].lower()}{message[1:]}{where}")


def _leaf(key: str) -> str:
    """A missing section is missing because of the first setting in it that has no default."""
    return next((known for known in known_keys() if known.startswith(f"{key}.")), key)


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else "; `byteport doctor --settings` lists them"


def _with_paths(settings: Settings, base: Path) -> Settings:
    """Paths made absolute (from the config file's folder), and those without a value put into the state directory."""
    plain = settings.model_dump()
    state = _absolute(base, settings.state_dir)
    for key, annotation in known_keys().items():
        if annotation is Path or Path in typing.get_args(annotation):
            value = _get(plain, key)
            if value is not None:
                _put(plain, key, _absolute(base, value))
            elif key in IN_STATE_DIR and not (key == KEY_FILE and settings.temporal.payload_keys is not None):
                _put(plain, key, state / IN_STATE_DIR[key])
    return Settings.model_validate(plain)


def _get(plain: Mapping[str, Any], key: str) -> Any:
    value: Any = plain
    for part in key.split("."):
        value = value[part]
    return value


def _absolute(base: Path, path: Path) -> Path:
    return Path(os.path.normpath(base / path.expanduser()))
