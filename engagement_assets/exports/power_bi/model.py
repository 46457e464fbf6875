"""The semantic model as data: tables from the star schema, their relationships, and the measures."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

import pyspark.sql.types as T

from engagement_assets.exports.measures import DAY, STAGES, Measure, measures
from engagement_assets.exports.star_schema import ExportColumn, ExportFile, export_files
from engagement_assets.settings import Settings

#: Whatever has an identifier in the project gets the same one in each run.
_NAMESPACE = uuid.UUID("5c3f5b0e-7d0f-4f63-9a4e-6a1a9c8c2d51")

#: Each file and the table it becomes.
TABLE_NAMES = {
    "customers": "Customers",
    "dates": "Dates",
    "engagement_scores": "Latest Scores",
    "score_history": "Score History",
    "engagement_metrics": "Daily Metrics",
    "orders": "Orders",
    "sessions": "Sessions",
    "segment_changes": "Segment Moves",
    "table_rows": "Table Rows",
    "rejected_counts": "Rejected Rows",
}

MEASURES = "Measures"
STAGE_TABLE = "Funnel Stages"

DATE_TABLE, DATE_COLUMN = "Dates", "Date"
CUSTOMER_TABLE, CUSTOMER_COLUMN = "Customers", "Customer id"

#: The latest snapshot is one day: a choice of dates does not empty it.
_WITHOUT_DATES = "Latest Scores"

_TYPES: dict[type[T.DataType], tuple[str, str, str | None]] = {
    T.StringType: ("string", "type text", None),
    T.LongType: ("int64", "Int64.Type", "#,0"),
    T.IntegerType: ("int64", "Int64.Type", "#,0"),
    T.DoubleType: ("double", "type number", "0.000"),
    T.DecimalType: ("decimal", "Currency.Type", "#,0.00"),
    T.BooleanType: ("boolean", "type logical", '"""TRUE"";""TRUE"";""FALSE"""'),
    T.DateType: ("dateTime", "type date", DAY),
    T.TimestampNTZType: ("dateTime", "type datetime", f"{DAY} hh:mm:ss"),
}


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


@dataclass(frozen=True)
class ModelTable:
    """A table of the model: from a file of the export, or of the rows written here."""

    name: str
    description: str
    columns: tuple[ModelColumn, ...]
    file_name: str | None = None
    rows: tuple[tuple[object, ...], ...] = ()
    is_dates: bool = False

    def column(self, name: str) -> ModelColumn:
        """A column by its name. Raises KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]


@dataclass(frozen=True)
class Relationship:
    """Many rows of one table belong to one row of another."""

    from_table: str
    from_column: str
    to_table: str
    to_column: str


@dataclass(frozen=True)
class Model:
    """The semantic model."""

    tables: tuple[ModelTable, ...]
    relationships: tuple[Relationship, ...]
    measures: tuple[Measure, ...]

    def table(self, name: str) -> ModelTable:
        """A table by its name. Raises KeyError if there is none."""
        return {table.name: table for table in self.tables}[name]


def stable_id(*parts: str) -> str:
    """An identifier that is the same in each run for the same parts."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(parts)))


def display_name(column: str) -> str:
    """`sessions_last_30_days` as people read it."""
    return column.replace("_", " ").capitalize()


def build_model(settings: Settings) -> Model:
    """The model of the files that are exported under these settings."""
    files = export_files(settings)
    customers = next(file for file in files if TABLE_NAMES[file.name] == CUSTOMER_TABLE)
    tables = [_table(file, customers) for file in files]
    relationships = []
    for file in files:
        table = TABLE_NAMES[file.name]
        names = {column.name for column in file.columns}
        if "customer_id" in names and table != CUSTOMER_TABLE:
            relationships.append(Relationship(table, CUSTOMER_COLUMN, CUSTOMER_TABLE, CUSTOMER_COLUMN))
        if "as_of_date" in names and table != _WITHOUT_DATES:
            relationships.append(Relationship(table, display_name("as_of_date"), DATE_TABLE, DATE_COLUMN))
    stages = ModelTable(
        STAGE_TABLE,
        "The stages of the shopping funnel; related to nothing, read by the measures of the stages.",
        (
            _column(ExportColumn("stage_number", T.LongType(), False, "1 page view to 4 order", hidden=True)),
            _column(ExportColumn("stage", T.StringType(), False, "stage of the funnel", sort_by="stage_number")),
        ),
        rows=tuple(enumerate(STAGES, 1)),
    )
    holder = ModelTable(
        MEASURES,
        "Every measure, in folders.",
        (_column(ExportColumn("none", T.StringType(), True, "holds nothing", hidden=True)),),
    )
    return Model((*tables, stages, holder), tuple(relationships), measures(settings.scoring))


def _table(file: ExportFile, dimension: ExportFile) -> ModelTable:
    name = TABLE_NAMES[file.name]
    columns = [replace(_column(column), folder=_folder(name, column)) for column in file.columns]
    # Facts are sliced by the dimensions; their own copies of those columns would only be confused with them.
    sliced_by = {"customer_id", "as_of_date"} if name != CUSTOMER_TABLE else set()
    if name == _WITHOUT_DATES:
        sliced_by |= {column.name for column in dimension.columns}
    columns = [replace(column, hidden=column.hidden or column.source in sliced_by) for column in columns]
    if name == DATE_TABLE:
        columns = [replace(column, is_key=column.name == DATE_COLUMN) for column in columns]
    if name == CUSTOMER_TABLE:
        columns = [replace(column, is_key=column.name == CUSTOMER_COLUMN) for column in columns]
    return ModelTable(name, file.description, tuple(columns), file.file_name, is_dates=name == DATE_TABLE)


def _column(column: ExportColumn) -> ModelColumn:
    kind, m_type, form = _TYPES[type(column.dtype)]
    if column.name in ("year", "weekday_number", "start_hour"):
        form = "0"
    elif column.name.endswith("_share"):
        form = "0.0%"
    elif column.name.endswith("_seconds") or column.name == "score_percentile":
        form = "#,0.0"
    return ModelColumn(
        display_name(column.name),
        column.name,
        kind,
        m_type,
        form,
        column.nullable,
        column.description,
        sort_by=display_name(column.sort_by) if column.sort_by else None,
        hidden=column.hidden,
    )


def _folder(table: str, column: ExportColumn) -> str | None:
    """The display folder of a column: tables with few columns need none."""
    name = column.name
    if table == "Customers":
        if name.endswith("_order"):
            return "Sort order"
        return (
            "Bands"
            if name.endswith(("_band", "_bucket"))
            else "Groups"
            if name.startswith(("eng", "val", "life", "rfm", "is_"))
            else None
        )
    if table not in ("Latest Scores", "Daily Metrics"):
        return None
    if name.endswith("_contribution"):
        return "Contributions"
    if name.startswith(("segment_", "status_", "value_")):
        return "Counts"
    if name.endswith("30_days_before") or name.endswith("_change"):
        return "30 days before"
    if name.endswith(("_score", "_percentile")):
        return "Scores"
    if name.endswith("_date"):
        return "Days"
    return "Features" if table == "Latest Scores" else "Totals"
