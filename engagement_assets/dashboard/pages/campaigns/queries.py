"""Questions of the page on lifecycle and campaigns."""

from __future__ import annotations

from engagement_assets.dashboard.questions import TREND_DAYS, Customers, Filters, addressed
from engagement_assets.dashboard.warehouse import Row, Warehouse, remembered
from engagement_assets.domain.contracts import CampaignAudiences, CampaignResults, EngagementScores, SegmentChanges
from engagement_assets.domain.customer_filters import ENTERED

_FEW = 12


@remembered
def stages(warehouse: Warehouse, day: str, filters: Filters) -> dict[str, int]:
    """Customers per lifecycle stage."""
    rows = Customers(warehouse, day, filters).rows(
        "SELECT lifecycle_stage AS stage, count(*) AS customers FROM {scores} s WHERE {filters} GROUP BY 1"
    )
    return {row["stage"]: row["customers"] for row in rows}


@remembered
def transitions(warehouse: Warehouse, day: str, before: str, filters: Filters) -> list[Row]:
    """Customers by stage before (`source`, empty for who was none yet) and on the day (`target`); filters as of the day."""
    return Customers(warehouse, day, filters).rows(
        """
        SELECT coalesce(o.lifecycle_stage, '') AS source, s.lifecycle_stage AS target, count(*) AS customers
        FROM {scores} s LEFT JOIN {before} o USING (customer_id) WHERE {filters}
        GROUP BY ALL ORDER BY customers DESC, source, target
        """,
        before=(EngagementScores, [before]),
    )


@remembered
def daily_transitions(warehouse: Warehouse, until: str, filters: Filters) -> list[Row]:
    """Per day up to `until`, customers who went from one stage (`source`, empty for who is new) to another (`target`)."""
    days = [day for day in warehouse.days(SegmentChanges) if day <= until][-TREND_DAYS:]
    # Filters are those of each day's own snapshot.
    narrowed = "SEMI JOIN (SELECT * FROM {scores} s WHERE {filters}) k USING (as_of_date, customer_id)"
    return Customers(warehouse, until, filters).rows(
        f"""
        SELECT as_of_date, coalesce(previous_lifecycle_stage, '') AS source, lifecycle_stage AS target,
               count(*) AS customers
        FROM {{changes}} c {narrowed if any(filters) else ""} WHERE source <> target GROUP BY ALL ORDER BY ALL
        """,
        changes=(SegmentChanges, days),
        scores=(EngagementScores, days),
    )


@remembered
def rfm_segments(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Customers, revenue and mean score per RFM segment, the most valuable first."""
    return Customers(warehouse, day, filters).rows(
        """
        SELECT rfm_segment AS segment, count(*) AS customers, sum(total_revenue)::DOUBLE AS revenue,
               avg(engagement_score) AS score, avg(recency_days) AS recency
        FROM {scores} s WHERE {filters} GROUP BY 1 ORDER BY revenue DESC, segment
        """
    )


@remembered
def audiences(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Per audience: members, held out, to contact on the day, value."""
    return Customers(warehouse, day, filters).rows(
        """
        SELECT audience, any_value(a.recommended_action) AS action, count(*) AS members,
               count(*) FILTER (a.is_holdout) AS held_out, count(*) FILTER (a.is_to_contact) AS to_contact,
               sum(a.priority) AS priority
        FROM {audiences} a JOIN {scores} s USING (customer_id) WHERE {filters} GROUP BY 1 ORDER BY priority DESC, 1
        """,
        audiences=(CampaignAudiences, [day]),
    )


@remembered
def results(warehouse: Warehouse, day: str) -> list[Row]:
    """What the campaigns of the day brought, per audience and horizon; whatever the filters."""
    return warehouse.rows("SELECT * FROM {results} ORDER BY audience, horizon_days", results=(CampaignResults, [day]))


@remembered
def judged(warehouse: Warehouse, day: str) -> dict[tuple[str, int, bool], int]:
    """Audience, horizon and whether held out -> the customers whom a result of the day counts, once who entered twice."""
    rows = warehouse.rows(
        f"""
        SELECT e.audience, r.horizon_days, e.is_holdout, count(DISTINCT e.customer_id) AS customers
        FROM {ENTERED} e JOIN {{results}} r
            ON r.audience = e.audience AND e.entered BETWEEN r.entered_from AND r.entered_to
        SEMI JOIN {{scores}} s ON s.customer_id = e.customer_id
        GROUP BY ALL
        """,
        {"again_after": warehouse.settings.results.again_after_days},
        addressed=addressed(warehouse, day),
        results=(CampaignResults, [day]),
        scores=(EngagementScores, [day]),
    )
    return {(row["audience"], row["horizon_days"], row["is_holdout"]): row["customers"] for row in rows}


@remembered
def results_over_time(warehouse: Warehouse, day: str) -> list[Row]:
    """Per day up to this one and audience, over its longest horizon: the uplift with its interval."""
    days = [found for found in warehouse.days(CampaignResults) if found <= day]
    return warehouse.rows(
        "SELECT as_of_date, audience, horizon_days, share_uplift, share_uplift_low, share_uplift_high FROM {results} "
        "WHERE share_uplift IS NOT NULL QUALIFY horizon_days = max(horizon_days) OVER (PARTITION BY audience) "
        "ORDER BY as_of_date, audience",
        results=(CampaignResults, days),
    )


@remembered
def first_in_line(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Whom to contact on the day: the first of each audience, then the second, as many as fit; by priority."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT * FROM (
            SELECT a.customer_id, a.audience, a.evidence, a.priority
            FROM {{audiences}} a JOIN {{scores}} s USING (customer_id) WHERE a.is_to_contact AND {{filters}}
            ORDER BY row_number() OVER (PARTITION BY a.audience ORDER BY a.priority DESC, a.customer_id), a.priority DESC,
                     a.customer_id
            LIMIT {_FEW}
        ) ORDER BY priority DESC, customer_id
        """,
        audiences=(CampaignAudiences, [day]),
    )


@remembered
def changes(warehouse: Warehouse, day: str, filters: Filters) -> list[Row]:
    """Who changed since the day before, with the reasons, the largest moves first; new customers last."""
    return Customers(warehouse, day, filters).rows(
        f"""
        SELECT c.customer_id, c.movement, c.score_change, c.explanation
        FROM {{changes}} c JOIN {{scores}} s USING (customer_id) WHERE {{filters}}
        ORDER BY abs(c.score_change) DESC NULLS LAST, c.customer_id LIMIT {_FEW}
        """,
        changes=(SegmentChanges, [day]),
    )
