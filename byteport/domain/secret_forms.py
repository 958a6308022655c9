"""Every form in which a known secret may stand in a text, and the patterns by which an unknown one shows itself.

The word lists of `redaction.py`. Each pattern starts with a literal or a bounded prefix and repeats nothing that can
match in two ways, so that reading is linear in the text whatever the text is.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import quote, quote_plus

SHORTEST_ENCODED = 4
"""A known value shorter than this is masked as it stands; its encodings are too short to mean it."""


def forms(secret: str) -> Iterator[str]:
    """`secret` as it stands, and as JSON, URL, HTML, hex and base64 would carry it, alone or inside a longer value."""
    if not secret.strip():
        return
    yield secret
    for line in secret.splitlines():
        if len(line.strip()) >= SHORTEST_ENCODED:
            yield line.strip()
    if len(secret) < SHORTEST_ENCODED:
        return
    raw = secret.encode("utf-8", "surrogatepass")
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(raw, safe="")
    yield quote(raw)
    yield quote_plus(raw)
    yield from (quote(raw, safe="").lower(), escape(secret), repr(secret)[1:-1])
    yield from (raw.hex(), raw.hex().upper())
    for aligned in _base64(raw):
        yield aligned
        yield aligned.replace("+", "-").replace("/", "_")


def _base64(raw: bytes) -> Iterator[str]:
    """The characters that depend on `raw` alone, for each of the three places where it may begin in a longer value."""
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        start = (0, 2, 3)[offset]
        whole = (offset + len(raw)) % 3 == 0
        core = encoded[start:] if whole else encoded[start:-1]
        if len(core) >= SHORTEST_ENCODED:
            yield core
    yield base64.b64encode(raw).decode()


def known_pattern(known: Iterable[str]) -> re.Pattern[str] | None:
    """One alternation over all forms of all known secrets, longest first; None when there is none."""
    words = sorted({form for secret in known for form in forms(secret)}, key=lambda word: (-len(word), word))
    return re.compile("|".join(map(re.escape, words))) if words else None


SECRET_NAME = re.compile(
    r"pass(?:word|wd|phrase|code)|secret|token|credential|api[-_.]?key|access[-_.]?key|private[-_.]?key|account[-_.]?key"
    r"|signing[-_.]?key|encryption[-_.]?key|master[-_.]?key|auth[-_.]?key|licen[cs]e[-_.]?key|shared[-_.]?access[-_.]?signature"
    r"|connection[-_.]?string|conn[-_.]?str|session[-_.]?id|client[-_.]?assertion|webhook[-_.]?url|authorization|bearer"
    r"|(?<![A-Za-z])(?:pass|pwd|pw|creds?|dsn|sas|otp|pin|salt|jwt|cookies?|psk|pat)(?![A-Za-z])"
    r"|(?-i:(?<=[a-z])(?:Pass|Pwd|Creds?|Key|Jwt)(?![a-z]))|(?<=db)pass(?![a-z])",
    re.IGNORECASE,
)
"""Found in the name of a flag, variable or key, it makes the value a secret."""

_VALUE = (
    r"\[REDACTED\][^\s,;&}\])]*+|(?:\\\"(?:(?!\\\")[^\r\n]){0,500}\\\"|\"(?:[^\"\\]|\\.)*+\"|'[^']*+')[^\s,;&}\])]*+"
    r"|\S++"
)
"""A quoted string, its quotes escaped or not, or all up to the next space: rather too much than a tail too little."""

VALUE = re.compile(_VALUE)
NAMES: tuple[re.Pattern[str], ...] = (
    # --db-password X, --token=X, -password X
    re.compile(r"(?<![\w-])--?(?P<name>[A-Za-z][\w.-]{0,60}+)(?:=|[ \t]{1,8}+(?!--?[A-Za-z]))"),
    # PASSWORD=X, db.password: X, "password": "X", \"password\": \"X\", password => X
    re.compile(r"(?<![\w.-])(?P<name>\w[\w.-]{0,80}+)(?:\\?[\"'])?[ \t]{0,8}+(?:=>|:=|[=:])[ \t]{0,8}+"),
)
"""A name up to where its value begins. The value is masked when the name is a secret's, and read on when it is not."""

KEPT_PREFIX: tuple[re.Pattern[str], ...] = (
    # --from-literal=key=X, --set key=X of kubectl and helm
    re.compile(rf"(--(?:from-literal|set(?:-string|-json)?)[= ]{{1,4}}[^\s=]{{1,120}}=)(?:{_VALUE})"),
    # Authorization: Bearer X, Cookie: a=b; c=d: to the end of the line or of the quoted header
    re.compile(
        r"((?:authorization|cookie|x-[a-z-]{0,30}(?:key|token))(?:\\?[\"'])?[ \t]{0,8}+[:=][ \t]{0,8}+(?:\\?[\"'])?)[^\"'\r\n]++",
        re.IGNORECASE,
    ),
    re.compile(r"((?<![A-Za-z0-9])(?:bearer|basic|negotiate)[ \t]{1,8})[A-Za-z0-9._~+/=-]{8,}+", re.IGNORECASE),
    # scheme://user:X@host
    re.compile(r"((?<![A-Za-z0-9])[a-z][a-z0-9+.-]{0,30}+://)[^\s/]{1,300}(?=@)", re.IGNORECASE),
    re.compile(r"((?<![A-Za-z0-9])[a-z][a-z0-9+.-]{0,30}+://[^\s/@:]{0,80}:)[^\s@]{1,300}(?=@)", re.IGNORECASE),
    # curl -u user:X, sshpass -p X, redis-cli -a X, mysql -pX
    re.compile(r"(\bcurl\b[^\r\n|;]{0,200}?[ \t](?:-u|--user)[ \t=]{0,4})\S++"),
    re.compile(
        r"(\b(?:sshpass|redis-cli|mysql\w{0,12}|mariadb\w{0,12}|mongo\w{0,12})\b[^\r\n|;]{0,200}?[ \t]-[pa][ \t]?)\S++"
    ),
    # signatures in a query
    re.compile(
        r"([?&](?:sig|signature|x-amz-(?:signature|credential|security-token)|code)=)[^\s&\"']++", re.IGNORECASE
    ),
)
"""Group 1 stays, the rest is a secret."""

WHOLE: tuple[re.Pattern[str], ...] = (
    re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}(?:PRIVATE KEY|CERTIFICATE)[A-Z ]{0,20}-----(?:(?!-----END)[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{0,60}-----)?"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.?[A-Za-z0-9_-]*+"),
    re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[0-9A-Z]{16}\b"),
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}+|\bgithub_pat_[A-Za-z0-9_]{20,}+"),
    re.compile(r"\b(?:glpat|gldt|glrt|glcbt|glptt|glft|glsoat)-[A-Za-z0-9_.-]{16,}+"),
    re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}+|\bxapp-[A-Za-z0-9-]{8,}+"),
    re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/\S++|\.webhook\.office\.com/\S++|discord(?:app)?\.com/api/webhooks/\S++"),
    re.compile(r"\bAIza[0-9A-Za-z_-]{30,}+|\bya29\.[0-9A-Za-z_.-]{10,}+|\bGOCSPX-[0-9A-Za-z_-]{20,}+"),
    re.compile(r"\b[rsp]k_(?:live|test)_[0-9A-Za-z]{10,}+|\bwhsec_[0-9A-Za-z+/=]{16,}+"),
    re.compile(r"\bsk-[A-Za-z0-9_-]{20,}+"),
    re.compile(r"\bnpm_[A-Za-z0-9]{30,}+|\bpypi-[A-Za-z0-9_-]{30,}+|\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{16,}+"),
    re.compile(r"\b(?:hvs|hvb|hvr)\.[A-Za-z0-9_-]{20,}+|\b[sbr]\.[A-Za-z0-9]{24}\b|\.atlasv1\.[A-Za-z0-9_-]{20,}+"),
    re.compile(r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{16,}+|\bdop_v1_[0-9a-f]{32,}+|\bops_ey[A-Za-z0-9_=-]{20,}+"),
    re.compile(r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}+|\bhf_[A-Za-z0-9]{20,}+|\bdapi[0-9a-f]{32}\b|\bNRAK-[A-Z0-9]{20,}+"),
    re.compile(r"\bshp(?:at|ca|pa|ss)_[0-9A-Fa-f]{20,}+|\blin_api_[A-Za-z0-9]{20,}+|\bATATT3[A-Za-z0-9_=-]{20,}+"),
    re.compile(r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}+|\b[0-9]{8,10}:[A-Za-z0-9_-]{35}\b"),
    re.compile(r"(?<![a-z0-9.])[a-z0-9]{6}\.[a-z0-9]{16}(?![a-z0-9.])"),
)  # fmt: skip
"""Tokens that providers mark as theirs; the last is a kubeadm bootstrap token."""
