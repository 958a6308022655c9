"""Who we are to AWS: the identity of this pod's ServiceAccount, or nobody.

A key that never ends, in whatever file or variable, is what a thief takes away; the node's own identity is everybody's on
that node. Neither is taken: only a web identity (IRSA) or the credentials of a container (EKS Pod Identity), both short
and renewed. Comes before `s3.py`, and whoever else of us asks something of AWS, which send what is signed here through
`guarded.py`.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.config import Config
from botocore.credentials import AssumeRoleWithWebIdentityProvider, ContainerProvider, CredentialResolver
from botocore.loaders import Loader
from botocore.regions import EndpointResolver
from botocore.session import Session

from activities.export.answers import Answer
from byteport.errors import ConfigError

SETTING = "audit.export.s3"
STATIC = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
"""Variables by which a key that never ends, or a profile that may hold one, is given to a process."""
WEB_IDENTITY = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
CONTAINER = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
CONTAINER_HOSTS = ("169.254.170.2", "169.254.170.23", "fd00:ec2::23")
"""Where ECS and EKS Pod Identity answer, on port 80; nothing else is asked for a container's credentials."""
STS = "https://sts.{region}.{suffix}"
"""Where a web identity is exchanged: the variables by which AWS's clients are sent elsewhere are not read."""
REGION = ("AWS_REGION", "AWS_DEFAULT_REGION")
HOW = (
    "give the ServiceAccount of this pod a role: by the annotation eks.amazonaws.com/role-arn (IRSA), or by "
    "`aws eks create-pod-identity-association`"
)

Send = Callable[[AWSPreparedRequest], Answer]
"""Sends one signed request and gives the answer; called in a thread."""


def region_of(setting: str | None, environment: Mapping[str, str] = os.environ, *, of: str = SETTING) -> str:
    """The setting, or what EKS puts into every pod that has an identity. `of` is the settings' section that a message names.

    Raises `ConfigError` when nobody knows it.
    """
    for region in (setting, *(environment.get(name) for name in REGION)):
        if region:
            return region
    raise ConfigError(f"{of}.region", "must be set: the pod's environment has no AWS_REGION either")


def sts_of(region: str) -> str:
    """AWS's own address of the service that says who we are, in the region's own partition."""
    known = EndpointResolver(_loader().load_data("endpoints"))
    return STS.format(region=region, suffix=known.get_partition_dns_suffix(known.get_partition_for_region(region)))


def session_of(region: str, send: Send, *, of: str = SETTING) -> Session:
    """A session of botocore that knows our identity and nothing else, tries once, and sends by `send`.

    `of` is the settings' section that a message names. Raises `ConfigError` where there is no identity to take, or one that is not taken.
    """
    logging.getLogger("botocore").setLevel(logging.CRITICAL)  # it warns in the words of the answer that it cannot read
    session = Session()
    session.register_component("data_loader", _loader())
    for file in ("config_file", "credentials_file"):
        session.set_config_variable(file, os.devnull)
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    provider = _provider(session, region, of)
    session.register_component("credential_provider", CredentialResolver([provider]))
    session.set_default_client_config(Config(region_name=region, retries={"total_max_attempts": 1, "mode": "standard"}))
    session.register("before-send", partial(_sent, send))
    try:
        session.get_credentials()  # of a container they are fetched now
    except ValueError:
        raise ConfigError(CONTAINER[0], "is not an address from which a container's credentials may come") from None
    return session


@cache
def _loader() -> Loader:
    """Of the descriptions of AWS's services, botocore's own alone, read once: a receiver that fails is made anew."""
    return Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


def _provider(session: Session, region: str, of: str) -> AssumeRoleWithWebIdentityProvider | ContainerProvider:
    if static := next((name for name in STATIC if os.environ.get(name)), None):
        raise ConfigError(static, f"keys that never end are not taken; unset it, and {HOW}")
    if os.environ.get(WEB_IDENTITY[0]):
        if not os.environ.get(WEB_IDENTITY[1]):
            raise ConfigError(WEB_IDENTITY[1], f"must be set beside {WEB_IDENTITY[0]}; {HOW}")
        client = partial(session.create_client, region_name=region, endpoint_url=sts_of(region))
        return AssumeRoleWithWebIdentityProvider(dict, client, profile_name="none")
    if any(os.environ.get(name) for name in CONTAINER):
        _check_container(os.environ)
        return ContainerProvider()
    raise ConfigError(of, f"this pod has no identity of its own, and neither a file's nor the node's is taken; {HOW}")


def _check_container(environment: Mapping[str, str]) -> None:
    """Whoever answers there is shown this pod's token. Raises `ConfigError`."""
    full, relative = (environment.get(name, "") for name in CONTAINER)
    try:
        parts = urlsplit(full)
        known = (parts.scheme, parts.port or 80) == ("http", 80) and parts.hostname in CONTAINER_HOSTS
    except ValueError:
        known = False
    if full and (not known or "@" in parts.netloc):
        raise ConfigError(CONTAINER[0], "is not an address from which a container's credentials may come")
    if relative and not relative.startswith("/"):
        raise ConfigError(CONTAINER[1], "must begin with a slash")


def _sent(send: Send, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
    """What botocore takes for having been sent by itself."""
    answer = send(request)
    return AWSResponse(request.url, answer.status, HeadersDict(answer.headers), _Body(answer.body))


class _Body(io.BytesIO):
    """A body as botocore reads one: in one go, or in parts."""

    def stream(self, amount: int = 1 << 16, **_: Any) -> Iterator[bytes]:
        while part := self.read(amount):
            yield part
