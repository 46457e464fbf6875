"""Measures of the latest snapshot: key figures, the parts of the score, value and risk."""

from __future__ import annotations

from collections.abc import Iterator

from engagement_assets.domain.bands import STEADY
from engagement_assets.domain.customer_filters import HIGH_VALUE
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.exports.measures.base import ROWS, SCORES, Formulas, mean, total

_AT_RISK = "'Latest Scores'[Is high risk] = TRUE()"
_SLIPPING = "'Latest Scores'[Is slipping] = TRUE()"
_HIGH_VALUE = "'Customers'[Is high value] = TRUE()"


def snapshot() -> Iterator[Formulas]:
    """What the cards of the overview show; mean scores and contributions; high-value customers and those at risk."""
    figures = {
        "customers": (ROWS, "count(*)"),
        "average_score": _mean("Engagement score"),
        "average_reference_score": _mean("Reference score"),
        "high_risk_customers": (f"CALCULATE({ROWS}, {_AT_RISK})", "count(*) FILTER (is_high_risk)"),
        "high_risk_share": (_share("High-risk customers", "Customers", "Is high risk"), "avg(is_high_risk::INT)"),
        "average_sessions": _mean("Sessions last 30 days"),
        "revenue": ("SUM('Latest Scores'[Total revenue])", "coalesce(sum(total_revenue), 0)::DOUBLE"),
        "revenue_at_risk": (
            f"CALCULATE(SUM('Latest Scores'[Total revenue]), {_AT_RISK})",
            "coalesce(sum(total_revenue) FILTER (is_high_risk), 0)::DOUBLE",
        ),
        "slipping_customers": (f"CALCULATE({ROWS}, {_SLIPPING})", "count(*) FILTER (is_slipping)"),
        "slipping_revenue": (
            f"CALCULATE(SUM('Latest Scores'[Revenue last 365 days]), {_SLIPPING})",
            "coalesce(sum(revenue_last_365_days) FILTER (is_slipping), 0)::DOUBLE",
        ),
        "expected_revenue_slipping": (
            f"CALCULATE(SUM('Latest Scores'[Expected revenue 90 days]), {_SLIPPING})",
            "sum(expected_revenue_90_days) FILTER (is_slipping)",
        ),
        "slipping_share": (_share("Slipping customers", "Customers", "Is slipping"), "avg(is_slipping::INT)"),
        # An unknown chance is blank, which DAX would count as 0: a loss of everything.
        "slipping_loss": (
            f"SUMX(FILTER('Latest Scores', {_SLIPPING} && NOT(ISBLANK('Latest Scores'[Return chance]))), "
            "'Latest Scores'[Revenue last 365 days] * 90 / 365 * (1 - 'Latest Scores'[Return chance]))",
            "sum(revenue_last_365_days::DOUBLE * 90 / 365 * (1 - return_chance)) FILTER (is_slipping)",
        ),
        "slipping_return_share": (
            f"CALCULATE(AVERAGE('Latest Scores'[Return chance]), {_SLIPPING})",
            "avg(return_chance) FILTER (is_slipping)",
        ),
        "lapsed_customers": (
            f"CALCULATE({ROWS}, 'Latest Scores'[Lifecycle stage] = \"Lapsed\")",
            "count(*) FILTER (lifecycle_stage = 'Lapsed')",
        ),
        "orders": ("SUM('Latest Scores'[Total orders])", "coalesce(sum(total_orders), 0)::BIGINT"),
        "last_order_day": ("MAX('Latest Scores'[Last order date])", "max(last_order_date)"),
        "average_order": (
            "DIVIDE([Revenue], [Orders so far])",
            "sum(total_revenue)::DOUBLE / nullif(sum(total_orders), 0)",
        ),
    }
    yield "Key figures", SCORES, figures
    parts: dict[str, tuple[str, str]] = {}
    for part in PARTS:
        parts[part.name] = _mean(f"{part.title} score")
        parts[f"{part.name}_part"] = _mean(f"{part.title} contribution")
    yield "Score parts", SCORES, parts
    audiences = {
        "audience_customers": ("COUNTROWS('Audiences')", "count(*)"),
        "to_contact": _in_audience("Is to contact", "is_to_contact"),
        "held_out": _in_audience("Is holdout", "is_holdout"),
        "audience_priority": total("Audiences", "Priority"),
    }
    yield "Audiences", "campaign_audiences", audiences
    listed = {
        "listed_customers": ("COUNTROWS('Named Lists')", "count(*)"),
        "listed_revenue": ("SUM('Named Lists'[Total revenue])", "coalesce(sum(total_revenue), 0)::DOUBLE"),
    }
    yield "Audiences", "named_lists", listed
    value = {
        "buyers": (f"CALCULATE({ROWS}, 'Latest Scores'[Total orders] > 0)", "count(*) FILTER (total_orders > 0)"),
        "high_value_customers": (f"CALCULATE({ROWS}, {_HIGH_VALUE})", f"count(*) FILTER ({HIGH_VALUE})"),
        "high_value_revenue": (
            f"CALCULATE([Revenue], {_HIGH_VALUE})",
            f"coalesce(sum(total_revenue) FILTER ({HIGH_VALUE}), 0)::DOUBLE",
        ),
        "high_value_share": (
            _share("High-value customers", "Buyers", "Is high value"),
            f"count(*) FILTER ({HIGH_VALUE}) / nullif(count(*) FILTER (total_orders > 0), 0)",
        ),
        "high_value_declining": (
            f"CALCULATE({ROWS}, {_HIGH_VALUE}, 'Latest Scores'[Reference score change] < -{STEADY:g})",
            f"count(*) FILTER ({HIGH_VALUE} AND reference_score_change < -{STEADY})",
        ),
        "at_risk_vips": (
            f"CALCULATE({ROWS}, 'Latest Scores'[Value segment] = \"At-risk VIPs\")",
            "count(*) FILTER (value_segment = 'At-risk VIPs')",
        ),
        "average_recency": _mean("Recency days"),
        "average_change": _mean("Reference score change"),
        "average_percentile": _mean("Score percentile"),
    }
    yield "Value and risk", SCORES, value


def _in_audience(name: str, column: str) -> tuple[str, str]:
    return f"CALCULATE(COUNTROWS('Audiences'), 'Audiences'[{name}] = TRUE())", f"count(*) FILTER ({column})"


def _share(part: str, whole: str, flag: str) -> str:
    """A share of customers with a flag: of all, on a page too that shows those with the flag only."""
    return f"DIVIDE([{part}], CALCULATE([{whole}], REMOVEFILTERS('Customers'[{flag}])))"


def _mean(name: str) -> tuple[str, str]:
    return mean("Latest Scores", name)
