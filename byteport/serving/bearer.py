"""The token of a request's one `Authorization` header. Comes before `tokens` and each face's list of those who may come in."""

from __future__ import annotations

from byteport.serving.problems import Code, Problem


def bearer(authorization: list[bytes]) -> str:
    """Raises `Problem` for two headers, another scheme, or what is no ASCII."""
    scheme, _, token = authorization[0].partition(b" ")
    if len(authorization) != 1 or scheme.lower() != b"bearer":
        raise Problem(Code.CREDENTIAL_INVALID, "send one `Authorization` header, of the form `Bearer` and a token")
    try:
        return token.strip().decode("ascii")
    except UnicodeDecodeError:
        raise Problem(Code.CREDENTIAL_INVALID, "the token is not ASCII") from None
