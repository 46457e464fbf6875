"""Rules of good semantic models, after Tabular Editor's Best Practice Analyzer, over the model as it is read back.

Their analyzer needs .NET, and its rules are expressions in C#; here each rule is a function that names the objects that break it.
What breaks a rule on purpose stands in EXCEPTIONS, with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from itertools import chain

from engagement_assets_tests.exports.power_bi.reading import (
    Column,
    Model,
    Report,
    Table,
    dax_references,
    fields,
)

#: A rule: the model and the report -> the names of the objects that break it, such as `Orders[Order id]`.
Rule = Callable[[Model, Report], Iterator[str]]

RULES: dict[str, Rule] = {}

#: Functions that the analyzer warns of: slow, or a sign of a model that should be mended instead.
SHUNNED = ("IFERROR", "ISERROR", "USERELATIONSHIP", "INTERSECT", "EVALUATEANDLOG", "EARLIER", "CROSSFILTER", "TREATAS")

#: What breaks which rule on purpose: rule, pattern of names (as in a shell), reason.
EXCEPTIONS: tuple[tuple[str, str, str], ...] = (
    ("relationships_on_integers_or_dates", "*[[]Customer id]", "identifiers are texts: 007 is not 7"),
    ("relationships_on_integers_or_dates", "*[[]Country]", "a country is its name; there are few"),
    ("relationships_on_integers_or_dates", "*[[]Engagement segment]", "a segment is its name; there are four"),
    (
        "no_snowflake",
        "Customers",
        "countries and segments slice what is added up by group too, so that cards and trends agree",
    ),
    ("tables_are_related", "Measures", "holds measures, no rows"),
    ("tables_are_related", "Funnel Stages", "a list to choose from, read by measures"),
    ("tables_are_related", "Rejected Rows", "rows that were kept out have no customer and no day that hold"),
    ("tables_are_related", "Exported Files", "tells of the files, not of customers or days"),
    ("hidden_columns_are_used", "Measures[[]None]", "a table has to have a column"),
    ("no_floating_point", "*[[]*[Ss]core*]", "scores are not rounded: they add up to the last digit"),
    ("no_floating_point", "*[[]*contribution]", "parts of a score are not rounded"),
    ("no_floating_point", "Segment Moves[[]*]", "parts of the change of a score are not rounded"),
    ("no_floating_point", "Campaign Results[[]*]", "means per customer, and what a comparison estimates"),
    ("no_floating_point", "*[[]*share]", "shares are not rounded"),
    ("no_floating_point", "*[[]Return chance]", "chances are not rounded"),
    ("no_floating_point", "*[[]*revenue*]", "estimates, not sums of money: no cents to be exact about"),
    ("no_floating_point", "Latest Scores[[]Usual gap days]", "a mean"),
    ("no_floating_point", "Daily Metrics[[]Average sessions last 30 days]", "a mean"),
    ("no_floating_point", "Audiences[[]Priority]", "value times a share"),
    ("no_floating_point", "Audiences[[]Value]", "what a rule says a customer is worth: any number"),
    ("days_without_times", "Orders[[]Order date]", "the list of a customer's orders shows when"),
    ("measures_have_formats_and_folders", "Verdict", "words"),
    ("divide_by_divide", "Expected loss of slipping customers", "divides by 365"),
    ("divide_by_divide", "Stability index", "divides by a share that is at least 0.0001"),
    ("filters_on_columns", "Expected loss of slipping customers", "a sum over rows, each by its own chance"),
    ("filters_on_columns", "Segment moves", "compares two columns of a row"),
    ("filters_on_columns", "Files of another export", "a table of some twenty rows"),
)


def rule(check: Rule) -> Rule:
    """A function as a rule of its name."""
    RULES[check.__name__] = check
    return check


def broken(model: Model, report: Report) -> list[tuple[str, str]]:
    """Which rule each object breaks: (rule, object)."""
    return [(name, found) for name, check in RULES.items() for found in check(model, report)]


def excepted(name: str, found: str) -> list[int]:
    """The places in EXCEPTIONS of those that let an object break a rule."""
    return [
        number
        for number, (rule_name, pattern, _) in enumerate(EXCEPTIONS)
        if rule_name == name and fnmatchcase(found, pattern)
    ]


def _columns(model: Model) -> Iterator[tuple[Table, Column, str]]:
    for table in model.tables:
        for column in table.columns:
            yield table, column, f"{table.name}[{column.name}]"


def _hidden(column: Column) -> bool:
    return "isHidden" in column.properties


def _sorting(table: Table) -> set[str]:
    return {column.properties.get("sortByColumn", "").strip("'") for column in table.columns}


def _of_kind(model: Model, kind: str) -> Iterator[dict[str, str]]:
    return (properties for other, properties in model.other if other == kind)


# ---- structure -------------------------------------------------------------------------------------------------------


@rule
def foreign_keys_are_hidden(model: Model, _: Report) -> Iterator[str]:
    for many, name, _one, _key in model.relationships:
        table = model.table(many)
        column = table.column(name) if table else None
        if column is None or not _hidden(column):
            yield f"{many}[{name}]"


@rule
def keys_are_marked(model: Model, _: Report) -> Iterator[str]:
    for _many, _name, one, key in model.relationships:
        table = model.table(one)
        column = table.column(key) if table else None
        if column is None or "isKey" not in column.properties:
            yield f"{one}[{key}]"


@rule
def relationships_on_integers_or_dates(model: Model, _: Report) -> Iterator[str]:
    for many, name, _one, _key in model.relationships:
        table = model.table(many)
        column = table.column(name) if table else None
        if column is None or column.properties["dataType"] not in ("int64", "dateTime"):
            yield f"{many}[{name}]"


@rule
def relationships_of_one_type(model: Model, _: Report) -> Iterator[str]:
    for many, name, one, key in model.relationships:
        ends = [table.column(end) for table, end in ((model.table(many), name), (model.table(one), key)) if table]
        if len({end.properties["dataType"] for end in ends if end}) != 1:
            yield f"{many}[{name}]"


@rule
def relationships_go_one_way(model: Model, _: Report) -> Iterator[str]:
    for properties in _of_kind(model, "relationship"):
        for name in ("crossFilteringBehavior", "toCardinality", "isActive"):
            if name in properties:
                yield f"{name} of {properties['fromColumn']}"


@rule
def no_snowflake(model: Model, _: Report) -> Iterator[str]:
    yield from {many for many, *_ in model.relationships} & {one for _, _, one, _ in model.relationships}


@rule
def tables_are_related(model: Model, _: Report) -> Iterator[str]:
    related = {name for many, _, one, _ in model.relationships for name in (many, one)}
    yield from (table.name for table in model.tables if table.name not in related)


@rule
def the_date_table_is_marked(model: Model, _: Report) -> Iterator[str]:
    for table in model.tables:
        days = [
            column
            for column in table.columns
            if column.properties["dataType"] == "dateTime" and "isKey" in column.properties
        ]
        if bool(days) != (table.properties.get("dataCategory") == "Time"):
            yield table.name


@rule
def the_date_table_has_hierarchies(model: Model, _: Report) -> Iterator[str]:
    for table in model.tables:
        if table.properties.get("dataCategory") == "Time":
            yield from {"Year", "Quarter", "Month", "Week", "Date"} - set(chain(*table.hierarchies.values()))
        for name, levels in table.hierarchies.items():
            yield from (f"{name}: {level}" for level in levels if table.column(level) is None)


@rule
def no_automatic_date_tables(model: Model, _: Report) -> Iterator[str]:
    (properties,) = _of_kind(model, "model")
    if properties.get("annotation __PBI_TimeIntelligenceEnabled") != "0":
        yield "Model"
    yield from (table.name for table in model.tables if table.name.startswith(("DateTableTemplate", "LocalDateTable")))


@rule
def nothing_is_calculated_in_the_model(model: Model, _: Report) -> Iterator[str]:
    for table in model.tables:
        if not table.query:
            yield table.name
    for _table, column, name in _columns(model):
        if "sourceColumn" not in column.properties:
            yield name


# ---- columns ---------------------------------------------------------------------------------------------------------


@rule
def nothing_is_summed_up_by_itself(model: Model, _: Report) -> Iterator[str]:
    (properties,) = _of_kind(model, "model")
    if "discourageImplicitMeasures" not in properties:
        yield "Model"
    for _table, column, name in _columns(model):
        if column.properties.get("summarizeBy") != "none":
            yield name


@rule
def numbers_and_days_have_formats(model: Model, _: Report) -> Iterator[str]:
    for _table, column, name in _columns(model):
        if column.properties["dataType"] != "string" and not column.properties.get("formatString"):
            yield name


@rule
def hidden_columns_are_used(model: Model, report: Report) -> Iterator[str]:
    used = {end for many, name, one, key in model.relationships for end in ((many, name), (one, key))}
    used |= {(table, name) for _, _, dax in model.measures() for table, name in dax_references(dax) if table}
    used |= {(table, name) for _, table, name in fields([report.pages, report.visuals])}
    for table, column, name in _columns(model):
        ordered = set(chain(*table.hierarchies.values())) | _sorting(table)
        if _hidden(column) and (table.name, column.name) not in used and column.name not in ordered:
            yield name


@rule
def only_attributes_are_for_pivots(model: Model, _: Report) -> Iterator[str]:
    for table, column, name in _columns(model):
        ordered = set(chain(*table.hierarchies.values())) | _sorting(table)
        needed = not _hidden(column) or column.name in ordered or "sortByColumn" in column.properties
        if needed != (column.properties.get("isAvailableInMdx") != "false"):
            yield name


@rule
def no_floating_point(model: Model, _: Report) -> Iterator[str]:
    yield from (name for _, column, name in _columns(model) if column.properties["dataType"] == "double")


@rule
def days_without_times(model: Model, _: Report) -> Iterator[str]:
    for _table, column, name in _columns(model):
        if (
            column.properties["dataType"] == "dateTime"
            and "annotation UnderlyingDateTimeDataType" not in column.properties
        ):
            yield name


@rule
def whole_numbers_are_whole(model: Model, _: Report) -> Iterator[str]:
    for _table, column, name in _columns(model):
        form, kind = column.properties.get("formatString", ""), column.properties["dataType"]
        if (kind == "int64" and "." in form) or (kind == "decimal" and ".00" not in form):
            yield name


# ---- names and words -------------------------------------------------------------------------------------------------


@rule
def what_is_seen_is_described(model: Model, _: Report) -> Iterator[str]:
    yield from (table.name for table in model.tables if not table.properties.get("description"))
    yield from (name for _, column, name in _columns(model) if not column.properties.get("description"))
    yield from (name for name, properties in model.measure_properties.items() if not properties.get("description"))


@rule
def names_begin_with_capitals_and_have_no_spaces_around(model: Model, _: Report) -> Iterator[str]:
    names = [
        *(table.name for table in model.tables),
        *(column.name for _, column, _ in _columns(model)),
        *model.measure_properties,
    ]
    yield from (name for name in names if name != name.strip() or not name[:1].isupper() or "\t" in name or "_" in name)


# ---- measures --------------------------------------------------------------------------------------------------------


@rule
def measures_have_formats_and_folders(model: Model, _: Report) -> Iterator[str]:
    for name, properties in model.measure_properties.items():
        if not properties.get("formatString") or not properties.get("displayFolder"):
            yield name


@rule
def measures_are_not_repeated(model: Model, _: Report) -> Iterator[str]:
    times = Counter(" ".join(dax.split()) for _, _, dax in model.measures())
    yield from (name for _, name, dax in model.measures() if times[" ".join(dax.split())] > 1)


@rule
def measures_are_more_than_another(model: Model, _: Report) -> Iterator[str]:
    yield from (name for _, name, dax in model.measures() if re.fullmatch(r"\s*\[[^\]]+\]\s*", dax))


@rule
def divide_by_divide(model: Model, _: Report) -> Iterator[str]:
    yield from (name for name, dax in _plain(model) if "/" in dax)


@rule
def columns_are_named_with_their_tables(model: Model, _: Report) -> Iterator[str]:
    known = set(model.measure_properties) | {"Value"}
    for _table, name, dax in model.measures():
        for owner, reference in dax_references(dax):
            if owner is None and reference not in known:
                yield name


@rule
def filters_on_columns(model: Model, _: Report) -> Iterator[str]:
    yield from (name for name, dax in _plain(model) if re.search(r"\bFILTER\s*\(", dax))


@rule
def shunned_functions(model: Model, _: Report) -> Iterator[str]:
    yield from (name for name, dax in _plain(model) if re.search(rf"\b({'|'.join(SHUNNED)})\s*\(", dax))


def _plain(model: Model) -> Iterator[tuple[str, str]]:
    """The measures without their texts and names, in which any sign may stand."""
    for _, name, dax in model.measures():
        yield name, re.sub(r'"(?:[^"]|"")*"|\'[^\']*\'|\[[^\]]*\]', "", dax)
