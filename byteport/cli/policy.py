"""`byteport policy`: what the agent may do, shown and changed while everything runs; each change is on record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byteport.cli.output import facts, print_json, say
from byteport.cli.session import AsJson, person, settings_of
from byteport.errors import ConfigError, MalformedInput

if TYPE_CHECKING:
    from activities.policy_file import Change, Changed
    from byteport.domain.policy import PolicyConfig
    from byteport.settings import Settings

app = typer.Typer(
    help="What the agent may do: shown, and changed without a restart, on record with who changed it.",
    no_args_is_help=True,
)

Key = Annotated[str, typer.Argument(metavar="KEY", help="Such as mode, mode_by_namespace.shop, rollback_allowed.")]
Why = Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")]
By = Annotated[str | None, typer.Option("--as", help="Who changes it; default `approvals.identity`.")]


@app.command("show")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Print every setting as it is in force, and who changed it last."""
    from activities.kubernetes.policy_source import load_policy
    from byteport.domain.policy import plain_settings

    policy = load_policy(_file(settings_of(context)))
    plain = plain_settings(policy)
    noted = policy.changed_by if policy.changed_to == policy.version else ""
    if as_json:
        changed = {"by": noted or None, "at": policy.changed_at if noted else None, "reason": policy.change_reason}
        print_json({"version": policy.version, "settings": plain, "changed": changed if noted else None})
        return
    facts([(name, _written(value)) for name, value in plain.items()])
    if noted:
        why = f" ({policy.change_reason})" if policy.change_reason else ""
        say(f"changed by {noted} at {policy.changed_at:%Y-%m-%d %H:%M:%S} UTC{why}")


@app.command("set")
def set_(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="A word, a number, or a list as in [a, b].")],
    reason: Why = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Set one setting: `byteport policy set mode auto`."""
    from activities.policy_file import setting

    _change(context, setting(key, _value(value)), reason, by, as_json)


@app.command("unset")
def unset(context: typer.Context, key: Key, reason: Why = "", by: By = None, as_json: AsJson = False) -> None:
    """Take a setting out of the file, so that its default counts."""
    from activities.policy_file import unsetting

    _change(context, unsetting(key), reason, by, as_json)


@app.command("add")
def add(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Such as shop/api.")],
    reason: Why = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Add to a list: `byteport policy add rollback_allowed shop/api`."""
    from activities.policy_file import adding

    _change(context, adding(key, value), reason, by, as_json)


@app.command("remove")
def remove(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Such as shop/api.")],
    reason: Why = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Remove from a list."""
    from activities.policy_file import removing

    _change(context, removing(key, value), reason, by, as_json)


def _change(context: typer.Context, change: Change, reason: str, by: str | None, as_json: bool) -> None:
    from activities.clock import utc_now
    from activities.policy_file import change_policy

    settings = settings_of(context)
    changed = change_policy(_file(settings), change, by=by or person(settings), reason=reason, now=utc_now())
    if as_json:
        print_json({"version": changed.after.version, "changed": not changed.same, "difference": difference(changed)})
    elif changed.same:
        say("nothing to change")
    else:
        say("\n".join(difference(changed)))
        say("in force for the next act; the ledger records it within seconds of a worker seeing it", style="green")


def difference(changed: Changed) -> list[str]:
    """What is not what it was, a line each: `mode: dry_run -> auto`, `rollback_allowed: + shop/api`."""
    before, after = _plain(changed.before), _plain(changed.after)
    lines = []
    for name in after:
        old, new = before.get(name), after[name]
        if old == new:
            continue
        if isinstance(new, list) and isinstance(old, list):
            lines += [f"{name}: - {one}" for one in old if one not in new]
            lines += [f"{name}: + {one}" for one in new if one not in old]
        elif isinstance(new, dict) and isinstance(old, dict):
            lines += [
                f"{name}.{key}: {_written(old.get(key))} -> {_written(new.get(key))}"
                for key in sorted({*old, *new})
                if old.get(key) != new.get(key)
            ]
        else:
            lines.append(f"{name}: {_written(old)} -> {_written(new)}")
    return lines


def _plain(policy: PolicyConfig | None) -> dict[str, Any]:
    from byteport.domain.policy import PolicyConfig, plain_settings

    return plain_settings(policy or PolicyConfig())


def _written(value: Any) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "(none)"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_written(inner)}" for key, inner in value.items()) or "(none)"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise MalformedInput("VALUE", "write a word, a number, or a list as in [a, b]") from None


def _file(settings: Settings) -> Path:
    if settings.policy_file is None:
        raise ConfigError("policy_file", "is not set")
    return settings.policy_file
