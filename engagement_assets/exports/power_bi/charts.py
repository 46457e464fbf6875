"""The fields that several pages show, the one builder of visuals that show data, and the colours of lists."""

from __future__ import annotations

from engagement_assets.domain.bands import ACTIVE_SESSIONS, LONG_AGO_DAYS, RECENT_DAYS, STEADY
from engagement_assets.domain.colours import SEGMENT_COLOURS, VALUE_COLOURS
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.power_bi.model import (
    COUNTRY_COLUMN,
    COUNTRY_TABLE,
    CUSTOMER_COLUMN,
    CUSTOMER_TABLE,
    DATE_COLUMN,
    DATE_TABLE,
    SEGMENT_COLUMN,
    SEGMENT_TABLE,
)
from engagement_assets.exports.power_bi.visuals import AT_LEAST, BELOW, Json, Visual, colours_of, heat, traffic_light

DATE = f"{DATE_TABLE}[{DATE_COLUMN}]"
CUSTOMER = f"{CUSTOMER_TABLE}[{CUSTOMER_COLUMN}]"
COUNTRY = f"{COUNTRY_TABLE}[{COUNTRY_COLUMN}]"
SEGMENT = f"{SEGMENT_TABLE}[{SEGMENT_COLUMN}]"
SCORE_BUCKET = "Customers[Score bucket]"
SCORE_STEP = "Daily Groups[Score bucket]"
VALUE_SEGMENT = "Customers[Value segment]"
LIFECYCLE = "Customers[Lifecycle stage]"
STATUS = "Customers[Engagement status]"
REVENUE_BAND = "Customers[Revenue band]"
HIGH_RISK = "Customers[Is high risk]"
SLIPPING = "Customers[Is slipping]"
HIGH_VALUE = "Customers[Is high value]"
OUTLIER = "Customers[Is outlier]"
SESSIONS_BAND = "Customers[Sessions band]"
REASONS = "Latest Scores[Slipping reasons]"
RISK_REASONS = "Latest Scores[Risk reasons]"

#: Measures that the lists of customers show with a traffic light.
BANDED = "Days since last order, Average sessions, Average score, Change of reference score"

_COLOURS = {SEGMENT: SEGMENT_COLOURS, VALUE_SEGMENT: VALUE_COLOURS}


def chart(
    name: str,
    kind: str,
    width: int,
    height: int,
    title: str | None = None,
    *,
    coloured: str | None = None,
    heated: str | None = None,
    by: str | None = None,
    only: str | None = None,
    objects: Json | None = None,
) -> Visual:
    """A visual of a page, its size in percent of the room there; `showing` adds its fields.

    `coloured`: the column whose values have their colours; `heated`: the measure whose cells go from light to dark; `by`: the
    measure whose largest value comes first; `only`: the flag to whose rows it is limited; `objects`: what else differs from the
    theme.
    """
    own: Json = {"dataPoint": colours_of(coloured, _COLOURS[coloured])} if coloured else {}
    own |= ({"values": [heat(heated)]} if heated else {}) | (objects or {})
    return Visual(
        name, kind, title, own, sort=(by, "Descending") if by else None, only=only, width=width, height=height
    )


def cards(width: int, height: int, names: str) -> Visual:
    """The key figures of a page beside each other."""
    return chart("figures", "cardVisual", width, height).showing(Data=names)


def traffic_lights(policy: ScoringPolicy, *, slipping: bool = False) -> Json:
    """The bands of the web dashboard, on lighter shades that leave the numbers readable.

    Of `slipping` customers, none of whom ordered within the window, those are green whose silence began in its first third.
    """
    good, watch, bad = "#cfe9e0", "#f6e3bd", "#f5cdb8"
    window, lapsed = policy.activity_window_days, policy.lapsed_after_days
    thirds = tuple(window + 1 + round((lapsed - window - 1) * part / 3) for part in (1, 2))
    silence = thirds if slipping else (RECENT_DAYS + 1, LONG_AGO_DAYS + 1)
    # For each measure of BANDED: how it is compared, the limits of the first two shades, the three shades.
    bands = (
        (BELOW, silence, (good, watch, bad)),
        (AT_LEAST, (ACTIVE_SESSIONS, 1), (good, watch, bad)),
        (AT_LEAST, (policy.high_risk_threshold, policy.low_threshold), (good, watch, bad)),
        (BELOW, (-STEADY, STEADY), (bad, watch, good)),
    )
    return {"values": [traffic_light(name, *band) for name, band in zip(BANDED.split(", "), bands, strict=True)]}
