"""Postmortems as issues of one GitHub repository, by its REST API.

Comes after `filing.py` and `github_answers.py`. An issue cannot be created under a key. So those that changed since the incident
closed are looked through for its mark first, and one is created where none has it. What stays is a race: a creation whose answer was
lost, and that GitHub shows in no list half a minute later, is done twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from activities.clock import Clock
from activities.export.answers import Answer, Asked
from activities.export.guarded import GuardedClient
from activities.export.requests import Redirects, Request
from activities.postmortem.github_answers import API, REPOSITORY, TOKEN, github_error
from activities.secrets.port import SecretSource
from byteport.contracts.postmortems import Filed, GitHubConfig
from byteport.domain.postmortem_text import as_markdown, as_title, is_of
from byteport.domain.postmortems import Postmortem
from byteport.errors import ConfigError, PermanentError, TargetGone, Unavailable

VERSION = "2022-11-28"
SECONDS = 15.0
LARGEST_ANSWER = 8 << 20
PER_PAGE = 20
MOST_PAGES = 50
"""Together a thousand issues that changed since; with more of them none is created."""
CLOCKS_APART = timedelta(hours=1)
"""So much our clock may be ahead of GitHub's."""
AFTER_A_LOST_ANSWER = timedelta(seconds=30)
_TOKEN = re.compile(r"[!-~]{1,500}")
_NEXT = re.compile(r';\s*rel="next"')


class _Issue(BaseModel):
    """Of an issue, what is looked at; the rest is passed over. A pull request is listed as one too."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    html_url: str
    body: str | None = None
    pull_request: Any = None


_ISSUES = TypeAdapter(list[_Issue])


@dataclass(frozen=True)
class Reach:
    """How GitHub is reached."""

    ca_file: Path | None
    proxy: str | None
    clock: Clock


class Issues:
    """The issues of one repository."""

    def __init__(self, config: GitHubConfig, secrets: SecretSource, reach: Reach) -> None:
        self._config = config
        self._secrets = secrets
        self._reach = reach

    async def file(self, told: Postmortem) -> Filed:
        """The issue that has the incident's mark, which is created where there is none."""
        if self._config.repository is None:
            raise ConfigError(REPOSITORY, "must be set where postmortem.target is github")
        headers = {"Authorization": f"Bearer {await self._token()}"}
        reach = self._reach
        client = GuardedClient(
            self._config.api,
            ca_file=reach.ca_file,
            ca_setting="postmortem.ca_file",
            proxy=reach.proxy,
            clock=reach.clock,
        )
        try:
            found = await self._found(client, headers, told)
            return _filed(found if found is not None else await self._created(client, headers, told))
        finally:
            await client.close()

    async def _token(self) -> str:
        """Read for one postmortem, and let go with it."""
        if self._config.token is None:
            raise ConfigError(TOKEN, "must be set where postmortem.target is github")
        try:
            value = (await self._secrets.read(self._config.token)).reveal().strip()
        except TargetGone:
            raise ConfigError(TOKEN, "the secret backend has no secret of that name") from None
        if not _TOKEN.fullmatch(value):
            raise ConfigError(TOKEN, "the secret is no token")
        return value

    async def _found(self, client: GuardedClient, headers: Mapping[str, str], told: Postmortem) -> _Issue | None:
        what = "github: a list of issues"
        since = f"{told.closed_at - CLOCKS_APART:%Y-%m-%dT%H:%M:%SZ}"
        for page in range(1, MOST_PAGES + 1):
            asked = {"state": "all", "sort": "created", "direction": "asc", "since": since, "per_page": PER_PAGE}
            answer = await self._ask(client, "GET", f"?{urlencode(asked | {'page': page})}", headers, what)
            try:
                issues = _ISSUES.validate_json(answer.body)
            except ValidationError:
                raise ConfigError(API, f"{what}: the answer is not one of GitHub's REST API") from None
            for issue in issues:
                if issue.pull_request is None and is_of(issue.body or "", told):
                    return issue
            if not _NEXT.search(answer.headers.get("link", "")):
                return None
        raise PermanentError(
            f"{what}: more than {MOST_PAGES * PER_PAGE} changed since; whether it is there is not known"
        )

    async def _created(self, client: GuardedClient, headers: Mapping[str, str], told: Postmortem) -> _Issue:
        what = "github: a new issue"
        plain = {"title": as_title(told), "body": as_markdown(told), "labels": list(self._config.labels)}
        body = json.dumps(plain, ensure_ascii=True).encode("ascii")
        try:
            answer = await self._ask(client, "POST", "", headers, what, body)
        except Unavailable as error:
            raise Unavailable(error.message, max(error.delay or AFTER_A_LOST_ANSWER, AFTER_A_LOST_ANSWER)) from None
        try:
            return _Issue.model_validate_json(answer.body)
        except ValidationError:
            raise Unavailable(f"{what}: the answer cannot be read", AFTER_A_LOST_ANSWER) from None

    async def _ask(
        self,
        client: GuardedClient,
        method: str,
        query: str,
        secrets: Mapping[str, str],
        what: str,
        body: bytes = b"",
    ) -> Answer:
        """The answer, which is 2xx."""
        request = Request(
            method,
            f"{self._config.api.rstrip('/')}/repos/{self._config.repository}/issues{query}",
            body,
            {
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": VERSION,
                **({"Content-Type": "application/json"} if body else {}),
            },
            secrets,
            seconds=SECONDS,
            largest_answer=LARGEST_ANSWER,
            redirects=Redirects.REFUSED,
        )
        answer = await client.ask(request, Asked(what, url=REPOSITORY, credential=TOKEN))
        if not answer.taken:
            raise github_error(what, answer, self._reach.clock())
        return answer


def _filed(issue: _Issue) -> Filed:
    try:
        return Filed(url=issue.html_url)
    except ValidationError:
        raise PermanentError("github: an issue's address is none that a record may hold") from None
