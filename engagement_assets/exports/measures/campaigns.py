"""Measures of what campaigns brought, on the latest of the days shown and over the longest horizon chosen."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.exports.measures.base import LAST_DAY, LAST_DAY_SQL, Formulas

_LONGEST = "VAR Longest = CALCULATE(MAX('Campaign Results'[Horizon days]), REMOVEFILTERS('Dates')) RETURN "
_SHOWN = (
    "REMOVEFILTERS('Dates'), KEEPFILTERS('Campaign Results'[As of date] = LastDay), "
    "KEEPFILTERS('Campaign Results'[Horizon days] = Longest)"
)
_SHOWN_SQL = f"as_of_date = {LAST_DAY_SQL} AND horizon_days = (SELECT max(horizon_days) FROM campaign_results)"


def campaigns() -> Iterator[Formulas]:
    """Who was treated and held out, what the treated did more, with its interval, and the verdict."""
    sums = {"results_treated": "treated", "results_held_out": "held_out", "revenue_earned": "incremental_revenue"}
    ones = {
        "treated_ordered": "treated_share",
        "held_out_ordered": "held_out_share",
        "uplift": "share_uplift",
        "uplift_low": "share_uplift_low",
        "uplift_high": "share_uplift_high",
        "orders_earned": "incremental_orders",
        "revenue_earned_low": "incremental_revenue_low",
        "revenue_earned_high": "incremental_revenue_high",
        "verdict": "verdict",
    }
    formulas = {key: _added(column) for key, column in sums.items()} | {
        key: _one(column) for key, column in ones.items()
    }
    yield "Campaign results", "campaign_results", formulas
    yield "Campaign results", "campaign_entries", {"entries": ("COUNTROWS('Campaign Entries')", "count(*)")}


def _added(column: str) -> tuple[str, str]:
    """The sum of the audiences shown."""
    return _of_day(f"SUM({_named(column)})"), f"sum({column}) FILTER ({_SHOWN_SQL})::DOUBLE"


def _one(column: str) -> tuple[str, str]:
    """What one audience has; of several together nothing can be said."""
    return (
        _of_day(f"IF(COUNTROWS('Campaign Results') = 1, MAX({_named(column)}))"),
        f"CASE WHEN count(*) FILTER ({_SHOWN_SQL}) = 1 THEN max({column}) FILTER ({_SHOWN_SQL}) END",
    )


def _of_day(formula: str) -> str:
    return f"{LAST_DAY}{_LONGEST}CALCULATE({formula}, {_SHOWN})"


def _named(column: str) -> str:
    return f"'Campaign Results'[{column.replace('_', ' ').capitalize()}]"
