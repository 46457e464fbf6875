"""The product with a fourth part of the score: one more entry in the list of parts, two more settings, nothing else.

Run as a process of its own, because the columns of the tables come from the list. Prints what was found as JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import engagement_assets

ENTRY = """
    ScorePart(
        name="depth",
        words="depth of visits",
        weight="depth_weight",
        colour="#a2588c",
        measures=(
            ScoredMeasure(
                name="depth",
                column="engaged_sessions_last_30_days",
                column_before="sessions_previous_30_days",
                score="depth_score",
                meaning="engaged sessions on the snapshot's scale",
                label="engaged sessions",
                reference="reference_depth",
                causes={"behaviour": "more or fewer engaged sessions", "rescaling": "the scale of engaged sessions moved"},
                titles={"behaviour": "Engaged sessions"},
                told=counted("engaged_sessions_last_30_days", "engaged session"),
            ),
        ),
    ),
"""

DAYS = (date(2025, 3, 30), date(2025, 3, 31))


def add_entry() -> None:
    """Read the list of parts with the entry at its end, before anything else reads it."""
    place = Path(engagement_assets.__file__).parent / "domain" / "score_parts.py"
    listed, after = place.read_text(encoding="utf-8").split("\n)\n\nMEASURES", 1)
    name = "engagement_assets.domain.score_parts"
    sys.modules[name] = module = ModuleType(name)
    exec(compile(f"{listed}{ENTRY})\n\nMEASURES{after}", str(place), "exec"), module.__dict__)
    import_module("engagement_assets.domain").score_parts = module  # type: ignore[attr-defined]


def main() -> dict[str, Any]:
    """Score three customers on two days, explain the one who moved, and export them."""
    import duckdb
    from pydantic import Field

    from engagement_assets.analysis.backtest.sensitivity import grid
    from engagement_assets.analysis.explanation import BOUNDS_SQL, CUSTOMER_SQL, explain, titled_causes
    from engagement_assets.dashboard.pages.breakdown.page import FIGURES
    from engagement_assets.domain.contracts import (
        CustomerFeatures,
        EngagementScores,
        RawOrders,
        ReturnRates,
        SegmentChanges,
        Sessions,
    )
    from engagement_assets.domain.scoring_policy import Bounds, ScoringPolicy, Share
    from engagement_assets.engine import EngineResource
    from engagement_assets.exports.measures import by_key
    from engagement_assets.exports.power_bi.project import project_files
    from engagement_assets.exports.star_schema import export_files
    from engagement_assets.settings import Settings
    from engagement_assets.transforms.engagement_metrics import total_metrics
    from engagement_assets.transforms.engagement_scores import score_customers
    from engagement_assets.transforms.segment_changes import changes_between

    class FourParts(ScoringPolicy):
        depth_weight: Share = Field(0.1, description="share of depth in the engagement score")
        reference_depth: Bounds = Field(Bounds(low=0, high=10), description="fixed bounds of engaged sessions")

    policy = FourParts(recency_weight=0.3, medium_threshold=0.35)
    settings = Settings(scoring=policy)

    def customer(day: date, name: str, recency: int, orders: int, sessions: int, revenue: str, engaged: int) -> tuple:
        values = {field.name: 0 for field in CustomerFeatures.struct()} | {
            "as_of_date": day,
            "customer_id": name,
            "country": "DE",
            "signup_date": date(2025, 1, 1),
            "average_order_value": None,
            "first_order_date": date(2025, 1, 2),
            "last_order_date": day - timedelta(days=recency),
            "recency_days": recency,
            "last_session_date": None,
            "total_orders": orders,
            "sessions_last_30_days": sessions,
            "total_revenue": Decimal(revenue),
            "total_revenue_30_days_before": Decimal(0),
            "revenue_last_365_days": Decimal(revenue),
            "engaged_sessions_last_30_days": engaged,
        }
        return tuple(values.values())

    rows = [
        customer(day, *who)
        for day, engaged in zip(DAYS, (3, 1), strict=True)
        for who in (
            ("ann", 0, 3, 4, "100", 4),
            ("bob", 10, 1, 0, "0", 0),
            ("cid", 5, 2, 2, "0", engaged),
        )
    ]
    with EngineResource(engine="embedded", timezone="UTC") as engine:
        features = engine.spark_session.createDataFrame(rows, CustomerFeatures.struct())
        no_rates = engine.spark_session.createDataFrame([], ReturnRates.struct())
        scored = score_customers(features, no_rates, policy, DAYS[0])
        before, now = (features.filter(features.as_of_date == day) for day in DAYS)
        changes = changes_between(before, now, policy)
        faults = [
            dict(cast(Any, contract.gate().validate(frame, lazy=True)).pandera.errors)
            for contract, frame in ((EngagementScores, scored), (SegmentChanges, changes))
        ]
        metrics = total_metrics(scored, [DAYS[1]]).collect()[0].asDict()
        latest = scored.filter(scored.as_of_date == DAYS[1]).toArrow()
        tables = {"engagement_scores": scored.toArrow(), "segment_changes": changes.toArrow()}
        tables |= {
            c.table(): engine.spark_session.createDataFrame([], c.struct()).toArrow() for c in (Sessions, RawOrders)
        }
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)

        def ask(sql: str, **parameters: object) -> list[dict[str, Any]]:
            found = connection.execute(sql.replace("{scores}", "engagement_scores"), parameters or None)
            names = [column[0] for column in found.description or ()]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

        days = (DAYS[0].isoformat(), DAYS[1].isoformat())
        told = explain("cid", days, ask(CUSTOMER_SQL, customer="cid"), ask(BOUNDS_SQL), policy)
        exported = next(file for file in export_files(settings) if file.name == "customers")
        contribution = by_key(policy)["depth_part"]
        found = {
            "faults": faults,
            "scores": ask("FROM engagement_scores WHERE customer_id = 'cid' ORDER BY as_of_date"),
            "changes": ask("FROM segment_changes"),
            "metrics": metrics,
            "words": told.words,
            "titles": [title for title, _ in titled_causes(told.change)],
            "weightings": len(grid()),
            "described": next(column.description for column in exported.columns if column.name == "depth_band"),
            "measure": [contribution.name, ask(f"SELECT {contribution.sql} AS mean FROM engagement_scores")[0]["mean"]],
            "power_bi": sum("depth" in text.lower() for text in project_files(settings, "data").values()),
            "cards": [figure.label for figure in FIGURES],
        }
        # A file is made of one day.
        connection.register("engagement_scores", latest)
        found["bands"] = {row["customer_id"]: row["depth_band"] for row in ask(exported.query)}
        return found


if __name__ == "__main__":
    add_entry()
    print(json.dumps(main(), default=str))  # noqa: T201
