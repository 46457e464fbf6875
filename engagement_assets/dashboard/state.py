"""What the URL says: snapshot, comparison, filters, and what single pages add. The one place that reads or writes it.

Nothing in a URL is trusted: a value that is not among those that exist is left out, and the page says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

from engagement_assets.dashboard import column_filters
from engagement_assets.dashboard.column_filters import LONGEST_VALUE
from engagement_assets.dashboard.warehouse import Catalogue
from engagement_assets.domain import customer_filters
from engagement_assets.domain.contracts.engagement import SEGMENTS, STATUSES, VALUE_SEGMENTS
from engagement_assets.domain.customer_filters import FILTERS, Chosen
from engagement_assets.domain.days import as_date

#: Days back that can be compared with by one click.
COMPARISONS = ("7", "30", "90")
DEFAULT_COMPARISON = "30"

#: What a score can be broken down by.
DIMENSIONS = ("segment", "country", "status")

AT_RISK_LISTS = ("now", "new", "recovered", "lapsed", "high-risk")


@dataclass(frozen=True)
class View:
    """A page's question to the tables. `params` are the valid values of the URL that all pages share, as they are written there;

    `chosen` are the filters that lists of customers have beyond them, `row` is the first row that a list showed, and `more`
    whether all that it can be filtered by is shown.
    """

    as_of: str
    compared: str | None
    comparison: str
    countries: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    customer: str | None = None
    by: str = "segment"
    within: tuple[tuple[str, str], ...] = ()
    at_risk_list: str = "now"
    came_from: str | None = None
    sort: tuple[tuple[str, str], ...] = ()
    where: str = ""
    row: int = 0
    more: bool = False
    chosen: Chosen = ()
    params: tuple[tuple[str, str], ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def filters(self) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """Countries, segments and value segments that are chosen; an empty part stands for all."""
        return self.countries, self.segments, self.values

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return any(self.filters)

    @property
    def all_filters(self) -> Chosen:
        """The filters that all pages share, and those of lists."""
        shared = zip(("country", "segment", "value"), self.filters, strict=True)
        return (*((key, texts) for key, texts in shared if texts), *self.chosen)

    @property
    def place(self) -> dict[str, Any]:
        """What the URL says of a list beyond what all pages share: its filters, its order, how far down one was."""
        return {
            **dict(self.chosen),
            "list": self.at_risk_list if self.at_risk_list != AT_RISK_LISTS[0] else None,
            "sort": [f"{key}:{way}" for key, way in self.sort],
            "where": self.where,
            "row": self.row or None,
            "more": "yes" if self.more else None,
        }

    def list_of(self, *dropped: str, **filters: Any) -> str:
        """The address of the list of the customers who match this view's filters and these, underscores for hyphens.

        A filter that is given takes the place of the view's own; a flag is True or False. `dropped`: filters that do not hold.
        """
        kept = dict.fromkeys(dropped)
        given = {
            key.replace("_", "-"): ("yes" if value else "no") if isinstance(value, bool) else value
            for key, value in filters.items()
        }
        return self.link("/customers", **{**kept, **given})

    def search(self, **changes: Any) -> str:
        """The query part of a URL with this view's shared values and some changed; None removes one.

        What belongs to one page only (`cid`, `by`, ...) is kept only where `changes` names it.
        """
        kept = [(key, value) for key, value in self.params if key in SHARED and key not in changes]
        for key, value in changes.items():
            if value is None or value == "" or value == ():
                continue
            kept += [(key, str(item)) for item in (value if isinstance(value, (list, tuple)) else [value])]
        return f"?{urlencode(kept)}" if kept else ""

    def link(self, path: str, **changes: Any) -> str:
        """A page's address under this view."""
        return path + self.search(**changes)


#: Values that stay when one goes to another page.
SHARED = ("date", "compare", "country", "segment", "value")


def parse(search: str | None, catalogue: Catalogue) -> View | None:
    """What a URL's query part asks for; None if nothing is published."""
    if catalogue.latest is None:
        return None
    try:
        given = parse_qs((search or "").lstrip("?"), max_num_fields=100)
    except ValueError:
        given = {}
    notices: list[str] = []
    as_of = _as_of(given, catalogue, notices)
    comparison, compared = _compared(given, as_of, catalogue, notices)
    countries = _known(given, "country", catalogue.countries, "country", notices)
    segments = _known(given, "segment", SEGMENTS, "segment", notices)
    values = _known(given, "value", VALUE_SEGMENTS, "value segment", notices)
    chosen, wrong = customer_filters.chosen({key: texts for key, texts in given.items() if key not in SHARED})
    notices += [f"A filter in the address was left out. {what}" for what in wrong]
    params = [
        *([("date", as_of)] if as_of != catalogue.latest else []),
        *([("compare", comparison)] if comparison != DEFAULT_COMPARISON else []),
        *(("country", item) for item in countries),
        *(("segment", item) for item in segments),
        *(("value", item) for item in values),
    ]
    return View(
        as_of=as_of,
        compared=compared,
        comparison=comparison,
        countries=countries,
        segments=segments,
        values=values,
        customer=_text(given, "cid"),
        by=_one_of(given, "by", DIMENSIONS),
        within=_within(given, catalogue),
        at_risk_list=_one_of(given, "list", AT_RISK_LISTS),
        came_from=_text(given, "from"),
        sort=_sort(given),
        where=_where(given),
        row=_row(given),
        more="more" in given,
        chosen=chosen,
        params=tuple(params),
        notices=tuple(notices),
    )


def _text(given: dict[str, list[str]], key: str) -> str | None:
    value = given.get(key, [""])[0].strip()
    return value[:LONGEST_VALUE] or None


def _one_of(given: dict[str, list[str]], key: str, choices: tuple[str, ...]) -> str:
    value = given.get(key, [choices[0]])[0]
    return value if value in choices else choices[0]


def _day(text: str) -> date | None:
    try:
        return as_date(text)
    except ValueError:
        return None


def _as_of(given: dict[str, list[str]], catalogue: Catalogue, notices: list[str]) -> str:
    latest = str(catalogue.latest)
    wanted = given.get("date", [latest])[0]
    if wanted in catalogue.days:
        return wanted
    day = _day(wanted)
    if day is None:
        notices.append(f"The date in the address could not be read; this is the latest snapshot, {latest}.")
        return latest
    earlier = [published for published in catalogue.days if published < wanted]
    shown = earlier[-1] if earlier else catalogue.days[0]
    which = "the latest one before it" if earlier else "the earliest there is"
    notices.append(
        f"There is no snapshot of {wanted}; this is {which}, {shown}. "
        f"Build the missing one with: engagement run --date {wanted}"
    )
    return shown


def _compared(
    given: dict[str, list[str]], as_of: str, catalogue: Catalogue, notices: list[str]
) -> tuple[str, str | None]:
    """The comparison as it was asked for, and the snapshot that it stands for."""
    asked = given.get("compare", [DEFAULT_COMPARISON])[0]
    day = _day(asked)
    if asked not in COMPARISONS and day is None:
        notices.append("The comparison in the address could not be read; it is 30 days back.")
        asked = DEFAULT_COMPARISON
    wanted = day or date.fromisoformat(as_of) - timedelta(days=int(asked))
    before = [published for published in catalogue.days if published < as_of]
    if not before:
        return asked, None
    if day is not None and wanted.isoformat() >= as_of:
        notices.append("The comparison date must be before the snapshot; it is 30 days back.")
        asked = DEFAULT_COMPARISON
        wanted = date.fromisoformat(as_of) - timedelta(days=int(asked))
    at_or_before = [published for published in before if published <= wanted.isoformat()]
    shown = at_or_before[-1] if at_or_before else before[0]
    if shown != wanted.isoformat():
        notices.append(f"There is no snapshot of {wanted} to compare with; {shown} takes its place.")
    return asked, shown


def _known(
    given: dict[str, list[str]], key: str, choices: tuple[str, ...], what: str, notices: list[str]
) -> tuple[str, ...]:
    asked = given.get(key, [])
    known = tuple(choice for choice in choices if choice in asked)
    if any(value not in choices for value in asked):
        notices.append(f"A {what} in the address is not in this data and was left out.")
    return known


def _within(given: dict[str, list[str]], catalogue: Catalogue) -> tuple[tuple[str, str], ...]:
    """Groups that the breakdown has been narrowed to, as `dimension:value`, each dimension once."""
    choices = {"segment": SEGMENTS, "country": catalogue.countries, "status": STATUSES}
    steps: dict[str, str] = {}
    for text in given.get("within", []):
        dimension, _, value = text.partition(":")
        if dimension in choices and value in choices[dimension]:
            steps.setdefault(dimension, value)
    return tuple(steps.items())


def _sort(given: dict[str, list[str]]) -> tuple[tuple[str, str], ...]:
    """The order of the list one came from, `column:asc|desc`; columns are checked by the list itself."""
    parts = (text.partition(":") for text in given.get("sort", [])[:3])
    return tuple((column[:LONGEST_VALUE], "desc" if way == "desc" else "asc") for column, _, way in parts)


def _where(given: dict[str, list[str]]) -> str:
    """The column filters of the list one came from, as JSON text; columns and operators are checked by the list itself."""
    text = given.get("where", [""])[0]
    try:
        return column_filters.written(column_filters.read(text))
    except ValueError:
        return ""


def _row(given: dict[str, list[str]]) -> int:
    text = given.get("row", ["0"])[0]
    return int(text) if text.isdecimal() and len(text) < 10 else 0


#: Every key a URL may have.
_KEYS = (
    *SHARED,
    *(key for key in FILTERS if key not in SHARED),
    *("cid", "by", "within", "list", "from", "sort", "where", "row", "more"),
)


def rewrite(search: str | None, **changes: Any) -> str:
    """A URL's query part with some values changed and the rest kept; None or an empty list removes one."""
    try:
        given = parse_qs((search or "").lstrip("?"), max_num_fields=100)
    except ValueError:
        given = {}
    for key, value in changes.items():
        given[key] = list(value) if isinstance(value, (list, tuple)) else [value] if value else []
    kept = [(key, item) for key in _KEYS for item in given.get(key, [])]
    return f"?{urlencode(kept)}" if kept else ""
