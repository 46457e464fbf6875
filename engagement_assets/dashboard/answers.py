"""What every answer has in common: what browsers may do with it, and what is said where there is none."""

from __future__ import annotations

import base64
import hashlib
import re

from dash import Dash
from dash.exceptions import DependencyException
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from engagement_assets.dashboard.access import refusal

#: A script in the page itself; those that have a type of data or an address are none.
_INLINE_SCRIPT = re.compile(r"<script(?: id=\"[\w-]+\" type=\"application/javascript\")?>(.*?)</script>", re.DOTALL)

#: Nothing is loaded from, sent to or framed by another host, whatever a page may contain, and no script runs that is not ours.
#: Styles may be inline: Mantine, AG Grid and Plotly make them while they draw, with values that change with the page.
_POLICY = (
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}

#: What does not change with the tables may be kept by the browser; pages, rows and files may not.
_MAY_BE_KEPT = ("/assets/", "/_dash-component-suites/", "/_favicon.ico")

#: How long, where Dash does not say it: scripts whose address does not tell their version. Asking for each takes a page longer.
_KEPT_SECONDS = 600


def register(server: Flask, app: Dash) -> None:
    """Give answers their headers, and errors a sentence. Call it after all callbacks are declared."""
    policy = _POLICY.format(scripts=" ".join(_script_hashes(app)))

    @server.after_request
    def guard(response: Response) -> Response:
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = policy
        if response.status_code >= 400 or not request.path.startswith(_MAY_BE_KEPT):
            response.headers["Cache-Control"] = "no-store"
        elif response.cache_control.max_age is None:
            response.headers["Cache-Control"] = f"private, max-age={_KEPT_SECONDS}"
        return response

    @server.errorhandler(HTTPException)
    def tell(error: HTTPException) -> Response:
        if isinstance(error.response, Response):
            return error.response
        return refusal(error.description or error.name, error.code or 500)

    @server.errorhandler(DependencyException)
    def no_such_part(_: DependencyException) -> Response:
        return refusal("There is no such part of the page.", 404)


def _script_hashes(app: Dash) -> list[str]:
    """The scripts that stand in the page itself: Dash's (`csp_hashes`) and what hooks of libraries put there."""
    with app.server.test_request_context():
        page = app.index()
    digests = (hashlib.sha256(text.encode()).digest() for text in _INLINE_SCRIPT.findall(page))
    own = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    return list(dict.fromkeys([*app.csp_hashes(), *own]))
