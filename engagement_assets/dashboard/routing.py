"""Between the URL and what is on the screen: pages, controls, status line. Small on purpose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component
from plotly.utils import PlotlyJSONEncoder

from engagement_assets.dashboard import formats, lists
from engagement_assets.dashboard.components import link, message
from engagement_assets.dashboard.flat import flattened
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.pages.customer.queries import meant
from engagement_assets.dashboard.shell import NAVBAR, OTHER, controls
from engagement_assets.dashboard.site import PAGES, page_at
from engagement_assets.dashboard.state import COMPARISONS, View, parse, rewrite
from engagement_assets.dashboard.visuals import log
from engagement_assets.dashboard.warehouse import Catalogue, Warehouse
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.domain.customer_filters import LONGEST_ID, words

#: A snapshot that is older than this is called stale, days.
STALE_AFTER_DAYS = 2


#: A new page takes the focus, so that the keyboard and screen readers go on there. Under another address of the same page, what
#: had the focus gets it again once it is drawn anew.
_KEEP_FOCUS = """(path, search) => {
    const page = document.getElementById("page"), before = window.engagementPath;
    window.engagementPath = path;
    if (before === undefined) return;
    if (before !== path) { page.focus({preventScroll: true}); return; }
    const id = document.activeElement && document.activeElement.id;
    let times = 30;
    const again = () => {
        if (document.activeElement === document.body) {
            ((id && document.getElementById(id)) || page).focus({preventScroll: true});
        }
        if (--times) window.setTimeout(again, 100);
    };
    again();
}"""

#: Charts are drawn as wide as the paper while a page is printed, and as wide as the screen afterwards.
_FIT_PAPER = """() => {
    const fit = () => document.querySelectorAll(".js-plotly-plot").forEach((each) => {
        window.Plotly.relayout(each, {width: each.parentElement.clientWidth, autosize: false});
    });
    window.addEventListener("beforeprint", () => { document.body.classList.add("printed"); fit(); });
    window.addEventListener("afterprint", () => {
        document.body.classList.remove("printed");
        document.querySelectorAll(".js-plotly-plot").forEach((each) => window.Plotly.relayout(each, {autosize: true}));
    });
}"""


#: The controls come when every chart is drawn (assets/drawn.js).
_CONTROLS_LATE = """(page, there) =>
    there ? dash_clientside.no_update : window.engagementDrawn().then(() => ({controls}))"""


def register(app: Dash, warehouse: Warehouse) -> None:
    """Wire the frame to the URL."""

    @app.callback(Output("page", "children"), Input("url", "pathname"), Input("url", "search"))
    def route(path: str | None, search: str | None) -> Any:
        return _page(warehouse, path, search)

    @app.callback(Output("nav", "children"), Input("url", "pathname"), Input("url", "search"))
    def navigate(path: str | None, search: str | None) -> Any:
        view = parse(search, _catalogue(warehouse))
        here = page_at(path)
        pages = [_nav_link(page.title, view.link(page.path) if view else page.path, page is here) for page in PAGES]
        return flattened([html.Div(pages), *_named_lists(warehouse, view, path)])

    @app.callback(Output("status", "children"), Input("url", "search"))
    def tell(search: str | None) -> Any:
        try:
            view = parse(search, warehouse.catalogue())
            return [] if view is None else _status(warehouse, view)
        except Exception:
            log.exception("status failed")
            return []

    # Two callbacks, so that the page need not wait for the controls to show what the address says.
    @app.callback(
        Output("as-of", "value"),
        Output("as-of", "minDate"),
        Output("as-of", "maxDate"),
        Output("as-of", "disabledDates"),
        Output("compare", "value"),
        Output("compare-day", "value"),
        Output("compare-day", "minDate"),
        Output("compare-day", "maxDate"),
        Output("country", "value"),
        Output("country", "data"),
        Output("segment", "value"),
        Output("value", "value"),
        Input("url", "search"),
        *(State(control, "value") for control in ("as-of", "compare", "compare-day", "country", "segment", "value")),
    )
    def show(search: str | None, *shown: Any) -> Any:
        # What a control shows already is not set again: that would undo what somebody chooses there in the meantime.
        def anew(at: int, wanted: Any) -> Any:
            return no_update if wanted == shown[at] else wanted

        catalogue = _catalogue(warehouse)
        view = parse(search, catalogue)
        if view is None:
            return [no_update] * 12
        return (
            anew(0, view.as_of),
            catalogue.days[0],
            catalogue.days[-1],
            _unpublished(catalogue),
            anew(1, view.comparison if view.comparison in COMPARISONS else OTHER),
            anew(2, view.compared),
            catalogue.days[0],
            (date.fromisoformat(view.as_of) - timedelta(days=1)).isoformat(),
            anew(3, list(view.countries)),
            list(catalogue.countries),
            anew(4, list(view.segments)),
            anew(5, list(view.values)),
        )

    @app.callback(
        Output("url", "search", allow_duplicate=True),
        Input("as-of", "value"),
        Input("compare", "value"),
        Input("compare-day", "value"),
        Input("country", "value"),
        Input("segment", "value"),
        Input("value", "value"),
        Input("clear", "n_clicks"),
        State("address", "data"),
        prevent_initial_call=True,
    )
    def choose(
        as_of: str | None,
        compare: str | None,
        compare_day: str | None,
        country: list[str] | None,
        segment: list[str] | None,
        value: list[str] | None,
        _: int | None,
        search: str | None,
    ) -> Any:
        catalogue = _catalogue(warehouse)
        view = parse(search, catalogue)
        # Several at once speak up while they are made to show another address: they are not what somebody chose.
        if view is None or not as_of or len(ctx.triggered) > 1:
            return no_update
        changed, wanted = ctx.triggered_id, search or ""
        if changed == "as-of":
            wanted = rewrite(wanted, date=as_of if as_of != catalogue.latest else None)
        elif changed == "compare" and compare in COMPARISONS:
            wanted = rewrite(wanted, compare=compare)
        elif changed == "compare-day" and compare_day and compare_day != view.compared:
            wanted = rewrite(wanted, compare=compare_day)
        elif changed in (chosen := {"country": country, "segment": segment, "value": value}):
            wanted = rewrite(wanted, **{changed: chosen[changed]})
        elif changed == "clear":
            wanted = rewrite(wanted, country=None, segment=None, value=None)
        return wanted if wanted != (search or "") else no_update

    @app.callback(
        Output("url", "href", allow_duplicate=True),
        Output("customer-search", "value"),
        Input("customer-search", "n_submit"),
        State("customer-search", "value"),
        State("address", "data"),
        prevent_initial_call=True,
    )
    def find(submitted: int | None, wanted: str | None, search: str | None) -> Any:
        view = parse(search, _catalogue(warehouse))
        text = (wanted or "").strip()[:LONGEST_ID]
        if not submitted or not text or view is None:
            return no_update, no_update
        found = meant(warehouse, view.as_of, text)
        if len(found) > 1:
            return view.list_of("country", "segment", "value", id=text), ""
        return view.link("/customer", cid=found[0] if found else text), ""

    app.clientside_callback(
        """(clicks) => {
            const clicked = dash_clientside.callback_context.triggered[0];
            const mark = clicked && clicked.value && clicked.value.points && clicked.value.points[0];
            const address = mark && mark.customdata;
            return typeof address === "string" && address.startsWith("/") ? address : dash_clientside.no_update;
        }""",
        Output("url", "href", allow_duplicate=True),
        Input({"type": "chart", "name": ALL}, "clickData"),
        prevent_initial_call=True,
    )

    app.clientside_callback("(search) => window.location.search", Output("address", "data"), Input("url", "search"))
    app.clientside_callback(_KEEP_FOCUS, Input("url", "pathname"), Input("url", "search"))
    app.clientside_callback(_FIT_PAPER, Input("shell", "id"))
    app.clientside_callback(
        _CONTROLS_LATE.format(controls=json.dumps(controls().to_plotly_json(), cls=PlotlyJSONEncoder)),
        Output("controls", "children"),
        Input("page", "children"),
        State("controls", "children"),
        prevent_initial_call=True,
    )

    # Pure browser matters: the drawer of small screens, and the title of the tab.
    navbar, titles = json.dumps(NAVBAR), json.dumps({page.path: page.title for page in PAGES})
    app.clientside_callback(
        f"(opened) => ({{...{navbar}, collapsed: {{mobile: !opened}}}})",
        Output("shell", "navbar"),
        Input("burger", "opened"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        f"(path) => {{ document.title = ({titles}[path] || 'Not found') + ' · Customer engagement'; return [false, '']; }}",
        Output("burger", "opened"),
        Output("title-sink", "children"),
        Input("url", "pathname"),
    )


def _nav_link(text: str, href: str, is_here: bool) -> Component:
    return html.A(text, href=href, className="nav-link", **(aria(current="page") if is_here else {}))


def _named_lists(warehouse: Warehouse, view: View | None, path: str | None) -> list[Any]:
    """The lists that have a name, as links."""
    named = warehouse.settings.named_lists
    if not named or view is None:
        return []
    links = [
        _nav_link(
            each.title,
            view.list_of("country", "segment", "value", **each.where, sort=each.sort),
            path == "/customers" and view.all_filters == each.filters,
        )
        for each in named.values()
    ]
    return [html.Div([html.Div("Lists", className="nav-title"), *links])]


def _catalogue(warehouse: Warehouse) -> Catalogue:
    try:
        return warehouse.catalogue()
    except Exception:
        log.exception("the published snapshots could not be read")
        return Catalogue((), ())


def _unpublished(catalogue: Catalogue) -> list[str]:
    first, last = date.fromisoformat(catalogue.days[0]), date.fromisoformat(catalogue.days[-1])
    published = set(catalogue.days)
    days = ((first + timedelta(days=offset)).isoformat() for offset in range((last - first).days))
    return [day for day in days if day not in published]


def _page(warehouse: Warehouse, path: str | None, search: str | None) -> Sequence[Component]:
    try:
        empty = warehouse.catalogue().latest is None
    except Exception as error:
        log.exception("the published snapshots could not be read")
        return [
            html.H1("The tables cannot be read", className="title"),
            message("What went wrong", f"{type(error).__name__}: {error}", kind="failed"),
        ]
    if empty:
        return [
            html.H1("Nothing is published yet", className="title"),
            message(
                "Build the first snapshot, then reload this page",
                [
                    "The tables hold no snapshot. ",
                    html.Code("engagement run --date YYYY-MM-DD"),
                    " builds one day, ",
                    html.Code("make demo"),
                    " ninety days of the sample data. ",
                    html.Code("engagement doctor"),
                    " says what the sources and tables hold.",
                ],
            ),
        ]
    page = page_at(path)
    if page is None:
        return [
            html.H1("There is no such page", className="title"),
            message("The address may be mistyped", ["Start from the ", link("executive overview", "/"), "."]),
        ]
    return [
        html.Div(
            [html.H1(page.title, className="title"), html.Div(page.purpose, className="purpose")], className="head"
        ),
        *flattened(page.layout(warehouse, search)),
    ]


def _status(warehouse: Warehouse, view: View) -> list[Component]:
    """Freshness, comparison, filters, and what of the address could not be followed."""
    latest = str(warehouse.catalogue().latest)
    behind = (datetime.now(warehouse.settings.zone).date() - date.fromisoformat(latest)).days
    built = warehouse.built_at(EngagementScores)
    parts: list[Component] = [
        html.Span(["Data as of ", html.Strong(view.as_of)]),
        html.Span(f"built {built} {warehouse.settings.timezone}") if built else html.Span(),
        html.Span(f"compared with {view.compared}" if view.compared else "no earlier snapshot to compare with"),
    ]
    if view.all_filters:
        matching = lists.customers(warehouse, view, view.chosen)
        told = f"filtered to {words(view.all_filters)}: {formats.count(matching)} customers"
        parts.append(html.Span(told, className="filtered"))
    notices = list(view.notices)
    if behind > STALE_AFTER_DAYS:
        notices.append(
            f"The latest snapshot, {latest}, is {behind:,} days old; nothing newer is in these numbers. "
            f"Ask {warehouse.settings.asset_owner.replace('team:', 'the team ')} for newer ones."
        )
    return [
        html.Div(parts, className="stamp"),
        *[html.Div(notice, className="notice") for notice in notices],
    ]
