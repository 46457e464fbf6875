"""What a good SQL author would write by hand: the same tables for the same days in DuckDB, all days of a table at once.

The yardstick of `targets.py` for what this machine can do, and an independent oracle: all tables that the product publishes but
`rejected_rows`, with the same columns and rows. It reads clean sources only: it keeps no rejected rows, runs no check, publishes
nothing atomically and records no run. The settings are the defaults, written out. Of `score_backtest`, the fit of the BG/NBD
model and the draws of the intervals are no SQL; there it calls the product's functions as one calls a library (`model.py`). The
statistics of `campaign_results` are scipy's and statsmodels' (`results.py`).

    python -m engagement_assets_tests.benchmarks.duckdb_way DATA OUTPUT START FIRST LAST
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from engagement_assets.domain.contracts import CampaignResults
from engagement_assets_tests.benchmarks.duckdb_way.model import draw_intervals, expect_purchases
from engagement_assets_tests.benchmarks.duckdb_way.results import judge_campaigns

#: Tables of all days from START on; the others are written from FIRST on.
FACTS = ("raw_orders", "raw_web_events", "sessions")

#: Tables that are still read when they are written; the others make room.
READ_LATER = ("raw_orders", "sessions", "return_rates", "engagement_scores", "campaign_audiences")

#: The order of a day's rows, where it is not that of the customers.
ORDER = {
    "campaign_results": "audience, horizon_days",
    "engagement_metrics": "as_of_date",
    "return_rates": "silence_from_days, order_days_from",
    "score_backtest": "horizon_days, predictor",
}


def build(data: Path, output: Path, start: str, first: str, last: str) -> None:
    """Write every table as Parquet files, a folder a day; START is the first day whose events and orders count."""
    given = {"data": str(data), "start": start, "first": first, "last": last}
    output.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")

        def run(script: str, *tables: str) -> None:
            for statement in connection.extract_statements((Path(__file__).parent / script).read_text("utf-8")):
                connection.execute(statement, {name: given[name] for name in statement.named_parameters})
            for table in tables:
                _write(connection, table, output, start if table in FACTS else first)

        run("sources.sql", "raw_web_events", "sessions")
        run("features.sql", "raw_orders", "raw_customers", "order_aggregates")
        run("return_rates.sql", "return_rates")
        run("scores.sql", "customer_features", "engagement_metrics", "engagement_scores")
        run("segment_changes.sql", "segment_changes")
        run("campaign_audiences.sql", "campaign_audiences")
        run("campaign_results.sql")
        judge_campaigns(connection, tuple(CampaignResults.columns()))
        _write(connection, "campaign_results", output, first)
        run("buyers.sql")
        expect_purchases(connection)
        run("outcomes.sql")
        draw_intervals(connection)
        run("backtest.sql", "score_backtest")


def _write(connection: duckdb.DuckDBPyConnection, table: str, output: Path, first: str) -> None:
    connection.execute(
        f"COPY (SELECT * FROM {table} WHERE as_of_date >= DATE '{first}' "
        f"ORDER BY as_of_date, {ORDER.get(table, 'customer_id')}) TO '{output}/{table}' "
        "(FORMAT parquet, PARTITION_BY (as_of_date), WRITE_PARTITION_COLUMNS, COMPRESSION zstd, OVERWRITE)"
    )
    if table not in READ_LATER:
        connection.execute(f"DROP {'VIEW' if table == 'raw_web_events' else 'TABLE'} {table}")
