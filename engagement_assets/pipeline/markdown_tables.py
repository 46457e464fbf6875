"""What a materialisation tells of its rows in small Markdown tables, one per day: counts, never a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

#: Bars in the distribution of scores, from 0 to 1.
TENTHS = 10


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The first column to the left, numbers to the right, a nameless one to the left."""
    ruler = ["---", *("---:" if name else "---" for name in header[1:])]
    return "\n".join(f"|{'|'.join(cells)}|" for cells in (_padded(header), ruler, *map(_padded, rows)))


def _padded(cells: Sequence[str]) -> list[str]:
    return [f" {cell} " if cell else " " for cell in cells]


def score_distribution(customers: Mapping[int, int]) -> str:
    """Customers per tenth of the score (its number -> customers), with bars."""
    most = max(customers.values(), default=1)
    lines = []
    for number in range(TENTHS):
        count = customers.get(number, 0)
        tenth = f"{number / TENTHS:.1f} to {(number + 1) / TENTHS:.1f}"
        lines.append([tenth, f"{count:,}", "█" * round(20 * count / most)])
    return _table(["score", "customers", ""], lines)


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


def verdicts(rows: DataFrame) -> dict[str, str]:
    """Per day, what is said of each audience and horizon."""
    told: dict[str, list[list[str]]] = defaultdict(list)
    columns = ("as_of_date", "audience", "horizon_days", "treated", "held_out", "verdict")
    for day, audience, *numbers, verdict in rows.select(*columns).orderBy(*columns[:3]).collect():
        told[day.isoformat()].append([audience, *(f"{number:,}" for number in numbers), verdict])
    return {day: _table(["audience", "days", "treated", "held out", "verdict"], found) for day, found in told.items()}
