"""Long lists of customers: an AG Grid that fetches a block at a time, its CSV, and the way to a customer's page."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dash_ag_grid as dag
from dash import ALL, MATCH, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from engagement_assets.dashboard import column_filters, formats, lists
from engagement_assets.dashboard.exports import Export, export_link
from engagement_assets.dashboard.lists import LISTS, Column, CustomerList
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.state import View, parse, rewrite
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain import bands
from engagement_assets.domain.meanings import Meanings

log = logging.getLogger("engagement.dashboard")

_BLOCK = 100

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

#: What the browser does when Enter is pressed on a cell: tell the server which.
_ON_KEY = "params.event.key === 'Enter' ? setEventData({customer: params.data.customer_id, column: params.column.colId}) : null"


def grid(warehouse: Warehouse, view: View, name: str, *, height: int = 460, empty: str) -> Component:
    """A list as a grid; `empty` is said when nobody is in it."""
    found = LISTS[name]
    total = lists.size(warehouse, view, found, {})
    if not total:
        return html.Div(html.Span(empty), className="state empty", role="status")
    rev = hashlib.sha256(f"{view}".encode()).hexdigest()[:10]
    return html.Div(
        [
            html.Div(
                [
                    html.Span(f"{total:,} customers", id={"type": "grid-count", "name": name, "rev": rev}),
                    export_link(name, found.title, {"type": "grid-export", "name": name, "rev": rev}),
                ],
                className="grid-head",
            ),
            dag.AgGrid(
                id={"type": "grid", "name": name, "rev": rev},
                columnDefs=[_definition(column, warehouse.meanings) for column in found.columns],
                defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
                rowModelType="infinite",
                columnSize=None,
                dashGridOptions={
                    "cacheBlockSize": _BLOCK,
                    "maxBlocksInCache": 20,
                    "rowHeight": 36,
                    "headerHeight": 38,
                    "tooltipShowDelay": 300,
                    "theme": "themeQuartz",
                    "multiSortKey": "ctrl",
                    "suppressMultiSort": True,
                    "enableCellTextSelection": True,
                    "ensureDomOrder": True,
                },
                getRowId="params.data.customer_id",
                eventListeners={"cellKeyDown": [_ON_KEY]},
                style={"height": min(height, 92 + 36 * total), "width": "100%"},
            ),
        ],
        className="grid",
        role="group",
        **aria(label=found.title),
    )


def _definition(column: Column, meanings: Meanings) -> dict[str, Any]:
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

    @app.callback(
        Output({"type": "grid", "name": MATCH, "rev": MATCH}, "getRowsResponse"),
        Output({"type": "grid-export", "name": MATCH, "rev": MATCH}, "href"),
        Output({"type": "grid-count", "name": MATCH, "rev": MATCH}, "children"),
        Input({"type": "grid", "name": MATCH, "rev": MATCH}, "getRowsRequest"),
        State({"type": "grid", "name": MATCH, "rev": MATCH}, "id"),
        State("url", "search"),
    )
    def fetch(request: dict[str, Any] | None, grid_id: dict[str, str], search: str | None) -> Any:
        view = parse(search, warehouse.catalogue())
        found = LISTS.get(grid_id["name"])
        if request is None or view is None or found is None:
            return no_update, no_update, no_update
        sort, filters = _asked(request)
        try:
            total = lists.size(warehouse, view, found, filters)
            rows = lists.block(warehouse, view, found, request["startRow"], request["endRow"], sort, filters)
        except Exception:
            log.exception("list %s failed", found.name)
            return {"rowData": [], "rowCount": 0}, no_update, "This list could not be read; the server's log says why."
        whole = lists.size(warehouse, view, found, {}) if filters else total
        counted = f"{total:,} of {whole:,} customers" if total != whole else f"{total:,} customers"
        return (
            {"rowData": [written(row, found, warehouse) for row in rows], "rowCount": total},
            f"/export/{found.name}.csv{rewrite(search, **_came(sort, filters))}",
            counted,
        )

    @app.callback(
        Output("url", "href", allow_duplicate=True),
        Input({"type": "grid", "name": ALL, "rev": ALL}, "cellClicked"),
        Input({"type": "grid", "name": ALL, "rev": ALL}, "eventData"),
        State({"type": "grid", "name": ALL, "rev": ALL}, "getRowsRequest"),
        State({"type": "grid", "name": ALL, "rev": ALL}, "id"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def follow(clicked: list[Any], pressed: list[Any], requests: list[Any], ids: list[Any], search: str | None) -> Any:
        view = parse(search, warehouse.catalogue())
        if view is None or ctx.triggered_id is None:
            return no_update
        index = ids.index(dict(ctx.triggered_id))
        click, press = clicked[index] or {}, (pressed[index] or {}).get("data") or {}
        by_key = ctx.triggered[0]["prop_id"].endswith(".eventData")
        customer = press.get("customer") if by_key else click.get("rowId")
        if (press.get("column") if by_key else click.get("colId")) != "customer_id" or not customer:
            return no_update
        sort, filters = _asked(requests[index])
        return view.link(
            "/customer",
            cid=customer,
            **{"from": ids[index]["name"]},
            list=view.at_risk_list if ids[index]["name"] == "at-risk" else None,
            **_came(sort, filters),
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
