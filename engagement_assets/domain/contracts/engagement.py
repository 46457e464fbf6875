"""Contracts of what is computed: sessions, aggregates, features, scores, daily totals."""

import pandera.pyspark as pa
import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import Contract, listed_columns
from engagement_assets.domain.meanings import names
from engagement_assets.domain.score_parts import CONTRIBUTIONS, PARTS, SCORES

SEGMENTS = names("engagement_segment")
STATUSES = names("engagement_status")
REVENUE_BANDS = names("revenue_band")
VALUE_SEGMENTS = names("value_segment")
LIFECYCLE_STAGES = names("lifecycle_stage")
RFM_SEGMENTS = names("rfm_segment")

#: How far the contributions may miss the score they add up to.
SUM_TOLERANCE = 1e-12


class Sessions(Contract):
    """One row per web session and day it has events on; a session past midnight has a row in each day."""

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day of the row's events")
    customer_id: T.StringType() = pa.Field(nullable=False, description="customer of the session")
    session_start: T.TimestampType() = pa.Field(nullable=False, description="first event of the session on this day")
    session_end: T.TimestampType() = pa.Field(nullable=False, description="last event of the session on this day")
    duration_seconds: T.DoubleType() = pa.Field(
        nullable=False, ge=0, description="from first to last event of the day's part, seconds"
    )
    events: T.LongType() = pa.Field(nullable=False, ge=1, description="events")
    page_views: T.LongType() = pa.Field(nullable=False, ge=0, description="events of type page_view")
    add_to_carts: T.LongType() = pa.Field(nullable=False, ge=0, description="events of type add_to_cart")
    checkouts: T.LongType() = pa.Field(nullable=False, ge=0, description="events of type checkout")
    is_engaged: T.BooleanType() = pa.Field(
        nullable=False,
        description="{engaged}",
    )
    continues_previous_day: T.BooleanType() = pa.Field(
        nullable=False, description="the session began before midnight and has a row there too"
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

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day the snapshot stands for")
    customer_id: T.StringType() = pa.Field(nullable=False, description="customer who ordered")
    total_orders: T.LongType() = pa.Field(nullable=False, ge=1, description="orders so far")
    total_revenue: T.DecimalType(18, 2) = pa.Field(
        nullable=False, ge=0, description="sum of order amounts so far, currency units"
    )
    first_order_date: T.DateType() = pa.Field(nullable=False, description="day of the first order")
    last_order_date: T.DateType() = pa.Field(nullable=False, description="day of the latest order")
    total_orders_30_days_before: T.LongType() = pa.Field(
        nullable=False, ge=0, description="orders as of {window} before"
    )
    total_revenue_30_days_before: T.DecimalType(18, 2) = pa.Field(
        nullable=False, ge=0, description="revenue as of {window} before, currency units"
    )
    last_order_date_30_days_before: T.DateType() = pa.Field(
        nullable=True, description="day of the latest order as of {window} before; null if there was none"
    )

    _row_rules = {
        "no order after the as-of date": "last_order_date <= as_of_date",
        "first order not after the last": "first_order_date <= last_order_date",
        "totals do not fall": "total_orders_30_days_before <= total_orders "
        "and total_revenue_30_days_before <= total_revenue",
    }

    class Config:
        name = "order_aggregates"
        strict = True
        unique = ["as_of_date", "customer_id"]


class CustomerFeatures(Contract):
    """One row per customer known on the as-of date, inactive ones too, with what is known of their behaviour."""

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day the snapshot stands for")
    customer_id: T.StringType() = pa.Field(nullable=False, description="customer")
    country: T.StringType() = pa.Field(nullable=False, description="country of the customer")
    signup_date: T.DateType() = pa.Field(nullable=False, description="day the customer signed up")
    tenure_days: T.IntegerType() = pa.Field(nullable=False, ge=0, description="days since sign-up")
    total_orders: T.LongType() = pa.Field(nullable=False, ge=0, description="orders so far")
    total_revenue: T.DecimalType(18, 2) = pa.Field(
        nullable=False, ge=0, description="sum of order amounts so far, currency units"
    )
    average_order_value: T.DecimalType(18, 2) = pa.Field(
        nullable=True,
        ge=0,
        description="total revenue by total orders, rounded half up; null for a customer who never ordered",
    )
    first_order_date: T.DateType() = pa.Field(nullable=True, description="day of the first order; null if none")
    last_order_date: T.DateType() = pa.Field(nullable=True, description="day of the latest order; null if none")
    recency_days: T.IntegerType() = pa.Field(
        nullable=True,
        ge=0,
        description="days from the latest order to the as-of date; null for a customer who never ordered",
    )
    sessions_last_30_days: T.LongType() = pa.Field(
        nullable=False,
        ge=0,
        description="sessions with an event in the last {window}, the as-of date included",
    )
    sessions_previous_30_days: T.LongType() = pa.Field(
        nullable=False, ge=0, description="sessions with an event in the {window} before those"
    )
    engaged_sessions_last_30_days: T.LongType() = pa.Field(
        nullable=False, ge=0, description="engaged sessions in the last {window}"
    )
    page_views_last_30_days: T.LongType() = pa.Field(
        nullable=False, ge=0, description="page views in the last {window}"
    )
    add_to_carts_last_30_days: T.LongType() = pa.Field(
        nullable=False, ge=0, description="additions to the cart in the last {window}"
    )
    checkouts_last_30_days: T.LongType() = pa.Field(nullable=False, ge=0, description="checkouts in the last {window}")
    last_session_date: T.DateType() = pa.Field(
        nullable=True, description="latest day with a web event within the last {two_windows}; null if none"
    )
    total_orders_30_days_before: T.LongType() = pa.Field(
        nullable=False, ge=0, description="orders as of {window} before"
    )
    total_revenue_30_days_before: T.DecimalType(18, 2) = pa.Field(
        nullable=False, ge=0, description="revenue as of {window} before, currency units"
    )
    recency_days_30_days_before: T.IntegerType() = pa.Field(
        nullable=True, ge=0, description="recency as of {window} before; null if the customer had not ordered"
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


class EngagementScores(CustomerFeatures):
    """One row per customer and day: the engagement score, its parts, segment, status, risk and reasons."""

    _listed = {
        "recency_days_30_days_before": {
            **listed_columns(SCORES, pa.Check.in_range(0, 1)),
            **listed_columns(
                {part.contribution: f"{{{part.weight}}} times the {part.name} score" for part in PARTS}, pa.Check.ge(0)
            ),
        }
    }

    engagement_score: T.DoubleType() = pa.Field(
        nullable=False, in_range={"min_value": 0, "max_value": 1}, description="sum of the contributions"
    )
    reference_score: T.DoubleType() = pa.Field(
        nullable=False,
        in_range={"min_value": 0, "max_value": 1},
        description="{reference_score}",
    )
    reference_score_30_days_before: T.DoubleType() = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 1},
        description="reference score of what was known {window} before; null for customers who signed up since",
    )
    reference_score_change: T.DoubleType() = pa.Field(
        nullable=True,
        description="reference score less what it was {window} before; null for customers who signed up since",
    )
    score_percentile: T.DoubleType() = pa.Field(
        nullable=False,
        in_range={"min_value": 0, "max_value": 100},
        description="percent of customers with this score or a lower one",
    )
    engagement_segment: T.StringType() = pa.Field(
        nullable=False, isin=list(SEGMENTS), description="by the engagement score: {engagement_segment}"
    )
    engagement_status: T.StringType() = pa.Field(
        nullable=False,
        isin=list(STATUSES),
        description="by what the customer has done: {engagement_status}",
    )
    revenue_band: T.StringType() = pa.Field(
        nullable=False, isin=list(REVENUE_BANDS), description="by total revenue: {revenue_band}"
    )
    value_segment: T.StringType() = pa.Field(
        nullable=False,
        isin=list(VALUE_SEGMENTS),
        description="engagement band (At Risk counts as Low) by revenue band: {value_segment}",
    )
    lifecycle_stage: T.StringType() = pa.Field(
        nullable=False,
        isin=list(LIFECYCLE_STAGES),
        description="by the dates of orders: {lifecycle_stage}",
    )
    rfm_recency: T.IntegerType() = pa.Field(
        nullable=True,
        in_range={"min_value": 1, "max_value": 5},
        description="quintile of recency among buyers, 5 = ordered most recently; null for never-buyers",
    )
    rfm_frequency: T.IntegerType() = pa.Field(
        nullable=True,
        in_range={"min_value": 1, "max_value": 5},
        description="quintile of total orders among buyers, 5 = most orders; null for never-buyers",
    )
    rfm_monetary: T.IntegerType() = pa.Field(
        nullable=True,
        in_range={"min_value": 1, "max_value": 5},
        description="quintile of total revenue among buyers, 5 = most revenue; null for never-buyers",
    )
    rfm_segment: T.StringType() = pa.Field(
        nullable=False,
        isin=list(RFM_SEGMENTS),
        description="by the quintiles of recency / frequency: {rfm_segment}",
    )
    is_high_risk: T.BooleanType() = pa.Field(
        nullable=False, description="has ordered and scores below {high_risk_threshold}"
    )
    risk_reasons: T.StringType() = pa.Field(
        nullable=True, description="why, in words with numbers; null when not at high risk"
    )

    _row_rules = {
        **CustomerFeatures._row_rules,
        "contributions add up to the score": f"abs({' + '.join(CONTRIBUTIONS)} - engagement_score) <= {SUM_TOLERANCE}",
        "buyers have quintiles, prospects none": "(total_orders = 0) = (rfm_recency is null) "
        "and (rfm_recency is null) = (rfm_frequency is null) and (rfm_recency is null) = (rfm_monetary is null) "
        "and (total_orders = 0) = (rfm_segment = 'Prospects') and (total_orders = 0) = (lifecycle_stage = 'Prospect')",
        "high risk has reasons": "is_high_risk = (risk_reasons is not null)",
    }

    class Config:
        name = "engagement_scores"
        strict = True
        unique = ["as_of_date", "customer_id"]


class EngagementMetrics(Contract):
    """One row of totals per day: what trends and KPI cards read."""

    _listed = {
        "average_reference_score": listed_columns(
            {f"average_{part.contribution}": f"mean contribution of {part.words}" for part in PARTS},
            pa.Check.ge(0),
            nullable=True,
        )
    }

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day the totals stand for")
    customers: T.LongType() = pa.Field(nullable=False, ge=0, description="customers known on the day")
    buyers: T.LongType() = pa.Field(nullable=False, ge=0, description="customers who have ordered")
    average_score: T.DoubleType() = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 1},
        description="mean engagement score; null without customers",
    )
    average_reference_score: T.DoubleType() = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 1},
        description="mean reference score; null without customers",
    )
    average_sessions_last_30_days: T.DoubleType() = pa.Field(
        nullable=True, ge=0, description="mean sessions of the last {window} per customer; null without customers"
    )
    high_risk_customers: T.LongType() = pa.Field(nullable=False, ge=0, description="customers at high risk")
    high_risk_share: T.DoubleType() = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 1},
        description="high-risk customers by customers; null without customers",
    )
    total_revenue: T.DecimalType(18, 2) = pa.Field(nullable=False, ge=0, description="revenue so far, currency units")
    revenue_at_risk: T.DecimalType(18, 2) = pa.Field(
        nullable=False, ge=0, description="revenue so far of the high-risk customers, currency units"
    )
    segment_high: T.LongType() = pa.Field(nullable=False, ge=0, description="customers in segment High")
    segment_medium: T.LongType() = pa.Field(nullable=False, ge=0, description="customers in segment Medium")
    segment_low: T.LongType() = pa.Field(nullable=False, ge=0, description="customers in segment Low")
    segment_at_risk: T.LongType() = pa.Field(nullable=False, ge=0, description="customers in segment At Risk")
    status_active: T.LongType() = pa.Field(nullable=False, ge=0, description="customers with status Active")
    status_browsing_only: T.LongType() = pa.Field(
        nullable=False, ge=0, description="customers with status Browsing Only"
    )
    status_not_active: T.LongType() = pa.Field(nullable=False, ge=0, description="customers with status Not Active")
    value_vips: T.LongType() = pa.Field(nullable=False, ge=0, description="customers in value segment VIPs")
    value_converters_to_be: T.LongType() = pa.Field(
        nullable=False, ge=0, description="customers in value segment Converters-to-be"
    )
    value_core: T.LongType() = pa.Field(nullable=False, ge=0, description="customers in value segment Core")
    value_at_risk_vips: T.LongType() = pa.Field(
        nullable=False, ge=0, description="customers in value segment At-risk VIPs"
    )
    value_dormant: T.LongType() = pa.Field(nullable=False, ge=0, description="customers in value segment Dormant")

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
