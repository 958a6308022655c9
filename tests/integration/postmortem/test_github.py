"""Issues over TLS on a strict local server that holds to GitHub's reference: one for an incident, and each refusal told apart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web

from activities.postmortem.github import MOST_PAGES, PER_PAGE, Issues, Reach
from byteport.contracts.postmortems import GitHubConfig
from byteport.domain.postmortem_text import as_markdown
from byteport.errors import BytePortError, ConfigError, NotPermitted, PermanentError, Throttled, Unavailable
from tests.builders.closed import postmortem
from tests.integration.export.authority import Authority, new_authority
from tests.integration.export.receivers import Got, listening
from tests.integration.notify.held import Held
from tests.integration.postmortem.hub import NOW, REPOSITORY, TOKEN, Hub

pytestmark = pytest.mark.peers

FIRST = f"https://github.com/{REPOSITORY}/issues/1"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def issues_of(
    hub: Hub, authority: Authority, *, token: str = TOKEN, repository: str = REPOSITORY
) -> AsyncIterator[Issues]:
    async with listening(hub, authority.server()) as receiver:
        config = GitHubConfig(repository=repository, token="gh", labels=("incident",), api=receiver.url(""))
        yield Issues(config, Held(gh=token + "\n"), Reach(authority.ca_file, None, lambda: NOW))


@pytest.mark.claim("C-475")
async def test_an_incident_is_one_issue_however_often_it_is_filed(authority: Authority) -> None:
    hub = Hub()
    async with issues_of(hub, authority) as issues:
        urls = [(await issues.file(postmortem())).url for _ in range(3)]
        other = (await issues.file(postmortem(2))).url
    assert urls == [FIRST] * 3
    assert other != FIRST
    assert [issue["labels"] for issue in hub.issues] == [["incident"], ["incident"]]
    assert hub.issues[0]["body"] == as_markdown(postmortem())
    assert hub.issues[0]["title"] == postmortem().title


@pytest.mark.claim("C-475")
async def test_a_creation_whose_answer_was_lost_is_found_by_the_next_attempt(authority: Authority) -> None:
    hub = Hub(lose_answers=1)
    async with issues_of(hub, authority) as issues:
        with pytest.raises(Unavailable) as caught:
            await issues.file(postmortem())
        assert (await issues.file(postmortem())).url == FIRST
    assert caught.value.delay is not None
    assert caught.value.delay >= timedelta(seconds=30)
    assert len(hub.issues) == 1


async def test_it_is_found_behind_many_others_and_no_pull_request_is_taken_for_it(authority: Authority) -> None:
    hub = Hub()
    hub.add(as_markdown(postmortem()), pull_request={"url": "x"})
    for _ in range(2 * PER_PAGE):
        hub.add(None)
    hub.add("quoted:\n" + as_markdown(postmortem()))
    hub.add(as_markdown(postmortem()).replace("\n", "\r\n"))
    async with issues_of(hub, authority) as issues:
        assert (await issues.file(postmortem())).url == hub.issues[-1]["html_url"]


async def test_where_too_much_has_changed_since_none_is_created(authority: Authority) -> None:
    hub = Hub()
    for _ in range(MOST_PAGES * PER_PAGE + 1):
        hub.add("another")
    async with issues_of(hub, authority) as issues:
        with pytest.raises(PermanentError, match="more than 1000"):
            await issues.file(postmortem())
    assert len(hub.issues) == MOST_PAGES * PER_PAGE + 1


@pytest.mark.claim("C-476")
@pytest.mark.parametrize(
    ("status", "headers", "body", "error", "delay"),
    [
        (401, {}, "Bad credentials", NotPermitted, None),
        (403, {}, "Resource not accessible by personal access token", NotPermitted, None),
        (403, {"Retry-After": "77"}, "x", Throttled, 77),
        (403, {}, "You have exceeded a secondary rate limit.", Throttled, 60),
        (
            403,
            {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 120)},
            "x",
            Throttled,
            120,
        ),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, "x", Throttled, 60),
        (429, {}, "x", Throttled, 60),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "99999999999"}, "x", Throttled, 3600),
        (404, {}, "Not Found", ConfigError, None),
        (410, {}, "Issues are disabled for this repo", ConfigError, None),
        (422, {}, "Validation Failed", PermanentError, None),
        (500, {}, "x", Unavailable, None),
        (502, {"Retry-After": "5"}, "x", Unavailable, 5),
        (301, {"Location": "https://api.github.com/repositories/1"}, "Moved", NotPermitted, None),
        (418, {}, "x", ConfigError, None),
    ],
)
async def test_githubs_answer_says_what_to_do_and_nothing_of_its_text_is_told(
    authority: Authority, status: int, headers: dict[str, str], body: str, error: type[BytePortError], delay: int | None
) -> None:
    def refuse(_: Got) -> web.Response:
        return web.json_response({"message": f"{body} {TOKEN}"}, status=status, headers=headers)

    async with issues_of(Hub(instead=[refuse]), authority) as issues:
        with pytest.raises(error) as caught:
            await issues.file(postmortem())
    assert TOKEN not in caught.value.message
    assert body == "x" or body not in caught.value.message
    if delay is not None:
        assert getattr(caught.value, "delay") == timedelta(seconds=delay)  # noqa: B009  of some of these errors only


async def test_an_answer_that_is_not_githubs_files_nothing(authority: Authority) -> None:
    hub = Hub(instead=[lambda _: web.Response(text="<html>sign in</html>")])
    async with issues_of(hub, authority) as issues:
        with pytest.raises(ConfigError, match=r"postmortem\.github\.api"):
            await issues.file(postmortem())
    assert hub.issues == []


@pytest.mark.parametrize("token", ["", "two words", "ghp_\x1b[31m"])
async def test_a_secret_that_is_no_token_is_not_sent(authority: Authority, token: str) -> None:
    async with issues_of(Hub(), authority, token=token) as issues:
        with pytest.raises(ConfigError, match=r"postmortem\.github\.token"):
            await issues.file(postmortem())
