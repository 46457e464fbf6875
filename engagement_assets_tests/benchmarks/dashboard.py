"""How fast the dashboard's pages answer, and how much memory its server takes, with a million customers in a snapshot.

    python -m engagement_assets_tests.benchmarks.dashboard                  # makes the tables, starts a server, measures
    python -m engagement_assets_tests.benchmarks.dashboard --lake data/lake # measures on tables that exist

A page is what a browser asks for: all its figures at once, then the first block of its list. Three figures per page: the
first time, the median over filters that were not asked for before, the median of the same question again. Made tables: three
snapshots of `--customers`, 365 days of metrics and orders, 60 days of sessions.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb

from engagement_assets.dashboard.site import PAGES
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.domain.contracts import (
    Contract,
    EngagementMetrics,
    EngagementScores,
    RawOrders,
    RejectedRows,
    Sessions,
)
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets_tests.dashboard.lakes import publish
from engagement_assets_tests.servers import free_port

LAST = date(2026, 6, 30)
COUNTRIES = ("DE", "FR", "GB", "ES", "IT", "NL", "SE", "PL", "US", "unknown")
GRIDS = {"/value": "customers", "/at-risk": "at-risk", "/high-value": "high-value"}

TYPES = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ"}

Asked = tuple[str, str, list[tuple[Any, str, Any]], list[tuple[Any, str, Any]]]


# ---- tables -----------------------------------------------------------------------------------------------------------


def _write(
    connection: duckdb.DuckDBPyConnection, contract: type[Contract], columns: dict[str, str], source: str, place: Path
) -> Path:
    """One Parquet file with exactly the contract's columns; those that `columns` does not give are empty."""
    listed = []
    for field in contract.struct():
        kind = TYPES.get(field.dataType.simpleString(), field.dataType.simpleString())
        listed.append(f'CAST({columns.get(field.name, "NULL")} AS {kind}) AS "{field.name}"')
    connection.execute(f"COPY (SELECT {', '.join(listed)} {source}) TO '{place}' (FORMAT parquet, COMPRESSION zstd)")
    return place


def make_tables(lake: LakeResource, folder: Path, customers: int) -> None:
    """Snapshots of three days with behaviour that looks like the sample's, and the facts that pages read."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET memory_limit = '2GB'; SELECT setseed(0.7)")
        connection.execute(
            f"""
            CREATE TABLE people AS SELECT i, printf('C%08d', i) AS customer_id, random() AS r, random() AS q, random() AS p,
                {list(COUNTRIES)}[1 + (i * 7919) % {len(COUNTRIES)}] AS country,
                DATE '2025-01-01' + (i % 480)::INT AS signup_date
            FROM range({customers}) t(i)
            """
        )
        snapshots = {}
        for day in (LAST - timedelta(days=30), LAST - timedelta(days=7), LAST):
            place = folder / f"scores-{day}.parquet"
            _write(
                connection, EngagementScores, _score_columns(day), _SCORE_SOURCE.format(shift=(LAST - day).days), place
            )
            snapshots[day.isoformat()] = place
        publish(lake, EngagementScores, snapshots)
        year = [LAST - timedelta(days=offset) for offset in range(365)][::-1]
        publish(lake, EngagementMetrics, {f"{d}": _metrics(connection, d, customers, folder) for d in year})
        publish(lake, RawOrders, {f"{d}": _orders(connection, d, customers, folder) for d in year})
        publish(lake, Sessions, {f"{d}": _sessions(connection, d, customers, folder) for d in year[-60:]})
        rejected = {"source": "'orders'", "source_path": "'orders'", "reason": "'missing_date'", "raw": "'x'"}
        publish(
            lake,
            RejectedRows,
            {"orders": _write(connection, RejectedRows, rejected, "FROM range(100)", folder / "rejected.parquet")},
        )


_SCORE_SOURCE = """
FROM (
    SELECT *, least(1, greatest(0, 0.4 * rs + 0.3 * fs + 0.3 * ms)) AS score FROM (
        SELECT *, CASE WHEN orders > 0 THEN 1 - recency / 500.0 ELSE 0 END AS rs,
               0.6 * orders / 40.0 + 0.4 * sessions / 25.0 AS fs, ln(1 + revenue) / ln(1 + 8000.0) AS ms
        FROM (
            SELECT *, CASE WHEN r < 0.4 THEN 0 ELSE (40 * pow(q, 3))::BIGINT + 1 END AS orders,
                   (499 * abs(p - 0.001 * {shift}))::INT AS recency, (25 * pow(q * p, 2))::BIGINT AS sessions,
                   CASE WHEN r < 0.4 THEN 0 ELSE round(8000 * pow(q, 4) + 20 * p, 2) END AS revenue
            FROM people
        )
    )
) ORDER BY customer_id
"""


def _score_columns(day: date) -> dict[str, str]:
    segment = "CASE WHEN score >= 0.7 THEN 'High' WHEN score >= 0.4 THEN 'Medium' WHEN score >= 0.2 THEN 'Low' ELSE 'At Risk' END"
    band = "CASE WHEN revenue >= 2500 THEN 'High' ELSE 'Low' END"
    risky = "(orders > 0 AND score < 0.3)"
    return {
        "as_of_date": f"DATE '{day}'",
        "customer_id": "customer_id",
        "country": "country",
        "signup_date": "signup_date",
        "tenure_days": f"DATE '{day}' - signup_date",
        "total_orders": "orders",
        "total_revenue": "revenue",
        "average_order_value": "CASE WHEN orders > 0 THEN revenue / orders END",
        "first_order_date": f"CASE WHEN orders > 0 THEN DATE '{day}' - recency - 10 END",
        "last_order_date": f"CASE WHEN orders > 0 THEN DATE '{day}' - recency END",
        "recency_days": "CASE WHEN orders > 0 THEN recency END",
        "sessions_last_30_days": "sessions",
        "sessions_previous_30_days": "sessions",
        "engaged_sessions_last_30_days": "sessions // 2",
        "page_views_last_30_days": "sessions * 3",
        "add_to_carts_last_30_days": "sessions // 3",
        "checkouts_last_30_days": "sessions // 5",
        "total_orders_30_days_before": "greatest(0, orders - sessions // 4)",
        "total_revenue_30_days_before": "revenue",
        "recency_score": "rs",
        "order_score": "orders / 41.0",
        "session_score": "sessions / 25.0",
        "frequency_score": "least(fs, 1)",
        "monetary_score": "least(ms, 1)",
        "recency_contribution": "0.4 * rs",
        "frequency_contribution": "0.3 * fs",
        "monetary_contribution": "0.3 * ms",
        "engagement_score": "score",
        "reference_score": "score",
        "reference_score_30_days_before": "score",
        "reference_score_change": "(p - 0.5) * 0.2",
        "score_percentile": "100 * score",
        "engagement_segment": segment,
        "engagement_status": "CASE WHEN orders > 0 THEN 'Active' WHEN sessions > 0 THEN 'Browsing Only' ELSE 'Not Active' END",
        "revenue_band": band,
        "value_segment": f"CASE WHEN {band} = 'High' THEN CASE {segment} WHEN 'High' THEN 'VIPs' WHEN 'Medium' THEN 'Core' "
        f"ELSE 'At-risk VIPs' END WHEN {segment} IN ('High', 'Medium') THEN 'Converters-to-be' ELSE 'Dormant' END",
        "is_high_risk": risky,
        "risk_reasons": f"CASE WHEN {risky} THEN 'no order for ' || recency || ' days' END",
    }


def _metrics(connection: duckdb.DuckDBPyConnection, day: date, customers: int, folder: Path) -> Path:
    columns = {field.name: "0" for field in EngagementMetrics.struct()}
    columns |= {
        "as_of_date": f"DATE '{day}'",
        "customers": f"{customers}",
        "average_score": f"0.3 + 0.0001 * {(LAST - day).days}",
        "average_reference_score": "0.31",
        "high_risk_customers": f"{customers // 9}",
        "high_risk_share": "0.11",
    }
    return _write(connection, EngagementMetrics, columns, "", folder / f"metrics-{day}.parquet")


def _orders(connection: duckdb.DuckDBPyConnection, day: date, customers: int, folder: Path) -> Path:
    columns = {
        "as_of_date": f"DATE '{day}'",
        "order_id": f"'{day}-' || n",
        "customer_id": f"printf('C%08d', (hash(n, '{day}') % {customers})::BIGINT)",
        "order_date": f"TIMESTAMPTZ '{day} 12:00:00+00'",
        "order_amount": "20 + n % 90",
    }
    source = f"FROM range({max(1, customers // 100)}) t(n) ORDER BY customer_id"
    return _write(connection, RawOrders, columns, source, folder / f"orders-{day}.parquet")


def _sessions(connection: duckdb.DuckDBPyConnection, day: date, customers: int, folder: Path) -> Path:
    start = f"TIMESTAMPTZ '{day} 00:00:00+00' + to_minutes((n * 37 % 1439)::INT)"
    columns = {
        "as_of_date": f"DATE '{day}'",
        "customer_id": f"printf('C%08d', (hash(n, '{day}', 1) % {customers})::BIGINT)",
        "session_start": start,
        "session_end": f"{start} + to_seconds((n % 900)::INT)",
        "duration_seconds": "n % 900",
        "events": "6",
        "page_views": "1 + n % 4",
        "add_to_carts": "(n % 3 = 0)::INT",
        "checkouts": "(n % 7 = 0)::INT",
        "is_engaged": "n % 3 <> 0",
        "continues_previous_day": "n % 400 = 0",
    }
    source = f"FROM range({max(1, customers // 25)}) t(n) ORDER BY customer_id"
    return _write(connection, Sessions, columns, source, folder / f"sessions-{day}.parquet")


# ---- asking as a browser does -----------------------------------------------------------------------------------------


def _body(output: str, inputs: Sequence[tuple[Any, str, Any]], state: Sequence[tuple[Any, str, Any]] = ()) -> str:
    def parts(values: Sequence[tuple[Any, str, Any]]) -> list[dict[str, Any]]:
        return [{"id": who, "property": what, "value": value} for who, what, value in values]

    name, _, what = output.rpartition(".")
    changed = f"{inputs[0][0]}.{inputs[0][1]}"
    return json.dumps(
        {
            "output": output,
            "outputs": {"id": name, "property": what},
            "inputs": parts(inputs),
            "state": parts(state),
            "changedPropIds": [changed],
        }
    )


def _post(port: int, body: str | None) -> tuple[int, bytes]:
    """An answer of the server: to a callback's question, or (None) the frame of all pages."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        if body is None:
            connection.request("GET", "/")
        else:
            connection.request("POST", "/_dash-update-component", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _grid_body(name: str, search: str) -> str:
    grid = {"type": "grid", "name": name, "rev": "x"}

    def key(kind: str, what: str) -> str:
        # The name a callback of many grids is known by.
        wild = {"name": ["MATCH"], "rev": ["MATCH"], "type": kind}
        return json.dumps(wild, separators=(",", ":"), sort_keys=True) + "." + what

    outputs = [("grid", "getRowsResponse"), ("grid-export", "href"), ("grid-count", "children")]
    return json.dumps(
        {
            "output": ".." + "...".join(key(kind, what) for kind, what in outputs) + "..",
            "outputs": [{"id": {**grid, "type": kind}, "property": what} for kind, what in outputs],
            "inputs": [
                {
                    "id": grid,
                    "property": "getRowsRequest",
                    "value": {"startRow": 0, "endRow": 100, "sortModel": [], "filterModel": {}},
                }
            ],
            "state": [
                {"id": grid, "property": "id", "value": grid},
                {"id": "url", "property": "search", "value": search},
            ],
            "changedPropIds": [key("grid", "getRowsRequest")],
        }
    )


def ask_page(port: int, page: Any, search: str, pool: ThreadPoolExecutor) -> float:
    """Seconds until a page with its figures, the status line and the first block of rows are answered, as browsers ask."""
    where: list[tuple[Any, str, Any]] = [("url", "pathname", page.path), ("url", "search", search)]
    bodies = [_body("page.children", where), _body("status.children", where[1:])]
    started = time.perf_counter()
    for answer in pool.map(lambda body: _post(port, body), bodies):
        _check(answer)
    if page.path in GRIDS:
        _check(_post(port, _grid_body(GRIDS[page.path], search)))
    return time.perf_counter() - started


def _check(answer: tuple[int, bytes]) -> None:
    status, body = answer
    if status not in (200, 204) or b"could not be made" in body:
        raise SystemExit(f"the server answered {status}: {body[:300]!r}")


def memory_mb(pid: int) -> tuple[float, float]:
    """Memory of a process now and at its largest, MB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    values = {
        line.split(":")[0]: line.split()[1] for line in status.splitlines() if line.startswith(("VmRSS", "VmHWM"))
    }
    return float(values["VmRSS"]) / 1024, float(values["VmHWM"]) / 1024


def measure(lake: str, rounds: int) -> None:
    """Start a server over a lake and print what each page takes."""
    catalogue = Warehouse(Settings(lake=lake)).catalogue()
    customer = Warehouse(Settings(lake=lake)).one(
        "SELECT min(customer_id) AS c FROM {s} WHERE total_orders > 0", s=(EngagementScores, [catalogue.days[-1]])
    )["c"]
    port = free_port()
    environment = {**os.environ, "ENGAGEMENT_LAKE": lake}
    command = [sys.executable, "-m", "engagement_assets.cli", "dashboard", "--port", str(port)]
    started = time.perf_counter()
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                _post(port, None)
                break
            except OSError:
                if time.perf_counter() - started > 60 or server.poll() is not None:
                    raise SystemExit("the server does not start") from None
                time.sleep(0.05)
        _say(f"start-up {time.perf_counter() - started:.1f} s; {memory_mb(server.pid)[0]:.0f} MB")
        _say(f"{'page':24}{'first':>9}{'new filter':>12}{'again':>9}   milliseconds, medians of {rounds}")
        with ThreadPoolExecutor(6) as pool:
            for page in PAGES:
                more = {"cid": customer, "from": "customers"} if page.path == "/customer" else {}
                first = ask_page(port, page, _search(more), pool)
                fresh = [
                    ask_page(
                        port,
                        page,
                        _search({**more, "country": catalogue.countries[n % len(catalogue.countries)]}),
                        pool,
                    )
                    for n in range(rounds)
                ]
                again = [ask_page(port, page, _search(more), pool) for _ in range(rounds)]
                shown = [first, statistics.median(fresh), statistics.median(again)]
                _say(f"{page.title:24}{shown[0] * 1e3:9.0f}{shown[1] * 1e3:12.0f}{shown[2] * 1e3:9.0f}")
        _say("memory of the server: {:.0f} MB, at the most {:.0f} MB".format(*memory_mb(server.pid)))
    finally:
        server.terminate()
        server.wait(20)


def _search(values: dict[str, str]) -> str:
    return f"?{urlencode(values)}" if values else ""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Command line of this script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lake", help="measure on these tables instead of making some")
    parser.add_argument("--keep", help="folder to make the tables in, and to keep them")
    given = parser.parse_args()
    if given.lake:
        measure(given.lake, given.rounds)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(given.keep or temporary).resolve()
        lake = folder / "lake"
        if not lake.exists():
            folder.mkdir(parents=True, exist_ok=True)
            started = time.perf_counter()
            make_tables(LakeResource(root=str(lake)), folder, given.customers)
            _say(f"tables of {given.customers:,} customers made in {time.perf_counter() - started:.0f} s")
        measure(str(lake), given.rounds)


if __name__ == "__main__":
    main()
