"""Builds the web application: frame, pages, exports."""

from __future__ import annotations

from functools import cache

import dash_mantine_components as dmc
from dash import Dash
from flask import Flask, Response

from engagement_assets.dashboard import exports, grids, routing, shell, site, visuals
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.settings import Settings

_PAGE = """<!DOCTYPE html>
<html lang="en">
  <head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
  <body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""

#: Nothing is loaded from, sent to or framed by another host, whatever a page may contain.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'self'; "
    "form-action 'self'"
)


@cache
def _no_flash_of_the_wrong_scheme() -> None:
    """Set light or dark before the first paint. Once per process: each call adds its script to every application."""
    dmc.pre_render_color_scheme()


def build_app(settings: Settings) -> Dash:
    """The application over the tables of these settings. Nothing is read before the first request."""
    server = Flask("engagement_assets.dashboard")
    _no_flash_of_the_wrong_scheme()
    app = Dash(
        "engagement_assets.dashboard",
        server=server,  # type: ignore[arg-type]  # a Flask application is what it takes
        title="Customer engagement",
        update_title="",
        serve_locally=True,
        use_pages=False,
        pages_folder="",
        suppress_callback_exceptions=True,
        index_string=_PAGE,
        enable_mcp=False,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    warehouse = Warehouse(settings)
    warehouse.dagster.warm_up()
    app.layout = shell.frame()
    routing.register(app, warehouse)
    for page in site.PAGES:
        for visual in page.visuals:
            visuals.register(app, warehouse, visual)
        if page.register:
            page.register(app, warehouse)
    grids.register(app, warehouse)
    exports.register(server, warehouse, site.EXPORTS)

    @server.after_request
    def guard(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app
