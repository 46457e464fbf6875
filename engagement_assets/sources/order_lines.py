"""Lines of orders, summed up to the orders that the contract wants, before they are judged."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from engagement_assets.domain import verdicts
from engagement_assets.domain.source_mapping import SourceMapping
from engagement_assets.sources.shaping import AMOUNT
from engagement_assets.transforms.conversions import LARGEST_MONEY


def sum_up(lines: DataFrame, mapping: SourceMapping) -> DataFrame:
    """Lines as `validating.typed` gives them -> the same rows, in which the first line of each order stands for all of it.

    It has the sum of the amounts, rounded half up to cents, and the first of the dates. The others are SUMMED. A line without an
    amount counts nothing where another has one; one whose amount is no number makes the whole order one of a wrong type. Lines
    below zero are rejected, or, with `refunds = "net"`, summed up with the others. Lines that say another customer are an order
    of their own, so that both are noticed as repeats of one id; a line that says none is the order's customer's. Lines in another
    folder are another extract of the order, which takes its place or is a repeat. Where the line with the amount is left out by a
    condition, so are those that have none.
    """
    # Of lines of one id that name two customers none takes the other's place.
    lines = lines.withColumn("position", F.lit(None).cast("bigint"))
    amount, text = F.col("order_amount"), F.col("order_amount_text")
    if mapping.refunds == "reject":
        refused = F.when(F.col("verdict").isNull() & (amount < 0), verdicts.NEGATIVE_AMOUNT)
        lines = lines.withColumn("verdict", F.coalesce("verdict", refused))
    is_line = F.col("verdict").isNull() & F.col("order_id").isNotNull()
    lines = lines.withColumn("_line", is_line).withColumn("_extract", F.regexp_replace("source_path", r"[^/]*\z", ""))
    is_filtered = F.coalesce(F.col("verdict") == verdicts.FILTERED, F.lit(False))
    left_out = F.max(is_filtered).over(Window.partitionBy("_extract", "order_id"))
    has_amount = F.max(F.col("_line") & text.isNotNull()).over(Window.partitionBy("_extract", "order_id"))
    lines = lines.withColumn("_filtered", F.col("_line") & left_out & ~has_amount)
    lines = lines.withColumn("verdict", F.when(F.col("_filtered"), verdicts.FILTERED).otherwise(F.col("verdict")))
    lines = lines.withColumn("_line", F.col("_line") & ~F.col("_filtered")).drop("_filtered")
    of_id = Window.partitionBy("_line", "_extract", "order_id")
    lines = lines.select(
        *[name for name in lines.columns if name not in ("customer_id", "customer_id_text")],
        *[
            F.when(F.col("_line"), F.coalesce(name, F.max(name).over(of_id))).otherwise(F.col(name)).alias(name)
            for name in ("customer_id", "customer_id_text")
        ],
    )
    order = Window.partitionBy("_line", "_extract", "order_id", "customer_id")
    in_order = order.orderBy(
        *[F.col(name).asc_nulls_last() for name in ("order_date", "source_path", "order_amount", "order_amount_text")]
    )
    largest = F.lit(LARGEST_MONEY).cast("decimal(34,6)")
    whole = F.sum(amount).over(order).cast("decimal(34,6)")
    total = F.when(whole.isNotNull(), F.least(whole, largest)).cast("decimal(18,2)")
    wrong = F.max(F.when(text.isNotNull() & amount.isNull(), text)).over(order)
    summed = {
        "order_amount": F.when(wrong.isNull(), total),
        "order_amount_text": F.coalesce(wrong, total.cast("string")),
        **{name: F.min(name).over(order) for name in ("order_date", "order_date_text", "as_of_date")},
        "updated_at": F.max("updated_at").over(order),
    }
    is_first = F.row_number().over(in_order) == 1
    verdict = F.when(F.col("_line") & ~is_first, verdicts.SUMMED).otherwise(F.col("verdict"))
    alone = {
        "order_amount": F.when(amount.isNotNull(), F.least(amount, F.lit(LARGEST_MONEY).cast(AMOUNT))).cast(
            "decimal(18,2)"
        )
    }
    return lines.select(
        *[name for name in lines.columns if name not in (*summed, "verdict", "_line", "_extract")],
        *[
            F.when(F.col("_line"), value).otherwise(alone.get(name, F.col(name))).alias(name)
            for name, value in summed.items()
        ],
        verdict.alias("verdict"),
    )
