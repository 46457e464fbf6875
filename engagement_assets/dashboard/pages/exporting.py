"""What can be downloaded as CSV, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

from engagement_assets.analysis.backtest.sensitivity import RANGE_COLUMNS
from engagement_assets.dashboard import lists, questions
from engagement_assets.dashboard.actions import RECOMMENDED
from engagement_assets.dashboard.dagster_log import NoHistoryError
from engagement_assets.dashboard.exports import Export, of_rows
from engagement_assets.dashboard.grids import export_of
from engagement_assets.dashboard.pages.behaviour import queries as behaviour
from engagement_assets.dashboard.pages.breakdown import queries as breakdown
from engagement_assets.dashboard.pages.campaigns import queries as campaigns
from engagement_assets.dashboard.pages.customer import queries as customer
from engagement_assets.dashboard.pages.high_value import queries as high_value
from engagement_assets.dashboard.pages.monitoring import queries as monitoring
from engagement_assets.dashboard.pages.overview import queries as overview
from engagement_assets.dashboard.pages.quality import queries as quality
from engagement_assets.dashboard.pages.value import queries as value
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.contracts import ScoreBacktest
from engagement_assets.exports.measures import STAGES
from engagement_assets.exports.star_schema import BUCKET, SESSION_STEPS


def _same(*columns: str) -> dict[str, str]:
    return {column: column for column in columns}


def _compared(ask: Callable[[Warehouse, View, str], Sequence[Row]]) -> Callable[[Warehouse, View], Sequence[Row]]:
    """Rows that need a comparison date; none without one."""
    return lambda warehouse, view: ask(warehouse, view, view.compared) if view.compared else []


def _segments(warehouse: Warehouse, view: View) -> list[Row]:
    counts = overview.segments(warehouse, view.as_of, view.filters)
    return [{"segment": segment, "customers": customers} for segment, customers in counts.items()]


def _value_segments(warehouse: Warehouse, view: View) -> list[Row]:
    found = value.value_segments(warehouse, view.as_of, view.filters)
    return [
        {
            **row,
            "average_order": row["revenue"] / row["orders"] if row["orders"] else None,
            "recommended_action": RECOMMENDED[name],
        }
        for name, row in found.items()
    ]


def _funnel(warehouse: Warehouse, view: View) -> list[Row]:
    found = behaviour.funnel(warehouse, view.as_of, view.filters)
    return [
        {"stage": stage, "customers": found["customers"][number], "sessions": found["sessions"][number]}
        for number, stage in enumerate(STAGES)
    ]


def _orders_by_sessions(warehouse: Warehouse, view: View) -> list[Row]:
    rows = behaviour.orders_by_sessions(warehouse, view.as_of, view.filters)
    return [{**row, "sessions": SESSION_STEPS[row["step"]][2]} for row in rows]


def _rows_per_table(warehouse: Warehouse, view: View) -> list[Row]:
    return [
        {"table": name, "as_of_date": day, "rows": rows}
        for name in monitoring.daily_tables()
        for day, rows in monitoring.rows_per_day(warehouse, name, view.as_of).items()
    ]


def _traits(warehouse: Warehouse, view: View) -> list[Row]:
    found = high_value.profile(warehouse, view.as_of, view.filters)
    return [{**row, "group": "high-value" if high else "other buyers"} for high, row in found.items()]


def _score_parts(warehouse: Warehouse, view: View) -> list[Row]:
    row = customer.profile(warehouse, view.as_of, view.customer) if view.customer else None
    if row is None:
        return []
    average = customer.segment_average(warehouse, view.as_of, row["engagement_segment"])
    return [
        {
            "part": part,
            "score": row[f"{part}_score"],
            "segment_average": average[part],
            "contribution": row[f"{part}_contribution"],
        }
        for part in ("recency", "frequency", "monetary")
    ]


def _checks(warehouse: Warehouse, view: View) -> list[Row]:
    try:
        return [asdict(result) for result in warehouse.dagster.checks(view.as_of)]
    except NoHistoryError:
        return []


def _runs(warehouse: Warehouse, view: View) -> list[Row]:
    try:
        return [asdict(run) for run in warehouse.dagster.runs()]
    except NoHistoryError:
        return []


def _nulls(warehouse: Warehouse, view: View) -> list[Row]:
    found = monitoring.nulls(warehouse, view.as_of, view.filters)
    return [{"column": column, "share_without": found[column]} for column in monitoring.NULLABLE]


def _judgements(warehouse: Warehouse, view: View) -> list[Row]:
    day = quality.judged_day(warehouse, view.as_of)
    return quality.judgements(warehouse, day) if day else []


EXPORTS: dict[str, Export] = {
    **{name: export_of(name) for name in lists.LISTS},
    "segments": of_rows(_same("segment", "customers"), _segments),
    "trend": of_rows(
        _same(
            "as_of_date",
            "customers",
            "average_score",
            "average_reference_score",
            "high_risk_customers",
            "high_risk_share",
        ),
        lambda warehouse, view: questions.trend(warehouse, view.as_of, view.filters),
    ),
    "group-movers": of_rows(
        {
            "kind": "grouped_by",
            "name": "group",
            "customers": "customers",
            "customers_change": "customers_change",
            "score": "average_reference_score",
            "score_change": "average_reference_score_change",
            "at_risk_change": "high_risk_customers_change",
        },
        _compared(lambda warehouse, view, before: overview.group_movers(warehouse, view.as_of, before, view.filters)),
    ),
    "customer-movers": of_rows(
        {"customer_id": "customer_id", "segment": "segment", "score": "reference_score", "change": "change"},
        _compared(
            lambda warehouse, view, before: overview.customer_movers(warehouse, view.as_of, before, view.filters)
        ),
    ),
    "distribution": of_rows(
        {"bin": "from_score", "segment": "segment", "customers": "customers"},
        lambda warehouse, view: [
            {**row, "bin": round(row["bin"] * BUCKET, 2)}
            for row in overview.distribution(warehouse, view.as_of, view.filters)
        ],
    ),
    "decomposition": of_rows(
        {"name": "group", **_same("customers", "score", "recency", "frequency", "monetary")},
        lambda warehouse, view: breakdown.groups(warehouse, view.as_of, view.filters, view.by, view.within),
    ),
    "points": of_rows(
        _same("customer_id", "sessions", "orders", "revenue", "segment"),
        lambda warehouse, view: breakdown.points(warehouse, view.as_of, view.filters),
    ),
    "matrix": of_rows(
        _same("engagement", "revenue_band", "value_segment", "customers", "revenue"),
        lambda warehouse, view: value.matrix(warehouse, view.as_of, view.filters),
    ),
    "moves": of_rows(
        {"source": "from", "target": "to", "customers": "customers"},
        _compared(lambda warehouse, view, before: value.moves(warehouse, view.as_of, before, view.filters)),
    ),
    "value-segments": of_rows(
        {"name": "value_segment", **_same("customers", "revenue", "orders", "average_order", "recommended_action")},
        _value_segments,
    ),
    "lifecycle": of_rows(
        {"source": "from", "target": "to", "customers": "customers"},
        _compared(lambda warehouse, view, before: campaigns.transitions(warehouse, view.as_of, before, view.filters)),
    ),
    "stage-transitions": of_rows(
        {"as_of_date": "as_of_date", "source": "from", "target": "to", "customers": "customers"},
        lambda warehouse, view: campaigns.daily_transitions(warehouse, view.as_of, view.filters),
    ),
    "rfm": of_rows(
        {
            "segment": "rfm_segment",
            **_same("customers", "revenue"),
            "score": "average_score",
            "recency": "average_recency",
        },
        lambda warehouse, view: campaigns.rfm_segments(warehouse, view.as_of, view.filters),
    ),
    "audiences": of_rows(
        {
            "audience": "audience",
            "action": "recommended_action",
            **_same("members", "held_out", "to_contact", "priority"),
        },
        lambda warehouse, view: campaigns.audiences(warehouse, view.as_of, view.filters),
    ),
    "score-backtest": of_rows(_same(*ScoreBacktest.columns()), _judgements),
    "rank-ranges": of_rows(_same(*RANGE_COLUMNS), lambda warehouse, view: quality.rank_ranges(warehouse, view.as_of)),
    "slipping": of_rows(
        _same("customer_id", "revenue", "recency_days", "sessions", "sessions_before", "change"),
        lambda warehouse, view: high_value.slipping(warehouse, view.as_of, view.filters),
    ),
    "traits": of_rows(
        _same(
            "group", "customers", "average_orders", "average_order", "recency", "sessions", "engaged", "tenure", "score"
        ),
        _traits,
    ),
    "countries": of_rows(
        _same("country", "high_value", "buyers", "share"),
        lambda warehouse, view: high_value.countries(warehouse, view.as_of, view.filters),
    ),
    "funnel": of_rows(_same("stage", "customers", "sessions"), _funnel),
    "orders-by-sessions": of_rows(_same("sessions", "customers", "orders", "ordered"), _orders_by_sessions),
    "activity": of_rows(
        _same("weekday", "hour", "sessions"),
        lambda warehouse, view: behaviour.activity(warehouse, view.as_of, view.filters),
    ),
    "cohorts": of_rows(
        {"cohort": "signup_month", "size": "customers", "month": "months_since", "customers": "ordered"},
        lambda warehouse, view: behaviour.cohorts(warehouse, view.as_of, view.filters),
    ),
    "score-by-sessions": of_rows(
        {"bin": "from_score", "step": "sessions", "customers": "customers"},
        lambda warehouse, view: [
            {**row, "bin": row["bin"] / 10, "step": SESSION_STEPS[row["step"]][2]}
            for row in behaviour.score_by_sessions(warehouse, view.as_of, view.filters)
        ],
    ),
    "engaged": of_rows(
        _same("as_of_date", "sessions", "engaged"),
        lambda warehouse, view: behaviour.engaged(warehouse, view.as_of, view.filters),
    ),
    "customer-parts": of_rows(_same("part", "score", "segment_average", "contribution"), _score_parts),
    "customer-sessions": of_rows(
        _same("day", "sessions", "engaged"),
        lambda warehouse, view: customer.sessions(warehouse, view.as_of, view.customer) if view.customer else [],
    ),
    "customer-history": of_rows(
        {"as_of_date": "as_of_date", "score": "engagement_score", "reference": "reference_score", "segment": "segment"},
        lambda warehouse, view: customer.history(warehouse, view.as_of, view.customer) if view.customer else [],
    ),
    "customer-orders": of_rows(
        _same("day", "order_id", "amount"),
        lambda warehouse, view: customer.orders(warehouse, view.as_of, view.customer) if view.customer else [],
    ),
    "rows-per-table": of_rows(_same("table", "as_of_date", "rows"), _rows_per_table),
    "rejected": of_rows(_same("source", "reason", "rows"), lambda warehouse, view: monitoring.rejected(warehouse)),
    "stability": of_rows(
        _same("measure", "population_stability_index"),
        _compared(
            lambda warehouse, view, before: [
                {"measure": name, "population_stability_index": index}
                for name, index in monitoring.stability(warehouse, view.as_of, before, view.filters).items()
            ]
        ),
    ),
    "checks": of_rows(_same("asset", "check", "passed", "blocking", "words", "run_id"), _checks),
    "runs": of_rows(_same("started", "job", "days", "status", "seconds", "run_id"), _runs),
    "nulls": of_rows(_same("column", "share_without"), _nulls),
    "outliers": of_rows(
        _same("measure", "threshold", "customers", "largest", "customer_id"),
        lambda warehouse, view: monitoring.outliers(warehouse, view.as_of, view.filters),
    ),
}
