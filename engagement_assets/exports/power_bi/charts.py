"""The fields that several pages show, and the kinds of visuals that they share."""

from __future__ import annotations

from collections.abc import Sequence

from engagement_assets.domain.bands import ACTIVE_SESSIONS, LONG_AGO_DAYS, RECENT_DAYS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.measures import STEADY
from engagement_assets.exports.power_bi.model import CUSTOMER_COLUMN, CUSTOMER_TABLE, DATE_COLUMN, DATE_TABLE
from engagement_assets.exports.power_bi.visuals import (
    AT_LEAST,
    BELOW,
    Field,
    Json,
    Visual,
    column,
    measure,
    traffic_light,
)

DATE = column(DATE_TABLE, DATE_COLUMN)
CUSTOMER = column(CUSTOMER_TABLE, CUSTOMER_COLUMN)
COUNTRY = column(CUSTOMER_TABLE, "Country")
SEGMENT = column(CUSTOMER_TABLE, "Engagement segment")
VALUE_SEGMENT = column(CUSTOMER_TABLE, "Value segment")
LIFECYCLE = column(CUSTOMER_TABLE, "Lifecycle stage")
STATUS = column(CUSTOMER_TABLE, "Engagement status")
REVENUE_BAND = column(CUSTOMER_TABLE, "Revenue band")
HIGH_RISK = column(CUSTOMER_TABLE, "Is high risk")
HIGH_VALUE = column(CUSTOMER_TABLE, "Is high value")
REASONS = column("Latest Scores", "Risk reasons")

#: Measures that the lists of customers show with a traffic light.
BANDED = ("Days since last order", "Average sessions", "Average score", "Change of reference score")


def measures(*names: str) -> list[Field]:
    """Measures as fields."""
    return [measure(name) for name in names]


def cards(name: str, *names: str) -> Visual:
    """Key figures beside each other."""
    return Visual(name, "cardVisual", {"Data": measures(*names)})


def line(name: str, title: str, *names: str) -> Visual:
    """Measures by day."""
    return Visual(name, "lineChart", {"Category": [DATE], "Y": measures(*names)}, title)


def bars(
    name: str, title: str, category: Field, *names: str, kind: str = "clusteredBarChart", most_first: bool = False
) -> Visual:
    """Measures by the values of a column, in the order of these or of the first measure."""
    sort = (measure(names[0]), "Descending") if most_first else None
    return Visual(name, kind, {"Category": [category], "Y": measures(*names)}, title, sort=sort)


def table(name: str, title: str, *fields: Field, by: str | None = None, lights: Sequence[Json] = ()) -> Visual:
    """A table, the most of a measure first; `lights` colour its cells."""
    objects = {"values": list(lights)} if lights else {}
    sort = (measure(by), "Descending") if by else None
    return Visual(name, "tableEx", {"Values": fields}, title, objects, sort=sort)


def traffic_lights(policy: ScoringPolicy) -> list[Json]:
    """The bands of the web dashboard, on lighter shades that leave the numbers readable."""
    good, watch, bad = "#cfe9e0", "#f6e3bd", "#f5cdb8"
    recency, sessions, score, change = measures(*BANDED)
    return [
        traffic_light(recency, [(BELOW, RECENT_DAYS + 1, good), (BELOW, LONG_AGO_DAYS + 1, watch)], bad),
        traffic_light(sessions, [(AT_LEAST, ACTIVE_SESSIONS, good), (AT_LEAST, 1, watch)], bad),
        traffic_light(
            score, [(AT_LEAST, policy.high_risk_threshold, good), (AT_LEAST, policy.low_threshold, watch)], bad
        ),
        traffic_light(change, [(BELOW, -STEADY, bad), (BELOW, STEADY, watch)], good),
    ]
