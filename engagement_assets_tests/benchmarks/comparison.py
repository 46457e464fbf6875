"""Whether two ways give the same rows: without that, their times mean nothing."""

from __future__ import annotations

from pathlib import Path

import duckdb

from engagement_assets.contracts import TABLES, EngagementScores
from engagement_assets_tests.benchmarks.product import LAST, Product

SAME_SCORE = 1e-9

#: By how much a number of two engines may differ, relative to it where it is above 1.
TOLERANCE = 1e-12


class DifferentScoresError(AssertionError):
    """Two ways that are compared do not give the same rows: their times mean nothing."""


def require_same_scores(product: Product, by_hand: Path) -> None:
    """Raise DifferentScoresError unless DuckDB by hand gives the product's scores and segments of the last day."""
    ours = product.lake.files(EngagementScores, [LAST.isoformat()])
    found = duckdb.execute(
        f"""
        SELECT count(*), count(*) FILTER (a.customer_id IS NULL OR b.customer_id IS NULL
            OR abs(a.engagement_score - b.engagement_score) > {SAME_SCORE} OR a.value_segment != b.value_segment
            OR abs(a.reference_score - b.reference_score) > {SAME_SCORE} OR a.rfm_monetary != b.rfm_monetary)
        FROM read_parquet($ours, hive_partitioning = false) a
        FULL JOIN read_parquet('{by_hand}/engagement_scores/as_of_date={LAST}/*.parquet', hive_partitioning = false) b
        USING (customer_id)
        """,
        {"ours": ours},
    ).fetchall()[0]
    if found[1] or not found[0]:
        raise DifferentScoresError(f"{found[1]:,} of {found[0]:,} customers of {LAST} differ")


def different_rows(one: Product, other: Product) -> tuple[int, int]:
    """Rows of any table that two products do not have alike, and how many rows there are."""
    different = rows = 0
    with duckdb.connect() as connection:
        for contract in TABLES.values():
            ours, theirs = one.lake.files(contract), other.lake.files(contract)
            if not ours and not theirs:
                continue
            left, right = (f"read_parquet({files}, hive_partitioning = false)" for files in (ours, theirs))
            is_same = " AND ".join(
                f"(a.{name} IS NOT DISTINCT FROM b.{name} OR {_is_close(name)})"
                if column.dtype.type.typeName() == "double"
                else f"a.{name} IS NOT DISTINCT FROM b.{name}"
                for name, column in contract.columns().items()
            )
            # Rows without a key have no floating-point numbers either, and are told apart by all they have.
            on = " AND ".join(f"a.{name} = b.{name}" for name in contract.key()) or is_same
            found = connection.execute(
                f"SELECT count(*), count(*) FILTER (NOT coalesce({is_same}, false)) FROM {left} a FULL JOIN {right} b ON {on}"
            ).fetchall()[0]
            rows, different = rows + found[0], different + found[1]
    return different, rows


def _is_close(name: str) -> str:
    return f"abs(a.{name} - b.{name}) <= {TOLERANCE} * greatest(1, abs(a.{name}))"
