"""From which columns each column of a built table is computed, for the column lineage of the Dagster UI.

A column that has the name of one in a table that is read is that column, handed on. The others are listed here, with what
their values depend on beside the keys, the as-of date and the customer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import dagster as dg

from engagement_assets.contracts import (
    TABLES,
    Contract,
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    Sessions,
)

_TIME = ("raw_web_events.event_time",)
_TYPE = ("raw_web_events.event_type",)
_AMOUNT = ("raw_orders.order_amount",)
_ORDERS = ("raw_orders.order_id",)
_ORDER_DAYS = ("raw_orders.as_of_date",)

_STARTS = ("sessions.session_start", "sessions.continues_previous_day")
_SESSION_DAYS = ("sessions.as_of_date",)


def _features(*names: str) -> tuple[str, ...]:
    return tuple(f"customer_features.{name}" for name in names)


def _scores(*names: str) -> tuple[str, ...]:
    return tuple(f"engagement_scores.{name}" for name in names)


_RECENCY = _features("recency_days")
_FREQUENCY = _features("total_orders", "sessions_last_30_days")
_MONETARY = _features("total_revenue")
_SCORE = (*_RECENCY, *_FREQUENCY, *_MONETARY)
_BEFORE = _features(
    "signup_date",
    "recency_days_30_days_before",
    "total_orders_30_days_before",
    "sessions_previous_30_days",
    "total_revenue_30_days_before",
)

#: Table -> column -> the columns it is computed from, as `table.column`.
COMPUTED: Mapping[type[Contract], Mapping[str, tuple[str, ...]]] = {
    Sessions: {
        "session_start": _TIME,
        "session_end": _TIME,
        "duration_seconds": _TIME,
        "events": _TIME,
        "page_views": (*_TIME, *_TYPE),
        "add_to_carts": (*_TIME, *_TYPE),
        "checkouts": (*_TIME, *_TYPE),
        "is_engaged": (*_TIME, *_TYPE),
        "continues_previous_day": _TIME,
    },
    OrderAggregates: {
        "total_orders": _ORDERS,
        "total_revenue": _AMOUNT,
        "first_order_date": _ORDER_DAYS,
        "last_order_date": _ORDER_DAYS,
        "total_orders_30_days_before": (*_ORDERS, *_ORDER_DAYS),
        "total_revenue_30_days_before": (*_AMOUNT, *_ORDER_DAYS),
        "last_order_date_30_days_before": _ORDER_DAYS,
    },
    CustomerFeatures: {
        "tenure_days": ("raw_customers.signup_date",),
        "average_order_value": ("order_aggregates.total_revenue", "order_aggregates.total_orders"),
        "recency_days": ("order_aggregates.last_order_date",),
        "recency_days_30_days_before": ("order_aggregates.last_order_date_30_days_before",),
        "sessions_last_30_days": (*_STARTS, *_SESSION_DAYS),
        "sessions_previous_30_days": (*_STARTS, *_SESSION_DAYS),
        "engaged_sessions_last_30_days": ("sessions.is_engaged", *_STARTS, *_SESSION_DAYS),
        "page_views_last_30_days": ("sessions.page_views", *_SESSION_DAYS),
        "add_to_carts_last_30_days": ("sessions.add_to_carts", *_SESSION_DAYS),
        "checkouts_last_30_days": ("sessions.checkouts", *_SESSION_DAYS),
        "last_session_date": _SESSION_DAYS,
    },
    EngagementScores: {
        "recency_score": _RECENCY,
        "order_score": _features("total_orders"),
        "session_score": _features("sessions_last_30_days"),
        "frequency_score": _FREQUENCY,
        "monetary_score": _MONETARY,
        "recency_contribution": _RECENCY,
        "frequency_contribution": _FREQUENCY,
        "monetary_contribution": _MONETARY,
        "engagement_score": _SCORE,
        "reference_score": _SCORE,
        "reference_score_30_days_before": _BEFORE,
        "reference_score_change": (*_SCORE, *_BEFORE),
        "score_percentile": _SCORE,
        "engagement_segment": _SCORE,
        "engagement_status": _FREQUENCY,
        "revenue_band": _features("total_revenue", "total_orders"),
        "value_segment": _SCORE,
        "lifecycle_stage": _features("first_order_date", "recency_days", "recency_days_30_days_before"),
        "rfm_recency": _features("recency_days", "total_orders"),
        "rfm_frequency": _features("total_orders"),
        "rfm_monetary": _features("total_revenue", "total_orders"),
        "rfm_segment": _features("recency_days", "total_orders", "total_revenue"),
        "is_high_risk": _SCORE,
        "risk_reasons": (*_SCORE, *_BEFORE),
    },
    EngagementMetrics: {
        "customers": _scores("customer_id"),
        "buyers": _scores("total_orders"),
        "average_score": _scores("engagement_score"),
        "average_reference_score": _scores("reference_score"),
        **{f"average_{part}": _scores(part) for part in ("recency_contribution", "frequency_contribution")},
        "average_monetary_contribution": _scores("monetary_contribution"),
        "average_sessions_last_30_days": _scores("sessions_last_30_days"),
        "high_risk_customers": _scores("is_high_risk"),
        "high_risk_share": _scores("is_high_risk"),
        "revenue_at_risk": _scores("total_revenue", "is_high_risk"),
        **{f"segment_{name}": _scores("engagement_segment") for name in ("high", "medium", "low", "at_risk")},
        **{f"status_{name}": _scores("engagement_status") for name in ("active", "browsing_only", "not_active")},
        **{
            f"value_{name}": _scores("value_segment")
            for name in ("vips", "converters_to_be", "core", "at_risk_vips", "dormant")
        },
    },
}


def depends_on(contract: type[Contract], upstream: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What each column depends on, as `table.column`, where that is known; `upstream` are the tables that are read."""
    # These are read from files; other tables only judge their rows.
    if contract in (RawCustomers, RawOrders, RawWebEvents):
        return {}
    computed = COMPUTED.get(contract, {})
    found = {}
    for name in contract.columns():
        same = tuple(
            f"{table}.{name}" for table in sorted(upstream) if table in TABLES and name in TABLES[table].columns()
        )
        if sources := computed.get(name, same):
            found[name] = sources
    return found


def column_lineage(contract: type[Contract], upstream: Collection[str]) -> dg.TableColumnLineage | None:
    """The column lineage of a table as Dagster takes it; None if it reads no table."""
    found = depends_on(contract, upstream)
    if not found:
        return None
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(dg.AssetKey(table), column) for table, column in (s.split(".") for s in sources)]
            for name, sources in found.items()
        }
    )
