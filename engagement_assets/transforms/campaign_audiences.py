"""Campaign audiences: each customer in the first audience whose rule fits, with evidence, action, priority and hold-out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from functools import reduce

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from engagement_assets.domain.campaign_policy import CART, PLACEHOLDER, AudienceRule, CampaignPolicy
from engagement_assets.domain.contracts import CampaignAudiences, EngagementScores

#: Hashes are compared on a scale of 32 bits.
_SCALE = 2**32

#: Day 0 of the contact rhythm.
_EPOCH = date(1970, 1, 1)


class AudienceRuleError(ValueError):
    """A rule's SQL or evidence speaks of what there is not; the message names the audience and the part."""


def left_carts(sessions: DataFrame, days: int, first: date, last: date) -> DataFrame:
    """Customers with a session that filled a cart and did not check out, for each day up to `days` - 1 days later.

    Parameters: `sessions` of the days from `first` - `days` + 1 to `last`.
    Returns: as_of_date, customer_id, cart_date (the latest such day).
    """
    carts = sessions.filter((F.col("add_to_carts") > 0) & (F.col("checkouts") == 0)).select(
        "customer_id", F.col("as_of_date").alias("cart_date")
    )
    remembered = F.explode(F.sequence("cart_date", F.date_add("cart_date", days - 1)))
    return (
        carts.distinct()
        .withColumn("as_of_date", remembered)
        .filter(F.col("as_of_date").between(F.lit(first), F.lit(last)))
        .groupBy("as_of_date", "customer_id")
        .agg(F.max("cart_date").alias("cart_date"))
    )


def share_of(text: Column) -> Column:
    """A number in [0, 1) drawn from a text: the same text, the same number, on every engine."""
    return F.conv(F.substring(F.sha2(text, 256), 1, 8), 16, 10).cast("double") / F.lit(float(_SCALE))


def evidence(rule: AudienceRule) -> Column:
    """The rule's evidence with its placeholders filled in."""
    types = {field.name: field.dataType for field in EngagementScores.struct()} | {CART: T.IntegerType()}
    pieces: list[Column] = []
    end = 0
    for found in PLACEHOLDER.finditer(rule.evidence):
        name, noun = found.groups()
        if name not in types:
            raise AudienceRuleError(f"audience {rule.name}: its evidence names {name!r}, which is no column of a score")
        pieces.append(F.lit(rule.evidence[end : found.start()]))
        value = F.col(name)
        # Doubles have a text of their own on each engine; three decimals are the same on all.
        text = value.cast("decimal(18,3)") if isinstance(types[name], T.DoubleType) else value
        pieces.append(F.coalesce(text.cast("string"), F.lit("unknown")))
        if noun:
            pieces.append(F.when(value == 1, f" {noun}").otherwise(f" {noun}s"))
        end = found.end()
    return F.concat(*pieces, F.lit(rule.evidence[end:]))


def check_rules(members: DataFrame, policy: CampaignPolicy) -> None:
    """Raise AudienceRuleError for a rule whose SQL does not fit the columns of `members`."""
    parts = [(rule, part, getattr(rule, part)) for rule in policy.audiences for part in ("condition", "value", "drop")]
    expressions = [sql for _, _, sql in parts]
    # One question to the engine for all; each by itself only where one of them is wrong.
    kinds = _types(members, expressions) or [(_types(members, [sql]) or [None])[0] for sql in expressions]
    for (rule, part, sql), kind in zip(parts, kinds, strict=True):
        wanted = T.BooleanType if part == "condition" else T.NumericType
        if not isinstance(kind, wanted):
            need = "a condition" if part == "condition" else "a number"
            raise AudienceRuleError(
                f"audience {rule.name}: its {part} is not {need} over the columns of engagement_scores: {sql}"
            )


def _types(members: DataFrame, expressions: Sequence[str]) -> list[T.DataType | None]:
    """The types of SQL expressions over `members`; empty if the engine understands one of them not."""
    try:
        schema = members.select(*[F.expr(sql).alias(f"part_{number}") for number, sql in enumerate(expressions)]).schema
    except PySparkException:
        return []
    return [field.dataType for field in schema.fields]


def choose_audiences(
    scores: DataFrame,
    sessions: DataFrame,
    opted_out: Collection[str],
    policy: CampaignPolicy,
    first: date,
    last: date,
) -> DataFrame:
    """Put each customer of each day into the first audience whose rule fits; the others have no row.

    Parameters: `scores` are the snapshots of the days `first` to `last`; `sessions` the days from `abandoned_cart_days` - 1
    before `first` on; `opted_out` identifiers have no row.
    Returns: the columns of the contract `campaign_audiences`. Raises AudienceRuleError.
    """
    carts = left_carts(sessions, policy.abandoned_cart_days, first, last)
    no_order_since = F.col("last_order_date").isNull() | (F.col("last_order_date") < F.col("cart_date"))
    members = (
        scores.join(carts, on=["as_of_date", "customer_id"], how="left")
        .withColumn(CART, F.when(no_order_since, F.datediff("as_of_date", "cart_date")))
        .drop("cart_date")
    )
    if opted_out:
        listed = scores.sparkSession.createDataFrame([(name,) for name in sorted(opted_out)], "customer_id string")
        members = members.join(F.broadcast(listed), on="customer_id", how="left_anti")
    check_rules(members, policy)
    chosen = members.withColumn("audience", _first_that_fits(policy.audiences)).filter(F.col("audience").isNotNull())
    drawn = share_of(F.concat(F.lit(f"{policy.holdout_seed}/"), F.col("audience"), F.lit("/"), F.col("customer_id")))
    slot = F.floor(share_of(F.concat(F.lit("contact/"), F.col("customer_id"))) * policy.contact_every_days)
    day = F.datediff("as_of_date", F.lit(_EPOCH))
    told: dict[str, Column] = {
        "recommended_action": _of_audience({rule.name: F.lit(rule.action) for rule in policy.audiences}),
        "evidence": _of_audience({rule.name: evidence(rule) for rule in policy.audiences}),
        "value": _of_audience({rule.name: F.expr(rule.value).cast("double") for rule in policy.audiences}),
        "drop_share": _of_audience({rule.name: F.expr(rule.drop).cast("double") for rule in policy.audiences}),
        "is_holdout": drawn
        < _of_audience({rule.name: F.lit(policy.share_held_out(rule.name)) for rule in policy.audiences}),
        "is_contact_day": (day % policy.contact_every_days) == slot,
    }
    complete = (
        chosen.withColumns(told)
        .withColumn("priority", F.col("value") * F.col("drop_share"))
        .withColumn("is_to_contact", ~F.col("is_holdout") & F.col("is_contact_day"))
    )
    return complete.select(
        *[F.col(field.name).cast(field.dataType).alias(field.name) for field in CampaignAudiences.struct()]
    )


def _first_that_fits(rules: Sequence[AudienceRule]) -> Column:
    return F.coalesce(*[F.when(F.expr(rule.condition), F.lit(rule.name)) for rule in rules], F.lit(None))


def _of_audience(values: dict[str, Column]) -> Column:
    name = F.col("audience")
    (first, value), *rest = values.items()
    return reduce(lambda case, item: case.when(name == item[0], item[1]), rest, F.when(name == first, value))
