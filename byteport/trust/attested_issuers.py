"""Whose word counts for a person's answer: the file `approvals.issuers`, and the keys of each identity provider that it names.

The second list of approvers, beside `allowed_signers`, and as strict: a line says which claim of which provider's token is
which principal, and principals are those of `allowed_signers`, so that one person with a key and a token is one person.
`files` reads both at each use; `attested` checks a token against what is here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import jwt
import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from byteport.domain.base import Frozen
from byteport.domain.yaml_text import read_strict
from byteport.errors import ConfigError

SETTING = "approvals.issuers"
Algorithm = Literal["RS256", "PS256", "ES256", "EdDSA"]
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures by a private key. `none`, and the HS family whose key would be the public one, cannot be written here."""
CHOSEN = frozenset({"name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile"})
"""Claims of which OpenID Connect says that nobody may tell people apart by them."""
MOST_KEYS = 100

_MEMBERS = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_OF_KIND = {"RSA": ("RS256", "PS256"), "EC": ("ES256",), "OKP": ("EdDSA",)}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}


class Issuer(Frozen):
    """One identity provider and our client there."""

    issuer: Annotated[str, Field(pattern=r"^https://[^\s?#]{1,490}$")]
    """Exactly as its tokens have it in `iss`."""
    client_id: Annotated[str, Field(min_length=1, max_length=300)]
    """Ours; a token for any other client, or for several, is not taken."""
    keys: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$")]
    """Its JWKS: a file in the folder of this one."""
    claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:/.-]{1,200}$")] = "sub"
    """Which claim tells who it is. `sub` is never given to somebody else; `email` needs `email_verified`; names that people may
    choose for themselves (`name`, `preferred_username`) are not taken."""
    algorithms: Annotated[frozenset[Algorithm], Field(min_length=1)] = frozenset(ALGORITHMS)
    people: Annotated[Mapping[str, str], Field(max_length=10_000)]
    """The claim's value → the principal."""

    @field_validator("people")
    @classmethod
    def _names(cls, people: Mapping[str, str]) -> Mapping[str, str]:
        for value, name in people.items():
            if not 1 <= len(value) <= 300 or not value.isprintable():
                raise ValueError("a claim's value is 1 to 300 printable characters")
            if not 1 <= len(name) <= 200 or not name.isprintable() or set(name) & set("*?!,"):
                raise ValueError("a principal is one person's name; patterns cannot be counted")
            if name != name.strip():
                raise ValueError("a principal's name begins and ends with no space")
        return people

    @field_validator("claim")
    @classmethod
    def _is_nobodys_choice(cls, claim: str) -> str:
        if claim in CHOSEN:
            raise ValueError("people may choose it for themselves, another's too; take `sub`")
        return claim

    @field_validator("issuer")
    @classmethod
    def _names_a_host(cls, issuer: str) -> str:
        if not urlsplit(issuer).hostname:
            raise ValueError("names no host")
        return issuer


class IssuersFile(Frozen):
    """The whole file."""

    issuers: Annotated[tuple[Issuer, ...], Field(max_length=20)]

    @model_validator(mode="after")
    def _each_once(self) -> IssuersFile:
        named = [(one.issuer, one.client_id) for one in self.issuers]
        if len(set(named)) != len(named):
            raise ValueError("an issuer and its client are there twice")
        return self


@dataclass(frozen=True)
class Key:
    """A provider's public key, with the algorithms that it can be for."""

    id: str
    thumbprint: str
    """As RFC 7638 computes it, so that anybody can tell which key it was."""
    algorithms: frozenset[str]
    key: jwt.PyJWK


@dataclass(frozen=True)
class Attester:
    """A provider with its keys as they are now."""

    issuer: Issuer
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class Attesters:
    """Every provider whose word is taken, and a digest over the list and all its keys."""

    entries: tuple[Attester, ...] = ()
    digest: str = ""

    def of(self, issuer: str, client_id: str) -> Attester | None:
        return next(
            (one for one in self.entries if (one.issuer.issuer, one.issuer.client_id) == (issuer, client_id)), None
        )

    def people(self) -> frozenset[str]:
        return frozenset(name for one in self.entries for name in one.issuer.people.values())

    def must_name_people_as(self, names: Collection[str]) -> None:
        """Raises `ConfigError` where a name is written otherwise than in `names`, or in two ways here: one person would count
        as two."""
        known = {_folded(name): name for name in names}
        for name in sorted(self.people() - set(names)):
            if (other := known.setdefault(_folded(name), name)) != name:
                raise ConfigError(SETTING, f"{name!r} and {other!r} would be two people; write one name in one way")


NOBODY = Attesters()


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def parse_issuers(text: bytes) -> IssuersFile:
    """Raises `ConfigError` that names the first key at fault."""
    try:
        return IssuersFile.model_validate(read_strict(text))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "the file"
        says = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(SETTING, f"{key}: {says[:1].lower()}{says[1:]}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(SETTING, f"line {line}: {error.problem or 'not YAML'}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(SETTING, "is not YAML") from None


def attesters(file: bytes, keys: Mapping[str, bytes]) -> Attesters:
    """The list with its keys; `keys` has each key file that it names. Raises `ConfigError`."""
    parsed = parse_issuers(file)
    whole = hashlib.sha256(len(file).to_bytes(8, "big") + file)
    for name in sorted(keys):
        whole.update(hashlib.sha256(keys[name]).digest())
    entries = tuple(Attester(issuer, parse_keys(keys[issuer.keys], issuer.keys)) for issuer in parsed.issuers)
    return Attesters(entries, whole.hexdigest())


def parse_keys(data: bytes, where: str) -> tuple[Key, ...]:
    """The keys of a JWKS (RFC 7517) that can sign tokens. Raises `ConfigError` for what is none, or has no such key."""
    try:
        found = json.loads(data)["keys"]
        if not isinstance(found, list) or len(found) > MOST_KEYS:
            raise ValueError("no list of keys")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ConfigError(SETTING, f"{where} is no JWKS; fetch it from the provider's `jwks_uri`") from None
    usable = tuple(key for one in found if (key := _key(one)) is not None)
    if not usable:
        raise ConfigError(SETTING, f"{where} holds no RSA, P-256 or Ed25519 key that has a `kid`")
    return usable


def _key(plain: object) -> Key | None:
    """None for a key that is not for signatures, has no id, is secret, or is of a kind that is not taken."""
    if not isinstance(plain, dict) or plain.get("use", "sig") != "sig" or not isinstance(plain.get("kid"), str):
        return None
    kind = plain.get("kty")
    if not isinstance(kind, str) or kind not in _MEMBERS or plain.get("crv") != _CURVES.get(kind):
        return None
    members: dict[str, Any] = {name: plain.get(name) for name in _MEMBERS[kind]}
    possible = frozenset(_OF_KIND[kind]) & ({plain["alg"]} if isinstance(plain.get("alg"), str) else set(ALGORITHMS))
    if not possible or not all(isinstance(value, str) for value in members.values()):
        return None
    try:
        key = jwt.PyJWK.from_dict(members, algorithm=min(possible))
    except (jwt.PyJWTError, ValueError):
        return None
    return Key(plain["kid"], _thumbprint(members), frozenset(possible), key)


def _thumbprint(members: Mapping[str, Any]) -> str:
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return "jwk SHA256:" + base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b"=").decode()
