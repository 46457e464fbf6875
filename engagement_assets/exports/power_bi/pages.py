"""The pages of the report as data: visuals from left to right and top to bottom, each with its width and height in percent."""

from __future__ import annotations

from engagement_assets.domain.meanings import Meanings, enumerated
from engagement_assets.domain.score_parts import PARTS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.power_bi.charts import (
    BANDED,
    COUNTRY,
    CUSTOMER,
    DATE,
    HIGH_RISK,
    HIGH_VALUE,
    LIFECYCLE,
    OUTLIER,
    REASONS,
    REVENUE_BAND,
    RISK_REASONS,
    SCORE_BUCKET,
    SCORE_STEP,
    SEGMENT,
    SESSIONS_BAND,
    SLIPPING,
    STATUS,
    VALUE_SEGMENT,
    cards,
    chart,
    traffic_lights,
)
from engagement_assets.exports.power_bi.layout import Page
from engagement_assets.exports.power_bi.model import CUSTOMER_TABLE, DATE_TABLE, STAGE_TABLE
from engagement_assets.exports.power_bi.visuals import interval, properties


def report_pages(policy: ScoringPolicy) -> list[Page]:
    """The pages in their order."""
    return [
        *_scores(policy),
        *_segments(),
        *_lists(policy),
        _behaviour(policy),
        _audiences(),
        _results(policy),
        _customer(policy),
        _monitoring(),
    ]


def _scores(policy: ScoringPolicy) -> list[Page]:
    """How engaged customers are, and what their scores are made of."""
    alone = {"analysis": [properties(aiEnabled=False)]}
    labels = {"labels": [properties(labelStyle="Category, data value, percent of total")]}
    scatter = Meanings(policy).filled("Sessions in {window} against orders so far; the area is revenue")
    components = ", ".join(f"Average {part.name} score" for part in PARTS)
    contributions = ", ".join(f"Average {part.name} contribution" for part in PARTS)
    bands = ", ".join(f"{CUSTOMER_TABLE}[{part.title} band]" for part in PARTS)
    return [
        Page(
            "Executive overview",
            "How engaged customers are, how many may be lost, and what has changed.",
            cards(
                100,
                20,
                "Daily average score, Daily slipping customers, Daily customers, Daily sessions per customer, "
                "Daily slipping revenue, Daily high-risk share",
            ),
            chart("histogram", "columnChart", 65, 42, "Customers by engagement score", coloured=SEGMENT).showing(
                Category=SCORE_STEP, Series=SEGMENT, Y="Daily customers"
            ),
            chart("segments", "donutChart", 35, 42, "Customers by segment", coloured=SEGMENT, objects=labels).showing(
                Category=SEGMENT, Y="Daily customers"
            ),
            chart("score", "lineChart", 50, 38, "Average score over time").showing(
                Category=DATE, Y="Daily average score, Daily reference score"
            ),
            chart("risk", "lineChart", 50, 38, "Share at risk over time: by score, and slipping").showing(
                Category=DATE, Y="Daily high-risk share, Daily slipping share"
            ),
            day="Day shown",
        ),
        Page(
            "Score breakdown",
            f"What scores are made of: {enumerated(part.words for part in PARTS)}.",
            chart("scatter", "scatterChart", 38, 45, scatter, coloured=SEGMENT).showing(
                Category=CUSTOMER, Series=SEGMENT, X="Average sessions", Y="Orders so far", Size="Revenue"
            ),
            chart("components", "clusteredBarChart", 31, 45, "Component scores by segment").showing(
                Category=SEGMENT, Y=components
            ),
            chart("parts", "barChart", 31, 45, "Contributions to the score by segment").showing(
                Category=SEGMENT, Y=contributions
            ),
            chart(
                "tree", "decompositionTreeVisual", 100, 55, "What the average score is made of", objects=alone
            ).showing(Analyze="Average score", ExplainBy=f"{bands}, {SEGMENT}, {LIFECYCLE}, {STATUS}, {COUNTRY}"),
        ),
    ]


def _segments() -> list[Page]:
    """Who is in which segment, and where revenue and risk meet."""
    worth, labels = "Customers by value segment", {"labels": [properties(show=True)]}
    figures = "Customers, Revenue, Average order, Average score, High-risk customers"
    from_to = "Segment Moves[Previous segment], Segment Moves[Engagement segment]"
    return [
        Page(
            "Segmentation",
            "Who is in which segment, what they are worth, and who moved.",
            chart("matrix", "pivotTable", 50, 48, "Engagement by revenue band", heated="Customers").showing(
                Rows=SEGMENT, Columns=REVENUE_BAND, Values="Customers, Revenue"
            ),
            chart("values", "clusteredBarChart", 50, 48, worth, coloured=VALUE_SEGMENT, objects=labels).showing(
                Category=VALUE_SEGMENT, Y="Customers"
            ),
            chart("table", "tableEx", 36, 52, "Value segments", by="Revenue").showing(
                Values=f"{VALUE_SEGMENT}, {figures}"
            ),
            chart("moves", "tableEx", 26, 52, "Moves from day to day", by="Segment moves").showing(
                Values=f"{from_to}, Segment moves, Newly at high risk, Out of high risk"
            ),
            chart("customers", "tableEx", 38, 52, "Customers: right-click one, Drill through", by="Revenue").showing(
                Values=f"{CUSTOMER}, {SEGMENT}, Average score, Average sessions, Orders so far, Revenue"
            ),
        ),
        Page(
            "Customer value vs engagement risk",
            "Where revenue and risk meet: whom to reward, whom to win back.",
            cards(100, 20, "Revenue, Slipping revenue, High-value customers, At-risk VIPs"),
            chart(
                "scatter", "scatterChart", 55, 80, "Engagement score against revenue", coloured=VALUE_SEGMENT
            ).showing(Category=CUSTOMER, Series=VALUE_SEGMENT, X="Average score", Y="Revenue", Size="Orders so far"),
            chart("matrix", "pivotTable", 45, 80, "Value segment by high risk", heated="Revenue").showing(
                Rows=VALUE_SEGMENT, Columns=HIGH_RISK, Values="Customers, Revenue"
            ),
        ),
    ]


def _lists(policy: ScoringPolicy) -> list[Page]:
    """The pages that list customers."""
    lights = traffic_lights(policy)
    falling = {"status": [properties(direction="Negative")]}
    falling_away = traffic_lights(policy, slipping=True)
    slipping, valued = "Slipping customers, the most revenue first", "High-value customers, the most revenue first"
    saving = (
        "Slipping customers, Slipping revenue, Expected loss of slipping customers, Slipping customers who come back"
    )
    over_time = "Share of customers who are slipping, and at high risk by score, over time"
    return [
        Page(
            "At-risk customers",
            "Customers who have ordered before, are slipping away and can still be saved, and why.",
            chart("kpi", "kpi", 22, 35, "Slipping customers, against 30 days before", objects=falling).showing(
                Indicator="Daily slipping customers", TrendLine=DATE, Goal="Slipping customers 30 days before"
            ),
            cards(44, 35, saving),
            chart("trend", "lineChart", 34, 35, over_time).showing(
                Category=DATE, Y="Daily slipping share, Daily high-risk share"
            ),
            chart(
                "table", "tableEx", 62, 65, slipping, by="Slipping revenue", only=SLIPPING, objects=falling_away
            ).showing(
                Values=f"{CUSTOMER}, {COUNTRY}, Latest order, Slipping revenue, Slipping customers who come back, {BANDED}, "
                f"{REASONS}"
            ),
            chart(
                "risky", "tableEx", 38, 65, "At high risk by score", by="Revenue", only=HIGH_RISK, objects=lights
            ).showing(Values=f"{CUSTOMER}, Latest order, Revenue, {BANDED}, {RISK_REASONS}"),
        ),
        Page(
            "High-value customers",
            "Who spends much and still comes, and whose score falls.",
            cards(
                100, 20, "High-value customers, High-value share of buyers, High-value revenue, High-value declining"
            ),
            chart("table", "tableEx", 72, 80, valued, by="Revenue", objects=lights).showing(
                Values=f"{CUSTOMER}, {COUNTRY}, {VALUE_SEGMENT}, Revenue, Orders so far, Average order, {BANDED}"
            ),
            chart("countries", "clusteredBarChart", 28, 80, "By country", by="High-value customers").showing(
                Category=COUNTRY, Y="High-value customers"
            ),
            only=HIGH_VALUE,
        ),
    ]


def _behaviour(policy: ScoringPolicy) -> Page:
    combined = "lineClusteredColumnComboChart"
    funnel = "Customers who got at least so far, in the window of the snapshot"
    steps = Meanings(policy).filled("Orders by number of sessions in {window}")
    calendar = "Sessions by weekday and hour of their start"
    scores = Meanings(policy).filled("Customers by score and sessions in {window}")
    return Page(
        "Behaviour",
        "From looking to buying, and when people come.",
        chart("funnel", "funnel", 30, 50, funnel).showing(Category=f"{STAGE_TABLE}[Stage]", Y="Customers at stage"),
        chart("orders", combined, 38, 50, steps).showing(
            Category=SESSIONS_BAND, Y="Customers", Y2="Orders per customer in 30 days"
        ),
        chart("visits", combined, 32, 50, "Sessions and orders by day").showing(
            Category=DATE, Y="All sessions", Y2="All orders"
        ),
        chart("heatmap", "pivotTable", 44, 50, calendar, heated="All sessions").showing(
            Rows=f"{DATE_TABLE}[Weekday]", Columns="Daily Activity[Start hour]", Values="All sessions"
        ),
        chart("scores", "pivotTable", 40, 50, scores, heated="Customers").showing(
            Rows=SCORE_BUCKET, Columns=SESSIONS_BAND, Values="Customers"
        ),
        cards(16, 50, "Engaged share, Sessions in the window"),
    )


def _customer(policy: ScoringPolicy) -> Page:
    """One customer; other pages lead here by drill-through."""
    sessions = Meanings(policy).filled("Sessions by day, last {window}")
    facts = "Average score, Average percentile, Revenue, Orders so far, Days since last order, Average sessions"
    groups = f"{SEGMENT}, {VALUE_SEGMENT}, {LIFECYCLE}, {STATUS}"
    parts = ", ".join(f"Average {part.name} score" for part in PARTS)
    return Page(
        "Customer",
        "One customer: score, reasons, orders, sessions. Right-click a customer on another page, Drill through.",
        cards(100, 18, facts),
        chart("profile", "tableEx", 100, 18, "Who it is").showing(
            Values=f"{CUSTOMER}, {COUNTRY}, {groups}, Change of reference score, Latest order, {REASONS}"
        ),
        chart("history", "lineChart", 60, 32, "Score over time").showing(
            Category=DATE, Y="Score on the day, Reference score on the day"
        ),
        chart("parts", "clusteredBarChart", 40, 32, "What the score is made of").showing(Category=CUSTOMER, Y=parts),
        chart("visits", "columnChart", 36, 32, sessions).showing(Category=DATE, Y="Sessions of the window"),
        chart("timeline", "columnChart", 34, 32, "Orders over time").showing(Category=DATE, Y="Order revenue"),
        chart("orders", "tableEx", 30, 32, "Orders").showing(
            Values="Orders[Order date], Orders[Order id], Order revenue"
        ),
        drill_through_by=CUSTOMER,
    )


def _audiences() -> Page:
    """Whom campaigns address."""
    return Page(
        "Audiences",
        "Whom to address, why, and what to do; held-out customers are not addressed.",
        cards(36, 30, "Customers in audiences, To contact, Held out"),
        chart("sizes", "clusteredBarChart", 32, 30, "By audience", by="Customers in audiences").showing(
            Category="Audiences[Audience]", Y="Customers in audiences"
        ),
        chart("lists", "clusteredBarChart", 32, 30, "By list that has a name", by="Customers in lists").showing(
            Category="Named Lists[List name]", Y="Customers in lists"
        ),
        chart("table", "tableEx", 68, 70, "Customers in audiences, the most urgent first", by="Priority").showing(
            Values=f"Audiences[Audience], {CUSTOMER}, Audiences[Recommended action], Audiences[Evidence], "
            "Audiences[Is to contact], Audiences[Is holdout], Priority"
        ),
        chart("listed", "tableEx", 32, 70, "Customers in lists", by="Revenue of listed customers").showing(
            Values=f"Named Lists[List name], {CUSTOMER}, Revenue of listed customers"
        ),
    )


def _results(policy: ScoringPolicy) -> Page:
    """What campaigns brought."""
    around = {"error": interval("Uplift", "Uplift at least", "Uplift at most")}
    one_by_one = {"data": [properties(mode="Dropdown")], "header": [properties(show=True, text="Days after the entry")]}
    title = Meanings(policy).filled("Uplift of each audience with its {results_level} interval")
    audience, horizon = "Campaign Results[Audience]", "Campaign Results[Horizon days]"
    return Page(
        "Campaign results",
        "Did it work? Customers who were to be addressed against those held out, by who ordered. Without a choice of days: "
        "the longest.",
        chart("horizon", "slicer", 18, 16, objects=one_by_one).showing(Values=horizon),
        cards(82, 16, "Treated, Held out to compare, Revenue earned"),
        chart("uplift", "clusteredBarChart", 42, 40, title, by="Uplift", objects=around).showing(
            Category=audience, Y="Uplift"
        ),
        chart("trend", "lineChart", 58, 40, "Uplift over time").showing(Category=DATE, Series=audience, Y="Uplift"),
        chart("table", "tableEx", 66, 44, "Every result", by="Revenue earned").showing(
            Values=f"{audience}, {horizon}, Treated, Held out to compare, Treated who ordered, Held out who ordered, Uplift, "
            "Uplift at least, Uplift at most, Revenue earned, Verdict"
        ),
        chart("entries", "tableEx", 34, 44, "Who was treated and held out", by="Entries").showing(
            Values=f"Campaign Entries[Audience], Campaign Entries[Entered], {CUSTOMER}, Campaign Entries[Is holdout], Entries"
        ),
        day="Day shown",
    )


def _monitoring() -> Page:
    quality = "Rows kept out, Share without an order, Share without a session"
    return Page(
        "Monitoring",
        "Are the tables complete, and do they still look as they did?",
        cards(100, 20, f"Published days, Files of another export, Stability index, {quality}"),
        chart("rows", "lineChart", 50, 42, "Rows of each table by day").showing(
            Category=DATE, Series="Table Rows[Table name]", Y="Rows published"
        ),
        chart("files", "tableEx", 50, 42, "The files, and what was left out of them").showing(
            Values="Exported Files[File], Exported Files[Rows], Exported Files[First day], Exported Files[Last day], "
            "Exported Files[Left out]"
        ),
        chart("customers", "lineChart", 30, 38, "Customers over time").showing(Category=DATE, Y="Daily customers"),
        chart("outliers", "tableEx", 36, 38, "Outliers: far above the others", by="Revenue", only=OUTLIER).showing(
            Values=f"{CUSTOMER}, Customers[Outlier in], Revenue, Average order, Orders so far, Average sessions"
        ),
        chart("rejected", "tableEx", 34, 38, "Source rows that were kept out", by="Rows kept out").showing(
            Values="Rejected Rows[Source], Rejected Rows[Reason], Rows kept out"
        ),
    )
