"""Contracts of what is computed: sessions, aggregates, features, scores, daily totals."""

import pandera.pyspark as pa
import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import SHARE, Contract, column, columns_of, listed_columns
from engagement_assets.domain.meanings import names
from engagement_assets.domain.return_chance import PRIOR_CUSTOMERS
from engagement_assets.domain.score_parts import CONTRIBUTIONS, MEASURES, PARTS, SCORES

SEGMENTS = names("engagement_segment")
STATUSES = names("engagement_status")
REVENUE_BANDS = names("revenue_band")
VALUE_SEGMENTS = names("value_segment")
LIFECYCLE_STAGES = names("lifecycle_stage")
RFM_SEGMENTS = names("rfm_segment")

#: How far the contributions may miss the score they add up to.
SUM_TOLERANCE = 1e-12

#: Columns that came later are null in the days that 0.1.0 built, and in what is built from these.
_EARLIER = "null where release 0.1.0 built what it is computed from"

_DECAYED = "sum of order amounts so far, each times exp(-age / 180 days), currency units"

_TIME = ("raw_web_events.event_time",)
_TYPE = ("raw_web_events.event_type",)
_AMOUNT = ("raw_orders.order_amount",)
_ORDERS = ("raw_orders.order_id",)
_ORDER_DAYS = ("raw_orders.as_of_date",)

_STOOD = (*_ORDER_DAYS, "raw_orders.customer_id", "raw_customers.signup_date")

_STARTS = ("sessions.session_start", "sessions.continues_previous_day")
_SESSION_DAYS = ("sessions.as_of_date",)

_features = columns_of("customer_features")
_scores = columns_of("engagement_scores")

_SCORE = _features(*(measure.column for measure in MEASURES))
_BEFORE = _features("signup_date", *(measure.column_before for measure in MEASURES))
#: The score of a part -> the features it is computed from; and that of a measure.
_PARTS = {part.score: _features(*(measure.column for measure in part.measures)) for part in PARTS}
_PARTS_AND_MEASURES = _PARTS | {measure.score: _features(measure.column) for measure in MEASURES}


#: What a customer's cell says.
_CHANCE = (*_features("recency_days", "order_days"), "return_rates.chance", "return_rates.customers")


class Sessions(Contract):
    """One row per web session and day it has events on; a session past midnight has a row in each day."""

    as_of_date: T.DateType() = column("day of the row's events")
    customer_id: T.StringType() = column("customer of the session")
    session_start: T.TimestampType() = column("first event of the session on this day", of=_TIME)
    session_end: T.TimestampType() = column("last event of the session on this day", of=_TIME)
    duration_seconds: T.DoubleType() = column("from first to last event of the day's part, seconds", of=_TIME, ge=0)
    events: T.LongType() = column("events", of=_TIME, ge=1)
    page_views: T.LongType() = column("events of type page_view", of=(*_TIME, *_TYPE), ge=0)
    add_to_carts: T.LongType() = column("events of type add_to_cart", of=(*_TIME, *_TYPE), ge=0)
    checkouts: T.LongType() = column("events of type checkout", of=(*_TIME, *_TYPE), ge=0)
    is_engaged: T.BooleanType() = column("{engaged}", of=(*_TIME, *_TYPE))
    continues_previous_day: T.BooleanType() = column(
        "the session began before midnight and has a row there too", of=_TIME
    )

    _row_rules = {
        "session ends at or after its start": "session_end >= session_start",
        "funnel events are among the events": "page_views + add_to_carts + checkouts <= events",
    }

    class Config:
        name = "sessions"
        strict = True
        unique = ["as_of_date", "customer_id", "session_start"]


class OrderAggregates(Contract):
    """One row per customer who has ordered by the as-of date."""

    as_of_date: T.DateType() = column("day the snapshot stands for")
    customer_id: T.StringType() = column("customer who ordered")
    total_orders: T.LongType() = column("orders so far", of=_ORDERS, ge=1)
    order_days: T.LongType() = column(f"days with an order so far; {_EARLIER}", of=_ORDER_DAYS, nullable=True, ge=1)
    total_revenue: T.DecimalType(18, 2) = column("sum of order amounts so far, currency units", of=_AMOUNT, ge=0)
    revenue_last_365_days: T.DecimalType(18, 2) = column(
        f"sum of order amounts of the last 365 days, currency units; {_EARLIER}",
        of=(*_AMOUNT, *_ORDER_DAYS),
        nullable=True,
        ge=0,
    )
    decayed_revenue: T.DoubleType() = column(
        f"{_DECAYED}; {_EARLIER}", of=(*_AMOUNT, *_ORDER_DAYS), nullable=True, ge=0
    )
    first_order_date: T.DateType() = column("day of the first order", of=_ORDER_DAYS)
    last_order_date: T.DateType() = column("day of the latest order", of=_ORDER_DAYS)
    total_orders_30_days_before: T.LongType() = column(
        "orders as of {window} before", of=(*_ORDERS, *_ORDER_DAYS), ge=0
    )
    total_revenue_30_days_before: T.DecimalType(18, 2) = column(
        "revenue as of {window} before, currency units", of=(*_AMOUNT, *_ORDER_DAYS), ge=0
    )
    last_order_date_30_days_before: T.DateType() = column(
        "day of the latest order as of {window} before; null if there was none", of=_ORDER_DAYS, nullable=True
    )

    _row_rules = {
        "no order after the as-of date": "last_order_date <= as_of_date",
        "first order not after the last": "first_order_date <= last_order_date",
        "a day with an order has one": "order_days between 1 and total_orders",
        "a year is part of all": "revenue_last_365_days <= total_revenue",
        "totals do not fall": "total_orders_30_days_before <= total_orders "
        "and total_revenue_30_days_before <= total_revenue",
    }

    class Config:
        name = "order_aggregates"
        strict = True
        unique = ["as_of_date", "customer_id"]


class CustomerFeatures(Contract):
    """One row per customer known on the as-of date, inactive ones too, with what is known of their behaviour."""

    as_of_date: T.DateType() = column("day the snapshot stands for")
    customer_id: T.StringType() = column("customer")
    country: T.StringType() = column("country of the customer")
    signup_date: T.DateType() = column("day the customer signed up")
    tenure_days: T.IntegerType() = column("days since sign-up", of=("raw_customers.signup_date",), ge=0)
    total_orders: T.LongType() = column("orders so far", ge=0)
    order_days: T.LongType() = column(f"days with an order so far; {_EARLIER}", nullable=True, ge=0)
    total_revenue: T.DecimalType(18, 2) = column("sum of order amounts so far, currency units", ge=0)
    revenue_last_365_days: T.DecimalType(18, 2) = column(
        f"sum of order amounts of the last 365 days, currency units; {_EARLIER}", nullable=True, ge=0
    )
    decayed_revenue: T.DoubleType() = column(f"{_DECAYED}; {_EARLIER}", nullable=True, ge=0)
    average_order_value: T.DecimalType(18, 2) = column(
        "total revenue by total orders, rounded half up; null for a customer who never ordered",
        of=("order_aggregates.total_revenue", "order_aggregates.total_orders"),
        nullable=True,
        ge=0,
    )
    first_order_date: T.DateType() = column("day of the first order; null if none", nullable=True)
    last_order_date: T.DateType() = column("day of the latest order; null if none", nullable=True)
    recency_days: T.IntegerType() = column(
        "days from the latest order to the as-of date; null for a customer who never ordered",
        of=("order_aggregates.last_order_date",),
        nullable=True,
        ge=0,
    )
    usual_gap_days: T.DoubleType() = column(
        "mean days between the customer's order days, averaged with two of the mean gaps of all customers; null below two order "
        "days",
        of=("order_aggregates.order_days", "order_aggregates.first_order_date", "order_aggregates.last_order_date"),
        nullable=True,
        ge=0,
    )
    sessions_last_30_days: T.LongType() = column(
        "sessions with an event in the last {window}, the as-of date included", of=(*_STARTS, *_SESSION_DAYS), ge=0
    )
    sessions_previous_30_days: T.LongType() = column(
        "sessions with an event in the {window} before those", of=(*_STARTS, *_SESSION_DAYS), ge=0
    )
    sessions_last_7_days: T.LongType() = column(
        f"sessions with an event in the last 7 days; {_EARLIER}", of=(*_STARTS, *_SESSION_DAYS), nullable=True, ge=0
    )
    engaged_sessions_last_30_days: T.LongType() = column(
        "engaged sessions in the last {window}", of=("sessions.is_engaged", *_STARTS, *_SESSION_DAYS), ge=0
    )
    page_views_last_30_days: T.LongType() = column(
        "page views in the last {window}", of=("sessions.page_views", *_SESSION_DAYS), ge=0
    )
    add_to_carts_last_30_days: T.LongType() = column(
        "additions to the cart in the last {window}", of=("sessions.add_to_carts", *_SESSION_DAYS), ge=0
    )
    checkouts_last_30_days: T.LongType() = column(
        "checkouts in the last {window}", of=("sessions.checkouts", *_SESSION_DAYS), ge=0
    )
    last_session_date: T.DateType() = column(
        "latest day with a web event within the last {two_windows}; null if none", of=_SESSION_DAYS, nullable=True
    )
    days_since_last_session: T.IntegerType() = column(
        "days from that day to the as-of date; null if there is none", of=_SESSION_DAYS, nullable=True, ge=0
    )
    total_orders_30_days_before: T.LongType() = column("orders as of {window} before", ge=0)
    total_revenue_30_days_before: T.DecimalType(18, 2) = column("revenue as of {window} before, currency units", ge=0)
    recency_days_30_days_before: T.IntegerType() = column(
        "recency as of {window} before; null if the customer had not ordered",
        of=("order_aggregates.last_order_date_30_days_before",),
        nullable=True,
        ge=0,
    )

    _row_rules = {
        "no customer after the as-of date": "signup_date <= as_of_date",
        "no order after the as-of date": "last_order_date is null or last_order_date <= as_of_date",
        "recency is known for buyers only": "(recency_days is null) = (total_orders = 0)",
    }

    class Config:
        name = "customer_features"
        strict = True
        unique = ["as_of_date", "customer_id"]


class ReturnRates(Contract):
    """One row per day and cell of silence x order days: how many customers stood there at earlier days, and came back.

    Counted in the shop's own past, at up to six earlier days whose next 90 days are over; none while there is no such day.
    """

    as_of_date: T.DateType() = column("day the snapshot stands for")
    silence_from_days: T.IntegerType() = column("least days since the last order", of=_STOOD, ge=0)
    silence_to_days: T.IntegerType() = column(
        "most days since the last order; null: any number", of=_STOOD, nullable=True, ge=0
    )
    order_days_from: T.IntegerType() = column("least days with an order", of=_STOOD, ge=1)
    order_days_to: T.IntegerType() = column("most days with an order; null: any number", of=_STOOD, nullable=True, ge=1)
    customers: T.LongType() = column(
        "buyers who stood in the cell at the earlier days, each counted once for each of these days", of=_STOOD, ge=0
    )
    came_back: T.LongType() = column("those of them who ordered within 90 days", of=_STOOD, ge=0)
    chance: T.DoubleType() = column(
        "share who came back, drawn towards what the row and the column of the cell say with the weight of "
        f"{PRIOR_CUSTOMERS} customers",
        of=_STOOD,
        in_range=SHARE,
    )
    counted_days: T.IntegerType() = column("earlier days", of=(), ge=1)
    first_counted_day: T.DateType() = column("the first of them", of=())
    last_counted_day: T.DateType() = column("the last of them", of=())
    revenue_factor: T.DoubleType() = column(
        "what a unit of decayed revenue is expected to bring in 90 days: what was spent in the 90 days after the earlier days "
        "by what all had spent until then, decayed, each divided by 1 - exp(-n / 180) for a history of n days; null where "
        "nothing had been spent",
        of=(*_AMOUNT, *_STOOD),
        nullable=True,
        ge=0,
    )

    _row_rules = {
        "who came back is among the customers": "came_back <= customers",
    }

    class Config:
        name = "return_rates"
        strict = True
        unique = ["as_of_date", "silence_from_days", "order_days_from"]


class EngagementScores(CustomerFeatures):
    """One row per customer and day: the engagement score, its parts, segment, status, risk and reasons."""

    _listed = {
        "recency_days_30_days_before": {
            **listed_columns(
                {name: (meaning, _PARTS_AND_MEASURES[name]) for name, meaning in SCORES.items()},
                pa.Check.in_range(0, 1),
            ),
            **listed_columns(
                {p.contribution: (f"{{{p.weight}}} times the {p.name} score", _PARTS[p.score]) for p in PARTS},
                pa.Check.ge(0),
            ),
        }
    }

    engagement_score: T.DoubleType() = column("sum of the contributions", of=_SCORE, in_range=SHARE)
    reference_score: T.DoubleType() = column("{reference_score}", of=_SCORE, in_range=SHARE)
    reference_score_30_days_before: T.DoubleType() = column(
        "reference score of what was known {window} before; null for customers who signed up since",
        of=_BEFORE,
        nullable=True,
        in_range=SHARE,
    )
    reference_score_change: T.DoubleType() = column(
        "reference score less what it was {window} before; null for customers who signed up since",
        of=(*_SCORE, *_BEFORE),
        nullable=True,
    )
    score_percentile: T.DoubleType() = column(
        "percent of customers with this score or a lower one", of=_SCORE, in_range={"min_value": 0, "max_value": 100}
    )
    engagement_segment: T.StringType() = column(
        "by the engagement score: {engagement_segment}", of=_SCORE, isin=list(SEGMENTS)
    )
    engagement_status: T.StringType() = column(
        "by what the customer has done: {engagement_status}", of=_PARTS["frequency_score"], isin=list(STATUSES)
    )
    revenue_band: T.StringType() = column(
        "by total revenue: {revenue_band}", of=_features("total_revenue", "total_orders"), isin=list(REVENUE_BANDS)
    )
    value_segment: T.StringType() = column(
        "engagement band ({engagement_band}) by revenue band: {value_segment}",
        of=(*_SCORE, *_features("engaged_sessions_last_30_days")),
        isin=list(VALUE_SEGMENTS),
    )
    lifecycle_stage: T.StringType() = column(
        "by the dates of orders: {lifecycle_stage}",
        of=_features("first_order_date", "recency_days", "recency_days_30_days_before"),
        isin=list(LIFECYCLE_STAGES),
    )
    rfm_recency: T.IntegerType() = column(
        "quintile of recency among buyers, 5 = ordered most recently; null for never-buyers",
        of=_features("recency_days", "total_orders"),
        nullable=True,
        in_range={"min_value": 1, "max_value": 5},
    )
    rfm_frequency: T.IntegerType() = column(
        "quintile of total orders among buyers, 5 = most orders; null for never-buyers",
        of=_features("total_orders"),
        nullable=True,
        in_range={"min_value": 1, "max_value": 5},
    )
    rfm_monetary: T.IntegerType() = column(
        "quintile of total revenue among buyers, 5 = most revenue; null for never-buyers",
        of=_features("total_revenue", "total_orders"),
        nullable=True,
        in_range={"min_value": 1, "max_value": 5},
    )
    rfm_segment: T.StringType() = column(
        "by the quintiles of recency / frequency: {rfm_segment}",
        of=_features("recency_days", "total_orders", "total_revenue"),
        isin=list(RFM_SEGMENTS),
    )
    is_high_risk: T.BooleanType() = column("{high_risk}", of=_SCORE)
    risk_reasons: T.StringType() = column(
        "why, in words with numbers; null when not at high risk", of=(*_SCORE, *_BEFORE), nullable=True
    )

    is_slipping: T.BooleanType() = column(
        f"{{slipping}}; {_EARLIER}", of=_features("recency_days", "order_days"), nullable=True
    )
    slipping_reasons: T.StringType() = column(
        "why, in words with numbers; null when not slipping",
        of=(
            *_features("usual_gap_days", "sessions_last_30_days", "sessions_previous_30_days"),
            *_CHANCE,
            "return_rates.came_back",
        ),
        nullable=True,
    )

    return_chance: T.DoubleType() = column(
        "share of the customers who stood where this one stands, by days since the last order and order days, who ordered again "
        "within 90 days, counted in the shop's own past; null where return_chance_missing says why",
        of=_CHANCE,
        nullable=True,
        in_range=SHARE,
    )
    return_chance_customers: T.LongType() = column(
        "customers it was counted of, each once for each of up to six earlier days", of=_CHANCE, nullable=True, ge=0
    )
    return_chance_missing: T.StringType() = column(
        "why there is no return chance; null where there is one", of=_CHANCE, nullable=True
    )
    expected_revenue_90_days: T.DoubleType() = column(
        "what the customer is expected to spend in the next 90 days, currency units: decayed revenue times the revenue factor "
        "of the day's return rates; null where there is none, or no order",
        of=(*_features("decayed_revenue"), "return_rates.revenue_factor"),
        nullable=True,
        ge=0,
    )

    _row_rules = {
        **CustomerFeatures._row_rules,
        "contributions add up to the score": f"abs({' + '.join(CONTRIBUTIONS)} - engagement_score) <= {SUM_TOLERANCE}",
        "buyers have quintiles, prospects none": "(total_orders = 0) = (rfm_recency is null) "
        "and (rfm_recency is null) = (rfm_frequency is null) and (rfm_recency is null) = (rfm_monetary is null) "
        "and (total_orders = 0) = (rfm_segment = 'Prospects') and (total_orders = 0) = (lifecycle_stage = 'Prospect')",
        "high risk has reasons": "is_high_risk = (risk_reasons is not null)",
        "no return chance has a reason": "(return_chance is null) = (return_chance_missing is not null) "
        "and (return_chance is null) = (return_chance_customers is null)",
        "slipping has reasons": "coalesce(is_slipping, false) = (slipping_reasons is not null)",
    }

    class Config:
        name = "engagement_scores"
        strict = True
        unique = ["as_of_date", "customer_id"]


class EngagementMetrics(Contract):
    """One row of totals per day: what trends and KPI cards read."""

    _listed = {
        "average_reference_score": listed_columns(
            {
                f"average_{part.contribution}": (f"mean contribution of {part.words}", _scores(part.contribution))
                for part in PARTS
            },
            pa.Check.ge(0),
            nullable=True,
        )
    }

    as_of_date: T.DateType() = column("day the totals stand for")
    customers: T.LongType() = column("customers known on the day", of=_scores("customer_id"), ge=0)
    buyers: T.LongType() = column("customers who have ordered", of=_scores("total_orders"), ge=0)
    average_score: T.DoubleType() = column(
        "mean engagement score; null without customers", of=_scores("engagement_score"), nullable=True, in_range=SHARE
    )
    average_reference_score: T.DoubleType() = column(
        "mean reference score; null without customers", of=_scores("reference_score"), nullable=True, in_range=SHARE
    )
    average_sessions_last_30_days: T.DoubleType() = column(
        "mean sessions of the last {window} per customer; null without customers",
        of=_scores("sessions_last_30_days"),
        nullable=True,
        ge=0,
    )
    high_risk_customers: T.LongType() = column("customers at high risk", of=_scores("is_high_risk"), ge=0)
    high_risk_share: T.DoubleType() = column(
        "high-risk customers by customers; null without customers",
        of=_scores("is_high_risk"),
        nullable=True,
        in_range=SHARE,
    )
    total_revenue: T.DecimalType(18, 2) = column("revenue so far, currency units", ge=0)
    revenue_at_risk: T.DecimalType(18, 2) = column(
        "revenue so far of the high-risk customers, currency units", of=_scores("total_revenue", "is_high_risk"), ge=0
    )
    slipping_customers: T.LongType() = column(
        f"customers who are slipping; {_EARLIER}", of=_scores("is_slipping"), nullable=True, ge=0
    )
    slipping_revenue: T.DecimalType(18, 2) = column(
        f"revenue of the last 365 days of the customers who are slipping, currency units; {_EARLIER}",
        of=_scores("is_slipping", "revenue_last_365_days"),
        nullable=True,
        ge=0,
    )
    expected_revenue_slipping: T.DoubleType() = column(
        "what the customers who are slipping are expected to spend in the next 90 days, currency units; null where that is not "
        "known",
        of=_scores("is_slipping", "expected_revenue_90_days"),
        nullable=True,
        ge=0,
    )
    segment_high: T.LongType() = column("customers in segment High", of=_scores("engagement_segment"), ge=0)
    segment_medium: T.LongType() = column("customers in segment Medium", of=_scores("engagement_segment"), ge=0)
    segment_low: T.LongType() = column("customers in segment Low", of=_scores("engagement_segment"), ge=0)
    segment_at_risk: T.LongType() = column("customers in segment At Risk", of=_scores("engagement_segment"), ge=0)
    status_active: T.LongType() = column("customers with status Active", of=_scores("engagement_status"), ge=0)
    status_browsing_only: T.LongType() = column(
        "customers with status Browsing Only", of=_scores("engagement_status"), ge=0
    )
    status_not_active: T.LongType() = column("customers with status Not Active", of=_scores("engagement_status"), ge=0)
    value_vips: T.LongType() = column("customers in value segment VIPs", of=_scores("value_segment"), ge=0)
    value_converters_to_be: T.LongType() = column(
        "customers in value segment Converters-to-be", of=_scores("value_segment"), ge=0
    )
    value_core: T.LongType() = column("customers in value segment Core", of=_scores("value_segment"), ge=0)
    value_at_risk_vips: T.LongType() = column(
        "customers in value segment At-risk VIPs", of=_scores("value_segment"), ge=0
    )
    value_dormant: T.LongType() = column("customers in value segment Dormant", of=_scores("value_segment"), ge=0)

    _row_rules = {
        "segments count each customer once": "segment_high + segment_medium + segment_low + segment_at_risk = customers",
        "statuses count each customer once": "status_active + status_browsing_only + status_not_active = customers",
        "value segments count each customer once": "value_vips + value_converters_to_be + value_core + value_at_risk_vips "
        "+ value_dormant = customers",
    }

    class Config:
        name = "engagement_metrics"
        strict = True
        unique = ["as_of_date"]
