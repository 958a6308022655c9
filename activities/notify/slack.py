"""Slack: one thread an incident by a bot's token, or single messages by an incoming webhook.

Comes after `slack_blocks.py`. Slack answers 200 to nearly everything and says in the body whether it was taken: its words for that
are looked up in the lists below, and none is repeated that is not in them. A message that Slack took while its answer was lost goes
again; its metadata holds the notice's key, by which a program tells the two apart.
"""

from __future__ import annotations

import json
from typing import Any

from activities.export.answers import Answer, Asked, error_of, retry_after
from activities.notify.channel import Taken
from activities.notify.posting import Posting, as_json
from activities.notify.reading import read_matching, read_url
from activities.notify.slack_blocks import blocks, fallback
from activities.notify.told import Told
from activities.secrets.port import SecretSource
from byteport.contracts.channels import ChannelKind, SlackConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Throttled, Unavailable

TOKEN, CHANNEL, WEBHOOK = "escalation.slack.token", "escalation.slack.channel", "escalation.slack.webhook"
JSON = {"Content-Type": "application/json; charset=utf-8"}
POST = Asked("slack: chat.postMessage", url="escalation.slack.api", credential=TOKEN)
HOOK = Asked("slack: an incoming webhook", url=WEBHOOK, credential=WEBHOOK)
_TOKEN_FORM = r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,500}"  # noqa: S105  what a token looks like
_NOT_PERMITTED = frozenset(
    {
        *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission"),
        *("missing_scope", "not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied"),
        *("action_prohibited", "posting_to_general_channel_denied", "restricted_action", "team_access_not_granted"),
        *("restricted_action_read_only_channel", "restricted_action_thread_only_channel", "no_active_hooks"),
    }
)
_CHANNEL = frozenset({"channel_not_found", "not_in_channel", "is_archived", "channel_is_archived"})
_LATER = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error"})
_TOO_OFTEN = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_OF_NO_THREAD = _NOT_PERMITTED | _CHANNEL | _LATER | _TOO_OFTEN
"""Refusals that are the same outside of a thread."""


class Slack:
    """Posts to one channel."""

    kind = ChannelKind.SLACK
    first_rung = 0

    def __init__(self, config: SlackConfig, secrets: SecretSource, posting: Posting) -> None:
        self._config = config
        self._secrets = secrets
        self._posting = posting

    async def deliver(self, message: Told, earlier: str) -> Taken:
        if self._config.webhook is not None:
            return await self._hook(message)
        return await self._post(message, earlier)

    async def _post(self, message: Told, earlier: str) -> Taken:
        form = "a bot's token (xoxb-…)"
        token = await read_matching(self._secrets, self._config.token, TOKEN, _TOKEN_FORM, form)
        body: dict[str, Any] = message_of(message) | {
            "channel": self._config.channel,
            "metadata": {"event_type": "byteport_notice", "event_payload": {"key": message.key}},
        }
        in_thread: dict[str, Any] = {}
        if earlier:  # a page is shown in the channel besides
            in_thread = {"thread_ts": earlier, "reply_broadcast": message.rung > 0 or message.ending is not None}
        answer = await self._ask(body | in_thread, token)
        said = _read(answer)
        if earlier and said.get("ok") is False and str(said.get("error")) not in _OF_NO_THREAD:
            # its first message was deleted or locked, or the settings name another channel since
            answer = await self._ask(body, token)
            said = _read(answer)
        if said.get("ok") is True and isinstance(said.get("ts"), str):
            return Taken(ref=said["ts"][:40], said="posted")
        raise self._refusal(POST, str(said.get("error")), answer)

    async def _ask(self, body: dict[str, Any], token: str) -> Answer:
        url, shown = self._config.api.rstrip("/") + "/chat.postMessage", {"Authorization": f"Bearer {token}"}
        return await self._posting.ask(url, as_json(body), POST, headers=JSON, secrets=shown)

    async def _hook(self, message: Told) -> Taken:
        url = await read_url(self._secrets, self._config.webhook, WEBHOOK)
        answer = await self._posting.ask(url, as_json(message_of(message)), HOOK, headers=JSON)
        if answer.taken:
            return Taken(said="posted")
        raise self._refusal(HOOK, answer.body[:100].decode("utf-8", "replace").strip(), answer)

    def _refusal(self, asked: Asked, word: str, answer: Answer) -> BytePortError:
        """What Slack's own word for it stands for; of a word that is in no list nothing is repeated."""
        if word in _TOO_OFTEN:
            return Throttled(
                f"{asked.what}: too many messages",
                retry_after(answer.headers.get("retry-after"), self._posting.clock()),
            )
        if word in _NOT_PERMITTED:
            return NotPermitted(f"{asked.what}: {word}; look at {asked.credential}")
        if word in _CHANNEL:
            setting = CHANNEL if asked is POST else WEBHOOK
            return ConfigError(setting, f"{word}: name the channel by its id, and invite the bot to it")
        if word in _LATER:
            return Unavailable(f"{asked.what}: {word}")
        if not answer.taken:
            return error_of(asked, answer, self._posting.clock())
        return PermanentError(f"{asked.what}: Slack does not take the message")


def message_of(message: Told) -> dict[str, Any]:
    """Nothing of it is looked through for names, links and previews."""
    return {
        "text": fallback(message),
        "blocks": blocks(message),
        "mrkdwn": False,
        "link_names": False,
        "parse": "none",
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _read(answer: Answer) -> dict[str, Any]:
    if not answer.taken:
        return {}
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise Unavailable("slack: chat.postMessage: the answer is no JSON") from None
    if not isinstance(said, dict):
        raise Unavailable("slack: chat.postMessage: the answer is no object")
    return said
