"""The semantic model as data: tables from the star schema, their relationships, and the measures."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pyspark.sql.types as T

from engagement_assets.domain.customer_filters import STAGES
from engagement_assets.domain.meanings.measures import MONEY
from engagement_assets.exports.measures import DAY, TABLE_NAMES, Measure, measures
from engagement_assets.exports.measures.base import formatted
from engagement_assets.exports.star_schema import EXPORTED_FILES, ExportColumn, ExportFile, export_files
from engagement_assets.settings import Settings

#: Whatever has an identifier in the project gets the same one in each run.
_NAMESPACE = uuid.UUID("5c3f5b0e-7d0f-4f63-9a4e-6a1a9c8c2d51")

MEASURES = "Measures"
STAGE_TABLE = "Funnel Stages"

DATE_TABLE, DATE_COLUMN = "Dates", "Date"
CUSTOMER_TABLE, CUSTOMER_COLUMN = "Customers", "Customer id"
COUNTRY_TABLE, COUNTRY_COLUMN = "Countries", "Country"
SEGMENT_TABLE, SEGMENT_COLUMN = "Segments", "Engagement segment"

#: These have one day, the snapshot's: a choice of dates does not empty them.
_WITHOUT_DATES = ("Latest Scores", "Audiences", "Named Lists")

#: What has a customer's country and segment is sliced by that of the customer, but for the customers themselves and these.
_OF_GROUPS = (CUSTOMER_TABLE, "Daily Groups", "Daily Activity")

_TYPES: dict[type[T.DataType], tuple[str, str, str | None]] = {
    T.StringType: ("string", "type text", None),
    T.LongType: ("int64", "Int64.Type", "#,0"),
    T.IntegerType: ("int64", "Int64.Type", "#,0"),
    T.DoubleType: ("double", "type number", "0.000"),
    T.DecimalType: ("decimal", "Currency.Type", None),
    T.BooleanType: ("boolean", "type logical", '"TRUE";"TRUE";"FALSE"'),
    T.DateType: ("dateTime", "type date", DAY),
    T.TimestampNTZType: ("dateTime", "type datetime", f"{DAY} hh:mm:ss"),
}

#: The formats of columns that differ from those of their types, by patterns of their names; money has its own.
_FORMATS = {
    "year|weekday_number|start_hour": "0",
    "(signup_)?month": "yyyy-mm",
    ".*_share|return_chance": "0.0%",
    "share_uplift.*": "+0.0%;-0.0%;0.0%",
    "score_percentile|usual_gap_days|average_sessions_.*": "#,0.0",
}

_RESULT_FOLDERS = {
    "(treated|held_out)_(orders|revenue|sessions)": "Per customer",
    ".*_uplift.*|p_value.*|looks": "Uplift",
    "incremental_.*": "Earned",
    "needed_.*|.*_lacking": "What it takes",
    ".*_imbalance|is_balanced": "The draw",
    "days_.*|entered_.*|entries_.*": "Days",
}

_FACT_FOLDERS = {
    ".*_contribution": "Contributions",
    "(segment|status|value)_.*": "Counts",
    ".*30_days_before|.*_change": "30 days before",
    ".*_(score|percentile)": "Scores",
    ".*_date": "Days",
}

#: The display folders of tables with many columns, by patterns of these, and that of all others.
_FOLDERS: dict[str, tuple[dict[str, str], str | None]] = {
    "Customers": (
        {".*_order": "Sort order", ".*_(band|bucket)": "Bands", "(eng|val|life|rfm|is_).*": "Groups"},
        None,
    ),
    "Latest Scores": (_FACT_FOLDERS, "Features"),
    "Daily Metrics": (_FACT_FOLDERS, "Totals"),
    "Campaign Results": (_RESULT_FOLDERS, None),
}

_KEYS = (
    (DATE_TABLE, DATE_COLUMN),
    (CUSTOMER_TABLE, CUSTOMER_COLUMN),
    (COUNTRY_TABLE, COUNTRY_COLUMN),
    (SEGMENT_TABLE, SEGMENT_COLUMN),
)


@dataclass(frozen=True)
class ModelColumn:
    """A column of a table of the model; `kind` is its type in TMDL, `m_type` in Power Query."""

    name: str
    source: str
    kind: str
    m_type: str
    format: str | None
    nullable: bool
    description: str
    folder: str | None = None
    sort_by: str | None = None
    hidden: bool = False
    is_key: bool = False
    #: Whether pivot tables of Excel may have it in rows and columns; each such column takes memory for that.
    in_mdx: bool = True


@dataclass(frozen=True)
class ModelTable:
    """A table of the model: from a file of the export, or of the rows written here."""

    name: str
    description: str
    columns: tuple[ModelColumn, ...]
    #: The file's name without its ending; None: the rows are those below.
    file_name: str | None = None
    rows: tuple[tuple[object, ...], ...] = ()
    #: Columns of the file that the model does without.
    left_out: tuple[str, ...] = ()
    #: Ways from the large to the small, by their names: columns.
    hierarchies: dict[str, tuple[str, ...]] = field(default_factory=dict)


#: Many rows of one table belong to one row of another: table and column of the many, table and column of the one.
Relationship = tuple[str, str, str, str]


@dataclass(frozen=True)
class Model:
    """The semantic model."""

    tables: tuple[ModelTable, ...]
    relationships: tuple[Relationship, ...]
    measures: tuple[Measure, ...]


def heed(model: Model) -> Callable[[str], set[str]]:
    """A function that says which choices (Date, Country, Segment) change what a field shows: a measure, or `Table[Column]`."""
    choices = {"Date": DATE_TABLE, "Country": COUNTRY_TABLE, "Segment": SEGMENT_TABLE}

    def reached(table: str) -> set[str]:
        above = {one for many, _, one, _ in model.relationships if many == table}
        return {table, *above, *(each for one in above for each in reached(one))}

    measured = {measure.name: measure for measure in model.measures}

    def changed_by(field: str) -> set[str]:
        measure = measured.get(field)
        table = TABLE_NAMES[measure.source] if measure else field.partition("[")[0]
        found = {name for name, dimension in choices.items() if dimension in reached(table)}
        return found - {"Date"} if measure and not measure.follows_dates else found

    return changed_by


def stable_id(*parts: str) -> str:
    """An identifier that is the same in each run for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def display_name(column: str) -> str:
    """`sessions_last_30_days` as people read it."""
    return column.replace("_", " ").capitalize()


def build_model(settings: Settings) -> Model:
    """The model of the files that are exported under these settings."""
    files = [file for file in (*export_files(settings), EXPORTED_FILES) if file.name in TABLE_NAMES]
    customers = next(file for file in files if TABLE_NAMES[file.name] == CUSTOMER_TABLE)
    shown = measures(settings.scoring, settings.currency)
    formulas = " ".join(measure.dax for measure in shown)
    money = formatted(MONEY, settings.currency)
    tables = [_table(file, customers, formulas, money) for file in files]
    relationships = []
    for file in files:
        table = TABLE_NAMES[file.name]
        names = {column.name for column in file.columns}
        if "customer_id" in names and table != CUSTOMER_TABLE:
            relationships.append((table, CUSTOMER_COLUMN, CUSTOMER_TABLE, CUSTOMER_COLUMN))
        if "as_of_date" in names and table not in _WITHOUT_DATES:
            relationships.append((table, display_name("as_of_date"), DATE_TABLE, DATE_COLUMN))
        if table in _OF_GROUPS:
            relationships.append((table, COUNTRY_COLUMN, COUNTRY_TABLE, COUNTRY_COLUMN))
            relationships.append((table, SEGMENT_COLUMN, SEGMENT_TABLE, SEGMENT_COLUMN))
    stages = ModelTable(
        STAGE_TABLE,
        "The stages of the shopping funnel; related to nothing, read by the measures of the stages.",
        (
            _column(ExportColumn("stage_number", "1 page view to 4 order", T.LongType(), hidden=True)),
            _column(ExportColumn("stage", "stage of the funnel", T.StringType(), sort_by="stage_number")),
        ),
        rows=tuple(enumerate(STAGES, 1)),
    )
    holder = ModelTable(
        MEASURES,
        "Every measure, in folders.",
        (_column(ExportColumn("none", "holds nothing", T.StringType(), nullable=True, hidden=True)),),
    )
    return Model(
        tuple(replace(table, columns=_for_pivots(table)) for table in (*tables, stages, holder)),
        tuple(relationships),
        shown,
    )


def _for_pivots(table: ModelTable) -> tuple[ModelColumn, ...]:
    """The columns of a table, those marked that nobody can see and that have nothing to do with sorting."""
    sorts = {column.sort_by for column in table.columns}
    return tuple(
        replace(column, in_mdx=not column.hidden or column.name in sorts or column.sort_by is not None)
        for column in table.columns
    )


def _table(file: ExportFile, dimension: ExportFile, formulas: str, money: str) -> ModelTable:
    name = TABLE_NAMES[file.name]
    # Facts are sliced by the dimensions; their own copies of those columns would only be confused with them.
    sliced_by = {"as_of_date"} if name == CUSTOMER_TABLE else {"customer_id", "as_of_date"}
    if name in _OF_GROUPS:
        sliced_by |= {"country", "engagement_segment"}
    copies = {column.name for column in dimension.columns} if name in _WITHOUT_DATES else set()
    # Of these, only what a measure reads is of use.
    left_out = tuple(
        column.name
        for column in file.columns
        if copies
        and column.name in (copies | {"as_of_date"}) - {"customer_id"}
        and f"'{name}'[{display_name(column.name)}]" not in formulas
    )
    choices, otherwise = _FOLDERS.get(name, ({}, None))
    columns = (
        replace(
            _column(column, money),
            folder=_first(choices, column.name, otherwise),
            hidden=column.hidden or column.name in sliced_by | copies,
            is_key=(name, display_name(column.name)) in _KEYS,
        )
        for column in file.columns
        if column.name not in left_out
    )
    hierarchies = {title: tuple(map(display_name, names)) for title, names in file.hierarchies.items()}
    return ModelTable(name, file.description, tuple(columns), file.name, (), left_out, hierarchies)


def _column(column: ExportColumn, money: str = "") -> ModelColumn:
    kind, m_type, form = _TYPES[type(column.dtype)]
    return ModelColumn(
        display_name(column.name),
        column.name,
        kind,
        m_type,
        money if column.is_money else _first(_FORMATS, column.name, form),
        column.nullable,
        column.description,
        sort_by=display_name(column.sort_by) if column.sort_by else None,
        hidden=column.hidden,
    )


def _first(choices: Mapping[str, str], name: str, otherwise: str | None) -> str | None:
    """What the first pattern that fits a name stands for."""
    return next((found for pattern, found in choices.items() if re.fullmatch(pattern, name)), otherwise)
