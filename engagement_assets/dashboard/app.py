"""Builds the web application: frame, pages, exports."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import dash_mantine_components as dmc
from dash import Dash
from flask import Flask

from engagement_assets.dashboard import (
    access,
    answers,
    exports,
    formats,
    grids,
    payloads,
    routing,
    shell,
    site,
)
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.settings import Settings

#: Plotly is read while the frame is drawn; Dash itself would ask for it with the first chart.
_PAGE = """<!DOCTYPE html>
<html lang="en">
  <head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}
    <script async src="/_dash-component-suites/plotly/package_data/plotly.min.js"></script></head>
  <body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


@cache
def _no_flash_of_the_wrong_scheme() -> None:
    """Set light or dark before the first paint. Once per process: each call adds its script to every application."""
    dmc.pre_render_color_scheme()


def build_app(settings: Settings, listens_on: Iterable[str] = ()) -> Dash:
    """The application over the tables of these settings. Nothing is read before the first request.

    `listens_on`: addresses other than those of loopback that its server listens on.
    """
    server = Flask("engagement_assets.dashboard", static_folder=None)
    access.register(server, settings, listens_on)  # first: whoever is not let in learns nothing
    server.before_request(lambda: formats.CURRENCY.set(settings.currency) and None)
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
        if page.register:
            page.register(app, warehouse)
    grids.register(app, warehouse)
    exports.register(server, warehouse, site.EXPORTS)

    payloads.register(server, app)
    answers.register(server, app)
    return app
