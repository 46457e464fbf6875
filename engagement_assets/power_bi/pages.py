"""The pages of the report, each from rows of visuals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from engagement_assets.colours import SEGMENT_COLOURS, VALUE_COLOURS
from engagement_assets.dashboard.bands import ACTIVE_SESSIONS, LONG_AGO_DAYS, RECENT_DAYS
from engagement_assets.measures import STEADY
from engagement_assets.power_bi.model import CUSTOMER_COLUMN, CUSTOMER_TABLE, DATE_COLUMN, DATE_TABLE, STAGE_TABLE
from engagement_assets.power_bi.visuals import (
    AT_LEAST,
    BELOW,
    Box,
    Field,
    Json,
    Visual,
    back_button,
    colours_of,
    column,
    drill_through,
    heading,
    heat,
    is_one_of,
    measure,
    properties,
    short_id,
    slicer,
    traffic_light,
)
from engagement_assets.settings import ScoringPolicy

PAGE_SCHEMA = "https://developer.microsoft.com/json-schemas/fabric/item/report/definition/page/2.0.0/schema.json"

WIDTH, HEIGHT = 1280, 720
_EDGE, _GAP, _HEAD = 16, 12, 76

DATE = column(DATE_TABLE, DATE_COLUMN)
CUSTOMER = column(CUSTOMER_TABLE, CUSTOMER_COLUMN)
COUNTRY = column(CUSTOMER_TABLE, "Country")
SEGMENT = column(CUSTOMER_TABLE, "Engagement segment")
VALUE_SEGMENT = column(CUSTOMER_TABLE, "Value segment")
STATUS = column(CUSTOMER_TABLE, "Engagement status")
REVENUE_BAND = column(CUSTOMER_TABLE, "Revenue band")
HIGH_RISK = column(CUSTOMER_TABLE, "Is high risk")
HIGH_VALUE = column(CUSTOMER_TABLE, "Is high value")
REASONS = column("Latest Scores", "Risk reasons")

#: A row of a page: its share of the height, and the visuals with their shares of the width.
Row = tuple[float, Sequence[tuple[float, Visual]]]


@dataclass(frozen=True)
class Page:
    """A page: its title, what it is for, its rows of visuals, and what narrows it."""

    title: str
    purpose: str
    rows: Sequence[Row]
    filters: Sequence[tuple[Field, Sequence[str | bool]]] = ()
    drill_through_by: Field | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", short_id("page", self.title))

    def as_json(self) -> Json:
        """The page's own file."""
        page: Json = {
            "$schema": PAGE_SCHEMA,
            "name": self.name,
            "displayName": self.title,
            "displayOption": "FitToPage",
            "height": HEIGHT,
            "width": WIDTH,
        }
        if self.drill_through_by:
            page |= drill_through(self.title, self.drill_through_by)
        if self.filters:
            page["filterConfig"] = {
                "filters": [is_one_of(self.title, found, *chosen) for found, chosen in self.filters]
            }
        return page

    def visuals(self) -> list[Json]:
        """The files of its visuals: heading and slicers on top, the rows below."""
        placed: list[tuple[Visual, Box]] = []
        left = _EDGE
        if self.drill_through_by:
            placed.append((back_button(), Box(_EDGE, _EDGE, 48, 48)))
            left += 48 + _GAP
        choices = [] if self.drill_through_by else _slicers()
        widths = {"Date": 270, "Country": 150, "Segment": 150}
        x = WIDTH - _EDGE - sum(widths[choice.name] + _GAP for choice in choices) + _GAP
        placed.append((heading(self.title, self.purpose), Box(left, _GAP, x - left - _GAP, _HEAD)))
        for choice in choices:
            placed.append((choice, Box(x, _GAP, widths[choice.name], _HEAD)))
            x += widths[choice.name] + _GAP
        y = _GAP + _HEAD + _GAP
        room = HEIGHT - y - _EDGE - _GAP * (len(self.rows) - 1)
        for share, cells in self.rows:
            height = round(room * share)
            across, x = WIDTH - 2 * _EDGE - _GAP * (len(cells) - 1), _EDGE
            for part, visual in cells:
                width = int(across * part)
                placed.append((visual, Box(x, y, width, height)))
                x += width + _GAP
            y += height + _GAP
        return [visual.as_json(self.title, box, order) for order, (visual, box) in enumerate(placed)]


def _slicers() -> list[Visual]:
    return [
        slicer("Date", DATE, mode="Between"),
        slicer("Country", COUNTRY, mode="Dropdown"),
        slicer("Segment", SEGMENT, mode="Dropdown"),
    ]


def report_pages(policy: ScoringPolicy) -> list[Page]:
    """The pages in their order."""
    return [
        _overview(),
        _breakdown(),
        _segmentation(),
        _value_and_risk(),
        _at_risk(policy),
        _high_value(policy),
        _behaviour(),
        _customer(),
        _monitoring(),
    ]


def _measures(*names: str) -> list[Field]:
    return [measure(name) for name in names]


def _cards(name: str, *names: str) -> Visual:
    return Visual(name, "cardVisual", {"Data": _measures(*names)})


def _line(name: str, title: str, *names: str) -> Visual:
    return Visual(name, "lineChart", {"Category": [DATE], "Y": _measures(*names)}, title, sort=(DATE, "Ascending"))


def _bars(name: str, title: str, category: Field, *names: str, kind: str = "clusteredBarChart") -> Visual:
    return Visual(name, kind, {"Category": [category], "Y": _measures(*names)}, title)


def _table(name: str, title: str, *fields: Field, by: str | None = None, lights: Sequence[Json] = ()) -> Visual:
    objects = {"values": list(lights)} if lights else {}
    sort = (measure(by), "Descending") if by else None
    return Visual(name, "tableEx", {"Values": fields}, title, objects, sort=sort)


# ---- the pages -------------------------------------------------------------------------------------------------------


def _overview() -> Page:
    histogram = Visual(
        "histogram",
        "columnChart",
        {"Category": [column(CUSTOMER_TABLE, "Score bucket")], "Series": [SEGMENT], "Y": _measures("Customers")},
        "Customers by engagement score",
        {"dataPoint": colours_of(SEGMENT, SEGMENT_COLOURS)},
        sort=(column(CUSTOMER_TABLE, "Score bucket"), "Ascending"),
    )
    donut = Visual(
        "segments",
        "donutChart",
        {"Category": [SEGMENT], "Y": _measures("Customers")},
        "Customers by segment",
        {
            "dataPoint": colours_of(SEGMENT, SEGMENT_COLOURS),
            "labels": [properties(labelStyle="Category, data value, percent of total")],
        },
    )
    figures = ("Average score", "High-risk share", "Customers", "Average sessions", "Revenue at risk")
    return Page(
        "Executive overview",
        "How engaged customers are, how many may be lost, and what has changed.",
        [
            (0.2, [(1, _cards("figures", *figures))]),
            (0.42, [(0.65, histogram), (0.35, donut)]),
            (
                0.38,
                [
                    (0.5, _line("score", "Average score over time", "Daily average score", "Daily reference score")),
                    (0.5, _line("risk", "Share at high risk over time", "Daily high-risk share")),
                ],
            ),
        ],
    )


def _breakdown() -> Page:
    scatter = Visual(
        "scatter",
        "scatterChart",
        {
            "Category": [CUSTOMER],
            "Series": [SEGMENT],
            "X": _measures("Average sessions"),
            "Y": _measures("Orders so far"),
            "Size": _measures("Revenue"),
        },
        "Sessions in 30 days against orders so far; the area is revenue",
        {"dataPoint": colours_of(SEGMENT, SEGMENT_COLOURS)},
    )
    bands = [column(CUSTOMER_TABLE, f"{part} band") for part in ("Recency", "Frequency", "Monetary")]
    tree = Visual(
        "tree",
        "decompositionTreeVisual",
        {"Analyze": _measures("Average score"), "ExplainBy": [*bands, SEGMENT, STATUS, COUNTRY]},
        "What the average score is made of",
        {"analysis": [properties(aiEnabled=False)]},
    )
    contributions = [f"Average {part} contribution" for part in ("recency", "frequency", "monetary")]
    return Page(
        "Score breakdown",
        "What scores are made of: recency, frequency and monetary value.",
        [
            (
                0.45,
                [
                    (0.5, scatter),
                    (
                        0.5,
                        _bars(
                            "parts", "Contributions to the score by segment", SEGMENT, *contributions, kind="barChart"
                        ),
                    ),
                ],
            ),
            (0.55, [(1, tree)]),
        ],
    )


def _segmentation() -> Page:
    matrix = Visual(
        "matrix",
        "pivotTable",
        {"Rows": [SEGMENT], "Columns": [REVENUE_BAND], "Values": _measures("Customers", "Revenue")},
        "Engagement by revenue band",
        {"values": [heat(measure("Customers"))]},
    )
    bars = Visual(
        "values",
        "clusteredBarChart",
        {"Category": [VALUE_SEGMENT], "Y": _measures("Customers")},
        "Customers by value segment",
        {"dataPoint": colours_of(VALUE_SEGMENT, VALUE_COLOURS), "labels": [properties(show=True)]},
    )
    figures = _measures("Customers", "Revenue", "Average order", "Average score", "High-risk customers")
    moves = _measures("Segment moves", "Newly at risk", "Recovered")
    return Page(
        "Segmentation",
        "Who is in which segment, what they are worth, and who moved.",
        [
            (0.48, [(0.5, matrix), (0.5, bars)]),
            (
                0.52,
                [
                    (0.6, _table("table", "Value segments", VALUE_SEGMENT, *figures, by="Revenue")),
                    (
                        0.4,
                        _table(
                            "moves",
                            "Moves from day to day",
                            column("Segment Moves", "Previous segment"),
                            column("Segment Moves", "Engagement segment"),
                            *moves,
                            by="Segment moves",
                        ),
                    ),
                ],
            ),
        ],
    )


def _value_and_risk() -> Page:
    scatter = Visual(
        "scatter",
        "scatterChart",
        {
            "Category": [CUSTOMER],
            "Series": [VALUE_SEGMENT],
            "X": _measures("Average score"),
            "Y": _measures("Revenue"),
            "Size": _measures("Orders so far"),
        },
        "Engagement score against revenue",
        {"dataPoint": colours_of(VALUE_SEGMENT, VALUE_COLOURS)},
    )
    matrix = Visual(
        "matrix",
        "pivotTable",
        {"Rows": [VALUE_SEGMENT], "Columns": [HIGH_RISK], "Values": _measures("Customers", "Revenue")},
        "Value segment by high risk",
        {"values": [heat(measure("Revenue"))]},
    )
    return Page(
        "Customer value vs engagement risk",
        "Where revenue and risk meet: whom to reward, whom to win back.",
        [
            (0.2, [(1, _cards("figures", "Revenue", "Revenue at risk", "High-value customers", "At-risk VIPs"))]),
            (
                0.8,
                [
                    (0.55, scatter),
                    (0.45, matrix),
                ],
            ),
        ],
    )


def _at_risk(policy: ScoringPolicy) -> Page:
    kpi = Visual(
        "kpi",
        "kpi",
        {
            "Indicator": _measures("Daily high-risk share"),
            "TrendLine": [DATE],
            "Goal": _measures("High-risk share 30 days before"),
        },
        "Share at high risk, against 30 days before",
        {"status": [properties(direction="Negative")]},
    )
    return Page(
        "At-risk customers",
        "Customers who have ordered before and are slipping away, and why.",
        [
            (
                0.35,
                [
                    (0.28, kpi),
                    (0.24, _cards("figures", "High-risk customers", "Revenue at risk")),
                    (0.48, _line("trend", "Customers at high risk over time", "Daily high-risk customers")),
                ],
            ),
            (
                0.65,
                [
                    (
                        1,
                        _table(
                            "table",
                            "Customers at high risk, the most revenue first",
                            CUSTOMER,
                            COUNTRY,
                            REASONS,
                            *_measures("Revenue", *_BANDED),
                            by="Revenue",
                            lights=_traffic_lights(policy),
                        ),
                    )
                ],
            ),
        ],
        filters=[(HIGH_RISK, [True])],
    )


_BANDED = ("Days since last order", "Average sessions", "Average score", "Change of reference score")


def _traffic_lights(policy: ScoringPolicy) -> list[Json]:
    """The bands of the web dashboard, on lighter shades that leave the numbers readable."""
    good, watch, bad = "#cfe9e0", "#f6e3bd", "#f5cdb8"
    recency, sessions, score, change = _measures(*_BANDED)
    return [
        traffic_light(recency, [(BELOW, RECENT_DAYS + 1, good), (BELOW, LONG_AGO_DAYS + 1, watch)], bad),
        traffic_light(sessions, [(AT_LEAST, ACTIVE_SESSIONS, good), (AT_LEAST, 1, watch)], bad),
        traffic_light(
            score, [(AT_LEAST, policy.high_risk_threshold, good), (AT_LEAST, policy.low_threshold, watch)], bad
        ),
        traffic_light(change, [(BELOW, -STEADY, bad), (BELOW, STEADY, watch)], good),
    ]


def _high_value(policy: ScoringPolicy) -> Page:
    figures = ("High-value customers", "High-value share of buyers", "High-value revenue", "High-value slipping")
    listed = _measures("Revenue", "Orders so far", "Average order", *_BANDED)
    return Page(
        "High-value customers",
        "Who spends much and still comes, and who of them is slipping.",
        [
            (0.2, [(1, _cards("figures", *figures))]),
            (
                0.8,
                [
                    (
                        0.72,
                        _table(
                            "table",
                            "High-value customers, the most revenue first",
                            CUSTOMER,
                            COUNTRY,
                            VALUE_SEGMENT,
                            *listed,
                            by="Revenue",
                            lights=_traffic_lights(policy),
                        ),
                    ),
                    (0.28, _bars("countries", "By country", COUNTRY, "High-value customers")),
                ],
            ),
        ],
        filters=[(HIGH_VALUE, [True])],
    )


def _behaviour() -> Page:
    stage = column(STAGE_TABLE, "Stage")
    funnel = Visual(
        "funnel",
        "funnel",
        {"Category": [stage], "Y": _measures("Customers at stage")},
        "Customers who got at least so far, in the window of the snapshot",
    )
    steps = Visual(
        "orders",
        "lineClusteredColumnComboChart",
        {
            "Category": [column(CUSTOMER_TABLE, "Sessions band")],
            "Y": _measures("Customers"),
            "Y2": _measures("Orders per customer in 30 days"),
        },
        "Orders by number of sessions in 30 days",
    )
    calendar = Visual(
        "heatmap",
        "pivotTable",
        {
            "Rows": [column(DATE_TABLE, "Weekday")],
            "Columns": [column("Sessions", "Start hour")],
            "Values": _measures("Sessions begun"),
        },
        "Sessions by weekday and hour of their start",
        {"values": [heat(measure("Sessions begun"))]},
    )
    return Page(
        "Behaviour",
        "From looking to buying, and when people come.",
        [
            (
                0.5,
                [
                    (0.3, funnel),
                    (0.38, steps),
                    (
                        0.32,
                        Visual(
                            "visits",
                            "lineClusteredColumnComboChart",
                            {
                                "Category": [DATE],
                                "Y": _measures("Sessions begun"),
                                "Y2": _measures("Orders on the days"),
                            },
                            "Sessions and orders by day",
                        ),
                    ),
                ],
            ),
            (
                0.5,
                [
                    (0.72, calendar),
                    (0.28, _cards("figures", "Engaged share", "Sessions in the window")),
                ],
            ),
        ],
    )


def _customer() -> Page:
    facts = [
        "Average score",
        "Average percentile",
        "Revenue",
        "Orders so far",
        "Days since last order",
        "Average sessions",
    ]
    parts = [f"Average {part} score" for part in ("recency", "frequency", "monetary")]
    orders = [column("Orders", "Order date"), column("Orders", "Order id"), measure("Order revenue")]
    return Page(
        "Customer",
        "One customer: score, reasons, orders, sessions. Right-click a customer on another page, Drill through.",
        [
            (0.2, [(1, _cards("figures", *facts))]),
            (
                0.2,
                [
                    (
                        1,
                        _table(
                            "profile",
                            "Who it is",
                            CUSTOMER,
                            COUNTRY,
                            SEGMENT,
                            VALUE_SEGMENT,
                            STATUS,
                            *_measures(*parts, "Change of reference score"),
                            REASONS,
                        ),
                    )
                ],
            ),
            (
                0.6,
                [
                    (0.42, _line("history", "Score over time", "Score on the day", "Reference score on the day")),
                    (0.28, _bars("visits", "Sessions by day", DATE, "Sessions begun", kind="columnChart")),
                    (0.3, _table("orders", "Orders", *orders)),
                ],
            ),
        ],
        drill_through_by=CUSTOMER,
    )


def _monitoring() -> Page:
    rows = Visual(
        "rows",
        "lineChart",
        {"Category": [DATE], "Series": [column("Table Rows", "Table name")], "Y": _measures("Rows published")},
        "Rows of each table by day",
        sort=(DATE, "Ascending"),
    )
    figures = (
        "Snapshot",
        "Published days",
        "Stability index",
        "Rows kept out",
        "Share without an order",
        "Share without a session",
    )
    rejected = _table(
        "rejected",
        "Source rows that were kept out",
        column("Rejected Rows", "Source"),
        column("Rejected Rows", "Reason"),
        measure("Rows kept out"),
        by="Rows kept out",
    )
    return Page(
        "Monitoring",
        "Are the tables complete, and do they still look as they did?",
        [
            (0.2, [(1, _cards("figures", *figures))]),
            (0.42, [(1, rows)]),
            (0.38, [(0.5, _line("customers", "Customers over time", "Daily customers")), (0.5, rejected)]),
        ],
    )
