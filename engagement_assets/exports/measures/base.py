"""What a measure is, the formats of measures, and the limits that several of them share."""

from __future__ import annotations

from dataclasses import dataclass

SCORE, COUNT, SHARE, MONEY, DECIMAL, DAY = "0.000", "#,0", "0.0%", "#,0.00", "#,0.0", "yyyy-mm-dd"


#: Stages of the shopping funnel, by their number.
STAGES = ("Page view", "Add to cart", "Checkout", "Order")

#: Customers of the latest snapshot, in DAX.
ROWS = "COUNTROWS('Latest Scores')"


@dataclass(frozen=True)
class Measure:
    """A measure. `key` names it in queries, `name` in Power BI; `format` is a Power BI format string.

    `sql` is an aggregate expression over the file `source`, or, where that does not do, a whole query.
    """

    key: str
    name: str
    folder: str
    format: str
    description: str
    dax: str
    source: str
    sql: str

    @property
    def query(self) -> str:
        """The twin as a whole query over the exported files."""
        if self.sql.split(maxsplit=1)[0] == "SELECT":
            return " ".join(self.sql.split())
        alias = "s" if self.source == "engagement_scores" else ""
        return " ".join(f"SELECT {self.sql} FROM {self.source} {alias}".split())
