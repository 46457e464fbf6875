"""The one list of measures: what each means, its DAX for Power BI, and its twin, a DuckDB query over the exported files.

The twin is an aggregate expression (`sql`) over one file of the star schema (`source`); the web dashboard asks with the same
expressions. Where no row matches, DAX gives blank, and a count or sum of the twin gives 0. docs/power_bi.md lists them side
by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from engagement_assets.settings import ScoringPolicy
from engagement_assets.star_schema import HIGH_VALUE

SCORE, COUNT, SHARE, MONEY, DECIMAL, DAY = "0.000", "#,0", "0.0%", "#,0.00", "#,0.0", "yyyy-mm-dd"

#: A change of the reference score within this counts as steady.
STEADY = 0.02

#: Stages of the shopping funnel, by their number.
STAGES = ("Page view", "Add to cart", "Checkout", "Order")

#: Days between the two snapshots that the stability index compares, and what an empty band counts as.
STABILITY_DAYS = 7
EMPTY_BAND = 1e-4


@dataclass(frozen=True)
class Measure:
    """A measure. `key` names it in queries, `name` in Power BI; `format` is a Power BI format string."""

    key: str
    name: str
    folder: str
    format: str
    description: str
    dax: str
    source: str
    sql: str

    @property
    def query(self) -> str:
        """The twin as a whole query over the exported files."""
        alias = "s" if self.source == "engagement_scores" else ""
        return " ".join(f"SELECT {self.sql} FROM {self.source} {alias}".split())


@cache
def measures(policy: ScoringPolicy) -> tuple[Measure, ...]:
    """Every measure under these settings, folder by folder."""
    return (
        *_key_figures(policy),
        *_parts(policy),
        *_value_and_risk(policy),
        *_over_time(),
        *_moves(),
        *_behaviour(policy),
        *_monitoring(),
    )


def by_key(policy: ScoringPolicy) -> dict[str, Measure]:
    """The measures by their keys."""
    return {measure.key: measure for measure in measures(policy)}


def select(policy: ScoringPolicy, *keys: str) -> str:
    """The twins of some measures as a SELECT list, each under its key."""
    found = by_key(policy)
    return ", ".join(f"{found[key].sql} AS {key}" for key in keys)


_ROWS = "COUNTROWS('Latest Scores')"


def _key_figures(policy: ScoringPolicy) -> list[Measure]:
    days = policy.activity_window_days

    def of(key: str, name: str, kind: str, description: str, dax: str, sql: str) -> Measure:
        return Measure(key, name, "Key figures", kind, description, dax, "engagement_scores", sql)

    return [
        of(
            "customers",
            "Customers",
            COUNT,
            "Customers who had signed up by the day of the snapshot.",
            _ROWS,
            "count(*)",
        ),
        of(
            "average_score",
            "Average score",
            SCORE,
            "Mean engagement score, 0 to 1, relative to the other customers of the same day.",
            "AVERAGE('Latest Scores'[Engagement score])",
            "avg(engagement_score)",
        ),
        of(
            "average_reference_score",
            "Average reference score",
            SCORE,
            "Mean of the same formula on fixed bounds: it moves only when customers do.",
            "AVERAGE('Latest Scores'[Reference score])",
            "avg(reference_score)",
        ),
        of(
            "high_risk_customers",
            "High-risk customers",
            COUNT,
            f"Customers who have ordered and score below {policy.high_risk_threshold:g}.",
            f"CALCULATE({_ROWS}, 'Latest Scores'[Is high risk] = TRUE())",
            "count(*) FILTER (is_high_risk)",
        ),
        of(
            "high_risk_share",
            "High-risk share",
            SHARE,
            "High-risk customers by customers.",
            "DIVIDE([High-risk customers], [Customers])",
            "avg(is_high_risk::INT)",
        ),
        of(
            "average_sessions",
            "Average sessions",
            DECIMAL,
            f"Mean web sessions per customer in the {days} days up to the snapshot.",
            "AVERAGE('Latest Scores'[Sessions last 30 days])",
            "avg(sessions_last_30_days)",
        ),
        of(
            "revenue",
            "Revenue",
            MONEY,
            "What the customers have spent so far, in the currency of the orders.",
            "SUM('Latest Scores'[Total revenue])",
            "coalesce(sum(total_revenue), 0)::DOUBLE",
        ),
        of(
            "revenue_at_risk",
            "Revenue at risk",
            MONEY,
            "What customers at high risk have spent so far.",
            "CALCULATE(SUM('Latest Scores'[Total revenue]), 'Latest Scores'[Is high risk] = TRUE())",
            "coalesce(sum(total_revenue) FILTER (is_high_risk), 0)::DOUBLE",
        ),
        of(
            "orders",
            "Orders so far",
            COUNT,
            "Orders of the customers up to the snapshot.",
            "SUM('Latest Scores'[Total orders])",
            "coalesce(sum(total_orders), 0)::BIGINT",
        ),
        of(
            "average_order",
            "Average order",
            MONEY,
            "Revenue by orders.",
            "DIVIDE([Revenue], [Orders so far])",
            "sum(total_revenue)::DOUBLE / nullif(sum(total_orders), 0)",
        ),
    ]


def _parts(policy: ScoringPolicy) -> list[Measure]:
    found = []
    for part in ("recency", "frequency", "monetary"):
        weight = getattr(policy, f"{part}_weight")
        found += [
            Measure(
                part,
                f"Average {part} score",
                "Score parts",
                SCORE,
                f"Mean {part} score, 0 to 1.",
                f"AVERAGE('Latest Scores'[{part.capitalize()} score])",
                "engagement_scores",
                f"avg({part}_score)",
            ),
            Measure(
                f"{part}_part",
                f"Average {part} contribution",
                "Score parts",
                SCORE,
                f"Mean of {weight:g} times the {part} score; the three contributions add up to the score.",
                f"AVERAGE('Latest Scores'[{part.capitalize()} contribution])",
                "engagement_scores",
                f"avg({part}_contribution)",
            ),
        ]
    return found


def _value_and_risk(policy: ScoringPolicy) -> list[Measure]:
    def of(key: str, name: str, kind: str, description: str, dax: str, sql: str) -> Measure:
        return Measure(key, name, "Value and risk", kind, description, dax, "engagement_scores", sql)

    slipping = f"reference_score_change < -{STEADY}"
    return [
        of(
            "buyers",
            "Buyers",
            COUNT,
            "Customers who have ordered.",
            f"CALCULATE({_ROWS}, 'Latest Scores'[Total orders] > 0)",
            "count(*) FILTER (total_orders > 0)",
        ),
        of(
            "high_value_customers",
            "High-value customers",
            COUNT,
            "Customers with revenue band High and segment High or Medium: they spend much and still come.",
            f"CALCULATE({_ROWS}, 'Customers'[Is high value] = TRUE())",
            f"count(*) FILTER ({HIGH_VALUE})",
        ),
        of(
            "high_value_revenue",
            "High-value revenue",
            MONEY,
            "What the high-value customers have spent so far.",
            "CALCULATE([Revenue], 'Customers'[Is high value] = TRUE())",
            f"coalesce(sum(total_revenue) FILTER ({HIGH_VALUE}), 0)::DOUBLE",
        ),
        of(
            "high_value_share",
            "High-value share of buyers",
            SHARE,
            "High-value customers by customers who have ordered.",
            "DIVIDE([High-value customers], [Buyers])",
            f"count(*) FILTER ({HIGH_VALUE}) / nullif(count(*) FILTER (total_orders > 0), 0)",
        ),
        of(
            "high_value_slipping",
            "High-value slipping",
            COUNT,
            f"High-value customers whose reference score fell by more than {STEADY:g} in 30 days.",
            f"CALCULATE({_ROWS}, 'Customers'[Is high value] = TRUE(), "
            f"'Latest Scores'[Reference score change] < -{STEADY:g})",
            f"count(*) FILTER ({HIGH_VALUE} AND {slipping})",
        ),
        of(
            "at_risk_vips",
            "At-risk VIPs",
            COUNT,
            "Customers of the value segment At-risk VIPs: high revenue, low engagement.",
            f"CALCULATE({_ROWS}, 'Latest Scores'[Value segment] = \"At-risk VIPs\")",
            "count(*) FILTER (value_segment = 'At-risk VIPs')",
        ),
        of(
            "average_recency",
            "Days since last order",
            DECIMAL,
            "Mean days from the latest order to the snapshot, of customers who have ordered.",
            "AVERAGE('Latest Scores'[Recency days])",
            "avg(recency_days)",
        ),
        of(
            "average_change",
            "Change of reference score",
            "+0.000;-0.000;0.000",
            "Mean change of the reference score in 30 days.",
            "AVERAGE('Latest Scores'[Reference score change])",
            "avg(reference_score_change)",
        ),
        of(
            "average_percentile",
            "Average percentile",
            DECIMAL,
            "Percent of customers with this score or a lower one; of a group, the mean.",
            "AVERAGE('Latest Scores'[Score percentile])",
            "avg(score_percentile)",
        ),
    ]


def _over_time() -> list[Measure]:
    def of(key: str, name: str, kind: str, description: str, column: str) -> Measure:
        dax = f"AVERAGE('Daily Metrics'[{column.capitalize().replace('_', ' ')}])"
        return Measure(key, name, "Over time", kind, description, dax, "engagement_metrics", f"avg({column})")

    month_before = (
        "VAR LastDay = MAX('Daily Metrics'[As of date]) "
        "RETURN CALCULATE(AVERAGE('Daily Metrics'[High risk share]), REMOVEFILTERS('Dates'), "
        "'Daily Metrics'[As of date] = LastDay - 30)"
    )
    return [
        of(
            "daily_customers",
            "Daily customers",
            COUNT,
            "Customers known on a day; of several days, the mean.",
            "customers",
        ),
        of(
            "daily_score",
            "Daily average score",
            SCORE,
            "Mean score of a day; of several days, the mean.",
            "average_score",
        ),
        of(
            "daily_reference_score",
            "Daily reference score",
            SCORE,
            "Mean reference score (fixed scale) of a day; of several days, the mean.",
            "average_reference_score",
        ),
        of(
            "daily_high_risk_customers",
            "Daily high-risk customers",
            COUNT,
            "Customers at high risk on a day; of several days, the mean.",
            "high_risk_customers",
        ),
        of(
            "daily_high_risk_share",
            "Daily high-risk share",
            SHARE,
            "Share of customers at high risk on a day; of several days, the mean.",
            "high_risk_share",
        ),
        Measure(
            "high_risk_share_before",
            "High-risk share 30 days before",
            "Over time",
            SHARE,
            "Share of customers at high risk 30 days before the latest day shown; blank if that day is not published.",
            month_before,
            "engagement_metrics",
            "avg(high_risk_share) FILTER (as_of_date = (SELECT max(as_of_date) FROM engagement_metrics) - 30)",
        ),
        Measure(
            "score_on_day",
            "Score on the day",
            "Over time",
            SCORE,
            "Mean score of the customers shown on the days shown, from the limited history.",
            "AVERAGE('Score History'[Engagement score])",
            "score_history",
            "avg(engagement_score)",
        ),
        Measure(
            "reference_score_on_day",
            "Reference score on the day",
            "Over time",
            SCORE,
            "Mean reference score of the customers shown on the days shown, from the limited history.",
            "AVERAGE('Score History'[Reference score])",
            "score_history",
            "avg(reference_score)",
        ),
    ]


def _moves() -> list[Measure]:
    def of(key: str, name: str, description: str, dax: str, sql: str) -> Measure:
        return Measure(key, name, "Moves", COUNT, description, dax, "segment_changes", sql)

    rows = "COUNTROWS('Segment Moves')"
    return [
        of(
            "segment_moves",
            "Segment moves",
            "Changes of segment from one day to the next.",
            f"CALCULATE({rows}, FILTER('Segment Moves', NOT(ISBLANK('Segment Moves'[Previous segment])) && "
            "'Segment Moves'[Previous segment] <> 'Segment Moves'[Engagement segment]))",
            "count(*) FILTER (previous_segment <> engagement_segment)",
        ),
        of(
            "newly_at_risk",
            "Newly at risk",
            "Times that a customer came to be at high risk, from one day to the next.",
            f"CALCULATE({rows}, 'Segment Moves'[Is high risk] = TRUE(), 'Segment Moves'[Previous is high risk] <> TRUE())",
            "count(*) FILTER (is_high_risk AND previous_is_high_risk IS NOT TRUE)",
        ),
        of(
            "recovered",
            "Recovered",
            "Times that a customer got out of high risk, from one day to the next.",
            f"CALCULATE({rows}, 'Segment Moves'[Is high risk] = FALSE(), 'Segment Moves'[Previous is high risk] = TRUE())",
            "count(*) FILTER (NOT is_high_risk AND previous_is_high_risk)",
        ),
    ]


def _behaviour(policy: ScoringPolicy) -> list[Measure]:
    days = policy.activity_window_days

    def of(key: str, name: str, kind: str, description: str, dax: str, source: str, sql: str) -> Measure:
        return Measure(key, name, "Behaviour", kind, description, dax, source, sql)

    numbers = range(1, len(STAGES) + 1)
    visits = "COUNTROWS('Sessions'), 'Sessions'[Continues previous day] = FALSE()"
    since = (
        f"VAR LastDay = CALCULATE(MAX('Latest Scores'[As of date]), ALL('Latest Scores')) RETURN CALCULATE({visits}, "
    )
    in_window = f"REMOVEFILTERS('Dates'), 'Sessions'[As of date] > LastDay - {days}"
    windowed = f"as_of_date > (SELECT max(as_of_date) FROM engagement_scores) - {days}"
    return [
        of(
            "customers_at_stage",
            "Customers at stage",
            COUNT,
            f"Customers who got at least as far as a stage of the funnel in the {days} days up to the snapshot; use it with "
            "the table Funnel Stages.",
            "VAR WantedStage = SELECTEDVALUE('Funnel Stages'[Stage number], 1) "
            "RETURN CALCULATE(COUNTROWS('Customers'), 'Customers'[Furthest stage] >= WantedStage)",
            "customers",
            f"[{', '.join(f'count(*) FILTER (furthest_stage >= {number})' for number in numbers)}]",
        ),
        of(
            "sessions_at_stage",
            "Sessions at stage",
            COUNT,
            f"Sessions that got at least as far as a stage of the funnel in the {days} days up to the snapshot; use it with "
            "the table Funnel Stages.",
            "VAR WantedStage = SELECTEDVALUE('Funnel Stages'[Stage number], 1) "
            f"{since}'Sessions'[Furthest stage] >= WantedStage, {in_window})",
            "sessions",
            "["
            + ", ".join(
                f"count(*) FILTER (furthest_stage >= {number} AND NOT continues_previous_day AND {windowed})"
                for number in numbers
            )
            + "]",
        ),
        of(
            "sessions_in_window",
            "Sessions in the window",
            COUNT,
            f"Sessions that began in the {days} days up to the snapshot.",
            f"{since}{in_window})",
            "sessions",
            f"count(*) FILTER (NOT continues_previous_day AND {windowed})",
        ),
        of(
            "sessions",
            "Sessions begun",
            COUNT,
            "Sessions that began on the days shown.",
            f"CALCULATE({visits})",
            "sessions",
            "count(*) FILTER (NOT continues_previous_day)",
        ),
        of(
            "engaged_sessions",
            "Engaged sessions",
            COUNT,
            f"Sessions longer than {policy.engaged_session_seconds:g} seconds, or with two page views, or with a checkout.",
            f"CALCULATE({visits}, 'Sessions'[Is engaged] = TRUE())",
            "sessions",
            "count(*) FILTER (NOT continues_previous_day AND is_engaged)",
        ),
        of(
            "engaged_share",
            "Engaged share",
            SHARE,
            "Engaged sessions by sessions.",
            "DIVIDE([Engaged sessions], [Sessions begun])",
            "sessions",
            "count(*) FILTER (NOT continues_previous_day AND is_engaged) "
            "/ nullif(count(*) FILTER (NOT continues_previous_day), 0)",
        ),
        of(
            "orders_on_days",
            "Orders on the days",
            COUNT,
            "Orders on the days shown.",
            "COUNTROWS('Orders')",
            "orders",
            "count(*)",
        ),
        of(
            "order_revenue",
            "Order revenue",
            MONEY,
            "Amount of the orders on the days shown.",
            "SUM('Orders'[Order amount])",
            "orders",
            "coalesce(sum(order_amount), 0)::DOUBLE",
        ),
        of(
            "orders_per_customer",
            "Orders per customer in 30 days",
            "0.00",
            "Orders of the 30 days up to the snapshot, by customers.",
            "DIVIDE(SUM('Latest Scores'[Total orders]) - SUM('Latest Scores'[Total orders 30 days before]), [Customers])",
            "engagement_scores",
            "sum(total_orders - total_orders_30_days_before)::BIGINT / nullif(count(*), 0)",
        ),
    ]


def _monitoring() -> list[Measure]:
    def of(key: str, name: str, kind: str, description: str, dax: str, source: str, sql: str) -> Measure:
        return Measure(key, name, "Monitoring", kind, description, dax, source, sql)

    return [
        of(
            "snapshot_day",
            "Snapshot",
            DAY,
            "The day that the latest scores stand for.",
            "MAX('Latest Scores'[As of date])",
            "engagement_scores",
            "max(as_of_date)",
        ),
        of(
            "published_days",
            "Published days",
            COUNT,
            "Days that have daily metrics.",
            "COUNTROWS('Daily Metrics')",
            "engagement_metrics",
            "count(*)",
        ),
        of(
            "table_rows",
            "Rows published",
            COUNT,
            "Rows of a table on the days shown.",
            "SUM('Table Rows'[Rows])",
            "table_rows",
            "coalesce(sum(rows), 0)::BIGINT",
        ),
        of(
            "rejected_rows",
            "Rows kept out",
            COUNT,
            "Source rows that were kept out, as of the latest reading.",
            "SUM('Rejected Rows'[Rows])",
            "rejected_counts",
            "coalesce(sum(rows), 0)::BIGINT",
        ),
        of(
            "never_ordered_share",
            "Share without an order",
            SHARE,
            "Share of customers without a value in the columns of the latest order: who never ordered has none.",
            f"DIVIDE(CALCULATE({_ROWS}, ISBLANK('Latest Scores'[Recency days])), [Customers])",
            "engagement_scores",
            "avg((recency_days IS NULL)::INT)",
        ),
        of(
            "no_session_share",
            "Share without a session",
            SHARE,
            "Share of customers without a web event in the two activity windows.",
            f"DIVIDE(CALCULATE({_ROWS}, ISBLANK('Latest Scores'[Last session date])), [Customers])",
            "engagement_scores",
            "avg((last_session_date IS NULL)::INT)",
        ),
        of(
            "stability",
            "Stability index",
            SCORE,
            f"Population stability index of the score between the latest snapshot and the one {STABILITY_DAYS} days before, "
            "over ten equal bands: below 0.1 stable, from 0.25 the distribution has shifted.",
            _stability_dax(),
            "score_history",
            _stability_sql(),
        ),
    ]


def _stability_dax() -> str:
    def counted(day: str, band: str = "") -> str:
        return (
            f"CALCULATE(COUNTROWS('Score History'), REMOVEFILTERS('Dates'), 'Score History'[As of date] = {day}{band})"
        )

    band = ", 'Score History'[Score tenth] = Tenth"
    return (
        "VAR NewDay = CALCULATE(MAX('Score History'[As of date]), REMOVEFILTERS('Dates')) "
        f"VAR OldDay = NewDay - {STABILITY_DAYS} "
        f"VAR NewAll = {counted('NewDay')} "
        f"VAR OldAll = {counted('OldDay')} "
        "RETURN IF(NewAll > 0 && OldAll > 0, SUMX(GENERATESERIES(0, 9, 1), VAR Tenth = [Value] "
        f"VAR NewShare = MAX(DIVIDE({counted('NewDay', band)}, NewAll), {EMPTY_BAND:.4f}) "
        f"VAR OldShare = MAX(DIVIDE({counted('OldDay', band)}, OldAll), {EMPTY_BAND:.4f}) "
        "RETURN (NewShare - OldShare) * LN(NewShare / OldShare)))"
    )


def _stability_sql() -> str:
    def shares(day: str) -> str:
        return ", ".join(
            f"greatest(count(*) FILTER (score_tenth = {band} AND as_of_date = {day}) "
            f"/ nullif(count(*) FILTER (as_of_date = {day}), 0), {EMPTY_BAND:.4f})"
            for band in range(10)
        )

    latest = "(SELECT max(as_of_date) FROM score_history)"
    pairs = f"list_zip([{shares(latest)}], [{shares(f'{latest} - {STABILITY_DAYS}')}])"
    return f"list_sum(list_transform({pairs}, lambda p: (p[1] - p[2]) * ln(p[1] / p[2])))"
