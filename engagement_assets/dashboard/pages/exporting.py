"""What can be downloaded as CSV, by name."""

from __future__ import annotations

from engagement_assets.dashboard.exports import Export, of_rows
from engagement_assets.dashboard.queries import common, overview

EXPORTS: dict[str, Export] = {
    "segments": of_rows(
        {"segment": "segment", "customers": "customers"},
        lambda warehouse, view: [
            {"segment": segment, "customers": customers}
            for segment, customers in overview.segments(warehouse, view.as_of, view.filters).items()
        ],
    ),
    "trend": of_rows(
        {
            "as_of_date": "as_of_date",
            "customers": "customers",
            "average_score": "average_score",
            "average_reference_score": "average_reference_score",
            "high_risk_customers": "high_risk_customers",
            "high_risk_share": "high_risk_share",
        },
        lambda warehouse, view: common.trend(warehouse, view.as_of, view.filters),
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
        lambda warehouse, view: (
            overview.group_movers(warehouse, view.as_of, view.compared, view.filters) if view.compared else []
        ),
    ),
}
