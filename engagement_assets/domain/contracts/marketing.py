"""Contracts of what marketing acts on: who moved and why, whom to address."""

import pandera.pyspark as pa
import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import Contract, listed_columns
from engagement_assets.domain.contracts.engagement import LIFECYCLE_STAGES, SEGMENTS, SUM_TOLERANCE, VALUE_SEGMENTS
from engagement_assets.domain.score_parts import CHANGES, KINDS, MEASURES

MOVEMENTS = ("Up", "Down", "Level", "New")

_NEW = "null for a customer who is new"


class SegmentChanges(Contract):
    """One row per customer who changed segment, high risk or lifecycle stage since the day before, or is new, and exactly why."""

    _listed = {
        "engagement_score": listed_columns(
            {
                name: f"{description}, in units of the score; {_NEW}"
                for name, description in {
                    "score_change": "difference of the two scores; ageing + behaviour + rescaling",
                    "ageing": "what passing days did",
                    "behaviour": "what the customer's orders, sessions and revenue did",
                    "rescaling": "what the smallest and largest values of the snapshot did by moving",
                    **{f"{m.name}_{kind}": m.causes[kind] for kind in KINDS for m in MEASURES if kind in m.causes},
                }.items()
            },
            nullable=True,
        )
    }

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day of the change: the snapshot it shows in")
    customer_id: T.StringType() = pa.Field(nullable=False, description="customer")
    movement: T.StringType() = pa.Field(
        nullable=False,
        isin=list(MOVEMENTS),
        description="which way the score went; Level: only the days moved the customer, New: signed up on the day",
    )
    previous_segment: T.StringType() = pa.Field(
        nullable=True, isin=list(SEGMENTS), description=f"segment on the day before; {_NEW}"
    )
    engagement_segment: T.StringType() = pa.Field(
        nullable=False, isin=list(SEGMENTS), description="segment on the as-of date"
    )
    previous_is_high_risk: T.BooleanType() = pa.Field(
        nullable=True, description=f"whether at high risk on the day before; {_NEW}"
    )
    is_high_risk: T.BooleanType() = pa.Field(nullable=False, description="whether at high risk on the as-of date")
    previous_lifecycle_stage: T.StringType() = pa.Field(
        nullable=True, isin=list(LIFECYCLE_STAGES), description=f"lifecycle stage on the day before; {_NEW}"
    )
    lifecycle_stage: T.StringType() = pa.Field(
        nullable=False, isin=list(LIFECYCLE_STAGES), description="lifecycle stage on the as-of date"
    )
    previous_score: T.DoubleType() = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 1},
        description=f"engagement score of the day before, under today's settings; {_NEW}",
    )
    engagement_score: T.DoubleType() = pa.Field(
        nullable=False, in_range={"min_value": 0, "max_value": 1}, description="engagement score on the as-of date"
    )
    explanation: T.StringType() = pa.Field(
        nullable=False, description="the move and its causes in words, each with its part of the score"
    )

    _row_rules = {
        "the parts add up to the change": "score_change is null "
        f"or abs(ageing + behaviour + rescaling - score_change) <= {SUM_TOLERANCE}",
        "the components add up to their kinds": "score_change is null or ("
        + " and ".join(f"abs({' + '.join(names)} - {kind}) <= {SUM_TOLERANCE}" for kind, names in CHANGES.items())
        + ")",
        "the change is the difference of the scores": "score_change is null "
        f"or abs(engagement_score - previous_score - score_change) <= {SUM_TOLERANCE}",
        "only new customers have no day before": "(movement = 'New') = (previous_score is null) "
        "and (previous_score is null) = (score_change is null) "
        "and (previous_score is null) = (previous_segment is null)",
        "something changed": "movement = 'New' or previous_segment != engagement_segment "
        "or previous_is_high_risk != is_high_risk or previous_lifecycle_stage != lifecycle_stage",
    }

    class Config:
        name = "segment_changes"
        strict = True
        unique = ["as_of_date", "customer_id"]


class CampaignAudiences(Contract):
    """One row per customer and day who is in a campaign audience: why, what to do, how urgent, and whether to contact today."""

    as_of_date: T.DateType() = pa.Field(nullable=False, description="day the snapshot stands for")
    audience: T.StringType() = pa.Field(
        nullable=False, description="the first audience whose rule fits the customer: {audience}"
    )
    customer_id: T.StringType() = pa.Field(nullable=False, description="customer; those who opted out have no row")
    recommended_action: T.StringType() = pa.Field(nullable=False, description="what to do, in words")
    evidence: T.StringType() = pa.Field(nullable=False, description="why the customer is in the audience, in words")
    priority: T.DoubleType() = pa.Field(nullable=False, ge=0, description="value times drop share; the highest first")
    value: T.DoubleType() = pa.Field(
        nullable=False, ge=0, description="what the customer is worth by the rule: revenue so far, an average order"
    )
    drop_share: T.DoubleType() = pa.Field(
        nullable=False,
        ge=0,
        description="the share of it at stake by the rule, such as the fall of the reference score in {window}",
    )
    country: T.StringType() = pa.Field(nullable=False, description="country of the customer")
    value_segment: T.StringType() = pa.Field(
        nullable=False, isin=list(VALUE_SEGMENTS), description="engagement band (At Risk counts as Low) by revenue band"
    )
    lifecycle_stage: T.StringType() = pa.Field(
        nullable=False, isin=list(LIFECYCLE_STAGES), description="where the customer stands in their life with the shop"
    )
    engagement_score: T.DoubleType() = pa.Field(
        nullable=False, in_range={"min_value": 0, "max_value": 1}, description="engagement score on the as-of date"
    )
    is_holdout: T.BooleanType() = pa.Field(
        nullable=False,
        description="held out to measure uplift, never contacted; the same customers of an audience on every day",
    )
    is_contact_day: T.BooleanType() = pa.Field(
        nullable=False,
        description="the customer's day to be contacted, {contact_rhythm}: no more often is anybody addressed",
    )
    is_to_contact: T.BooleanType() = pa.Field(
        nullable=False, description="to be contacted today: the contact day, and not held out"
    )

    _row_rules = {
        "nobody who is held out is contacted": "is_to_contact = (is_contact_day and not is_holdout)",
        "priority is value times drop share": f"abs(priority - `value` * drop_share) <= {SUM_TOLERANCE} * greatest(1, priority)",
    }

    class Config:
        name = "campaign_audiences"
        strict = True
        unique = ["as_of_date", "customer_id"]
