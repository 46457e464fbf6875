"""What a materialisation tells of its rows in small Markdown tables, one per day: counts, never a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

#: Width of the bars in the distribution of scores.
_BAR = 0.1


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, numbers to the right, a nameless one to the left."""
    ruler = ["---", *("---:" if name else "---" for name in header[1:])]
    return "\n".join(f"|{'|'.join(cells)}|" for cells in (_padded(header), ruler, *map(_padded, rows)))


def _padded(cells: Sequence[str]) -> list[str]:
    return [f" {cell} " if cell else " " for cell in cells]


def score_distribution(scores: DataFrame) -> dict[str, str]:
    """Customers per tenth of the score, with bars."""
    last_bar = round(1 / _BAR) - 1
    bar = F.least(F.floor(F.col("engagement_score") / _BAR), F.lit(last_bar)).cast("int").alias("bar")
    counted: dict[str, dict[int, int]] = defaultdict(dict)
    for day, number, customers in scores.groupBy("as_of_date", bar).count().collect():
        counted[day.isoformat()][number] = customers
    tables = {}
    for day, bars in counted.items():
        lines = []
        for number in range(last_bar + 1):
            count = bars.get(number, 0)
            tenth = f"{number * _BAR:.1f} to {(number + 1) * _BAR:.1f}"
            lines.append([tenth, f"{count:,}", "█" * round(20 * count / max(bars.values()))])
        tables[day] = _table(["score", "customers", ""], lines)
    return tables


def transitions(counted: DataFrame, labels: Sequence[str]) -> dict[str, str]:
    """Who went from which label (rows) to which (columns).

    Parameters: `counted` has four columns: day, label before (null for who is new), label now, customers.
    """
    found: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for day, origin, target, customers in counted.collect():
        found[day.isoformat()][origin or "new", target] = customers
    return {
        day: _table(
            ["from \\ to", *labels],
            [[origin, *(f"{counts.get((origin, label), 0):,}" for label in labels)] for origin in (*labels, "new")],
        )
        for day, counts in found.items()
    }


def audience_sizes(rows: DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Members, hold-out and customers to contact of each audience."""
    totals = rows.groupBy("as_of_date", "audience").agg(
        F.count(F.lit(1)).alias("members"),
        F.sum(F.col("is_holdout").cast("int")).alias("holdout"),
        F.sum(F.col("is_to_contact").cast("int")).alias("to_contact"),
    )
    counted: dict[str, dict[str, list[int]]] = defaultdict(dict)
    for day, audience, *numbers in totals.collect():
        counted[day.isoformat()][audience] = numbers
    return {
        day: _table(
            ["audience", "members", "held out", "to contact today"],
            [[name, *(f"{number:,}" for number in found.get(name, [0, 0, 0]))] for name in names],
        )
        for day, found in counted.items()
    }
