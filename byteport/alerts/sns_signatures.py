"""Whether a message of SNS is AWS's: from a topic that is heard, signed by the key of a certificate of AWS's own host, lately.

Comes before `sns.py`. The certificate is fetched over verified TLS from `sns.REGION.amazonaws.com` of the topic's own region and from
nowhere else; what AWS serves there is the leaf alone, so that it is TLS that says whose it is, and here its name, its dates and
its key are checked beside. Both versions of the signature hold: 1 is SHA-1, which AWS still signs by unless a topic is told otherwise.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from byteport.contracts.alerts_face import SnsConfig
from byteport.errors import BytePortError, MalformedInput, NotPermitted, Unavailable
from byteport.kubernetes import fields
from byteport.serving.buckets import Bucket

Fetch = Callable[[str], Awaitable[bytes]]
"""Of a URL over verified TLS; raises `Unavailable`."""

_HOST = re.compile(r"sns\.([a-z0-9-]{1,32})\.amazonaws\.com(\.cn)?\Z")
_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem\Z")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
_SIGNED_BY = ("sns.amazonaws.com", "sns.amazonaws.com.cn")
LONGEST_FIELD = 256 << 10
"""The most that a message of SNS may have."""
LEAST_KEY_BITS = 2048
FRESH_SECONDS = 86_400.0
MOST_CERTIFICATES = 8
MOST_IDS = 20_000
FETCHES_PER_MINUTE = 6
"""Of certificates that are not known yet: a stranger must not have us ask AWS as often as it likes."""


class Kind(StrEnum):
    NOTIFICATION = "Notification"
    SUBSCRIPTION = "SubscriptionConfirmation"
    UNSUBSCRIPTION = "UnsubscribeConfirmation"


_SIGNED = {
    Kind.NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    Kind.SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    Kind.UNSUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_OPTIONAL = frozenset({"Subject"})
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "1": hashes.SHA1(),  # noqa: S303  what AWS signs by where a topic has not been told to use version 2
    "2": hashes.SHA256(),
}


@dataclass(frozen=True)
class SnsMessage:
    """One message that holds."""

    kind: Kind
    id: str
    topic: str
    message: str
    subscribe_url: str | None = None
    """Of a confirmation: on the topic's own host, for this topic."""


class SnsVerifier:
    """For the topics of the settings."""

    def __init__(
        self, config: SnsConfig, fetch: Fetch, clock: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._fetch = fetch
        self._clock = clock
        self._now = now
        self._certificates: OrderedDict[str, tuple[float, x509.Certificate]] = OrderedDict()
        self._fetches = Bucket(FETCHES_PER_MINUTE, clock())
        self._seen: OrderedDict[str, datetime] = OrderedDict()

    async def verified(self, body: Mapping[str, Any]) -> SnsMessage:
        """Raises `MalformedInput` for what is no message of SNS, `NotPermitted` for one that does not hold (which topic,
        which signature, when), `Unavailable` when its certificate cannot be had."""
        kind = next((one for one in Kind if one == body.get("Type")), None)
        if kind is None:
            raise MalformedInput("Type", f"is none of {', '.join(Kind)}")
        signed = _texts(body, kind)
        topic = signed["TopicArn"]
        if topic not in self._config.topics:
            raise NotPermitted("TopicArn: this topic is not among alerts.sns.topics")
        if not _ID.match(signed["MessageId"]):
            raise MalformedInput("MessageId", "is no UUID")
        self._check_time(signed["Timestamp"])
        algorithm = _HASHES.get(str(body.get("SignatureVersion")))
        if algorithm is None:
            raise MalformedInput("SignatureVersion", "is neither 1 nor 2")
        url = _of_host(body.get("SigningCertURL"), topic, "SigningCertURL")
        parts = urlsplit(url)
        if not _CERTIFICATE.match(parts.path) or url != f"https://{parts.netloc}{parts.path}":
            raise NotPermitted("SigningCertURL: this is not where SNS has its certificates")
        key = self._key(await self._certificate(url))
        text = "".join(f"{name}\n{signed[name]}\n" for name in _SIGNED[kind] if name in signed)
        try:
            key.verify(_signature(body), text.encode(), padding.PKCS1v15(), algorithm)
        except InvalidSignature:
            raise NotPermitted("Signature: it does not hold for this message") from None
        subscribe = None if kind is Kind.NOTIFICATION else _subscribe_url(signed["SubscribeURL"], topic)
        return SnsMessage(kind, signed["MessageId"], topic, signed["Message"], subscribe)

    def is_repeated(self, message: SnsMessage) -> bool:
        """Whether it was taken before, within the window in which it is taken at all."""
        return message.id in self._seen

    def taken(self, message: SnsMessage) -> None:
        """It was handed over: the same again is a repetition."""
        self._seen[message.id] = self._now()
        while len(self._seen) > MOST_IDS:
            self._seen.popitem(last=False)

    async def confirm(self, message: SnsMessage) -> None:
        """Answer SNS that this topic is wanted. Raises `Unavailable`."""
        if message.kind is Kind.SUBSCRIPTION and message.subscribe_url is not None:
            await self._fetch(message.subscribe_url)

    def _check_time(self, text: str) -> None:
        at = fields.instant(text)
        if at is None:
            raise MalformedInput("Timestamp", "is no time")
        if abs(self._now() - at) > timedelta(seconds=self._config.window_seconds):
            raise NotPermitted("Timestamp: the message is too old, or from the future")

    async def _certificate(self, url: str) -> x509.Certificate:
        """One that is known is used until it ends where it cannot be had anew: strangers may have used up what AWS is asked."""
        kept = self._certificates.get(url)
        if kept is not None and self._clock() - kept[0] < FRESH_SECONDS:
            return kept[1]
        try:
            certificate = await self._fetched(url)
        except Unavailable:
            if kept is None:
                raise
            return kept[1]
        self._certificates[url] = (self._clock(), certificate)
        while len(self._certificates) > MOST_CERTIFICATES:
            self._certificates.popitem(last=False)
        return certificate

    async def _fetched(self, url: str) -> x509.Certificate:
        """What is not SNS's now is not kept, or old ones, which AWS still serves, would take the place of the one in use."""
        if self._fetches.take(1, self._clock()):
            raise Unavailable("the certificate of SNS was asked for often enough in this minute")
        try:
            certificate = x509.load_pem_x509_certificate(await self._fetch(url))
        except ValueError:
            raise NotPermitted("SigningCertURL: what lies there is no certificate") from None
        except BytePortError as error:
            raise Unavailable(f"the certificate of SNS cannot be had: {error.message}") from None
        self._key(certificate)
        return certificate

    def _key(self, certificate: x509.Certificate) -> rsa.RSAPublicKey:
        now = self._now()
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
            raise NotPermitted("SigningCertURL: the certificate is not valid now")
        names = [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if not any(name in _SIGNED_BY or _HOST.match(name) for name in names):
            raise NotPermitted("SigningCertURL: the certificate is not that of SNS")
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < LEAST_KEY_BITS:
            raise NotPermitted("SigningCertURL: the certificate's key is not one that SNS signs by")
        return key


def _texts(body: Mapping[str, Any], kind: Kind) -> dict[str, str]:
    """The signed members; a missing `Subject` is none."""
    found = {}
    for name in _SIGNED[kind]:
        value = body.get(name)
        if value is None and name in _OPTIONAL:
            continue
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_FIELD:
            raise MalformedInput(name, "is no text, or too long")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise MalformedInput(name, "is no Unicode text") from None
        found[name] = value
    return found


def _of_host(value: object, topic: str, name: str) -> str:
    """A URL on SNS's own host in the topic's region and partition. Raises `NotPermitted`."""
    refused = NotPermitted(f"{name}: it is not on SNS's own host, over https, in the topic's region")
    if not isinstance(value, str) or len(value) > 2000 or not value.isascii():
        raise refused
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise refused from None
    partition, region = topic.split(":")[1], topic.split(":")[3]
    host = _HOST.match(parts.netloc)
    chinese = host is not None and host[2] is not None
    if parts.scheme != "https" or port is not None or host is None or parts.fragment:
        raise refused
    if host[1] != region or chinese is not (partition == "aws-cn"):
        raise refused
    return value


def _subscribe_url(value: str, topic: str) -> str:
    url = urlsplit(_of_host(value, topic, "SubscribeURL"))
    try:
        query = parse_qs(url.query, max_num_fields=8)
    except ValueError:
        query = {}
    if url.path not in ("", "/") or query.get("Action") != ["ConfirmSubscription"] or query.get("TopicArn") != [topic]:
        raise NotPermitted("SubscribeURL: it does not confirm a subscription to this topic")
    return value


def _signature(body: Mapping[str, Any]) -> bytes:
    value = body.get("Signature")
    if not isinstance(value, str) or len(value) > 2000:
        raise MalformedInput("Signature", "is no text")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedInput("Signature", "is not base64") from None
