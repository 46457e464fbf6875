"""Every table of the dashboard as CSV, safe to open in a spreadsheet, and as JSON Lines; both streamed."""

from __future__ import annotations

import csv
import io
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from dash import html
from dash.development.base_component import Component
from flask import Flask, Response, request

from engagement_assets.dashboard.dagster_log import NoHistoryError
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.questions import Question
from engagement_assets.dashboard.state import View, parse
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.exports.csv_files import spreadsheet_safe

log = logging.getLogger("engagement.dashboard")

#: Column names and the rows below them.
Export = Callable[[Warehouse, View], Iterable[Sequence[Any]]]

_BLOCK_LINES = 2_000


@dataclass(frozen=True)
class Csv:
    """A visual's rows at `/export/<name>.csv`: `columns` gives the key of each and the heading it gets.

    `rows` where they are not those that the visual draws.
    """

    name: str
    columns: Mapping[str, str]
    rows: Question | None = None

    def export(self, drawn: Question | None) -> Export:
        """The export of these rows or of those that are drawn; where nothing is to be told it has a heading only."""
        ask = self.rows or drawn
        if ask is None:
            raise ValueError(f"{self.name}: neither the file nor its visual names rows")

        def export(warehouse: Warehouse, view: View) -> Iterator[Sequence[Any]]:
            yield list(self.columns.values())
            with suppress(NoHistoryError):
                for row in ask(warehouse, view) or []:
                    yield [row[key] for key in self.columns]

        return export


def same(*columns: str) -> dict[str, str]:
    """Columns whose headings are their keys."""
    return dict(zip(columns, columns, strict=True))


#: What a file is called by the end of its name.
KINDS = {"csv": "CSV", "jsonl": "JSON Lines"}


def export_link(name: str, title: str, link_id: Any = None, kind: str = "csv", search: str | None = None) -> Component:
    """A link to a table as a file, filtered as the address says."""
    return html.A(
        KINDS[kind],
        id=link_id or {"type": "export", "name": name},
        href=f"/export/{name}.{kind}{search or ''}",
        className="export",
        download="",
        **aria(label=f"Download as {KINDS[kind]}: {title}"),
    )


def cell(value: Any) -> str:
    """A value as text: no formula, no exponent, ISO dates, empty for nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return spreadsheet_safe(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".") or "0"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """CSV text in blocks."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for number, row in enumerate(rows, start=1):
        writer.writerow([cell(value) for value in row])
        if number % _BLOCK_LINES == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def json_lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """JSON Lines in blocks: an object per row, numbers as numbers, ISO dates, null for nothing."""
    found = iter(rows)
    names = next(found)
    block: list[str] = []
    for row in found:
        block.append(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=_plain) + "\n")
        if len(block) == _BLOCK_LINES:
            yield "".join(block)
            block.clear()
    yield "".join(block)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else float(value)


def register(server: Flask, warehouse: Warehouse, exports: dict[str, Export]) -> None:
    """Serve `/export/<name>.csv` and `/export/<name>.jsonl` under the same query as the pages; `rows`: the first so many."""

    @server.get("/export/<name>.<any(csv, jsonl):kind>")
    def export(name: str, kind: str) -> Response:
        found = exports.get(name)
        view = parse(request.query_string.decode(errors="replace"), warehouse.catalogue())
        if found is None or view is None:
            return Response("There is nothing to export here.\n", status=404, mimetype="text/plain")
        try:
            most = request.args.get("rows", type=int)
            rows = islice(
                found(warehouse, view), None if most is None else max(0, most) + 1
            )  # the heading is the first
            blocks = (lines if kind == "csv" else json_lines)(rows)
            first = next(blocks)  # what fails, fails before the answer has begun
        except Exception:
            log.exception("export %s failed", name)
            return Response("The export failed; the server's log says why.\n", status=500, mimetype="text/plain")

        def all_blocks() -> Iterator[str]:
            yield first
            yield from blocks

        return Response(
            all_blocks(),
            mimetype="text/csv" if kind == "csv" else "application/jsonl",
            headers={"Content-Disposition": f'attachment; filename="{name}_{view.as_of}.{kind}"'},
        )
