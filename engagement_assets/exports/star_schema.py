"""The files for BI tools as a star: countries, segments, customers and dates as dimensions, and the facts that hang on them.

Columns come from the table contracts, with their types and descriptions; what is added for slicing (bands, buckets, the
order in which a band is shown) is described here. The files are written from this list, and the Power BI model too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial

import pyspark.sql.types as T

from engagement_assets.analysis.monitoring.look import FAR_OUT
from engagement_assets.domain.contracts import (
    CampaignAudiences,
    CampaignResults,
    Contract,
    EngagementMetrics,
    EngagementScores,
    RawOrders,
    RejectedRows,
    SegmentChanges,
    Sessions,
)
from engagement_assets.domain.contracts.engagement import LIFECYCLE_STAGES, SEGMENTS, VALUE_SEGMENTS
from engagement_assets.domain.customer_filters import ENTERED, FILTERS, HIGH_VALUE, condition
from engagement_assets.domain.meanings import enumerated
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.settings import PREFIX, Settings

#: Width of a score bucket, and the last bucket, which holds 1 too.
BUCKET = 0.05
LAST_BUCKET = round(1 / BUCKET) - 1

#: Numbers of sessions that are looked at together: from, to, name.
SESSION_STEPS = (
    (0, 0, "0"),
    (1, 1, "1"),
    (2, 2, "2"),
    (3, 4, "3–4"),
    (5, 7, "5–7"),
    (8, 12, "8–12"),
    (13, None, "13+"),
)

#: Columns in which customers are looked for who are far above the others.
_OUTLIERS = {
    "total_revenue": "revenue",
    "average_order_value": "average order",
    "total_orders": "orders",
    "sessions_last_30_days": "sessions",
}

#: What scores are added up as.
_EXACT = "DECIMAL(18, 15)"

#: Names of a score's bands, from the best; the thresholds are those of the segments.
SCORE_BANDS = ("High", "Medium", "Low", "Very low")

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


#: Orders of customers of the snapshot: who orders before their sign-up is in no snapshot until then.
KNOWN_ORDERS = "raw_orders SEMI JOIN engagement_scores USING (customer_id)"


#: The file of identifiers that differ in capitals only; it is read by the queries of the others.
IDS_APART = "ids_apart"


@dataclass(frozen=True)
class ExportColumn:
    """A column of a file: what it is called, holds and means."""

    name: str
    description: str
    dtype: T.DataType
    nullable: bool = False
    #: The column whose values give the order in which this one's are shown; None: their own.
    sort_by: str | None = None
    #: Whether it is there for relationships and sorting only.
    hidden: bool = False
    #: The values that it may have; empty: any of its type.
    values: tuple[str, ...] = ()

    @property
    def is_money(self) -> bool:
        """Whether it is an amount in the currency of the orders."""
        return isinstance(self.dtype, T.DecimalType) or (
            isinstance(self.dtype, T.DoubleType) and "revenue" in self.name and "imbalance" not in self.name
        )


class Days(Enum):
    """Which days of a table a file is made from; none is later than the exported one.

    ALL: every one; SNAPSHOT: the exported day alone; WINDOW: the activity window that ends with it; LATEST: the last
    `export_days`, the window in any case; RESULTS: those that the results of campaigns look back on; SAME: those of the table
    named before. Of LATEST, where their rows are more than `export_rows`: NEWEST, the window and before it the newest that fit;
    HISTORY, the last 30 and the last of each earlier month.
    """

    ALL, SNAPSHOT, WINDOW, LATEST, RESULTS, SAME, NEWEST, HISTORY = range(8)


@dataclass(frozen=True)
class ExportFile:
    """A file: its rows are those of `query`, a DuckDB query over the tables named in `reads`, in the order of `key`.

    In the query, `$zone` stands for the time zone, `$day` for the exported day, `$first` and `$after` for the first day of the
    dates and the one after the last, `$again_after` for the days out of an audience after which a customer enters it anew,
    `$latest_orders` for the condition that keeps each customer's latest orders.
    """

    name: str
    description: str
    columns: tuple[ExportColumn, ...]
    key: tuple[str, ...]
    query: str
    reads: dict[type[Contract], Days] = field(default_factory=dict)
    #: Columns by which to go from the large to the small, by the name of the way.
    hierarchies: dict[str, tuple[str, ...]] = field(default_factory=dict)
    #: What is left out of it whatever the rows, in words.
    left_out: str = ""

    @property
    def file_name(self) -> str:
        """The name of the CSV file in the export folder."""
        return f"{self.name}.csv"


def export_files(settings: Settings) -> tuple[ExportFile, ...]:
    """Every file of the export, for these settings: the dimensions, then the facts."""
    scores = "as_of_date customer_id engagement_score reference_score engagement_segment is_high_risk"
    return (
        ExportFile(
            "countries",
            "One row per country that a customer has or had: what everything is sliced by.",
            tuple(_of(settings, EngagementScores, "country")),
            ("country",),
            "SELECT DISTINCT country FROM engagement_scores",
            {EngagementScores: Days.LATEST},
        ),
        _segments(settings),
        _customers(settings),
        _dates(),
        ExportFile(
            IDS_APART,
            "One row per customer whose identifier differs from another in capitals only, and is the same to Power BI: what it "
            "is shown as there.",
            (*_of(settings, EngagementScores, "customer_id"), _text("shown_as", "the identifier with a number")),
            ("customer_id",),
            """
                SELECT customer_id, customer_id || ' (' || number || ')' AS shown_as
                FROM (SELECT customer_id, row_number() OVER (PARTITION BY lower(customer_id) ORDER BY customer_id) AS number
                      FROM engagement_scores)
                WHERE number > 1
            """,
            {EngagementScores: Days.SNAPSHOT},
        ),
        _whole_table(settings, EngagementScores, Days.SNAPSHOT),
        ExportFile(
            "score_history",
            "One row per customer and day: the score over time.",
            tuple(_of(settings, EngagementScores, scores)),
            ("as_of_date", "customer_id"),
            "FROM engagement_scores",
            {EngagementScores: Days.HISTORY},
        ),
        _whole_table(settings, EngagementMetrics, Days.ALL),
        _daily_groups(settings),
        _daily_activity(settings),
        _orders(settings),
        _session_days(settings),
        _whole_table(settings, SegmentChanges, Days.NEWEST),
        _whole_table(settings, CampaignAudiences, Days.SNAPSHOT),
        _whole_table(settings, CampaignResults, Days.ALL),
        _campaign_entries(settings),
        _named_lists(settings),
        ExportFile(
            "table_rows",
            "One row per table and published day: how many rows it has. A day without a row is not published.",
            (_date("as_of_date", "day of the table"), _text("table_name", "table"), _whole("rows", "rows of the day")),
            ("as_of_date", "table_name"),
            "SELECT as_of_date::DATE AS as_of_date, table_name, rows FROM table_rows",
        ),
        ExportFile(
            "rejected_counts",
            "One row per source and reason: how many source rows are kept out, as of the latest reading of the sources.",
            (*_of(settings, RejectedRows, "source reason"), _whole("rows", "rows kept out")),
            ("source", "reason"),
            "SELECT source, reason, count(*) AS rows FROM rejected_rows GROUP BY ALL",
            {RejectedRows: Days.ALL},
        ),
    )


# ---- dimensions ------------------------------------------------------------------------------------------------------


def _customers(settings: Settings) -> ExportFile:
    policy, filled = settings.scoring, settings.meanings.filled
    own = _of(
        settings,
        EngagementScores,
        "customer_id country signup_date engagement_segment engagement_status revenue_band value_segment lifecycle_stage "
        "rfm_segment is_high_risk is_slipping",
    )
    columns = [
        *own,
        _date("signup_month", "first day of the month of the sign-up"),
        _text("score_bucket", f"engagement score in steps of {BUCKET:g}"),
        *(_text(f"{part.name}_band", filled(f"{part.name} score: {{score_bands}}")) for part in PARTS),
        _text("sessions_band", filled("sessions in the last {window}, in steps")),
        _flag("is_high_value", "revenue band High and segment High or Medium"),
        _flag("is_outlier", f"far above the others in {enumerated(_OUTLIERS.values())}, as the monitoring has it"),
        _text("outlier_in", "in what the customer is an outlier; empty: in nothing", nullable=True),
        _whole(
            "furthest_stage",
            filled(
                "how far the customer came in the last {window}: 4 order, 3 checkout, 2 cart, 1 page view, 0 none of them; "
                "who ordered without a session has 0"
            ),
        ),
    ]
    high, medium, low = policy.high_threshold, policy.medium_threshold, policy.low_threshold
    bands = {
        f"{part.name}_band": f"CASE WHEN s.{part.score} >= {high} THEN 1 WHEN s.{part.score} >= {medium} THEN 2 "
        f"WHEN s.{part.score} >= {low} THEN 3 ELSE 4 END"
        for part in PARTS
    }
    ordered = ("engagement_segment", "value_segment", "lifecycle_stage", *bands, "sessions_band")
    columns = [
        *(replace(column, sort_by=f"{column.name}_order") if column.name in ordered else column for column in columns),
        *(_whole(f"{name}_order", f"order in which {name} is shown", hidden=True) for name in ordered),
    ]
    bucket = bucket_sql("s.engagement_score")
    limits = [
        f"quantile_cont({column}::DOUBLE, 0.75) FILTER ({column} > 0) + {FAR_OUT} * (quantile_cont({column}::DOUBLE, 0.75) "
        f"FILTER ({column} > 0) - quantile_cont({column}::DOUBLE, 0.25) FILTER ({column} > 0)) AS {column}_limit"
        for column in _OUTLIERS
    ]
    far = [f"CASE WHEN {column} > {column}_limit THEN '{name}' END" for column, name in _OUTLIERS.items()]
    query = f"""
        WITH {_furthest_stages("raw_orders")},
        limits AS (SELECT {", ".join(limits)} FROM engagement_scores),
        far AS (
            SELECT customer_id, nullif(concat_ws(', ', {", ".join(far)}), '') AS outlier_in FROM engagement_scores, limits
        )
        SELECT {", ".join(f"s.{column.name}" for column in own)},
               date_trunc('month', s.signup_date)::DATE AS signup_month,
               {_bucket_name(bucket)} AS score_bucket,
               {", ".join(f"{_named(step, SCORE_BANDS)} AS {name}" for name, step in bands.items())},
               {_named(session_step("s.sessions_last_30_days") + " + 1", [name for _, _, name in SESSION_STEPS])}
                   AS sessions_band,
               {HIGH_VALUE} AS is_high_value,
               outlier_in IS NOT NULL AS is_outlier, outlier_in,
               coalesce(p.reached, 0) AS furthest_stage,
               list_position({_listed(SEGMENTS)}, s.engagement_segment) AS engagement_segment_order,
               list_position({_listed(VALUE_SEGMENTS)}, s.value_segment) AS value_segment_order,
               list_position({_listed(LIFECYCLE_STAGES)}, s.lifecycle_stage) AS lifecycle_stage_order,
               {", ".join(f"{step} AS {name}_order" for name, step in bands.items())},
               {session_step("s.sessions_last_30_days")} AS sessions_band_order
        FROM engagement_scores s JOIN far USING (customer_id) LEFT JOIN people p USING (customer_id)
    """
    return ExportFile(
        "customers",
        "One row per customer of the exported snapshot: what customers are sliced by.",
        tuple(columns),
        ("customer_id",),
        query,
        {EngagementScores: Days.SNAPSHOT, Sessions: Days.WINDOW, RawOrders: Days.WINDOW},
    )


def _segments(settings: Settings) -> ExportFile:
    policy = settings.scoring
    least = (policy.high_threshold, policy.medium_threshold, policy.low_threshold, 0.0)
    rows = ", ".join(
        f"('{name}', {score}::DOUBLE, {number})"
        for number, (name, score) in enumerate(zip(SEGMENTS, least, strict=True), 1)
    )
    (segment,) = _of(settings, EngagementScores, "engagement_segment")
    return ExportFile(
        "segments",
        "One row per engagement segment, from the best: what everything is sliced by.",
        (
            replace(segment, sort_by="engagement_segment_order"),
            ExportColumn("score_from", "least engagement score of the segment", T.DoubleType()),
            _whole("engagement_segment_order", "order in which the segments are shown", hidden=True),
        ),
        ("engagement_segment_order",),
        f"FROM (VALUES {rows}) segments(engagement_segment, score_from, engagement_segment_order)",
    )


def _dates() -> ExportFile:
    query = f"""
        SELECT day::DATE AS date, year(day) AS year, year(day) || ' Q' || quarter(day) AS quarter,
               date_trunc('month', day)::DATE AS month, date_trunc('week', day)::DATE AS week, isodow(day) AS weekday_number,
               {_named("isodow(day)", WEEKDAYS)} AS weekday
        FROM range($first::TIMESTAMP, $after::TIMESTAMP, INTERVAL 1 DAY) days(day)
    """
    return ExportFile(
        "dates",
        "One row per day of the calendar years that the facts lie in, without gaps.",
        (
            _date("date", "the day"),
            _whole("year", "calendar year"),
            _text("quarter", "year and quarter, such as 2026 Q2"),
            _date("month", "first day of the month"),
            _date("week", "Monday of the week"),
            _whole("weekday_number", "1 Monday to 7 Sunday", hidden=True),
            replace(_text("weekday", "day of the week"), sort_by="weekday_number"),
        ),
        ("date",),
        query,
        hierarchies={"Calendar": ("year", "quarter", "month", "date"), "Weeks": ("week", "date")},
    )


# ---- facts -----------------------------------------------------------------------------------------------------------


def _daily_groups(settings: Settings) -> ExportFile:
    day, country, segment = _of(settings, EngagementScores, "as_of_date country engagement_segment")
    bucket = bucket_sql("engagement_score")
    money = T.DecimalType(18, 2)
    # Sums of doubles hang on the order in which they are added up; of decimals they do not.
    totals = (
        (_whole("customers", "customers of the group"), "count(*)"),
        (_number("score_sum", "sum of their engagement scores"), f"sum(engagement_score::{_EXACT})"),
        (_number("reference_score_sum", "sum of their reference scores"), f"sum(reference_score::{_EXACT})"),
        (_whole("buyers", "of them, who have ordered"), "count(*) FILTER (total_orders > 0)"),
        (_whole("high_risk_customers", "of them, at high risk"), "count(*) FILTER (is_high_risk)"),
        (_whole("slipping_customers", "of them, slipping"), "count(*) FILTER (is_slipping)"),
        (
            ExportColumn(
                "slipping_revenue", "revenue of the slipping ones in the last 365 days, currency units", money
            ),
            "coalesce(sum(revenue_last_365_days) FILTER (is_slipping), 0)",
        ),
        (
            _whole("window_sessions", settings.meanings.filled("their sessions in the last {window}")),
            "sum(sessions_last_30_days)",
        ),
        (ExportColumn("revenue", "their revenue so far, currency units", money), "sum(total_revenue)"),
    )
    return ExportFile(
        "daily_groups",
        "One row per day and group of customers: those who had the country, the segment and the step of the score on that day.",
        (
            day,
            country,
            segment,
            replace(_text("score_bucket", f"engagement score in steps of {BUCKET:g}"), sort_by="score_bucket_order"),
            _whole("score_bucket_order", "the step's number, 0 the lowest", hidden=True),
            *(column for column, _ in totals),
        ),
        ("as_of_date", "country", "engagement_segment", "score_bucket_order"),
        f"""
            SELECT as_of_date, country, engagement_segment, {bucket} AS score_bucket_order,
                   any_value({_bucket_name(bucket)}) AS score_bucket,
                   {", ".join(f"{sql} AS {column.name}" for column, sql in totals)}
            FROM engagement_scores GROUP BY as_of_date, country, engagement_segment, score_bucket_order
        """,
        {EngagementScores: Days.LATEST},
    )


def _daily_activity(settings: Settings) -> ExportFile:
    day, country, segment = _of(settings, EngagementScores, "as_of_date country engagement_segment")
    orders = (
        "SELECT as_of_date, customer_id, order_date AS at, 0 AS sessions, 0 AS engaged, 1 AS orders, order_amount "
        "FROM raw_orders"
    )
    sessions = (
        "SELECT as_of_date, customer_id, session_start AS at, 1 AS sessions, is_engaged::INT AS engaged, 0 AS orders, "
        "0 AS order_amount FROM sessions WHERE NOT continues_previous_day"
    )
    return ExportFile(
        "daily_activity",
        "One row per day, hour, country and segment with an order or the begin of a session: how many. Country and segment are "
        "those that the customers have in the exported snapshot.",
        (
            day,
            country,
            segment,
            _whole(
                "start_hour",
                f"hour, in the time zone {settings.timezone}; 0 for orders of which only the day is known",
            ),
            _whole("sessions", "sessions that began"),
            _whole("engaged_sessions", settings.meanings.filled("of them, engaged: {engaged}")),
            _whole("orders", "orders"),
            ExportColumn("order_revenue", "amount of the orders, currency units", T.DecimalType(18, 2)),
        ),
        ("as_of_date", "country", "engagement_segment", "start_hour"),
        f"""
            SELECT f.as_of_date, s.country, s.engagement_segment, hour(f.at AT TIME ZONE $zone) AS start_hour,
                   sum(f.sessions) AS sessions, sum(f.engaged) AS engaged_sessions, sum(f.orders) AS orders,
                   sum(f.order_amount) AS order_revenue
            FROM ({sessions} UNION ALL {orders}) f JOIN engagement_scores s USING (customer_id) GROUP BY ALL
        """,
        {EngagementScores: Days.SNAPSHOT, Sessions: Days.LATEST, RawOrders: Days.LATEST},
    )


def _orders(settings: Settings) -> ExportFile:
    columns = _of(settings, RawOrders)
    return ExportFile(
        "orders",
        "One row per order of the customers of the snapshot, however long ago.",
        tuple(columns),
        tuple(RawOrders.key()),
        f"SELECT * REPLACE ({_local_times(columns)}) FROM {KNOWN_ORDERS} $latest_orders",
        {RawOrders: Days.ALL, EngagementScores: Days.SNAPSHOT},
    )


def _session_days(settings: Settings) -> ExportFile:
    day, customer = _of(settings, Sessions, "as_of_date customer_id")
    stages = ("page_view", "cart", "checkout", "order")
    means = ("looked at a page", "put something into the cart", "began a checkout", "ended on a day with an order")
    return ExportFile(
        "session_days",
        "One row per customer of the snapshot and day on which a session of theirs began.",
        (
            day,
            customer,
            _whole("sessions", "sessions that began"),
            _whole("engaged_sessions", settings.meanings.filled("of them, engaged: {engaged}")),
            *(
                _whole(f"{stage}_sessions", f"of them, which {mean}, or came further")
                for stage, mean in zip(stages, means, strict=True)
            ),
        ),
        ("as_of_date", "customer_id"),
        f"""
            WITH visits AS (
                SELECT v.as_of_date, v.customer_id, is_engaged, {reached("o.customer_id IS NOT NULL")} AS reached
                FROM sessions v LEFT JOIN (SELECT DISTINCT customer_id, as_of_date FROM raw_orders) o
                    ON o.customer_id = v.customer_id AND o.as_of_date = v.as_of_date
                WHERE NOT continues_previous_day
            )
            SELECT as_of_date, customer_id, count(*) AS sessions, count(*) FILTER (is_engaged) AS engaged_sessions,
                   {", ".join(f"count(*) FILTER (reached >= {n}) AS {stage}_sessions" for n, stage in enumerate(stages, 1))}
            FROM visits SEMI JOIN engagement_scores USING (customer_id) GROUP BY as_of_date, customer_id
        """,
        {Sessions: Days.NEWEST, RawOrders: Days.SAME, EngagementScores: Days.SNAPSHOT},
    )


def _campaign_entries(settings: Settings) -> ExportFile:
    entered = ENTERED.format(addressed="campaign_audiences")
    return ExportFile(
        "campaign_entries",
        "One row per customer of the snapshot and entry into a campaign audience that its results count: treated or held out.",
        (
            *_of(settings, CampaignAudiences, "audience"),
            _date("entered", "day on which the customer entered the audience"),
            *_of(settings, CampaignAudiences, "customer_id"),
            _flag("is_holdout", "whether held out, as of that day; the others count as treated"),
        ),
        ("audience", "entered", "customer_id"),
        f"""
            SELECT e.* FROM {entered} e SEMI JOIN engagement_scores s ON s.customer_id = e.customer_id
            SEMI JOIN campaign_results r ON r.audience = e.audience AND e.entered BETWEEN r.entered_from AND r.entered_to
        """,
        {CampaignAudiences: Days.RESULTS, CampaignResults: Days.SNAPSHOT, EngagementScores: Days.SNAPSHOT},
    )


def _named_lists(settings: Settings) -> ExportFile:
    day, customer, revenue = _of(settings, EngagementScores, "as_of_date customer_id total_revenue")
    reads = {
        "s": "",
        "a": "LEFT JOIN campaign_audiences a USING (customer_id)",
        "c": "LEFT JOIN segment_changes c USING (customer_id)",
        "f": "LEFT JOIN people f USING (customer_id)",
        "orders": "",
    }
    queries = ["SELECT NULL AS list_name, as_of_date, customer_id, total_revenue FROM engagement_scores WHERE false"]
    elsewhere = []
    for each in settings.named_lists.values():
        needed = dict.fromkeys(FILTERS[key].reads for key, _ in each.filters)
        if any(name not in reads for name in needed):
            elsewhere.append(each.title)
            continue
        where = condition(each.filters, _literal).replace("{all_orders}", "raw_orders")
        queries.append(
            f"SELECT {_literal(each.title)} AS list_name, s.as_of_date, s.customer_id, s.total_revenue "
            f"FROM engagement_scores s {' '.join(reads[name] for name in needed)} WHERE {where}"
        )
    window = f"as_of_date > $day - {settings.scoring.activity_window_days}"
    return ExportFile(
        "named_lists",
        f"One row per list that has a name ({PREFIX}LISTS) and customer who is in it.",
        (_text("list_name", "what the list is called"), day, customer, revenue),
        ("list_name", "customer_id"),
        f"""
            WITH {_furthest_stages(f"raw_orders WHERE {window}")}
            {" UNION ".join(queries)}
        """,
        {
            EngagementScores: Days.SNAPSHOT,
            CampaignAudiences: Days.SNAPSHOT,
            SegmentChanges: Days.SNAPSHOT,
            Sessions: Days.WINDOW,
            RawOrders: Days.ALL,
        },
        left_out="Lists that compare with another day, or ask who opted out or what campaigns brought: "
        f"{', '.join(elsewhere)}."
        if elsewhere
        else "",
    )


# ---- parts -----------------------------------------------------------------------------------------------------------


def bucket_sql(column: str) -> str:
    """The SQL of the bucket (0 the first) of a score; 1 belongs to the last bucket."""
    return f"least(floor(round({column} / {BUCKET}, 9))::INT, {LAST_BUCKET})"


def _bucket_name(bucket: str) -> str:
    return f"format('{{:.2f}}–{{:.2f}}', {bucket} * {BUCKET}, ({bucket} + 1) * {BUCKET})"


def session_step(column: str) -> str:
    """The SQL of the place in SESSION_STEPS (0 the first) of a number of sessions."""
    cases = " ".join(
        f"WHEN {column} >= {low} THEN {number}" for number, (low, _, _) in reversed(list(enumerate(SESSION_STEPS)))
    )
    return f"CASE {cases} END"


def reached(ordered: str) -> str:
    """The SQL of the furthest stage of a row of sessions; `ordered` says whether the customer ordered on its day."""
    return (
        f"CASE WHEN {ordered} THEN 4 WHEN checkouts > 0 THEN 3 WHEN add_to_carts > 0 THEN 2 WHEN page_views > 0 THEN 1 "
        "ELSE 0 END"
    )


def _literal(value: str | float) -> str:
    """A value as SQL, in which nothing begins with the sign of the names that stand for something (`ExportFile`)."""
    if not isinstance(value, str):
        return repr(value)
    return "'" + value.replace("'", "''").replace("$", "' || chr(36) || '") + "'"


def _furthest_stages(orders: str) -> str:
    """The queries up to `people`: who had a session in the window, and the furthest stage; `orders` are those of the window."""
    return f"""
        ordered AS (SELECT DISTINCT customer_id, as_of_date FROM {orders}),
        visits AS (
            SELECT v.customer_id, {reached("o.customer_id IS NOT NULL")} AS reached
            FROM sessions v LEFT JOIN ordered o ON o.customer_id = v.customer_id AND o.as_of_date = v.as_of_date
            WHERE NOT continues_previous_day
        ),
        people AS (
            SELECT v.customer_id, greatest(max(reached), max(CASE WHEN b.customer_id IS NULL THEN 0 ELSE 4 END)) AS reached
            FROM visits v LEFT JOIN (SELECT DISTINCT customer_id FROM ordered) b ON b.customer_id = v.customer_id
            GROUP BY 1
        )"""


def _listed(names: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"


def _named(number: str, names: Iterable[str]) -> str:
    return f"{_listed(names)}[{number}]"


def _whole_table(
    settings: Settings, contract: type[Contract], days: Days, description: str | None = None
) -> ExportFile:
    return ExportFile(
        contract.table(),
        description or contract.describe(),
        tuple(_of(settings, contract)),
        tuple(contract.key()),
        f"FROM {contract.table()}",
        {contract: days},
    )


def _of(settings: Settings, contract: type[Contract], names: str = "") -> list[ExportColumn]:
    """Columns of a contract by their names (none: all), with its types and descriptions. Raises KeyError for an unknown one.

    Instants are as a file has them: times of the business time zone, without an offset.
    """
    columns, descriptions = contract.columns(), contract.descriptions(settings.meanings)
    found = []
    for name in names.split() or columns:
        dtype, text = columns[name].dtype.type, descriptions[name]
        if isinstance(dtype, T.TimestampType):
            dtype, text = T.TimestampNTZType(), f"{text}, in the time zone {settings.timezone}"
        allowed = (check.statistics.get("allowed_values") for check in columns[name].checks)
        values = tuple(next((listed for listed in allowed if listed), ()))
        found.append(ExportColumn(name, text, dtype, bool(columns[name].nullable), values=values))
    return found


def _local_times(columns: Iterable[ExportColumn]) -> str:
    instants = [column.name for column in columns if isinstance(column.dtype, T.TimestampNTZType)]
    return ", ".join(f'"{name}" AT TIME ZONE $zone AS "{name}"' for name in instants)


_date, _text, _whole, _number, _flag = (
    partial(ExportColumn, dtype=dtype)
    for dtype in (T.DateType(), T.StringType(), T.LongType(), T.DoubleType(), T.BooleanType())
)

#: The file that tells of the others.
EXPORTED_FILES = ExportFile(
    "exported_files",
    "One row per file of the export: its rows and days, and what was left out of it.",
    (
        _text("file", "file, without its ending"),
        _whole("rows", "rows"),
        _date("first_day", "first day in it; empty where its rows have no days", nullable=True),
        _date("last_day", "last day in it; empty where its rows have no days", nullable=True),
        _whole("days", "days in it; empty where its rows have no days", nullable=True),
        _text("left_out", "what was left out, and by which setting; empty: nothing", nullable=True),
    ),
    ("file",),
    "",
)
