"""Pages from templates: everything is escaped, nothing runs in the browser, and nobody can frame or keep what is shown.

Comes after `text`; every route ends here. The templates lie beside it and hold no script; the style sheet is served by us.
"""

from __future__ import annotations

from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from byteport.console.sessions import COOKIE, Session
from byteport.console.text import moment, span, visible, words

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""Of every answer with a body that a browser shows. With `no-referrer` it would not say where a form comes from."""


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("byteport.console"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": moment, "span": span, "words": words}
    return made


_PAGES = _environment()


def page(template: str, session: Session | None, now: datetime, *, status: int = 200, **values: Any) -> Response:
    """A page for whoever has `session`. What was to be told is told, once."""
    told, told_well = session.heard() if session is not None and session.person is not None else ("", False)
    text = _PAGES.get_template(template).render(
        session=session, person=session.person if session else None, now=now, told=told, told_well=told_well, **values
    )
    return HTMLResponse(text, status, headers=HEADERS)


def go(path: str) -> Response:
    """To another page of ours, by GET."""
    return RedirectResponse(path, 303, headers=HEADERS)


def with_cookie(response: Response, session: Session | None) -> Response:
    """`__Host-`: the browser takes it over TLS only, for this very host, and shows it to no script."""
    if session is None:
        response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    else:
        response.set_cookie(COOKIE, session.id, path="/", secure=True, httponly=True, samesite="lax")
    return response


def style_sheet() -> Response:
    text = files("byteport.console").joinpath("templates/style.css").read_text("utf-8")
    return Response(text, media_type="text/css", headers={**HEADERS, "cache-control": "max-age=600"})
