"""Long lists of customers: an AG Grid that fetches a block at a time, its CSV, and the way to a customer's page."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dash_ag_grid as dag
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from engagement_assets.dashboard import column_filters, formats, lists
from engagement_assets.dashboard.exports import Export, export_link
from engagement_assets.dashboard.lists import LARGEST_BLOCK, LISTS, Column, CustomerList
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.state import View, parse, rewrite
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain import bands
from engagement_assets.domain.meanings import Meanings

log = logging.getLogger("engagement.dashboard")

_BLOCK = 100

#: Pixels of a row.
_ROW_HEIGHT = 36

_WRITE: dict[str, Callable[[Any], str]] = {
    "count": formats.count,
    "money": formats.cents,
    "score": formats.score,
    "share": formats.share,
    "date": formats.day,
    "text": lambda value: formats.NOTHING if value is None else str(value),
    "change": formats.difference,
}

_FILTERS = {"text": "agTextColumnFilter", "date": "agDateColumnFilter"}

#: What the grid tells the page of: Enter on a cell, and how far it is scrolled down, pixels.
_LISTENERS: Any = {
    "cellKeyDown": [
        "params.event.key === 'Enter' "
        "? setEventData({customer: params.data.customer_id, column: params.column.colId}) : null"
    ],
    # It comes a moment after the last move, when another page may be there already.
    "bodyScrollEnd": ["params.api.isDestroyed() ? null : setEventData({top: params.api.getVerticalPixelRange().top})"],
}

#: What the browser does with the first rows of the lists for paper, and for small screens when they have come. Thousands of
#: components would take it a minute; so it makes the table itself, when it is needed.
_SHORTEN = """() => {
    const text = (kind, value) => value === null ? "–" : kind === "money"
        ? value.toLocaleString("en-US", {minimumFractionDigits: 2, maximumFractionDigits: 2}) : String(value);
    const put = (parent, name, content) => {
        const made = parent.appendChild(document.createElement(name));
        made.textContent = content;
        return made;
    };
    const fill = (place, lines) => {
        const columns = JSON.parse(place.dataset.columns), table = document.createElement("table");
        const rows = lines.split("\\n").filter(Boolean).map((line) => JSON.parse(line));
        table.className = "table";
        put(table, "caption", place.closest(".grid").getAttribute("aria-label")).className = "visually-hidden";
        const head = table.createTHead().insertRow(), body = table.createTBody();
        columns.forEach(([, title]) => { put(head, "th", title).scope = "col"; });
        rows.forEach((each) => {
            const row = body.insertRow();
            columns.forEach(([key, title, kind]) => {
                const cell = put(row, "td", key === "customer_id" ? "" : text(kind, each[key]));
                cell.className = each[key] === null ? "nothing" : `short-${kind}`;
                cell.dataset.title = title;
                if (key !== "customer_id") return;
                const here = new URLSearchParams(window.location.search);
                here.set("cid", each[key]);
                here.set("from", place.dataset.list);
                const link = put(cell, "a", each[key]);
                link.href = `/customer?${here}`;
                link.className = "link";
            });
        });
        const counted = place.closest(".grid").querySelector("[role=status]").textContent;
        place.replaceChildren(table);
        put(place, "p", `The first ${rows.length} of ${counted}. ${place.dataset.more}`);
    };
    const all = (later) => document.querySelectorAll(".grid").forEach((grid) => {
        const place = grid.querySelector(".short"), asked = new XMLHttpRequest();
        const address = grid.querySelector('a[href*=".jsonl"]').getAttribute("href");
        asked.open("GET", `${address}${address.includes("?") ? "&" : "?"}rows=ROWS`, later);
        asked.onload = () => { if (asked.status === 200) fill(place, asked.responseText); };
        asked.send();
    });
    if (window.matchMedia("(max-width: 48em)").matches) all(true);
    if (!window.engagementPrints) window.addEventListener("beforeprint", () => all(false));
    window.engagementPrints = true;
}""".replace("ROWS", str(LARGEST_BLOCK))

#: What the browser does with it, and with the order and the filters that are asked for: they go into the address, without asking
#: the server anything, and so does the customer who is opened.
_FOLLOW = """(clicks, events, requests, ids) => {
    const told = dash_clientside.callback_context.triggered[0], value = told && told.value;
    const same = dash_clientside.no_update;
    if (!value) return [same, same];
    const here = new URLSearchParams(window.location.search);
    const data = value.data || {};
    const customer = data.customer || value.rowId, column = data.column || value.colId;
    if (told.prop_id.endsWith(".getRowsRequest")) {
        here.delete("sort"), here.delete("where");
        (value.sortModel || []).forEach((each) => here.append("sort", `${each.colId}:${each.sort}`));
        const filters = JSON.stringify(value.filterModel || {});
        if (filters !== "{}") here.set("where", filters);
    } else if (data.top !== undefined) {
        const row = Math.round(data.top / ROW_HEIGHT);
        row ? here.set("row", row) : here.delete("row");
    } else if (customer && column === "customer_id") {
        here.set("cid", customer);
        here.set("from", ids[0].name);
        return [`/customer?${here}`, same];
    }
    const search = here.toString();
    window.history.replaceState(window.history.state, "", window.location.pathname + (search && `?${search}`));
    return [same, search && `?${search}`];
}""".replace("ROW_HEIGHT", str(_ROW_HEIGHT))


def grid(warehouse: Warehouse, view: View, name: str, *, height: int = 460, empty: str) -> Component:
    """A list as a grid; `empty` is said when nobody is in it."""
    found = LISTS[name]
    total = lists.size(warehouse, view, found, {})
    if not total:
        return html.Div(html.Span(empty), className="state empty", role="status")
    shown = lists.size(warehouse, view, found, json.loads(view.where or "{}"))
    rev = hashlib.sha256(f"{view}".encode()).hexdigest()[:10]
    return html.Div(
        [
            html.Div(
                [
                    html.Span(
                        f"{total:,} customers", id={"type": "grid-count", "name": name, "rev": rev}, role="status"
                    ),
                    html.Span(
                        [
                            export_link(name, found.title, {"type": "grid-export", "name": name, "rev": rev}),
                            export_link(
                                name, found.title, {"type": "grid-lines", "name": name, "rev": rev}, kind="jsonl"
                            ),
                        ],
                        className="choices",
                    ),
                ],
                className="grid-head",
            ),
            *_later(
                dag.AgGrid(
                    id={"type": "grid", "name": name, "rev": rev},
                    columnDefs=[_definition(column, warehouse.meanings, view) for column in found.columns],
                    filterModel=json.loads(view.where or "{}"),
                    defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
                    rowModelType="infinite",
                    columnSize=None,
                    scrollTo={"rowIndex": min(view.row, shown - 1), "rowPosition": "top"}
                    if view.row and shown
                    else None,
                    dashGridOptions={
                        "infiniteInitialRowCount": max(1, shown),
                        "cacheBlockSize": _BLOCK,
                        "maxBlocksInCache": 20,
                        "rowHeight": _ROW_HEIGHT,
                        "headerHeight": 38,
                        "tooltipShowDelay": 300,
                        "theme": "themeQuartz",
                        "multiSortKey": "ctrl",
                        "suppressMultiSort": True,
                        "enableCellTextSelection": True,
                        "ensureDomOrder": True,
                        # One stop for the Tab key: arrows go from cell to cell.
                        "tabToNextCell": {"function": "false"},
                        "tabToNextHeader": {"function": "false"},
                    },
                    getRowId="params.data.customer_id",
                    eventListeners=_LISTENERS,
                    style={"height": min(height, 92 + _ROW_HEIGHT * total), "width": "100%"},
                )
            ),
            _short(found),
        ],
        className="grid",
        role="group",
        **aria(label=found.title),
    )


def _later(grid: dag.AgGrid) -> list[Component]:
    """A place for a grid, which comes when the charts of its page are drawn: it takes as long as they do."""
    told = grid.to_plotly_json()
    where = {key: value for key, value in told["props"]["id"].items() if key != "type"}
    return [
        html.Div(id={"type": "grid-place", **where}, style=told["props"]["style"]),
        dcc.Store(id={"type": "grid-later", **where}, data=told),
    ]


def _definition(column: Column, meanings: Meanings, view: View) -> dict[str, Any]:
    right = column.kind in ("count", "money", "score", "share", "change")
    definition: dict[str, Any] = {
        "field": column.key,
        "headerName": column.title,
        "headerTooltip": meanings.text(column.meaning) or column.title,
        "minWidth": column.width,
        "flex": max(1, column.width // 100),
        "filter": _FILTERS.get(column.kind, "agNumberColumnFilter"),
        "type": "rightAligned" if right else None,
        "sortingOrder": ["desc", "asc", None] if column.kind != "text" else ["asc", "desc", None],
        "cellDataType": False,
        "sort": dict(view.sort).get(column.key),
    }
    if column.key == "customer_id":
        definition |= {"cellClass": "grid-link", "pinned": "left", "width": column.width, "flex": None}
    if column.key == "why":
        definition |= {"tooltipField": column.key, "flex": 4}
    if column.band:
        field = f"{column.key}_mood"
        definition["cellClassRules"] = {
            f"cell-{mood}": f"params.data && params.data.{field} === '{mood}'" for mood in ("good", "watch", "bad")
        }
    return {key: value for key, value in definition.items() if value is not None}


def _short(found: CustomerList) -> Component:
    """Where paper and small screens have the list; the browser fills it from the list's JSON Lines."""
    columns = [
        (column.key, column.title, column.kind) for key in found.short for column in found.columns if column.key == key
    ]
    more = len(found.columns) - len(columns)
    data: Any = {
        "data-columns": json.dumps(columns),
        "data-list": found.name,
        "data-more": f"{more} more columns, and sorting: on a wider screen. The files have every column and row.",
    }
    return html.Div(className="short", **data)


def written(row: Row, found: CustomerList, warehouse: Warehouse) -> dict[str, str]:
    """A row as texts, with the mood of each band beside it."""
    texts: dict[str, str] = {}
    for column in found.columns:
        value = row[column.key]
        texts[column.key] = _WRITE[column.kind](value)
        if column.band:
            mood, word = _band(column.band, row, value, warehouse)
            texts[f"{column.key}_mood"] = mood
            texts[column.key] += f" · {word}"
    return texts


def _band(name: str, row: Row, value: Any, warehouse: Warehouse) -> bands.Band:
    if name == "recency":
        return bands.recency(row["recency_days"])
    if name == "sessions":
        return bands.sessions(value)
    return bands.score(value, warehouse.settings.scoring) if name == "score" else bands.change(value)


def _asked(request: dict[str, Any] | None) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """The order and the filters of a grid's request."""
    request = request or {}
    sort = [(str(part.get("colId")), str(part.get("sort"))) for part in request.get("sortModel") or []]
    return sort, column_filters.read(request.get("filterModel"))


def register(app: Dash, warehouse: Warehouse) -> None:
    """Wire all grids: blocks of rows, the CSV's address, the way to a customer."""
    app.clientside_callback(
        "(grid) => window.engagementDrawn().then(() => grid)",
        Output({"type": "grid-place", "name": MATCH, "rev": MATCH}, "children"),
        Input({"type": "grid-later", "name": MATCH, "rev": MATCH}, "data"),
    )

    @app.callback(
        Output({"type": "grid", "name": MATCH, "rev": MATCH}, "getRowsResponse"),
        Output({"type": "grid-export", "name": MATCH, "rev": MATCH}, "href"),
        Output({"type": "grid-lines", "name": MATCH, "rev": MATCH}, "href"),
        Output({"type": "grid-count", "name": MATCH, "rev": MATCH}, "children"),
        Input({"type": "grid", "name": MATCH, "rev": MATCH}, "getRowsRequest"),
        State({"type": "grid", "name": MATCH, "rev": MATCH}, "id"),
        State("url", "search"),
    )
    def fetch(request: dict[str, Any] | None, grid_id: dict[str, str], search: str | None) -> Any:
        view = parse(search, warehouse.catalogue())
        found = LISTS.get(grid_id["name"])
        if request is None or view is None or found is None:
            return [no_update] * 4
        sort, filters = _asked(request)
        try:
            total = lists.size(warehouse, view, found, filters)
            rows = lists.block(warehouse, view, found, request["startRow"], request["endRow"], sort, filters)
        except Exception:
            log.exception("list %s failed", found.name)
            told = "This list could not be read; the server's log says why."
            return {"rowData": [], "rowCount": 0}, no_update, no_update, told
        whole = lists.size(warehouse, view, found, {}) if filters else total
        counted = f"{total:,} of {whole:,} customers" if total != whole else f"{total:,} customers"
        return (
            {"rowData": [written(row, found, warehouse) for row in rows], "rowCount": total},
            *(f"/export/{found.name}.{kind}{rewrite(search, **_came(sort, filters))}" for kind in ("csv", "jsonl")),
            counted,
        )

    app.clientside_callback(_SHORTEN, Input({"type": "grid-lines", "name": ALL, "rev": ALL}, "href"))
    app.clientside_callback(
        _FOLLOW,
        Output("url", "href", allow_duplicate=True),
        Output("address", "data", allow_duplicate=True),
        Input({"type": "grid", "name": ALL, "rev": ALL}, "cellClicked"),
        Input({"type": "grid", "name": ALL, "rev": ALL}, "eventData"),
        Input({"type": "grid", "name": ALL, "rev": ALL}, "getRowsRequest"),
        State({"type": "grid", "name": ALL, "rev": ALL}, "id"),
        prevent_initial_call=True,
    )


def _came(sort: Sequence[tuple[str, str]], filters: dict[str, Any]) -> dict[str, Any]:
    """A grid's order and filters as values of a URL."""
    return {
        "sort": [f"{column}:{way}" for column, way in sort] or None,
        "where": column_filters.written(filters) or None,
    }


def export_of(name: str) -> Export:
    """A list as CSV, in the order and under the filters of the address."""

    def export(warehouse: Warehouse, view: View) -> Iterator[Sequence[Any]]:
        return lists.everything(warehouse, view, LISTS[name], view.sort, view.where)

    return export
