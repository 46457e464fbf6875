"""What a good SQL author would write by hand: the same tables for the same days in DuckDB, all days of a table at once.

The yardstick of `targets.py` for what this machine can do, and an independent oracle: all tables the product publishes but
`rejected_rows`, with the same columns and rows. It reads clean sources only: it keeps no rejected rows, runs no check, publishes
nothing atomically and records no run. Settings are the defaults, written out. Of `score_backtest`, the fit of the BG/NBD model
and the draws of the intervals are no SQL; there it calls the product's functions as one calls a library (`model.py`).

    python -m engagement_assets_tests.benchmarks.duckdb_way DATA OUTPUT START FIRST LAST
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from engagement_assets_tests.benchmarks.duckdb_way.model import draw_intervals, expect_purchases

#: Tables of all days from START on; the others are written from FIRST on. Each with the order of a day's rows.
FACTS = {"raw_orders": "customer_id", "raw_web_events": "customer_id", "sessions": "customer_id"}
DAILY = {
    "raw_customers": "customer_id",
    "order_aggregates": "customer_id",
    "customer_features": "customer_id",
    "engagement_scores": "customer_id",
    "engagement_metrics": "as_of_date",
    "segment_changes": "customer_id",
    "campaign_audiences": "customer_id",
    "score_backtest": "horizon_days, predictor",
}


def build(data: Path, output: Path, start: str, first: str, last: str) -> None:
    """Write every table as Parquet files, a folder a day; START is the first day whose events and orders count."""
    given = {"data": str(data), "start": start, "first": first, "last": last}
    output.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")

        def run(script: str) -> None:
            for statement in connection.extract_statements((Path(__file__).parent / script).read_text("utf-8")):
                connection.execute(statement, {name: given[name] for name in statement.named_parameters})

        for script in ("sources.sql", "features.sql", "scores.sql", "marketing.sql", "buyers.sql"):
            run(script)
        expect_purchases(connection)
        run("outcomes.sql")
        draw_intervals(connection)
        run("backtest.sql")
        for table, order in (FACTS | DAILY).items():
            days = "" if table in FACTS else f"WHERE as_of_date >= DATE '{first}'"
            connection.execute(
                f"COPY (SELECT * FROM {table} {days} ORDER BY as_of_date, {order}) TO '{output}/{table}' "
                "(FORMAT parquet, PARTITION_BY (as_of_date), WRITE_PARTITION_COLUMNS, COMPRESSION zstd, OVERWRITE)"
            )
