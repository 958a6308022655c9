"""`byteport notify test`: a marked notice by each channel to people, and what each has answered.

For whoever sets a channel up, and for a check now and then that a page would arrive. Nothing is remembered of it, and nothing waits.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from byteport.cli.exits import Exit, exit_for
from byteport.cli.output import print_json, table, while_waiting
from byteport.cli.session import AsJson, person, run, settings_of
from byteport.contracts.channels import ChannelKind
from byteport.errors import BytePortError, ConfigError

if TYPE_CHECKING:
    from activities.notify.channel import Channel
    from byteport.contracts.people import Notice
    from byteport.settings import Settings

app = typer.Typer(help="The channels by which people are told.", no_args_is_help=True)


class Answered(NamedTuple):
    """What one channel has answered; `code` is the error's, and None where it took the notice."""

    channel: str
    code: str | None
    says: str


@app.callback()
def notify() -> None:
    """The channels by which people are told."""


@app.command(name="test")
def try_out(
    context: typer.Context,
    channel: Annotated[
        ChannelKind | None, typer.Argument(help="One channel; default all that escalation.channels names.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send a notice that says it is a test, and print what each channel answers. PagerDuty's alert is resolved at once."""
    answers = run(_test(context, channel))
    failed = [error for _, error in answers if error is not None]
    shown = [answer for answer, _ in answers]
    if as_json:
        print_json([answer._asdict() for answer in shown])
    else:
        table("CHANNEL", "ANSWER", rows=[(one.channel, one.says) for one in shown])
    if failed:
        raise typer.Exit(_worst(failed))


async def _test(context: typer.Context, only: ChannelKind | None) -> list[tuple[Answered, BytePortError | None]]:
    from activities.clock import utc_now
    from workers.telling import channels

    settings = settings_of(context)
    named = settings.escalation.channels
    if not named:
        raise ConfigError("escalation.channels", "names no channel; notices go to the file and the log alone")
    if only is not None and only not in named:
        raise ConfigError("escalation.channels", f"does not name {only.value}; it names {', '.join(named)}")
    found = [one for one in channels(settings, utc_now) if only in (None, one.kind)]
    return [await while_waiting(f"telling {one.kind.value}", _tell(one, settings)) for one in found]


async def _tell(channel: Channel, settings: Settings) -> tuple[Answered, BytePortError | None]:
    import asyncio

    from activities.notify.channel import SECONDS
    from activities.notify.told import told
    from byteport.contracts.people import Ending
    from byteport.errors import Unavailable

    page_url, name = settings.people.page_url, channel.kind.value
    notice = _notice(settings)
    error: BytePortError
    try:
        async with asyncio.timeout(SECONDS):
            taken = await channel.deliver(told(notice, page_url), "")
            if channel.first_rung:  # it rings somebody: over at once
                over = notice.model_copy(update={"rung": 0, "key": notice.key + ":over", "ending": Ending.OVER})
                await channel.deliver(told(over, page_url), taken.ref)
    except TimeoutError:
        error = Unavailable(f"{name}: nothing was heard for {SECONDS:.0f} s")
    except BytePortError as failure:
        error = failure
    else:
        return Answered(name, None, taken.said), None
    return Answered(name, error.code, error.message), error


def _notice(settings: Settings) -> Notice:
    from byteport.contracts.people import Notice

    number = secrets.token_hex(8)
    return Notice(
        key=f"test:{number}",
        incident_id=f"test-{number}",
        workflow_id=f"test:{number}",
        cluster=settings.cluster.name,
        rung=1,
        title="TEST of this channel: nothing is wrong, and nobody has to do anything",
        runbook="none",
        target=settings.cluster.name,
        cause="test",
        reasons=(),
        evidence=(f"sent by {person(settings)} with byteport notify test",),
        command=None,
        inverse_command=None,
        how_to_answer=None,
        at=datetime.now(UTC),
    )


def _worst(failed: list[BytePortError]) -> Exit:
    """A setting first, then a refusal, then what may help to try again."""
    order = (Exit.USAGE, Exit.NOT_FOUND, Exit.REFUSED, Exit.UNREACHABLE)
    found = {exit_for(error) for error in failed}
    return next((code for code in order if code in found), Exit.FINDING)
