"""What a measure is, Power BI's formats of its units, and what several measures share."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_assets.domain.meanings import measures as units
from engagement_assets.domain.money import in_currency

DAY = "yyyy-mm-dd"

#: Power BI's format string of each unit; that of money without a currency; text has none.
FORMATS = {
    units.SCORE: "0.000",
    units.COUNT: "#,0",
    units.SHARE: "0.0%",
    units.MONEY: "#,0.00",
    units.MEAN: "#,0.0",
    units.RATIO: "0.00",
    units.CHANGE: "+0.000;-0.000;0.000",
    units.DAY: DAY,
    units.POINTS: "+0.0%;-0.0%;0.0%",
    units.TEXT: "",
}


def formatted(unit: str, currency: str = "") -> str:
    """Power BI's format string of a unit; amounts of money show their currency, as everywhere (`domain/money.py`)."""
    text = FORMATS[unit]
    return in_currency(text, currency).replace(currency, f'"{currency}"') if unit == units.MONEY and currency else text


#: Each file and the table of the model that it becomes.
TABLE_NAMES = {
    "countries": "Countries",
    "segments": "Segments",
    "customers": "Customers",
    "dates": "Dates",
    "engagement_scores": "Latest Scores",
    "score_history": "Score History",
    "engagement_metrics": "Daily Metrics",
    "daily_groups": "Daily Groups",
    "daily_activity": "Daily Activity",
    "orders": "Orders",
    "session_days": "Session Days",
    "segment_changes": "Segment Moves",
    "campaign_audiences": "Audiences",
    "campaign_results": "Campaign Results",
    "campaign_entries": "Campaign Entries",
    "named_lists": "Named Lists",
    "table_rows": "Table Rows",
    "rejected_counts": "Rejected Rows",
    "exported_files": "Exported Files",
}

#: Customers of the latest snapshot, in DAX.
ROWS = "COUNTROWS('Latest Scores')"

#: The file that most measures are asked of.
SCORES = "engagement_scores"

#: The latest of the days shown, whatever else is chosen, in DAX; and that of the files, in SQL.
LAST_DAY = "VAR LastDay = MAX('Daily Metrics'[As of date]) RETURN "
LAST_DAY_SQL = "(SELECT max(as_of_date) FROM engagement_metrics)"

#: Measures of a folder and a file: by key, the DAX and its twin in SQL.
Formulas = tuple[str, str, dict[str, tuple[str, str]]]


def total(table: str, name: str) -> tuple[str, str]:
    """The sum of a column of a table of the model, by its name there."""
    return f"SUM('{table}'[{name}])", f"coalesce(sum({_column(name)}), 0)"


def mean(table: str, name: str) -> tuple[str, str]:
    """The mean of a column of a table of the model, by its name there."""
    return f"AVERAGE('{table}'[{name}])", f"avg({_column(name)})"


def _column(name: str) -> str:
    return name.lower().replace(" ", "_")


@dataclass(frozen=True)
class Measure:
    """A measure. `key` names it in queries, `name` in Power BI; `format` is a Power BI format string.

    `sql` is an aggregate expression over the file `source`, or, where that does not do, a whole query.
    """

    key: str
    name: str
    folder: str
    unit: str
    format: str
    description: str
    dax: str
    source: str
    sql: str

    @property
    def follows_dates(self) -> bool:
        """Whether a choice of dates changes it, if its table has days: it is of the days chosen, or of the latest of them."""
        return "REMOVEFILTERS('Dates')" not in self.dax or self.dax.startswith(LAST_DAY)

    @property
    def query(self) -> str:
        """The twin as a whole query over the exported files."""
        if self.sql.split(maxsplit=1)[0] == "SELECT":
            return " ".join(self.sql.split())
        alias = "s" if self.source == SCORES else ""
        return " ".join(f"SELECT {self.sql} FROM {self.source} {alias}".split())
