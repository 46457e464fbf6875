"""Numbers of a day's scores that the Dagster UI plots over time: plain numbers in the metadata of materialisations."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import dagster as dg
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from engagement_assets.domain.contracts.engagement import SEGMENTS
from engagement_assets.pipeline.markdown_tables import TENTHS, score_distribution

_DIGITS = 6


def of_scores(scores: DataFrame) -> dict[str, dict[str, Any]]:
    """Of each day the mean score, shares of the segments, of customers at high risk and slipping; and how scores are distributed.

    Parameters: `scores` has columns of the contract `engagement_scores`.
    """
    tenth = F.least(F.floor(F.col("engagement_score") * TENTHS), F.lit(TENTHS - 1)).cast("int").alias("tenth")
    flags = ("is_high_risk", "is_slipping")
    counted = scores.groupBy("as_of_date", tenth, "engagement_segment").agg(
        F.count(F.lit(1)).alias("customers"),
        F.sum("engagement_score").alias("score"),
        *[F.sum(F.col(flag).cast("int")).alias(flag) for flag in flags],
    )
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    tenths: dict[str, Counter[int]] = defaultdict(Counter)
    for row in counted.collect():
        day, customers = row["as_of_date"].isoformat(), row["customers"]
        totals[day].update({row["engagement_segment"]: customers, "customers": customers, "score": row["score"]})
        totals[day].update({flag: row[flag] or 0 for flag in flags})
        tenths[day][row["tenth"]] += customers
    return {
        day: {
            **_numbers(
                found["score"] / found["customers"],
                found["customers"],
                {segment: found[segment] for segment in SEGMENTS},
                found["is_high_risk"],
                found["is_slipping"],
            ),
            "score_distribution": dg.MetadataValue.md(score_distribution(tenths[day])),
        }
        for day, found in totals.items()
    }


def of_metrics(metrics: DataFrame) -> dict[str, dict[str, Any]]:
    """The same of each day from its totals, the contract `engagement_metrics`; nothing of a day without customers."""
    return {
        row["as_of_date"].isoformat(): _numbers(
            row["average_score"],
            row["customers"],
            {segment: row[f"segment_{segment.lower().replace(' ', '_')}"] for segment in SEGMENTS},
            row["high_risk_customers"],
            row["slipping_customers"] or 0,
        )
        for row in metrics.collect()
        if row["customers"]
    }


def _numbers(score: float, customers: int, segments: dict[str, int], at_risk: int, slipping: int) -> dict[str, Any]:
    shares = {f"share_{name.lower().replace(' ', '_')}": number for name, number in segments.items()}
    shares |= {"share_high_risk": at_risk, "share_slipping": slipping}
    return {
        "average_score": round(score, _DIGITS),
        **{name: round(number / customers, _DIGITS) for name, number in shares.items()},
    }
