"""From which columns each column of a built table is computed, for the column lineage of the Dagster UI.

A column that has the name of one in a table that is read is that column, handed on. The others are listed here, with what
their values depend on beside the keys, the as-of date and the customer. What the audiences depend on, their rules say, which are
settings.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import dagster as dg

from engagement_assets.domain.campaign_policy import CART, PLACEHOLDER, CampaignPolicy
from engagement_assets.domain.contracts import (
    TABLES,
    CampaignAudiences,
    Contract,
    CustomerFeatures,
    EngagementMetrics,
    EngagementScores,
    OrderAggregates,
    RawCustomers,
    RawOrders,
    RawWebEvents,
    ScoreBacktest,
    SegmentChanges,
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

# What a change is told from: the features of both days, which are scored anew.
_MOVED_RECENCY = _scores("recency_days")
_MOVED_ORDERS = _scores("total_orders")
_MOVED_SESSIONS = _scores("sessions_last_30_days")
_MOVED_MONEY = _scores("total_revenue")
_MOVED = (*_MOVED_RECENCY, *_MOVED_ORDERS, *_MOVED_SESSIONS, *_MOVED_MONEY)
_STAGE = _scores("first_order_date", "recency_days", "recency_days_30_days_before")

# Who is judged in a backtest, by what, and what came after.
_BUYERS = (*_scores("total_orders"), "raw_orders.customer_id", "raw_orders.as_of_date")
_PREDICTORS = (
    *_scores(
        "engagement_score",
        "reference_score",
        "recency_days",
        "total_orders",
        "rfm_recency",
        "rfm_frequency",
        "rfm_monetary",
    ),
    "raw_orders.customer_id",
    "raw_orders.as_of_date",
)
_JUDGED = (
    *("auc", "auc_low", "auc_high", "auc_gain", "auc_gain_low", "auc_gain_high"),
    *("average_precision", "lift_top_decile", "deciles_fall"),
    *(f"decile_{number}_rate" for number in range(1, 11)),
)
_PREDICTORS_BEFORE = _scores(
    "signup_date",
    "reference_score_30_days_before",
    "recency_days_30_days_before",
    "total_orders_30_days_before",
    "sessions_previous_30_days",
    "total_revenue_30_days_before",
)

#: Table -> column -> the columns it is computed from, as `table.column`; nothing for what is the same in every snapshot.
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
    SegmentChanges: {
        "movement": _MOVED,
        "previous_segment": _MOVED,
        "engagement_segment": _MOVED,
        "previous_is_high_risk": _MOVED,
        "is_high_risk": _MOVED,
        "previous_lifecycle_stage": _STAGE,
        "lifecycle_stage": _STAGE,
        "previous_score": _MOVED,
        "engagement_score": _MOVED,
        "score_change": _MOVED,
        "ageing": _MOVED_RECENCY,
        "behaviour": _MOVED,
        "rescaling": _MOVED,
        "recency_ageing": _MOVED_RECENCY,
        "recency_behaviour": _MOVED_RECENCY,
        "orders_behaviour": _MOVED_ORDERS,
        "sessions_behaviour": _MOVED_SESSIONS,
        "monetary_behaviour": _MOVED_MONEY,
        "recency_rescaling": _MOVED_RECENCY,
        "orders_rescaling": _MOVED_ORDERS,
        "sessions_rescaling": _MOVED_SESSIONS,
        "monetary_rescaling": _MOVED_MONEY,
        "explanation": tuple(dict.fromkeys((*_MOVED, *_STAGE))),
    },
    ScoreBacktest: {
        "as_of_date": _scores("as_of_date"),
        "horizon_days": (*_scores("as_of_date"), "raw_orders.as_of_date"),
        "predictor": (),
        "customers": _BUYERS,
        "ordered_again": _BUYERS,
        "base_rate": _BUYERS,
        **dict.fromkeys(_JUDGED, _PREDICTORS),
        "spend_share_top_decile": (*_PREDICTORS, "raw_orders.order_amount"),
        "high_risk_customers": (*_scores("is_high_risk"), *_BUYERS),
        "high_risk_precision": (*_scores("is_high_risk"), *_BUYERS),
        "rank_persistence": (
            *_scores("engagement_score", "reference_score", "recency_days", "total_orders"),
            *_PREDICTORS_BEFORE,
        ),
    },
}

_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'")
_WORD = re.compile(r"\w+")


def audience_origins(policy: CampaignPolicy) -> dict[str, tuple[str, ...]]:
    """Column of campaign_audiences -> the columns it is computed from, under these rules."""
    choice = _named(rule.condition for rule in policy.audiences)
    words = _known(name for rule in policy.audiences for name, _ in PLACEHOLDER.findall(rule.evidence))
    value, drop = (_named(getattr(rule, part) for rule in policy.audiences) for part in ("value", "drop"))
    drawn = _scores("customer_id")
    contact = _scores("as_of_date", "customer_id")
    origins = {
        "audience": choice,
        "recommended_action": choice,
        "evidence": (*choice, *words),
        "value": (*choice, *value),
        "drop_share": (*choice, *drop),
        "priority": (*choice, *value, *drop),
        "is_holdout": (*choice, *drawn),
        "is_contact_day": contact,
        "is_to_contact": (*choice, *contact),
    }
    return {name: tuple(dict.fromkeys(sources)) for name, sources in origins.items()}


def _named(texts: Iterable[str]) -> tuple[str, ...]:
    """The columns that SQL texts of audiences speak of."""
    return _known(word.lower() for text in texts for word in _WORD.findall(_TEXT.sub("", text)))


def _known(names: Iterable[str]) -> tuple[str, ...]:
    """Origins of the columns that an audience may speak of; other words are none."""
    found: dict[str, None] = {}
    for name in names:
        if name == CART:
            carts = ("sessions.as_of_date", "sessions.add_to_carts", "sessions.checkouts")
            found |= dict.fromkeys((*carts, *_scores("last_order_date")))
        elif name in EngagementScores.columns():
            found |= dict.fromkeys(_scores(name))
    return tuple(found)


def depends_on(
    contract: type[Contract], upstream: Collection[str], campaigns: CampaignPolicy | None = None
) -> dict[str, tuple[str, ...]]:
    """What each column depends on, as `table.column`, where that is known.

    Parameters: `upstream` are the tables that are read; `campaigns` the rules of the audiences (None: the defaults).
    """
    # These are read from files; other tables only judge their rows.
    if contract in (RawCustomers, RawOrders, RawWebEvents):
        return {}
    computed = COMPUTED.get(contract, {})
    if contract is CampaignAudiences:
        computed = audience_origins(campaigns or CampaignPolicy())
    found = {}
    for name in contract.columns():
        same = tuple(
            f"{table}.{name}" for table in sorted(upstream) if table in TABLES and name in TABLES[table].columns()
        )
        if sources := computed.get(name, same):
            found[name] = sources
    return found


def column_lineage(
    contract: type[Contract], upstream: Collection[str], campaigns: CampaignPolicy | None = None
) -> dg.TableColumnLineage | None:
    """The column lineage of a table as Dagster takes it, parameters as those of `depends_on`; None if it reads no table."""
    found = depends_on(contract, upstream, campaigns)
    if not found:
        return None
    return dg.TableColumnLineage(
        {
            name: [dg.TableColumnDep(dg.AssetKey(table), column) for table, column in (s.split(".") for s in sources)]
            for name, sources in found.items()
        }
    )
