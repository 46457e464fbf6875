"""Contracts of what marketing acts on: who moved and why, whom to address, and whether it worked."""

import pyspark.sql.types as T

from engagement_assets.domain.contracts.base import SHARE, Contract, column, columns_of, listed_columns
from engagement_assets.domain.contracts.engagement import LIFECYCLE_STAGES, SEGMENTS, SUM_TOLERANCE, VALUE_SEGMENTS
from engagement_assets.domain.score_parts import CHANGES, KINDS, MEASURES

MOVEMENTS = ("Up", "Down", "Level", "New")

#: What the results of a campaign say; `nobody held out` has nothing to compare with.
FINDINGS = ("works", "harms", "perhaps", "no effect", "too few held out", "nobody held out")

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


_audiences = columns_of("campaign_audiences")

# Who entered an audience when, and in which arm; what they did then.
_ENTERED = _audiences("as_of_date", "audience", "customer_id", "is_holdout")
_ORDERED = (*_ENTERED, "raw_orders.customer_id", "raw_orders.as_of_date")
_EARNED = (*_ORDERED, "raw_orders.order_amount")
_REACHED = (*_ENTERED, *columns_of("raw_contacts")("customer_id", "as_of_date", "campaign"))
_VISITED = (*_ENTERED, *columns_of("sessions")("customer_id", "as_of_date", "continues_previous_day"))

_ENDS = {"low": "lower end of its {results_level} interval", "high": "upper end of it"}


def _uplift(name: str, text: str, of: tuple[str, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        f"{name}_uplift": (f"{text}: treated less held out", of),
        **{f"{name}_uplift_{end}": (words, of) for end, words in _ENDS.items()},
    }


def _mean(name: str, what: str, of: tuple[str, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        f"treated_{name}": (f"{what} per treated customer", of),
        f"held_out_{name}": (f"{what} per customer held out", of),
        **_uplift(name, f"{what} per customer", of),
    }


def _incremental(name: str, what: str, of: tuple[str, ...]) -> dict[str, tuple[str, tuple[str, ...]]]:
    return {
        f"incremental_{name}": (f"{what} that the treated brought more than they would have: uplift times treated", of),
        **{f"incremental_{name}_{end}": (words, of) for end, words in _ENDS.items()},
    }


class CampaignResults(Contract):
    """One row per day, audience and horizon: what those did who were to be addressed, and those who were held out.

    Intention to treat: a customer counts from the first day in an audience, in the arm of that day, whatever reached them. A day
    whose audiences are not published assigns nobody.
    """

    _listed = {
        "held_out_ordered": listed_columns(
            {
                "treated_share": ("share of the treated who ordered", _ORDERED),
                "held_out_share": ("share of those held out who ordered", _ORDERED),
                **_uplift("share", "share who ordered", _ORDERED),
                "share_uplift_low_all_looks": ("lower end of the interval that allows for all looks (Holm)", _ORDERED),
                "share_uplift_high_all_looks": ("upper end of it", _ORDERED),
                "p_value": ("how often shares differ so much by lot", _ORDERED),
                "p_value_all_looks": ("the same, allowing for all looks (Holm)", _ORDERED),
                **_mean("orders", "orders", _ORDERED),
                **_mean("revenue", "revenue, currency units,", _EARNED),
                **_mean("sessions", "sessions", _VISITED),
                **_incremental("orders", "orders", _ORDERED),
                **_incremental("revenue", "revenue, currency units,", _EARNED),
                "score_imbalance": (
                    "engagement score on the day of entry: treated less held out, in standard deviations",
                    (*_ENTERED, *_audiences("engagement_score")),
                ),
                "revenue_imbalance": ("revenue until then by its logarithm, the same", _EARNED),
                "recency_imbalance": ("days since the last order, of buyers, the same", _ORDERED),
            },
            nullable=True,
        )
    }

    as_of_date: T.DateType() = column("day up to which everything counts", of=_audiences("as_of_date"))
    audience: T.StringType() = column("audience", of=_audiences("audience"))
    horizon_days: T.IntegerType() = column("days after the entry over which customers are watched", of=(), ge=1)
    entered_from: T.DateType() = column("first day of the entries that count", of=_audiences("as_of_date"))
    entered_to: T.DateType() = column("last of them: later ones have days ahead", of=_audiences("as_of_date"))
    days_known: T.IntegerType() = column(
        "days among these whose audiences are published", of=_audiences("as_of_date"), ge=1
    )
    days_unknown: T.IntegerType() = column(
        "days among these, from the first partition on, whose audiences are not: who entered then counts from the next that is",
        of=_audiences("as_of_date"),
        ge=0,
    )
    entries_per_day: T.DoubleType() = column(
        "customers who entered a day; null while no two days in a row are known", of=_ENTERED, nullable=True, ge=0
    )
    treated: T.LongType() = column("customers who entered and were to be addressed", of=_ENTERED, ge=0)
    held_out: T.LongType() = column("customers who entered and were held out", of=_ENTERED, ge=0)
    treated_ordered: T.LongType() = column("treated who ordered within the horizon", of=_ORDERED, ge=0)
    held_out_ordered: T.LongType() = column("held out who ordered within the horizon", of=_ORDERED, ge=0)
    treated_reached: T.LongType() = column(
        "treated who were contacted for the audience, from the day of entry to the end of the horizon; null where no contact of "
        "anybody is known from the first entry on",
        of=_REACHED,
        nullable=True,
        ge=0,
    )
    held_out_reached: T.LongType() = column(
        "held out who were contacted all the same: from one on the experiment is contaminated",
        of=_REACHED,
        nullable=True,
        ge=0,
    )
    looks: T.IntegerType() = column("results of the day, each a look that may be wrong", of=_ENTERED, ge=0)
    needed_1_point: T.LongType() = column(
        "customers, treated and held out, it takes to see an uplift of 1 point with 80 % power",
        of=_ORDERED,
        nullable=True,
        ge=1,
    )
    needed_2_points: T.LongType() = column("the same for 2 points", of=_ORDERED, nullable=True, ge=1)
    needed_5_points: T.LongType() = column("the same for 5 points", of=_ORDERED, nullable=True, ge=1)
    held_out_lacking: T.LongType() = column(
        "how many more have to be held out to see an uplift of {least_uplift}", of=_ORDERED, nullable=True, ge=0
    )
    weeks_lacking: T.DoubleType() = column(
        "weeks until they are; null where none are lacking, or they never will be at this share",
        of=_ORDERED,
        nullable=True,
        ge=0,
    )
    is_early: T.BooleanType() = column("whether fewer are held out than that takes: a look ahead of time", of=_ORDERED)
    is_balanced: T.BooleanType() = column(
        "whether treated and held out were alike when they entered, as far as lot goes; null of too few in an arm",
        nullable=True,
        of=(*_EARNED, *_audiences("engagement_score")),
    )
    finding: T.StringType() = column("what the numbers say", of=_ORDERED, isin=list(FINDINGS))
    verdict: T.StringType() = column(
        "the same as a sentence, with its numbers, and with those who were held out and contacted",
        of=tuple(dict.fromkeys((*_EARNED, *_REACHED))),
    )

    _row_rules = {
        "who ordered is among the customers": "treated_ordered <= treated and held_out_ordered <= held_out",
        "who was reached is among the customers": "(treated_reached is null) = (held_out_reached is null) "
        "and (treated_reached is null or treated_reached <= treated and held_out_reached <= held_out)",
        "the interval holds the uplift": "share_uplift is null or share_uplift between share_uplift_low and share_uplift_high",
        "allowing for all looks is no narrower": "share_uplift is null "
        f"or share_uplift_low_all_looks <= share_uplift_low + {SUM_TOLERANCE} "
        f"and share_uplift_high <= share_uplift_high_all_looks + {SUM_TOLERANCE}",
        "who entered is compared where both arms have somebody": "(share_uplift is null) = (treated = 0 or held_out = 0)",
    }

    class Config:
        name = "campaign_results"
        strict = True
        unique = ["as_of_date", "audience", "horizon_days"]
