"""What people's files are called and how they spell things: the file `sources.toml` (`ENGAGEMENT_SOURCES`), as data.

`engagement connect FOLDER` writes the file; docs/own_data.md explains each key. Without it the folders and columns of the README
hold, which is what `SourceMapping()` says. A source that the file does not name has no files.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from engagement_assets.domain.contracts.sources import FUNNEL, SOURCE_TABLES
from engagement_assets.domain.sources import in_words
from engagement_assets.domain.time_zones import known_zone
from engagement_assets.domain.toml_files import MisfitError, parse_toml

Format = Literal["parquet", "csv", "json", "delta"]

#: How an epoch counts -> parts of a second.
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000}

#: Times as ISO 8601 writes them.
ISO = "iso"

#: What a time format may consist of, as Python's strptime understands it.
TIME_PARTS = frozenset("YymbBdeHIMSfpz%")

#: A column that tells versions of a row apart, beside those of the contract.
UPDATED_AT = "updated_at"

#: Where an event type may be mapped to.
EVENT_TYPES = (*FUNNEL, "other")

#: What separates the factors of an amount.
_FACTORS = re.compile(r"\s+([*/])\s+")

_CONDITION = re.compile(
    r"\s*(?P<column>.+?)\s+(?:(?P<bare>is empty|is not empty)|(?P<test>in|not in|==|!=|starts with)\s*(?P<value>[\[\"].*))\s*",
    re.DOTALL,
)


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Condition(BaseModel):
    """A condition on a column's text, as `where` spells it: `status in ["paid", "shipped"]`."""

    model_config = ConfigDict(frozen=True)

    column: str
    #: in, starts with, or is empty; `negated` turns it round.
    test: Literal["in", "starts with", "is empty"]
    values: tuple[str, ...] = ()
    negated: bool = False

    @classmethod
    def parse(cls, text: str) -> Condition:
        """A condition from its text; raises ValueError that says how one is written."""
        found = _CONDITION.fullmatch(text)
        try:
            if found is None:
                raise ValueError
            if found["bare"]:
                return cls(column=found["column"], test="is empty", negated="not" in found["bare"])
            value = json.loads(found["value"])
            values = tuple(str(each) for each in value) if isinstance(value, list) else (str(value),)
            test = found["test"]
            negated = test in ("not in", "!=")
            kind: Literal["in", "starts with"] = "starts with" if test == "starts with" else "in"
            return cls(column=found["column"], test=kind, values=values, negated=negated)
        except ValueError:
            raise ValueError(
                f'{text!r} is no condition; write for example: status in ["paid", "shipped"], status != "test", '
                'number starts with "C", refunded_at is empty'
            ) from None


class Currency(BaseModel):
    """The column that names an order's currency, and what one unit of each is worth in the currency of the lake."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    rates: dict[str, Annotated[Decimal, Field(gt=0)]]


class Join(BaseModel):
    """Other files that say more of each row; their columns are named after the join: `payments.amount`.

    Of several rows with one key, the columns of an order's amount are multiplied row by row and summed; of others the
    first value counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Texts
    #: Column of the rows and column of the other files, `id = order_id`, or one name for both.
    on: str
    format: Format | None = None
    delimiter: str | None = Field(None, min_length=1, max_length=1)
    encoding: str = "utf-8"

    @property
    def keys(self) -> tuple[str, str]:
        """Column of the rows, column of the other files."""
        ours, _, theirs = self.on.partition(" = ")
        return ours.strip(), (theirs or ours).strip()


class Term(BaseModel):
    """What a column of the contract is made of: a constant text, or columns of the file and numbers, multiplied or divided."""

    model_config = ConfigDict(frozen=True)

    constant: str | None = None
    #: Columns by which is multiplied; a path into nested fields has dots.
    columns: tuple[str, ...] = ()
    factor: Decimal = Decimal(1)
    #: Whether the columns' texts are put together, for rows that have no number of their own.
    is_put_together: bool = False

    @classmethod
    def parse(cls, text: str) -> Term:
        """A term from its text: `properties.revenue`, `Quantity * UnitPrice`, `amount / 100`, `= page_view`, `user + day`."""
        if text.startswith("="):
            return cls(constant=text[1:].strip())
        if len(parts := text.strip().split(" + ")) > 1 and all(part.strip() for part in parts):
            return cls(columns=tuple(part.strip() for part in parts), is_put_together=True)
        first, *rest = _FACTORS.split(text.strip())
        columns, factor = [], Decimal(1)
        for sign, part in zip(["*", *rest[::2]], [first, *rest[1::2]], strict=True):
            is_number = bool(rest) and re.fullmatch(r"[0-9]+([.][0-9]+)?", part) is not None
            if not is_number and sign == "/":
                raise ValueError(f"{text!r} divides by a column; only numbers divide: amount / 100")
            if is_number and sign == "/" and not Decimal(part):
                raise ValueError(f"{text!r} divides by zero")
            if is_number:
                factor = factor * Decimal(part) if sign == "*" else factor / Decimal(part)
            else:
                columns.append(part)
        if not columns or not all(columns):
            raise ValueError(f"{text!r} names no column")
        return cls(columns=tuple(columns), factor=factor)


class SourceMapping(BaseModel):
    """Where the rows of one source are, and how its files say what the contract wants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Texts = Field((), description="files or folders below ENGAGEMENT_DATA; `*`, `?` and `**` stand for names")
    format: Format | None = Field(
        None, description="parquet, csv, json or delta; by default the end of a file's name says it"
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="of CSV files; by default it is found out"
    )
    quote: str = Field('"', max_length=1, description="what encloses values of CSV files; empty: nothing does")
    encoding: str = Field("utf-8", description="of CSV files and JSON documents, by Python's names: cp1252, utf-16")
    header: tuple[str, ...] = Field((), description="names of the columns of CSV files that do not begin with them")
    decimal: Literal[".", ","] = Field(".", description="what separates the cents in amounts that are text")
    columns: dict[str, str] = Field({}, description="column of the contract -> column of the files")
    whole_number_ids: bool = Field(
        False,
        description="whether identifiers that are whole numbers are written as decimals, `17850.0`, and mean `17850`",
    )
    time_format: str = Field(
        ISO, description="iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or a format as in %d.%m.%Y %H:%M"
    )
    timezone: str | None = Field(None, description="zone of times without an offset; by default the business time zone")
    where: tuple[str, ...] = Field((), description="conditions; rows that do not meet all of them are left out")
    event_types: dict[str, Literal["page_view", "add_to_cart", "checkout", "other"]] = Field(
        {}, description="event type of the files -> what it is; others stay as they are"
    )
    campaigns: dict[str, str] = Field(
        {}, description="campaign of the files -> the audience it addresses; others stay as they are"
    )
    currency: Currency | None = Field(None, description="the column of the currency, and fixed rates")
    joins: dict[str, Join] = Field(
        {}, description="name -> other files with more columns of each row, by a key that both have (`on`)"
    )
    lines: bool = Field(False, description="whether the rows are lines of orders, which are summed up")
    refunds: Literal["reject", "net"] = Field("reject", description="what becomes of lines below zero")
    first_seen_in: tuple[Literal["orders", "web_events"], ...] = Field(
        (), description="sources whose customers sign up on the first day that they are seen there"
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            return codecs.lookup(value).name
        except LookupError:
            raise ValueError(f"{value!r} is no encoding; write for example utf-8, cp1252 or utf-16") from None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        return None if value is None else known_zone(value)

    @field_validator("time_format")
    @classmethod
    def _known_time_format(cls, value: str) -> str:
        if value == ISO or value in EPOCHS:
            return value
        parts = set(re.findall(r"%(.?)", value))
        if (
            not parts
            or not parts <= TIME_PARTS
            or not parts & set("Yy")
            or not parts & set("d")
            or not parts & set("mbB")
        ):
            raise ValueError(
                f"{value!r} is no time format; write iso, {', '.join(EPOCHS)}, or one with year, month and day: %d.%m.%Y %H:%M"
            )
        return value

    @field_validator("where")
    @classmethod
    def _conditions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            Condition.parse(text)
        return value

    @field_validator("path")
    @classmethod
    def _below(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for path in value:
            if path.startswith("/") or ".." in path.split("/") or "://" in path or not path.strip():
                raise ValueError(
                    f"{path!r} is no path below ENGAGEMENT_DATA; write it relative to that folder: exports/*.csv"
                )
        return value

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What a row has to meet."""
        return tuple(Condition.parse(text) for text in self.where)

    @property
    def terms(self) -> dict[str, Term]:
        """Column of the contract -> what it is made of, as far as the file says it."""
        return {name: Term.parse(text) for name, text in self.columns.items()}

    def joined(self, column: str) -> tuple[str, str] | None:
        """The join and its column that a name speaks of, as in `payments.amount`; None where it is one of the rows' own."""
        name, _, rest = column.partition(".")
        return (name, rest) if rest and name in self.joins else None

    @property
    def asked(self) -> list[str]:
        """Every column that is spoken of."""
        columns = [column for term in self.terms.values() for column in term.columns]
        columns += [condition.column for condition in self.conditions]
        return list(dict.fromkeys([*columns, *([self.currency.column] if self.currency else [])]))


class SourceMappings(BaseModel):
    """`sources.toml` as a whole; a source that is not named has no files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    customers: SourceMapping | None = None
    orders: SourceMapping | None = None
    web_events: SourceMapping | None = None
    contacts: SourceMapping | None = None

    @model_validator(mode="after")
    def _fitting(self) -> SourceMappings:
        for name, mapping in self.items():
            _require_fitting(name, mapping, self)
        return self

    def items(self) -> Iterator[tuple[str, SourceMapping]]:
        """Source -> its mapping, of those that are named."""
        return ((name, mapping) for name in SOURCE_TABLES if (mapping := getattr(self, name)) is not None)

    def hash_of(self, source: str) -> str:
        """Changes when something is said that the rows of a source depend on."""
        mapping: SourceMapping | None = getattr(self, source)
        if mapping is None:
            return "none"
        said = [mapping, *(getattr(self, seen) for seen in mapping.first_seen_in)]
        text = json.dumps(
            [each.model_dump(mode="json", exclude_defaults=True) for each in said if each], sort_keys=True
        )
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class MappingError(ValueError):
    """`sources.toml` cannot be used; the message names line and key, and says what to write."""


def _require_fitting(name: str, mapping: SourceMapping, mappings: SourceMappings) -> None:
    """Raise MappingError where a source is told something that is not for it, or lacks what it needs."""
    contract = SOURCE_TABLES[name].columns()
    known = [column for column in contract if column != "as_of_date"] + (
        [UPDATED_AT] if name in ("customers", "orders") else []
    )
    for column, text in mapping.columns.items():
        if column not in known:
            raise MisfitError(
                (name, "columns", column), f"{name} has no column {column!r}; it has {in_words(known, 'and')}"
            )
        try:
            term = Term.parse(text)
        except ValueError as error:
            raise MisfitError((name, "columns", column), str(error)) from None
        if term.is_put_together and column not in ("order_id", "event_id"):
            raise MisfitError(
                (name, "columns", column), "only an order_id or event_id is put together; name one column"
            )
        if not term.is_put_together and (len(term.columns) > 1 or term.factor != 1) and column != "order_amount":
            raise MisfitError((name, "columns", column), "only an order_amount is calculated; name one column")
    for key, only in (
        ("event_types", "web_events"),
        ("campaigns", "contacts"),
        ("currency", "orders"),
        ("lines", "orders"),
        ("first_seen_in", "customers"),
    ):
        if getattr(mapping, key) and name != only:
            raise MisfitError((name, key), f"{key} is for {only} only")
    if mapping.refunds == "net" and not mapping.lines:
        raise MisfitError(
            (name, "refunds"), "refunds are netted within the lines of an order; lines = true says that there are any"
        )
    if not mapping.path and not mapping.first_seen_in:
        raise MisfitError((name,), f"{name} has no path; name its files or folder")
    for seen in mapping.first_seen_in:
        if getattr(mappings, seen) is None:
            raise MisfitError((name, "first_seen_in"), f"{seen} is not in the file; name its files under [{seen}]")
    wanted = {
        column for column, kind in contract.items() if not kind.nullable and column not in ("as_of_date", "country")
    } - ({"signup_date"} if mapping.first_seen_in else set())
    lacking = sorted(wanted - set(mapping.columns)) if mapping.path else []
    if lacking:
        raise MisfitError(
            (name, "columns"),
            f"{name} needs {in_words(lacking, 'and') if len(lacking) > 1 else lacking[0]} under [{name}.columns]",
        )


def parse_mappings(text: str, file: str) -> SourceMappings:
    """The mappings that a file says; raises MappingError for the first thing that is wrong, with its line."""
    return parse_toml(text, file, SourceMappings, MappingError, _known_at)


def _known_at(place: tuple[str, ...]) -> str:
    if len(place) == 1:
        return f"the sources are {in_words(list(SOURCE_TABLES), 'and')}"
    fields = Currency.model_fields if "currency" in place[:-1] else SourceMapping.model_fields
    return f"there are {in_words(list(fields), 'and')}"


def as_toml(mappings: Mapping[str, Mapping[str, Any]], remarks: Mapping[tuple[str, ...], str] = {}) -> str:
    """Mappings as the text of the file: source -> key -> value, as `SourceMapping` has them.

    `remarks` stand above the key that they are told of, by its place: `("orders", "columns", "order_id")`.
    """

    def line(text: str, *place: str) -> str:
        return f"# {remark}\n{text}\n" if (remark := remarks.get(place)) else f"{text}\n"

    parts = []
    for source, said in mappings.items():
        flat = {key: value for key, value in said.items() if not isinstance(value, Mapping)}
        rows = "".join(line(f"{key} = {_toml(value)}", source, key) for key, value in flat.items())
        parts.append(line(f"[{source}]", source) + rows)
        for key, table in said.items():
            if isinstance(table, Mapping):
                rows = "".join(line(f"{_key(name)} = {_toml(each)}", source, key, name) for name, each in table.items())
                parts.append(line(f"[{source}.{key}]", source, key) + rows)
    return "\n".join(parts)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(name)} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(each) for each in value)}]"
    text = str(value)
    return (
        f"'{text}'" if '"' in text and text.isprintable() and "'" not in text else json.dumps(text, ensure_ascii=False)
    )
