"""The one HTTP client by which the log leaves: only to verified names over TLS, and to no address inside of a machine's
own or its cloud's.

Comes after `requests.py`, `tls.py` and `reach.py`; every receiver that speaks HTTP makes its requests here and nowhere else. What a
receiver sends back is a stranger's: of its text nothing reaches a message, its redirects are followed three times at most
and only where a first request might have gone, and what shows who we are stays with the host that the settings name.
"""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from pathlib import Path

import aiohttp
from yarl import URL

from activities.clock import Clock, utc_now
from activities.export.answers import Answer, Asked, error_of
from activities.export.reach import CheckedResolver, Reach, shown
from activities.export.requests import ClientCertificate, Redirects, Request
from activities.export.tls import CA_SETTING, verifying, with_certificate
from byteport.domain.addresses import names_loopback
from byteport.errors import ConfigError, NotPermitted, Unavailable

PROXY = "audit.export.proxy"
MOST_REDIRECTS = 3
LARGEST_BODY = 32 << 20
CONNECT_SECONDS = 10.0
LARGEST_HEADER = 8190
MOST_HEADERS = 64
_REPEATED_ELSEWHERE = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})


class NotFollowed(NotPermitted):
    """We were sent on in a way that is not followed."""


class GuardedClient:
    """Connections to one receiver, whose host the settings name."""

    def __init__(
        self,
        url: str,
        *,
        ca_file: Path | None = None,
        ca_setting: str = CA_SETTING,
        proxy: str | None = None,
        certificate: ClientCertificate | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """`url` is where the settings say that the receiver is. Raises `ConfigError` for files that cannot be used."""
        self._home = _read(url, "audit.export")
        self._ca_setting = ca_setting
        self._proxy = proxy
        if proxy is not None:
            _read(proxy, PROXY)
        self._clock = clock
        self._ca_file = ca_file
        self._certificate = certificate
        self._at_home: aiohttp.ClientSession | None = None
        self._elsewhere: aiohttp.ClientSession | None = None
        self._context(certificate)

    async def close(self) -> None:
        for session in (self._at_home, self._elsewhere):
            if session is not None:
                await session.close()
        self._at_home = self._elsewhere = None

    async def call(self, request: Request, asked: Asked) -> Answer:
        """The answer, which is 2xx. Raises the error that any other stands for, or that its absence does."""
        answer = await self.ask(request, asked)
        if not answer.taken:
            raise error_of(asked, answer, self._clock())
        return answer

    async def ask(self, request: Request, asked: Asked) -> Answer:
        """The answer, whatever its status but a redirect. Raises `Unavailable`, `NotPermitted` and `ConfigError`."""
        if len(request.body) > LARGEST_BODY:
            raise ConfigError(asked.size or asked.url, f"{asked.what}: a body is larger than {LARGEST_BODY >> 20} MiB")
        try:
            async with asyncio.timeout(request.seconds):
                return await self._followed(request, asked)
        except TimeoutError:
            raise Unavailable(f"{asked.what}: no answer from {shown(self._home.host or '')} in time") from None

    async def _followed(self, request: Request, asked: Asked) -> Answer:
        url = self._checked(URL(request.url), asked)
        origin = url.origin()
        for _ in range(MOST_REDIRECTS + 1):
            if self._proxy is not None:
                await self._reach_of(url).check_as_seen_here(url.raw_host or "")
            answer = await self._once(request, url, asked, with_secrets=url.origin() == origin)
            if not HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
                return answer
            if answer.status not in _REPEATED_ELSEWHERE or request.redirects is Redirects.REFUSED:
                raise NotFollowed(
                    f"{asked.what}: {shown(url.host or '')} answers {answer.status}, which is not followed"
                )
            url = self._next(url, answer.headers.get("location", ""), asked)
        raise NotPermitted(
            f"{asked.what}: sent on more than {MOST_REDIRECTS} times, at last to {shown(url.host or '')}"
        )

    def _next(self, url: URL, location: str, asked: Asked) -> URL:
        try:
            there = url.join(URL(location))
            port = there.port
        except ValueError:
            there, port = URL(), None
        if not location or not there.host or not port:
            raise NotPermitted(f"{asked.what}: {shown(url.host or '')} sends us to no address that can be read")
        return self._checked(there, asked)

    def _checked(self, url: URL, asked: Asked) -> URL:
        """`url`, to which this client may send. Raises `NotPermitted`."""
        host = shown(url.host or "")
        if url.scheme != "https":
            raise NotPermitted(
                f"{asked.what}: {host} is not asked over TLS; only https is spoken (look at {asked.url})"
            )
        if url.user is not None or url.password is not None:
            raise NotPermitted(f"{asked.what}: the address at {host} holds a user or a password")
        self._reach_of(url).check_name(url.raw_host or "")
        return url.with_fragment(None)

    async def _once(self, request: Request, url: URL, asked: Asked, *, with_secrets: bool) -> Answer:
        headers = {"Accept-Encoding": "identity", "User-Agent": "byteport-agent", **request.headers}
        try:
            async with self._session(url).request(
                request.method,
                url,
                data=request.body or None,
                headers={**headers, **request.secrets} if with_secrets else headers,
                allow_redirects=False,
                proxy=self._proxy,
            ) as response:
                body = await _bounded(response, request.largest_answer)
                return Answer(response.status, {name.lower(): text for name, text in response.headers.items()}, body)
        except aiohttp.ClientConnectorCertificateError as error:
            raise NotPermitted(
                f"{asked.what}: the certificate of {shown(url.host or '')} does not hold ({_why(error)}); "
                f"look at {self._ca_setting}"
            ) from None
        except aiohttp.InvalidURL:
            raise NotPermitted(f"{asked.what}: {shown(url.host or '')} is no host that can be asked") from None
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise Unavailable(
                f"{asked.what}: no answer from {shown(url.host or '')} ({type(error).__name__})"
            ) from None

    def _session(self, url: URL) -> aiohttp.ClientSession:
        """With our certificate where the settings have us go, and without it anywhere else."""
        if self._is_home(url):
            self._at_home = self._at_home or self._open(self._reach_of(url), self._certificate)
            return self._at_home
        self._elsewhere = self._elsewhere or self._open(self._reach_of(url), None)
        return self._elsewhere

    def _open(self, reach: Reach, certificate: ClientCertificate | None) -> aiohttp.ClientSession:
        if self._proxy is not None:
            reach = Reach.of(URL(self._proxy).host or "")
        connector = aiohttp.TCPConnector(
            ssl=self._context(certificate),
            resolver=CheckedResolver(reach),
            socket_factory=reach.new_socket,
            happy_eyeballs_delay=None,  # otherwise a refusal would be one failed attempt among others
            use_dns_cache=False,
            limit=8,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
            trust_env=False,
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
            max_headers=MOST_HEADERS,
        )

    def _context(self, certificate: ClientCertificate | None) -> ssl.SSLContext:
        context = verifying(self._ca_file, ca_setting=self._ca_setting)
        if certificate is None:
            return context
        return with_certificate(context, certificate.certificate, certificate.key, setting=certificate.setting)

    def _reach_of(self, url: URL) -> Reach:
        """This machine only where the setting plainly names it, whoever else sends us there."""
        host = url.raw_host or ""
        return Reach(this_machine=self._is_home(url) and names_loopback(host))

    def _is_home(self, url: URL) -> bool:
        return url.origin() == self._home.origin()


async def _bounded(response: aiohttp.ClientResponse, largest: int) -> bytes:
    """The body's beginning; a longer one is not read on, and its connection not used again."""
    body = await response.content.read(largest)
    while len(body) < largest and (more := await response.content.read(largest - len(body))):
        body += more
    if not response.content.at_eof():
        response.close()
    return body


def _read(url: str, setting: str) -> URL:
    """Settings have been looked at before they come here; whatever else calls is answered in our words too."""
    try:
        found = URL(url)
        if found.host and found.port:
            return found
    except ValueError:
        pass
    raise ConfigError(setting, "an address cannot be read")


def _why(error: aiohttp.ClientConnectorCertificateError) -> str:
    """OpenSSL's own words; of the other side's there are none in them."""
    found = error.certificate_error
    words = getattr(found, "verify_message", "") or type(found).__name__
    return str(words)[:200]
