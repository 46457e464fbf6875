"""Contracts of what marketing acts on: who moved and why, whom to address."""

import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import SHARE, Contract, column, columns_of, listed_columns
from engagement_assets.domain.contracts.engagement import LIFECYCLE_STAGES, SEGMENTS, SUM_TOLERANCE, VALUE_SEGMENTS
from engagement_assets.domain.score_parts import CHANGES, KINDS, MEASURES

MOVEMENTS = ("Up", "Down", "Level", "New")

_NEW = "null for a customer who is new"


_scores = columns_of("engagement_scores")

# What a change is told from: the features of both days, which are scored anew.
_MOVED = _scores(*(measure.column for measure in MEASURES))
_AGED = _scores(*(measure.column for measure in MEASURES if "ageing" in measure.causes))
_STAGE = _scores("first_order_date", "recency_days", "recency_days_30_days_before")
_SLIPPING = _scores("recency_days", "order_days")


class SegmentChanges(Contract):
    """One row per customer who changed segment, stage, high risk or slipping since the day before, or is new, and exactly why."""

    _listed = {
        "engagement_score": listed_columns(
            {
                name: (f"{description}, in units of the score; {_NEW}", of)
                for name, (description, of) in {
                    "score_change": ("difference of the two scores; ageing + behaviour + rescaling", _MOVED),
                    "ageing": ("what passing days did", _AGED),
                    "behaviour": ("what the customer's orders, sessions and revenue did", _MOVED),
                    "rescaling": ("what the smallest and largest values of the snapshot did by moving", _MOVED),
                    **{
                        f"{each.name}_{kind}": (each.causes[kind], _scores(each.column))
                        for kind in KINDS
                        for each in MEASURES
                        if kind in each.causes
                    },
                }.items()
            },
            nullable=True,
        )
    }

    as_of_date: T.DateType() = column("day of the change: the snapshot it shows in")
    customer_id: T.StringType() = column("customer")
    movement: T.StringType() = column(
        "which way the score went; Level: only the days moved the customer, New: signed up on the day",
        of=_MOVED,
        isin=list(MOVEMENTS),
    )
    previous_segment: T.StringType() = column(
        f"segment on the day before; {_NEW}", of=_MOVED, nullable=True, isin=list(SEGMENTS)
    )
    engagement_segment: T.StringType() = column("segment on the as-of date", of=_MOVED, isin=list(SEGMENTS))
    previous_is_high_risk: T.BooleanType() = column(
        f"whether at high risk on the day before; {_NEW}", of=_MOVED, nullable=True
    )
    is_high_risk: T.BooleanType() = column("whether at high risk on the as-of date", of=_MOVED)
    previous_is_slipping: T.BooleanType() = column(
        f"whether slipping on the day before; {_NEW}, or of whom release 0.1.0 did not know",
        of=_SLIPPING,
        nullable=True,
    )
    is_slipping: T.BooleanType() = column(
        "whether slipping on the as-of date; null of whom release 0.1.0 did not know", of=_SLIPPING, nullable=True
    )
    previous_lifecycle_stage: T.StringType() = column(
        f"lifecycle stage on the day before; {_NEW}", of=_STAGE, nullable=True, isin=list(LIFECYCLE_STAGES)
    )
    lifecycle_stage: T.StringType() = column(
        "lifecycle stage on the as-of date", of=_STAGE, isin=list(LIFECYCLE_STAGES)
    )
    previous_score: T.DoubleType() = column(
        f"engagement score of the day before, under today's settings; {_NEW}", of=_MOVED, nullable=True, in_range=SHARE
    )
    engagement_score: T.DoubleType() = column("engagement score on the as-of date", of=_MOVED, in_range=SHARE)
    explanation: T.StringType() = column(
        "the move and its causes in words, each with its part of the score",
        of=tuple(dict.fromkeys((*_MOVED, *_STAGE, *_SLIPPING))),
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
        "or previous_is_high_risk != is_high_risk or previous_is_slipping != is_slipping "
        "or previous_lifecycle_stage != lifecycle_stage",
    }

    class Config:
        name = "segment_changes"
        strict = True
        unique = ["as_of_date", "customer_id"]


class CampaignAudiences(Contract):
    """One row per customer and day who is in a campaign audience: why, what to do, how urgent, and whether to contact today."""

    as_of_date: T.DateType() = column("day the snapshot stands for")
    audience: T.StringType() = column("the first audience whose rule fits the customer: {audience}")
    customer_id: T.StringType() = column("customer; those who opted out have no row")
    recommended_action: T.StringType() = column("what to do, in words")
    evidence: T.StringType() = column("why the customer is in the audience, in words")
    priority: T.DoubleType() = column("value times drop share; the highest first", ge=0)
    value: T.DoubleType() = column("what the customer is worth by the rule: revenue so far, an average order", ge=0)
    drop_share: T.DoubleType() = column(
        "the share of it at stake by the rule, such as the fall of the reference score in {window}", ge=0
    )
    country: T.StringType() = column("country of the customer")
    value_segment: T.StringType() = column(
        "engagement band (At Risk counts as Low) by revenue band", isin=list(VALUE_SEGMENTS)
    )
    lifecycle_stage: T.StringType() = column(
        "where the customer stands in their life with the shop", isin=list(LIFECYCLE_STAGES)
    )
    engagement_score: T.DoubleType() = column("engagement score on the as-of date", in_range=SHARE)
    is_holdout: T.BooleanType() = column(
        "held out to measure uplift, never contacted; the same customers of an audience on every day"
    )
    is_contact_day: T.BooleanType() = column(
        "the customer's day to be contacted, {contact_rhythm}: no more often is anybody addressed"
    )
    is_to_contact: T.BooleanType() = column("to be contacted today: the contact day, and not held out")

    _row_rules = {
        "nobody who is held out is contacted": "is_to_contact = (is_contact_day and not is_holdout)",
        "priority is value times drop share": f"abs(priority - `value` * drop_share) <= {SUM_TOLERANCE} * greatest(1, priority)",
    }

    class Config:
        name = "campaign_audiences"
        strict = True
        unique = ["as_of_date", "customer_id"]
